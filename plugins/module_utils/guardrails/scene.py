# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An observation as the checks look at it: intervals, counts over time, and limits over time."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import steps as steps_
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import sweep
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.handover import Handover
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import instant
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.intervals import History, Span, history
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.observation import Observation
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.report import Bounds
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.sampling import (
    DEPLOYMENT,
    GLOBAL,
    WORK_POOL,
    WORK_QUEUE,
)


@dataclasses.dataclass(frozen=True)
class Crowd:
    """The runs under one limit, within the window as far as :class:`Scene` reaches.

    :ivar spans: slot intervals without the time that a slot takes to change hands, whole.
    :ivar holding: slot intervals, as the states of the runs say.
    :ivar surely: ``spans`` within the window.
    :ivar leniently: the same without all the time that the slowest reading near took, however long.
    :ivar executing: execution intervals.
    """

    spans: tuple[Span, ...]
    holding: tuple[sweep.Interval, ...]
    surely: tuple[sweep.Interval, ...]
    leniently: tuple[sweep.Interval, ...]
    executing: tuple[sweep.Interval, ...]

    @functools.cached_property
    def held(self) -> sweep.Profile:
        """How many held a slot, over time."""
        return sweep.profile(self.holding)

    @functools.cached_property
    def surely_held(self) -> sweep.Profile:
        """How many surely held a slot, over time."""
        return sweep.profile(self.surely)

    @functools.cached_property
    def ran(self) -> sweep.Profile:
        """How many executed, over time."""
        return sweep.profile(self.executing)


@dataclasses.dataclass(frozen=True)
class Scene:
    """What the checks look at. Instants and durations are in microseconds.

    :ivar begin: of the window, and ``end``.
    :ivar reach: up to where runs and limits are looked at. Where the window ends with the observation, that is as much
        later as the server's clock, which the states of the runs carry, may be ahead of the one that ``end`` is of.
    :ivar observed_at: when the observation was made.
    :ivar histories: of every run that was read, by its id.
    :ivar rows: of these runs.
    :ivar asked: the ids of the runs that the verdict is asked for.
    :ivar own: the ids of the runs of the deployment itself.
    :ivar under: the ids of the runs under each limit.
    :ivar crowds: what these runs did.
    :ivar keyed: what the runs of every deployment with the same key did.
    :ivar readings: of each limit.
    :ivar limits: what is known of each limit over the window.
    :ivar handover: how long a slot may at most have taken to change hands.
    :ivar gaps: what is missing in the observation, as sentences.
    """

    begin: int
    end: int
    reach: int
    observed_at: int
    histories: t.Mapping[str, History]
    rows: t.Mapping[str, t.Mapping[str, t.Any]]
    asked: frozenset[str]
    own: frozenset[str]
    under: t.Mapping[str, t.AbstractSet[str]]
    crowds: t.Mapping[str, Crowd]
    keyed: Crowd
    readings: t.Mapping[str, t.Sequence[steps_.Reading]]
    limits: t.Mapping[str, t.Sequence[steps_.Step]]
    handover: int
    gaps: tuple[str, ...]

    def within(self, moments: t.Iterable[int]) -> bool:
        """Whether one of the moments lies in the window."""
        return any(self.begin <= moment <= self.reach for moment in moments)


