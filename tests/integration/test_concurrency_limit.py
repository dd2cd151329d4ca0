# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prefect_concurrency_limit`` against a live server."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.chains import settle
from tests.support.proxy import Proxy
from tests.support.shapes import Door, MakeDeployment, Unique

pytestmark = pytest.mark.integration

MODULE = "prefect_concurrency_limit"


@pytest.fixture
def name(unique: Unique) -> str:
    return unique("limit")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"limit": 3}, {"limit": 0}),
        ({"limit": 0}, {"limit": 2}),
        ({"limit": 3, "active": True}, {"active": False}),
        ({"limit": 3, "active": False}, {"active": True}),
        ({"limit": 3, "slot_decay_per_second": 0}, {"slot_decay_per_second": 0.25}),
        ({"limit": 3, "slot_decay_per_second": 2}, {"slot_decay_per_second": 0}),
        ({"limit": 1}, {"limit": 5, "active": False, "slot_decay_per_second": 1.5}),
    ],
)
def test_each_option_is_applied_once_and_predicted(
    door: Door, proxy: Proxy, name: str, first: dict[str, t.Any], second: dict[str, t.Any]
) -> None:
    created = settle(door, proxy, MODULE, name=name, **first)
    assert created["concurrency_limit"]["limit"] == first["limit"]
    changed = settle(door, proxy, MODULE, name=name, **second)
    assert {key: changed["concurrency_limit"][key] for key in second} == second
    settle(door, proxy, MODULE, name=name, state="absent")


def test_slots_in_use_do_not_count_as_a_difference(door: Door, proxy: Proxy, session: Session, name: str) -> None:
    settle(door, proxy, MODULE, name=name, limit=3)
    session.write("POST", "/v2/concurrency_limits/increment", {"slots": 2, "names": [name], "mode": "concurrency"})
    assert session.get(f"/v2/concurrency_limits/{name}")["active_slots"] == 2
    settle(door, proxy, MODULE, name=name, limit=3, changed=False)
    settle(door, proxy, MODULE, name=name, limit=4)
    assert session.get(f"/v2/concurrency_limits/{name}")["active_slots"] == 2


def test_a_limit_that_deployments_share_is_only_deleted_by_force(
    door: Door, proxy: Proxy, session: Session, make_deployment: MakeDeployment, unique: Unique, name: str
) -> None:
    limit = door(MODULE, name=name, limit=2)["concurrency_limit"]
    flow = unique("flow")
    bound = [make_deployment(flow, f"d{n}", global_concurrency_limit_id=limit["id"]) for n in range(2)]
    make_deployment(flow, "other", concurrency_limit=1)
    for check_mode in (True, False):
        refused = door(MODULE, name=name, state="absent", check_mode=check_mode)
        assert refused["msg"] == (
            f"Global concurrency limit '{name}' still limits 2 deployments ({flow}/d0, {flow}/d1), which would "
            "run without any limit: give them another one first, or give force: true."
        )
    assert session.get(f"/deployments/{bound[0]['id']}")["global_concurrency_limit"]["name"] == name
    settle(door, proxy, MODULE, name=name, state="absent", force=True)
    assert session.get(f"/deployments/{bound[0]['id']}")["global_concurrency_limit"] is None


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "deployment:0c4a"}, "prefect_deployment manages the limit of a deployment."),
        ({"name": "tag:crm"}, "it is a tag's own limit."),
        ({"name": "crm & co"}, "'crm & co' cannot be the name of a global concurrency limit"),
        ({"name": "0d6f6a52-3a2c-4d5e-9f5d-9b7f4a3f6a01"}, "the server would take it for an id."),
        ({"limit": -1}, "limit is -1; it must be 0 or more."),
        ({"slot_decay_per_second": -0.5}, "slot_decay_per_second is -0.5; it must be 0 or more."),
    ],
)
def test_what_the_server_would_not_take_is_refused_before_any_request(
    door: Door, proxy: Proxy, options: dict[str, t.Any], sentence: str
) -> None:
    refused = door(MODULE, **{"name": "crm", "limit": 1, **options})
    assert sentence in refused["msg"]
    assert proxy.seen == []


def test_a_new_limit_needs_its_number(door: Door, name: str) -> None:
    refused = door(MODULE, name=name, active=True, check_mode=True)
    assert refused["msg"] == f"There is no global concurrency limit '{name}' yet; to create it, limit must be given."


def test_a_number_that_json_cannot_carry_is_refused(door: Door, name: str) -> None:
    refused = door(MODULE, name=name, limit=1, slot_decay_per_second=float("inf"))
    assert refused["failed"]
    assert refused["msg"].startswith("POST /v2/concurrency_limits/ cannot be sent as JSON")


@pytest.mark.parametrize("before", [True, False], ids=["dropped before", "dropped after"])
def test_a_lost_answer_creates_once(door: Door, proxy: Proxy, name: str, before: bool) -> None:
    proxy.drop(before=before, method="POST", path="^/v2/concurrency_limits/$")
    assert door(MODULE, name=name, limit=1)["changed"]
    assert [seen.line for seen in proxy.seen if seen.writes and seen.forwarded] == ["POST /v2/concurrency_limits/"]
