# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module prefect_automation against a live server."""

from __future__ import annotations

import typing as t
import uuid

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.chains import settle
from tests.support.doors import DoorName, Doors, Task
from tests.support.proxy import Proxy
from tests.support.shapes import Door, MakeDeployment, Unique

pytestmark = pytest.mark.integration

MODULE = "prefect_automation"
BLOCK = "7E2085CE-2901-4695-9121-FE72B6C2E9F1"
EVENT: dict[str, t.Any] = {
    "type": "event",
    "posture": "Reactive",
    "expect": ["hotpass.ring.failed", "hotpass.ring.active"],
    "match": {"prefect.resource.id": "hotpass.ring.dev"},
}
NOTHING = [{"type": "do-nothing"}]


@pytest.fixture
def name(unique: Unique, session: Session) -> t.Iterator[str]:
    """A name for an automation, which is gone afterwards: one that is left would answer other tests' events."""
    made = unique("automation")
    yield made
    for row in rows(session, made):
        session.write("DELETE", f"/automations/{row['id']}")


def rows(session: Session, name: str) -> list[dict[str, t.Any]]:
    """The server's automations of that name."""
    return list(session.search("/automations/filter", {"automations": {"name": {"any_": [name]}}}))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"description": "for tests"}),
        ({"description": "for tests"}, {"description": ""}),
        ({"enabled": False}, {"enabled": True}),
        ({"enabled": True}, {"enabled": False, "tags": ["a"]}),
        ({"tags": ["b", "a", "b"]}, {"tags": []}),
        (
            {"actions": []},
            {"actions": [{"type": "cancel-flow-run"}, {"type": "change-flow-run-state", "state": "FAILED"}]},
        ),
        ({"actions_on_trigger": NOTHING}, {"actions_on_trigger": [], "actions_on_resolve": NOTHING}),
        (
            {"actions": [{"type": "send-notification", "block_document_id": BLOCK, "body": "{{ event.id }}"}]},
            {"actions": [{"type": "call-webhook", "block_document_id": BLOCK, "payload": "{{ event.event }}"}]},
        ),
        (
            {"actions": [{"type": "run-deployment", "deployment_id": BLOCK, "parameters": {"a": 1, "b": [1.5, None]}}]},
            {"actions": [{"type": "run-deployment", "deployment_id": BLOCK, "schedule_after": 60}]},
        ),
        ({"trigger": EVENT}, {"trigger": {**EVENT, "expect": ["hotpass.ring.active"]}}),
        ({"trigger": EVENT}, {"trigger": {key: EVENT[key] for key in ("type", "posture", "expect")}}),
        (
            {
                "trigger": {
                    **EVENT,
                    "posture": "Proactive",
                    "after": ["x.b", "x.a"],
                    "for_each": ["b", "a"],
                    "within": 30,
                }
            },
            {"trigger": {**EVENT, "posture": "Proactive", "after": ["x.b", "x.a"], "for_each": ["b", "a"]}},
        ),
        (
            {"trigger": {**EVENT, "match": {"a": ["y", "x"]}, "match_related": [{"b": "z"}, {"c": ["d"]}]}},
            {"trigger": {**EVENT, "match": {"a": ["x"]}, "match_related": {"b": "z"}, "threshold": 2, "within": 5.5}},
        ),
        (
            {"trigger": {"type": "sequence", "triggers": [EVENT, {**EVENT, "expect": ["other"]}], "within": 20}},
            {"trigger": {"type": "compound", "triggers": [EVENT, {**EVENT, "expect": ["other"]}], "require": "any"}},
        ),
    ],
)
def test_each_option_is_applied_once_and_predicted(
    door: Door, proxy: Proxy, name: str, first: dict[str, t.Any], second: dict[str, t.Any]
) -> None:
    created = settle(door, proxy, MODULE, name=name, **{"trigger": EVENT, "actions": NOTHING, **first})
    assert created["automation"]["name"] == name
    changed = settle(door, proxy, MODULE, name=name, **second)
    assert changed["automation"]["id"] == created["automation"]["id"]
    gone = settle(door, proxy, MODULE, name=name, state="absent")
    assert gone["automation"] is None


