# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The laws of overlapping intervals, for any intervals; small numbers, so that ends and starts meet often."""

from __future__ import annotations

import heapq
import itertools
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import steps, sweep
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import SECOND, written
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.intervals import HOLDING, history, intervals
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.steps import Knowledge, Reading, Step
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.sweep import Interval
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.property

# A machine that has much else to do is slow, and no less right.
LAW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

moments = st.integers(-8, 8)


@st.composite
def some_intervals(draw: st.DrawFn, most: int = 12) -> list[Interval]:
    """One interval for each run, some of them without a duration."""
    pairs = draw(st.lists(st.tuples(moments, st.integers(0, 6)), max_size=most))
    return [Interval(start, start + length, f"r{number}") for number, (start, length) in enumerate(pairs)]


def cover(found: t.Iterable[Interval], moment: float) -> set[str]:
    return {run for start, end, run in found if start <= moment < end}


def brute(found: t.Sequence[Interval]) -> int:
    """The most that cover any instant: a count rises only where an interval starts."""
    return max((len(cover(found, one.start)) for one in found), default=0)


def greedy_slots(found: t.Iterable[Interval]) -> int:
    """How many slots it takes to place every interval, each in the one that became free first."""
    free_at: list[int] = []
    for start, end, _run in sorted(one for one in found if one.start < one.end):
        if free_at and free_at[0] <= start:
            heapq.heapreplace(free_at, end)
        else:
            heapq.heappush(free_at, end)
    return len(free_at)


@LAW
@given(some_intervals())
def test_the_peak_is_that_of_brute_force(found: list[Interval]) -> None:
    peak = sweep.max_overlap(found)
    assert peak.count == brute(found)
    if peak.count:
        assert peak.instant is not None
        assert set(peak.witnesses) == cover(found, peak.instant)
        # The first instant that has it.
        assert all(len(cover(found, one.start)) < peak.count for one in found if one.start < peak.instant)
    else:
        assert (peak.instant, peak.witnesses) == (None, ())


@LAW
@given(some_intervals())
def test_the_witnesses_all_cover_the_instant(found: list[Interval]) -> None:
    peak = sweep.max_overlap(found)
    assert len(peak.witnesses) == peak.count
    by_run = {one.run: one for one in found}
    for run in peak.witnesses:
        assert by_run[run].start <= t.cast("int", peak.instant) < by_run[run].end


@LAW
@given(some_intervals(), st.randoms(use_true_random=False))
def test_the_order_does_not_matter(found: list[Interval], chance: t.Any) -> None:
    shuffled = list(found)
    chance.shuffle(shuffled)
    assert sweep.max_overlap(shuffled) == sweep.max_overlap(found)
    assert sweep.profile(shuffled) == sweep.profile(found)


@LAW
@given(some_intervals(), moments, st.integers(0, 6))
def test_one_more_run_changes_the_peak_by_none_or_one(found: list[Interval], start: int, length: int) -> None:
    more = [*found, Interval(start, start + length, "one more")]
    assert sweep.max_overlap(more).count - sweep.max_overlap(found).count in (0, 1)


@LAW
@given(some_intervals())
def test_the_peak_is_how_many_slots_are_needed(found: list[Interval]) -> None:
    assert sweep.max_overlap(found).count == greedy_slots(found)


@LAW
@given(some_intervals(), st.integers(-1000, 1000), st.integers(1, 50))
def test_neither_the_epoch_nor_the_unit_of_time_matters(found: list[Interval], shift: int, scale: int) -> None:
    moved = [Interval(one.start * scale + shift, one.end * scale + shift, one.run) for one in found]
    before, after = sweep.max_overlap(found), sweep.max_overlap(moved)
    assert (after.count, after.witnesses) == (before.count, before.witnesses)
    assert after.instant == (None if before.instant is None else before.instant * scale + shift)


@LAW
@given(some_intervals(), st.data())
def test_a_run_that_is_split_counts_the_same(found: list[Interval], data: st.DataObject) -> None:
    """Also at the very instant of the split: the first part has ended when the second begins."""
    pieces = []
    for one in found:
        middle = data.draw(st.integers(one.start, one.end))
        pieces += [Interval(one.start, middle, one.run), Interval(middle, one.end, one.run)]
    assert sweep.max_overlap(pieces) == sweep.max_overlap(found)
    assert sweep.profile(pieces) == sweep.profile(found)


@LAW
@given(some_intervals(), some_intervals())
def test_windows_that_do_not_meet_have_the_greater_peak(left: list[Interval], right: list[Interval]) -> None:
    apart = [Interval(one.start + 1000, one.end + 1000, one.run) for one in right]
    together = sweep.max_overlap([*left, *apart])
    assert together.count == max(sweep.max_overlap(left).count, sweep.max_overlap(right).count)


@LAW
@given(st.lists(st.integers(1, 5), min_size=1, max_size=10))
def test_runs_that_follow_each_other_at_the_instant_never_overlap(lengths: list[int]) -> None:
    found, at = [], 0
    for number, length in enumerate(lengths):
        found.append(Interval(at, at + length, f"r{number}"))
        at += length
    assert sweep.max_overlap(found).count == 1
    assert sweep.profile(found) == sweep.Profile([0, at], [1, 0])


@LAW
@given(some_intervals())
def test_the_profile_is_the_count_at_every_instant(found: list[Interval]) -> None:
    profile = sweep.profile(found)
    assert profile.instants == sorted(set(profile.instants))
    assert all(one != other for one, other in zip([0, *profile.counts], profile.counts, strict=False))
    for moment in range(-10, 20):
        assert profile.count_at(moment) == len(cover(found, moment))


