# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared guardrails against those of a live server, and how ``hotpass_guardrail`` restores them."""

from __future__ import annotations

import time
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import remedies
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.declared import Declared
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.observation import observe
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.report import Bounds
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.restoring import restore
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.limit_names import limit_name
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.chains import settle
from tests.support.guardrail_lab import MODULE, Lab, checks_of
from tests.support.proxy import Proxy
from tests.support.shapes import Door, MakeDeployment, Unique

pytestmark = pytest.mark.integration


@pytest.fixture
def lab(session: Session, make_deployment: MakeDeployment) -> t.Callable[..., Lab]:
    def make(limit: int | None = 1, **fields: t.Any) -> Lab:
        return Lab(session, make_deployment(concurrency_limit=limit, **fields))

    return make


KEYED = {
    "concurrency_limit": 2,
    "concurrency_key": "k",
    "parameters": {"pipeline": {"backfill": True}},
}


@pytest.fixture
def keyed(session: Session, make_deployment: MakeDeployment, unique: Unique) -> tuple[Lab, str, dict[str, t.Any]]:
    """A deployment with a key, its global limit, and the options that declare both."""
    key = f"rehearse/{unique('key')}"
    parameters = {**KEYED, "concurrency_key": key}
    name = limit_name(key)
    session.write("POST", "/v2/concurrency_limits/", {"name": name, "limit": 2})
    site = Lab(session, make_deployment(concurrency_limit=2, parameters=parameters))
    declared = {
        "concurrency_limit": 2,
        "concurrency_key": key,
        "global_limit": 2,
        "parameters": {"concurrency_limit": 2, "concurrency_key": key, "parameters.pipeline.backfill": True},
    }
    return site, name, site.task(declared=declared)


def test_declared_values_are_compared_with_the_live_ones(
    door: Door, proxy: Proxy, keyed: tuple[Lab, str, dict[str, t.Any]]
) -> None:
    _site, _name, given = keyed
    result = door(MODULE, **given, observe=False)
    assert not result["failed"], result["msg"]
    assert (result["verdict"], result["documents"]) == ("pass", {})
    assert proxy.writes == []


@pytest.mark.parametrize(
    ("change", "check", "found"),
    [
        ({"limit": 3}, "declared.global_limit", "3"),
        ({"active": False}, "declared.global_limit.active", "false"),
        ({"slot_decay_per_second": 0.5}, "declared.global_limit.slot_decay_per_second", "0.5"),
    ],
)
def test_a_global_limit_with_other_values_is_found_and_restored(
    door: Door,
    proxy: Proxy,
    session: Session,
    keyed: tuple[Lab, str, dict[str, t.Any]],
    change: dict[str, t.Any],
    check: str,
    found: str,
) -> None:
    _site, name, given = keyed
    session.write("PATCH", f"/v2/concurrency_limits/{name}", change)
    result = door(MODULE, **given, observe=False)
    assert (result["failed"], result["verdict"]) == (True, "fail")
    assert [c["name"] for c in result["report"]["checks"] if c["verdict"] != "pass"] == [check]
    assert checks_of(result)[check]["found"] == found
    restored = settle(door, proxy, MODULE, **given, state="restored")
    assert restored["concurrency_limit"]["limit"] == 2
    assert restored["slots_reset"] == {}
    assert door(MODULE, **given, observe=False)["verdict"] == "pass"


@pytest.mark.parametrize(
    ("change", "checks"),
    [
        ({"active": False}, ["active"]),
        ({"slot_decay_per_second": 5.0}, ["slot_decay_per_second"]),
        ({"active": False, "slot_decay_per_second": 0.5}, ["active", "slot_decay_per_second"]),
    ],
)
def test_the_deployments_own_limit_is_switched_on_again_and_keeps_its_slots(
    door: Door,
    proxy: Proxy,
    session: Session,
    keyed: tuple[Lab, str, dict[str, t.Any]],
    change: dict[str, t.Any],
    checks: list[str],
) -> None:
    site, _name, given = keyed
    before = site.limit
    session.write("PATCH", f"/v2/concurrency_limits/{before['id']}", change)
    wrong = door(MODULE, **given, observe=False)
    assert [c["name"] for c in wrong["report"]["checks"] if c["verdict"] != "pass"] == [
        f"declared.concurrency_limit.{check}" for check in checks
    ]
    restored = settle(door, proxy, MODULE, **given, state="restored")
    right = {"active": True, "slot_decay_per_second": 0.0}
    shown = restored["deployment_limit"]
    assert (shown["id"], shown["name"], shown["limit"]) == (before["id"], before["name"], 2)
    assert {key: shown[key] for key in right} == right
    (diff,) = restored["diff"]
    assert diff["after"] == {key: right[key] for key in change}
    assert diff["before"] == change
    assert diff["before_header"] == f"concurrency limit of deployment {site.name!r}"
    assert site.limit["limit"] == 2
    assert door(MODULE, **given, observe=False)["verdict"] == "pass"


