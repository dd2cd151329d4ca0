# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which limit was in force at each instant, as far as the readings prove it, and what was over it."""

from __future__ import annotations

import dataclasses
import enum
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import SECOND, instant
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.sweep import Profile

# The server writes ``updated`` to the millisecond, cut off.
UPDATED_PRECISION: t.Final = 1_000


class Knowledge(enum.Enum):
    """How much is known of a limit during a step."""

    KNOWN = "known"
    CHANGING = "changing"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Step(t.NamedTuple):
    """What is known of a limit within ``[start, end)``.

    :ivar low: the least that it can have been; None where nothing is known.
    :ivar high: the most; None where it may have been absent, or nothing is known.
    """

    start: int
    end: int
    knowledge: Knowledge
    low: int | None = None
    high: int | None = None


class Reading(t.NamedTuple):
    """A limit as it was read at some instant within ``[start, end]``.

    :ivar value: None when there was no limit, or it was not active.
    :ivar updated: by when the server last wrote the row, rounded up; None where it does not say.
    :ivar slots: how many slots the server counted; None where it counts none.
    :ivar created: when the limit was made; None where the server does not say.
    """

    start: int
    end: int
    value: int | None
    updated: int | None
    slots: int | None
    created: int | None = None


def readings(samples: t.Sequence[t.Mapping[str, t.Any]], guardrail: str) -> list[Reading]:
    """The readings of one limit, in their order in time.

    :raises CollectionError: for a sample that cannot be read.
    """
    found = []
    for number, sample in enumerate(samples, 1):
        where = f"Sample {number} of the limits"
        try:
            start = instant(sample["at"], f"{where}: at")
            took = sample["took_seconds"]
            row = sample[guardrail]
            limit = None if row is None else row["limit"]
            active = row is not None and row.get("active", True) is True
            updated = None if row is None else row.get("updated")
            created = None if row is None else row.get("created")
            slots = None if row is None else row.get("active_slots")
        except (AttributeError, KeyError, TypeError):
            raise CollectionError(
                f"{where} lacks at, took_seconds or {guardrail}; it is no reading of limits."
            ) from None
        for name, value in (("limit", limit), ("active_slots", slots)):
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
                raise CollectionError(
                    f"{where}: the {name} of {guardrail} is {value!r}; it must be 0 or more, or null."
                )
        if not isinstance(took, (int, float)) or isinstance(took, bool) or not 0 <= took < 86_400:
            raise CollectionError(f"{where}: took_seconds is {took!r}; it must be a number of seconds.")
        changed = None
        if updated is not None:
            changed = instant(updated, f"{where}: updated of {guardrail}") + UPDATED_PRECISION
        made = None if created is None else instant(created, f"{where}: created of {guardrail}")
        end = start + max(1, int(took * SECOND))
        found.append(Reading(start, end, limit if active else None, changed, slots, made))
    return sorted(found, key=lambda reading: reading[:2])


def steps(found: t.Sequence[Reading], begin: int, end: int, slack: int, longest_gap: int) -> list[Step]:
    """What the readings prove of ``[begin, end)``, without a gap.

    A row that was not written since before a reading had its value all that time. Between two readings that agree the
    value is taken as constant, if they are at most ``longest_gap`` apart; between two that differ it may have been
    either.

    :param slack: how far the clock of the readings may be from the server's. All in microseconds.
    """
    made: list[Step] = []
    proven = begin
    before: Reading | None = None
    for reading in found:
        since = reading.start if reading.value is None or reading.updated is None else reading.updated
        since = max(proven, min(since, reading.start))
        if before is None:
            made.append(Step(begin, since, Knowledge.UNKNOWN))
        elif before.value == reading.value:
            made.append(_constant(reading.value, proven, since, longest_gap))
        else:
            if before.value is None and reading.created is not None:
                # A new limit is taken to have had its value from the start, as one between two readings that agree.
                since = max(proven, min(since, reading.created))
            # The reading before may have been taken a little earlier than its clock says, by the server's.
            shortened = max(made[-1].start, proven - slack)
            made[-1] = made[-1]._replace(end=shortened)
            if reading.value is None or reading.updated is None:
                since = min(reading.end, since + slack)
            made.append(_changing(before.value, reading.value, shortened, since))
        made.append(_constant(reading.value, since, max(since, reading.end), longest_gap, proven=True))
        proven, before = max(since, reading.end), reading
    if before is None:
        return [Step(begin, end, Knowledge.UNKNOWN)]
    made.append(_constant(before.value, proven, end, longest_gap))
    clipped = (step._replace(start=max(step.start, begin), end=min(step.end, end)) for step in made)
    return [step for step in clipped if step.start < step.end]


