# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prefect_deployment`` against a live server: each trap of the server's API, and what a user would expect."""

from __future__ import annotations

import copy
import json
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.errors import NotFound
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session, quote

from tests.support.doors import Doors, Task
from tests.support.proxy import Proxy
from tests.support.shapes import Door, MakeDeployment, Result, Unique

pytestmark = pytest.mark.integration

MODULE = "prefect_deployment"
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}
Document = dict[str, t.Any]


class Overlay:
    """A directory of manifests for one flow of its own, and the module bound to it."""

    def __init__(self, directory: Path, door: Door, session: Session, flow_name: str) -> None:
        directory.mkdir(exist_ok=True)
        self.directory, self.flow_name = directory, flow_name
        self.owner = f"hotpass/{flow_name}"
        self._door, self._session = door, session

    def write(self, id_: str, /, **fields: t.Any) -> None:
        """Write the manifest with this id anew."""
        document = {"id": id_, "name": id_, "flow": "lab.flows:run", "flow_name": self.flow_name, **fields}
        (self.directory / f"{id_}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")

    def remove(self, id_: str) -> None:
        """Remove the manifest with this id."""
        (self.directory / f"{id_}.yaml").unlink()

    def apply(self, **options: t.Any) -> Result:
        """Plan and apply the directory."""
        return self._door(MODULE, manifest_dir=str(self.directory), **{"owner": self.owner, **options})

    def row(self, name: str) -> Result:
        """The deployment as the server has it."""
        row: Result = self._session.get(f"/deployments/name/{quote(self.flow_name)}/{quote(name)}")
        return row


@pytest.fixture
def overlay(tmp_path: Path, door: Door, session: Session, unique: Unique) -> Overlay:
    return Overlay(tmp_path / "overlay", door, session, unique("flow"))


@pytest.fixture
def pool(session: Session, unique: Unique) -> str:
    name = unique("pool")
    template = {
        "job_configuration": {"env": "{{ env }}"},
        "variables": {"type": "object", "properties": {"env": {"type": "object", "default": {}}}},
    }
    session.write("POST", "/work_pools/", {"name": name, "type": "process", "base_job_template": template})
    return name


@pytest.fixture
def limit(session: Session, unique: Unique) -> str:
    name = unique("limit")
    session.write("POST", "/v2/concurrency_limits/", {"name": name, "limit": 3})
    return name


def cron(slug: str, value: str = "0 6 * * *", **fields: t.Any) -> Document:
    return {"slug": slug, "kind": "cron", "value": value, **fields}


def interval(slug: str, value: t.Any = 3600, **fields: t.Any) -> Document:
    return {"slug": slug, "kind": "interval", "value": value, **fields}


def rrule(slug: str, value: str = "FREQ=DAILY", **fields: t.Any) -> Document:
    return {"slug": slug, "kind": "rrule", "value": value, **fields}


