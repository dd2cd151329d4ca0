# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fence says of a run in a model's world: the workers' real decision, and the ones that are planted."""

from __future__ import annotations

import datetime
import functools
import typing as t

from hotpass_fence.decision import Outcome, Permit, Situation, decide
from hotpass_fence.decision import Pair as RealPair

from tests.model.ledger import DEPLOYING, VALIDATING, Ledger, release_of

RUN, PUT_OFF, REFUSED = Outcome.RUN, Outcome.PUT_OFF, Outcome.REFUSE
NOTHING = (0, 0)
_NOW = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)
_HOUR = datetime.timedelta(hours=1)

Pair = tuple[int, int]
"""Generation and digest that an object names; :data:`NOTHING` when it is paused and names none."""


class Fence(t.Protocol):
    """Decides on a run.

    :param late: whether what was granted to the generation under way has expired.
    :param pair: what the run's deployment names.
    :param tag: number of the generation whose permit the run carries; 0 for a run that carries none.
    """

    def __call__(self, ledger: Ledger, late: bool, pair: Pair, tag: int) -> Outcome: ...


def pair_of(ledger: Ledger, number: int) -> Pair:
    """What objects name when a generation is applied; nothing for number 0."""
    return (number, ledger.at(number).digest) if number else NOTHING


def permitted(ledger: Ledger, late: bool, pair: Pair, tag: int) -> bool:
    """Whether a permit covers a run; written down anew, for the fence to be held against it."""
    number = ledger.under_way
    if not number or late or tag != number or pair != pair_of(ledger, number):
        return False
    own = ledger.at(number)
    return own.permit and own.state in (DEPLOYING, VALIDATING)


@functools.cache
def real(ledger: Ledger, late: bool, pair: Pair, tag: int) -> Outcome:
    """The decision of the workers' package."""
    number = ledger.under_way
    permits: tuple[Permit, ...] = ()
    if number and ledger.at(number).permit and ledger.at(number).state in (DEPLOYING, VALIDATING):
        permits = (Permit("smoke", f"smoke-g{number}", 1, _NOW - _HOUR if late else _NOW + _HOUR),)
    situation = Situation(_pair(ledger, ledger.active), _pair(ledger, number), permits)
    own = RealPair(pair[0], release_of(pair[1]))
    return decide(own, situation, [f"smoke-g{tag}"] if tag else [], _NOW, lambda _tag: 1).outcome


def _pair(ledger: Ledger, number: int) -> RealPair | None:
    return RealPair(number, release_of(ledger.at(number).digest)) if number else None


def none_at_all(_ledger: Ledger, _late: bool, _pair: Pair, _tag: int) -> Outcome:
    """No fence: whatever the deployment names runs."""
    return RUN


def newest(ledger: Ledger, late: bool, pair: Pair, tag: int) -> Outcome:
    """Takes the newest generation for the one to run, as a fence on the head of the ledger would."""
    head = len(ledger.generations)
    return RUN if head and pair == pair_of(ledger, head) else real(ledger, late, pair, tag)


def still(ledger: Ledger, late: bool, pair: Pair, tag: int) -> Outcome:
    """Lets the Active pair run only while it is also the head: as safe, and it stops what could go on."""
    if ledger.under_way and pair == pair_of(ledger, ledger.active):
        return PUT_OFF
    return real(ledger, late, pair, tag)


def without_tag(ledger: Ledger, late: bool, pair: Pair, _tag: int) -> Outcome:
    """Does not ask a run for the permit's tag."""
    return real(ledger, late, pair, ledger.under_way)


def without_expiry(ledger: Ledger, _late: bool, pair: Pair, tag: int) -> Outcome:
    """Does not ask whether the permit has expired."""
    return real(ledger, False, pair, tag)
