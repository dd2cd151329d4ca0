# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does the server's count of slots fit the runs that hold them, and does somebody still work on these?"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import remedies, sweep
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import (
    SECOND,
    instant,
    seconds,
    written,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.intervals import Span
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.leases import leak_seconds
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.report import (
    ERROR,
    FAIL,
    NOT_EXERCISED,
    PASS,
    Bounds,
    Check,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.sampling import DEPLOYMENT, GLOBAL
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.scene import Scene
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.steps import UPDATED_PRECISION, Reading

# Nobody polls these pools: the server or the cloud starts their runs.
_WITHOUT_WORKERS = (":push", ":managed")


def check_slots(
    scene: Scene, bounds: Bounds, has_key: bool, parameters: t.Any, pool: t.Any, workers: t.Sequence[t.Any]
) -> t.Iterator[Check]:
    """Leaked slots, slots that the server forgot, and holders that nobody works on.

    :param parameters: of the deployment.
    """
    held = scene.crowds[DEPLOYMENT].held
    yield _leaked("deployment.leaked", scene.readings[DEPLOYMENT], held, scene, bounds)
    yield _uncounted(scene, bounds)
    if has_key:
        told = [parameters, *(row.get("parameters") for row in scene.rows.values())]
        longer = dataclasses.replace(bounds, leak_seconds=leak_seconds(bounds.leak_seconds, told))
        # Whoever has the key may hold its slots, whichever deployment it is of.
        yield _leaked("global.leaked", scene.readings[GLOBAL], scene.keyed.ran, scene, longer)
    yield _stale(scene, bounds, pool, workers)


def _counted(found: t.Sequence[Reading], scene: Scene) -> list[Reading]:
    """The readings within the window that say how many slots are taken."""
    return [one for one in found if one.slots is not None and scene.begin <= one.start <= scene.end]


def _leaked(name: str, found: t.Sequence[Reading], holders: sweep.Profile, scene: Scene, bounds: Bounds) -> Check:
    """Whether the server counted more slots as taken than runs can have held, for longer than leases live."""
    slack, bound = bounds.micro("clock_slack_seconds"), bounds.micro("leak_seconds")
    worst = 0
    worst_reading: Reading | None = None
    since: int | None = None
    for reading in _counted(found, scene):
        slots = t.cast("int", reading.slots)
        if slots <= holders.peak_between(reading.start - slack, reading.end + slack)[0]:
            since = None
            continue
        if since is None:
            # The count has been the same since the row was last written, and a leak since runs last covered it.
            unchanged = reading.start if reading.updated is None else min(reading.updated, reading.start)
            since = max(unchanged, _last_covered(holders, slots, reading.start))
        if worst_reading is None or reading.start - since > worst:
            worst, worst_reading = reading.start - since, reading
    if worst_reading is None:
        return Check(name, PASS, "never more slots taken than runs held them", "no more slots than holders")
    there = holders.peak_between(worst_reading.start, worst_reading.end + 1)[0]
    text = (
        f"{worst_reading.slots} slots were taken while {there} runs could hold one, for {seconds(worst):.1f} s up to "
        f"{written(worst_reading.start)}"
    )
    failed = worst > bound
    return Check(
        name, FAIL if failed else PASS, text, f"{bounds.leak_seconds:g} s", remedy=remedies.LOCKED if failed else ""
    )


def _last_covered(holders: sweep.Profile, slots: int, before: int) -> int:
    """The last instant before another at which at least so many runs were there; the beginning of time for never."""
    for index in range(holders.index_after(before) - 1, -1, -1):
        if holders.counts[index] >= slots:
            return holders.instants[index + 1] if index + 1 < len(holders.instants) else before
    return -(2**62)


def _uncounted(scene: Scene, bounds: Bounds) -> Check:
    """Whether the server ever counted fewer slots as taken than runs held, so that it let in too many."""
    slack = bounds.micro("clock_slack_seconds")
    name, allowed = "deployment.uncounted", "no fewer slots than holders"
    counted = _counted(scene.readings[DEPLOYMENT], scene)
    # The histories were read after the last reading, so who still held a slot in them held it during that one too.
    ever = max((reading.end for reading in counted), default=scene.begin) + slack
    holding = [
        sweep.Interval(max(span.start, scene.begin), _known_end(scene, span, ever), span.run)
        for span in scene.crowds[DEPLOYMENT].spans
    ]
    holders = sweep.profile(holding)
    for reading in counted:
        first, last = reading.start - slack, reading.end + slack
        if holders.least_between(first, last) <= t.cast("int", reading.slots):
            continue
        # Only who held a slot for all of the time in which the reading can have been taken.
        sure = [interval for interval in holding if interval.start <= first and last <= interval.end]
        if len(sure) > t.cast("int", reading.slots):
            return Check(
                name,
                FAIL,
                f"{reading.slots} slots were taken while {len(sure)} runs held one at {written(reading.start)}",
                allowed,
                tuple(sorted(interval.run for interval in sure)),
                remedies.UNCOUNTED,
            )
    return Check(name, PASS, "never fewer slots taken than runs held them", allowed)


def _known_end(scene: Scene, span: Span, ever: int) -> int:
    """Until when a run held its slot for sure, at most up to an instant after the last reading."""
    if not span.censored:
        return span.end
    released = scene.histories[span.run].released
    return ever if released is None else min(released, ever)


def _stale(scene: Scene, bounds: Bounds, pool: t.Any, workers: t.Sequence[t.Any]) -> Check:
    """Runs that hold a slot at the end of the observation, and for too long, or with nobody working on them."""
    holders = sorted(run for run in scene.own if run in scene.histories and _holds(scene, run))
    live = _live(scene, bounds, pool, workers)
    stale: list[str] = []
    reasons: set[str] = set()
    for run in holders:
        past = scene.histories[run]
        age = seconds(scene.observed_at - past.since)
        limit = bounds.pending_seconds if past.state == "PENDING" else bounds.running_seconds
        if age > limit:
            reasons.add(f"one has been {past.name} for {age:.0f} s")
        elif scene.rows[run].get("work_pool_name") is not None and not live:
            reasons.add("no worker of the pool gives a sign of life")
        else:
            continue
        stale.append(run)
    text = f"{len(holders)} runs hold a slot"
    if stale:
        text += f", {len(stale)} of them stale: {' and '.join(sorted(reasons))}"
    remedy = "" if not stale else remedies.STALE if live else f"{remedies.NO_WORKER} {remedies.STALE}"
    allowed = (
        f"PENDING for {bounds.pending_seconds:g} s, others for {bounds.running_seconds:g} s, with a worker's heartbeat "
        f"in the last {bounds.heartbeat_seconds:g} s"
    )
    return Check("holders.stale", FAIL if stale else PASS, text, allowed, tuple(stale), remedy)


def _holds(scene: Scene, run: str) -> bool:
    holding = scene.histories[run].holding
    return bool(holding) and holding[-1].censored


def _live(scene: Scene, bounds: Bounds, pool: t.Any, workers: t.Sequence[t.Any]) -> bool:
    try:
        if pool is not None and str(pool.get("type") or "").endswith(_WITHOUT_WORKERS):
            return True
        beats = [
            instant(worker["last_heartbeat_time"], f"The heartbeat of worker {worker['name']}")
            for worker in workers
            if worker["status"] == "ONLINE" and worker["last_heartbeat_time"] is not None
        ]
    except (AttributeError, KeyError, TypeError):
        raise CollectionError(
            "The workers of the observation cannot be read; each needs name, status and last_heartbeat_time."
        ) from None
    oldest = scene.observed_at - bounds.micro("heartbeat_seconds")
    return any(beat >= oldest for beat in beats)


def check_observation(scene: Scene, bounds: Bounds) -> t.Iterator[Check]:
    """Is the observation whole, is there anything in it, and do the clocks agree?"""
    if scene.gaps:
        more = f" and {len(scene.gaps) - 3} more" if len(scene.gaps) > 3 else ""
        yield Check(
            "observation.whole",
            ERROR,
            "; ".join(scene.gaps[:3]) + more,
            "every run with its whole history",
            remedy=remedies.INCOMPLETE,
        )
    else:
        yield Check("observation.whole", PASS, f"{len(scene.rows)} runs with their histories", "every run, whole")
    runs = len(scene.asked & scene.histories.keys())
    yield Check(
        "observation.sample",
        PASS if runs else NOT_EXERCISED,
        f"{runs} run{'' if runs == 1 else 's'} to judge",
        "at least one",
        remedy="" if runs else remedies.NO_SAMPLE,
    )
    slack = bounds.micro("clock_slack_seconds")
    ahead = max(
        (
            one.updated - UPDATED_PRECISION - one.end
            for found in scene.readings.values()
            for one in found
            if one.updated is not None
        ),
        default=0,
    )
    verdict = ERROR if ahead > slack else PASS
    yield Check(
        "observation.clocks",
        verdict,
        f"the server's clock is at least {ahead / SECOND:.1f} s ahead" if ahead > 0 else "the clocks do not disagree",
        f"{bounds.clock_slack_seconds:g} s",
        remedy=remedies.CLOCKS if verdict == ERROR else "",
    )
