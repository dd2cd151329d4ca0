# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prefect_health`` against live servers: one that works, and one whose scheduler is off."""

from __future__ import annotations

import concurrent.futures
import datetime
import sys
import threading
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, health_of_work
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.scheduler_probe import PROBE
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.doors import DoorName, Doors, Task
from tests.support.proxy import Proxy
from tests.support.server import PrefectServer, free_port
from tests.support.shapes import Door, MakeDeployment, Unique

pytestmark = pytest.mark.integration

Result = dict[str, t.Any]


@pytest.fixture(scope="module")
def idle_server(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[PrefectServer]:
    """A server that looks healthy and schedules nothing, as with a scheduler that fails at every loop."""
    started = PrefectServer.start(
        tmp_path_factory.mktemp("idle-server"), {"PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false"}
    )
    yield started
    started.stop()


def ask(door: Door, *checks: str, **options: t.Any) -> Result:
    """The one finding, or all of them, of a task that does not fail."""
    result = door("prefect_health", checks=list(checks), fail=False, **{"wait_timeout": 0, **options})
    assert result["changed"] is False
    assert result["healthy"] is all(finding["verdict"] == "pass" for finding in result["checks"])
    assert [finding["check"] for finding in result["checks"]] == list(checks)
    for finding in result["checks"]:
        assert bool(finding["remedy"]) is (finding["verdict"] != "pass")
        assert "\n" not in finding["message"]
    return result["checks"][0] if len(checks) == 1 else result


def leftovers(session: Session) -> list[str]:
    """Names of what a probe has left on the server."""
    flows = session.search("/flows/filter", filters.flows(names=[PROBE]))
    deployments = session.search("/deployments/filter", filters.deployments(names=[PROBE]))
    runs = session.search("/flow_runs/filter", filters.flow_runs(flow_names=[PROBE]))
    return [row["name"] for row in (*flows, *deployments, *runs)]


class TestServer:
    def test_a_good_one_passes_everything(self, door: Door) -> None:
        options = {"version": ">=3.8,<4", "client_python": sys.executable, "wait_timeout": 60}
        result = ask(door, "api", "database", "version", "scheduler", **options)
        assert result["healthy"], result

    def test_none_is_a_failure_of_the_api_and_an_error_of_the_rest(self, door: Door) -> None:
        url = f"http://127.0.0.1:{free_port()}/api"
        options = {"api_url": url, "version": ">=3", "work_pool": "p", "deployments": ["d"]}
        result = ask(door, "api", "database", "version", "scheduler", "worker", "deployments", **options)
        assert [finding["verdict"] for finding in result["checks"]] == ["fail", *["error"] * 5]
        assert url in result["checks"][0]["message"]

    def test_one_that_comes_up_late_is_waited_for(self, door: Door, proxy: Proxy) -> None:
        proxy.answer(503, path="^/health", times=3)
        assert ask(door, "api", wait_timeout=30)["verdict"] == "pass"
        assert len(proxy.seen) == 4

    def test_another_web_site_is_not_healthy(self, door: Door, server: PrefectServer) -> None:
        for url in (server.api_url + "/flows", server.api_url.removesuffix("/api")):
            assert ask(door, "api", api_url=url)["verdict"] == "fail"

    def test_a_server_without_its_database(self, door: Door, proxy: Proxy) -> None:
        proxy.answer(503, path="^/ready", times=None)
        finding = ask(door, "database")
        assert finding["verdict"] == "fail"
        assert "cannot use its database" in finding["message"]

    def test_a_check_that_is_not_let_in_is_an_error(self, door: Door, guarded_server: PrefectServer) -> None:
        result = ask(door, "api", "version", "scheduler", api_url=guarded_server.api_url, version=">=3")
        assert [finding["verdict"] for finding in result["checks"]] == ["pass", "error", "error"]
        assert "auth_string" in result["checks"][1]["remedy"]

    def test_a_guarded_server_is_proved_with_the_password(self, door: Door, guarded_server: PrefectServer) -> None:
        options = {"api_url": guarded_server.api_url, "auth_string": guarded_server.auth_string, "wait_timeout": 60}
        assert ask(door, "api", "scheduler", **options)["healthy"]


class TestVersion:
    def test_another_version_is_named(self, door: Door, session: Session) -> None:
        finding = ask(door, "version", version="<3.0")
        assert finding["verdict"] == "fail"
        assert finding["message"] == f"the server runs Prefect {session.get('/admin/version')}, wanted is <3.0"

    def test_another_client_is_named(self, door: Door, proxy: Proxy) -> None:
        proxy.answer(200, path="^/admin/version", body=b'"3.0.1"')
        finding = ask(door, "version", client_python=sys.executable)
        assert finding["verdict"] == "fail"
        assert finding["message"].startswith(f"the server runs Prefect 3.0.1, the client of {sys.executable} is 3.")

    @pytest.mark.parametrize("python", ["/no/such/python", "/bin/false"])
    def test_a_client_that_cannot_be_asked_is_an_error(self, door: Door, python: str) -> None:
        assert ask(door, "version", client_python=python)["verdict"] == "error"

    def test_an_answer_that_is_no_version_is_an_error(self, door: Door, proxy: Proxy) -> None:
        proxy.answer(200, path="^/admin/version", body=b'"unknown"')
        assert ask(door, "version", version=">=1")["verdict"] == "error"

    def test_a_condition_that_cannot_be_read_is_an_error(self, door: Door) -> None:
        assert ask(door, "version", version="newest")["verdict"] == "error"


class TestScheduler:
    def test_the_probe_leaves_nothing_behind(self, door: Door, session: Session) -> None:
        finding = ask(door, "scheduler", wait_timeout=60)
        assert finding["verdict"] == "pass", finding
        assert leftovers(session) == []

    def test_a_probe_that_was_cut_off_is_taken_over(self, door: Door, session: Session) -> None:
        flow = session.write("POST", "/flows/", {"name": PROBE})
        schedule = {"schedule": {"interval": 86400.0}, "slug": "probe"}
        session.write("POST", "/deployments/", {"name": PROBE, "flow_id": flow["id"], "schedules": [schedule]})
        assert ask(door, "scheduler", wait_timeout=60)["verdict"] == "pass"
        assert leftovers(session) == []

    def test_probes_at_the_same_time_share_it(self, server: PrefectServer, session: Session, tmp_path: Path) -> None:
        doors = [Doors({"api_url": server.api_url}, tmp_path) for _number in range(3)]
        with concurrent.futures.ThreadPoolExecutor(len(doors)) as pool:
            findings = list(pool.map(lambda one: ask(one.room, "scheduler", wait_timeout=90), doors))
        assert [finding["verdict"] for finding in findings] == ["pass"] * 3, findings
        assert leftovers(session) == []

    def test_one_that_is_off_is_seen_though_health_is_green(self, door: Door, idle_server: PrefectServer) -> None:
        result = ask(door, "api", "database", "scheduler", api_url=idle_server.api_url, wait_timeout=8)
        assert [finding["verdict"] for finding in result["checks"]] == ["pass", "pass", "fail"]
        finding = result["checks"][2]
        assert finding["message"] == (
            "no scheduled run appeared for a deployment with a schedule, so the scheduler of the server does not work "
            "(waited 8 s)"
        )
        assert "--no-services" in finding["remedy"]
        with Session(Connection(idle_server.api_url)) as session:
            assert leftovers(session) == []

    def test_a_run_made_by_hand_is_no_answer(
        self, door: Door, idle_server: PrefectServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A run of the probe's deployment that the scheduler did not make must not count."""
        write = Session.write

        def write_and_run(session: Session, method: str, path: str, *rest: t.Any, **more: t.Any) -> t.Any:
            answer = write(session, method, path, *rest, **more)
            if path == "/deployments/":
                write(session, "POST", f"/deployments/{answer['id']}/create_flow_run", {})
            return answer

        monkeypatch.setattr(Session, "write", write_and_run)
        assert ask(door, "scheduler", api_url=idle_server.api_url, wait_timeout=2)["verdict"] == "fail"

    def test_check_mode_refuses_it(self, door: Door, proxy: Proxy) -> None:
        result = door("prefect_health", checks=["api", "scheduler"], check_mode=True)
        assert result["failed"]
        assert "which check mode forbids" in result["msg"]
        assert proxy.seen == []


class Pool:
    """A work pool without a real worker; heartbeats are sent by the test."""

    def __init__(self, session: Session, name: str) -> None:
        self.session, self.name = session, name
        session.write("POST", "/work_pools/", {"name": name, "type": "process"})

    def beat(self, worker: str = "w1", interval: int = 30) -> None:
        body = {"name": worker, "heartbeat_interval_seconds": interval}
        self.session.write("POST", f"/work_pools/{self.name}/workers/heartbeat", body)

    def poll(self) -> None:
        self.session.search(f"/work_pools/{self.name}/get_scheduled_flow_runs", {})


@pytest.fixture
def pool(session: Session, unique: Unique) -> Pool:
    return Pool(session, unique("pool"))


class TestWorker:
    def test_no_pool(self, door: Door, unique: Unique) -> None:
        name = unique("pool")
        finding = ask(door, "worker", work_pool=name)
        assert (finding["verdict"], finding["message"][: -len(" (waited 0 s)")]) == (
            "fail",
            f"there is no work pool {name}",
        )

    def test_no_worker(self, door: Door, pool: Pool) -> None:
        finding = ask(door, "worker", work_pool=pool.name)
        assert finding["verdict"] == "fail"
        assert finding["message"].startswith(f"no worker of the work pool {pool.name} is online")

    def test_a_heartbeat_is_enough(self, door: Door, pool: Pool) -> None:
        pool.beat()
        finding = ask(door, "worker", work_pool=pool.name)
        assert (finding["verdict"], finding["message"]) == ("pass", f"w1 of the work pool {pool.name} is alive")

    def test_the_named_worker_is_meant(self, door: Door, pool: Pool) -> None:
        pool.beat()
        assert ask(door, "worker", work_pool=pool.name, worker="w2")["verdict"] == "fail"
        assert ask(door, "worker", work_pool=pool.name, worker="w1")["verdict"] == "pass"

    def test_a_paused_pool_fails(self, door: Door, pool: Pool, session: Session) -> None:
        pool.beat()
        session.write("PATCH", f"/work_pools/{pool.name}", {"is_paused": True})
        assert "is paused" in ask(door, "worker", work_pool=pool.name)["message"]

    def test_the_old_heartbeat_of_a_restarted_worker_does_not_count(self, door: Door, pool: Pool) -> None:
        pool.beat()
        finding = ask(door, "worker", work_pool=pool.name, new_heartbeat=True, wait_timeout=1)
        assert finding["verdict"] == "fail"
        beating = threading.Timer(1.5, pool.beat)
        beating.start()
        began = time.monotonic()
        finding = ask(door, "worker", work_pool=pool.name, new_heartbeat=True, wait_timeout=30)
        beating.join()
        assert finding["verdict"] == "pass"
        assert time.monotonic() - began >= 1.5

    @pytest.mark.parametrize("hours", [-1, 1])
    def test_an_age_that_cannot_be_believed_asks_for_a_new_heartbeat(
        self, door: Door, pool: Pool, monkeypatch: pytest.MonkeyPatch, hours: int
    ) -> None:
        now = health_of_work._now
        monkeypatch.setattr(health_of_work, "_now", lambda: now() + datetime.timedelta(hours=hours))
        pool.beat()
        finding = ask(door, "worker", work_pool=pool.name)
        assert (finding["verdict"], "has sent no heartbeat lately" in finding["message"]) == ("fail", True)
        beating = threading.Timer(1, pool.beat)
        beating.start()
        assert ask(door, "worker", work_pool=pool.name, wait_timeout=30)["verdict"] == "pass"
        beating.join()


class TestDeployments:
    SCHEDULE: t.ClassVar[Result] = {"schedule": {"cron": "0 6 * * *"}, "slug": "daily"}

    def test_a_missing_one_is_named(self, door: Door, make_deployment: MakeDeployment, unique: Unique) -> None:
        row = make_deployment()
        names = [f"{row['flow_name']}/{row['name']}", f"{row['flow_name']}/{unique('none')}", unique("neither")]
        finding = ask(door, "deployments", deployments=names)
        assert finding["verdict"] == "fail"
        assert finding["message"].startswith(f"there is no deployment {names[1]}, {names[2]}")

    def test_one_that_nobody_polls_for(self, door: Door, make_deployment: MakeDeployment) -> None:
        row = make_deployment()
        finding = ask(door, "deployments", deployments=[f"{row['flow_name']}/{row['name']}"])
        assert finding["verdict"] == "fail"
        assert finding["message"].startswith(f"no worker polls for {row['flow_name']}/{row['name']}")

    def test_ready_and_scheduled(self, door: Door, make_deployment: MakeDeployment, pool: Pool, unique: Unique) -> None:
        name = unique("nightly")
        make_deployment(name=name, schedules=[self.SCHEDULE], work_pool_name=pool.name)
        make_deployment(name=name, work_pool_name=pool.name)
        pool.poll()
        finding = ask(door, "deployments", deployments=[name], wait_timeout=60)
        assert (finding["verdict"], finding["message"]) == ("pass", f"{name} ready, 1 with runs ahead")

    def test_a_run_too_far_away_to_be_made_is_not_asked_for_and_that_is_said(
        self, door: Door, make_deployment: MakeDeployment, pool: Pool, unique: Unique
    ) -> None:
        name = unique("yearly")
        day = datetime.datetime.now(tz=datetime.UTC) + datetime.timedelta(days=200)
        schedule = {"schedule": {"cron": f"0 0 {min(day.day, 28)} {day.month} *"}, "slug": "yearly"}
        make_deployment(name=name, schedules=[schedule], work_pool_name=pool.name)
        pool.poll()
        finding = ask(door, "deployments", deployments=[name], wait_timeout=30)
        assert (finding["verdict"], finding["message"]) == (
            "pass",
            f"{name} ready, 0 with runs ahead; 1 active schedule of {name} not checked, because the next run is more "
            "than 30 days away",
        )

    @pytest.mark.parametrize(
        ("fields", "verdict"),
        [
            ({"schedules": [SCHEDULE]}, "fail"),
            ({"schedules": [{**SCHEDULE, "active": False}]}, "pass"),
            ({"schedules": [SCHEDULE], "paused": True}, "pass"),
            ({}, "pass"),
        ],
    )
    def test_an_active_schedule_without_runs_is_seen(
        self, door: Door, idle_server: PrefectServer, unique: Unique, fields: Result, verdict: str
    ) -> None:
        with Session(Connection(idle_server.api_url)) as session:
            pool = Pool(session, unique("pool"))
            flow = session.write("POST", "/flows/", {"name": unique("flow")})
            name = unique("nightly")
            body = {"name": name, "flow_id": flow["id"], "work_pool_name": pool.name, **fields}
            session.write("POST", "/deployments/", body)
            pool.poll()
        # The server notes the poll in the background.
        finding = ask(door, "deployments", api_url=idle_server.api_url, deployments=[name], wait_timeout=3)
        assert finding["verdict"] == verdict, finding
        if verdict == "fail":
            assert finding["message"].startswith(f"the schedule of {name} is active, and no run lies ahead")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"checks": []}, "checks is empty"),
        ({"checks": ["worker"]}, "The check worker needs work_pool."),
        ({"checks": ["version"]}, "The check version needs version or client_python."),
        ({"checks": ["deployments"]}, "The check deployments needs deployments with at least one name."),
        ({"checks": ["deployments"], "deployments": []}, "The check deployments needs deployments with at least one"),
        ({"wait_timeout": -1}, "wait_timeout is -1.0; allowed are 0 to 3600 seconds."),
        ({"checks": ["apy"]}, "value of checks must be one or more of"),
    ],
)
def test_a_check_without_its_object_is_refused(door: Door, proxy: Proxy, options: Result, sentence: str) -> None:
    result = door("prefect_health", **options)
    assert result["failed"]
    assert sentence in result["msg"]
    assert proxy.seen == []


@pytest.mark.parametrize("door_name", ["module", "action"])
def test_both_doors_say_the_same(doors: Doors, pool: Pool, door_name: DoorName) -> None:
    good = Task("prefect_health", {"checks": ["api", "database"]})
    bad = Task("prefect_health", {"checks": ["api", "worker"], "work_pool": pool.name, "wait_timeout": 0})
    passed, failed = doors.play([good, bad], door_name).results
    assert (passed["failed"], passed["changed"], passed["healthy"]) == (False, False, True)
    assert failed["failed"]
    assert failed["healthy"] is False
    assert [finding["verdict"] for finding in failed["checks"]] == ["pass", "fail"]
    assert failed["msg"].startswith(
        "1 of 2 health checks did not pass. "
        f"worker (fail): no worker of the work pool {pool.name} is online (waited 0 s). Start one"
    )
