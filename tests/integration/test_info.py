# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prefect_info`` against a live server."""

from __future__ import annotations

import datetime
import typing as t
import uuid

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import info
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.proxy import Proxy
from tests.support.server import PrefectServer
from tests.support.shapes import Door, MakeDeployment, Result, Unique

pytestmark = pytest.mark.integration

MODULE = "prefect_info"


@pytest.fixture
def pool(session: Session, unique: Unique) -> str:
    name = unique("pool")
    session.write("POST", "/work_pools/", {"name": name, "type": "process"})
    return name


def names(result: Result) -> list[str]:
    assert not result["failed"], result.get("msg")
    assert result["changed"] is False
    return sorted(row["name"] for row in result["objects"])


def test_deployments(
    door: Door, proxy: Proxy, session: Session, make_deployment: MakeDeployment, unique: Unique, pool: str
) -> None:
    first, second = unique("flow"), unique("flow")
    shared = session.write("POST", "/v2/concurrency_limits/", {"name": unique("limit"), "limit": 5})
    own = make_deployment(first, "own", concurrency_limit=2, work_pool_name=pool, tags=["a", "b"])
    bound = make_deployment(second, "shared", global_concurrency_limit_id=shared["id"], tags=["b"])
    make_deployment(second, "free")
    proxy.reset()
    found = door(MODULE, kind="deployments", flow_names=[first, second])
    assert names(found) == ["free", "own", "shared"]
    assert {row["name"]: (row["flow_name"], row["concurrency_limit"]) for row in found["objects"]} == {
        "own": (first, 2),
        "shared": (second, 5),
        "free": (second, None),
    }
    assert proxy.reads == ["POST /deployments/filter", "POST /flows/filter"]
    assert proxy.writes == []
    assert names(door(MODULE, kind="deployments", flow_names=[first, second], names=["own"])) == ["own"]
    assert names(door(MODULE, kind="deployments", flow_names=[first, second], tags=["b"])) == ["own", "shared"]
    assert names(door(MODULE, kind="deployments", flow_names=[first, second], tags=["a", "b"])) == ["own"]
    assert names(door(MODULE, kind="deployments", work_pools=[pool])) == ["own"]
    assert names(door(MODULE, kind="deployments", ids=[bound["id"], own["id"]])) == ["own", "shared"]
    assert names(door(MODULE, kind="deployments", ids=[])) == []


def test_flows_and_pools(door: Door, make_deployment: MakeDeployment, pool: str) -> None:
    row = make_deployment()
    assert names(door(MODULE, kind="flows", names=[row["flow_name"]])) == [row["flow_name"]]
    assert names(door(MODULE, kind="flows", ids=[row["flow_id"]])) == [row["flow_name"]]
    assert names(door(MODULE, kind="work_pools", names=[pool])) == [pool]
    assert names(door(MODULE, kind="work_pools", names=[])) == []


def test_queues_of_pools(door: Door, session: Session, pool: str) -> None:
    session.write("POST", f"/work_pools/{pool}/queues", {"name": "night"})
    found = door(MODULE, kind="work_queues", work_pools=[pool])
    assert names(found) == ["default", "night"]
    assert {row["work_pool_name"] for row in found["objects"]} == {pool}
    assert names(door(MODULE, kind="work_queues", work_pools=[pool], names=["night"])) == ["night"]
    assert names(door(MODULE, kind="work_queues", work_pools=[pool], names=[])) == []
    everywhere = door(MODULE, kind="work_queues", names=["night"])
    assert pool in {row["work_pool_name"] for row in everywhere["objects"]}


def test_workers_with_their_last_heartbeat(door: Door, session: Session, pool: str) -> None:
    session.write("POST", f"/work_pools/{pool}/workers/heartbeat", {"name": "w1", "heartbeat_interval_seconds": 30})
    found = door(MODULE, kind="workers", work_pools=[pool], statuses=["ONLINE"])
    assert names(found) == ["w1"]
    row = found["objects"][0]
    assert (row["work_pool_name"], row["status"]) == (pool, "ONLINE")
    heard = datetime.datetime.fromisoformat(row["last_heartbeat_time"])
    assert abs((datetime.datetime.now(datetime.UTC) - heard).total_seconds()) < 30
    assert names(door(MODULE, kind="workers", work_pools=[pool], statuses=["OFFLINE"])) == []
    assert names(door(MODULE, kind="workers", work_pools=[pool], statuses=[])) == []


