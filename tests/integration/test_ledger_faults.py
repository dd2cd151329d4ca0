# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger on a wire that breaks: lost answers, rivals in between, crashes at every request of a compaction."""

from __future__ import annotations

import threading
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.errors import ApiError, Conflict, Unreachable
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release import compaction
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Broken, Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import Lost, PrefectLedger
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import (
    GENESIS,
    TAG,
    Actor,
    Draft,
    Event,
    Kind,
    variable_name,
    variable_prefix,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import NotInStore, Store, open_store

from tests.support.ledger_places import InPrefect
from tests.support.proxy import Proxy
from tests.support.ring_story import ADA, UP, release_of
from tests.support.server import PrefectServer
from tests.support.shapes import Unique

pytestmark = pytest.mark.integration

CREATE: dict[str, str] = {"method": "POST", "path": "^/variables/$"}


@pytest.fixture
def place(server: PrefectServer, unique: Unique) -> InPrefect:
    """The ledger as others see it, straight on the server."""
    return InPrefect(server.api_url, unique("hotpass"))


@pytest.fixture
def wired(proxy: Proxy, place: InPrefect) -> t.Iterator[PrefectLedger]:
    """The same through the proxy; it does not sleep between its tries."""
    with Session(Connection(proxy.api_url), sleep=lambda _seconds: None) as session:
        yield PrefectLedger(session, place.solution, "dev", sleep=lambda _seconds: None)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def queued(actor: Actor = ADA) -> Draft:
    return Draft(Event.TRANSITION, 1, actor, Kind.PROMOTE, State.QUEUED, release_of("a"))


def hold(release: str) -> Draft:
    return Draft(Event.HOLD, 0, ADA, release=release_of(release), detail={"held": True, "reason": "a test"})


def filled(place: InPrefect, *releases: str) -> Chain:
    with place.open() as ledger:
        chain = ledger.read()
        for release in releases:
            number = chain.last_generation + 1
            for state in UP:
                draft = Draft(Event.TRANSITION, number, ADA, Kind.PROMOTE, state, release_of(release))
                chain = ledger.append(chain, draft)
        return chain


def test_a_record_costs_two_requests_and_reading_one(wired: PrefectLedger, proxy: Proxy, place: InPrefect) -> None:
    filled(place, "a", "b")
    with proxy.counting() as seen:
        chain = wired.read()
    assert [request.line for request in seen] == ["POST /variables/filter"]
    with proxy.counting() as seen:
        wired.append(chain, hold("x"))
    head = f"GET /variables/name/{variable_name(place.solution, 'dev', 10)}"
    assert [request.line for request in seen] == ["POST /variables/", head]


@pytest.mark.parametrize("fault", ["dropped", "503", "500", "504"])
@pytest.mark.parametrize("first", [True, False])
def test_an_answer_that_is_lost_after_the_write_took_effect(
    wired: PrefectLedger, proxy: Proxy, place: InPrefect, fault: str, first: bool
) -> None:
    if not first:
        filled(place, "z")
    before = wired.read()
    if fault == "dropped":
        proxy.drop(before=False, **CREATE)
    else:
        proxy.answer(int(fault), forward=True, **CREATE)
    chain = wired.append(before, hold("x"))
    assert len(proxy.writes) == 1
    assert wired.read().records == chain.records
    assert len(place.rows()) == len(before.records) + 1


@pytest.mark.parametrize("fault", ["dropped", "503", "429"])
def test_a_write_that_did_not_take_effect_is_sent_again(wired: PrefectLedger, proxy: Proxy, fault: str) -> None:
    before = wired.read()
    if fault == "dropped":
        proxy.drop(before=True, times=3, **CREATE)
    else:
        proxy.answer(int(fault), times=3, **CREATE)
    chain = wired.append(before, queued())
    assert len(proxy.writes) == 4
    assert wired.read().records == chain.records


def test_a_late_echo_of_our_own_record_is_no_rival(wired: PrefectLedger, proxy: Proxy) -> None:
    """The first request seems lost, is looked for, sent again, and the server has had the first one all along."""
    before = wired.read()
    proxy.drop(before=False, **CREATE)
    hidden = proxy.answer(404, method="GET", path="^/variables/name/", body=b'{"detail": "Variable not found."}')
    chain = wired.append(before, queued())
    assert hidden.hits == 1
    assert [seen.status for seen in proxy.seen if seen.writes] == [0, 409]
    assert wired.read().records == chain.records


@pytest.mark.parametrize("fault", ["none", "dropped", "503"])
def test_a_rival_in_between_wins(wired: PrefectLedger, proxy: Proxy, place: InPrefect, fault: str) -> None:
    chain = wired.read()

    def rival(_number: int) -> None:
        with place.open() as other:
            other.append(chain, queued(Actor("grace")))

    if fault == "dropped":
        proxy.drop(before=True, **CREATE).act = rival
    elif fault == "503":
        proxy.answer(503, **CREATE).act = rival
    else:
        proxy.before(rival, **CREATE)
    with pytest.raises(Lost, match="by grace at") as caught:
        wired.append(chain, queued())
    assert caught.value.winner.actor == Actor("grace")
    assert [record.actor.name for record in wired.read().records] == ["grace"]


def test_when_nobody_answers_any_more_it_is_said_that_nothing_is_known(wired: PrefectLedger, proxy: Proxy) -> None:
    chain = wired.read()
    proxy.drop(before=False, **CREATE)
    proxy.drop(before=True, times=None)
    with pytest.raises(Unreachable, match=r"Whether ring_dev_.*_00000001 was written is not known; run again to see\."):
        wired.append(chain, queued())
    # It did take effect; whoever runs again finds the record in the ledger.
    proxy.reset()
    assert len(wired.read().records) == 1


def test_a_conflict_without_a_rival_is_passed_on(wired: PrefectLedger, proxy: Proxy) -> None:
    proxy.answer(409, body=b'{"detail": "Something else."}', **CREATE)
    with pytest.raises(Conflict, match=r"Something else\."):
        wired.append(wired.read(), queued())


def test_a_server_that_only_fails_is_no_loss_of_the_race(wired: PrefectLedger, proxy: Proxy) -> None:
    proxy.answer(503, times=None, **CREATE)
    with pytest.raises(ApiError, match="503"):
        wired.append(wired.read(), queued())
    assert wired.read().records == ()


def test_a_record_that_vanishes_at_once_is_missed(wired: PrefectLedger, proxy: Proxy, place: InPrefect) -> None:
    name = variable_name(place.solution, "dev", 1)
    chain = wired.read()
    proxy.before(lambda _number: place.delete(name), path="^/variables/filter")
    with pytest.raises(Broken, match=f"{name} was deleted as soon as it was written"):
        wired.append(chain, queued())


@pytest.mark.parametrize("rest", ["x", "1", "000000001", "00000000x", ""])
def test_a_foreign_variable_stops_everybody(
    wired: PrefectLedger, place: InPrefect, session: Session, rest: str
) -> None:
    filled(place, "a")
    name = variable_prefix(place.solution, "dev") + rest
    session.write("POST", "/variables/", {"name": name, "value": "x"})
    with pytest.raises(Broken, match=f"The variable {name} is none of the ledger's") as caught:
        wired.read()
    assert caught.value.variable == name


@pytest.mark.parametrize("value", ["x", 5, None, [], {}, {"sequence": 1}])
def test_a_variable_that_holds_no_record_stops_everybody(wired: PrefectLedger, place: InPrefect, value: t.Any) -> None:
    filled(place, "a")
    name = variable_name(place.solution, "dev", 5)
    place.edit(name, value)
    with pytest.raises(Broken, match=f"The variable {name} holds no record of a ledger: "):
        wired.read()


def test_records_that_changed_places_are_found(wired: PrefectLedger, place: InPrefect) -> None:
    filled(place, "a")
    names = [variable_name(place.solution, "dev", number) for number in (2, 3)]
    rows = place.rows()
    place.edit(names[0], rows[names[1]])
    with pytest.raises(Broken, match=f"The variable {names[0]} holds the record that belongs into {names[1]}"):
        wired.read()


def test_a_foreign_variable_in_the_next_place_is_no_winner(wired: PrefectLedger, place: InPrefect) -> None:
    chain = wired.read()
    place.put(variable_name(place.solution, "dev", 1), "x")
    with pytest.raises(Broken, match="holds no record of a ledger"):
        wired.append(chain, queued())


def test_names_that_only_look_alike_are_nobody_s_business(
    wired: PrefectLedger, place: InPrefect, session: Session
) -> None:
    chain = filled(place, "a")
    # In the server's filter an underscore stands for any character, and capitals for small letters.
    for name in (
        f"ring-dev-{place.solution}-00000001",
        f"old_ring_dev_{place.solution}_00000001",
        f"ring_dev_{place.solution}-b_00000001",
        f"ring_dev-b_{place.solution}_00000001",
    ):
        session.write("POST", "/variables/", {"name": name, "value": "x", "tags": [TAG]})
    assert wired.read().records == chain.records


def test_a_ledger_of_many_pages(wired: PrefectLedger, session: Session, proxy: Proxy) -> None:
    chain = wired.read()
    for number in range(450):
        chain = chain.extended(chain.next(hold(str(number % 7))))
    for record in chain.records:
        session.write("POST", "/variables/", {"name": record.variable, "value": record.to_json(), "tags": [TAG]})
    with proxy.counting() as seen:
        assert wired.read().records == chain.records
    assert len(seen) == 3


@pytest.mark.parametrize("answered", [True, False])
def test_a_compaction_may_die_at_every_request(
    server: PrefectServer, proxy: Proxy, unique: Unique, store: Store, answered: bool
) -> None:
    """After so many requests the next one gets no answer, whether or not it took effect, and none after it is sent."""
    finished = False
    survived = 0
    while not finished:
        place = InPrefect(server.api_url, unique("hotpass"))
        original = filled(place, "a", "b", "c")
        proxy.reset()
        proxy.before(lambda _number: None, times=survived)
        proxy.drop(before=not answered)
        proxy.drop(before=True, times=None)
        with Session(Connection(proxy.api_url, retries=0)) as session:
            dying = PrefectLedger(session, place.solution, "dev", sleep=lambda _seconds: None)
            try:
                compaction.compact(dying, dying.read(), store, ADA, keep=3)
                finished = True
            except CollectionError:
                survived += 1
        with place.open() as ledger:
            after_crash = ledger.read()
            assert same(after_crash, original)
            assert compaction.full_chain(after_crash, store).records[:15] == original.records
            mended = compaction.compact(ledger, after_crash, store, ADA, keep=3)
        assert same(mended, original)
        assert [record.sequence for record in mended.records] == list(range(6, 17))
        assert compaction.full_chain(mended, store).records[:15] == original.records
    # Reading, the checkpoint and the look at the head, the list, five records deleted, reading.
    assert survived == 10


def same(chain: Chain, other: Chain) -> bool:
    """Whether promoters would do the same, whichever of the two they read."""
    first, second = (
        (
            each.active,
            each.under_way,
            each.last_generation,
            each.degraded,
            each.holds.keys(),
            [(g.number, g.release, g.state, g.since) for g in each.verified],
        )
        for each in (chain, other)
    )
    return first == second


def test_readers_and_promoters_do_not_mind_a_compaction(wired: PrefectLedger, place: InPrefect, store: Store) -> None:
    chain = filled(place, *"abcdefgh")
    done = threading.Event()
    readings: list[tuple[int | None, int]] = []
    written: list[str] = []

    def read() -> None:
        with place.open() as ledger:
            while not done.is_set():
                seen = ledger.read()
                readings.append((seen.active.number if seen.active else None, seen.last_generation))

    def write() -> None:
        with place.open() as ledger:
            for number in range(6):
                while True:
                    try:
                        written.append(ledger.append(ledger.read(), hold(str(number))).records[-1].token)
                        break
                    except Lost:
                        time.sleep(0.01)

    threads = [threading.Thread(target=read), threading.Thread(target=write)]
    for thread in threads:
        thread.start()
    try:
        compaction.compact(wired, chain, store, ADA, keep=6)
    finally:
        threads[1].join()
        done.set()
        threads[0].join()
    assert set(readings) == {(8, 8)}
    final = wired.read()
    assert final.records[0].sequence > 1
    assert len(written) == 6
    whole = compaction.full_chain(final, store).records
    assert set(written) <= {record.token for record in whole}
    assert [record.sequence for record in whole] == list(range(1, len(whole) + 1))


def test_two_compactions_at_once(wired: PrefectLedger, place: InPrefect, store: Store) -> None:
    chain = filled(place, *"abcdef")
    start = threading.Barrier(3)
    results: list[Chain] = []

    def compact() -> None:
        with place.open() as ledger:
            start.wait()
            results.append(compaction.compact(ledger, chain, store, ADA, keep=5))

    threads = [threading.Thread(target=compact) for _number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3
    final = wired.read()
    assert final.records[0].sequence == 21
    assert len(final.segments) == 1
    assert compaction.full_chain(final, store).records[:30] == chain.records


def test_nothing_is_deleted_that_the_store_does_not_have(
    wired: PrefectLedger, proxy: Proxy, place: InPrefect, store: Store, tmp_path: Path
) -> None:
    filled(place, "a", "b", "c", "d")
    proxy.drop(before=True, times=None, method="DELETE")
    with pytest.raises(CollectionError):
        compaction.compact(wired, wired.read(), store, ADA, keep=5)
    proxy.reset()
    rows = place.rows()
    elsewhere = open_store(str(tmp_path / "elsewhere"))
    elsewhere.write_blob(b"something")
    with pytest.raises(NotInStore):
        compaction.compact(wired, wired.read(), elsewhere, ADA, keep=5)
    assert place.rows() == rows
    assert proxy.writes == []
    assert compaction.compact(wired, wired.read(), store, ADA, keep=5).records[0].sequence == 11


def test_the_tag_and_the_first_link(wired: PrefectLedger, session: Session, place: InPrefect) -> None:
    wired.append(wired.read(), queued())
    row = session.get(f"/variables/name/{variable_name(place.solution, 'dev', 1)}")
    assert row["tags"] == [TAG]
    assert row["value"]["previous"] == GENESIS
