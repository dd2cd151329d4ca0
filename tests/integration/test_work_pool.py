# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prefect_work_pool`` against a live server."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.chains import settle
from tests.support.proxy import Proxy
from tests.support.shapes import Door, MakeDeployment, Unique

pytestmark = pytest.mark.integration

MODULE = "prefect_work_pool"
TEMPLATE: dict[str, t.Any] = {
    "job_configuration": {"command": "{{ command }}", "env": "{{ env }}", "timeout": 30, "ratio": 1.0},
    "variables": {
        "type": "object",
        "properties": {
            "command": {"type": "string", "title": "Command"},
            "env": {"type": "object", "default": {"CRM_API_KEY": "zebra-crossing-77", "LOG_LEVEL": "debug"}},
        },
    },
}


@pytest.fixture
def name(unique: Unique) -> str:
    return unique("pool")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"description": "for tests"}),
        ({"description": ""}, {"description": "for tests"}),
        ({"description": "for tests"}, {"description": ""}),
        ({"description": "for tests"}, {"unset": ["description"]}),
        ({"concurrency_limit": 3}, {"concurrency_limit": 0}),
        ({"concurrency_limit": 0}, {"unset": ["concurrency_limit"]}),
        ({"paused": True}, {"paused": False}),
        ({"paused": False}, {"paused": True}),
        ({"base_job_template": TEMPLATE}, {"base_job_template": {**TEMPLATE, "job_configuration": {"command": "ls"}}}),
        (
            {"base_job_template": TEMPLATE},
            {"base_job_template": {**TEMPLATE, "job_configuration": {"command": "ls", "ratio": 1}}},
        ),
        (
            {"description": "a", "concurrency_limit": 1, "paused": True, "base_job_template": TEMPLATE},
            {"description": "b", "paused": False, "unset": ["concurrency_limit"]},
        ),
    ],
)
def test_each_option_is_applied_once_and_predicted(
    door: Door, proxy: Proxy, name: str, first: dict[str, t.Any], second: dict[str, t.Any]
) -> None:
    created = settle(door, proxy, MODULE, name=name, type="process", **first)
    assert created["work_pool"]["name"] == name
    assert created["work_pool"]["id"]
    changed = settle(door, proxy, MODULE, name=name, **second)
    assert changed["work_pool"]["id"] == created["work_pool"]["id"]
    assert changed["work_pool"]["type"] == "process"
    gone = settle(door, proxy, MODULE, name=name, state="absent")
    assert gone["work_pool"] is None


def test_the_diff_shows_the_changed_options_only(door: Door, name: str) -> None:
    door(MODULE, name=name, type="process", description="a", concurrency_limit=1)
    changed = door(MODULE, name=name, type="process", description="b", concurrency_limit=1)
    assert changed["diff"] == [
        {
            "before_header": f"work pool '{name}'",
            "after_header": f"work pool '{name}'",
            "before": {"description": "a"},
            "after": {"description": "b"},
        }
    ]


def test_what_is_not_given_is_left_alone(door: Door, session: Session, name: str) -> None:
    door(MODULE, name=name, type="process")
    session.write("PATCH", f"/work_pools/{name}", {"is_paused": True, "description": "by hand", "concurrency_limit": 9})
    session.write("PATCH", f"/work_pools/{name}", {"base_job_template": TEMPLATE})
    assert door(MODULE, name=name, type="process")["changed"] is False
    row = session.get(f"/work_pools/{name}")
    assert (row["is_paused"], row["description"], row["concurrency_limit"]) == (True, "by hand", 9)
    assert row["base_job_template"] == TEMPLATE


def test_the_type_cannot_change(door: Door, proxy: Proxy, name: str) -> None:
    door(MODULE, name=name, type="process")
    for check_mode in (True, False):
        with proxy.counting() as seen:
            refused = door(MODULE, name=name, type="docker", description="x", check_mode=check_mode)
        assert refused["failed"]
        assert refused["msg"].startswith(
            f"The type of work pool '{name}' is 'process' and cannot be changed to 'docker'"
        )
        assert [request.line for request in seen if request.writes] == []


def test_a_new_pool_needs_a_type(door: Door, name: str) -> None:
    assert door(MODULE, name=name, check_mode=True)["msg"] == (
        f"There is no work pool '{name}' yet; to create it, type must be given."
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "Prefect-managed"}, "'Prefect-managed' cannot be managed: Prefect keeps work pools"),
        ({"name": "a/b"}, "'a/b' cannot be the name of a work pool: Prefect takes none of / % & > <"),
        ({"name": "100%"}, "'100%' cannot be the name"),
        ({"name": "a\x00b"}, "no control characters"),
        ({"name": ".."}, "'..' cannot be the name of a work pool"),
        ({"name": " "}, "A work pool needs a name; ' ' is empty."),
        ({"concurrency_limit": -1}, "concurrency_limit is -1; it must be 0 or more."),
        (
            {"concurrency_limit": 1, "unset": ["concurrency_limit"]},
            "unset names concurrency_limit, which the task also gives: drop one of the two.",
        ),
        ({"base_job_template": {}}, "base_job_template is empty"),
        ({"base_job_template": {"variables": {"x": 1}}}, "must hold both job_configuration and variables."),
        (
            {"base_job_template": {"job_configuration": {"c": "{{ huh }}"}, "variables": {"properties": {"c": {}}}}},
            "base_job_template.job_configuration uses huh, which base_job_template.variables.properties does not",
        ),
    ],
)
def test_what_the_server_would_not_take_is_refused_before_any_request(
    door: Door, proxy: Proxy, options: dict[str, t.Any], sentence: str
) -> None:
    refused = door(MODULE, **{"name": "etl", "type": "process", **options})
    assert refused["failed"]
    assert sentence in refused["msg"]
    assert proxy.seen == []