def test_an_unknown_pool_is_an_error_where_it_is_looked_into(door: Door, pool: str, unique: Unique) -> None:
    missing = unique("nowhere")
    for kind in ("workers", "work_queues"):
        refused = door(MODULE, kind=kind, work_pools=[pool, missing])
        assert refused["msg"].startswith(f"There is no work pool '{missing}'; there are: ")


def test_concurrency_limits(door: Door, session: Session, unique: Unique) -> None:
    name = unique("limit")
    session.write("POST", "/v2/concurrency_limits/", {"name": name, "limit": 5})
    found = door(MODULE, kind="concurrency_limits", names=[name])
    assert names(found) == [name]
    assert found["objects"][0]["limit"] == 5
    assert name in names(door(MODULE, kind="concurrency_limits"))


def test_runs_and_their_artifacts(door: Door, session: Session, make_deployment: MakeDeployment) -> None:
    row = make_deployment()
    path = f"/deployments/{row['id']}/create_flow_run"
    first = session.write("POST", path, {"name": "first", "tags": ["x"], "idempotency_key": row["id"]})
    session.write("POST", path, {"name": "second", "parameters": {"api_token": "zebra-crossing-77"}})
    session.write("POST", f"/flow_runs/{first['id']}/set_state", {"state": {"type": "COMPLETED"}, "force": True})
    artifact = {"key": "summary", "type": "json", "data": {"rows": 1}, "flow_run_id": first["id"]}
    session.write("POST", "/artifacts/", artifact)
    both = door(MODULE, kind="flow_runs", deployment_ids=[row["id"]])
    assert names(both) == ["first", "second"]
    assert "zebra-crossing-77" not in repr(both)
    assert names(door(MODULE, kind="flow_runs", flow_names=[row["flow_name"]], states=["COMPLETED"])) == ["first"]
    assert names(door(MODULE, kind="flow_runs", flow_names=[row["flow_name"]], tags=["x"])) == ["first"]
    assert names(door(MODULE, kind="flow_runs", idempotency_keys=[row["id"]])) == ["first"]
    assert names(door(MODULE, kind="flow_runs", ids=[first["id"]])) == ["first"]
    found = door(MODULE, kind="artifacts", flow_run_ids=[first["id"]])
    assert [(item["key"], item["data"]) for item in found["objects"]] == [("summary", {"rows": 1})]
    assert door(MODULE, kind="artifacts", flow_run_ids=[first["id"]], keys=["other"])["objects"] == []


def test_variables_and_their_secrets(door: Door, session: Session, unique: Unique) -> None:
    stem = unique("v").replace("-", "_")
    values = {
        f"{stem}_plain": 1,
        f"{stem}_api_token": "zebra-crossing-77",
        f"{stem}_nested": {"password": "giraffe-88"},
    }
    for name, value in values.items():
        session.write("POST", "/variables/", {"name": name, "value": value})
    found = door(MODULE, kind="variables", name_like=stem)
    assert {row["name"].removeprefix(stem): row["value"] for row in found["objects"]} == {
        "_plain": 1,
        "_api_token": "(secret)",
        "_nested": {"password": "(secret)"},
    }
    assert names(door(MODULE, kind="variables", names=[f"{stem}_plain"])) == [f"{stem}_plain"]


def test_automations(door: Door, session: Session, unique: Unique) -> None:
    name = unique("automation")
    trigger = {"type": "event", "posture": "Reactive", "expect": ["x"], "threshold": 1, "within": 0}
    session.write(
        "POST",
        "/automations/",
        {"name": name, "enabled": True, "trigger": trigger, "actions": [{"type": "do-nothing"}]},
    )
    assert names(door(MODULE, kind="automations", names=[name])) == [name]
    assert names(door(MODULE, kind="automations", names=[])) == []


