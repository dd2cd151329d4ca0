# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prefect_flow_run`` against a live server; the runs are moved through their states by hand."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.proxy import Proxy
from tests.support.shapes import Door, MakeDeployment, Result, Unique

pytestmark = pytest.mark.integration

MODULE = "prefect_flow_run"
SCHEMA: dict[str, t.Any] = {
    "type": "object",
    "properties": {"batch": {"type": "integer"}, "api_token": {"type": "string"}, "extra": {}},
}


@pytest.fixture
def pool(session: Session, unique: Unique) -> str:
    name = unique("pool")
    session.write("POST", "/work_pools/", {"name": name, "type": "process"})
    return name


@pytest.fixture
def deployment(make_deployment: MakeDeployment, pool: str) -> Result:
    return make_deployment(
        work_pool_name=pool, parameter_openapi_schema=SCHEMA, parameters={"batch": 1}, tags=["nightly"]
    )


@pytest.fixture
def full_name(deployment: Result) -> str:
    return f"{deployment['flow_name']}/{deployment['name']}"


def runs_of(session: Session, deployment: Result) -> list[Result]:
    body = {"flow_runs": {"deployment_id": {"any_": [deployment["id"]]}}}
    found: list[Result] = session.search("/flow_runs/filter", body)
    return found


def move(session: Session, run_id: str, state_type: str, **state: t.Any) -> None:
    body = {"state": {"type": state_type, **state}, "force": True}
    session.write("POST", f"/flow_runs/{run_id}/set_state", body)


def moving(session: Session, proxy: Proxy, *states: dict[str, t.Any]) -> None:
    """The run that the task follows takes the next of the states before each look at it."""

    def step(number: int) -> None:
        run_id = next(seen for seen in proxy.seen if seen.path.endswith("/create_flow_run")).path.split("/")[2]
        rows = session.search("/flow_runs/filter", {"flow_runs": {"deployment_id": {"any_": [run_id]}}})
        state = dict(states[number])
        move(session, rows[0]["id"], state.pop("type"), **state)

    proxy.before(step, method="GET", path="^/flow_runs/[0-9a-f-]+$", times=len(states))


def test_a_run_starts_and_each_task_without_a_key_starts_another(
    door: Door, proxy: Proxy, session: Session, deployment: Result, full_name: str
) -> None:
    started = door(MODULE, deployment=full_name, parameters={"batch": 7})
    run = started["flow_run"]
    assert started["changed"]
    assert started["artifacts"] == []
    assert (run["deployment_id"], run["deployment"]) == (deployment["id"], full_name)
    assert (run["state_type"], run["parameters"], run["tags"]) == ("SCHEDULED", {"batch": 7}, ["nightly"])
    assert proxy.writes == [f"POST /deployments/{deployment['id']}/create_flow_run"]
    again = door(MODULE, deployment=deployment["id"])
    assert again["changed"]
    assert again["flow_run"]["deployment"] == full_name
    assert len(runs_of(session, deployment)) == 2


def test_every_option_of_the_run_reaches_the_server(
    door: Door, session: Session, deployment: Result, full_name: str, pool: str
) -> None:
    session.write("POST", f"/work_pools/{pool}/queues", {"name": "urgent"})
    started = door(
        MODULE,
        deployment=full_name,
        name="rehearsal",
        tags=["rehearsal"],
        labels={"ring": "staging", "batch": 3},
        job_variables={"env": {"LOG_LEVEL": "debug"}},
        work_queue="urgent",
        scheduled_time="2099-01-31T06:00:00+01:00",
        idempotency_key="k",
    )
    row = session.get(f"/flow_runs/{started['flow_run']['id']}")
    assert row["name"] == "rehearsal"
    assert sorted(row["tags"]) == ["nightly", "rehearsal"]
    assert {"ring": "staging", "batch": 3}.items() <= row["labels"].items()
    assert row["job_variables"] == {"env": {"LOG_LEVEL": "debug"}}
    assert row["work_queue_name"] == "urgent"
    assert row["expected_start_time"].startswith("2099-01-31T05:00:00")
    assert row["idempotency_key"] == f"{deployment['id']}:k"


