# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Search of a world: every state that can be reached, and the shortest way to one that must not be."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from tests.model.fences import NOTHING, RUN, pair_of
from tests.model.world import State, World


@dataclasses.dataclass
class Finding:
    """Something that must not be.

    :param trace: what happened, one sentence a step, shortest first found.
    """

    invariant: str
    sentence: str
    trace: list[str]

    def __str__(self) -> str:
        steps = "\n".join(f"  {number:2}. {step}" for number, step in enumerate(self.trace, 1))
        return f"{self.invariant} does not hold: {self.sentence}\n{steps}"


@dataclasses.dataclass
class Result:
    """What a search found.

    :param depth: steps on the longest of the shortest ways to a state.
    :param seconds: of the processor.
    :param parents: the state each state was first reached from; None for the first.
    """

    states: int
    transitions: int
    depth: int
    seconds: float
    finding: Finding | None
    parents: dict[State, State | None]


def search(world: World, only: t.Collection[str] = (), most: int | None = None) -> Result:
    """Look at every state, breadth first, until something is wrong.

    :param only: the invariants to look at; all, when empty.
    :param most: states to look at before the search is given up, without a finding.
    """
    began = time.process_time()
    first = world.begin()
    parents: dict[State, State | None] = {first: None}
    layer, depth, transitions = [first], 0, 0

    def result(finding: Finding | None) -> Result:
        return Result(len(parents), transitions, depth, time.process_time() - began, finding, parents)

    while layer and (most is None or len(parents) < most):
        following: list[State] = []
        for state in layer:
            for successor in world.successors(state):
                transitions += 1
                after = successor.state
                known = after in parents
                problems = successor.problems if known else (*successor.problems, *world.judge(after))
                for invariant, sentence in problems:
                    if not only or invariant in only:
                        trace = [*way(world, parents, state), successor.label]
                        return result(Finding(invariant, sentence, trace))
                if not known:
                    parents[after] = state
                    following.append(after)
        layer = following
        depth += bool(layer)
    return result(None)


def way(world: World, parents: t.Mapping[State, State | None], state: State) -> list[str]:
    """What happened from the first state to this one."""
    labels: list[str] = []
    before = parents[state]
    while before is not None:
        labels.append(next(s.label for s in world.successors(before) if s.state == state))
        state, before = before, parents[before]
    return labels[::-1]


def waiting(world: World, result: Result) -> int:
    """In how many states a run that names what is Active would not be let in."""
    fence, found = world.settings.fence, 0
    for state in result.parents:
        ledger = world.ledgers[state.ledger]
        active = pair_of(ledger, ledger.active)
        found += active in state.objects and active != NOTHING and fence(ledger, state.late, active, 0) is not RUN
    return found
