# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to hold in every world."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release.fold import Illegal

from tests.model.fences import NOTHING, RUN, Fence, Pair
from tests.model.ledger import ACTIVE, Ledger, check_table
from tests.model.words import letter, say

INVARIANTS: t.Final = {
    "I1": "never two Active, and never two releases let in as Active at once",
    "I2": "no run executes bytes other than its permit's, or those that were Active when it asked the fence",
    "I3": "generations only grow in the ledger, and none is changed or lost",
    "I3r": "generations only grow in what runs are let in with as Active",
    "I4": "every change of a generation's state is in the transition table",
    "I5": "wherever all actors died, running one again brings the ring to rest",
    "I6": "who has learned that an append is lost writes no object",
}

Problem = tuple[str, str]
"""The invariant that does not hold, and how."""


def at_once(fence: Fence, ledger: Ledger, late: bool, objects: tuple[Pair, ...]) -> tuple[Problem, ...]:
    """What is wrong with a moment as such (I1)."""
    problems: list[Problem] = []
    active = [number for number, own in enumerate(ledger.generations, 1) if own.state == ACTIVE]
    if len(active) > 1:
        problems.append(("I1", f"generations {active} are Active at once"))
    let_in = {pair for pair in objects if pair != NOTHING and fence(ledger, late, pair, 0) is RUN}
    if len(let_in) > 1:
        problems.append(("I1", f"runs are let in as Active with {' and '.join(map(say, sorted(let_in)))} at once"))
    return tuple(problems)


def growth(before: Ledger, after: Ledger) -> tuple[Problem, ...]:
    """What is wrong with a ledger that became another one (I3, I4)."""
    problems: list[Problem] = []
    for number, old in enumerate(before.generations, 1):
        new = after.at(number) if number <= len(after.generations) else None
        if new is None or (new.kind, new.digest) != (old.kind, old.digest):
            is_now = f"a {new.kind} to {letter(new.digest)}" if new else "gone"
            problems.append(("I3", f"generation {number} was a {old.kind} to {letter(old.digest)} and is {is_now}"))
    if after.active < before.active:
        problems.append(("I3", f"Active was generation {before.active} and is {after.active}"))
    if not problems:
        try:
            check_table(before, after)
        except Illegal as error:
            problems.append(("I4", str(error)))
    return tuple(problems)
