# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``hotpass_resume`` against a live server, and what plans make of the date that it leaves; a worker behind a fence."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.declared import PREFIX
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import open_store

from tests.support.doors import DoorName, Doors, Task
from tests.support.fence_releases import flow_files, put_release
from tests.support.fence_worker import Fenced, Worker
from tests.support.proxy import Proxy
from tests.support.ring_story import UP
from tests.support.server import PrefectServer
from tests.support.shapes import MakeDeployment, Result, Unique

pytestmark = pytest.mark.integration

MODULE = "hotpass_resume"
POOL = "resume-pool"
PATIENCE = 180.0
SCHEMA: Result = {
    "type": "object",
    "properties": {
        "since": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "incremental": {"type": "boolean", "default": False},
        "profile": {"type": "string"},
    },
}
PARAMETERS: Result = {"since": None, "incremental": True, "profile": "aviation"}
FLOW = """\
from __future__ import annotations

import prefect


@prefect.flow
def say(since: str | None = None, incremental: bool = False, profile: str = "general") -> None:
    prefect.get_run_logger().info("since %s, incremental %s, profile %s", since, incremental, profile)
"""


class Nightly:
    """One deployment, by a manifest, whose runs end as the test says."""

    def __init__(self, directory: Path, doors: Doors, proxy: Proxy, session: Session, flow: str) -> None:
        self.full_name = f"{flow}/nightly"
        self.session, self.doors = session, doors
        self._directory, self._flow, self._proxy = directory, flow, proxy
        directory.mkdir()
        self.write()
        assert self.apply()["changed"]
        self.ends("COMPLETED")

    def write(self, **fields: t.Any) -> None:
        """Write the manifest anew."""
        document = {
            "id": "nightly",
            "name": "nightly",
            "flow": "lab.flows:run",
            "flow_name": self._flow,
            "parameters": PARAMETERS,
            "parameter_openapi_schema": SCHEMA,
            "schedule": {"kind": "cron", "value": "0 6 * * *"},
            "concurrency_limit": 2,
            "labels": {"team": "data"},
            **fields,
        }
        (self._directory / "nightly.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")

    def apply(self, **options: t.Any) -> Result:
        """Plan and apply the manifest."""
        return self.doors.room("prefect_deployment", manifest_dir=str(self._directory), owner="lab/x", **options)

    def drift(self) -> tuple[str, list[str], list[str]]:
        """What a plan that keeps declared differences does: its action, what changes, and what is declared."""
        [step] = self.apply(declared_differences="keep", check_mode=True)["plan"]
        return step["action"], sorted(step["changes"]), [entry["field"] for entry in step["declared"]]

    def resume(self, **options: t.Any) -> Result:
        """Enter the room of the module."""
        given = {"deployment": self.full_name, "actor_user": "ada", "wait_sleep": 0.05, **options}
        if given.get("state") != "reset":
            given.setdefault("since", "2024-11-01")
        return self.doors.room(MODULE, **given)

    def ends(self, state_type: str, **state: t.Any) -> None:
        """From now on a run has ended in this state when the task first looks at it."""

        def end(_number: int) -> None:
            for run in self.runs():
                if run["state_type"] == "SCHEDULED" and not run["auto_scheduled"]:
                    body = {"state": {"type": state_type, **state}, "force": True}
                    self.session.write("POST", f"/flow_runs/{run['id']}/set_state", body)

        self._proxy.reset()
        self._proxy.before(end, method="GET", path="^/flow_runs/[0-9a-f-]+$", times=None)

    @property
    def row(self) -> Result:
        """The deployment as the server has it."""
        row: Result = self.session.get(f"/deployments/name/{self.full_name}")
        return row

    def runs(self, **wanted: t.Any) -> list[Result]:
        """The deployment's runs."""
        body = filters.flow_runs(deployment_ids=[self.row["id"]], **wanted)
        found: list[Result] = self.session.search("/flow_runs/filter", body)
        return found

    def own_runs(self) -> list[Result]:
        """The runs that no schedule has made."""
        return [run for run in self.runs() if not run["auto_scheduled"]]

    def labels(self) -> Result:
        """The labels that declare the date."""
        return {key: value for key, value in self.row["labels"].items() if key.startswith(PREFIX)}

    def patch(self, **fields: t.Any) -> None:
        """Change the deployment by hand."""
        self.session.write("PATCH", f"/deployments/{self.row['id']}", fields)