def test_a_key_starts_one_run_and_check_mode_says_so(
    door: Door, proxy: Proxy, session: Session, deployment: Result, full_name: str
) -> None:
    task = {"deployment": full_name, "idempotency_key": "release-7", "parameters": {"batch": 7}, "tags": ["x"]}
    predicted = door(MODULE, check_mode=True, **task)
    assert predicted["changed"]
    assert predicted["flow_run"]["id"] is None
    assert predicted["flow_run"]["parameters"] == {"batch": 7}
    assert proxy.writes == []
    started = door(MODULE, **task)
    assert started["changed"]
    assert started["diff"] == predicted["diff"]
    differing = {key for key, value in predicted["flow_run"].items() if value != started["flow_run"][key]}
    assert differing <= {"id", "name", "created", "expected_start_time", "labels", "total_run_time"}
    with proxy.counting() as seen:
        for check_mode in (False, True):
            again = door(MODULE, check_mode=check_mode, **task)
            assert again["changed"] is False
            assert "diff" not in again
            assert again["flow_run"]["id"] == started["flow_run"]["id"]
    assert [request.line for request in seen if request.writes] == []
    assert len(runs_of(session, deployment)) == 1


def test_a_key_belongs_to_one_deployment_though_the_server_holds_it_per_flow(
    door: Door, session: Session, make_deployment: MakeDeployment, unique: Unique
) -> None:
    flow = unique("flow")
    first, second = make_deployment(flow, "first"), make_deployment(flow, "second")
    ids = {
        door(MODULE, deployment=f"{flow}/{name}", idempotency_key="same")["flow_run"]["id"]
        for name in ("first", "second", "first", "second")
    }
    assert len(ids) == 2
    assert [len(runs_of(session, row)) for row in (first, second)] == [1, 1]


def test_a_key_does_not_stand_for_other_parameters(
    door: Door, session: Session, deployment: Result, full_name: str
) -> None:
    started = door(MODULE, deployment=full_name, idempotency_key="k", parameters={"batch": 1})
    for check_mode in (True, False):
        refused = door(
            MODULE, deployment=full_name, idempotency_key="k", parameters={"batch": True}, check_mode=check_mode
        )
        assert refused["failed"]
        assert f"already started run '{started['flow_run']['name']}'" in refused["msg"]
        assert "with other values of batch; use another key" in refused["msg"]
    assert len(runs_of(session, deployment)) == 1


def test_a_rival_with_the_same_key_is_told_from_our_own_run(
    door: Door, proxy: Proxy, session: Session, deployment: Result, full_name: str
) -> None:
    path = f"/deployments/{deployment['id']}/create_flow_run"
    proxy.before(
        lambda _number: session.write("POST", path, {"idempotency_key": f"{deployment['id']}:k"}),
        method="POST",
        path=path,
    )
    second = door(MODULE, deployment=full_name, idempotency_key="k")
    # After a 503 of SQLite the run may be our own, and nobody can tell.
    ambiguous = any(seen.status >= 500 for seen in proxy.seen)
    assert second["changed"] is ambiguous
    assert len(runs_of(session, deployment)) == 1


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize("trouble", ["dropped before", "dropped after", "503 before", "500 after"])
def test_a_lost_answer_starts_one_run(
    door: Door, proxy: Proxy, session: Session, deployment: Result, full_name: str, trouble: str, key: str | None
) -> None:
    what, when = trouble.split()
    path = "/create_flow_run$"
    if what == "dropped":
        proxy.drop(before=when == "before", path=path)
    else:
        proxy.answer(int(what), path=path, forward=when == "after")
    started = door(MODULE, deployment=full_name, idempotency_key=key)
    assert started["changed"]
    assert [run["id"] for run in runs_of(session, deployment)] == [started["flow_run"]["id"]]


def test_an_unknown_parameter_is_refused_before_the_start(door: Door, proxy: Proxy, full_name: str) -> None:
    for check_mode in (True, False):
        refused = door(MODULE, deployment=full_name, parameters={"bathc": 1, "batch": 2}, check_mode=check_mode)
        assert refused["msg"] == (
            f"Deployment '{full_name}': parameters names 'bathc', which the flow does not have; it has api_token, "
            "batch, extra."
        )
    assert proxy.writes == []


def test_parameters_pass_where_the_deployment_has_no_schema(
    door: Door, session: Session, make_deployment: MakeDeployment
) -> None:
    row = make_deployment(parameter_openapi_schema={}, enforce_parameter_schema=False)
    started = door(MODULE, deployment=f"{row['flow_name']}/{row['name']}", parameters={"anything": 1})
    assert session.get(f"/flow_runs/{started['flow_run']['id']}")["parameters"] == {"anything": 1}


