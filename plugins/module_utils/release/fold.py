# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the records of a ledger amount to: the generations and their states, one record after the other."""

from __future__ import annotations

import copy
import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import (
    Actor,
    Event,
    Json,
    Kind,
    Record,
    short,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import SETTLED, START, State, allowed

# How many generations that became Active a summary of removed records names.
VERIFIED_KEPT: t.Final = 20
_NO_RELEASE_YET = frozenset({State.QUEUED, State.BUILDING, State.FAILED, State.CANCELLED, State.SUPERSEDED})


class Illegal(Exception):
    """Why a record may not follow the ones before it, as the end of a sentence."""


@dataclasses.dataclass(frozen=True)
class Generation:
    """One promotion or rollback.

    :param release: its digest; None until a first ring has built it.
    :param state: where it is now. What another generation does to it (Superseded, RolledBack, ...) is in it.
    :param since: when it came into that state, ISO 8601 UTC.
    :param detail: of its Queued record; empty when that record has been archived.
    :param last_detail: of its latest transition; empty likewise.
    :param transitions: its records, oldest first; empty likewise.
    :param rolls_back: for a rollback, the number of the generation that it takes back.
    """

    number: int
    kind: Kind
    release: str | None
    state: State
    since: str
    requested_by: Actor
    requested_at: str
    detail: Json
    last_detail: Json
    transitions: tuple[Record, ...]
    rolls_back: int | None

    def describe(self) -> str:
        """The generation for a sentence."""
        release = f" of {short(self.release)}" if self.release else ""
        return (
            f"generation {self.number} ({self.kind.value}{release}, asked for by {self.requested_by.name} at "
            f"{self.requested_at}), {self.state.value} since {self.since}"
        )


class Fold:
    """The state of a ring after some records. It is changed in place by :meth:`step`; copy it to keep it."""

    def __init__(self) -> None:
        self.last = 0
        self.active: int | None = None
        self.under_way: int | None = None
        self.generations: dict[int, Generation] = {}
        self.verified: tuple[int, ...] = ()
        self.holds: dict[str, Record] = {}
        self.vetoes: dict[str, Record] = {}
        self.permits: dict[int, tuple[Record, ...]] = {}
        self.approvals: dict[int, tuple[Record, ...]] = {}
        self.broken: int | None = None

    def copy(self) -> Fold:
        """A fold that goes on from here on its own."""
        other = copy.copy(self)
        for name in ("generations", "holds", "vetoes", "permits", "approvals"):
            setattr(other, name, dict(getattr(self, name)))
        return other

    @property
    def degraded(self) -> bool:
        """Whether a rollback has failed and nothing has put the ring right since."""
        active = self.generations.get(self.active) if self.active else None
        return self.broken is not None or (active is not None and active.state is State.ROLLBACK_FAILED)

    def step(self, record: Record) -> None:
        """Take the next record in.

        :raises Illegal: when it may not come here; the fold is then of no use any more.
        """
        if record.event is Event.TRANSITION:
            self._transition(record)
        elif record.event in (Event.PERMIT, Event.APPROVAL):
            self._for_generation_under_way(record)
        elif record.generation > self.last:
            raise Illegal(f"is about generation {record.generation}, and the last one is {self.last}")
        elif record.event is Event.VETO:
            self.vetoes[record.release or ""] = record
        elif record.event is Event.HOLD:
            if record.detail["held"]:
                self.holds[record.release or ""] = record
            else:
                self.holds.pop(record.release or "", None)

    def _for_generation_under_way(self, record: Record) -> None:
        if record.generation != self.under_way:
            current = f"it is {self.under_way}" if self.under_way else "none is"
            raise Illegal(
                f"is a record of {record.event.value} for generation {record.generation}, and {current} under way"
            )
        release = self.generations[record.generation].release
        if record.release != release:
            raise Illegal(
                f"is a record of {record.event.value} for the release {short(record.release or '')}, and generation "
                f"{record.generation} is about {short(release) if release else 'none yet'}"
            )
        kept = self.permits if record.event is Event.PERMIT else self.approvals
        kept[record.generation] = (*kept.get(record.generation, ()), record)

    def _transition(self, record: Record) -> None:
        state, number = t.cast(State, record.state), record.generation
        before = self.generations.get(number)
        if before is None or number != self.last:
            after = self._begun(record)
        else:
            self._check_step(before, record)
            after = dataclasses.replace(
                before,
                release=record.release or before.release,
                state=state,
                since=record.at,
                last_detail=record.detail,
                transitions=(*before.transitions, record),
            )
        if after.release is None and state not in _NO_RELEASE_YET:
            raise Illegal(f"takes generation {number} to {state.value} without naming its release")
        self.generations[number] = after
        self.last = number
        self.under_way = None if state in SETTLED else number
        self._consequences(after, record)

    def _begun(self, record: Record) -> Generation:
        state, kind, number = t.cast(State, record.state), t.cast(Kind, record.kind), record.generation
        if number <= self.last:
            raise Illegal(f"is about generation {number}, and generation {self.last} came after that one")
        if state is not START:
            raise Illegal(f"begins generation {number} as {state.value}; a generation begins as {START.value}")
        if self.under_way is not None:
            current = self.generations[self.under_way]
            raise Illegal(
                f"begins generation {number} while generation {current.number} is under way ({current.state.value})"
            )
        if number != self.last + 1:
            raise Illegal(f"begins generation {number}, and the next one is {self.last + 1}")
        target = record.detail.get("rolls_back")
        if kind is Kind.ROLLBACK:
            self._check_target(target, record)
        elif target is not None:
            raise Illegal("is a promotion that names a generation to roll back")
        return Generation(
            number, kind, record.release, state, record.at, record.actor, record.at, record.detail, record.detail,
            (record,), target,
        )  # fmt: skip

    def _check_target(self, target: t.Any, record: Record) -> None:
        rolled = self.generations.get(target)
        if rolled is None:
            raise Illegal(f"is a rollback of generation {target}, which the ledger does not know")
        if target not in (self.active, self.broken):
            raise Illegal(
                f"is a rollback of generation {target}, which is {rolled.state.value}: neither the Active one nor the "
                "one that left the ring degraded"
            )
        if record.release is None:
            raise Illegal("is a rollback that names no release to go back to")

    @staticmethod
    def _check_step(before: Generation, record: Record) -> None:
        state = t.cast(State, record.state)
        if before.state is State.ACTIVE:
            raise Illegal(
                f"takes generation {before.number} from Active to {state.value}; only a newer generation does that"
            )
        if not allowed(before.state, state):
            raise Illegal(
                f"takes generation {before.number} from {before.state.value} to {state.value}, which is not allowed"
            )
        if record.kind is not before.kind:
            raise Illegal(f"makes generation {before.number} a {record.kind.value if record.kind else 'nothing'}")
        if before.release is not None and record.release != before.release:
            raise Illegal(
                f"gives generation {before.number} the release {short(record.release or 'none')}; "
                f"it is about {short(before.release)}"
            )

    def _consequences(self, after: Generation, record: Record) -> None:
        """What the step of one generation means for the others, and for the ring."""
        target = after.rolls_back
        if after.state in (State.DEPLOYING, State.ROLLING_BACK) and target is not None:
            self._derive(target, State.ROLLING_BACK, record)
        elif after.state is State.ACTIVE:
            self.broken = None
            if target is not None:
                self._derive(target, State.ROLLED_BACK, record)
            previous = self.generations.get(self.active) if self.active else None
            if previous is not None and previous.state is State.ACTIVE:
                self._derive(previous.number, State.SUPERSEDED, record)
            self.active = after.number
            self.verified = (*self.verified, after.number)
        elif after.state in (State.ROLLED_BACK, State.ROLLBACK_FAILED):
            # The rollback did not come about, whether or not the server could be put back as it was.
            if target is not None:
                self._derive(target, State.ROLLBACK_FAILED, record)
            if after.state is State.ROLLBACK_FAILED:
                self.broken = after.number
            elif target is None:
                self.broken = None
            elif self.broken == after.number:
                # Tried again, and now the ring is as it was before this rollback.
                self.broken = target if target != self.active else None

    def _derive(self, number: int, state: State, record: Record) -> None:
        other = self.generations[number]
        if other.state is state:
            return
        if not allowed(other.state, state):
            raise Illegal(f"takes generation {number} from {other.state.value} to {state.value}, which is not allowed")
        self.generations[number] = dataclasses.replace(other, state=state, since=record.at)

    def summary(self) -> Json:
        """All that the records after these need to know of them.

        The latest :data:`VERIFIED_KEPT` generations that became Active, the last of all, and the one that left the ring
        degraded; the holds and the vetoes as records, without the statements that some of them hold.
        """
        kept = {*self.verified[-VERIFIED_KEPT:], *(n for n in (self.active, self.last, self.broken) if n)}
        return {
            "last": self.last,
            "active": self.active,
            "under_way": self.under_way,
            "broken": self.broken,
            "generations": [self._row(self.generations[number]) for number in sorted(kept)],
            "holds": [_without_statement(self.holds[release]) for release in sorted(self.holds)],
            "vetoes": [_without_statement(self.vetoes[release]) for release in sorted(self.vetoes)],
        }

    def _row(self, generation: Generation) -> Json:
        return {
            "number": generation.number,
            "kind": generation.kind.value,
            "release": generation.release,
            "state": generation.state.value,
            "since": generation.since,
            "requested_by": generation.requested_by.to_json(),
            "requested_at": generation.requested_at,
            "rolls_back": generation.rolls_back,
            "verified": generation.number in self.verified,
        }

    @classmethod
    def from_summary(cls, summary: Json) -> Fold:
        """The fold that goes on after the records that were summed up.

        :raises KeyError, TypeError, ValueError, CollectionError: when it is no summary.
        """
        fold = cls()
        fold.last, fold.active, fold.broken = summary["last"], summary["active"], summary["broken"]
        if summary["under_way"] is not None:
            raise ValueError(f"generation {summary['under_way']} was under way")
        for row in summary["generations"]:
            fields = {**row, "kind": Kind(row["kind"]), "state": State(row["state"])}
            fields["requested_by"] = Actor.from_json(row["requested_by"])
            if fields.pop("verified"):
                fold.verified = (*fold.verified, row["number"])
            fold.generations[row["number"]] = Generation(**fields, detail={}, last_detail={}, transitions=())
        for name, kept in (("holds", fold.holds), ("vetoes", fold.vetoes)):
            for document in summary[name]:
                record = Record.from_json(document)
                kept[record.release or ""] = record
        if fold.active is not None and fold.active not in fold.verified:
            raise ValueError(f"generation {fold.active} is Active and not among the verified ones")
        return fold


def _without_statement(record: Record) -> Json:
    document = record.to_json()
    detail = {**record.detail, "reason": record.detail["reason"].strip()[:100]}
    document["detail"] = {key: value for key, value in detail.items() if key in ("held", "reason")}
    return document