@pytest.mark.parametrize("name", ["with space", "ünïcode-池", "semi;colon?#hash", "-dash", "dots...", "filter"])
def test_unusual_names_work(door: Door, proxy: Proxy, session: Session, name: str) -> None:
    settle(door, proxy, MODULE, name=name, type="process")
    assert {row["name"] for row in session.search("/work_pools/filter", {})} >= {name}
    settle(door, proxy, MODULE, name=name, state="absent")


def test_a_pool_in_use_is_only_deleted_by_force(
    door: Door, proxy: Proxy, session: Session, make_deployment: MakeDeployment, unique: Unique, name: str
) -> None:
    door(MODULE, name=name, type="process")
    flow = unique("flow")
    for number in range(7):
        make_deployment(flow, f"d{number}", work_pool_name=name)
    for check_mode in (True, False):
        refused = door(MODULE, name=name, state="absent", check_mode=check_mode)
        assert refused["failed"]
        assert refused["msg"] == (
            f"Work pool '{name}' still has 7 deployments ({flow}/d0, {flow}/d1, {flow}/d2, {flow}/d3, {flow}/d4 and 2 "
            "more), which would never run again: move or delete them first, or give force: true."
        )
    assert proxy.writes == ["POST /work_pools/"]
    settle(door, proxy, MODULE, name=name, state="absent", force=True)
    assert session.get_or_none(f"/work_pools/{name}") is None


def test_a_worker_may_fill_in_its_template(door: Door, proxy: Proxy, session: Session, name: str) -> None:
    settle(door, proxy, MODULE, name=name, type="process")
    session.write("PATCH", f"/work_pools/{name}", {"base_job_template": TEMPLATE})
    settle(door, proxy, MODULE, name=name, type="process", changed=False)


def test_secrets_of_the_template_are_never_shown(door: Door, name: str) -> None:
    created = door(MODULE, name=name, type="process", base_job_template=TEMPLATE)
    assert "zebra-crossing-77" not in repr(created)
    env = created["work_pool"]["base_job_template"]["variables"]["properties"]["env"]["default"]
    assert env == {"CRM_API_KEY": "(secret)", "LOG_LEVEL": "debug"}
    other = {"default": {"CRM_API_KEY": "giraffe-88", "LOG_LEVEL": "debug"}}
    properties = {**TEMPLATE["variables"]["properties"], "env": other}
    template = {**TEMPLATE, "variables": {"properties": properties}}
    changed = door(MODULE, name=name, base_job_template=template)
    assert changed["changed"]
    assert "zebra-crossing-77" not in repr(changed)
    assert "giraffe-88" not in repr(changed)
    assert "(secret, changed)" in repr(changed["diff"])


def test_a_refusal_does_not_repeat_the_template(door: Door, proxy: Proxy, name: str) -> None:
    bad = {"type": "object", "properties": {"key": {"type": "integer", "default": "x"}, "password": {"default": 1}}}
    bad["properties"]["password"] = {"type": "integer", "default": "zebra-crossing-77"}
    template = {"job_configuration": {"c": "{{ password }}"}, "variables": bad}
    refused = door(MODULE, name=name, type="process", base_job_template=template)
    assert refused["failed"]
    assert "was answered with 4" in refused["msg"]
    assert "zebra-crossing-77" not in repr(refused)
    assert proxy.writes == ["POST /work_pools/"]


@pytest.mark.parametrize("before", [True, False], ids=["dropped before", "dropped after"])
def test_a_lost_answer_does_not_create_twice(
    door: Door, proxy: Proxy, session: Session, name: str, before: bool
) -> None:
    proxy.drop(before=before, method="POST", path="^/work_pools/$")
    created = door(MODULE, name=name, type="process", description="once")
    assert created["changed"]
    assert created["work_pool"]["description"] == "once"
    forwarded = [seen.line for seen in proxy.seen if seen.writes and seen.forwarded]
    assert forwarded == ["POST /work_pools/"]
    assert [row["name"] for row in session.search("/work_pools/filter", {"limit": 200})].count(name) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_passing_troubles_are_survived(door: Door, proxy: Proxy, name: str, status: int) -> None:
    for method in ("GET", "POST", "PATCH", "DELETE"):
        proxy.answer(status, method=method, headers={"Retry-After": "0.05"})
    assert door(MODULE, name=name, type="process")["changed"]
    assert door(MODULE, name=name, description="x")["changed"]
    assert door(MODULE, name=name, state="absent")["work_pool"] is None
    assert [seen.line for seen in proxy.seen if seen.writes and seen.forwarded and seen.status < 500] == [
        "POST /work_pools/",
        f"PATCH /work_pools/{name}",
        f"DELETE /work_pools/{name}",
    ]


def test_a_rival_with_other_values_is_noticed(door: Door, proxy: Proxy, session: Session, name: str) -> None:
    def rival(_number: int) -> None:
        session.write("POST", "/work_pools/", {"name": name, "type": "process", "description": "rival"})

    proxy.before(rival, method="POST", path="^/work_pools/$")
    refused = door(MODULE, name=name, type="process", description="ours")
    assert refused["failed"]
    assert "409" in refused["msg"]
    assert session.get(f"/work_pools/{name}")["description"] == "rival"
    proxy.reset()
    proxy.before(
        lambda _number: session.write("PATCH", f"/work_pools/{name}", {"description": "later"}),
        method="GET",
        path=f"^/work_pools/{name}$",
        times=2,
    )
    refused = door(MODULE, name=name, description="ours")
    assert refused["msg"].startswith(f"The server took the write of work pool '{name}' but has another description")
