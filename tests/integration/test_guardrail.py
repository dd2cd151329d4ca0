# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``hotpass_guardrail`` sees of runs on a live server, whose own limits let more in than they say."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import observation, remedies
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import SECOND, instant, written
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.intervals import REFUSED
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.judging import Bounds
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.observation import observe
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.sampling import sample
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.doors import DoorName, Doors, Task
from tests.support.guardrail_lab import MODULE, Lab, checks_of, exercised, judged_again
from tests.support.proxy import Proxy
from tests.support.shapes import Door, MakeDeployment, Unique

pytestmark = pytest.mark.integration


@pytest.fixture
def lab(session: Session, make_deployment: MakeDeployment) -> t.Callable[..., Lab]:
    def make(limit: int | None = 1, **fields: t.Any) -> Lab:
        return Lab(session, make_deployment(concurrency_limit=limit, **fields))

    return make


def test_a_rehearsal_that_reaches_the_limit_passes_and_its_report_can_be_made_again(
    door: Door, proxy: Proxy, lab: t.Callable[..., Lab]
) -> None:
    site = lab()
    runs = exercised(site)
    result = door(MODULE, **site.task(run_ids=runs, fail_on=["fail", "error", "not_exercised"]))
    assert not result["failed"], result["msg"]
    assert (result["verdict"], result["changed"]) == ("pass", False)
    assert checks_of(result)["deployment.exercised"]["witnesses"] == [runs[1]]
    assert result["report"]["figures"]["max_slots"]["deployment"] == 1
    assert judged_again(result) == result["report"]
    assert proxy.writes == []


def test_the_limit_that_counts_is_that_of_the_queue_the_runs_went_into(
    door: Door, session: Session, make_deployment: MakeDeployment, unique: Unique
) -> None:
    pool = unique("pool")
    session.write("POST", "/work_pools/", {"name": pool, "type": "process"})
    session.write("POST", f"/work_pools/{pool}/queues", {"name": "rehearsals", "concurrency_limit": 1})
    site = Lab(session, make_deployment(concurrency_limit=1, work_pool_name=pool))
    path = f"/deployments/{site.row['id']}/create_flow_run"
    run = session.write("POST", path, {"work_queue_name": "rehearsals"})["id"]
    own, theirs = session.write("POST", path, {})["id"], "declared.work_queue_limit"
    options: dict[str, t.Any] = {"fail_on": [], "samples": []}

    there = door(MODULE, **site.task(run_ids=[run], **options))
    assert there["documents"]["work_pool"]["queue"]["name"] == "rehearsals"
    assert there["documents"]["concurrency"]["scope"]["work_queue"] == "rehearsals"
    assert (checks_of(there)[theirs]["verdict"], checks_of(there)[theirs]["found"]) == ("fail", "1")
    # The deployment's own place is held against what is declared all the same.
    assert checks_of(there)["declared.work_queue"]["found"] == "default"
    declared = door(MODULE, **site.task(run_ids=[run], declared={"work_queue_limit": 1}, **options))
    assert checks_of(declared)[theirs]["verdict"] == "pass"

    for runs in ([own], [run, own]):
        here = door(MODULE, **site.task(run_ids=runs, **options))
        assert here["documents"]["work_pool"]["queue"]["name"] == "default"
        assert checks_of(here)[theirs]["verdict"] == "pass"
    before = door(MODULE, **site.task(observe=False, work_queue="rehearsals", **options))
    assert checks_of(before)[theirs]["found"] == "1"


def test_prefect_lets_a_resumed_run_in_without_a_slot_and_the_guardrail_sees_it(
    door: Door, session: Session, lab: t.Callable[..., Lab]
) -> None:
    site = lab()
    first, second, waits = site.runs(3)
    site.to(first, "PENDING", "RUNNING")
    assert site.to(waits, "PENDING") == "AwaitingConcurrencySlot"
    site.to(first, "PAUSED")
    site.to(second, "PENDING", "RUNNING")
    site.look()
    session.write("POST", f"/flow_runs/{first}/resume", {})
    site.look()
    running = [session.get(f"/flow_runs/{run}")["state_type"] for run in (first, second)]
    # Prefect's hole: two of them run, and its limit is 1 all along.
    assert running == ["RUNNING", "RUNNING"]
    assert (site.limit["limit"], site.limit["active_slots"]) == (1, 1)
    result = door(MODULE, **site.task(run_ids=[first, second]))
    found = checks_of(result)
    assert (result["failed"], result["verdict"]) == (True, "fail")
    for name in ("deployment.slots", "deployment.executions"):
        assert found[name]["verdict"] == "fail"
        assert found[name]["witnesses"] == sorted([first, second])
        assert found[name]["allowed"] == "1, the limit in force at that instant"
    assert f"of which {first} went on without taking a slot" in found["deployment.slots"]["found"]
    assert found["deployment.uncounted"]["verdict"] == "fail"
    assert first in result["msg"]
    assert second in result["msg"]
    assert remedies.EXCEEDED in result["msg"]
    assert judged_again(result) == result["report"]
    # The one that ends gives back the other's slot, and a third is let in.
    site.to(first, "COMPLETED")
    site.look()
    assert site.limit["active_slots"] == 0
    (third,) = site.runs(1)
    assert site.to(third, "PENDING", "RUNNING") == "Running"
    site.look()
    again = checks_of(door(MODULE, **site.task(run_ids=[third])))
    # Asked for one run, it still sees the other that it met.
    assert again["deployment.slots"]["witnesses"] == sorted([second, third])
    for run in (second, third, waits):
        site.to(run, "CANCELLED")