def test_a_shared_limit_is_not_the_deployments_to_restore(
    door: Door, proxy: Proxy, session: Session, lab: t.Callable[..., Lab], unique: Unique
) -> None:
    shared = session.write("POST", "/v2/concurrency_limits/", {"name": unique("shared"), "limit": 1, "active": False})
    site = lab(None)
    session.write("PATCH", f"/deployments/{site.row['id']}", {"global_concurrency_limit_id": shared["id"]})
    restored = settle(door, proxy, MODULE, changed=False, **site.task(state="restored"))
    assert restored["deployment_limit"] is None
    assert site.limit["active"] is False


def test_a_missing_global_limit_is_a_failure_and_made_again(
    door: Door, proxy: Proxy, session: Session, keyed: tuple[Lab, str, dict[str, t.Any]]
) -> None:
    site, name, given = keyed
    session.write("DELETE", f"/v2/concurrency_limits/{name}")
    (run,) = site.runs(1)
    site.to(run, "PENDING", "RUNNING")
    site.look()
    site.to(run, "COMPLETED")
    result = door(MODULE, **{**given, "samples": site.samples[1:]}, run_ids=[run])
    assert result["failed"]
    assert checks_of(result)["declared.global_limit"]["found"] == f"there is no global limit {name}"
    assert checks_of(result)["global.executions"]["verdict"] in ("fail", "error")
    settle(door, proxy, MODULE, **given, state="restored")
    assert session.get(f"/v2/concurrency_limits/{name}")["limit"] == 2


@pytest.mark.parametrize(
    ("fields", "checks"),
    [
        ({"concurrency_limit": 3}, ["declared.concurrency_limit"]),
        ({"concurrency_limit": None}, ["declared.concurrency_limit"]),
        ({"concurrency_options": {"collision_strategy": "CANCEL_NEW"}}, ["declared.collision_strategy"]),
        (
            {"parameters": {"concurrency_key": "other", "concurrency_limit": 0}},
            [
                "declared.parameters.concurrency_limit",
                "declared.parameters.concurrency_key",
                "declared.parameters.parameters.pipeline.backfill",
            ],
        ),
    ],
)
def test_a_deployment_with_other_values_is_found(
    door: Door,
    session: Session,
    keyed: tuple[Lab, str, dict[str, t.Any]],
    fields: dict[str, t.Any],
    checks: list[str],
) -> None:
    site, _name, given = keyed
    session.write("PATCH", f"/deployments/{site.row['id']}", fields)
    result = door(MODULE, **given, observe=False)
    assert (result["failed"], result["verdict"]) == (True, "fail")
    assert [c["name"] for c in result["report"]["checks"] if c["verdict"] != "pass"] == checks


def test_a_limit_that_is_declared_nowhere_is_never_a_pass(door: Door, lab: t.Callable[..., Lab]) -> None:
    site = lab(None)
    result = door(MODULE, **site.task(declared={"concurrency_limit": None}), observe=False)
    assert (result["failed"], result["verdict"]) == (True, "fail")


