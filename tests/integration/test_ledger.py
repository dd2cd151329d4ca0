# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every ledger must do, in memory and in Prefect on SQLite and on PostgreSQL, however many write at once."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import compaction
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Broken, Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import Ledger, Lost
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import (
    Actor,
    Draft,
    Event,
    Kind,
    Record,
    variable_name,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import NoStore, Store, open_store

from tests.support.ledger_places import InMemory, InPrefect, Place
from tests.support.postgresql import prefect_on_postgresql
from tests.support.ring_story import ADA, UP, release_of
from tests.support.server import PrefectServer
from tests.support.shapes import Unique

pytestmark = pytest.mark.integration

S = State


@pytest.fixture(scope="module")
def postgresql_server() -> t.Iterator[PrefectServer]:
    """Prefect on PostgreSQL."""
    yield from prefect_on_postgresql()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, unique: Unique) -> Place:
    """An empty ledger of a solution that nothing else has."""
    if request.param == "memory":
        return InMemory(unique("hotpass"))
    server = request.getfixturevalue("server" if request.param == "sqlite" else "postgresql_server")
    return InPrefect(server.api_url, unique("hotpass"))


@pytest.fixture
def ledger(place: Place) -> t.Iterator[Ledger]:
    with place.open() as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def step(number: int, state: State, release: str = "a", actor: Actor = ADA, **detail: t.Any) -> Draft:
    return Draft(Event.TRANSITION, number, actor, Kind.PROMOTE, state, release_of(release), detail)


def hold(release: str, actor: Actor = ADA, held: bool = True) -> Draft:
    return Draft(Event.HOLD, 0, actor, release=release_of(release), detail={"held": held, "reason": "a test"})


def promote(ledger: Ledger, chain: Chain, *releases: str) -> Chain:
    for release in releases:
        number = chain.last_generation + 1
        for state in UP:
            chain = ledger.append(chain, step(number, state, release))
    return chain


def digests(chain: Chain) -> list[str]:
    return [record.digest for record in chain.records]


def test_a_new_ring_is_empty(ledger: Ledger) -> None:
    assert ledger.read().records == ()


def test_what_is_appended_is_read_by_everybody(place: Place, ledger: Ledger) -> None:
    chain = promote(ledger, ledger.read(), "a", "b")
    with place.open() as other:
        read = other.read()
    assert read.records == chain.records
    assert digests(read) == digests(chain)
    assert (read.active, read.generations) == (chain.active, chain.generations)
    assert sorted(place.rows()) == [variable_name(place.solution, "dev", number) for number in range(1, 11)]


def test_text_comes_back_as_it_was(ledger: Ledger) -> None:
    said = {"note": 'ümläut \U0001f680 \\u0000 "quoted"', "z": 1, "a": [True, None, {"b": 2**53 - 1}], "": " "}
    chain = ledger.append(ledger.read(), step(1, S.QUEUED, **said))
    assert ledger.read().records[0].detail == said
    assert digests(ledger.read()) == digests(chain)


