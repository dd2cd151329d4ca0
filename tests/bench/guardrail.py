# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the sweep line and the whole judgement on many runs: ``python tests/bench/guardrail.py [runs]``.

The floor is what nobody can go below: sorting the same instants. Ends with 0 whatever is reached.
"""

from __future__ import annotations

import gc
import random
import sys
import time
import typing as t
from pathlib import Path

# As a script this file has its own directory on the path, and not the checkout's.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "collections"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.declared import Declared
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.judging import Bounds, Report, judge
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.observation import Observation
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.sweep import Interval, max_overlap

from tests.support.observations import observation, sample, waited

RUNS = 200_000
LIMIT = 50
_SPAN = 30 * 86_400 * 1_000_000
_REPEATS = 3


def some_intervals(count: int) -> list[Interval]:
    """Runs of up to an hour in a month, in no order."""
    chance = random.Random(20_260_131)
    starts = [chance.randrange(_SPAN) for _number in range(count)]
    return [Interval(start, start + chance.randrange(3_600_000_000), f"run-{n}") for n, start in enumerate(starts)]


def some_observation(count: int) -> Observation:
    """A deployment that was always at its limit: each run follows another."""
    stories = {}
    for number in range(count):
        turn = number // LIMIT
        stories[f"run-{number}"] = waited(max(0, turn - 1) * 10, turn * 10, turn * 10 + 10)
    end = (count // LIMIT + 1) * 10
    samples = [sample(-1, LIMIT, None, updated=-50), *(sample(at, LIMIT, LIMIT) for at in range(0, end, 50))]
    return observation(stories, samples, until=end)


def seconds(work: t.Callable[[], t.Any], repeats: int = _REPEATS) -> tuple[float, float]:
    """The best of some repeats: on the clock, and of the processor, which others cannot take away."""
    clock, processor = [], []
    for _number in range(repeats):
        gc.collect()
        began, spent = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - began)
        processor.append(time.process_time() - spent)
    return min(clock), min(processor)


def main(count: int) -> None:
    """Measure and say."""
    intervals = some_intervals(count)

    def floor() -> None:
        sorted([one.start for one in intervals])
        sorted([one.end for one in intervals])

    (clock_floor, floor_), (clock, swept) = seconds(floor), seconds(lambda: max_overlap(intervals))
    peak = max_overlap(intervals)
    print(f"sweep  {count:>9,} runs  {clock:7.3f} s ({swept:.3f} s of processor time)")
    print(f"       {swept / floor_:.2f} x sorting the same instants ({clock_floor:.3f} s; {floor_:.3f} s)", flush=True)
    print(f"       peak {peak.count} with {len(peak.witnesses)} witnesses")
    seen = some_observation(count)
    bounds = Bounds(max_wait_seconds=1e9, p95_wait_seconds=1e9, handover_seconds=0)
    reports: list[Report] = []
    clock, spent = seconds(lambda: reports.append(judge(seen, Declared("d", LIMIT), bounds=bounds)), repeats=1)
    states, samples = sum(map(len, seen.states.values())), len(seen.concurrency["samples"])
    print(f"judge  {count:>9,} runs  {clock:7.3f} s ({spent:.3f} s of processor time)")
    print(f"       {states:,} states, {samples:,} samples: {reports[0].verdict}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS)