@pytest.fixture
def nightly(tmp_path: Path, doors: Doors, proxy: Proxy, session: Session, unique: Unique) -> Nightly:
    return Nightly(tmp_path / "overlay", doors, proxy, session, unique("flow"))


def scheduled(session: Session, deployment_id: str, since: str | None) -> Result:
    """The first run that the scheduler has made of the deployment, once it goes on from this date."""
    deadline = time.monotonic() + PATIENCE
    while True:
        body = filters.flow_runs(deployment_ids=[deployment_id], states=["SCHEDULED"])
        runs = [run for run in session.search("/flow_runs/filter", body) if run["auto_scheduled"]]
        if runs and {run["parameters"]["since"] for run in runs} == {since}:
            return min(runs, key=lambda run: str(run["expected_start_time"]))
        assert time.monotonic() < deadline, f"no run that goes on from {since} within {PATIENCE:g} s: {runs}"
        time.sleep(0.5)


def test_one_run_a_date_and_batch_and_again_only_when_it_is_asked_for(nightly: Nightly, proxy: Proxy) -> None:
    before = nightly.row
    foreseen = nightly.resume(persist=True, check_mode=True)
    assert foreseen["changed"]
    assert len(foreseen["diff"]) == 2
    assert proxy.writes == []

    done = nightly.resume()
    assert (done["changed"], done["resumed"], done["before"]) == (True, None, None)
    assert done["flow_run"]["state_type"] == "COMPLETED"
    assert done["flow_run"]["parameters"] == {**PARAMETERS, "since": "2024-11-01"}
    assert proxy.writes == [f"POST /deployments/{before['id']}/create_flow_run"]
    assert any("is Completed after" in line for line in nightly.doors.told)
    assert nightly.row == before

    again = nightly.resume(since=" 20241101 ")
    assert (again["changed"], again["flow_run"]["id"]) == (False, done["flow_run"]["id"])
    other = nightly.resume(batch="once-more")
    assert (other["changed"], len(nightly.own_runs())) == (True, 2)
    assert nightly.resume(since="2024-11-01T02:00:00+02:00")["flow_run"]["parameters"]["since"] == (
        "2024-11-01T00:00:00+00:00"
    )