def build(observation: Observation, bounds: Bounds) -> Scene:
    """The scene of an observation.

    :raises CollectionError: for an observation that cannot be read.
    """
    try:
        concurrency = observation.concurrency
        window, scope = concurrency["window"], concurrency["scope"]
        samples = concurrency["samples"]
        observed_at = instant(concurrency["observed_at"], "observed_at")
        begin = instant(window["since"], "since of the window")
        end = instant(window["until"], "until of the window")
        own_id = observation.deployment["id"]
        rows = {run["id"]: run for run in observation.runs}
        slack = bounds.micro("clock_slack_seconds")
        reach = end if end < observed_at else observed_at + slack
        histories, gaps = _histories(observation, rows, observed_at, slack)
        under = {
            DEPLOYMENT: _ids(rows, "deployment_id", set(scope["deployments"])),
            GLOBAL: _ids(rows, "deployment_id", {own_id}),
            WORK_POOL: _ids(rows, "work_pool_name", {scope["work_pool"]} - {None}),
            WORK_QUEUE: _ids(rows, "work_queue_name", {scope["work_queue"]} - {None}),
        }
        under[WORK_QUEUE] &= under[WORK_POOL]
        keyed = frozenset(_ids(rows, "deployment_id", {own_id, *scope["keyed"]}))
        own = frozenset(_ids(rows, "deployment_id", {own_id}))
        asked = own if window["run_ids"] is None else frozenset(window["run_ids"])
    except (AttributeError, KeyError, TypeError) as error:
        raise CollectionError(
            f"The observation cannot be read ({type(error).__name__}: {error}); it has to be one that "
            "Observation.to_documents wrote."
        ) from None
    strangers = sorted(asked & rows.keys() - own)
    if strangers:
        gaps.append(f"run {strangers[0]} is of another deployment")
    gaps.extend(f"run {run} was asked for and is not in the observation" for run in sorted(asked - rows.keys()))
    read = {name: steps_.readings(samples, name) for name in under}
    gap = bounds.micro("sample_gap_seconds")
    handover = Handover(read[DEPLOYMENT], bounds.micro("handover_seconds"), slack)
    # As a rule two limits have the same runs, which may be many.
    groups = {keyed, *(frozenset(ids) for ids in under.values())}
    gathered = {ids: _crowd(histories, ids, begin, reach, handover) for ids in groups}
    crowds = {name: gathered[frozenset(ids)] for name, ids in under.items()}
    return Scene(
        begin=begin,
        end=end,
        reach=reach,
        observed_at=observed_at,
        histories=histories,
        rows=rows,
        asked=asked,
        own=own,
        under=under,
        crowds=crowds,
        keyed=gathered[keyed],
        readings=read,
        limits={
            name: steps_.steps(_lasting(found, reach, slack), begin, reach, slack, gap) for name, found in read.items()
        },
        handover=handover.most,
        gaps=tuple(gaps),
    )


def _ids(rows: t.Mapping[str, t.Mapping[str, t.Any]], key: str, values: t.Collection[str]) -> set[str]:
    return {run for run, row in rows.items() if row[key] in values}


def _histories(
    observation: Observation, rows: t.Mapping[str, t.Mapping[str, t.Any]], until: int, slack: int
) -> tuple[dict[str, History], list[str]]:
    histories: dict[str, History] = {}
    gaps = []
    for run, row in rows.items():
        states = observation.states.get(run)
        if row["state_id"] is None and not states:
            continue
        if not states:
            gaps.append(f"the states of run {run} are missing")
            continue
        # The row was read before the states, so that its state has to be among them.
        if row["state_id"] not in {state["id"] for state in states}:
            gaps.append(f"the state {row['state_id']} of run {run} is not in its history")
        retrying = (row.get("empirical_policy") or {}).get("retry_type") == "in_process"
        past = history(run, states, until, retrying, slack)
        if past is not None:
            histories[run] = past
    return histories, gaps


def _lasting(found: list[steps_.Reading], reach: int, slack: int) -> list[steps_.Reading]:
    """The readings, of which the one that ends the observation may be as late as that by the server's clock."""
    if not found or found[-1].start + slack < reach:
        return found
    return [*found[:-1], found[-1]._replace(end=max(found[-1].end, reach))]


def _crowd(
    histories: t.Mapping[str, History], ids: t.Collection[str], begin: int, end: int, handover: Handover
) -> Crowd:
    members = [histories[run] for run in ids if run in histories]

    def after(given: t.Callable[[int], int]) -> t.Iterator[Span]:
        return (
            span._replace(start=span.start + given(span.start)) if span.entered == "PENDING" else span
            for one in members
            for span in one.holding
        )

    spans = tuple(after(handover.given))
    surely = tuple(clip(spans, begin, end))
    return Crowd(
        spans=spans,
        surely=surely,
        leniently=tuple(clip(after(handover.near), begin, end)) if handover.capped else surely,
        holding=tuple(clip((span for one in members for span in one.holding), begin, end)),
        executing=tuple(clip((span for one in members for span in one.executing), begin, end)),
    )


def clip(spans: t.Iterable[Span], begin: int, end: int) -> t.Iterator[sweep.Interval]:
    """The part of each span within the window, where there is any."""
    for start, stop, run, _censored, _entered in spans:
        first, last = max(start, begin), min(stop, end)
        if first < last:
            yield sweep.Interval(first, last, run)
