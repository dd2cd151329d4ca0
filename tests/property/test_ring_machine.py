# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ring in which several actors do what they like, with what they last read: the real chain, fence and compaction.

What each record means is written down a second time, in ``tests/support/ring_oracle.py``, and compared after each step.
"""

from __future__ import annotations

import copy
import datetime
import json
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Broken, Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.compaction import compact
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import Lost
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Actor, Draft, Event, Kind, Record
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import BEFORE_WRITES, State, following
from hotpass_fence import ledger as fence_ledger
from hotpass_fence.decision import Outcome, Pair, Situation, decide
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.support.memory_archive import MemoryArchive
from tests.support.memory_ledger import MemoryLedger, MemoryServer
from tests.support.ring_oracle import RingOracle
from tests.support.ring_story import UP, release_of

pytestmark = pytest.mark.property

SOLUTION, RING = "hotpass", "dev"
NOW = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.UTC)
ACTORS = [Actor(name) for name in ("ada", "grace", "hedy")]
OBJECTS = 2
RELEASES = [release_of(name) for name in "abcd"]

actors = st.sampled_from(range(len(ACTORS)))


class View(t.NamedTuple):
    """What an actor has read, and what that means."""

    chain: Chain
    oracle: RingOracle


class Ring(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.server = MemoryServer()
        self.ledger = MemoryLedger(self.server, SOLUTION, RING)
        self.archive = MemoryArchive()
        self.oracle = RingOracle()
        self.views: list[View | None] = [None] * len(ACTORS)
        self.objects: list[Pair | None] = [None] * OBJECTS
        self.newest_let_in = 0

    # What actors do with the ledger.

    @rule(actor=actors)
    def read(self, actor: int) -> None:
        self.views[actor] = View(self.ledger.read(), copy.deepcopy(self.oracle))

    @rule(actor=actors)
    def die(self, actor: int) -> None:
        self.views[actor] = None

    @rule(actor=actors, choices=st.lists(st.integers(0, 9), min_size=1, max_size=7), dies=st.booleans())
    def go(self, actor: int, choices: list[int], dies: bool) -> None:
        """Some steps, mostly forward, each by what the one before it has returned, or by what was read long ago."""
        for choice in choices:
            oracle = self._view(actor).oracle
            if not oracle.under_way:
                self._begin(actor, RELEASES[choice % len(RELEASES)], back=choice > 6)
                continue
            possible = following(oracle.states[oracle.under_way])
            forward = [state for state in possible if state in UP]
            after = forward[0] if forward and choice > 2 else possible[choice % len(possible)]
            if self._append(actor, self._move(actor, oracle.under_way, after)):
                for index in range(choice % (OBJECTS + 1)):
                    self.write_object(actor, index)
        if dies:
            self.views[actor] = None

    @rule(actor=actors, back=st.integers(0, 2), state=st.sampled_from(State))
    def attempt_anything(self, actor: int, back: int, state: State) -> None:
        oracle = self._view(actor).oracle
        if oracle.last > back:
            self._append(actor, self._move(actor, oracle.last - back, state))

    def _begin(self, actor: int, release: str, back: bool) -> None:
        oracle = self._view(actor).oracle
        kind, detail = Kind.PROMOTE, {}
        if back and oracle.active:
            kind, detail = Kind.ROLLBACK, {"rolls_back": oracle.active}
            release = str(oracle.releases[oracle.verified[0]])
        draft = Draft(Event.TRANSITION, oracle.last + 1, ACTORS[actor], kind, State.QUEUED, release, detail)
        self._append(actor, draft)

    @rule(actor=actors, hours=st.sampled_from([-1, 1]))
    def permit(self, actor: int, hours: int) -> None:
        number = self._view(actor).oracle.under_way
        if not number:
            return
        expires = (NOW + datetime.timedelta(hours=hours)).isoformat()
        detail = {"purpose": "smoke", "tag": f"smoke-{number}", "max_runs": 1, "expires": expires}
        self._append(actor, self._draft(actor, Event.PERMIT, number, detail))

    @rule(actor=actors, decision=st.sampled_from(["approve", "reject"]), back=st.integers(0, 1))
    def answer(self, actor: int, decision: str, back: int) -> None:
        view = self._view(actor)
        if view.oracle.last > back:
            detail = {"decision": decision, "envelope": {"payload": "x"}}
            self._append(actor, self._draft(actor, Event.APPROVAL, view.oracle.last - back, detail))

    @rule(actor=actors, release=st.sampled_from(RELEASES), what=st.sampled_from(["hold", "let go", "veto"]))
    def mark(self, actor: int, release: str, what: str) -> None:
        event = Event.VETO if what == "veto" else Event.HOLD
        detail = {"reason": "bad"} if what == "veto" else {"held": what == "hold", "reason": "bad"}
        self._view(actor)
        self._append(actor, Draft(event, 0, ACTORS[actor], release=release, detail=detail))

    @rule(actor=actors, keep=st.integers(1, 6))
    def compact(self, actor: int, keep: int) -> None:
        """With whatever the actor has read, which may be from before somebody else's compaction."""
        view = self._view(actor)
        chain = compact(self.ledger, view.chain, self.archive, ACTORS[actor], keep)
        if chain is not view.chain:
            assert chain.head == self.ledger.read().head
            self.views[actor] = View(chain, copy.deepcopy(self.oracle))

    # What actors do with objects, and runs with both.

    @rule(actor=actors, index=st.integers(0, OBJECTS - 1))
    def write_object(self, actor: int, index: int) -> None:
        """As an actor that believes in what it read, however long ago that was."""
        oracle = self._view(actor).oracle
        state = oracle.states.get(oracle.under_way)
        if state in (State.DEPLOYING, State.ROLLING_BACK):
            self.objects[index] = _pair(oracle, oracle.under_way if state is State.DEPLOYING else oracle.active)

    @rule(index=st.integers(0, OBJECTS - 1), back=st.integers(-1, 2), rank=st.integers(1, 2))
    def run(self, index: int, back: int, rank: int) -> None:
        """One with the tag of the newest generation's permit, an older one's, or none."""
        own = self.objects[index]
        if own is None:
            return
        tag = self.oracle.last - back if back >= 0 else 0
        found = decide(own, self._fence(), [f"smoke-{tag}"], NOW, lambda _tag: rank)
        if own == _pair(self.oracle, self.oracle.active):
            assert found.outcome is Outcome.RUN
            assert own.generation >= self.newest_let_in, "a run was let in with an older generation than one before"
            self.newest_let_in = own.generation
        elif own != _pair(self.oracle, self.oracle.under_way):
            assert found.outcome is Outcome.REFUSE
        else:
            open_ = self.oracle.states[own.generation] in (State.DEPLOYING, State.VALIDATING)
            covered = open_ and tag == own.generation and rank == 1 and self.oracle.permitted(NOW)
            assert found.outcome is (Outcome.RUN if covered else Outcome.PUT_OFF)

    # What has to hold after each step.

    @invariant()
    def every_reader_reads_the_same(self) -> None:
        oracle, chain = self.oracle, self.ledger.read()
        assert chain.last_generation == oracle.last
        for generation in chain.generations:
            assert generation.state is oracle.states[generation.number]
            assert generation.release == oracle.releases[generation.number]
        assert (chain.active.number if chain.active else 0) == oracle.active
        assert (chain.under_way.number if chain.under_way else 0) == oracle.under_way
        assert [generation.number for generation in chain.verified] == oracle.verified[-len(chain.verified) :]
        assert set(chain.holds) == oracle.holds
        assert set(chain.vetoes) == oracle.vetoes
        if oracle.last:
            situation = self._fence()
            assert situation.active == _pair(oracle, oracle.active)
            assert situation.under_way == _pair(oracle, oracle.under_way)

    @invariant()
    def at_most_one_is_active(self) -> None:
        assert list(self.oracle.states.values()).count(State.ACTIVE) <= 1

    def teardown(self) -> None:
        """Everybody dies; somebody else brings the ring to rest, and promotes another release."""
        self.views[0] = View(self.ledger.read(), copy.deepcopy(self.oracle))
        while number := self.oracle.under_way:
            state, rollback = self.oracle.states[number], number in self.oracle.rolls_back
            if state is State.ROLLING_BACK:
                end = State.ROLLBACK_FAILED if rollback else State.ROLLED_BACK
            else:
                end = State.CANCELLED if state in BEFORE_WRITES else State.ROLLING_BACK
            assert self._append(0, self._move(0, number, end))
        number = self.oracle.last + 1
        release = release_of("another")
        begin = Draft(Event.TRANSITION, number, ACTORS[0], Kind.PROMOTE, State.QUEUED, release)
        assert self._append(0, begin)
        for state in (State.RESOLVING, State.DEPLOYING, State.VALIDATING, State.ACTIVE):
            assert self._append(0, self._move(0, number, state))
        self.every_reader_reads_the_same()
        own = Pair(number, release)
        assert decide(own, self._fence(), [], NOW, lambda _tag: 1).outcome is Outcome.RUN
        assert [n for n, state in self.oracle.states.items() if state is State.ACTIVE] == [number]

    def _append(self, actor: int, draft: Draft) -> bool:
        """Append by what the actor has read, and compare what comes of it with what had to."""
        view = self._view(actor)
        before = dict(self.server.rows)
        legal = view.oracle.allows(draft)
        chain, lost = view.chain, None
        try:
            chain = self.ledger.append(view.chain, draft)
        except Broken:
            assert not legal, f"{draft} was refused"
            assert self.server.rows == before
            return False
        except Lost as error:
            lost = error
        if lost is not None:
            assert legal
            assert self.server.rows == before, "a loser must leave no trace"
            assert view.chain.head != self.ledger.read().head, "whoever has read the newest record cannot lose"
            assert any(Record.from_json(row) == lost.winner for row in self._rows().values())
            self.views[actor] = None
            return False
        assert legal, f"{draft} was taken"
        added = self.server.rows.keys() - before.keys()
        assert len(added) == 1
        assert all(self.server.rows[name] == text for name, text in before.items()), "records never change"
        assert chain.head is not None
        assert chain.head.variable in added
        self.oracle.take(draft)
        self.views[actor] = View(chain, copy.deepcopy(self.oracle))
        return True

    def _view(self, actor: int) -> View:
        view = self.views[actor]
        if view is None:
            self.read(actor)
        return t.cast("View", self.views[actor])

    def _move(self, actor: int, number: int, state: State) -> Draft:
        oracle = self._view(actor).oracle
        kind, release = oracle.kinds[number], oracle.releases[number]
        return Draft(Event.TRANSITION, number, ACTORS[actor], kind, state, release)

    def _draft(self, actor: int, event: Event, number: int, detail: dict[str, t.Any]) -> Draft:
        release = self._view(actor).oracle.releases[number]
        return Draft(event, number, ACTORS[actor], release=release, detail=detail)

    def _rows(self) -> dict[str, t.Any]:
        return {name: json.loads(text) for name, text in self.server.rows.items()}

    def _fence(self) -> Situation:
        return fence_ledger.read(SOLUTION, RING, self._rows())


def _pair(oracle: RingOracle, number: int) -> Pair | None:
    return Pair(number, str(oracle.releases[number])) if number else None


TestRing = Ring.TestCase
TestRing.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)


class OverwritingServer(MemoryServer):
    """Takes whatever comes last, as a variable that is patched."""

    def put(self, name: str, text: str) -> bool:
        self.rows[name] = text
        return True


class RingWithoutCompareAndSwap(Ring):
    def __init__(self) -> None:
        super().__init__()
        self.server = OverwritingServer()
        self.ledger = MemoryLedger(self.server, SOLUTION, RING)


def test_a_ledger_that_overwrites_is_noticed() -> None:
    once = settings(TestRing.settings, database=None, phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises((AssertionError, CollectionError)):
        run_state_machine_as_test(RingWithoutCompareAndSwap, settings=once)