def test_a_date_that_is_persisted_is_what_scheduled_runs_go_on_from_until_the_manifest_is_applied(
    nightly: Nightly, proxy: Proxy, session: Session
) -> None:
    before = nightly.row
    proxy.reset()
    nightly.ends("COMPLETED")
    done = nightly.resume(persist=True, actor_job="41")
    assert proxy.writes == [f"POST /deployments/{before['id']}/create_flow_run", "POST /deployments/"]
    said = done["resumed"]
    assert (said["since"], said["by"], done["before"]) == ("2024-11-01", "ada (job 41)", None)
    after = nightly.row
    assert after["parameters"] == {**PARAMETERS, "since": "2024-11-01"}
    assert nightly.labels() == {
        f"{PREFIX}since": "2024-11-01",
        f"{PREFIX}by": "ada (job 41)",
        f"{PREFIX}at": said["at"],
        f"{PREFIX}before": '{"incremental": true, "since": null}',
    }
    touched = ("parameters", "labels", "schedules", "updated")
    assert {key: value for key, value in after.items() if key not in touched} == {
        key: value for key, value in before.items() if key not in touched
    }
    assert [entry["schedule"] for entry in after["schedules"]] == [entry["schedule"] for entry in before["schedules"]]
    run = scheduled(session, after["id"], "2024-11-01")
    assert run["parameters"]["incremental"] is True
    assert run["labels"][f"{PREFIX}by"] == "ada (job 41)"

    proxy.reset()
    same = nightly.resume(persist=True, actor_user="bob")
    assert (same["changed"], same["resumed"], proxy.writes) == (False, said, [])
    assert nightly.drift() == ("unchanged", [], ["parameters.since"])
    kept = nightly.apply(declared_differences="keep")
    assert (kept["changed"], kept["summary"]["unchanged"], proxy.writes) == (False, 1, [])
    assert f"declared difference, kept: {nightly.full_name}: " in nightly.doors.told[-1]

    planned = nightly.apply(check_mode=True)
    [step] = planned["plan"]
    assert (step["action"], sorted(step["changes"])) == ("update", ["labels", "parameters"])
    [difference] = step["declared"]
    assert difference == {
        "field": "parameters.since",
        "value": "2024-11-01",
        "manifest": None,
        "by": "ada (job 41)",
        "at": said["at"],
        "fate": "reset",
    }
    assert proxy.writes == []
    applied = nightly.apply(expected_plan=planned["fingerprint"])
    assert applied["changed"]
    assert proxy.writes == ["POST /deployments/"]
    assert (
        f"declared difference, reset: {nightly.full_name}: parameters.since is "
        f'"2024-11-01" where the manifest says null, declared by ada (job 41) at {said["at"]}'
    ) in nightly.doors.told
    assert (nightly.row["parameters"], nightly.labels()) == (PARAMETERS, {})
    assert nightly.row["labels"]["team"] == "data"
    assert (nightly.apply()["changed"], nightly.drift()) == (False, ("unchanged", [], []))
    assert scheduled(session, after["id"], None)["parameters"] == PARAMETERS


def test_what_somebody_changed_beside_it_is_drift_and_only_that(nightly: Nightly) -> None:
    assert nightly.resume(persist=True)["changed"]
    nightly.patch(tags=["by-hand"])
    assert nightly.drift() == ("update", ["tags"], ["parameters.since"])
    nightly.patch(tags=[], parameters={**nightly.row["parameters"], "profile": "general"})
    [step] = nightly.apply(declared_differences="keep", check_mode=True)["plan"]
    assert step["changes"]["parameters"]["before"] == {**PARAMETERS, "since": "2024-11-01", "profile": "general"}
    assert step["changes"]["parameters"]["after"] == {**PARAMETERS, "since": "2024-11-01"}

    # The declared value itself, changed by hand, is no longer what was declared.
    nightly.patch(parameters={**PARAMETERS, "since": "2025-01-01"})
    assert nightly.drift() == ("update", ["parameters"], [])
    # What is applied while declared differences are kept brings it back, and nothing else.
    assert nightly.apply(declared_differences="keep")["changed"]
    assert nightly.drift() == ("unchanged", [], ["parameters.since"])


def test_reset_takes_back_the_date_alone(nightly: Nightly, proxy: Proxy) -> None:
    nightly.write(parameters={"incremental": False, "profile": "aviation"})
    nightly.apply()
    nightly.resume(persist=True)
    assert nightly.drift() == ("unchanged", [], ["parameters.since", "parameters.incremental"])
    later = nightly.resume(persist=True, since="2024-12-01", actor_user="bob")
    assert (later["before"]["since"], later["before"]["by"], later["resumed"]["by"]) == ("2024-11-01", "ada", "bob")
    nightly.patch(tags=["by-hand"])

    proxy.reset()
    foreseen = nightly.resume(state="reset", check_mode=True)
    assert (foreseen["changed"], proxy.writes) == (True, [])
    back = nightly.resume(state="reset")
    assert (back["changed"], back["before"], back["flow_run"]) == (True, later["resumed"], None)
    assert proxy.writes == ["POST /deployments/"]
    # What was not there before is not there again.
    assert (nightly.row["parameters"], nightly.labels()) == ({"incremental": False, "profile": "aviation"}, {})
    assert nightly.drift() == ("update", ["tags"], [])
    proxy.reset()
    again = nightly.resume(state="reset")
    assert (again["changed"], again["before"], proxy.writes) == (False, None, [])

    # A value that somebody has set since is theirs.
    nightly.resume(persist=True)
    nightly.patch(parameters={**nightly.row["parameters"], "since": "2025-01-01"})
    nightly.resume(state="reset")
    assert (nightly.row["parameters"], nightly.labels()) == (
        {"incremental": False, "profile": "aviation", "since": "2025-01-01"},
        {},
    )


