# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ring's events and its artifact on a live server."""

from __future__ import annotations

import datetime
import time
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import events
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release import announce, ring_view
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Event
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

from tests.support.proxy import Proxy
from tests.support.ring_story import UP, RingStory
from tests.support.shapes import Unique

pytestmark = pytest.mark.integration


@pytest.fixture
def story(unique: Unique) -> RingStory:
    """A ring that nothing else on the server knows."""
    return RingStory(ring=unique("ring"))


@pytest.fixture
def through(proxy: Proxy) -> t.Iterator[Session]:
    """A session through the proxy, which tries a failed request once more."""
    with Session(Connection(proxy.api_url, retries=1)) as opened:
        yield opened


def stored(session: Session, ring: str, count: int) -> list[str]:
    """The names of the ring's events on the server, oldest first, once there are as many; it stores them in batches."""
    deadline = time.monotonic() + 60
    now = datetime.datetime.now(datetime.UTC)
    window = {"since": (now - datetime.timedelta(days=9)).isoformat(), "until": (now + _DAY).isoformat()}
    body = {
        "filter": {"resource": {"id": [f"hotpass.ring.{ring}"]}, "occurred": window, "order": "ASC"},
        "limit": 50,
    }
    while True:
        rows = session.search("/events/filter", body)["events"]
        if len(rows) >= count or time.monotonic() > deadline:
            return [row["event"].removeprefix("hotpass.ring.") for row in rows]
        time.sleep(0.5)


_DAY = datetime.timedelta(days=1)
_WENT_WELL = ["queued", "resolving", "deploying", "validating", "active"]


def test_a_step_is_told_once_however_often_it_is_told(session: Session, story: RingStory) -> None:
    records = story.go("a", *UP)
    for _attempt in range(3):
        assert announce.announce(session, story.chain, records) == []
    assert stored(session, story.chain.ring, 5) == _WENT_WELL
    time.sleep(6)
    assert stored(session, story.chain.ring, 5) == _WENT_WELL


def test_telling_takes_one_request_and_telling_nothing_none(story: RingStory, proxy: Proxy, through: Session) -> None:
    assert announce.announce(through, story.chain, []) == []
    assert announce.ensure(through, story.chain) == []
    assert proxy.seen == []
    records = story.go("a", *UP)
    assert announce.announce(through, story.chain, records) == []
    assert [seen.line for seen in proxy.seen] == ["POST /events"]


def test_what_a_dead_promoter_left_untold_is_told_and_then_nothing(
    story: RingStory, session: Session, proxy: Proxy, through: Session
) -> None:
    records = story.go("a", *UP[:2])
    announce.announce(session, story.chain, records)
    assert len(stored(session, story.chain.ring, 2)) == 2
    story.go("a", *UP[2:])
    story.go("b", *UP)
    assert announce.ensure(through, story.chain) == []
    [sent] = [seen.body for seen in proxy.seen if seen.line == "POST /events"]
    assert [(event["event"].removeprefix("hotpass.ring."), event["payload"]["generation"]) for event in sent] == [
        *[(name, 1) for name in ("deploying", "validating", "active")],
        *[(name, 2) for name in _WENT_WELL],
        ("superseded", 1),
    ]
    assert [event.get("follows") for event in sent] == [None, *[event["id"] for event in sent[:-1]]]
    assert sorted(stored(session, story.chain.ring, 11)) == sorted([*_WENT_WELL, *_WENT_WELL, "superseded"])
    proxy.reset()
    assert announce.ensure(through, story.chain) == []
    assert [seen.line for seen in proxy.seen] == ["POST /events/filter"]


def test_old_steps_are_not_told_again(unique: Unique, proxy: Proxy, through: Session) -> None:
    long_ago = datetime.datetime.now(datetime.UTC) - 2 * _DAY
    story = RingStory(ring=unique("ring"), begin=long_ago)
    story.go("a", *UP)
    assert announce.ensure(through, story.chain) == []
    assert proxy.seen == []


