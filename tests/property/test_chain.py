# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Laws of the chain, searched for exceptions in histories that hypothesis makes up, and in all short ones."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release import checkpoints, compaction
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Broken, Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import (
    Actor,
    Draft,
    Event,
    Kind,
    Record,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import SETTLED, TABLE, State
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.memory_ledger import MemoryLedger, MemoryServer
from tests.support.ring_story import ADA, release_of

pytestmark = pytest.mark.property

S = State
STEPS = {(step.before, step.after) for step in TABLE}
PERMIT = {"purpose": "smoke", "tag": "t", "max_runs": 1, "expires": "2026-11-22T08:00:00Z"}


class Told:
    """What a history amounts to, told in another way than the fold tells it: each question is answered from the list of
    transitions, from its beginning.
    """

    def __init__(self) -> None:
        self.moves: list[tuple[int, Kind, State, int | None]] = []
        self.held: dict[str, bool] = {}
        self.vetoed: set[str] = set()

    def own(self, number: int) -> list[State]:
        """The states that a generation's own records took it through."""
        return [state for other, _kind, state, _target in self.moves if other == number]

    def last(self) -> int:
        return max((move[0] for move in self.moves), default=0)

    def under_way(self) -> int | None:
        last = self.last()
        return last if last and self.own(last)[-1] not in SETTLED else None

    def activations(self) -> list[int]:
        return [number for number, _kind, state, _target in self.moves if state is S.ACTIVE]

    def target(self, number: int) -> int | None:
        return next(target for other, _kind, _state, target in self.moves if other == number)

    def state(self, number: int) -> State:
        state = self.own(number)[-1]
        if number in self.activations() and self.activations()[-1] != number:
            state = S.SUPERSEDED
        for other in range(number + 1, self.last() + 1):
            if self.target(other) != number:
                continue
            states = self.own(other)
            if S.ACTIVE in states:
                return S.ROLLED_BACK
            if states[-1] in (S.ROLLED_BACK, S.ROLLBACK_FAILED):
                state = S.ROLLBACK_FAILED
            elif S.DEPLOYING in states:
                state = S.ROLLING_BACK
        failed = [
            o for o in range(number + 1, self.last() + 1) if self.target(o) == number and S.DEPLOYING in self.own(o)
        ]
        if failed and state is S.SUPERSEDED:
            # It could not be taken back, and was replaced afterwards.
            state = S.ROLLBACK_FAILED
        return state

    def active(self) -> int | None:
        return self.activations()[-1] if self.activations() else None

    def failed(self) -> int | None:
        """The generation that left the ring degraded."""
        failed = active = None
        for number, kind, state, _target in self.moves:
            if state is S.ROLLBACK_FAILED:
                failed = number
            elif state is S.ACTIVE:
                failed, active = None, number
            elif state is S.ROLLED_BACK and kind is Kind.PROMOTE:
                failed = None
            elif state is S.ROLLED_BACK and failed == number:
                failed = None if self.target(number) == active else self.target(number)
        return failed

    def degraded(self) -> bool:
        active = self.active()
        return self.failed() is not None or (active is not None and self.state(active) is S.ROLLBACK_FAILED)

    def may(self, number: int, kind: Kind, state: State, target: int | None) -> bool:
        """Whether a transition may come next."""
        last = self.last()
        if number == last and last:
            before = self.own(last)[-1]
            same = kind is self.moves[-1][1]
            return same and target is None and before is not S.ACTIVE and (before, state) in STEPS
        if number != last + 1 or state is not S.QUEUED or self.under_way() is not None:
            return False
        if kind is Kind.PROMOTE:
            return target is None
        return target is not None and target in (self.active(), self.failed())

    def move(self, number: int, kind: Kind, state: State, target: int | None) -> None:
        self.moves.append((number, kind, state, target))


def transition(number: int, kind: Kind, state: State, target: int | None) -> Draft:
    release = release_of(f"release {number}")
    return Draft(Event.TRANSITION, number, ADA, kind, state, release, {"rolls_back": target} if target else {})


def add(chain: Chain, draft: Draft) -> Chain:
    return chain.extended(chain.next(draft))


def agree(chain: Chain, told: Told) -> None:
    numbers = range(1, told.last() + 1)
    assert {g.number: g.state for g in chain.generations} == {number: told.state(number) for number in numbers}
    assert chain.last_generation == told.last()
    assert [g.number for g in chain.verified] == told.activations()
    assert (chain.active.number if chain.active else None) == told.active()
    assert (chain.under_way.number if chain.under_way else None) == told.under_way()
    assert chain.degraded == told.degraded()
    assert chain.holds.keys() == {release_of(name) for name, held in told.held.items() if held}
    assert chain.vetoes.keys() == {release_of(name) for name in told.vetoed}


def lawful(chain: Chain) -> None:
    """What holds of every ring at every moment."""
    states = [generation.state for generation in chain.generations]
    assert states.count(S.ACTIVE) <= 1
    assert sum(generation.transitions[-1].state not in SETTLED for generation in chain.generations) <= 1
    numbers = [record.generation for record in chain.records if record.event is Event.TRANSITION]
    assert numbers == sorted(numbers)
    began = [record.generation for record in chain.records if record.state is S.QUEUED]
    assert began == list(range(1, len(began) + 1))


def walk(draw: st.DrawFn, most: int = 40) -> t.Iterator[tuple[Draft, Told]]:
    """Drafts that may come one after the other, each with what is told once it has."""
    told = Told()
    for _number in range(draw(st.integers(0, most))):
        last = told.last()
        states = [state for state in State if any(told.may(last, k, state, None) for k in Kind)] if last else []
        # Mostly forward: a walk that ends at the first fork seldom sees a rollback.
        forward = [s for s in states if s in (S.RESOLVING, S.DEPLOYING, S.VALIDATING, S.ACTIVE)]
        what = draw(st.sampled_from(["go"] * 8 + ["any"] * 3 + ["hold", "veto", "permit"]))
        name = draw(st.sampled_from("xyz"))
        if what == "hold":
            held = draw(st.booleans())
            told.held[name] = held
            detail: dict[str, t.Any] = {"held": held, "reason": "bad"}
            yield Draft(Event.HOLD, 0, ADA, release=release_of(name), detail=detail), told
        elif what == "veto":
            told.vetoed.add(name)
            yield Draft(Event.VETO, last, ADA, release=release_of(name), detail={"reason": "leaks"}), told
        elif what == "permit" and told.under_way():
            yield Draft(Event.PERMIT, last, ADA, release=release_of(f"release {last}"), detail=dict(PERMIT)), told
        elif states and (told.under_way() or draw(st.booleans())):
            state = draw(st.sampled_from(forward if what == "go" and forward else states))
            kind = told.moves[-1][1]
            told.move(last, kind, state, None)
            yield transition(last, kind, state, None), told
        elif not told.under_way():
            targets = [n for n in range(1, last + 1) if told.may(last + 1, Kind.ROLLBACK, S.QUEUED, n)]
            target = draw(st.sampled_from([None, *targets]))
            kind = Kind.ROLLBACK if target else Kind.PROMOTE
            told.move(last + 1, kind, S.QUEUED, target)
            yield transition(last + 1, kind, S.QUEUED, target), told


@st.composite
def histories(draw: st.DrawFn) -> Chain:
    chain = Chain.build("hotpass", "dev")
    for draft, _told in walk(draw):
        chain = add(chain, draft)
    return chain


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_what_the_fold_says_is_what_is_told_of_it(data: st.DataObject) -> None:
    chain = Chain.build("hotpass", "dev")

    @st.composite
    def whole(draw: st.DrawFn) -> None:
        nonlocal chain
        chain = Chain.build("hotpass", "dev")
        for draft, told in walk(draw):
            chain = add(chain, draft)
            agree(chain, told)
            lawful(chain)

    data.draw(whole())
    agreed = Chain.build("hotpass", "dev", [Record.from_json(record.to_json()) for record in chain.records])
    assert agreed.generations == chain.generations
    assert (agreed.holds, agreed.vetoes, agreed.degraded) == (chain.holds, chain.vetoes, chain.degraded)


def test_every_short_history_is_lawful_and_every_other_step_is_refused() -> None:
    """All histories of up to three generations, in which every state of every generation is tried at every moment."""
    begin: tuple[Chain, Told] = (Chain.build("hotpass", "dev"), Told())
    seen, waiting, refused = set(), [begin], 0
    while waiting:
        chain, told = waiting.pop()
        for number in range(1, min(told.last() + 2, 4)):
            for state in State:
                for kind, target in ways(told, number, state):
                    try:
                        after = add(chain, transition(number, kind, state, target))
                    except Broken:
                        assert not told.may(number, kind, state, target)
                        refused += 1
                        continue
                    assert told.may(number, kind, state, target)
                    then = Told()
                    then.moves = [*told.moves]
                    then.move(number, kind, state, target)
                    # Where a generation is, and what it was before it became that, decide what can follow.
                    key = tuple(
                        (g.kind, g.state, g.rolls_back, g.transitions[-1].state, S.DEPLOYING in then.own(g.number))
                        for g in after.generations
                    )
                    if (key, after.degraded) in seen:
                        continue
                    seen.add((key, after.degraded))
                    lawful(after)
                    agree(after, then)
                    waiting.append((after, then))
    assert len(seen) > 1_000
    assert refused > 10_000


def ways(told: Told, number: int, state: State) -> list[tuple[Kind, int | None]]:
    """The kinds and targets to try a step with; where one cannot matter, only one of them."""
    if number < told.last():
        return [(Kind.PROMOTE, None)]
    if number > told.last():
        return [(Kind.PROMOTE, None), *((Kind.ROLLBACK, target) for target in (None, 1, 2))][
            : 4 if state is S.QUEUED else 1
        ]
    kind = told.moves[-1][1]
    other = Kind.PROMOTE if kind is Kind.ROLLBACK else Kind.ROLLBACK
    return [(kind, None), (other, None)] if told.may(number, kind, state, None) else [(kind, None)]


MUTATIONS: dict[str, t.Callable[[Record], t.Any]] = {
    "sequence": lambda record: record.sequence + 1,
    "generation": lambda record: record.generation + 1,
    "release": lambda _record: digest_of(b"another"),
    "previous": lambda _record: digest_of(b"another"),
    "at": lambda _record: "2020-01-01T00:00:00.000000Z",
    "actor": lambda _record: Actor("mallory"),
    "token": lambda _record: "0" * 16,
    "detail": lambda record: {**record.detail, "note": "added"},
    "solution": lambda _record: "other",
    "ring": lambda _record: "other",
    "kind": lambda record: Kind.PROMOTE if record.kind is Kind.ROLLBACK else Kind.ROLLBACK,
    "state": lambda record: S.CANCELLED if record.state is not S.CANCELLED else S.FAILED,
}


@settings(max_examples=150, deadline=None)
@given(chain=histories().filter(lambda chain: len(chain.records) > 1), data=st.data())
def test_no_field_of_a_record_can_be_changed_once_another_follows(chain: Chain, data: st.DataObject) -> None:
    assert MUTATIONS.keys() | {"event"} == {field.name for field in dataclasses.fields(Record)}
    place = data.draw(st.integers(0, len(chain.records) - 2))
    record = chain.records[place]
    field = data.draw(st.sampled_from(sorted(MUTATIONS)))
    if record.event is not Event.TRANSITION and field in ("kind", "state"):
        field = "actor"
    edited = dataclasses.replace(record, **{field: MUTATIONS[field](record)})
    with pytest.raises(Broken):
        Chain.build("hotpass", "dev", (*chain.records[:place], edited, *chain.records[place + 1 :]))


@settings(max_examples=100, deadline=None)
@given(chain=histories().filter(lambda chain: len(chain.records) > 1), data=st.data())
def test_no_record_can_be_taken_out_or_moved(chain: Chain, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(chain.records) - 2))
    rest = [*chain.records[:place], *chain.records[place + 1 :]]
    with pytest.raises(Broken):
        Chain.build("hotpass", "dev", rest)
    renumbered = [dataclasses.replace(record, sequence=number) for number, record in enumerate(rest, 1)]
    with pytest.raises(Broken):
        Chain.build("hotpass", "dev", renumbered)


