# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The events that records make."""

from __future__ import annotations

import json
import typing as t
import uuid

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.announce import event_name, events_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Event
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

from tests.support.ring_story import UP, RingStory, release_of


def told(story: RingStory) -> list[tuple[str, int]]:
    """Every event of the story, by its name after the prefix, and its generation."""
    return [
        (event["event"].removeprefix("hotpass.ring."), event["payload"]["generation"])
        for record in story.chain.records
        for event in events_of(story.chain, record)
    ]


def up(number: int) -> list[tuple[str, int]]:
    """The events of a generation that goes well."""
    return [(name, number) for name in ("queued", "resolving", "deploying", "validating", "active")]


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (State.QUEUED, "queued"),
        (State.AWAITING_APPROVAL, "awaiting-approval"),
        (State.ROLLING_BACK, "rolling-back"),
        (State.ROLLED_BACK, "rolled-back"),
        (State.ROLLBACK_FAILED, "rollback-failed"),
        (Event.VETO, "veto"),
    ],
)
def test_states_and_records_have_event_names(state: State | Event, name: str) -> None:
    assert event_name(state) == f"hotpass.ring.{name}"


def test_each_state_has_a_name_of_its_own_that_an_automation_can_ask_for() -> None:
    names = {event_name(what) for what in (*State, *Event)}
    assert len(names) == len(State) + len(Event)
    assert all(name.replace("-", "").replace(".", "").isalpha() and name.islower() for name in names)


def test_a_promotion_ends_the_one_before_it() -> None:
    story = RingStory()
    story.go("a", *UP)
    story.go("b", *UP)
    assert told(story) == [*up(1), *up(2), ("superseded", 1)]


def test_a_rollback_takes_the_generation_that_it_rolls_back_with_it() -> None:
    story = RingStory()
    story.go("a", *UP)
    story.go("b", *UP)
    story.go("a", *UP, rolls_back=2)
    assert told(story)[len(told(story)) - 7 :] == [
        ("queued", 3),
        ("resolving", 3),
        ("deploying", 3),
        ("rolling-back", 2),
        ("validating", 3),
        ("active", 3),
        ("rolled-back", 2),
    ]


def test_a_rollback_that_fails_and_is_tried_again_and_a_promotion_after_it() -> None:
    story = RingStory()
    story.go("a", *UP)
    story.go("b", *UP)
    begin = len(told(story))
    story.go("a", *UP[:3], State.ROLLING_BACK, State.ROLLBACK_FAILED, rolls_back=2)
    story.go("a", State.ROLLING_BACK, State.ROLLED_BACK, kind=story.chain.generation(3).kind)
    story.go("c", *UP)
    assert told(story)[begin:] == [
        ("queued", 3),
        ("resolving", 3),
        ("deploying", 3),
        ("rolling-back", 2),
        ("rolling-back", 3),
        ("rollback-failed", 3),
        ("rollback-failed", 2),
        ("rolling-back", 3),
        ("rolling-back", 2),
        ("rolled-back", 3),
        ("rollback-failed", 2),
        *up(4),
    ]


def test_a_failed_promotion_that_is_taken_back_concerns_no_other() -> None:
    story = RingStory()
    story.go("a", *UP)
    story.go("b", *UP[:4], State.ROLLING_BACK, State.ROLLED_BACK)
    assert told(story)[5:] == [
        *[(name, 2) for name in ("queued", "resolving", "deploying", "validating", "rolling-back", "rolled-back")]
    ]


def test_what_is_no_state_is_told_too_and_checkpoints_are_not() -> None:
    story = RingStory()
    story.go("a", State.QUEUED, State.RESOLVING, State.AWAITING_APPROVAL)
    story.say(Event.APPROVAL, "a", 1, decision="approve", envelope={"payload": "x"})
    story.go("a", State.DEPLOYING, State.VALIDATING)
    story.say(Event.PERMIT, "a", 1, purpose="smoke", tag="t-1", max_runs=2, expires="2026-01-31T10:20:30Z")
    story.say(Event.HOLD, "b", held=True, reason="it was rolled back")
    story.say(Event.VETO, "c", reason="recalled")
    assert told(story)[3:] == [
        ("approval", 1),
        ("deploying", 1),
        ("validating", 1),
        ("permit", 1),
        ("hold", 0),
        ("veto", 0),
    ]
    [approval] = events_of(story.chain, story.chain.records[3])
    assert approval["payload"]["decision"] == "approve"
    assert "envelope" not in json.dumps(approval)
    [veto] = events_of(story.chain, story.chain.records[-1])
    assert veto["payload"]["release"] == release_of("c")
    assert [related["prefect.resource.role"] for related in veto["related"]] == ["solution", "release"]


def test_an_event_says_what_an_automation_needs_to_choose_it() -> None:
    story = RingStory("crm", "staging")
    records = story.go("a", *UP[:2], State.FAILED, reason="r" * 1000, gates=["secret"])
    [event] = events_of(story.chain, records[-1])
    digest = release_of("a")
    assert event == {
        "id": event["id"],
        "occurred": records[-1].at,
        "event": "hotpass.ring.failed",
        "resource": {
            "prefect.resource.id": "hotpass.ring.staging",
            "prefect.resource.name": "crm in ring staging",
            "hotpass.ring": "staging",
            "hotpass.solution": "crm",
            "hotpass.generation": "1",
        },
        "related": [
            {"prefect.resource.id": "hotpass.solution.crm", "prefect.resource.role": "solution"},
            {"prefect.resource.id": "hotpass.generation.crm.staging.1", "prefect.resource.role": "generation"},
            {"prefect.resource.id": f"hotpass.release.{digest}", "prefect.resource.role": "release"},
        ],
        "payload": {
            "solution": "crm",
            "ring": "staging",
            "generation": 1,
            "kind": "promote",
            "release": digest,
            "actor": "ada",
            "sequence": 3,
            "record": records[-1].digest,
            "reason": "r" * 300,
        },
    }


def ids(story: RingStory) -> list[str]:
    """The ids of every event of the story."""
    return [event["id"] for record in story.chain.records for event in events_of(story.chain, record)]


def test_ids_are_the_same_for_who_tells_later_and_different_for_all_else() -> None:
    story = RingStory()
    story.go("a", *UP)
    story.go("b", *UP)
    early = ids(story)
    story.go("a", *UP, rolls_back=2)
    assert ids(story)[: len(early)] == early
    assert len(set(ids(story))) == len(ids(story))
    assert all(uuid.UUID(one).version == 5 for one in ids(story))


def test_the_events_of_a_record_of_long_ago_speak_of_that_time() -> None:
    story = RingStory()
    story.go("a", *UP)
    story.go("b", *UP)
    before: list[t.Any] = [events_of(story.chain, record) for record in story.chain.records]
    story.go("a", *UP, rolls_back=2)
    assert [events_of(story.chain, record) for record in story.chain.records[:10]] == before
