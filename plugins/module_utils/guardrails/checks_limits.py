# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Did the limits hold, and were they ever reached? What the runs did, against the limit in force at each instant."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import remedies, steps, sweep
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import written
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.intervals import EXECUTING
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.report import (
    ERROR,
    FAIL,
    NOT_EXERCISED,
    PASS,
    Bounds,
    Check,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.sampling import (
    DEPLOYMENT,
    GLOBAL,
    WORK_POOL,
    WORK_QUEUE,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.scene import Scene
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.steps import Knowledge, Point
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.sweep import Interval

_IN_FORCE = "the limit in force at that instant"


def check_limits(scene: Scene, bounds: Bounds, has_key: bool) -> t.Iterator[Check]:
    """Every limit that can have held a run: the deployment's always, the others where they are in use.

    :param has_key: whether the deployment has a concurrency key, and with it a global limit.
    """
    yield from _held_and_ran(scene, DEPLOYMENT)
    yield _deployment_reached(scene, bounds)
    if has_key:
        yield from _global(scene, bounds)
    for place in (WORK_POOL, WORK_QUEUE):
        if any(step.knowledge in (Knowledge.KNOWN, Knowledge.CHANGING) for step in scene.limits[place]):
            yield _slots(scene, place, False)
            yield _place_reached(scene, place, bounds)
        elif place in bounds.exercise:
            yield Check(f"{place}.exercised", NOT_EXERCISED, "it has no limit", "a limit that is reached")


def _held_and_ran(scene: Scene, guardrail: str) -> t.Iterator[Check]:
    held = _slots(scene, guardrail, True)
    if held.verdict == FAIL:
        held = _with_unslotted(scene, held)
    yield held
    crowd, limit = scene.crowds[guardrail], scene.limits[guardrail]
    yield _overlap(f"{guardrail}.executions", "executed", crowd.executing, limit, True)


def _slots(scene: Scene, guardrail: str, needs_limit: bool) -> Check:
    """Whether ever more runs held a slot than the limit in force allowed.

    What only a reading slower than any handover would excuse is an error: such a server proves neither.
    """
    crowd, limit, name = scene.crowds[guardrail], scene.limits[guardrail], f"{guardrail}.slots"
    held = _overlap(name, "held a slot", crowd.surely, limit, needs_limit, crowd.holding)
    if held.verdict != FAIL or crowd.leniently is crowd.surely:
        return held
    if _overlap(name, "held a slot", crowd.leniently, limit, needs_limit, crowd.holding).verdict == FAIL:
        return held
    found = f"{held.found}, and the readings at that time were too slow to tell whether a slot was changing hands"
    return Check(name, ERROR, found, held.allowed, held.witnesses, remedies.SLOW)


def _overlap(
    name: str,
    did: str,
    intervals: t.Sequence[Interval],
    limit: t.Sequence[steps.Step],
    needs_limit: bool,
    by_timestamp: t.Sequence[Interval] = (),
) -> Check:
    """Whether ever more runs overlapped than the limit in force allowed.

    :param needs_limit: whether a time without a limit is a failure.
    :param by_timestamp: the same intervals with the time that slots take to change hands, where that was taken off.
    """
    if not (by_timestamp or intervals):
        return Check(name, NOT_EXERCISED, f"no run {did}", _IN_FORCE, remedy=remedies.NO_SAMPLE)
    counts = sweep.profile(intervals)
    found = steps.compare(counts, limit)
    if found.breach is not None:
        allowed = f"{found.breach.step.high}, {_IN_FORCE}"
        return _point(name, FAIL, found.breach, did, intervals, allowed, remedies.EXCEEDED)
    if found.unlimited is not None and needs_limit:
        return _point(
            name,
            FAIL,
            found.unlimited,
            f"{did} while there was no active limit",
            intervals,
            "a limit",
            remedies.NO_LIMIT,
        )
    if found.undecided is not None:
        step = found.undecided.step
        allowed = (
            "what the limit was, which nothing says"
            if step.low is None
            else f"{step.low} or {'no limit' if step.high is None else step.high}, for the limit was changing"
        )
        return _point(name, ERROR, found.undecided, did, intervals, allowed, remedies.UNKNOWN_LIMIT)
    peak = sweep.max_overlap(intervals)
    text = f"at most {_runs(peak.count)} {did} at once"
    if peak.instant is not None:
        text += f", first at {written(peak.instant)}"
    most = max(sweep.profile(by_timestamp).counts, default=0)
    if most > peak.count:
        text += f", and {most} for no longer than a slot takes to change hands"
    return Check(name, PASS, text, _IN_FORCE, peak.witnesses)


def _point(
    name: str, verdict: str, point: Point, did: str, intervals: t.Sequence[Interval], allowed: str, remedy: str
) -> Check:
    text = f"{_runs(point.count)} {did} at {written(point.instant)}"
    return Check(name, verdict, text, allowed, sweep.covering(intervals, point.instant), remedy)


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"


def _with_unslotted(scene: Scene, check: Check) -> Check:
    """Name the witnesses that went on after a pause, which the server admits without a slot."""
    resumed = sorted(
        run for run in check.witnesses if any(span.entered in EXECUTING for span in scene.histories[run].holding)
    )
    if not resumed:
        return check
    found = f"{check.found}, of which {', '.join(resumed)} went on without taking a slot"
    return Check(check.name, check.verdict, found, check.allowed, check.witnesses, check.remedy)


def _reached(name: str, guardrail: str, bounds: Bounds, wanting: str, found: str, witnesses: t.Iterable[str]) -> Check:
    """:param wanting: what is missing for the limit to count as reached; empty when nothing is."""
    return Check(
        name,
        NOT_EXERCISED if wanting else PASS,
        wanting or found,
        "as many runs as the limit, and one more that has to wait",
        tuple(sorted(witnesses)),
        remedies.NOT_REACHED if wanting else "",
        counts=guardrail in bounds.exercise,
    )


def _deployment_reached(scene: Scene, bounds: Bounds) -> Check:
    crowd = scene.crowds[DEPLOYMENT]
    reached = steps.compare(crowd.surely_held, scene.limits[DEPLOYMENT]).reached
    told = {run: past for run, past in scene.histories.items() if run in scene.own}
    waited = {run for run, past in told.items() if scene.within(past.awaited)}
    refused = {run for run, past in told.items() if scene.within(past.refused)}
    wanting = ""
    if reached is None:
        peak = max(crowd.surely_held.counts, default=0)
        wanting = f"the limit was never reached: at most {_runs(peak)} held a slot at once"
    elif not waited | refused:
        wanting = f"{_runs(reached.count)} reached the limit, but none was ever told to wait or refused"
    found = (
        "" if wanting or reached is None else f"{_runs(reached.count)} reached the limit, and {_who(waited, refused)}"
    )
    return _reached("deployment.exercised", DEPLOYMENT, bounds, wanting, found, waited | refused)


def _who(waited: set[str], refused: set[str]) -> str:
    parts = [f"{len(waited)} had to wait (AwaitingConcurrencySlot)"] if waited else []
    parts += [f"{len(refused)} were cancelled (CANCEL_NEW)"] if refused else []
    return " and ".join(parts)


def _global(scene: Scene, bounds: Bounds) -> t.Iterator[Check]:
    """The limit of the concurrency key, whose slots a flow takes inside its run.

    Its holders are not in the history of the runs, but each of them is a run that executes. So no more executing runs
    than the limit prove that it held; with more of them nothing is proven.
    """
    crowd, limit = scene.crowds[GLOBAL], scene.limits[GLOBAL]
    over = [
        reading
        for reading in scene.readings[GLOBAL]
        if scene.begin <= reading.start <= scene.end
        and reading.value is not None
        and (reading.slots or 0) > reading.value
    ]
    check = _overlap("global.executions", "executed", crowd.executing, limit, True)
    if over:
        text = f"{over[0].slots} slots were taken at {written(over[0].start)}"
        check = Check("global.executions", FAIL, text, f"{over[0].value}", check.witnesses, remedies.EXCEEDED)
    elif check.verdict == FAIL and check.remedy == remedies.EXCEEDED:
        check = Check(
            check.name,
            ERROR,
            f"{check.found}, and which of them held the key is not in their history",
            check.allowed,
            check.witnesses,
            "Let the deployment's limit be no higher than the global one, so that the runs prove both.",
        )
    yield check
    full = [
        reading
        for reading in scene.readings[GLOBAL]
        if reading.value is not None
        and reading.slots == reading.value
        and crowd.ran.peak_between(reading.start, reading.end + 1)[0] > reading.value
    ]
    wanting = "" if full else "no reading shows all slots of the key taken while another run executed"
    found = (
        f"all {full[0].value} slots were taken at {written(full[0].start)}, and another run executed" if full else ""
    )
    yield _reached("global.exercised", GLOBAL, bounds, wanting, found, ())


def _place_reached(scene: Scene, place: str, bounds: Bounds) -> Check:
    """A pool or queue at its limit makes runs wait without a word in their state: they stay due."""
    limit, held = scene.limits[place], scene.crowds[place].surely_held
    reached = steps.compare(held, limit).reached
    wanting, waited = "the limit was never reached", set()
    if reached is not None:
        for run in scene.under[place] & scene.histories.keys():
            past = scene.histories[run]
            if any(held.peak_between(span.start, span.end)[0] >= reached.count for span in past.waiting):
                waited.add(run)
        wanting = "" if waited else f"{_runs(reached.count)} reached the limit, but no run was due meanwhile"
    found = (
        "" if wanting or reached is None else f"{_runs(reached.count)} reached the limit while {len(waited)} were due"
    )
    return _reached(f"{place}.exercised", place, bounds, wanting, found, waited)