class MemoryArchive:
    """As much of a store as compaction needs."""

    address = "memory"

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    def read_manifest(self, digest: str) -> bytes:
        return self.blobs[digest]

    read_blob = read_manifest

    def write_blob(self, data: bytes) -> str:
        self.blobs[digest_of(data)] = data
        return digest_of(data)

    def write_manifest(self, data: bytes, media_type: str = "") -> str:  # noqa: ARG002
        return self.write_blob(data)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_compaction_changes_nothing_that_promoters_see(data: st.DataObject) -> None:
    store = MemoryArchive()
    ledger = MemoryLedger(MemoryServer(), "hotpass", "dev")
    compacted = 0

    @st.composite
    def whole(draw: st.DrawFn) -> None:
        nonlocal ledger, compacted
        ledger = MemoryLedger(MemoryServer(), "hotpass", "dev")
        compacted = 0
        chain = ledger.read()
        for draft, told in walk(draw, 90):
            chain = ledger.append(chain, draft)
            if draw(st.integers(0, 5)) == 0:
                before = len(chain.segments)
                chain = compaction.compact(ledger, chain, store, ADA, keep=draw(st.integers(1, 6)))
                compacted += len(chain.segments) > before
            assert chain.last_generation == told.last()
            assert (chain.active.number if chain.active else None) == told.active()
            assert (chain.under_way.number if chain.under_way else None) == told.under_way()
            assert chain.degraded == told.degraded()
            assert [g.number for g in chain.verified][-10:] == told.activations()[-10:]
            assert chain.holds.keys() == {release_of(name) for name, held in told.held.items() if held}
            assert chain.vetoes.keys() == {release_of(name) for name in told.vetoed}
            for generation in chain.generations:
                assert generation.state is told.state(generation.number)
            for generation in chain.verified[-2:]:
                assert generation.transitions

    data.draw(whole())
    read = ledger.read()
    everything = compaction.full_chain(read, store)
    assert [record.sequence for record in everything.records] == list(range(1, len(everything.records) + 1))
    assert len(read.segments) == compacted