def test_prefect_lets_runs_go_on_when_their_limit_is_lowered_and_the_guardrail_sees_it(
    door: Door, session: Session, lab: t.Callable[..., Lab]
) -> None:
    site = lab(3)
    runs = site.runs(3)
    for run in runs:
        assert site.to(run, "PENDING", "RUNNING") == "Running"
    site.look()
    before = checks_of(door(MODULE, **site.task(run_ids=runs)))
    assert before["deployment.slots"]["verdict"] == "pass"
    session.write("PATCH", f"/deployments/{site.row['id']}", {"concurrency_limit": 1})
    site.look()
    result = door(MODULE, **site.task(run_ids=runs))
    found = checks_of(result)
    assert found["declared.concurrency_limit"]["verdict"] == "pass"
    assert found["deployment.slots"]["verdict"] == found["deployment.executions"]["verdict"] == "fail"
    assert found["deployment.slots"]["witnesses"] == sorted(runs)
    assert found["deployment.slots"]["allowed"] == "1, the limit in force at that instant"
    for run in runs:
        site.to(run, "COMPLETED")
    # Before the change nobody could have said so, and afterwards it stays true.
    site.look()
    assert checks_of(door(MODULE, **site.task(run_ids=runs)))["deployment.slots"]["verdict"] == "fail"


def test_without_readings_the_limit_in_force_is_not_known(door: Door, lab: t.Callable[..., Lab]) -> None:
    """The server writes ``updated`` whenever a slot is taken or given back."""
    site = lab()
    untouched = site.limit["updated"]
    runs = exercised(site)
    assert site.limit["updated"] > untouched
    result = door(MODULE, **site.task(run_ids=runs, samples=[]))
    assert (result["failed"], result["verdict"]) == (True, "error")
    assert checks_of(result)["deployment.slots"]["remedy"] == remedies.UNKNOWN_LIMIT


def test_a_limit_that_nobody_reached_is_not_exercised(door: Door, lab: t.Callable[..., Lab]) -> None:
    site = lab(2)
    (run,) = site.runs(1)
    site.to(run, "PENDING", "RUNNING")
    site.look()
    site.to(run, "COMPLETED")
    given = site.task(run_ids=[run], declared={"concurrency_limit": 2})
    result = door(MODULE, **given)
    assert (result["failed"], result["verdict"]) == (False, "not_exercised")
    result = door(MODULE, **{**given, "fail_on": ["not_exercised"]})
    assert result["failed"]
    assert remedies.NOT_REACHED in result["msg"]


def test_no_run_at_all_is_not_exercised(door: Door, lab: t.Callable[..., Lab]) -> None:
    site = lab()
    result = door(MODULE, **site.task(since=site.samples[0]["at"]))
    assert result["verdict"] == "not_exercised"
    result = door(MODULE, **site.task(run_ids=["0d6f6a52-3a2c-4d5e-9f5d-9b7f4a3f6a01"]))
    assert (result["failed"], result["verdict"]) == (True, "error")
    assert door(MODULE, **site.task())["msg"] == (
        "Neither run_ids nor since says which runs to observe; give one of them."
    )


def test_a_run_that_cancel_new_refuses_shows_that_the_limit_holds(door: Door, lab: t.Callable[..., Lab]) -> None:
    site = lab(concurrency_options={"collision_strategy": "CANCEL_NEW"})
    first, second = site.runs(2)
    site.to(first, "PENDING", "RUNNING")
    assert site.to(second, "PENDING") == "Cancelled"
    assert site.session.get(f"/flow_runs/{second}")["state"]["message"] == REFUSED
    site.look()
    site.to(first, "COMPLETED")
    given = site.task(run_ids=[first, second], declared={"collision_strategy": "CANCEL_NEW"})
    assert door(MODULE, **given)["verdict"] == "pass"
    found = checks_of(door(MODULE, **site.task(run_ids=[first, second])))
    assert found["queue.refused"]["verdict"] == found["declared.collision_strategy"]["verdict"] == "fail"