# Manifests before and after, and the writes that lead from one to the other. POOL and LIMIT stand for real names.
TRANSITIONS: dict[str, tuple[Document, Document, list[str]]] = {
    "text": ({}, {"description": "x", "version": "1", "path": "/srv", "entrypoint": "a.py:f"}, ["PATCH"]),
    "text cleared": ({"description": "x", "version": "1", "path": "/srv"}, {}, ["PATCH"]),
    "empty text is none": ({"description": ""}, {}, []),
    "tags": ({"tags": ["b", "a"]}, {"tags": ["c"]}, ["PATCH"]),
    "order and doubles of tags": ({"tags": ["b", "a"]}, {"tags": ["a", "b", "a"]}, []),
    "tags cleared": ({"tags": ["b", "a"]}, {}, ["PATCH"]),
    "parameters": ({"parameters": {"a": 1}}, {"parameters": {"a": 2, "n": None}}, ["PATCH"]),
    "1 is not 1.0": ({"parameters": {"a": 1}}, {"parameters": {"a": 1.0}}, ["PATCH"]),
    "1 is not true": ({"parameters": {"a": 1}}, {"parameters": {"a": True}}, ["PATCH"]),
    "null is not absent": ({"parameters": {"a": None}}, {"parameters": {}}, ["PATCH"]),
    "big numbers": ({"parameters": {"a": 2**60 + 1}}, {"parameters": {"a": 2**60}}, ["PATCH"]),
    "job variables": ({"work_pool": "POOL"}, {"work_pool": "POOL", "job_variables": {"env": {"A": "b"}}}, ["PATCH"]),
    "job variables cleared": (
        {"work_pool": "POOL", "job_variables": {"env": {"A": "b"}}},
        {"work_pool": "POOL"},
        ["PATCH"],
    ),
    "pull steps": ({"pull_steps": [{"lab.steps.pull": {"ref": "a"}}]}, {"pull_steps": []}, ["PATCH"]),
    "no pull steps": ({"pull_steps": []}, {}, []),
    "enforcement": ({}, {"enforce_parameter_schema": False}, ["PATCH"]),
    "schema": (
        {"parameter_openapi_schema": SCHEMA, "parameters": {"a": 1}},
        {
            "parameter_openapi_schema": {"type": "object", "properties": {"a": {"type": "string"}}},
            "parameters": {"a": "x"},
        },
        ["PATCH"],
    ),
    "an empty schema is the default one": (
        {"parameter_openapi_schema": {}},
        {"parameter_openapi_schema": {"type": "object", "properties": {}}},
        [],
    ),
    "empty parts of a schema": (
        {"parameter_openapi_schema": SCHEMA},
        {"parameter_openapi_schema": {**SCHEMA, "definitions": {}, "required": []}},
        [],
    ),
    "labels": ({"labels": {"team": "x"}}, {"labels": {"team": "y", "n": 1, "on": True}}, ["POST"]),
    "labels removed": ({"labels": {"team": "x"}}, {}, ["POST"]),
    "labels keep schedules and parameters": (
        {"labels": {"n": 1}, "parameters": {"a": 1}, "schedules": [cron("a"), interval("i")], "tags": ["t"]},
        {"labels": {"n": 2}, "parameters": {"a": 1}, "schedules": [cron("a"), interval("i")], "tags": ["t"]},
        ["POST"],
    ),
    "labels and a maximum of runs": (
        {"labels": {"n": 1}, "schedules": [cron("a", max_scheduled_runs=7)]},
        {"labels": {"n": 2}, "schedules": [cron("a", max_scheduled_runs=7)]},
        ["POST", "POST schedules"],
    ),
    "labels with pool and queue": (
        {"labels": {"n": 1}, "work_pool": "POOL", "work_queue": "slow"},
        {"labels": {"n": 2}, "work_pool": "POOL", "work_queue": "slow"},
        ["POST"],
    ),
    "labels and no pool any more": ({"labels": {"n": 1}, "work_pool": "POOL"}, {"labels": {"n": 2}}, ["POST", "PATCH"]),
    "pool": ({}, {"work_pool": "POOL"}, ["PATCH"]),
    "no queue is the default queue": ({"work_pool": "POOL"}, {"work_pool": "POOL", "work_queue": "default"}, []),
    "queue": ({"work_pool": "POOL"}, {"work_pool": "POOL", "work_queue": "slow"}, ["PATCH"]),
    "no pool any more": ({"work_pool": "POOL", "work_queue": "slow"}, {}, ["PATCH"]),
    "own limit": ({}, {"concurrency_limit": 2}, ["PATCH"]),
    "own limit changed": ({"concurrency_limit": 2}, {"concurrency_limit": 3}, ["PATCH"]),
    "own limit removed": ({"concurrency_limit": 2}, {}, ["PATCH"]),
    "strategy": (
        {"concurrency_limit": 2, "concurrency_options": {"collision_strategy": "ENQUEUE"}},
        {
            "concurrency_limit": 2,
            "concurrency_options": {"collision_strategy": "CANCEL_NEW", "grace_period_seconds": 90},
        },
        ["PATCH"],
    ),
    "strategy removed": (
        {"concurrency_limit": 2, "concurrency_options": {"collision_strategy": "CANCEL_NEW"}},
        {"concurrency_limit": 2},
        ["PATCH"],
    ),
    "shared limit": ({}, {"global_concurrency_limit": "LIMIT"}, ["PATCH"]),
    "shared limit removed": ({"global_concurrency_limit": "LIMIT"}, {}, ["PATCH"]),
    "own to shared limit": ({"concurrency_limit": 2}, {"global_concurrency_limit": "LIMIT"}, ["PATCH", "DELETE limit"]),
    "shared to own limit": ({"global_concurrency_limit": "LIMIT"}, {"concurrency_limit": 9}, ["PATCH"]),
    "shared limit and labels": (
        {"global_concurrency_limit": "LIMIT", "labels": {"n": 1}},
        {"concurrency_limit": 9, "labels": {"n": 2}},
        ["POST", "PATCH"],
    ),
    "paused": ({"paused": False}, {"paused": True}, ["PATCH"]),
    "inactive single schedule pauses": (
        {"schedule": {"value": "0 6 * * *", "active": True}},
        {"schedule": {"value": "0 6 * * *", "active": False}},
        ["PATCH"],
    ),
    "cron": ({"schedules": [cron("a")]}, {"schedules": [cron("a", "0 7 * * *")]}, ["PATCH schedules"]),
    "white space in cron": ({"schedules": [cron("a")]}, {"schedules": [cron("a", " 0 6 * * * ")]}, []),
    "no time zone is UTC": ({"schedules": [cron("a")]}, {"schedules": [cron("a", timezone="UTC")]}, []),
    "time zone": ({"schedules": [cron("a")]}, {"schedules": [cron("a", timezone="Africa/Cairo")]}, ["PATCH schedules"]),
    "day_or": ({"schedules": [cron("a")]}, {"schedules": [cron("a", day_or=False)]}, ["PATCH schedules"]),
    "one of several removed": ({"schedules": [cron("a"), cron("b")]}, {"schedules": [cron("b")]}, ["DELETE schedules"]),
    "all removed": ({"schedules": [cron("a"), cron("b")]}, {}, ["DELETE schedules", "DELETE schedules"]),
    "one added": ({"schedules": [cron("a")]}, {"schedules": [cron("b"), cron("a")]}, ["POST schedules"]),
    "order of schedules": ({"schedules": [cron("a"), cron("b")]}, {"schedules": [cron("b"), cron("a")]}, []),
    "kind": ({"schedules": [cron("a")]}, {"schedules": [interval("a")]}, ["PATCH schedules"]),
    "interval without anchor": ({"schedules": [interval("a")]}, {"schedules": [interval("a", {"hours": 1})]}, []),
    "interval changed without anchor": (
        {"schedules": [interval("a")]},
        {"schedules": [interval("a", 7200.5)]},
        ["PATCH schedules"],
    ),
    "less than a microsecond": (
        {"schedules": [interval("a", 1.4765625)]},
        {"schedules": [interval("a", 1.476562)]},
        [],
    ),
    "anchor": (
        {"schedules": [interval("a", anchor_date="2024-01-01T00:00:00Z")]},
        {"schedules": [interval("a", anchor_date="2024-01-02T00:00:00+02:00")]},
        ["PATCH schedules"],
    ),
    "one instant in two time zones": (
        {"schedules": [interval("a", anchor_date="2024-01-01T00:00:00")]},
        {"schedules": [interval("a", anchor_date="2024-01-01T02:00:00+02:00")]},
        [],
    ),
    "rule": ({"schedules": [rrule("a")]}, {"schedules": [rrule("a", "FREQ=WEEKLY")]}, ["PATCH schedules"]),
    "rule with a prefix": ({"schedules": [rrule("a")]}, {"schedules": [rrule("a", "RRULE:FREQ=DAILY")]}, []),
    "rule with a start": (
        {"schedules": [rrule("a", "DTSTART:20240101T000000\nRRULE:FREQ=DAILY")]},
        {"schedules": [rrule("a", "DTSTART:20240201T000000\nRRULE:FREQ=DAILY")]},
        ["PATCH schedules"],
    ),
    "parameters of a schedule": (
        {"schedules": [cron("a", parameters={"a": 1}, active=True)]},
        {"schedules": [cron("a", parameters={"a": 1}, active=False)]},
        ["PATCH schedules"],
    ),
    "maximum of runs": (
        {"schedules": [cron("a", max_scheduled_runs=5)]},
        {"schedules": [cron("a", max_scheduled_runs=6)]},
        ["PATCH schedules"],
    ),
    "maximum of runs removed": (
        {"schedules": [cron("a", max_scheduled_runs=5)]},
        {"schedules": [cron("a")]},
        ["DELETE schedules", "POST schedules"],
    ),
}