def test_a_run_that_fails_leaves_the_default_as_it_was(nightly: Nightly, proxy: Proxy) -> None:
    nightly.ends("FAILED", message="none of the 7 records has a date")
    failed = nightly.resume(persist=True)
    assert failed["failed"]
    assert "ended Failed, not COMPLETED: none of the 7 records has a date" in failed["msg"]
    assert failed["msg"].endswith("The date was not made the deployment's default.")
    assert proxy.writes == [f"POST /deployments/{nightly.row['id']}/create_flow_run"]
    assert nightly.row["parameters"] == PARAMETERS

    reported = nightly.resume(persist=True)
    assert (reported["failed"], len(nightly.own_runs())) == (True, 1)
    nightly.ends("COMPLETED")
    done = nightly.resume(persist=True, rerun="failed")
    assert (done["failed"], done["changed"], done["resumed"]["since"]) == (False, True, "2024-11-01")
    assert len(nightly.own_runs()) == 2

    # A retry without persist is what became of the date, also when nobody asks for another.
    nightly.ends("FAILED")
    assert nightly.resume(batch="b")["failed"]
    nightly.ends("COMPLETED")
    retried = nightly.resume(batch="b", rerun="failed")
    nightly.resume(state="reset")
    kept = nightly.resume(batch="b", persist=True)
    assert (kept["failed"], kept["flow_run"]["id"], kept["resumed"]["since"]) == (
        False,
        retried["flow_run"]["id"],
        "2024-11-01",
    )
    assert len(nightly.own_runs()) == 4


@pytest.mark.parametrize("since", ["2024-11-01", None])
def test_a_pause_stays_whoever_made_it(nightly: Nightly, doors: Doors, since: str | None) -> None:
    label = "hotpass.prefect/paused-by"
    if since:
        nightly.resume(persist=True)
    doors.room(
        "prefect_deployment",
        name="nightly",
        flow_name=nightly.full_name.partition("/")[0],
        owner="lab/x",
        paused=True,
        paused_by="generation 2 of lab",
    )
    before = nightly.row
    assert (before["paused"], before["labels"][label]) == (True, "generation 2 of lab")
    back = nightly.resume(state="reset")
    assert (back["failed"], back["changed"]) == (False, since is not None)
    assert (nightly.row["paused"], nightly.row["labels"][label]) == (True, "generation 2 of lab")
    assert (nightly.row["parameters"], nightly.labels()) == (PARAMETERS, {})
    # Whoever applies the manifest lifts it, as ever.
    nightly.apply()
    assert (nightly.row["paused"], label in nightly.row["labels"]) == (False, False)