def test_what_means_the_same_is_no_difference(door: Door, proxy: Proxy, session: Session, name: str) -> None:
    settle(door, proxy, MODULE, name=name, trigger=EVENT, actions=NOTHING, tags=["b", "a"])
    [row] = rows(session, name)
    written_out = {
        **row["trigger"],
        "expect": list(reversed(row["trigger"]["expect"])),
        "match": {"prefect.resource.id": ["hotpass.ring.dev"]},
        "within": 0,
        "threshold": 1,
    }
    settle(door, proxy, MODULE, name=name, trigger=written_out, tags=["a", "b", "a"], changed=False)


def test_what_is_not_given_is_left_alone(door: Door, proxy: Proxy, session: Session, name: str) -> None:
    settle(door, proxy, MODULE, name=name, trigger=EVENT, actions=NOTHING, description="first", tags=["a"])
    [row] = rows(session, name)
    session.write("PATCH", f"/automations/{row['id']}", {"enabled": False})
    settle(door, proxy, MODULE, name=name, description="second")
    [row] = rows(session, name)
    assert (row["enabled"], row["description"], row["tags"]) == (False, "second", ["a"])
    assert row["trigger"]["match"] == EVENT["match"]
    assert row["actions"] == NOTHING


def test_switching_off_keeps_what_the_trigger_has_seen(door: Door, proxy: Proxy, session: Session, name: str) -> None:
    settle(door, proxy, MODULE, name=name, trigger=EVENT, actions=NOTHING)
    [before] = rows(session, name)
    settle(door, proxy, MODULE, name=name, enabled=False)
    [after] = rows(session, name)
    assert after["trigger"]["id"] == before["trigger"]["id"]


def test_the_diff_shows_the_changed_options_only(door: Door, name: str) -> None:
    door(MODULE, name=name, trigger=EVENT, actions=NOTHING, description="a")
    changed = door(MODULE, name=name, trigger=EVENT, actions=NOTHING, description="b")
    assert changed["diff"] == [
        {
            "before_header": f"automation '{name}'",
            "after_header": f"automation '{name}'",
            "before": {"description": "a"},
            "after": {"description": "b"},
        }
    ]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": " "}, "An automation needs a name"),
        ({"trigger": {**EVENT, "expects": ["x"]}}, "trigger has expects, which Prefect would drop; allowed: after,"),
        ({"trigger": {"type": "metric"}}, "trigger has the type 'metric'; allowed are compound, event, sequence."),
        ({"trigger": {"type": "event"}}, "trigger lacks posture, which the type event needs."),
        ({"trigger": {**EVENT, "posture": "reactive"}}, "trigger.posture is 'reactive'; allowed are Proactive and"),
        ({"trigger": {**EVENT, "posture": "Proactive", "within": 9}}, "trigger.within is 9.0; a Proactive trigger"),
        ({"trigger": {**EVENT, "within": "PT30S"}}, "trigger.within is 'PT30S'; it must be a number of seconds"),
        ({"trigger": {**EVENT, "within": float("nan")}}, "it must be a number of seconds"),
        ({"trigger": {**EVENT, "threshold": 0}}, "trigger.threshold is 0; it must be 1 or more."),
        ({"trigger": {**EVENT, "expect": "x"}}, "trigger.expect must be a list of texts."),
        ({"trigger": {**EVENT, "match": {"a": 5}}}, "trigger.match.a must be a text or a list of texts."),
        ({"trigger": {**EVENT, "match": [{"a": "b"}]}}, "trigger.match must map labels to texts"),
        (
            {"trigger": {"type": "compound", "require": 2, "triggers": [EVENT]}},
            "trigger.require is 2; allowed: any, all, a number from 1 to 1.",
        ),
        (
            {"trigger": {"type": "sequence", "triggers": [EVENT, {**EVENT, "typo": 1}]}},
            "trigger.triggers[1] has typo, which Prefect would drop",
        ),
        ({"actions": [{"type": "donothing"}]}, "actions[0] has the type 'donothing'; allowed are call-webhook,"),
        ({"actions": [*NOTHING, {"type": "call-webhook"}]}, "actions[1] lacks block_document_id, which the type"),
        (
            {"actions_on_resolve": [{"type": "call-webhook", "block_document_id": "my-block"}]},
            "actions_on_resolve[0].block_document_id is 'my-block', which is no id (a UUID).",
        ),
        (
            {"actions": [{"type": "run-deployment"}]},
            "actions[0] must give deployment_id when its source is selected, and only then.",
        ),
    ],
)
def test_what_the_server_would_refuse_or_drop_is_refused_before_any_request(
    door: Door, proxy: Proxy, options: dict[str, t.Any], sentence: str
) -> None:
    refused = door(MODULE, **{"name": "alert", "trigger": EVENT, "actions": NOTHING, **options})
    assert refused["failed"]
    assert sentence in refused["msg"]
    assert proxy.seen == []


