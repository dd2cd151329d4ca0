# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a flow run does: it takes its deployment's pair, asks the fence, and executes, with time in between."""

from __future__ import annotations

import typing as t

from tests.model.fences import NOTHING, RUN, Fence, Pair, pair_of, permitted
from tests.model.invariants import Problem
from tests.model.ledger import VALIDATING, Ledger
from tests.model.words import letter, say


class Moment(t.NamedTuple):
    """What a run can see, and ``seen``, the newest pair that a run was let in with as Active."""

    ledger: Ledger
    late: bool
    objects: tuple[Pair, ...]
    seen: Pair


class Made(t.NamedTuple):
    """Created with the tag of a generation's permit, not started yet."""

    tag: int


class Asks(t.NamedTuple):
    """Started with what its deployment named, about to ask the fence."""

    pair: Pair
    tag: int


class Runs(t.NamedTuple):
    """Let in, about to execute.

    :param fine: the digests that it may execute: Active, or permitted to it, when it asked.
    """

    digest: int
    fine: frozenset[int]


RunAt = Made | Asks | Runs
Step = tuple[str, RunAt | None, Pair, tuple[Problem, ...]]
"""In words, where the run is then, what is ``seen`` then, and what is wrong with it (I2, I3r)."""


def steps(fence: Fence, by_name: bool, now: Moment, at: RunAt | None, tagged: bool) -> list[Step]:
    """Everything that a run may do next.

    :param by_name: whether it executes what its deployment names by then, and not what it asked the fence for.
    :param at: where it is; None before it exists, and again when it is done: then the next one takes its place.
    """
    if at is None and tagged:
        number = now.ledger.under_way
        if not number or not now.ledger.at(number).permit or now.ledger.at(number).state != VALIDATING:
            return []
        return [(f"is created with the tag of generation {number}'s permit", Made(number), now.seen, ())]
    if at is None or isinstance(at, Made):
        tag = at.tag if at else 0
        named = sorted({*now.objects} - {NOTHING})
        return [(f"starts: its deployment names {say(pair)}", Asks(pair, tag), now.seen, ()) for pair in named]
    if isinstance(at, Asks):
        return [_ask(fence, now, at)]
    executed = now.objects[0][1] if by_name else at.digest
    if not executed:
        return [("finds nothing to execute", None, now.seen, ())]
    problem = ("I2", f"a run executed {letter(executed)}, which was neither Active nor permitted to it when it asked")
    return [(f"executes {letter(executed)}", None, now.seen, () if executed in at.fine else (problem,))]


def _ask(fence: Fence, now: Moment, at: Asks) -> Step:
    pair, seen = at.pair, now.seen
    outcome = fence(now.ledger, now.late, pair, at.tag)
    if outcome is not RUN:
        return (f"asks the fence about {say(pair)}: {outcome.value}", None, seen, ())
    active = pair_of(now.ledger, now.ledger.active)
    if permitted(now.ledger, now.late, pair, at.tag):
        fine = frozenset({active[1], pair[1]})
        return (f"asks the fence about {say(pair)}: run, by permit", Runs(pair[1], fine), seen, ())
    problems: tuple[Problem, ...] = ()
    if pair[0] < seen[0] or (pair[0] == seen[0] and pair != seen):
        problems = (("I3r", f"a run was let in with {say(pair)} after another with {say(seen)}"),)
    after = Runs(pair[1], frozenset({active[1]}))
    return (f"asks the fence about {say(pair)}: run", after, max(pair, seen), problems)