def with_names(document: Document, pool: str, limit: str) -> Document:
    document = copy.deepcopy(document)
    for key, name in (("work_pool", pool), ("global_concurrency_limit", limit)):
        if key in document:
            document[key] = name
    return document


def brief(line: str) -> str:
    """``PATCH /deployments/<id>/schedules/<id>`` as ``PATCH schedules``."""
    method, _space, path = line.partition(" ")
    if "/schedules" in path:
        return f"{method} schedules"
    return f"{method} limit" if "concurrency_limits" in path else method


@pytest.mark.parametrize("case", TRANSITIONS)
def test_each_field_is_written_once_and_then_left_alone(
    overlay: Overlay, proxy: Proxy, pool: str, limit: str, session: Session, case: str
) -> None:
    before, after, expected = TRANSITIONS[case]
    overlay.write("d", **with_names(before, pool, limit))
    assert overlay.apply()["summary"]["created"] == 1
    with proxy.counting() as seen:
        again = overlay.apply()
    assert again["changed"] is False
    assert [request.line for request in seen if request.writes] == []

    overlay.write("d", **with_names(after, pool, limit))
    with proxy.counting() as seen:
        predicted = overlay.apply(check_mode=True)
    assert [request.line for request in seen if request.writes] == []
    with proxy.counting() as seen:
        applied = overlay.apply()
    assert not applied["failed"], applied["msg"]
    assert [brief(request.line) for request in seen if request.writes and request.status < 500] == expected
    assert applied["changed"] is bool(expected)
    assert predicted["plan"] == applied["plan"]
    assert predicted.get("diff") == applied.get("diff")
    with proxy.counting() as seen:
        assert overlay.apply()["changed"] is False
    assert [request.line for request in seen if request.writes] == []
    assert session.get(f"/v2/concurrency_limits/{limit}")["limit"] == 3, "a shared limit was touched"


