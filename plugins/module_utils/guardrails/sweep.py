# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many intervals overlap, and when: a sweep line.

Instants are whole microseconds since 1970-01-01 UTC. An interval is half-open: one that ends at an instant and one that
begins at the same instant do not overlap, and one without a duration overlaps nothing.
"""

from __future__ import annotations

import bisect
import dataclasses
import typing as t


class Interval(t.NamedTuple):
    """``[start, end)`` in microseconds, and whose it is. One that ends before it starts counts as empty."""

    start: int
    end: int
    run: str


@dataclasses.dataclass(frozen=True)
class Peak:
    """The most intervals that overlap.

    :ivar count: how many; 0 when there is none.
    :ivar instant: the first instant at which that many do, in microseconds; None when there is none.
    :ivar witnesses: whose intervals cover that instant, sorted.
    """

    count: int
    instant: int | None
    witnesses: tuple[str, ...]


class Profile(t.NamedTuple):
    """How many intervals overlap over time: ``counts[i]`` of them from ``instants[i]`` until ``instants[i + 1]``.

    ``instants`` rises strictly, and the last count is 0. Before the first instant there is none.
    """

    instants: list[int]
    counts: list[int]

    def index_after(self, moment: int) -> int:
        """The index of the first instant after a moment."""
        return bisect.bisect_right(self.instants, moment)

    def count_at(self, moment: int) -> int:
        """How many overlap at a moment."""
        index = self.index_after(moment)
        return self.counts[index - 1] if index else 0

    def peak_between(self, start: int, end: int) -> tuple[int, int]:
        """The highest count within ``[start, end)``, and the first instant there that has it."""
        if start >= end:
            return 0, start
        index = self.index_after(start)
        best, when = (self.counts[index - 1] if index else 0), start
        while index < len(self.instants) and self.instants[index] < end:
            if self.counts[index] > best:
                best, when = self.counts[index], self.instants[index]
            index += 1
        return best, when

    def least_between(self, start: int, end: int) -> int:
        """The lowest count within ``[start, end)``, which has to be a time."""
        index = self.index_after(start)
        return min([self.count_at(start), *self.counts[index : bisect.bisect_left(self.instants, end)]])


def profile(intervals: t.Iterable[Interval]) -> Profile:
    """The number of overlapping intervals as a step function, in O(n log n)."""
    whole = [interval for interval in intervals if interval.start < interval.end]
    starts = sorted([interval.start for interval in whole])
    ends = sorted([interval.end for interval in whole])
    instants: list[int] = []
    counts: list[int] = []
    begun = ended = count = 0
    total = len(starts)
    while ended < total:
        now = ends[ended]
        if begun < total and starts[begun] < now:
            now = starts[begun]
        before = count
        # Everything of one instant is taken before anything is concluded, so that an end and a start at the same
        # instant never meet.
        while ended < total and ends[ended] == now:
            ended += 1
        while begun < total and starts[begun] == now:
            begun += 1
        count = begun - ended
        if count != before:
            instants.append(now)
            counts.append(count)
    return Profile(instants, counts)


def max_overlap(intervals: t.Sequence[Interval]) -> Peak:
    """The most intervals that overlap at any instant, with the witnesses of the first such instant."""
    instants, counts = profile(intervals)
    if not counts:
        return Peak(0, None, ())
    count = max(counts)
    instant = instants[counts.index(count)]
    return Peak(count, instant, covering(intervals, instant))


def covering(intervals: t.Iterable[Interval], instant: int) -> tuple[str, ...]:
    """Whose intervals cover an instant, sorted."""
    return tuple(sorted({run for start, end, run in intervals if start <= instant < end}))