@LAW
@given(some_intervals(), moments, st.integers(0, 10))
def test_the_peak_of_a_part_is_that_of_brute_force(found: list[Interval], start: int, length: int) -> None:
    profile = sweep.profile(found)
    count, when = profile.peak_between(start, start + length)
    counts = {moment: len(cover(found, moment)) for moment in range(start, start + length)}
    assert count == max(counts.values(), default=0)
    if counts:
        assert when == min(moment for moment in counts if counts[moment] == count)
        assert profile.least_between(start, start + length) == min(counts.values())


values = st.one_of(st.none(), st.integers(0, 4))


@st.composite
def some_readings(draw: st.DrawFn, truthful: bool = False) -> list[Reading]:
    """Readings of a limit; truthful ones do not say that a row is as it was before it was read to be another."""
    at, before, found = -6, -20, []
    value: int | None = None
    for following in draw(st.lists(values, max_size=6)):
        at += draw(st.integers(1, 5))
        earliest = before if truthful and following != value else -20
        updated = draw(st.one_of(st.none(), st.integers(earliest, at))) if following is not None else None
        before = at + draw(st.integers(1, 2))
        found.append(Reading(at, before, following, updated, None))
        at, value = before, following
    return found


@LAW
@given(some_readings(), moments, st.integers(1, 20), st.integers(0, 3), st.integers(0, 8))
def test_the_steps_of_a_limit_cover_the_window_once(
    found: list[Reading], begin: int, length: int, slack: int, gap: int
) -> None:
    made = steps.steps(found, begin, begin + length, slack, gap)
    assert made[0].start == begin
    assert made[-1].end == begin + length
    assert all(one.end == other.start for one, other in itertools.pairwise(made))
    assert all(step.start < step.end for step in made)
    known = {reading.value for reading in found}
    for step in made:
        if step.knowledge is Knowledge.KNOWN:
            assert step.low == step.high
            assert step.low in known
        if step.knowledge is Knowledge.ABSENT:
            assert None in known


@LAW
@given(some_readings(truthful=True), moments, st.integers(1, 20))
def test_a_limit_is_never_taken_for_less_or_more_than_what_was_read_about_it(
    found: list[Reading], begin: int, length: int
) -> None:
    """At the moment of a reading, what is said of the limit allows the value that was read."""
    made = steps.steps(found, begin, begin + length, 0, 8)
    for reading in found:
        for step in made:
            if step.start <= reading.start < step.end and reading.value is not None:
                assert step.knowledge is not Knowledge.ABSENT
                assert step.low is None or step.low <= reading.value
                assert step.high is None or step.high >= reading.value


@LAW
@given(some_intervals(), st.lists(st.tuples(st.integers(1, 6), values), min_size=1, max_size=6))
def test_a_breach_is_found_exactly_where_a_count_is_over_the_limit(
    found: list[Interval], limits: list[tuple[int, int | None]]
) -> None:
    made, at = [], -8
    for length, value in limits:
        knowledge = Knowledge.ABSENT if value is None else Knowledge.KNOWN
        made.append(Step(at, at + length, knowledge, value, value))
        at += length
    compared = steps.compare(sweep.profile(found), made)
    over, equal, without = {}, [], []
    for step in made:
        counts = {moment: len(cover(found, moment)) for moment in range(step.start, step.end)}
        most = max(counts.values())
        if step.low is None:
            without += [step] if most else []
        elif most > step.low:
            over[step] = most - step.low
        elif most == step.low and most:
            equal.append(step)
    assert (compared.breach is not None) == bool(over)
    assert (compared.unlimited is not None) == bool(without)
    assert (compared.reached is not None) == bool(equal)
    assert compared.undecided is None
    if compared.breach is not None:
        point = compared.breach
        assert len(cover(found, point.instant)) == point.count
        assert point.count - t.cast("int", point.step.high) == max(over.values())
        assert point.step.start <= point.instant < point.step.end


@LAW
@given(some_intervals(), st.integers(0, 4), moments, st.integers(1, 12))
def test_slots_are_free_exactly_where_fewer_runs_than_the_limit_are(
    found: list[Interval], limit: int, start: int, length: int
) -> None:
    made = [Step(start, start + length, Knowledge.KNOWN, limit, limit)]
    free = steps.free_spans(sweep.profile(found), made)
    for moment in range(start - 2, start + length + 2):
        inside = any(first <= moment < last for first, last in free)
        expected = start <= moment < start + length and len(cover(found, moment)) < limit
        assert inside == expected
    assert all(one[1] < other[0] for one, other in itertools.pairwise(free))


KINDS = ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING", "CANCELLED", "COMPLETED", "FAILED", "CRASHED"]


@LAW
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(KINDS)), min_size=1, max_size=10), st.integers(0, 40))
def test_a_run_holds_a_slot_exactly_while_its_state_does(story: list[tuple[int, str]], until: int) -> None:
    rows, at = [], 0
    for pause, kind in story:
        at += pause
        rows.append({"id": str(at), "type": kind, "name": kind.title(), "timestamp": written(at * SECOND)})
    past = history(
        "r", list(reversed(rows)) if len({row["timestamp"] for row in rows}) == len(rows) else rows, until * SECOND
    )
    before = [row for row in rows if int(row["id"]) <= until]
    if not before:
        assert past is None
        return
    assert past is not None
    assert past.state == before[-1]["type"]
    for moment in range(until):
        last = [row for row in before if int(row["id"]) <= moment]
        holds = bool(last) and last[-1]["type"] in HOLDING
        assert bool(cover(intervals(past.holding), moment * SECOND)) == holds
    # Two slots are never held, so that a run is one witness.
    assert sweep.max_overlap(intervals(past.holding)).count <= 1
    assert past.holding == () or past.holding[-1].censored == (before[-1]["type"] in HOLDING)