def test_creation_is_one_write_per_deployment_and_one_for_the_flow(overlay: Overlay, proxy: Proxy, pool: str) -> None:
    for number in range(5):
        overlay.write(f"d{number}", work_pool=pool, schedules=[cron("a")], concurrency_limit=2, labels={"n": number})
    with proxy.counting() as seen:
        overlay.apply()
    writes = [request.line for request in seen if request.writes and request.status < 500]
    assert writes == ["POST /flows/"] + ["POST /deployments/"] * 5
    with proxy.counting() as seen:
        overlay.apply()
    assert len(seen) <= 5
    assert [request.line for request in seen if request.writes] == []


def test_limit_is_read_where_it_is(overlay: Overlay) -> None:
    overlay.write("d", concurrency_limit=2)
    overlay.apply()
    row = overlay.row("d")
    assert row["concurrency_limit"] is None
    assert row["global_concurrency_limit"]["limit"] == 2
    overlay.write("d", concurrency_limit=4)
    changes = overlay.apply(check_mode=True)["plan"][0]["changes"]
    assert changes == {"concurrency_limit": {"before": 2, "after": 4}}


def test_switches_of_the_ui_stay_as_people_left_them(overlay: Overlay, session: Session) -> None:
    overlay.write("d", schedules=[cron("a", parameters={"a": 1})])
    overlay.apply()
    row = overlay.row("d")
    session.write("PATCH", f"/deployments/{row['id']}", {"paused": True})
    session.write(
        "PATCH",
        f"/deployments/{row['id']}/schedules/{row['schedules'][0]['id']}",
        {"active": False, "parameters": {"a": 1}},
    )
    assert overlay.apply()["changed"] is False
    # Also when the deployment has to be posted anew, and when the schedule itself changes.
    overlay.write("d", schedules=[cron("a", parameters={"a": 1})], labels={"n": 1})
    overlay.apply()
    overlay.write("d", schedules=[cron("a", "0 7 * * *", parameters={"a": 1})], labels={"n": 1})
    overlay.apply()
    row = overlay.row("d")
    assert row["paused"] is True
    assert [(s["active"], s["schedule"]["cron"]) for s in row["schedules"]] == [(False, "0 7 * * *")]


def test_interval_keeps_the_anchor_that_the_server_gave_it(overlay: Overlay) -> None:
    overlay.write("d", schedules=[interval("a")])
    overlay.apply()
    anchor = overlay.row("d")["schedules"][0]["schedule"]["anchor_date"]
    overlay.write("d", schedules=[interval("a", 7200)])
    overlay.apply()
    overlay.write("d", schedules=[interval("a", 7200)], labels={"n": 1})
    overlay.apply()
    schedule = overlay.row("d")["schedules"][0]["schedule"]
    assert (schedule["interval"], schedule["anchor_date"]) == (7200.0, anchor)


def test_untouched_schedules_keep_their_ids(overlay: Overlay) -> None:
    overlay.write("d", schedules=[cron("a"), cron("b")])
    overlay.apply()
    before = {s["slug"]: s["id"] for s in overlay.row("d")["schedules"]}
    overlay.write("d", schedules=[cron("a"), cron("b", "0 9 * * *"), cron("c")], tags=["x"])
    overlay.apply()
    after = {s["slug"]: s["id"] for s in overlay.row("d")["schedules"]}
    assert {slug: after[slug] for slug in before} == before
    assert set(after) == {"a", "b", "c"}


def test_a_schedule_that_somebody_added_without_a_slug_is_shown_and_removed(overlay: Overlay, session: Session) -> None:
    overlay.write("d", schedules=[cron("a")])
    overlay.apply()
    path = f"/deployments/{overlay.row('d')['id']}/schedules"
    session.write("POST", path, [{"schedule": {"cron": "1 1 * * *"}, "active": True}])
    plan = overlay.apply(check_mode=True)["plan"][0]
    assert plan["action"] == "update"
    assert set(plan["changes"]["schedules"]["before"]) - {"a"}, "the stranger is not in the diff"
    overlay.apply()
    assert [s["slug"] for s in overlay.row("d")["schedules"]] == ["a"]


@pytest.mark.parametrize("prune", [False, True], ids=["absent", "pruned"])
def test_deleting_spares_a_shared_limit(
    overlay: Overlay, door: Door, session: Session, limit: str, prune: bool
) -> None:
    overlay.write("d", global_concurrency_limit=limit)
    overlay.write("other", global_concurrency_limit=limit)
    overlay.apply()
    if prune:
        overlay.remove("d")
        result = overlay.apply(prune=True)
    else:
        result = door(MODULE, name="d", flow_name=overlay.flow_name, state="absent", owner=overlay.owner)
    assert result["summary"]["deleted"] == 1
    assert session.get(f"/v2/concurrency_limits/{limit}")["limit"] == 3
    assert overlay.row("other")["global_concurrency_limit"]["name"] == limit
    with pytest.raises(NotFound):
        overlay.row("d")


