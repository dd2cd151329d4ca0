# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who acts in a model's world, and what each does next, given what it has read of the ledger.

Nobody keeps anything but the ledger: what an actor does next follows from a read, so that a new process, after a crash,
goes on where the old one was, and an old one that wakes up late is just as able to do harm as in life.
"""

from __future__ import annotations

import typing as t

from tests.model.fences import Pair, pair_of
from tests.model.ledger import (
    ACTIVE,
    APPROVED,
    AWAITING,
    BEFORE_WRITES_CODES,
    CANCELLED,
    DEPLOYING,
    EXPIRED,
    PROMOTE,
    QUEUED,
    REJECTED,
    REJECTION,
    RESOLVING,
    ROLLBACK,
    ROLLBACK_FAILED,
    ROLLED_BACK,
    ROLLING_BACK,
    SUPERSEDED,
    VALIDATING,
    Ledger,
    Step,
)

PROMOTER, ROLLBACKER, RECONCILER = "promoter", "rollbacker", "reconciler"


class Append(t.NamedTuple):
    """About to append.

    :param view: of the ledger: 1 while it is what was read, 0 when somebody else has appended since. Where appending
        does not compare, the number of the ledger that was read.
    """

    step: Step
    view: int


class Write(t.NamedTuple):
    """About to overwrite one object, or, behind the last one, to read all of them back.

    :param then: to append when all of them name the pair; None for the repair of a settled ring.
    :param otherwise: to append when a write failed, or the objects name something else after all.
    :param lost: whether it goes on although it lost an append.
    """

    index: int
    pair: Pair
    then: Step | None
    otherwise: Step | None
    view: int
    lost: bool = False


class Role(t.NamedTuple):
    """An actor.

    :param digest: that a promoter brings.
    :param starts: how often it may be started; from the second on, its last run died where it was.
    """

    name: str
    digest: int = 0
    starts: int = 2


class Rules(t.NamedTuple):
    """What a world's actors go by.

    :param approval: whether the ring asks for approval.
    :param supersede: whether a promoter may take the place of another that has not written yet.
    :param generations: the most that may begin.
    :param takeover: whether anybody but the process that began a generation may go on with it.
    :param old_repair: whether a reconciler that has finished a generation repairs by what was Active when it started.
    """

    approval: bool = False
    supersede: bool = False
    generations: int = 3
    takeover: bool = True
    old_repair: bool = False


DEFAULT_RULES = Rules()
Next = Append | Write


def decide(rules: Rules, role: Role, ledger: Ledger, late: bool, begun: bool) -> list[Next]:
    """What an actor may do after a read; nothing when it is done or has to stop.

    :param late: whether what was granted to the generation under way has expired.
    :param begun: whether this process has appended before: then it goes on with its generation, or stops.
    """
    number = ledger.under_way
    if number and not begun and not rules.takeover:
        return []
    if role.name == RECONCILER:
        return _reconcile(rules, ledger, late, begun)
    kind = ROLLBACK if role.name == ROLLBACKER else PROMOTE
    if number:
        own = ledger.at(number)
        if own.kind == kind and role.digest in (0, own.digest):
            return _carry_on(rules, ledger, late)
        if rules.supersede and kind == PROMOTE and not begun and own.state in BEFORE_WRITES_CODES:
            return [move(ledger, number, SUPERSEDED)]
        return []
    if len(ledger.generations) >= rules.generations or (begun and not _made_way(ledger, role)):
        return []
    return _roll_back(ledger) if kind == ROLLBACK else _promote(ledger, role.digest)


def _made_way(ledger: Ledger, role: Role) -> bool:
    last = ledger.generations[-1]
    return last.state == SUPERSEDED and not last.verified and last.digest != role.digest


def _promote(ledger: Ledger, digest: int) -> list[Next]:
    active = ledger.at(ledger.active).digest if ledger.active else 0
    held = any(old.digest == digest and old.state == ROLLED_BACK for old in ledger.generations)
    if digest == active or held:
        return []
    return [Append(Step("queue", len(ledger.generations) + 1, PROMOTE, digest), 1)]


def _roll_back(ledger: Ledger) -> list[Next]:
    if not ledger.active or ledger.at(ledger.active).kind == ROLLBACK:
        return []
    bad = ledger.at(ledger.active).digest
    good = [old.digest for old in ledger.generations[: ledger.active - 1] if old.verified and old.digest != bad]
    if not good:
        return []
    return [Append(Step("queue", len(ledger.generations) + 1, ROLLBACK, good[-1], rolls_back=ledger.active), 1)]


def _carry_on(rules: Rules, ledger: Ledger, late: bool) -> list[Next]:
    number = ledger.under_way
    own = ledger.at(number)
    if own.state == QUEUED:
        return [move(ledger, number, RESOLVING)]
    if own.state == RESOLVING:
        return [move(ledger, number, AWAITING if rules.approval and own.kind == PROMOTE else DEPLOYING)]
    if own.state == AWAITING:
        if own.answer == REJECTION or late:
            return [move(ledger, number, EXPIRED if late else REJECTED)]
        return [move(ledger, number, DEPLOYING)] if own.answer == APPROVED else []
    if own.state == DEPLOYING:
        return [deploy(ledger, number)]
    if own.state == VALIDATING:
        if not own.permit:
            return [Append(Step("permit", number, own.kind, own.digest), 1)]
        # Every verdict is possible; one that is not there in time is no pass.
        verdicts = (ROLLING_BACK,) if late else (ACTIVE, ROLLING_BACK)
        return [move(ledger, number, verdict) for verdict in verdicts]
    if own.kind == ROLLBACK:
        # It would bring back what it was to be rid of.
        return [move(ledger, number, ROLLBACK_FAILED)]
    then, otherwise = move(ledger, number, ROLLED_BACK), move(ledger, number, ROLLBACK_FAILED)
    return [Write(0, pair_of(ledger, ledger.active), then.step, otherwise.step, 1)]


def _reconcile(rules: Rules, ledger: Ledger, late: bool, begun: bool) -> list[Next]:
    number = ledger.under_way
    if not number:
        return _repair(rules, ledger, begun)
    own = ledger.at(number)
    if own.state == AWAITING:
        # It waits for a person, and running its promotion again ends it.
        return []
    onward = _carry_on(rules, ledger, late)
    if own.state in BEFORE_WRITES_CODES:
        return onward if begun and own.kind == ROLLBACK else [move(ledger, number, CANCELLED)]
    back = move(ledger, number, ROLLING_BACK)
    if own.state == ROLLING_BACK or own.kind == ROLLBACK or back in onward:
        return onward
    return [*onward, back]


def _repair(rules: Rules, ledger: Ledger, begun: bool) -> list[Next]:
    newest = len(ledger.generations)
    if newest and ledger.at(newest).state == ROLLBACK_FAILED:
        if begun:
            return []
        return _roll_back(ledger) if ledger.at(newest).kind == ROLLBACK else [move(ledger, newest, ROLLING_BACK)]
    active = ledger.active
    if rules.old_repair and begun and active == newest:
        active = max((n for n, own in enumerate(ledger.generations[: active - 1], 1) if own.verified), default=0)
    return [Write(0, pair_of(ledger, active), None, None, 1)]


def deploy(ledger: Ledger, number: int, lost: bool = False) -> Write:
    """About to let every object name a generation."""
    then, otherwise = move(ledger, number, VALIDATING), move(ledger, number, ROLLING_BACK)
    return Write(0, pair_of(ledger, number), then.step, otherwise.step, 1, lost)


def move(ledger: Ledger, number: int, state: int) -> Append:
    """About to append a transition."""
    own = ledger.at(number)
    return Append(Step("move", number, own.kind, own.digest, state), 1)