@pytest.mark.parametrize("fate", ["paused", "gone"])
def test_what_keeps_the_date_from_being_persisted_after_the_run_does_not_hide_the_run(
    nightly: Nightly, proxy: Proxy, session: Session, fate: str
) -> None:
    row = nightly.row

    def end(_number: int) -> None:
        for run in nightly.runs() if session.get_or_none(f"/deployments/{row['id']}") else ():
            if run["state_type"] == "SCHEDULED" and not run["auto_scheduled"]:
                state = {"state": {"type": "COMPLETED"}, "force": True}
                session.write("POST", f"/flow_runs/{run['id']}/set_state", state)
        if fate == "paused":
            session.write("PATCH", f"/deployments/{row['id']}", {"paused": True})

    def vanish(_number: int) -> None:
        if any(line.endswith("/create_flow_run") for line in proxy.writes):
            session.write("DELETE", f"/deployments/{row['id']}")

    proxy.reset()
    proxy.before(end, method="GET", path="^/flow_runs/[0-9a-f-]+$", times=None)
    if fate == "gone":
        proxy.before(vanish, method="GET", path="^/deployments/name/", times=None)
    found = nightly.resume(persist=True)
    assert (found["failed"], found["changed"]) == (True, True)
    assert found["flow_run"]["state_type"] == "COMPLETED"
    name, title = found["flow_run"]["name"], nightly.full_name
    assert found["msg"] == (
        f"Run '{name}' ended Completed, but the date was not made the deployment's default: "
        + {
            "paused": f"Deployment '{title}' is paused; find out why, unpause it, and run again. That starts no other "
            "run.",
            "gone": f"There is no deployment '{title}' on the server; deploy it first.",
        }[fate]
    )
    assert proxy.writes == [f"POST /deployments/{row['id']}/create_flow_run"]


@pytest.mark.parametrize(
    ("options", "fields", "sentence"),
    [
        ({"since": "November"}, {}, "since is 'November', which is no date; give one like 2024-11-01"),
        ({"since": "2024-13-01"}, {}, "which is no date"),
        ({"since": "2999-01-01"}, {}, "since is '2999-01-01', which is in the future"),
        ({"since": "2999-01-01T00:00:00Z"}, {}, "which is in the future"),
        ({}, {"paused": True}, "is paused; find out why, unpause it, and run again. Nothing was started."),
        (
            {},
            {"parameter_openapi_schema": {"type": "object", "properties": {"day": {}}}, "parameters": {}},
            "its flow has no parameter since and no incremental; it has day.",
        ),
        (
            {},
            {
                "parameter_openapi_schema": {"properties": {"since": {"type": "integer"}, "incremental": {}}},
                "parameters": {},
            },
            "parameters.since is not valid; allowed: type integer.",
        ),
        (
            {"persist": True},
            {"schedules": [{"slug": "night", "schedule": {"cron": "0 6 * * *"}, "parameters": {"since": None}}]},
            "the parameters of its schedules night name since or incremental themselves",
        ),
        ({"deployment": "nobody/nightly"}, {}, "There is no deployment 'nobody/nightly' on the server; deploy it"),
        ({"deployment": "nightly"}, {}, "deployment is 'nightly'; it must be 'flow/deployment'."),
    ],
)
def test_what_cannot_do_is_refused_before_the_first_write(
    doors: Doors, proxy: Proxy, make_deployment: MakeDeployment, options: Result, fields: Result, sentence: str
) -> None:
    row = make_deployment(**{"parameter_openapi_schema": SCHEMA, "parameters": PARAMETERS, **fields})
    given = {"deployment": f"{row['flow_name']}/nightly", "since": "2024-11-01", **options}
    refused = doors.room(MODULE, **given)
    assert refused["failed"]
    assert sentence in refused["msg"]
    assert proxy.writes == []