def test_a_window_with_more_runs_than_a_page_is_read_whole(session: Session, lab: t.Callable[..., Lab]) -> None:
    site = lab()
    runs = site.runs(207)
    for run in runs[::50]:
        site.to(run, "PENDING", "RUNNING", "COMPLETED")
    site.to(runs[-1], "CANCELLED")
    seen = observe(session, site.name, run_ids=runs)
    assert [run["id"] for run in seen.runs] == sorted(runs) == sorted(seen.states)
    assert all(seen.states.values())
    later = observe(session, site.name, since=seen.concurrency["observed_at"])
    # What had ended before the window could not meet anything in it.
    assert {run["id"] for run in later.runs} == set(runs) - {*runs[::50], runs[-1]}


@pytest.mark.parametrize(("slack", "kept"), [(60, True), (20, False)])
def test_a_run_that_a_fast_server_dates_after_the_observation_is_seen(
    session: Session, lab: t.Callable[..., Lab], monkeypatch: pytest.MonkeyPatch, slack: float, kept: bool
) -> None:
    def behind(*args: t.Any) -> dict[str, t.Any]:
        read = sample(*args)
        return {**read, "at": written(instant(read["at"], "at") - 40 * SECOND)}

    site = lab()
    mine, theirs = site.runs(2)
    site.to(theirs, "PENDING", "RUNNING")
    monkeypatch.setattr(observation, "sample", behind)
    given = {"run_ids": [mine], "since": "2026-01-01T00:00:00Z", "bounds": Bounds(clock_slack_seconds=slack)}
    seen = observe(session, site.name, **given)
    site.to(theirs, "COMPLETED")
    assert {run["id"] for run in seen.runs} == ({mine, theirs} if kept else {mine})


def test_runs_of_deployments_that_share_the_limit_are_seen(
    door: Door, session: Session, make_deployment: MakeDeployment, unique: Unique
) -> None:
    name = unique("shared")
    limit = session.write("POST", "/v2/concurrency_limits/", {"name": name, "limit": 1})
    one, other = (Lab(session, make_deployment(global_concurrency_limit_id=limit["id"])) for _number in range(2))
    (first,), (second,) = one.runs(1), other.runs(1)
    one.to(first, "PENDING", "RUNNING")
    assert other.to(second, "PENDING") == "AwaitingConcurrencySlot"
    session.write("POST", f"/flow_runs/{second}/set_state", {"state": {"type": "RUNNING"}, "force": True})
    one.look()
    given = one.task(run_ids=[first], declared={"shared_limit": name})
    found = checks_of(door(MODULE, **given))
    assert found["deployment.slots"]["witnesses"] == sorted([first, second])
    assert found["declared.concurrency_limit.name"]["verdict"] == "pass"
    for site, run in ((one, first), (other, second)):
        site.to(run, "COMPLETED")


def test_the_limit_of_a_work_pool_counts_the_runs_of_all_its_deployments(
    door: Door, session: Session, lab: t.Callable[..., Lab], unique: Unique
) -> None:
    pool = unique("pool")
    session.write("POST", "/work_pools/", {"name": pool, "type": "process", "concurrency_limit": 1})
    one, other = lab(work_pool_name=pool), lab(work_pool_name=pool)
    (first,), (second,) = one.runs(1), other.runs(1)
    one.to(first, "PENDING", "RUNNING")
    other.to(second, "PENDING", "RUNNING")
    one.look()
    given = one.task(run_ids=[first], declared={"work_pool_limit": 1})
    result = door(MODULE, **given)
    found = checks_of(result)
    assert found["work_pool.slots"]["verdict"] == "fail"
    assert found["work_pool.slots"]["witnesses"] == sorted([first, second])
    assert found["deployment.slots"]["verdict"] == found["declared.work_pool_limit"]["verdict"] == "pass"
    # Nobody works on these runs, either.
    assert found["holders.stale"]["witnesses"] == [first]
    assert remedies.NO_WORKER in result["msg"]
    undeclared = checks_of(door(MODULE, **one.task(run_ids=[first])))
    assert undeclared["declared.work_pool_limit"]["verdict"] == "fail"
    for site, run in ((one, first), (other, second)):
        site.to(run, "COMPLETED")


@pytest.mark.parametrize("through", ["module", "action"])
def test_both_doors_lead_to_the_same_verdict(doors: Doors, lab: t.Callable[..., Lab], through: DoorName) -> None:
    site = lab()
    runs = exercised(site)
    given = site.task(run_ids=runs)
    played = doors.play(
        [Task(MODULE, given), Task(MODULE, {**given, "samples": []}), Task(MODULE, given, check=True)], through
    )
    good, bad, checked = played.results
    assert (good["verdict"], good["failed"], good["changed"]) == ("pass", False, False)
    assert (bad["verdict"], bad["failed"]) == ("error", True)
    assert checked["verdict"] == "pass"
    assert judged_again(good) == good["report"]
