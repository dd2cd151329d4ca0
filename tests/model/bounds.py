# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worlds that CI looks at, and the bugs that it plants in them."""

from __future__ import annotations

import dataclasses
import typing as t

from tests.model import fences
from tests.model.actors import PROMOTER, RECONCILER, ROLLBACKER, Role, Rules
from tests.model.settings import BLIND, OVERWRITE, Settings

_A, _B, _C, _D = 1, 2, 3, 4


def _promoters(*digests: int, starts: int = 1) -> tuple[Role, ...]:
    return tuple(Role(PROMOTER, digest, starts) for digest in digests)


_ROLLBACK = Role(ROLLBACKER, starts=1)
_RECONCILE = Role(RECONCILER, starts=1)

WORLDS: t.Final[dict[str, Settings]] = {
    "empty ring, 2 promoters and a reconciler that may die": Settings(
        (*_promoters(_A, _B, starts=2), Role(RECONCILER, starts=2)), plain=0, objects=1
    ),
    "empty ring, 2 promoters, 2 objects, a run": Settings((*_promoters(_A, _B), _RECONCILE)),
    "empty ring, 3 promoters": Settings((*_promoters(_A, _B, _C), _RECONCILE), plain=0),
    "3 promoters, a run": Settings((*_promoters(_B, _C, _D), _RECONCILE), history=(_A,), objects=1),
    "2 promoters, a rollback, 2 objects": Settings(
        (*_promoters(_B, _C), _ROLLBACK, _RECONCILE), history=(_A,), plain=0, rules=Rules(generations=4)
    ),
    "2 promoters, a rollback, a run": Settings(
        (*_promoters(_B, _C), _ROLLBACK, _RECONCILE), history=(_A,), objects=1, rules=Rules(generations=4)
    ),
    "1 promoter, a rollback, a run with and one without a permit": Settings(
        (*_promoters(_B), _ROLLBACK, _RECONCILE), history=(_A,), tagged=1, objects=1
    ),
    "1 promoter, a rollback, 2 objects, a write that fails": Settings(
        (*_promoters(_C), _ROLLBACK, _RECONCILE), history=(_A, _B), plain=0, failures=1, rules=Rules(generations=5)
    ),
    "approval, 2 promoters that may die or take the other's place": Settings(
        (*_promoters(_B, _C, starts=2), _RECONCILE),
        history=(_A,),
        plain=0,
        objects=1,
        rules=Rules(approval=True, supersede=True, generations=4),
    ),
}

_TWO = (*_promoters(_B, _C), _RECONCILE)
# What the bugs are planted in.
HEALTHY: t.Final = Settings(_TWO, history=(_A,), objects=1)


class Planted(t.NamedTuple):
    """A bug, and the invariant that it breaks."""

    settings: Settings
    invariant: str


def _planted(invariant: str, **changes: t.Any) -> Planted:
    return Planted(dataclasses.replace(HEALTHY, **changes), invariant)


BUGS: t.Final[dict[str, Planted]] = {
    "no fence": _planted("I2", fence=fences.none_at_all),
    "no fence, older than what ran before": _planted("I3r", fence=fences.none_at_all),
    "no compare-and-swap, one variable that is overwritten": _planted("I3", append=OVERWRITE),
    "no compare-and-swap, as runs see it": _planted("I3r", append=OVERWRITE),
    "no compare-and-swap, records behind whatever is there": _planted("I4", append=BLIND),
    "a fence on the head of the ledger": _planted("I2", fence=fences.newest),
    "a fence on the head of the ledger, two at once": _planted("I1", fence=fences.newest, objects=2),
    "a fence that asks for no tag": _planted("I2", fence=fences.without_tag),
    "a fence that takes expired permits": _planted("I2", fence=fences.without_expiry, tagged=1, plain=0),
    "bytes fetched by name, after the fence": _planted("I2", by_name=True),
    "a reconciler that does not read again before it appends": _planted("I4", unread=True),
    "a loser that goes on": _planted("I6", loser_goes_on=True),
    "nobody may go on with what another process began": _planted("I5", rules=Rules(takeover=False), plain=0),
    "a reconciler that repairs by what it read before it finished": _planted(
        "I5", rules=Rules(old_repair=True), plain=0
    ),
}