@pytest.mark.parametrize("through", ["module", "action"])
def test_both_doors_say_the_same(nightly: Nightly, through: DoorName) -> None:
    given = {"deployment": nightly.full_name, "since": "2024-11-01", "actor_user": "ada", "wait_sleep": 0.1}
    lasting = {**given, "persist": True}
    played = nightly.doors.play(
        [
            Task(MODULE, {**given, "since": "tomorrow"}),
            Task(MODULE, {"deployment": nightly.full_name}),
            Task(MODULE, lasting, check=True),
            Task(MODULE, lasting),
            Task(MODULE, lasting),
            Task(MODULE, {"deployment": nightly.full_name, "state": "reset"}),
        ],
        through,
    )
    assert [answer["changed"] for answer in played.results] == [False, False, True, True, False, True]
    refused, incomplete, foreseen, done, again, back = played.results
    assert refused["msg"] == (
        "since is 'tomorrow', which is no date; give one like 2024-11-01 or 2024-11-01T06:00:00+02:00."
    )
    assert incomplete["msg"] == "state is resumed but all of the following are missing: since"
    assert foreseen["resumed"]["by"] == "ada"
    assert (done["flow_run"]["state_type"], done["resumed"], done["before"]) == ("COMPLETED", again["resumed"], None)
    assert [entry["before_header"] for entry in done["diff"]] == [
        f"flow run of {nightly.full_name}",
        f"deployment {nightly.full_name}",
    ]
    assert back["before"] == done["resumed"]
    assert "Traceback" not in played.output


def test_labels_of_the_flow_are_no_labels_of_the_deployment(nightly: Nightly, session: Session, doors: Doors) -> None:
    flow = session.write("POST", "/flows/", {"name": f"{nightly.full_name[:-8]}-labelled", "labels": {"area": "north"}})
    body = {"name": "nightly", "flow_id": flow["id"], "parameter_openapi_schema": SCHEMA, "parameters": PARAMETERS}
    row = session.write("POST", "/deployments/", body)
    assert row["labels"]["area"] == "north"
    reset = doors.room(MODULE, deployment=f"{flow['name']}/nightly", state="reset")
    assert (reset["failed"], reset["changed"]) == (False, False)


@pytest.fixture(scope="module")
def worker(server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Worker]:
    with Session(Connection(server.api_url, retries=10)) as session:
        session.write("POST", "/work_pools/", {"name": POOL, "type": "process"})
    started = Worker(tmp_path_factory.mktemp("resume-worker"), server.api_url, POOL)
    yield started
    started.stop()


def test_the_fence_lets_both_runs_into_the_active_release(
    worker: Worker, session: Session, doors: Doors, tmp_path: Path, unique: Unique
) -> None:
    assert worker.home.is_dir()
    ring = Fenced(session, POOL, tmp_path / "store", unique("etl"))
    files = {**flow_files("one"), "flows/tiny/flow.py": FLOW.encode()}
    release = put_release(open_store(str(ring.store)), files, ring.solution)
    ring.go(release, *UP)
    deployment = ring.deploy(
        "refine",
        1,
        release,
        version=release,
        parameter_openapi_schema=SCHEMA,
        parameters=PARAMETERS,
        schedules=[{"slug": "daily", "schedule": {"cron": "0 6 * * *", "timezone": "UTC"}}],
    )
    done = doors.room(
        MODULE, deployment=f"say-{ring.solution}/refine", since="2024-11-01", persist=True, wait_timeout=120.0
    )
    assert not done["failed"], done["msg"]
    assert done["flow_run"]["labels"]["hotpass.prefect/release"] == release
    ring.logged(done["flow_run"]["id"], "since 2024-11-01, incremental True, profile aviation")

    row = session.get(f"/deployments/{deployment}")
    assert (row["pull_steps"], row["version"]) == (ring.steps(1, release), release)
    assert row["global_concurrency_limit"]["limit"] == 1
    run = scheduled(session, deployment, "2024-11-01")
    session.write("POST", f"/flow_runs/{run['id']}/set_state", {"state": {"type": "SCHEDULED"}, "force": True})
    assert ring.wait(run["id"])["state_name"] == "Completed", ring.log(run["id"])
    ring.logged(run["id"], "since 2024-11-01, incremental True, profile aviation")
    ring.logged(run["id"], f"Ring dev of {ring.solution}: generation 1 ({release}) is Active.")