def test_prune_deletes_what_its_owner_has_no_more_and_nothing_else(
    overlay: Overlay, session: Session, proxy: Proxy, make_deployment: MakeDeployment
) -> None:
    for id_ in ("kept", "gone"):
        overlay.write(id_)
    overlay.apply()
    by_hand = make_deployment(overlay.flow_name, "by-hand")
    foreign = make_deployment(overlay.flow_name, "foreign", labels={"hotpass.prefect/owner": "somebody/else"})
    overlay.remove("gone")
    assert overlay.apply()["changed"] is False, "nothing is deleted unless asked for"
    with proxy.counting() as seen:
        predicted = overlay.apply(prune=True, check_mode=True)
    assert [request.line for request in seen if request.writes] == []
    applied = overlay.apply(prune=True)
    assert predicted["plan"] == applied["plan"]
    assert [(step["deployment"], step["action"]) for step in applied["plan"] if step["action"] != "unchanged"] == [
        (f"{overlay.flow_name}/gone", "delete")
    ]
    for row in (by_hand, foreign):
        assert session.get(f"/deployments/{row['id']}")
    assert overlay.row("kept")
    assert overlay.apply(prune=True)["changed"] is False


def test_prune_of_a_selection_is_refused(overlay: Overlay, proxy: Proxy) -> None:
    overlay.write("a")
    refused = overlay.apply(prune=True, flows=["a"])
    assert refused["failed"]
    assert "cannot be combined with flows" in refused["msg"]
    assert proxy.seen == []


def test_another_owners_deployment_is_refused_and_an_unowned_one_is_taken_over_in_sight(
    overlay: Overlay, proxy: Proxy, make_deployment: MakeDeployment
) -> None:
    make_deployment(overlay.flow_name, "mine")
    make_deployment(overlay.flow_name, "theirs", labels={"hotpass.prefect/owner": "somebody/else"})
    overlay.write("mine")
    change = overlay.apply()["plan"][0]
    assert change["changes"]["labels"] == {"before": {}, "after": {"hotpass.prefect/owner": overlay.owner}}
    overlay.write("theirs")
    with proxy.counting() as seen:
        refused = overlay.apply()
    assert refused["failed"]
    assert "is managed by 'somebody/else'" in refused["msg"]
    assert [request.line for request in seen if request.writes] == []


def test_everything_that_can_be_refused_is_refused_before_the_first_write(
    overlay: Overlay, proxy: Proxy, pool: str
) -> None:
    overlay.write("good")
    overlay.write("a", work_pool="no-such-pool")
    overlay.write("b", global_concurrency_limit="no-such-limit")
    overlay.write("c", parameter_openapi_schema=SCHEMA, parameters={"a": 1, "zz": 2})
    overlay.write("d", parameter_openapi_schema=SCHEMA, parameters={"a": "hunter2-and-more"})
    overlay.write("e", work_pool=pool, job_variables={"env": "hunter2-and-more"})
    overlay.write("f", parameter_openapi_schema=SCHEMA, schedules=[cron("s", parameters={"zz": 1})])
    with proxy.counting() as seen:
        refused = overlay.apply()
    assert [request.line for request in seen if request.writes] == []
    assert refused["failed"]
    assert len(refused["problems"]) == 6
    for part in ("'no-such-pool'", "'no-such-limit'", "'zz'", "it has a, b", "parameters.a", "job_variables.env"):
        assert part in refused["msg"]
    assert "hunter2" not in json.dumps(refused)


def test_unknown_id_in_flows_is_an_error_and_known_ones_select(overlay: Overlay, proxy: Proxy) -> None:
    overlay.write("a")
    overlay.write("b")
    refused = overlay.apply(flows=["a", "nope"])
    assert refused["failed"]
    assert "nope" in refused["msg"]
    assert proxy.seen == [], "a wrong selection is known before the server is asked anything"
    assert [step["id"] for step in overlay.apply(flows=["b"])["plan"]] == ["b"]


def test_a_failed_write_says_what_was_and_what_was_not_applied(overlay: Overlay, proxy: Proxy) -> None:
    for id_ in ("a", "b", "c"):
        overlay.write(id_)
    proxy.answer(422, method="POST", path="^/deployments/$", body=b'{"detail": "no thanks"}')
    stopped = overlay.apply()
    assert stopped["failed"]
    assert stopped["applied"] == stopped["partly_applied"] == []
    assert stopped["changed"] is False
    assert stopped["not_applied"] == [f"{overlay.flow_name}/{name}" for name in "abc"]
    assert "no thanks" in stopped["msg"]
    proxy.answer(422, method="POST", path="^/deployments/$", body=b'{"detail": "no thanks"}')
    continued = overlay.apply(on_error="continue")
    assert continued["failed"]
    assert continued["changed"] is True
    assert continued["applied"] == [f"{overlay.flow_name}/{name}" for name in "bc"]
    assert continued["not_applied"] == [f"{overlay.flow_name}/a"]
    assert overlay.apply()["summary"] == {"created": 1, "updated": 0, "deleted": 0, "unchanged": 2}