def test_a_new_automation_needs_a_trigger_and_actions(door: Door, name: str) -> None:
    assert door(MODULE, name=name, check_mode=True)["msg"] == (
        f"There is no automation '{name}' yet; to create it, trigger and actions must be given."
    )


def test_two_of_one_name_are_refused(door: Door, proxy: Proxy, session: Session, name: str) -> None:
    for _number in range(2):
        session.write("POST", "/automations/", {"name": name, "trigger": EVENT, "actions": NOTHING})
    for options in ({"description": "x"}, {"state": "absent"}):
        refused = door(MODULE, name=name, **options)
        assert refused["failed"]
        assert f"There are 2 automations named '{name}'" in refused["msg"]
        assert all(row["id"] in refused["msg"] for row in rows(session, name))
    assert proxy.writes == []


@pytest.mark.parametrize("before", [True, False], ids=["dropped before", "dropped after"])
def test_a_lost_answer_does_not_create_twice(
    door: Door, proxy: Proxy, session: Session, name: str, before: bool
) -> None:
    proxy.drop(before=before, method="POST", path="^/automations/$")
    assert door(MODULE, name=name, trigger=EVENT, actions=NOTHING)["changed"]
    assert len(rows(session, name)) == 1


def test_a_rival_of_the_same_moment_is_noticed(door: Door, proxy: Proxy, session: Session, name: str) -> None:
    def rival(_number: int) -> None:
        session.write("POST", "/automations/", {"name": name, "trigger": EVENT, "actions": NOTHING})

    proxy.before(rival, method="POST", path="^/automations/$")
    refused = door(MODULE, name=name, trigger=EVENT, actions=NOTHING)
    assert refused["failed"]
    assert f"There are 2 automations named '{name}'" in refused["msg"]


@pytest.mark.parametrize("status", [429, 503])
def test_passing_troubles_are_survived(door: Door, proxy: Proxy, name: str, status: int) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        proxy.answer(status, method=method, headers={"Retry-After": "0.05"})
    assert door(MODULE, name=name, trigger=EVENT, actions=NOTHING)["changed"]
    assert door(MODULE, name=name, description="x")["changed"]
    assert door(MODULE, name=name, enabled=False)["changed"]
    assert door(MODULE, name=name, state="absent")["automation"] is None


@pytest.mark.parametrize("way", ["module", "action"])
def test_both_doors_hide_secrets(
    doors: Doors, make_deployment: MakeDeployment, name: str, way: DoorName, unique: Unique
) -> None:
    own = {**doors.connection, "name": name}
    deployment = make_deployment()["id"]
    secret = unique("zebra")
    run = {"type": "run-deployment", "deployment_id": deployment, "parameters": {"api_token": secret, "day": 1}}
    refused = [{**run, "type": "call-webhook", "block_document_id": str(uuid.uuid4())}]
    played = doors.play(
        [
            Task(MODULE, {**own, "trigger": EVENT, "actions": [run]}, check=True),
            Task(MODULE, {**own, "trigger": EVENT, "actions": [run]}),
            Task(MODULE, {**own, "trigger": EVENT, "actions": [run]}),
            Task(MODULE, {**own, "actions": refused}),
            Task(MODULE, {**own, "state": "absent"}),
        ],
        way,
    )
    assert [answer["changed"] for answer in played.results] == [True, True, False, False, True], played.output
    assert [answer["failed"] for answer in played.results] == [False, False, False, True, False]
    assert played.results[1]["automation"]["actions"][0]["parameters"] == {"api_token": "(secret)", "day": 1}
    # Ansible itself prints the arguments of a task that ships its module; those of this task name the secret once.
    assert secret not in repr(played.results)
    assert secret not in played.output
