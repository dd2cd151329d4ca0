# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a ring comes to rest again (I5): from every state in which all actors died and time has passed."""

from __future__ import annotations

import dataclasses
import typing as t

from tests.model.actors import PROMOTER, RECONCILER, ROLLBACKER, Role
from tests.model.fences import NOTHING, Pair, pair_of
from tests.model.ledger import ACTIVE, AWAITING, PROMOTE, ROLLBACK, ROLLBACK_FAILED, SETTLED_CODES, STATES, Ledger
from tests.model.search import Finding, Result, way
from tests.model.words import say
from tests.model.world import State, World

_NEW_DIGEST = 9
_PLENTY = 99
_Left = tuple[int, tuple[Pair, ...]]
"""What the dead leave behind: the number of a ledger, and what the objects name."""


class Alone:
    """A ring in which one actor is run once, by itself, and nothing fails; its verdicts are still anybody's guess."""

    def __init__(self, world: World, role: Role) -> None:
        own = world.settings
        rules = own.rules._replace(generations=_PLENTY, approval=False)
        settings = dataclasses.replace(own, roles=(role,), rules=rules, plain=0, tagged=0, failures=0)
        self.world = World(settings, world.book)

    def state(self, ledger: Ledger, objects: tuple[Pair, ...]) -> State:
        """The moment before it is run. What was granted to a generation under way has expired."""
        return State(self.world.number_of(ledger), bool(ledger.under_way), objects, NOTHING, 0, (0,), (1,), ())

    def ends(self, first: State) -> tuple[list[State], bool]:
        """Every state in which the run may end, and whether it is sure to end."""
        ends: list[State] = []
        done: dict[State, bool] = {}
        stack: list[tuple[State, t.Iterator[State]]] = []

        def enter(state: State) -> None:
            done[state] = False
            # Nobody else acts, and time stands still: only the actor's own steps count.
            following = [
                s.state
                for s in self.world.successors(state)
                if (s.state.actors, s.state.starts) != (state.actors, state.starts)
            ]
            if not following:
                ends.append(state)
            stack.append((state, iter(following)))

        enter(first)
        while stack:
            state, following = stack[-1]
            after = next(following, None)
            if after is None:
                done[state] = True
                stack.pop()
            elif after not in done:
                enter(after)
            elif not done[after]:
                return ends, False
        return ends, True


def recover(world: World, result: Result) -> tuple[int, Finding | None]:
    """Run the reconciler, and whoever began what is under way, from everything that the dead may leave behind.

    :param result: of a search of ``world`` that found nothing.
    :returns: how many such remains there are, and the first from which the ring does not come to rest.
    """
    settings = world.settings
    reconciler = Alone(world, Role(RECONCILER, starts=1))
    roles = {role._replace(starts=1) for role in settings.roles if role.name != RECONCILER}
    owners = {(role.name, role.digest): Alone(world, role) for role in roles}
    successor = Alone(world, Role(PROMOTER, _NEW_DIGEST, 1))
    seen: set[_Left] = set()
    goes_on: dict[tuple[Ledger, tuple[Pair, ...]], bool] = {}
    for state in result.parents:
        left = state.ledger, state.objects
        if left in seen:
            continue
        seen.add(left)
        ledger = world.ledgers[state.ledger]
        wrong = _wrong(reconciler, ledger, state.objects, _rest)
        if wrong is None and ledger.under_way:
            own = ledger.at(ledger.under_way)
            owner = owners[(PROMOTER, own.digest) if own.kind == PROMOTE else (ROLLBACKER, 0)]
            wrong = _wrong(owner, ledger, state.objects, _settled)
        if wrong is None and not ledger.under_way and _rest(ledger, state.objects) is None:
            key = ledger, state.objects
            if key not in goes_on:
                ends, _sure = successor.ends(successor.state(*key))
                reached = [successor.world.ledgers[end.ledger] for end in ends]
                goes_on[key] = any(after.active and after.at(after.active).digest == _NEW_DIGEST for after in reached)
            wrong = None if goes_on[key] else "no other release can become Active any more"
        if wrong:
            trace = [*way(world, result.parents, state), "all actors die"]
            return len(seen), Finding("I5", wrong, trace)
    return len(seen), None


def _wrong(alone: Alone, ledger: Ledger, objects: tuple[Pair, ...], goal: t.Callable[..., str | None]) -> str | None:
    name = alone.world.settings.roles[0].name
    ends, sure = alone.ends(alone.state(ledger, objects))
    if not sure:
        return f"a {name} that is run alone may go on for ever"
    for end in ends:
        wrong = goal(alone.world.ledgers[end.ledger], end.objects)
        if wrong:
            return f"after a {name} was run alone, {wrong}"
    return None


def _settled(ledger: Ledger, _objects: tuple[Pair, ...]) -> str | None:
    for number, own in enumerate(ledger.generations, 1):
        if own.state not in SETTLED_CODES:
            return f"generation {number} is still {STATES[own.state].value}"
    return None


def _rest(ledger: Ledger, objects: tuple[Pair, ...]) -> str | None:
    """What keeps a ring from being at rest: settled, and every object names the one that is Active, if one ever was.

    A rollback that failed is for a person to decide on, and so is a generation that waits for approval: until then runs
    of anything but the last Active release are refused, which I1 and I2 say.
    """
    if ledger.under_way and ledger.at(ledger.under_way).state == AWAITING:
        return None
    if unsettled := _settled(ledger, objects):
        return unsettled
    if ledger.generations and ledger.degraded and ledger.generations[-1].kind == ROLLBACK:
        return None
    active = [own for own in ledger.generations if own.state == ACTIVE]
    if ledger.active:
        state = ledger.at(ledger.active).state
        if len(active) != (state == ACTIVE) or (state != ACTIVE and (state != ROLLBACK_FAILED or not ledger.degraded)):
            return f"not one generation is Active but {len(active)}"
    elif active:
        return "a generation is Active that never became it"
    pair = pair_of(ledger, ledger.active)
    if any(named != pair for named in objects):
        return f"the objects name {', '.join(map(say, objects))} instead of {say(pair)}"
    return None