def test_a_server_that_dies_midway_does_not_take_the_report_with_it(overlay: Overlay, proxy: Proxy) -> None:
    for id_ in ("a", "b", "c"):
        overlay.write(id_)
    overlay.apply(check_mode=True)

    proxy.before(lambda _number: proxy.drop(before=True, times=None), method="POST", path="^/deployments/$")
    broken = overlay.apply(retries=1)
    assert broken["failed"]
    assert broken["changed"] is True
    assert broken["partly_applied"] == [f"{overlay.flow_name}/{name}" for name in "ab"]
    assert broken["not_applied"] == [f"{overlay.flow_name}/c"]
    assert "could not be read back" in broken["failed_deployments"][f"{overlay.flow_name}/a"]


def test_a_deployment_that_was_only_begun_is_reported_and_finished(overlay: Overlay, proxy: Proxy) -> None:
    overlay.write("d", schedules=[cron("a", max_scheduled_runs=4)])
    proxy.answer(422, method="POST", path="/schedules$", body=b'{"detail": "no thanks"}')
    broken = overlay.apply()
    assert broken["failed"]
    assert broken["changed"] is True
    assert broken["partly_applied"] == [f"{overlay.flow_name}/d"]
    assert broken["applied"] == broken["not_applied"] == []
    assert overlay.apply()["summary"]["updated"] == 1
    assert overlay.apply()["changed"] is False


def test_an_own_limit_left_behind_is_seen_and_deleted(
    overlay: Overlay, proxy: Proxy, session: Session, limit: str
) -> None:
    overlay.write("d", concurrency_limit=2)
    overlay.apply()
    own = f"/v2/concurrency_limits/deployment:{overlay.row('d')['id']}"
    overlay.write("d", global_concurrency_limit=limit)
    proxy.answer(422, method="DELETE", path="^/v2/concurrency_limits/", body=b'{"detail": "no thanks"}')
    assert overlay.apply()["failed"]
    assert session.get(own)["limit"] == 2
    assert overlay.apply(check_mode=True)["plan"][0]["changes"] == {"concurrency_limit": {"before": 2, "after": None}}
    assert overlay.apply()["changed"] is True
    assert session.get_or_none(own) is None
    assert overlay.apply()["changed"] is False
    assert session.get(f"/v2/concurrency_limits/{limit}")["limit"] == 3


def test_a_deletion_that_does_not_take_effect_is_an_error(overlay: Overlay, door: Door, proxy: Proxy) -> None:
    overlay.write("d")
    overlay.apply()
    proxy.answer(204, method="DELETE", path="^/deployments/", body=b"")
    kept = door(MODULE, name="d", flow_name=overlay.flow_name, state="absent", owner=overlay.owner)
    assert kept["failed"]
    assert "was deleted and is still there" in kept["msg"]


def test_absent_spares_another_owners_deployment(overlay: Overlay, door: Door, proxy: Proxy) -> None:
    overlay.write("d")
    overlay.apply()
    for owner in ("somebody/else", None):
        with proxy.counting() as seen:
            refused = door(MODULE, name="d", flow_name=overlay.flow_name, state="absent", owner=owner)
        assert refused["failed"]
        assert f"is managed by '{overlay.owner}'" in refused["msg"]
        assert [request.line for request in seen if request.writes] == []


def test_a_deployment_that_somebody_made_after_the_plan_is_said_to_be_overwritten(
    overlay: Overlay, proxy: Proxy, make_deployment: MakeDeployment
) -> None:
    # After a 503 of SQLite the deployment may be our own, and nobody can tell: then the next name has to show it.
    for name in ("a", "b", "c", "d", "e"):
        overlay.write(name, tags=["ours"])
        proxy.reset()
        proxy.before(
            lambda _number, name=name: make_deployment(overlay.flow_name, name, tags=["theirs"]),
            method="POST",
            path="^/deployments/$",
        )
        overtaken = overlay.apply()
        if all(seen.status < 500 for seen in proxy.seen):
            break
    assert overtaken["failed"]
    assert "somebody else created it after the plan was made" in overtaken["msg"]
    assert overtaken["changed"] is True


def test_naming_one_kind_of_limit_shows_what_becomes_of_the_other(
    door: Door, make_deployment: MakeDeployment, limit: str
) -> None:
    row = make_deployment(concurrency_limit=5)
    options = {"name": row["name"], "flow_name": row["flow_name"]}
    shared = door(MODULE, **options, global_concurrency_limit=limit)["plan"][0]["changes"]
    assert shared == {
        "concurrency_limit": {"before": 5, "after": None},
        "global_concurrency_limit": {"before": None, "after": limit},
    }
    own = door(MODULE, **options, concurrency_limit=2)["plan"][0]["changes"]
    assert own["global_concurrency_limit"] == {"before": limit, "after": None}