def test_the_server(door: Door, proxy: Proxy, server: PrefectServer, session: Session) -> None:
    found = door(MODULE, kind="server")["objects"][0]
    assert found == {
        "api_url": proxy.api_url,
        "version": session.get("/admin/version"),
        "api_version": session.get("/version"),
        "healthy": True,
        "ready": True,
    }
    proxy.answer(503, path="^/ready$", times=None)
    unready = door(MODULE, kind="server", retries=0)
    assert unready["objects"][0]["ready"] is False
    proxy.reset()
    proxy.answer(500, path="^/ready$", times=None)
    assert door(MODULE, kind="server", retries=0)["failed"]
    assert server.answers()


def test_a_question_about_the_objects(door: Door, pool: str) -> None:
    asked = door(MODULE, kind="work_pools", names=[pool], query="[].{pool: name, kind: type}")
    assert asked["result"] == [{"pool": pool, "kind": "process"}]
    assert "objects" not in asked
    assert door(MODULE, kind="work_pools", names=[pool], query="[0].type")["result"] == "process"
    assert door(MODULE, kind="work_pools", names=[], query="[0].type")["result"] is None


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("[", "query '[' is no JMESPath expression: "),
        ("", "query '' is no JMESPath expression: "),
        ("nope(@)", "query 'nope(@)' cannot be asked of this kind: Unknown function: nope()"),
        ("sum(@)", "query 'sum(@)' cannot be asked of this kind: "),
    ],
)
def test_a_bad_question_is_one_clear_sentence(door: Door, query: str, sentence: str, pool: str) -> None:
    refused = door(MODULE, kind="work_pools", names=[pool], query=query)
    assert refused["failed"]
    assert refused["msg"].startswith(sentence)
    assert "\n" not in refused["msg"]
    assert refused["msg"].endswith(".")


def test_a_question_cannot_reach_a_secret(door: Door, session: Session, make_deployment: MakeDeployment) -> None:
    row = make_deployment(parameters={"api_token": "zebra-crossing-77"})
    asked = door(MODULE, kind="deployments", ids=[row["id"]], query="[0].parameters.api_token")
    assert asked["result"] == "(secret)"
    assert session.get(f"/deployments/{row['id']}")["parameters"] == {"api_token": "zebra-crossing-77"}


STRAY = [
    (kind, option) for kind, reader in info.READERS.items() for option in info.OPTIONS if option not in reader.takes
]


@pytest.mark.parametrize(("kind", "option"), STRAY)
def test_an_option_of_another_kind_is_refused(door: Door, proxy: Proxy, kind: str, option: str) -> None:
    value = {"states": ["COMPLETED"], "statuses": ["ONLINE"]}.get(option, ["x"])
    refused = door(MODULE, kind=kind, **{option: value})
    assert refused["failed"]
    assert refused["msg"].startswith(f"kind: {kind} does not take {option}; it takes ")
    assert proxy.seen == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"kind": "flows", "ids": ["x"]}, "ids holds 'x', which is no id."),
        ({"kind": "flow_runs", "deployment_ids": ["a/b"]}, "deployment_ids holds 'a/b', which is no id."),
        ({"kind": "artifacts", "flow_run_ids": [""]}, "flow_run_ids holds '', which is no id."),
        ({"kind": "deployments", "names": ["f/d"]}, "names holds 'f/d'; give the flow in flow_names"),
        ({"kind": "blocks"}, "value of kind must be one of: "),
        ({}, "missing required arguments: kind"),
    ],
)
def test_wrong_options_are_refused(door: Door, proxy: Proxy, options: dict[str, t.Any], sentence: str) -> None:
    refused = door(MODULE, **options)
    assert sentence in refused["msg"]
    assert proxy.seen == []


def test_ids_that_do_not_exist_are_no_error(door: Door) -> None:
    assert door(MODULE, kind="deployments", ids=[str(uuid.uuid4())])["objects"] == []