def test_a_leaked_slot_is_found_and_given_back(
    door: Door, proxy: Proxy, session: Session, lab: t.Callable[..., Lab]
) -> None:
    site = lab()
    taken = {"names": [site.limit["name"]], "slots": 1, "mode": "concurrency"}
    session.write("POST", "/v2/concurrency_limits/increment", taken)
    (run,) = site.runs(1)
    assert site.to(run, "PENDING") == "AwaitingConcurrencySlot"
    quick = {"leak_seconds": 1.0, "stuck_seconds": 0.2}
    restore = {**site.task(bounds=quick), "state": "restored", "reset_slots": True}
    early = door(MODULE, **{**restore, "bounds": {"leak_seconds": 60}})
    assert early["failed"]
    assert "the server may still free more itself" in early["msg"]
    time.sleep(1.2)
    result = door(MODULE, **site.task(run_ids=[run], bounds=quick))
    found = checks_of(result)
    assert result["verdict"] == "fail"
    assert found["deployment.leaked"]["verdict"] == found["queue.stuck"]["verdict"] == "fail"
    assert found["deployment.leaked"]["remedy"] == found["queue.stuck"]["remedy"] == remedies.LOCKED
    restored = settle(door, proxy, MODULE, **restore)
    assert restored["slots_reset"] == {site.limit["name"]: 1}
    assert site.limit["active_slots"] == 0
    assert site.to(run, "PENDING", "RUNNING", "COMPLETED") == "Completed"


class Taker(Session):
    """A session during which somebody takes a slot of a limit as soon as the limit is active."""

    def write(self, method: str, path: str, *args: t.Any, **more: t.Any) -> t.Any:
        answer = super().write(method, path, *args, **more)
        if method == "PATCH" and args and args[0].get("active") is True:
            taken = {"names": [self.get(path)["name"]], "slots": 1, "mode": "concurrency"}
            super().write("POST", "/v2/concurrency_limits/increment", taken)
        return answer


def test_a_slot_taken_as_soon_as_the_limit_is_active_again_is_not_given_back(
    session: Session, keyed: tuple[Lab, str, dict[str, t.Any]]
) -> None:
    site, name, given = keyed
    path = f"/v2/concurrency_limits/{name}"
    session.write("PATCH", path, {"active": False, "active_slots": 2})
    declared, bounds = Declared.from_json({"deployment": site.name, **given["declared"]}), Bounds(leak_seconds=0.1)
    time.sleep(0.3)
    with Taker(session.connection) as taker:
        restored = restore(taker, site.row, declared, True, bounds, False)
    assert restored.result["slots_reset"] == {name: 2}
    after = session.get(path)
    assert (after["active"], after["active_slots"]) == (True, 1)


def test_a_slot_is_not_given_back_while_a_lease_of_the_key_may_live(
    door: Door, session: Session, keyed: tuple[Lab, str, dict[str, t.Any]]
) -> None:
    site, name, given = keyed
    slots = {"names": [name], "slots": 1, "mode": "concurrency"}
    session.write("POST", "/v2/concurrency_limits/increment", slots)
    time.sleep(0.3)
    leased = {**site.row["parameters"], "base_config": {"slot": {"lease_seconds": 600}}}
    session.write("PATCH", f"/deployments/{site.row['id']}", {"parameters": leased})
    again = {**given, "bounds": {"leak_seconds": 0.1}, "state": "restored", "reset_slots": True}
    refused = door(MODULE, **again)
    assert refused["failed"]
    assert "wait until 630 s have gone by" in refused["msg"]
    assert session.get(f"/v2/concurrency_limits/{name}")["active_slots"] == 1
    session.write("PATCH", f"/deployments/{site.row['id']}", {"parameters": site.row["parameters"]})
    assert door(MODULE, **again)["slots_reset"] == {name: 1}


def test_the_runs_of_another_deployment_with_the_key_are_read_too(
    session: Session, keyed: tuple[Lab, str, dict[str, t.Any]], make_deployment: MakeDeployment
) -> None:
    site, _name, given = keyed
    other, stranger = (
        Lab(session, make_deployment(parameters={**site.row["parameters"], "concurrency_key": key}))
        for key in (given["declared"]["concurrency_key"], "another")
    )
    (mine,), (theirs,), (nobodys,) = site.runs(1), other.runs(1), stranger.runs(1)
    for lab, run in ((site, mine), (other, theirs), (stranger, nobodys)):
        lab.to(run, "PENDING", "RUNNING")
    seen = observe(session, site.row, run_ids=[mine])
    for lab, run in ((site, mine), (other, theirs), (stranger, nobodys)):
        lab.to(run, "COMPLETED")
    assert seen.concurrency["scope"]["keyed"] == sorted((site.row["id"], other.row["id"]))
    assert seen.concurrency["scope"]["deployments"] == [site.row["id"]]
    assert {run["id"] for run in seen.runs} == set(seen.states) == {mine, theirs}


