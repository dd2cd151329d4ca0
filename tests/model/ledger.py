# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ring's ledger in a model's world. What a record does to it is decided by the collection's own fold.

A :class:`Ledger` is the part of the fold that decides what can still happen, as small values that hash fast; behind
each stands a real :class:`Fold`, which takes the next record in, and so the real transition table.
"""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release.fold import Fold, Illegal
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import GENESIS, Actor, Event, Kind, Record
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import (
    BEFORE_WRITES,
    SETTLED,
    State,
    allowed,
)

# Numbers instead of the enumeration's members, whose hash is computed in Python each time.
STATES: t.Final = tuple(State)
CODE: t.Final = {state: number for number, state in enumerate(STATES)}
QUEUED, RESOLVING, AWAITING = CODE[State.QUEUED], CODE[State.RESOLVING], CODE[State.AWAITING_APPROVAL]
DEPLOYING, VALIDATING, ACTIVE = CODE[State.DEPLOYING], CODE[State.VALIDATING], CODE[State.ACTIVE]
ROLLING_BACK, ROLLED_BACK = CODE[State.ROLLING_BACK], CODE[State.ROLLED_BACK]
ROLLBACK_FAILED, SUPERSEDED = CODE[State.ROLLBACK_FAILED], CODE[State.SUPERSEDED]
REJECTED, EXPIRED, CANCELLED = CODE[State.REJECTED], CODE[State.EXPIRED], CODE[State.CANCELLED]
SETTLED_CODES: t.Final = frozenset(CODE[state] for state in SETTLED)
BEFORE_WRITES_CODES: t.Final = frozenset(CODE[state] for state in BEFORE_WRITES)

PROMOTE, ROLLBACK = Kind.PROMOTE.value, Kind.ROLLBACK.value
NO_ANSWER, APPROVED, REJECTION = 0, 1, 2

SOLUTION, RING = "hotpass", "dev"
AT = "2026-01-31T10:20:30.000000Z"
_SOMEBODY = Actor("somebody")
_NEVER = "2099-01-01T00:00:00Z"


class Generation(t.NamedTuple):
    """One promotion or rollback.

    :param digest: number of the release, from 1.
    :param state: index in :data:`STATES`.
    :param rolls_back: number of the generation that a rollback undoes; 0 for a promotion.
    :param permit: whether its validation runs were permitted, while it is under way.
    :param answer: of the approver, while it is under way.
    :param verified: whether it ever was Active.
    """

    kind: str
    digest: int
    state: int
    rolls_back: int
    permit: bool
    answer: int
    verified: bool


class Ledger(t.NamedTuple):
    """What the records amount to.

    :param generations: number 1 first.
    :param active: number of the generation with the last Active record; 0 before the first.
    :param under_way: number of the generation that is not settled; 0 for none.
    :param degraded: whether a rollback has failed and nothing became Active since.
    """

    generations: tuple[Generation, ...] = ()
    active: int = 0
    under_way: int = 0
    degraded: bool = False

    def at(self, number: int) -> Generation:
        """Generation of a number."""
        return self.generations[number - 1]


class Step(t.NamedTuple):
    """One record to append.

    :param event: ``queue``, ``move``, ``permit`` or ``answer``.
    :param number: of the generation; for ``queue`` the one that the writer believes to be next.
    :param digest: number of the release.
    :param value: the state, or the answer.
    """

    event: str
    number: int
    kind: str
    digest: int
    value: int = 0
    rolls_back: int = 0


class Book:
    """Every ledger that was reached, each with the fold behind it."""

    def __init__(self) -> None:
        self._folds: dict[Ledger, Fold] = {Ledger(): Fold()}
        self._origins: dict[Ledger, tuple[Ledger, Step]] = {}
        self._after: dict[tuple[Ledger, Step], Ledger | str] = {}

    def append(self, ledger: Ledger, step: Step) -> Ledger:
        """The ledger with one more record.

        :raises Illegal: as the collection's fold does.
        """
        key = ledger, step
        if key not in self._after:
            try:
                self._after[key] = self._append(ledger, step)
            except Illegal as error:
                self._after[key] = str(error)
        after = self._after[key]
        if isinstance(after, str):
            raise Illegal(after)
        return after

    def _append(self, ledger: Ledger, step: Step) -> Ledger:
        fold = self._folds[ledger].copy()
        fold.step(record_of(step))
        after = _look(fold)
        if after not in self._folds:
            self._folds[after] = fold
            self._origins[after] = ledger, step
        return after

    def steps(self) -> t.Iterator[tuple[Ledger, Ledger]]:
        """Every ledger that a record was appended to, and what it became."""
        return ((before, after) for (before, _step), after in self._after.items() if isinstance(after, Ledger))

    def history(self, ledger: Ledger) -> list[Record]:
        """The records behind the fold of a ledger, chained as the collection chains them."""
        steps: list[Step] = []
        while ledger in self._origins:
            ledger, step = self._origins[ledger]
            steps.append(step)
        records: list[Record] = []
        for step in reversed(steps):
            previous = records[-1].digest if records else GENESIS
            records.append(record_of(step, len(records) + 1, previous))
        return records


def check_table(before: Ledger, after: Ledger) -> None:
    """Hold every change of every generation against the table, whatever the fold thinks of it.

    :raises Illegal: naming the generation.
    """
    for index, new in enumerate(after.generations):
        old = STATES[before.generations[index].state] if index < len(before.generations) else None
        state = STATES[new.state]
        if old is not state and not allowed(old, state):
            raise Illegal(f"takes generation {index + 1} from {old.value if old else 'nothing'} to {state.value}")


def record_of(step: Step, sequence: int = 1, previous: str = GENESIS) -> Record:
    """The collection's record for a step."""
    state, detail, event = None, {}, Event.TRANSITION
    if step.event == "queue":
        state, detail = State.QUEUED, {"rolls_back": step.rolls_back} if step.rolls_back else {}
    elif step.event == "move":
        state = STATES[step.value]
    elif step.event == "permit":
        event = Event.PERMIT
        detail = {"purpose": "smoke", "tag": f"smoke-g{step.number}", "max_runs": 1, "expires": _NEVER}
    else:
        event = Event.APPROVAL
        detail = {"decision": "approve" if step.value == APPROVED else "reject", "envelope": {"payload": ""}}
    return Record(
        solution=SOLUTION,
        ring=RING,
        sequence=sequence,
        generation=step.number,
        kind=Kind(step.kind) if state else None,
        event=event,
        state=state,
        release=release_of(step.digest),
        previous=previous,
        at=AT,
        actor=_SOMEBODY,
        token="0" * 32,
        detail=detail,
    )


def promotion(number: int, digest: int) -> list[Step]:
    """The records of a promotion that went well."""
    states = (RESOLVING, DEPLOYING, VALIDATING, ACTIVE)
    moves = [Step("move", number, PROMOTE, digest, state) for state in states]
    return [Step("queue", number, PROMOTE, digest), *moves]


def release_of(digest: int) -> str:
    """The name of a release by its number."""
    return f"sha256:{digest:064x}"


def _look(fold: Fold) -> Ledger:
    generations = []
    for number in range(1, fold.last + 1):
        found = fold.generations[number]
        current = number == fold.under_way
        answers = [record.detail["decision"] for record in fold.approvals.get(number, ())]
        generations.append(
            Generation(
                kind=found.kind.value,
                digest=int(str(found.release)[7:], 16),
                state=CODE[found.state],
                rolls_back=found.rolls_back or 0,
                permit=current and bool(fold.permits.get(number)),
                answer=(REJECTION if "reject" in answers else APPROVED) if answers and current else NO_ANSWER,
                verified=number in fold.verified,
            )
        )
    return Ledger(tuple(generations), fold.active or 0, fold.under_way or 0, fold.degraded)