def test_a_flow_that_only_identifies_does_not_move_the_entrypoint(
    door: Door, session: Session, make_deployment: MakeDeployment
) -> None:
    row = make_deployment(entrypoint="elsewhere.py:run")
    options = {"name": row["name"], "flow": "lab.flows:run", "flow_name": row["flow_name"]}
    assert door(MODULE, **options, tags=["x"])["plan"][0]["changes"].keys() == {"tags"}
    assert door(MODULE, **options, unset=["entrypoint"])["changed"] is True
    assert session.get(f"/deployments/{row['id']}")["entrypoint"] is None
    created = door(MODULE, **{**options, "name": "fresh"})
    assert created["diff"][0]["after"]["entrypoint"] == "lab/flows.py:run"


def test_job_variables_alone_are_held_against_the_pool_that_the_deployment_is_in(
    door: Door, make_deployment: MakeDeployment, pool: str
) -> None:
    row = make_deployment(work_pool_name=pool)
    refused = door(MODULE, name=row["name"], flow_name=row["flow_name"], job_variables={"env": "x"}, check_mode=True)
    assert refused["failed"]
    assert "job_variables.env is not valid" in refused["msg"]


def test_a_secret_in_a_rehearsal_is_refused(overlay: Overlay, proxy: Proxy) -> None:
    overlay.write("d", rehearsal={"parameters": {"api_token": "swordfish-11235"}, "expect": {"n": {"min": 1}}})
    refused = overlay.apply()
    assert refused["failed"]
    assert "swordfish" not in json.dumps(refused)
    assert proxy.writes == []


def test_an_empty_selection_is_not_all(overlay: Overlay, proxy: Proxy) -> None:
    overlay.write("d")
    assert overlay.apply(flows=[])["failed"]
    assert proxy.seen == []


@pytest.mark.parametrize("before", [True, False], ids=["lost request", "lost answer"])
def test_a_dropped_connection_neither_loses_nor_doubles_a_deployment(
    overlay: Overlay, proxy: Proxy, before: bool
) -> None:
    overlay.write("d", schedules=[cron("a"), cron("b", max_scheduled_runs=4)])
    proxy.drop(before=before, method="POST", path="^/deployments/$")
    proxy.drop(before=before, method="POST", path="/schedules$")
    assert overlay.apply()["summary"]["created"] == 1
    row = overlay.row("d")
    assert sorted(s["slug"] for s in row["schedules"]) == ["a", "b"]
    assert overlay.apply()["changed"] is False


def test_a_write_that_the_server_does_not_keep_is_an_error(overlay: Overlay, proxy: Proxy) -> None:
    overlay.write("d", tags=["x"])
    overlay.apply()
    overlay.write("d", tags=["y"])
    proxy.answer(204, method="PATCH", path="^/deployments/", body=b"")
    result = overlay.apply()
    assert result["failed"]
    assert "other values than were written for tags" in result["msg"]


def test_expected_plan_stops_when_the_server_changed_since(overlay: Overlay, session: Session, proxy: Proxy) -> None:
    overlay.write("d", tags=["x"])
    overlay.apply()
    overlay.write("d", tags=["y"])
    shown = overlay.apply(check_mode=True)["fingerprint"]
    session.write("PATCH", f"/deployments/{overlay.row('d')['id']}", {"tags": ["somebody"]})
    with proxy.counting() as seen:
        refused = overlay.apply(expected_plan=shown)
    assert refused["failed"]
    assert "no longer the one" in refused["msg"]
    assert [request.line for request in seen if request.writes] == []
    assert overlay.apply(expected_plan=overlay.apply(check_mode=True)["fingerprint"])["changed"] is True


def test_options_manage_only_what_they_name(door: Door, session: Session, make_deployment: MakeDeployment) -> None:
    row = make_deployment(
        tags=["keep"], description="keep", parameters={"a": 1}, labels={"team": "x"}, concurrency_limit=2,
        schedules=[{"schedule": {"cron": "0 1 * * *"}, "slug": "s", "active": False}],
    )  # fmt: skip
    options = {"name": row["name"], "flow_name": row["flow_name"]}
    assert door(MODULE, **options, version="7", labels={"n": 1})["changed"] is True
    assert door(MODULE, **options, version="7", labels={"n": 1})["changed"] is False
    after = session.get(f"/deployments/{row['id']}")
    assert (after["version"], after["tags"], after["description"], after["parameters"]) == (
        "7",
        ["keep"],
        "keep",
        {"a": 1},
    )
    assert {"team": "x", "n": 1}.items() <= after["labels"].items()
    assert [(s["slug"], s["active"]) for s in after["schedules"]] == [("s", False)]
    assert after["global_concurrency_limit"]["limit"] == 2
    assert door(MODULE, **options, unset=["concurrency_limit", "description"])["changed"] is True
    after = session.get(f"/deployments/{row['id']}")
    assert (after["global_concurrency_limit"], after["description"]) == (None, None)
    assert door(MODULE, **options, unset=["concurrency_limit", "description"])["changed"] is False