def test_no_slot_is_given_back_while_a_run_may_hold_it(door: Door, session: Session, lab: t.Callable[..., Lab]) -> None:
    site = lab()
    (run,) = site.runs(1)
    site.to(run, "PENDING")
    time.sleep(0.3)
    restore = {**site.task(bounds={"leak_seconds": 0.1}), "state": "restored", "reset_slots": True}
    refused = door(MODULE, **restore)
    name = session.get(f"/flow_runs/{run}")["name"]
    assert refused["msg"] == (
        "No slot was given back, because 1 runs are PENDING, RUNNING, CANCELLING or AwaitingRetry and may hold one: "
        f"{name}; wait for their end, or cancel them."
    )
    assert site.limit["active_slots"] == 1
    site.to(run, "CANCELLED")


def test_no_slot_is_given_back_while_a_run_waits_in_its_process_for_its_next_try(
    door: Door, session: Session, lab: t.Callable[..., Lab]
) -> None:
    site = lab()
    policy = {"empirical_policy": {"retries": 1, "retry_delay": 600, "retry_type": "in_process"}}
    run = session.write("POST", f"/deployments/{site.row['id']}/create_flow_run", policy)["id"]
    site.to(run, "PENDING", "RUNNING")
    assert site.to(run, "FAILED") == "AwaitingRetry"
    assert site.limit["active_slots"] == 1, "Prefect lets it keep its slot"
    # Nothing touches the row of the limit for longer than a lease is said to live; renewing one does not write it.
    time.sleep(0.3)
    restore = {**site.task(bounds={"leak_seconds": 0.1}), "state": "restored", "reset_slots": True}
    refused = door(MODULE, **restore)
    assert refused["failed"]
    assert "1 runs are PENDING, RUNNING, CANCELLING or AwaitingRetry" in refused["msg"]
    assert site.limit["active_slots"] == 1
    # What merely waits for its time, or for a slot, holds none and does not stand in the way.
    (late,) = site.runs(1)
    assert site.to(late, "PENDING") == "AwaitingConcurrencySlot"
    # Ended while it waited, it has not given its slot back: now that one is leaked.
    assert site.to(run, "CANCELLED") == "Cancelled"
    assert site.limit["active_slots"] == 1
    time.sleep(0.3)
    assert door(MODULE, **restore)["slots_reset"] == {site.limit["name"]: 1}
    session.write("DELETE", f"/flow_runs/{late}")


def test_a_manifest_declares_the_guardrails(
    door: Door, session: Session, make_deployment: MakeDeployment, unique: Unique, tmp_path: t.Any
) -> None:
    key = unique("key")
    name = unique("backfill")
    (tmp_path / "backfill.yaml").write_text(
        f"id: backfill\nname: {name}\nflow: a.b:c\nconcurrency_limit: 2\n"
        f"parameters: {{concurrency_limit: 0, concurrency_key: {key}, parameters: {{pipeline: {{backfill: true}}}}}}\n",
        encoding="utf-8",
    )
    parameters = {"concurrency_limit": 0, "concurrency_key": key, "parameters": {"pipeline": {"backfill": True}}}
    given = {"manifest_dir": str(tmp_path), "flow": "backfill", "observe": False}
    assert door(MODULE, **given)["msg"] == (f"There is no deployment '{name}'; deploy it first (playbooks/deploy.yml).")
    make_deployment(name=name, concurrency_limit=2, parameters=parameters)
    # Strictly sequential is one slot.
    door(MODULE, **given, state="restored")
    assert session.get(f"/v2/concurrency_limits/{key}")["limit"] == 1
    result = door(MODULE, **given)
    assert not result["failed"], result["msg"]
    assert result["declared"]["global_limit"] == 1
    other = make_deployment(name=name, concurrency_limit=2, parameters=parameters)
    assert "2 deployments are called" in door(MODULE, **given)["msg"]
    assert door(MODULE, **given, deployment=f"{other['flow_name']}/{name}")["verdict"] == "pass"
