# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prefect_work_queue`` against a live server."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.chains import settle
from tests.support.proxy import Proxy
from tests.support.shapes import Door, MakeDeployment, Unique

pytestmark = pytest.mark.integration

MODULE = "prefect_work_queue"


@pytest.fixture
def pool(session: Session, unique: Unique) -> str:
    name = unique("pool")
    session.write("POST", "/work_pools/", {"name": name, "type": "process"})
    return name


def priorities(session: Session, pool: str) -> dict[str, int]:
    rows = session.search(f"/work_pools/{pool}/queues/filter", {})
    return {row["name"]: row["priority"] for row in rows}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"description": "slow"}),
        ({"description": "slow"}, {"description": ""}),
        ({"description": "slow"}, {"unset": ["description"]}),
        ({"priority": 5}, {"priority": 1}),
        ({"priority": 1}, {"priority": 9}),
        ({"concurrency_limit": 3}, {"concurrency_limit": 0}),
        ({"concurrency_limit": 0}, {"unset": ["concurrency_limit"]}),
        ({"paused": True}, {"paused": False}),
        (
            {"description": "a", "priority": 2, "concurrency_limit": 1, "paused": False},
            {"description": "b", "priority": 1, "unset": ["concurrency_limit"], "paused": True},
        ),
    ],
)
def test_each_option_is_applied_once_and_predicted(
    door: Door, proxy: Proxy, pool: str, first: dict[str, t.Any], second: dict[str, t.Any]
) -> None:
    created = settle(door, proxy, MODULE, work_pool=pool, name="night", **first)
    assert created["work_queue"]["work_pool_name"] == pool
    settle(door, proxy, MODULE, work_pool=pool, name="night", **second)
    settle(door, proxy, MODULE, work_pool=pool, name="night", state="absent")


def test_other_queues_move_out_of_the_way_and_stay_unmanaged(
    door: Door, proxy: Proxy, session: Session, pool: str
) -> None:
    settle(door, proxy, MODULE, work_pool=pool, name="plain", description="no priority of its own")
    settle(door, proxy, MODULE, work_pool=pool, name="urgent", priority=1)
    assert priorities(session, pool) == {"urgent": 1, "default": 2, "plain": 3}
    settle(door, proxy, MODULE, work_pool=pool, name="plain", description="no priority of its own", changed=False)
    settle(door, proxy, MODULE, work_pool=pool, name="urgent", priority=1, changed=False)
    settle(door, proxy, MODULE, work_pool=pool, name="backfill", priority=10)
    for name, priority in (("urgent", 1), ("backfill", 10)):
        settle(door, proxy, MODULE, work_pool=pool, name=name, priority=priority, changed=False)


def test_the_default_queue_can_be_managed_but_not_deleted(door: Door, proxy: Proxy, pool: str) -> None:
    settle(door, proxy, MODULE, work_pool=pool, name="default", concurrency_limit=2, description="everything else")
    with proxy.counting() as seen:
        refused = door(MODULE, work_pool=pool, name="default", state="absent", force=True)
    assert refused["msg"] == "The queue 'default' cannot be deleted: every work pool keeps one."
    assert seen == []


@pytest.mark.usefixtures("pool")
def test_an_unknown_pool_is_named_with_those_there_are(door: Door, proxy: Proxy, unique: Unique) -> None:
    missing = unique("nowhere")
    refused = door(MODULE, work_pool=missing, name="night")
    assert refused["failed"]
    assert refused["msg"].startswith(f"There is no work pool '{missing}'; there are: ")
    predicted = door(MODULE, work_pool=missing, name="night", check_mode=True)
    assert predicted["changed"]
    assert predicted["warnings"][0].startswith(f"There is no work pool '{missing}'")
    assert door(MODULE, work_pool=missing, name="night", state="absent")["changed"] is False
    assert proxy.writes == []


def test_a_queue_in_use_is_only_deleted_by_force(
    door: Door, proxy: Proxy, session: Session, make_deployment: MakeDeployment, pool: str
) -> None:
    door(MODULE, work_pool=pool, name="night")
    door(MODULE, work_pool=pool, name="free")
    bound = make_deployment(name="refine", work_pool_name=pool, work_queue_name="night")
    settle(door, proxy, MODULE, work_pool=pool, name="free", state="absent")
    for check_mode in (True, False):
        refused = door(MODULE, work_pool=pool, name="night", state="absent", check_mode=check_mode)
        assert refused["msg"] == (
            f"Work queue 'night' of work pool '{pool}' still has 1 deployment ({bound['flow_name']}/refine), which "
            "would never run again: move or delete them first, or give force: true."
        )
    settle(door, proxy, MODULE, work_pool=pool, name="night", state="absent", force=True)
    assert session.get(f"/deployments/{bound['id']}")["work_pool_name"] is None


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "a/b"}, "'a/b' cannot be the name of a work queue"),
        ({"work_pool": "a>b"}, "'a>b' cannot be the name of a work pool"),
        ({"priority": 0}, "priority is 0; it must be 1 or more."),
        ({"concurrency_limit": -2}, "concurrency_limit is -2; it must be 0 or more."),
        ({"description": "x", "unset": ["description"]}, "unset names description, which the task also gives"),
    ],
)
def test_what_the_server_would_not_take_is_refused_before_any_request(
    door: Door, proxy: Proxy, options: dict[str, t.Any], sentence: str
) -> None:
    refused = door(MODULE, **{"work_pool": "etl", "name": "night", **options})
    assert sentence in refused["msg"]
    assert proxy.seen == []


@pytest.mark.parametrize("before", [True, False], ids=["dropped before", "dropped after"])
def test_a_lost_answer_creates_once(door: Door, proxy: Proxy, session: Session, pool: str, before: bool) -> None:
    proxy.drop(before=before, method="POST", path="/queues$")
    assert door(MODULE, work_pool=pool, name="night")["changed"]
    assert [seen.line for seen in proxy.seen if seen.writes and seen.forwarded] == [f"POST /work_pools/{pool}/queues"]
    assert sorted(priorities(session, pool)) == ["default", "night"]
