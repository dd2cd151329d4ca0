# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every interleaving of small worlds: what must hold holds, and a planted bug is found."""

from __future__ import annotations

import dataclasses
import functools
import sys

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import TABLE, State
from hotpass_fence import ledger as fence_ledger
from hotpass_fence.decision import Outcome

from tests.model import fences
from tests.model.bounds import BUGS, HEALTHY, WORLDS
from tests.model.fences import pair_of, permitted, real
from tests.model.invariants import INVARIANTS
from tests.model.ledger import CODE, DEPLOYING, RING, SOLUTION, STATES, VALIDATING, Book, Ledger, release_of
from tests.model.recovery import recover
from tests.model.search import Finding, search, waiting
from tests.model.world import World

# A first ring builds where another resolves, a gate that stays closed ends a generation as a person who gives up does,
# and no one gives up in the model while an approver is asked: the rest of the way is the same.
NOT_WALKED = {
    step
    for step in TABLE
    if State.BUILDING in (step.before, step.after)
    or step.after is State.FAILED
    or (step.before, step.after) == (State.AWAITING_APPROVAL, State.CANCELLED)
}


@dataclasses.dataclass
class Explored:
    """What is kept of a world once all of it was looked at."""

    states: int
    remains: int
    finding: Finding | None
    book: Book
    ledgers: list[Ledger]


@functools.cache
def explored(name: str) -> Explored:
    world = World(WORLDS[name])
    result = search(world)
    ledgers = list(world.ledgers)
    remains, finding = (0, result.finding) if result.finding else recover(world, result)
    return Explored(result.states, remains, finding, world.book, ledgers)


@pytest.mark.parametrize("name", WORLDS)
def test_what_must_hold_holds(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = explored(name)
    with capsys.disabled():
        sys.stdout.write(f"\n{name}: {found.states:,} states, {found.remains:,} remains to recover from ")
    assert found.finding is None, str(found.finding)


def test_the_worlds_walk_the_table() -> None:
    walked = set()
    for name in WORLDS:
        found = explored(name)
        for before, after in found.book.steps():
            for index, new in enumerate(after.generations):
                if index < len(before.generations):
                    walked.add((before.generations[index].state, new.state))
    missing = {step for step in TABLE if (CODE[step.before], CODE[step.after]) not in walked}
    assert missing == NOT_WALKED


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    bug = BUGS[name]
    world = World(bug.settings)
    result = search(world, {bug.invariant})
    found = result.finding
    if bug.invariant == "I5":
        assert found is None
        _remains, found = recover(world, result)
    assert found is not None, f"nothing was wrong in {result.states:,} states"
    with capsys.disabled():
        sys.stdout.write(f"\n{name}: {found} ")
    assert found.invariant == bug.invariant
    assert found.trace


def test_every_invariant_can_be_broken() -> None:
    assert {bug.invariant for bug in BUGS.values()} == set(INVARIANTS)


def test_the_world_of_the_bugs_is_healthy_without_them() -> None:
    world = World(HEALTHY)
    result = search(world)
    assert result.finding is None, str(result.finding)
    assert recover(world, result)[1] is None
    assert waiting(world, result) == 0, "the Active release must be able to run as long as an object names it"


def test_a_fence_on_the_head_is_as_safe_and_stops_what_could_run() -> None:
    world = World(dataclasses.replace(HEALTHY, fence=fences.still))
    result = search(world)
    assert result.finding is None, str(result.finding)
    assert waiting(world, result) > 0


@pytest.mark.parametrize("name", WORLDS)
def test_the_fence_decides_as_designed(name: str) -> None:
    for ledger in explored(name).ledgers:
        numbers = range(len(ledger.generations) + 2)
        pairs = {(number, digest) for number in numbers for digest in range(1, 5)}
        for late in (False, True):
            for pair in pairs:
                for tag in numbers:
                    expected = Outcome.REFUSE
                    if ledger.under_way and pair == pair_of(ledger, ledger.under_way):
                        expected = Outcome.RUN if permitted(ledger, late, pair, tag) else Outcome.PUT_OFF
                    if ledger.active and pair == pair_of(ledger, ledger.active):
                        expected = Outcome.RUN
                    assert real(ledger, late, pair, tag) is expected, (ledger, late, pair, tag)


@pytest.mark.parametrize("name", WORLDS)
def test_writers_and_workers_read_the_same_out_of_every_history(name: str) -> None:
    found = explored(name)
    for ledger in found.ledgers:
        records = found.book.history(ledger)
        chain = Chain.build(SOLUTION, RING, records)
        assert [generation.state for generation in chain.generations] == [
            STATES[own.state] for own in ledger.generations
        ]
        assert (chain.active.number if chain.active else 0) == ledger.active
        assert (chain.under_way.number if chain.under_way else 0) == ledger.under_way
        assert chain.degraded == ledger.degraded
        if records:
            situation = fence_ledger.read(SOLUTION, RING, {record.variable: record.to_json() for record in records})
            assert _told(situation.active) == (_told_by(ledger, ledger.active))
            assert _told(situation.under_way) == (_told_by(ledger, ledger.under_way))
            tried = bool(ledger.under_way) and ledger.at(ledger.under_way).state in (DEPLOYING, VALIDATING)
            assert bool(situation.permits) == (tried and ledger.at(ledger.under_way).permit)


def _told(pair: fence_ledger.Pair | None) -> tuple[int, str] | None:
    return (pair.generation, pair.release) if pair else None


def _told_by(ledger: Ledger, number: int) -> tuple[int, str] | None:
    return (number, release_of(ledger.at(number).digest)) if number else None