def test_a_writer_whose_clock_is_ahead_is_not_told_twice(unique: Unique, proxy: Proxy, through: Session) -> None:
    story = RingStory(ring=unique("ring"), begin=datetime.datetime.now(datetime.UTC) + _DAY / 2)
    records = story.go("a", *UP)
    announce.announce(through, story.chain, records)
    assert len(stored(through, story.chain.ring, 5)) == 5
    proxy.reset()
    assert announce.ensure(through, story.chain) == []
    assert proxy.writes == []


def test_arrival_is_asked_of_exactly_the_events_given(session: Session, story: RingStory) -> None:
    records = story.go("a", *UP[:2])
    first, second = (announce.events_of(story.chain, record)[0] for record in records)
    events.send(session, [first])
    stored(session, story.chain.ring, 1)
    assert events.arrived(session, [first, second]) == {first["id"]}
    assert events.arrived(session, [second]) == set()
    assert events.arrived(session, []) == set()
    with pytest.raises(ValueError, match="51 events"):
        events.arrived(session, [first] * 51)


@pytest.mark.parametrize("status", [404, 422, 500])
def test_what_cannot_be_told_or_shown_is_a_warning(
    story: RingStory, proxy: Proxy, through: Session, status: int
) -> None:
    records = story.go("a", *UP)
    proxy.answer(status, times=None)
    for warnings in (
        announce.announce(through, story.chain, records),
        announce.ensure(through, story.chain),
        ring_view.publish(through, story.chain),
    ):
        [warning] = warnings
        assert "the ledger is not concerned" in warning
        assert story.chain.ring in warning
        assert f"was answered with {status}" in warning


def test_a_lost_answer_does_not_double_an_event(story: RingStory, proxy: Proxy, through: Session) -> None:
    proxy.drop(before=False, method="POST", path="^/events$")
    records = story.go("a", *UP)
    assert announce.announce(through, story.chain, records) == []
    assert len(proxy.writes) == 2
    time.sleep(6)
    assert stored(through, story.chain.ring, 5) == _WENT_WELL


def test_the_ring_is_shown_and_shown_again_only_when_it_changed(
    story: RingStory, proxy: Proxy, through: Session
) -> None:
    key = f"ring-{story.chain.ring}"
    for take in (lambda: None, lambda: story.go("a", *UP), lambda: story.say(Event.VETO, "b", reason="recalled")):
        take()
        proxy.reset()
        assert ring_view.publish(through, story.chain) == []
        assert proxy.writes == ["POST /artifacts/"]
        proxy.reset()
        assert ring_view.publish(through, story.chain) == []
        assert [seen.line for seen in proxy.seen] == ["POST /artifacts/filter"]
    shown = through.get(f"/artifacts/{key}/latest")
    assert shown["type"] == "markdown"
    assert shown["data"] == ring_view.markdown(story.chain)
    assert shown["description"] == (f"Solution hotpass in ring {story.chain.ring}: generation 1 is Active.")


def test_a_ring_that_goes_back_to_an_earlier_look_is_shown_again(story: RingStory, through: Session) -> None:
    ring_view.publish(through, story.chain)
    empty, ring = story.chain, story.chain.ring
    story.go("a", *UP[:1])
    ring_view.publish(through, story.chain)
    ring_view.publish(through, empty)
    assert through.get(f"/artifacts/ring-{ring}/latest")["data"] == ring_view.markdown(empty)


def test_two_solutions_of_a_ring_do_not_hide_each_other(unique: Unique, proxy: Proxy, through: Session) -> None:
    ring = unique("ring")
    stories = [RingStory(solution, ring) for solution in ("crm", "crm-2")]
    for story in stories:
        story.go("a", State.QUEUED)
        assert ring_view.publish(through, story.chain) == []
    proxy.reset()
    for story in stories:
        assert ring_view.publish(through, story.chain) == []
    assert proxy.writes == []