def test_secrets_are_hidden_and_their_change_is_not(overlay: Overlay, pool: str) -> None:
    first, second = "swordfish-11235", "marlin-81321"
    overlay.write("d", work_pool=pool, job_variables={"env": {"CRM_TOKEN": first, "LEVEL": "debug"}})
    created = overlay.apply()
    overlay.write("d", work_pool=pool, job_variables={"env": {"CRM_TOKEN": second, "LEVEL": "debug"}})
    changed = overlay.apply()
    for result in (created, changed):
        assert first not in json.dumps(result)
        assert second not in json.dumps(result)
    shown = changed["plan"][0]["changes"]["job_variables"]
    assert shown["before"]["env"] == {"CRM_TOKEN": "(secret)", "LEVEL": "debug"}
    assert shown["after"]["env"] == {"CRM_TOKEN": "(secret, changed)", "LEVEL": "debug"}


def test_the_flow_need_not_exist_and_is_not_doubled(overlay: Overlay, session: Session) -> None:
    overlay.write("a")
    overlay.write("b")
    overlay.apply()
    flows = session.search("/flows/filter", {"flows": {"name": {"any_": [overlay.flow_name]}}})
    assert len(flows) == 1


def test_one_name_for_two_manifests_is_refused(overlay: Overlay) -> None:
    overlay.write("a", name="same")
    overlay.write("b", name="same")
    refused = overlay.apply()
    assert refused["failed"]
    assert "is also what a is called" in refused["msg"]


def test_both_doors_answer_alike(doors: Doors, overlay: Overlay, pool: str) -> None:
    overlay.write("d", work_pool=pool, job_variables={"env": {"CRM_TOKEN": "swordfish-11235"}})
    tasks = [
        Task(MODULE, {"manifest_dir": str(overlay.directory), "owner": overlay.owner}, check=True),
        Task(MODULE, {"manifest_dir": str(overlay.directory), "flows": ["nope"], "owner": overlay.owner}),
        Task(MODULE, {"name": "x", "manifest_dir": str(overlay.directory)}),
        Task(MODULE, {"name": "x", "flow_name": "no-such-flow", "state": "absent"}),
        Task(MODULE, {"name": "x", "flow_name": overlay.flow_name, "bogus": 1}),
    ]
    shipped, in_process = (doors.play(tasks, door) for door in ("module", "action"))
    for ours, theirs in zip(in_process.results, shipped.results, strict=True):
        ours.get("api", {}).clear()
        theirs.get("api", {}).clear()
        assert ours == theirs
    for played in (shipped, in_process):
        assert "swordfish" not in played.output
    assert [result["failed"] for result in shipped.results] == [False, True, True, False, True]


def test_a_pause_for_somebody_is_lifted_by_the_manifest_and_a_persons_is_not(
    overlay: Overlay, door: Door, proxy: Proxy, session: Session
) -> None:
    label = "hotpass.prefect/paused-by"
    for name in ("ours", "theirs"):
        overlay.write(name, schedules=[cron("day")], labels={"team": "data"})
    overlay.apply()
    session.write("PATCH", f"/deployments/{overlay.row('theirs')['id']}", {"paused": True})
    pause = {"flow_name": overlay.flow_name, "owner": overlay.owner, "paused": True, "paused_by": "generation 1 of dev"}
    for name, writes in (("ours", True), ("ours", False), ("theirs", False)):
        assert door(MODULE, name=name, check_mode=True, **pause)["changed"] is writes
        proxy.reset()
        paused = door(MODULE, name=name, **pause)
        assert (paused["changed"], len(proxy.writes)) == (writes, int(writes)), paused
        assert overlay.row(name)["paused"]
    assert overlay.row("ours")["labels"][label] == "generation 1 of dev"
    assert label not in overlay.row("theirs")["labels"]

    lifted = overlay.apply()
    assert (lifted["summary"]["updated"], lifted["summary"]["unchanged"]) == (1, 1)
    row = overlay.row("ours")
    assert (row["paused"], label in row["labels"], row["labels"]["team"]) == (False, False, "data")
    assert overlay.row("theirs")["paused"]
    proxy.reset()
    assert (overlay.apply()["changed"], proxy.writes) == (False, [])

    # What the manifest itself says of it counts, whoever paused.
    door(MODULE, name="ours", **pause)
    overlay.write("ours", schedules=[cron("day")], paused=True)
    overlay.apply()
    row = overlay.row("ours")
    assert (row["paused"], label in row["labels"]) == (True, False)


@pytest.mark.parametrize("options", [{}, {"paused": False}, {"paused": True, "paused_by": " "}])
def test_paused_by_says_for_whom_something_is_paused(overlay: Overlay, door: Door, options: Document) -> None:
    refused = door(MODULE, name="any", flow_name=overlay.flow_name, **{"paused_by": "us", **options})
    assert refused["msg"] == (
        "paused_by says for whom paused: true pauses; it needs that, and a text that is not blank."
    )