@settings(max_examples=60, deadline=None)
@given(chain=histories(), names=st.lists(st.text("abc", min_size=1, max_size=3), max_size=40), size=st.integers(1, 60))
def test_a_summary_is_whole_again_after_it_was_split(chain: Chain, names: list[str], size: int) -> None:
    for name in names:
        detail = {"held": True, "reason": "a reason " * size}
        chain = add(chain, Draft(Event.HOLD, 0, ADA, release=release_of(name), detail=detail))
    if chain.head is None or chain.under_way is not None:
        return
    summary = chain.fold_through(chain.head.sequence).summary()
    segments = [digest_of(name.encode()) for name in names]
    pieces = checkpoints.split(summary, segments, ADA)
    whole = chain
    for number, piece in enumerate(pieces, 1):
        detail = {
            "through": chain.head.sequence,
            "digest": chain.head.digest,
            "segment": digest_of(b"segment"),
            "part": number,
            "parts": len(pieces),
            "summary": piece,
        }
        whole = add(whole, Draft(Event.CHECKPOINT, 0, ADA, detail=detail))
    assert whole.checkpoint is not None
    assert canonical(whole.checkpoint.summary) == canonical(summary)
    assert list(whole.checkpoint.segments) == segments
    # What goes on from the checkpoint alone is what went on from all records.
    short = Chain.build("hotpass", "dev", whole.records[len(chain.records) :])
    assert short.holds.keys() == whole.holds.keys()
    assert [(g.number, g.state) for g in short.verified] == [(g.number, g.state) for g in whole.verified]


@settings(max_examples=60, deadline=None)
@given(chain=histories().filter(lambda chain: chain.verified and not chain.under_way), data=st.data())
def test_a_checkpoint_cannot_lie_while_the_records_are_there(chain: Chain, data: st.DataObject) -> None:
    head = t.cast(Record, chain.head)
    summary = chain.fold_through(head.sequence).summary()
    lies: dict[str, t.Any] = {
        "last": summary["last"] + 1,
        "active": None,
        "broken": not summary["broken"],
        "holds": [*summary["holds"], {"release": release_of("q")}],
        "generations": summary["generations"][1:],
    }
    name = data.draw(st.sampled_from(sorted(lies)))
    for lie in (False, True):
        told = {**summary, "segments": [], **({name: lies[name]} if lie else {})}
        detail = {
            "through": head.sequence,
            "digest": head.digest,
            "segment": digest_of(b"segment"),
            "part": 1,
            "parts": 1,
            "summary": told,
        }
        record = chain.next(Draft(Event.CHECKPOINT, 0, ADA, detail=detail))
        if lie:
            with pytest.raises(Broken, match=r"says of the records up to .* what they do not say"):
                chain.extended(record)
        else:
            chain.extended(record)
