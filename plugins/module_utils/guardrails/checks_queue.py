# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long did runs wait, how many at once, and did any wait for nothing?"""

from __future__ import annotations

import bisect
import math
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import remedies, steps, sweep
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.declared import CANCEL_NEW, Declared
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import seconds, written
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.report import (
    FAIL,
    NOT_EXERCISED,
    PASS,
    Bounds,
    Check,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.sampling import (
    DEPLOYMENT,
    WORK_POOL,
    WORK_QUEUE,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.scene import Scene, clip


def waits(scene: Scene) -> dict[str, int]:
    """How long each run asked for waited for its slots within the window, in microseconds."""
    return {
        run: sum(end - start for start, end, _run in clip(scene.histories[run].waiting, scene.begin, scene.reach))
        for run in sorted(scene.asked & scene.histories.keys())
    }


def percentile(values: t.Collection[int], share: float) -> int:
    """The smallest value that at least this share of the values does not exceed (nearest rank); 0 for none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0


def check_queue(scene: Scene, bounds: Bounds, declared: Declared, workers: t.Sequence[t.Any]) -> t.Iterator[Check]:
    """Waits, queue length, stuck runs, and what CANCEL_NEW refused."""
    yield from _waits(scene, bounds)
    yield _length(scene, bounds)
    yield _stuck(scene, bounds, workers)
    yield _refused(scene, declared)


def _waits(scene: Scene, bounds: Bounds) -> t.Iterator[Check]:
    waited = waits(scene)
    for name, share, bound in (
        ("queue.wait_max", 1.0, bounds.max_wait_seconds),
        ("queue.wait_p95", 0.95, bounds.p95_wait_seconds),
    ):
        allowed = f"{bound:g} s"
        if not waited:
            yield Check(name, NOT_EXERCISED, "there was no run", allowed, remedy=remedies.NO_SAMPLE)
            continue
        found = seconds(percentile(waited.values(), share))
        late = tuple(run for run, wait in waited.items() if seconds(wait) > bound)
        text = f"{'every run' if share == 1 else '19 of 20 runs'} waited {found:.1f} s or less"
        verdict = FAIL if found > bound else PASS
        yield Check(name, verdict, text, allowed, late, remedies.QUEUED if verdict == FAIL else "")


def _length(scene: Scene, bounds: Bounds) -> Check:
    waiting = [
        interval
        for run in sorted(scene.own & scene.histories.keys())
        for interval in clip(scene.histories[run].waiting, scene.begin, scene.reach)
    ]
    peak = sweep.max_overlap(waiting)
    when = "" if peak.instant is None else f", first at {written(peak.instant)}"
    verdict = FAIL if peak.count > bounds.max_queued else PASS
    return Check(
        "queue.length",
        verdict,
        f"at most {peak.count} runs waited at once{when}",
        f"{bounds.max_queued}",
        peak.witnesses if verdict == FAIL else (),
        remedies.QUEUED if verdict == FAIL else "",
    )


def _stuck(scene: Scene, bounds: Bounds, workers: t.Sequence[t.Any]) -> Check:
    """Runs that were due for long while every limit had free slots."""
    free = steps.free_spans(scene.crowds[DEPLOYMENT].held, scene.limits[DEPLOYMENT])
    for place in (WORK_POOL, WORK_QUEUE):
        if any(step.low is not None for step in scene.limits[place]):
            free = _both(free, steps.free_spans(scene.crowds[place].held, scene.limits[place]))
    bound = bounds.micro("stuck_seconds")
    longest = 0
    stuck: list[str] = []
    ends = [end for _start, end in free]
    for run in sorted(scene.asked & scene.histories.keys()):
        for start, end, _run in clip(scene.histories[run].waiting, scene.begin, scene.end):
            for first, last in free[bisect.bisect_right(ends, start) :]:
                if first >= end:
                    break
                idle = min(last, end) - max(first, start)
                longest = max(longest, idle)
                if idle > bound and (not stuck or stuck[-1] != run):
                    stuck.append(run)
    remedy = ""
    if stuck:
        live = any(worker.get("status") == "ONLINE" for worker in workers)
        remedy = _locked_or_idle(scene) or (remedies.STUCK if live else remedies.NO_WORKER)
    return Check(
        "queue.stuck",
        FAIL if stuck else PASS,
        f"the longest wait while slots were free took {seconds(longest):.1f} s",
        f"{bounds.stuck_seconds:g} s",
        tuple(stuck),
        remedy,
    )


def _locked_or_idle(scene: Scene) -> str:
    """The remedy when the server counts every slot as taken that no run holds; else empty."""
    last = scene.readings[DEPLOYMENT][-1] if scene.readings[DEPLOYMENT] else None
    if last is None or last.slots is None or last.value is None or last.slots < last.value:
        return ""
    return remedies.LOCKED if scene.crowds[DEPLOYMENT].held.count_at(scene.end - 1) < last.slots else ""


def _both(one: t.Sequence[tuple[int, int]], other: t.Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What lies in a span of each of two sorted lists of spans."""
    spans = []
    left = right = 0
    while left < len(one) and right < len(other):
        start, end = max(one[left][0], other[right][0]), min(one[left][1], other[right][1])
        if start < end:
            spans.append((start, end))
        if one[left][1] < other[right][1]:
            left += 1
        else:
            right += 1
    return spans


def _refused(scene: Scene, declared: Declared) -> Check:
    refused = tuple(
        sorted(run for run in scene.own if run in scene.histories and scene.within(scene.histories[run].refused))
    )
    wrong = bool(refused) and declared.collision_strategy != CANCEL_NEW
    return Check(
        "queue.refused",
        FAIL if wrong else PASS,
        f"{len(refused)} run{'' if len(refused) == 1 else 's'} cancelled for want of a slot",
        f"any number with {CANCEL_NEW}" if declared.collision_strategy == CANCEL_NEW else "none with ENQUEUE",
        refused,
        remedies.REFUSED if wrong else "",
    )