def _constant(value: int | None, start: int, end: int, longest_gap: int, proven: bool = False) -> Step:
    if value is None:
        return Step(start, end, Knowledge.ABSENT)
    if not proven and end - start > longest_gap:
        return Step(start, end, Knowledge.UNKNOWN)
    return Step(start, end, Knowledge.KNOWN, value, value)


def _changing(one: int | None, other: int | None, start: int, end: int) -> Step:
    known = [value for value in (one, other) if value is not None]
    return Step(start, end, Knowledge.CHANGING, min(known), max(known) if len(known) == 2 else None)


@dataclasses.dataclass(frozen=True)
class Point:
    """A count of runs at an instant, and the step it met."""

    count: int
    instant: int
    step: Step


class Comparison(t.NamedTuple):
    """A number of runs over time beside the limit in force.

    :ivar breach: where it was furthest over the limit, the first such instant; None when it never was for certain.
    :ivar undecided: the first instant at which nobody can tell whether it was.
    :ivar unlimited: the first instant at which runs met no limit at all.
    :ivar reached: the first instant at which it was equal to the limit.
    """

    breach: Point | None
    undecided: Point | None
    unlimited: Point | None
    reached: Point | None


def compare(counts: Profile, limit: t.Sequence[Step]) -> Comparison:
    """Hold the number of runs against the limit at each instant; linear in both."""
    breach = undecided = unlimited = reached = None
    for step in limit:
        count, when = counts.peak_between(step.start, step.end)
        if not count:
            continue
        point = Point(count, when, step)
        if step.knowledge is Knowledge.ABSENT:
            unlimited = unlimited or point
        elif step.knowledge is Knowledge.UNKNOWN:
            undecided = undecided or point
        elif step.high is not None and count > step.high:
            if breach is None or count - step.high > breach.count - t.cast("int", breach.step.high):
                breach = point
        elif step.high is None or count > t.cast("int", step.low):
            undecided = undecided or point
        elif step.knowledge is Knowledge.KNOWN and count == step.low:
            reached = reached or point
    return Comparison(breach, undecided, unlimited, reached)


def free_spans(counts: Profile, limit: t.Sequence[Step]) -> list[tuple[int, int]]:
    """When fewer runs than the limit surely allows were there, joined where they touch."""
    spans: list[tuple[int, int]] = []
    for step in limit:
        if step.low is None:
            continue
        for start, end, count in _pieces(counts, step.start, step.end):
            if count >= step.low:
                continue
            if spans and spans[-1][1] == start:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
    return spans


def _pieces(counts: Profile, start: int, end: int) -> t.Iterator[tuple[int, int, int]]:
    """The constant pieces of a profile within ``[start, end)``."""
    index, cursor, count = counts.index_after(start), start, 0
    if index:
        count = counts.counts[index - 1]
    while cursor < end:
        following = counts.instants[index] if index < len(counts.instants) else end
        following = min(following, end)
        if cursor < following:
            yield cursor, following, count
        if index < len(counts.counts):
            count = counts.counts[index]
        cursor, index = following, index + 1