def test_an_unknown_deployment_is_named_with_those_there_are(
    door: Door, proxy: Proxy, deployment: Result, unique: Unique
) -> None:
    flow = deployment["flow_name"]
    refused = door(MODULE, deployment=f"{flow}/nightyl")
    assert refused["msg"] == f"There is no deployment '{flow}/nightyl'; flow '{flow}' has: nightly."
    refused = door(MODULE, deployment=f"{unique('no-flow')}/nightly")
    assert "no deployment of such a flow either; flows: " in refused["msg"]
    predicted = door(MODULE, deployment=f"{flow}/nightyl", check_mode=True)
    assert predicted["changed"]
    assert predicted["warnings"][0].endswith("The prediction holds if an earlier task creates it.")
    for wrong in ("nightly", "a/b/c", "/b", "a/", ""):
        assert "it must be 'flow/deployment'" in door(MODULE, deployment=wrong)["msg"]
    assert proxy.writes == []


def test_an_unknown_queue_is_refused_and_not_made(door: Door, session: Session, full_name: str, pool: str) -> None:
    refused = door(MODULE, deployment=full_name, work_queue="urgnet")
    assert refused["msg"] == (
        f"There is no work queue 'urgnet' in work pool '{pool}', and the server would make one that nobody polls; "
        "there are: default."
    )
    assert session.get_or_none(f"/work_pools/{pool}/queues/urgnet") is None


@pytest.mark.parametrize("moment", ["2099-01-31", "2099-01-31T06:00:00", "tomorrow"])
def test_a_time_without_an_offset_is_refused(door: Door, proxy: Proxy, full_name: str, moment: str) -> None:
    for check_mode in (True, False):
        refused = door(MODULE, deployment=full_name, scheduled_time=moment, check_mode=check_mode)
        assert f"scheduled_time is {moment!r}; it must be a date and time with its offset" in refused["msg"]
    assert proxy.writes == []


def test_waiting_tells_each_state_and_returns_the_artifacts(
    door: Door, doors: t.Any, proxy: Proxy, session: Session, deployment: Result, full_name: str
) -> None:
    def publish(_number: int) -> None:
        run = runs_of(session, deployment)[0]
        for key, data in (("summary", {"rows": 3, "api_token": "zebra-crossing-77"}), ("table", "[]")):
            session.write("POST", "/artifacts/", {"key": key, "type": "json", "data": data, "flow_run_id": run["id"]})

    moving(session, proxy, {"type": "PENDING"}, {"type": "RUNNING"}, {"type": "COMPLETED", "message": "All fine"})
    proxy.before(publish, path="/artifacts/filter")
    ended = door(MODULE, deployment=full_name, wait=True, wait_sleep=0.05, wait_timeout=20)
    assert not ended["failed"], ended["msg"]
    run = ended["flow_run"]
    assert (run["state_type"], run["state_message"]) == ("COMPLETED", "All fine")
    assert run["end_time"] is not None
    assert [(artifact["key"], artifact["data"]) for artifact in ended["artifacts"]] == [
        ("summary", {"rows": 3, "api_token": "(secret)"}),
        ("table", "[]"),
    ]
    assert [line.rsplit(" after ")[0] for line in doors.told] == [
        f"{full_name}: run {run['name']} started",
        *(f"{full_name}: run {run['name']} is {state}" for state in ("Scheduled", "Pending", "Running", "Completed")),
    ]


def test_a_run_that_fails_fails_the_task_unless_that_is_accepted(
    door: Door, proxy: Proxy, session: Session, full_name: str
) -> None:
    moving(session, proxy, {"type": "FAILED", "message": "Flow run encountered an exception: no rows"})
    failed = door(MODULE, deployment=full_name, wait=True, wait_sleep=0.05, idempotency_key="k")
    assert failed["failed"]
    assert failed["changed"]
    assert failed["flow_run"]["state_type"] == "FAILED"
    assert failed["msg"] == (
        f"Run '{failed['flow_run']['name']}' of '{full_name}' ended Failed, not COMPLETED: Flow run encountered an "
        "exception: no rows"
    )
    followed = door(MODULE, deployment=full_name, wait=True, idempotency_key="k")
    assert (followed["failed"], followed["changed"]) == (True, False)
    accepted = door(MODULE, id=failed["flow_run"]["id"], wait=True, accept_states=["COMPLETED", "FAILED"])
    assert (accepted["failed"], accepted["changed"]) == (False, False)
    assert accepted["flow_run"]["deployment"] == full_name


