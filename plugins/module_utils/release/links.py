# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes records a chain: each in its place, each with the digest of the one before, none missing."""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import checkpoints
from ansible_collections.hotpass.prefect.plugins.module_utils.release.checkpoints import Checkpoint
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import (
    GENESIS,
    Event,
    Record,
    short,
    variable_name,
)


class Broken(CollectionError):
    """The records of a ring are no chain, so nothing may be concluded from them.

    :param variable: the Prefect variable where it was seen.
    """

    def __init__(self, message: str, variable: str) -> None:
        super().__init__(message, variable=variable)
        self.variable = variable


def in_order(solution: str, ring: str, records: t.Iterable[Record]) -> list[Record]:
    """The records by number, linked to each other, without what an interrupted compaction left below a gap.

    :raises Broken: for a record of another ledger, a fork, a gap that no checkpoint covers, a link that does not hold.
    """
    ordered = sorted(records, key=lambda record: record.sequence)
    for record in ordered:
        check_place(solution, ring, record)
    for before, record in itertools.pairwise(ordered):
        if before.sequence == record.sequence:
            raise Broken(f"Two records claim to be {record.variable}: the ledger is forked.", record.variable)
    for number in range(len(ordered) - 1, 0, -1):
        before, record = ordered[number - 1], ordered[number]
        adjacent = before.sequence == record.sequence - 1
        if adjacent and before.digest == record.previous:
            continue
        # Archived records vanish oldest first. What is alone below is a rest of that, or was written by somebody who
        # slept meanwhile; nothing is concluded from it.
        alone = number == 1 or ordered[number - 2].sequence < before.sequence - 1
        whole = ordered[number:]
        covered = any(point.through >= record.sequence - 1 for point in checkpoints.complete(whole))
        if covered and (alone or not adjacent):
            ordered = whole
            break
        if not adjacent:
            raise gap(record, before.sequence + 1)
        check_link(before, record)
    if ordered and ordered[0].sequence == 1:
        check_link(None, ordered[0])
    return ordered


def check_place(solution: str, ring: str, record: Record) -> None:
    """Insist that a record belongs to the ledger.

    :raises Broken: when it is another's.
    """
    if (record.solution, record.ring) != (solution, ring):
        raise Broken(
            f"A record of ring {record.ring} of {record.solution} ({record.variable}) stands in the ledger of ring "
            f"{ring} of {solution}.",
            record.variable,
        )


def check_link(before: Record | None, record: Record) -> None:
    """Insist that a record follows the one before it; None stands for the beginning.

    :raises Broken: when it does not.
    """
    sequence, digest = (before.sequence, before.digest) if before else (0, GENESIS)
    if record.sequence != sequence + 1:
        raise Broken(f"{record.variable} cannot follow record {sequence}.", record.variable)
    if record.previous == digest:
        return
    if before is None:
        raise Broken(f"{record.variable} is the first record and names one before it.", record.variable)
    raise Broken(
        f"{before.variable} hashes to {short(digest)}, and {record.variable} follows {short(record.previous)}: one of "
        "the two was edited.",
        before.variable,
    )


def gap(record: Record, first: int) -> Broken:
    """The error that says that the records from ``first`` up to this one are missing."""
    missing = variable_name(record.solution, record.ring, first)
    last = record.sequence - 1
    more = f" and {last - first} more up to {variable_name(record.solution, record.ring, last)}" if last > first else ""
    return Broken(
        f"{missing}{more} is missing before {record.variable}, and no checkpoint stands for it: a record of ring "
        f"{record.ring} of {record.solution} was deleted.",
        missing,
    )


def check_checkpoints(ordered: list[Record], found: list[Checkpoint]) -> None:
    """Hold each checkpoint against the records that it is about, as far as they are there, and the one before.

    :param found: the complete ones among the records.
    :raises Broken: when one contradicts them.
    """
    first = ordered[0].sequence if ordered else 1
    for record in ordered:
        if record.event is not Event.CHECKPOINT:
            continue
        through, digest = record.detail["through"], record.detail["digest"]
        if through >= record.sequence:
            raise Broken(f"{record.variable} is a checkpoint for records that come after it.", record.variable)
        actual = ordered[0].previous if through == first - 1 else digest
        if through >= first:
            actual = ordered[through - first].digest
        if actual != digest:
            named = variable_name(record.solution, record.ring, through)
            raise Broken(
                f"The checkpoint {record.variable} stands for {named} with {short(digest)}, and it is {short(actual)}.",
                record.variable,
            )
    for earlier, later in itertools.pairwise(found):
        variable = variable_name(ordered[0].solution, ordered[0].ring, later.begun)
        if later.through <= earlier.through:
            raise Broken(f"The checkpoint {variable} reaches no further than the one before it.", variable)
        if later.segments != (*earlier.segments, earlier.segment):
            raise Broken(f"The checkpoint {variable} does not name what was archived before it.", variable)
