# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verified history of one ring: records that hold each other's digests, and what they amount to."""

from __future__ import annotations

import copy
import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import checkpoints
from ansible_collections.hotpass.prefect.plugins.module_utils.release.checkpoints import Checkpoint
from ansible_collections.hotpass.prefect.plugins.module_utils.release.fold import Fold, Generation, Illegal
from ansible_collections.hotpass.prefect.plugins.module_utils.release.links import (
    Broken,
    check_checkpoints,
    check_link,
    check_place,
    gap,
    in_order,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import (
    GENESIS,
    Draft,
    Event,
    Record,
    new_token,
    now,
    variable_name,
)

__all__ = ["Broken", "Chain", "Generation"]


@dataclasses.dataclass(frozen=True, eq=False)
class Chain:
    """What a ring's ledger says, checked from its first record, or from the checkpoint that stands for the first ones.

    Make it with :meth:`build`; :meth:`extended` makes the next one.

    :ivar records: those that have not been archived, oldest first.
    :ivar checkpoint: the latest complete one.
    :ivar leftover: whether there were archived records that do not belong to these any more; the next compaction
        deletes them.
    """

    solution: str
    ring: str
    records: tuple[Record, ...]
    checkpoint: Checkpoint | None
    _fold: Fold
    leftover: bool = False

    @classmethod
    def build(cls, solution: str, ring: str, records: t.Iterable[Record] = ()) -> Chain:
        """Check records, given in any order, and fold them.

        :raises Broken: for a gap, a fork, a record that was edited or belongs elsewhere, a step that is not allowed.
        """
        given = tuple(records)
        ordered = in_order(solution, ring, given)
        found = checkpoints.complete(ordered)
        check_checkpoints(ordered, found)
        base = None
        if ordered and ordered[0].sequence > 1:
            base = min(
                (point for point in found if point.through >= ordered[0].sequence - 1),
                key=lambda point: point.through,
                default=None,
            )
            if base is None:
                raise gap(ordered[0], 1)
        fold = _fold_from(base, solution, ring) if base else Fold()
        summaries = {point.through: point for point in found if point is not base}
        for record in ordered:
            if base is not None and record.sequence <= base.through:
                continue
            _step(fold, record)
            point = summaries.get(record.sequence)
            if point is not None and point.summary != fold.summary():
                raise Broken(
                    f"The checkpoint that begins with {variable_name(solution, ring, point.begun)} says of the records "
                    f"up to {record.variable} what they do not say.",
                    variable_name(solution, ring, point.begun),
                )
        return cls(solution, ring, tuple(ordered), found[-1] if found else None, fold, len(ordered) < len(given))

    def extended(self, record: Record) -> Chain:
        """The chain with one more record.

        :raises Broken: when the record may not come next.
        """
        if record.event is Event.CHECKPOINT:
            return Chain.build(self.solution, self.ring, (*self.records, record))
        check_place(self.solution, self.ring, record)
        check_link(self.head, record)
        fold = self._fold.copy()
        _step(fold, record)
        return Chain(self.solution, self.ring, (*self.records, record), self.checkpoint, fold, self.leftover)

    def next(self, draft: Draft, at: str | None = None, token: str | None = None) -> Record:
        """The record that a draft becomes when it is the next.

        :param at: by default now.
        :param token: by default a random one.
        :raises CollectionError: when the draft cannot be a record.
        """
        return Record(
            solution=self.solution,
            ring=self.ring,
            sequence=self.head.sequence + 1 if self.head else 1,
            generation=draft.generation,
            kind=draft.kind,
            event=draft.event,
            state=draft.state,
            release=draft.release,
            previous=self.head.digest if self.head else GENESIS,
            at=at or now(),
            actor=draft.actor,
            token=token or new_token(),
            detail=copy.deepcopy(draft.detail),
        )

    def fold_through(self, sequence: int) -> Fold:
        """What the records up to one of them amount to.

        :param sequence: of a record that has not been archived.
        """
        fold, known = Fold(), [record for record in self.records if record.sequence <= sequence]
        if self.records and self.records[0].sequence > 1 and self.checkpoint:
            fold = Fold.from_summary(self.checkpoint.summary)
            known = [record for record in known if record.sequence > self.checkpoint.through]
        for record in known:
            _step(fold, record)
        return fold

    @property
    def head(self) -> Record | None:
        """The latest record; None when nothing has ever happened."""
        return self.records[-1] if self.records else None

    @property
    def last_generation(self) -> int:
        """The number of the latest generation; 0 when there is none."""
        return self._fold.last

    @property
    def generations(self) -> tuple[Generation, ...]:
        """Every generation that is known, by number. Of archived ones those that a promotion may still need are."""
        return tuple(self._fold.generations[number] for number in sorted(self._fold.generations))

    @property
    def active(self) -> Generation | None:
        """The one that became Active last; None when none ever did."""
        return self._fold.generations[self._fold.active] if self._fold.active else None

    @property
    def under_way(self) -> Generation | None:
        """The one that is not settled, if there is one."""
        return self._fold.generations[self._fold.under_way] if self._fold.under_way else None

    @property
    def verified(self) -> tuple[Generation, ...]:
        """Those that ever became Active, oldest first; of archived ones the latest twenty."""
        return tuple(self._fold.generations[number] for number in self._fold.verified)

    @property
    def holds(self) -> dict[str, Record]:
        """The digests that automation may not promote into this ring, each with the record that says so."""
        return dict(self._fold.holds)

    @property
    def vetoes(self) -> dict[str, Record]:
        """The digests that nobody may promote, each with the record that says so."""
        return dict(self._fold.vetoes)

    @property
    def degraded(self) -> bool:
        """Whether a rollback has failed and nothing has put the ring right since."""
        return self._fold.degraded

    @property
    def broken(self) -> int | None:
        """The number of the generation whose failure left the ring degraded."""
        active = self.active
        if self._fold.broken is None and self.degraded and active is not None:
            return active.number
        return self._fold.broken

    @property
    def segments(self) -> tuple[str, ...]:
        """Digests of the blobs that hold the archived records, oldest first."""
        return (*self.checkpoint.segments, self.checkpoint.segment) if self.checkpoint else ()

    @property
    def named(self) -> frozenset[str]:
        """Every digest in the store that the ledger still needs: releases and archived records."""
        releases = {generation.release for generation in self.generations} | set(self.holds) | set(self.vetoes)
        releases |= {record.release for record in self.records}
        return frozenset(release for release in releases if release) | frozenset(self.segments)

    def generation(self, number: int) -> Generation:
        """One generation.

        :raises CollectionError: when it is not known here.
        """
        try:
            return self._fold.generations[number]
        except KeyError:
            archived = " any more; its records are archived" if 0 < number <= self.last_generation else ""
            raise CollectionError(
                f"Ring {self.ring} of {self.solution} has no generation {number}{archived}; the last one is "
                f"{self.last_generation}."
            ) from None

    def permits(self, number: int) -> tuple[Record, ...]:
        """The permits of a generation, oldest first, whether or not they have expired."""
        return self._fold.permits.get(number, ())

    def approvals(self, number: int) -> tuple[Record, ...]:
        """The answers that a generation was given, oldest first; their signatures are not checked here."""
        return self._fold.approvals.get(number, ())


def _fold_from(base: Checkpoint, solution: str, ring: str) -> Fold:
    variable = variable_name(solution, ring, base.begun)
    try:
        return Fold.from_summary(base.summary)
    except (KeyError, TypeError, ValueError, CollectionError) as error:
        raise Broken(f"The checkpoint {variable} holds no summary: {error}.", variable) from None


def _step(fold: Fold, record: Record) -> None:
    try:
        fold.step(record)
    except Illegal as error:
        raise Broken(f"{record.variable} {error}.", record.variable) from None