def heartbeat(session: Session, pool: str) -> None:
    session.write("POST", f"/work_pools/{pool}/workers/heartbeat", {"name": "w1", "heartbeat_interval_seconds": 30})


@pytest.mark.parametrize(
    ("hindrance", "reason"),
    [
        ("none", "it is Scheduled: no worker is online in work pool '{pool}'"),
        ("worker", "it is Scheduled: work pool '{pool}' is open and has a worker online (w1), which has not"),
        ("pool paused", "it is Scheduled: work pool '{pool}' is paused"),
        ("queue paused", "it is Scheduled: work queue 'default' of '{pool}' is paused"),
        ("pool full", "it is Scheduled: work pool '{pool}' has a concurrency limit of 0, and 0 runs hold its slots"),
        ("late", "it is Late: no worker is online in work pool '{pool}'"),
        ("slot", "it waits for a slot of its deployment's concurrency limit (AwaitingConcurrencySlot)"),
        ("suspended", "it is Suspended and waits for somebody to resume it"),
        ("running", "it is still Running"),
        ("pool gone", "it is Scheduled, and its deployment has no work pool, so no worker ever takes it"),
    ],
)
def test_a_run_that_does_not_end_is_explained(
    door: Door, proxy: Proxy, session: Session, full_name: str, pool: str, hindrance: str, reason: str
) -> None:
    if hindrance == "worker":
        heartbeat(session, pool)
    elif hindrance == "pool paused":
        session.write("PATCH", f"/work_pools/{pool}", {"is_paused": True})
    elif hindrance == "queue paused":
        session.write("PATCH", f"/work_pools/{pool}/queues/default", {"is_paused": True})
    elif hindrance == "pool full":
        session.write("PATCH", f"/work_pools/{pool}", {"concurrency_limit": 0})
    elif hindrance == "late":
        moving(session, proxy, {"type": "SCHEDULED", "name": "Late"})
    elif hindrance == "slot":
        moving(session, proxy, {"type": "SCHEDULED", "name": "AwaitingConcurrencySlot"})
    elif hindrance == "suspended":
        moving(session, proxy, {"type": "PAUSED", "name": "Suspended"})
    elif hindrance == "running":
        moving(session, proxy, {"type": "RUNNING"})
    elif hindrance == "pool gone":
        proxy.before(
            lambda _number: session.write("DELETE", f"/work_pools/{pool}"), method="GET", path="^/flow_runs/[0-9a-f-]+$"
        )
    stuck = door(MODULE, deployment=full_name, wait=True, wait_timeout=0.1, wait_sleep=0.2)
    assert stuck["failed"]
    assert stuck["changed"]
    assert "did not end within 0.1 s: " + reason.format(pool=pool) in stuck["msg"]
    assert stuck["msg"].endswith("; it goes on.")
    assert session.get(f"/flow_runs/{stuck['flow_run']['id']}")["state_type"] not in ("CANCELLED", "CANCELLING")


def test_a_run_that_does_not_end_is_cancelled_on_request(door: Door, session: Session, full_name: str) -> None:
    stuck = door(MODULE, deployment=full_name, wait=True, wait_timeout=0.1, wait_sleep=0.2, on_timeout="cancel")
    assert stuck["failed"]
    assert stuck["msg"].endswith("; it was told to stop and is now Cancelled.")
    assert session.get(f"/flow_runs/{stuck['flow_run']['id']}")["state_type"] == "CANCELLED"


def test_cancelling_a_run_that_has_not_begun(door: Door, proxy: Proxy, full_name: str) -> None:
    run = door(MODULE, deployment=full_name, idempotency_key="k")["flow_run"]
    proxy.reset()
    predicted = door(MODULE, state="cancelled", id=run["id"], check_mode=True)
    assert predicted["changed"]
    assert proxy.writes == []
    cancelled = door(MODULE, state="cancelled", deployment=full_name, idempotency_key="k")
    assert cancelled["changed"]
    assert cancelled["diff"] == predicted["diff"]
    assert cancelled["flow_run"]["state_type"] == predicted["flow_run"]["state_type"] == "CANCELLED"
    with proxy.counting() as seen:
        for options in ({"id": run["id"]}, {"deployment": full_name, "idempotency_key": "k"}):
            for check_mode in (True, False):
                assert door(MODULE, state="cancelled", check_mode=check_mode, **options)["changed"] is False
    assert [request.line for request in seen if request.writes] == []