def test_a_record_as_long_as_they_may_be(ledger: Ledger) -> None:
    chain = ledger.read()
    room = 4_900 - chain.next(step(1, S.QUEUED, note="")).size
    ledger.append(chain, step(1, S.QUEUED, note="ä" * (room // 2) + "a" * (room % 2)))
    assert ledger.read().records[0].size == 4_900


def test_who_comes_second_is_told_who_was_first(place: Place, ledger: Ledger) -> None:
    empty = ledger.read()
    with place.open() as other:
        first = other.append(empty, step(1, S.QUEUED, actor=Actor("grace")))
    rows = place.rows()
    with pytest.raises(Lost, match=r"record 1 \(promote Queued of generation 1, .* by grace at .* stands") as caught:
        ledger.append(empty, step(1, S.QUEUED, "b"))
    assert caught.value.winner == first.head
    assert f"{release_of('b')[:19]}) by ada" in caught.value.message
    assert place.rows() == rows


def test_who_is_far_behind_is_told_so(ledger: Ledger) -> None:
    old = ledger.append(ledger.read(), step(1, S.QUEUED))
    chain = ledger.append(old, step(1, S.RESOLVING))
    ledger.append(chain, step(1, S.DEPLOYING))
    with pytest.raises(Lost) as caught:
        ledger.append(old, step(1, S.CANCELLED))
    assert caught.value.winner == chain.head


@pytest.mark.parametrize("draft", [step(1, S.ACTIVE), step(2, S.QUEUED), step(1, S.QUEUED, x="a" * 5_000)])
def test_what_may_not_come_next_is_not_sent(place: Place, ledger: Ledger, draft: Draft) -> None:
    with pytest.raises(CollectionError):
        ledger.append(ledger.read(), draft)
    assert place.rows() == {}


def refuses(ledger: Ledger, said: str) -> None:
    with pytest.raises(Broken, match=said) as caught:
        ledger.read()
    assert caught.value.variable in caught.value.message


@pytest.mark.parametrize("number", [1, 3, 4])
def test_a_deleted_record_stops_everybody(place: Place, ledger: Ledger, number: int) -> None:
    promote(ledger, ledger.read(), "a")
    name = variable_name(place.solution, "dev", number)
    place.delete(name)
    refuses(ledger, f"{name} is missing")


@pytest.mark.parametrize("field", ["release", "at", "token", "actor", "detail"])
def test_an_edited_record_stops_everybody(place: Place, ledger: Ledger, field: str) -> None:
    promote(ledger, ledger.read(), "a")
    name = variable_name(place.solution, "dev", 2)
    other = {"release": release_of("x"), "at": "2020-01-01T00:00:00.000000Z", "token": "0" * 32}
    value = {"actor": {"name": "mallory"}, "detail": {"x": 1}, **other}[field]
    place.edit(name, {**place.rows()[name], field: value})
    refuses(ledger, f"{name} hashes to .*: one of the two was edited")


def test_the_record_of_another_ring_stops_everybody(place: Place, ledger: Ledger) -> None:
    promote(ledger, ledger.read(), "a")
    name = variable_name(place.solution, "dev", 5)
    place.edit(name, {**place.rows()[name], "ring": "staging"})
    with pytest.raises(Broken, match="staging"):
        ledger.read()


def at_once(count: int, work: t.Callable[[int], t.Any]) -> list[t.Any]:
    """What ``work`` returns for each number, all begun at the same moment."""
    barrier = threading.Barrier(count)

    def begin(number: int) -> t.Any:
        barrier.wait(timeout=60)
        return work(number)

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def test_of_32_promoters_one_wins_each_record(place: Place) -> None:
    chain = Chain.build(place.solution, "dev")
    winners: list[Record] = []
    for state in (S.QUEUED, S.RESOLVING, S.DEPLOYING):

        def race(number: int, chain: Chain = chain, state: State = state) -> Chain | Lost:
            with place.open() as ledger:
                try:
                    return ledger.append(chain, step(1, state, actor=Actor(f"promoter-{number}")))
                except Lost as told:
                    return told

        answers = at_once(32, race)
        won = [answer for answer in answers if isinstance(answer, Chain)]
        lost = [answer for answer in answers if isinstance(answer, Lost)]
        assert (len(won), len(lost)) == (1, 31)
        chain = won[0]
        assert chain.head is not None
        winners.append(chain.head)
        assert {answer.winner.digest for answer in lost} == {chain.head.digest}
        assert all(f"by {chain.head.actor.name} at {chain.head.at}" in answer.message for answer in lost)
    with place.open() as ledger:
        assert ledger.read().records == tuple(winners)


def test_24_records_of_8_promoters_leave_no_gap(place: Place) -> None:
    def commit(number: int) -> list[str]:
        written = []
        with place.open() as ledger:
            chain = ledger.read()
            while len(written) < 3:
                try:
                    chain = ledger.append(chain, hold(f"{number}-{len(written)}", Actor(f"promoter-{number}")))
                except Lost:
                    chain = ledger.read()
                else:
                    assert chain.head is not None
                    written.append(chain.head.token)
        return written

    tokens = [token for written in at_once(8, commit) for token in written]
    with place.open() as ledger:
        chain = ledger.read()
    assert [record.sequence for record in chain.records] == list(range(1, 25))
    assert sorted(record.token for record in chain.records) == sorted(tokens)
    assert len(chain.holds) == 24


def test_compaction_keeps_what_is_known(place: Place, ledger: Ledger, store: Store) -> None:
    chain = promote(ledger, ledger.read(), "a", "b", "c")
    chain = ledger.append(chain, hold("x"))
    before = promote(ledger, chain, "d", "e")
    after = compaction.compact(ledger, before, store, ADA, keep=5)
    with place.open() as other:
        read = other.read()
    # The first three generations and the hold went: the last two that were Active stay, as whole generations.
    assert [record.sequence for record in read.records] == [*range(17, 27), 27]
    assert read.records == after.records
    assert read.active == before.active
    assert read.last_generation == 5
    assert [(g.number, g.release, g.state, g.since) for g in read.verified] == [
        (g.number, g.release, g.state, g.since) for g in before.verified
    ]
    assert read.holds.keys() == before.holds.keys()
    assert read.holds[release_of("x")] == before.holds[release_of("x")]
    assert len(read.segments) == 1
    assert {release_of(name) for name in "abcdex"} | set(read.segments) == read.named
    assert compaction.full_chain(read, store).records == (*before.records, read.records[-1])


def test_compaction_can_be_done_over_and_over(ledger: Ledger, store: Store) -> None:
    chain = ledger.read()
    everything: list[Record] = []
    for round_ in range(4):
        chain = promote(ledger, chain, f"a{round_}", f"b{round_}")
        everything += [record for record in chain.records if record not in everything]
        chain = compaction.compact(ledger, chain, store, ADA, keep=4)
        everything += [record for record in chain.records if record not in everything]
        assert compaction.full_chain(ledger.read(), store).records == tuple(everything)
    assert len(chain.segments) == 3
    assert len(chain.records) < 20
    assert [generation.number for generation in chain.verified] == list(range(1, 9))


def test_nothing_is_compacted_for_little(place: Place, ledger: Ledger, store: Store) -> None:
    chain = promote(ledger, ledger.read(), "a", "b")
    rows = place.rows()
    for keep in (1, 5, 10, 90):
        assert compaction.compact(ledger, chain, store, ADA, keep=keep) is chain
    assert place.rows() == rows
    with pytest.raises(NoStore):
        store.releases()
    with pytest.raises(CollectionError, match="keep is 0"):
        compaction.compact(ledger, chain, store, ADA, keep=0)


def test_nothing_under_way_is_compacted(ledger: Ledger, store: Store) -> None:
    chain = promote(ledger, ledger.read(), "a", "b", "c")
    chain = ledger.append(chain, step(4, S.QUEUED, "d"))
    for number in range(12):
        chain = ledger.append(chain, hold(str(number)))
    chain = compaction.compact(ledger, chain, store, ADA, keep=2)
    assert chain.records[0].sequence == 6
    chain = ledger.append(chain, step(4, S.RESOLVING, "d"))
    assert [generation.number for generation in chain.generations if generation.transitions] == [2, 3, 4]


def test_a_summary_may_need_many_records(ledger: Ledger, store: Store) -> None:
    chain = ledger.read()
    for number in range(30):
        chain = ledger.append(chain, hold(str(number)))
    chain = promote(ledger, chain, "a", "b")
    held = chain.holds
    chain = compaction.compact(ledger, chain, store, ADA, keep=1)
    parts = [record for record in chain.records if record.event is Event.CHECKPOINT]
    assert len(parts) > 2
    assert chain.records[0].sequence == 31
    assert ledger.read().holds == held
    assert compaction.full_chain(ledger.read(), store).holds == held


def test_who_slept_through_a_compaction_has_lost(place: Place, ledger: Ledger, store: Store) -> None:
    empty = ledger.read()
    old = ledger.append(empty, hold("x"))
    chain = promote(ledger, ledger.append(old, hold("y")), "a", "b", "c", "d")
    older = Chain.build(place.solution, "dev", chain.records[:7])
    last = Chain.build(place.solution, "dev", chain.records[:11])
    chain = compaction.compact(ledger, chain, store, ADA, keep=2)
    assert chain.records[0].sequence == 13
    rows = place.rows()
    # The names are free again; who writes there must not believe that it has won.
    for asleep in (empty, old, older, last):
        with pytest.raises(Lost) as caught:
            ledger.append(asleep, hold("z"))
        assert caught.value.winner == chain.head
        assert place.rows() == rows
        assert ledger.read().records == chain.records


def test_what_a_sleeper_leaves_when_it_dies_harms_nobody(place: Place, ledger: Ledger, store: Store) -> None:
    chain = promote(ledger, ledger.append(ledger.read(), hold("x")), "a", "b", "c", "d")
    records = chain.records
    chain = compaction.compact(ledger, chain, store, ADA, keep=2)
    assert chain.records[0].sequence == 12
    for number in (11, 4, 1):
        late = dataclasses.replace(records[number - 1], token="f" * 32)
        place.put(late.variable, late.to_json())
        assert ledger.read().records == chain.records
        assert ledger.read().holds == chain.holds
        assert ledger.read().leftover
    chain = compaction.compact(ledger, promote(ledger, ledger.read(), "e"), store, ADA, keep=90)
    assert sorted(place.rows()) == [record.variable for record in chain.records]
    assert not chain.leftover
    compaction.full_chain(chain, store)