def test_cancelling_a_run_that_has_a_process_goes_through_its_worker(
    door: Door, proxy: Proxy, session: Session, full_name: str
) -> None:
    run = door(MODULE, deployment=full_name)["flow_run"]
    move(session, run["id"], "RUNNING")
    session.write("PATCH", f"/flow_runs/{run['id']}", {"infrastructure_pid": "host:1"})
    cancelled = door(MODULE, state="cancelled", id=run["id"])
    assert cancelled["changed"]
    assert cancelled["flow_run"]["state_type"] == "CANCELLING"
    proxy.reset()
    proxy.before(lambda _number: move(session, run["id"], "CANCELLED"), method="GET", path="^/flow_runs/", times=2)
    waited = door(MODULE, state="cancelled", id=run["id"], wait=True, wait_sleep=0.05, wait_timeout=20)
    assert waited["changed"] is False
    assert waited["flow_run"]["state_type"] == "CANCELLED"
    assert proxy.writes == []


def test_a_run_that_ended_stays_as_it_is(door: Door, proxy: Proxy, session: Session, full_name: str) -> None:
    run = door(MODULE, deployment=full_name)["flow_run"]
    move(session, run["id"], "COMPLETED")
    proxy.reset()
    ended = door(MODULE, state="cancelled", id=run["id"])
    assert ended["changed"] is False
    assert ended["flow_run"]["state_type"] == "COMPLETED"
    assert proxy.writes == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "one of the following is required: deployment, id"),
        ({"id": "x", "deployment": "a/b"}, "parameters are mutually exclusive: id|deployment"),
        ({"id": "x"}, "id is 'x', which is no flow run's id."),
        ({"id": "0d6f6a52-3a2c-4d5e-9f5d-9b7f4a3f6a01"}, "There is no flow run with the id 0d6f6a52"),
        ({"state": "cancelled", "deployment": "a/b"}, "state: cancelled needs id, or deployment and idempotency_key."),
        ({"deployment": "a/b", "wait_timeout": 0}, "wait_timeout is 0.0; it must be more than 0 seconds."),
        ({"deployment": "a/b", "wait_sleep": -1}, "wait_sleep is -1.0; it must be more than 0 seconds."),
        ({"deployment": "a/b", "accept_states": ["DONE"]}, "value of accept_states must be one or more of"),
    ],
)
def test_wrong_options_are_refused(door: Door, options: dict[str, t.Any], sentence: str) -> None:
    refused = door(MODULE, **options)
    assert refused["failed"]
    assert sentence in refused["msg"]


def test_no_run_of_that_key_is_an_error_when_cancelling(door: Door, full_name: str) -> None:
    refused = door(MODULE, state="cancelled", deployment=full_name, idempotency_key="never")
    assert refused["msg"] == f"No run of '{full_name}' was started with the idempotency_key 'never'."


def test_secrets_of_the_run_are_never_shown(door: Door, proxy: Proxy, session: Session, full_name: str) -> None:
    secret = "zebra-crossing-77"
    moving(session, proxy, {"type": "FAILED", "message": f"401 for token {secret}"})
    failed = door(
        MODULE,
        deployment=full_name,
        parameters={"api_token": secret},
        job_variables={"env": {"CRM_PASSWORD": secret}},
        wait=True,
        wait_sleep=0.05,
    )
    assert failed["flow_run"]["parameters"] == {"batch": 1, "api_token": "(secret)"}
    assert failed["msg"].endswith("401 for token (secret)")
    assert secret not in repr(failed)
    refused = door(MODULE, deployment=full_name, parameters={"api_token": ["zebra", secret]})
    assert "was answered with 409: Error creating flow run: Validation failed for field 'api_token'" in refused["msg"]
    assert secret not in repr(refused)


def leave_summary(session: Session, run_id: str, data: t.Any) -> None:
    session.write("POST", "/artifacts/", {"key": "summary", "type": "json", "data": data, "flow_run_id": run_id})


EXPECTING: dict[str, t.Any] = {
    "idempotency_key": "rehearsal",
    "rerun": "failed",
    "wait": True,
    "wait_sleep": 0.1,
    "wait_timeout": 20,
    "summary_artifact": "summary",
    "expect": {"records_out": {"min": 1}},
}


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        (None, "left no artifact 'summary'"),
        ("812 records", "left no artifact 'summary'"),
        ({}, "records_out is not in the summary"),
        ({"records_out": 0}, "records_out is 0, expected at least 1"),
        ({"records_out": "many"}, "expected a number"),
    ],
)
def test_a_run_without_the_expected_summary_fails_and_is_run_again(
    door: Door, session: Session, deployment: Result, full_name: str, summary: t.Any, said: str
) -> None:
    first = door(MODULE, deployment=full_name, **{**EXPECTING, "wait": False})["flow_run"]["id"]
    if summary is not None:
        leave_summary(session, first, summary)
    move(session, first, "COMPLETED")
    found = door(MODULE, deployment=full_name, **{**EXPECTING, "rerun": "never"})
    assert found["failed"]
    assert said in found["msg"]
    again = door(MODULE, deployment=full_name, **{**EXPECTING, "wait": False})
    assert again["changed"]
    second = again["flow_run"]["id"]
    assert second != first
    leave_summary(session, second, {"records_out": 812})
    move(session, second, "COMPLETED")
    done = door(MODULE, deployment=full_name, **EXPECTING)
    assert not done["failed"], done["msg"]
    assert (done["changed"], done["flow_run"]["id"], done["summary"]) == (False, second, {"records_out": 812})
    assert len(runs_of(session, deployment)) == 2


def test_a_run_that_ended_badly_is_run_again_only_on_request(
    door: Door, proxy: Proxy, session: Session, deployment: Result, full_name: str
) -> None:
    task = {"deployment": full_name, "idempotency_key": "k", "parameters": {"batch": 1}}
    ids = []
    for attempt in range(3):
        started = door(MODULE, **task, rerun="failed")
        assert started["changed"]
        ids.append(started["flow_run"]["id"])
        assert started["flow_run"]["idempotency_key"] == f"{deployment['id']}:k" + (
            f":try={attempt + 1}" if attempt else ""
        )
        # It has not ended, so it is not run again.
        assert door(MODULE, **task, rerun="failed")["flow_run"]["id"] == ids[-1]
        move(session, ids[-1], "FAILED")
        proxy.reset()
        assert door(MODULE, **task, rerun="failed", check_mode=True)["changed"]
        assert door(MODULE, **task, rerun="never")["flow_run"]["id"] == ids[-1]
        assert proxy.writes == []
    assert len(set(ids)) == len(runs_of(session, deployment)) == 3
    last = door(MODULE, **task, rerun="failed")["flow_run"]["id"]
    cancelled = door(MODULE, state="cancelled", deployment=full_name, idempotency_key="k")
    assert cancelled["changed"]
    assert cancelled["flow_run"]["id"] == last


def test_the_last_attempt_is_what_became_of_a_key(door: Door, proxy: Proxy, session: Session, full_name: str) -> None:
    task = {"deployment": full_name, "idempotency_key": "k", "parameters": {"batch": 1}}
    first = door(MODULE, **task)["flow_run"]["id"]
    move(session, first, "FAILED")
    second = door(MODULE, **task, rerun="failed")["flow_run"]["id"]
    proxy.reset()
    stuck = door(MODULE, **task, wait=True, wait_timeout=0.1, wait_sleep=0.2)
    assert (stuck["failed"], stuck["flow_run"]["id"]) == (True, second), "it is joined"
    move(session, second, "COMPLETED")
    for rerun in ("never", "failed"):
        found = door(MODULE, **task, rerun=rerun, wait=True)
        assert (found["failed"], found["changed"], found["flow_run"]["id"]) == (False, False, second)
    assert proxy.writes == []


def test_a_key_of_ones_own_is_no_later_attempt_at_another(door: Door, proxy: Proxy, full_name: str) -> None:
    ids = [
        door(MODULE, deployment=full_name, idempotency_key=key)["flow_run"]["id"] for key in ("k", "k:2", "k:try", "k")
    ]
    assert (ids[0], len(set(ids))) == (ids[3], 3)
    proxy.reset()
    refused = door(MODULE, deployment=full_name, idempotency_key="k:try=2")
    assert refused["msg"] == (
        "idempotency_key is 'k:try=2', which ends as those of later attempts do; it must not end with ':try=' and a "
        "number."
    )
    assert proxy.writes == []
