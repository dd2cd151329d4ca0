# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backfill with Prefect's runtime: real runs on a live server, under real limits that nothing slips past."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.reading import ARTIFACTS, FLOW_RUNS, read_all
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from hotpass.limits import limit_name
from hotpass.swapping import held
from tests.support.flow_process import run_flow
from tests.support.proxy import Proxy
from tests.support.server import PrefectServer
from tests.support.shapes import Unique
from tests.support.workbooks import write_archive, write_workbook

pytestmark = pytest.mark.integration

ROWS = {"Cleaned": [{"Name of Organisation": name, "Province": "GP"} for name in ("Tower", "TOWER", "Mast")]}
FIRST = {"run_date": "2024-01-01", "version": "1"}
SECOND = {"run_date": "2024-01-02", "version": "1"}
LIMITS = "/v2/concurrency_limits/"


class Lab:
    """A home with two archives, a limit's key of its own, and the flow on the live server."""

    def __init__(self, home: Path, session: Session, api_url: str, tag: str) -> None:
        self.home = home
        self.session = session
        self.tag = tag
        self.key = f"{tag}/%"
        self.limit = f"{LIMITS}{tag}~2F~25"
        self._api_url = api_url
        book = write_workbook(home / "book.xlsx", ROWS)
        for day in ("20240101", "20240102"):
            write_archive(home / f"dist/input-archives/hotpass-inputs-{day}-v1.zip", {"a.xlsx": book})

    def make_limit(self, limit: int = 1, **fields: object) -> None:
        self.session.write("POST", LIMITS, {"name": limit_name(self.key), "limit": limit, **fields})

    def read_limit(self) -> dict[str, t.Any]:
        return t.cast(dict[str, t.Any], self.session.get(self.limit))

    def run(
        self,
        *parameter_sets: dict[str, object],
        settings: dict[str, str] | None = None,
        api_url: str | None = None,
        **parameters: object,
    ) -> dict[str, t.Any]:
        """Run the flow once for each set of parameters, over the first window unless others are named."""
        defaults: dict[str, object] = {"runs": [FIRST], "concurrency_key": self.key, **parameters}
        return run_flow(
            self.home,
            "1",
            *({**defaults, **wanted} for wanted in parameter_sets or ({},)),
            api_url=api_url or self._api_url,
            tag=self.tag,
            flow="backfill_pipeline_flow",
            settings=settings,
        )

    def refused(self, api_url: str | None = None, **parameters: object) -> str:
        """Run the flow, which has to fail, and return why."""
        outcome = self.run(api_url=api_url, **parameters)
        assert not outcome["results"]
        return t.cast(str, outcome["errors"][0])

    def flow_runs(self) -> list[dict[str, t.Any]]:
        return list(read_all(self.session, FLOW_RUNS, filters.flow_runs(tags=[self.tag])))

    def task_runs(self) -> list[dict[str, t.Any]]:
        wanted = {"flow_runs": {"id": {"any_": [run["id"] for run in self.flow_runs()]}}}
        return t.cast(list[dict[str, t.Any]], self.session.search("/task_runs/filter", wanted))

    def artifacts(self) -> dict[str, t.Any]:
        wanted = filters.artifacts(flow_run_ids=[run["id"] for run in self.flow_runs()])
        return {row["key"]: row for row in read_all(self.session, ARTIFACTS, wanted) if row["key"]}

    def untouched(self) -> bool:
        return not (self.home / "dist/backfill").exists()


def wait_until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for: {what}"
        time.sleep(0.2)


@pytest.fixture
def lab(tmp_path: Path, session: Session, server: PrefectServer, unique: Unique) -> Lab:
    return Lab(tmp_path, session, server.api_url, unique("backfill"))


@pytest.fixture
def beside() -> Iterator[Callable[..., Future[t.Any]]]:
    """Runs a function in a thread, while the test goes on."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        yield pool.submit


def test_two_windows_are_replayed_and_published_and_every_parameter_is_described(lab: Lab) -> None:
    lab.make_limit(2)
    outcome = lab.run(runs=[FIRST, SECOND, FIRST], concurrency_limit=2)
    assert outcome["errors"] == []
    assert outcome["name"] == "hotpass-backfill"
    [result] = outcome["results"]
    assert result["runtime"] == "prefect"
    assert [(run["run_date"], run["version"], run["success"]) for run in result["runs"]] == [
        ("2024-01-01", "1", True),
        ("2024-01-02", "1", True),
    ]
    assert [(run["records_in"], run["total_records"]) for run in result["runs"]] == [(3, 2), (3, 2)]
    [run] = lab.flow_runs()
    assert (run["state_type"], run["run_count"]) == ("COMPLETED", 1)
    assert sorted(task["name"].split("-")[0] for task in lab.task_runs()) == ["refine", "refine", "restore", "restore"]
    artifacts = lab.artifacts()
    assert set(artifacts) == {"hotpass-backfill-report", "hotpass-backfill-summary"}
    assert artifacts["hotpass-backfill-summary"]["data"] == result
    assert artifacts["hotpass-backfill-report"]["data"].startswith("# Backfill: 2 of 2 windows, 4 records")
    assert lab.read_limit()["active_slots"] == 0
    schema = outcome["schema"]
    assert list(schema["properties"]) == [
        "runs",
        "archive_root",
        "restore_root",
        "archive_pattern",
        "base_config",
        "parameters",
        "concurrency_limit",
        "concurrency_key",
        "since",
        "until",
        "versions",
    ]
    assert all(entry["description"] for entry in schema["properties"].values())
    assert not schema.get("required")


def test_without_its_limit_nothing_runs(lab: Lab) -> None:
    name = limit_name(lab.key)
    assert lab.refused(runs=[FIRST, SECOND]) == (
        f"BackfillError: 2 of 2 windows failed: 2024-01-01--1: the global concurrency limit {name!r} does not exist; "
        "restore it with 1 slot, or change concurrency_limit; 2024-01-02--1: not started, for the window before got no "
        f"slot: the global concurrency limit {name!r} does not exist; restore it with 1 slot, or change "
        "concurrency_limit."
    )
    assert lab.untouched()
    [run] = lab.flow_runs()
    assert run["state_type"] == "FAILED"
    assert lab.artifacts()["hotpass-backfill-summary"]["data"]["metrics"]["failed_runs"] == 2


def test_a_limit_that_does_not_limit_is_refused(lab: Lab) -> None:
    cases: list[tuple[dict[str, t.Any], int, str]] = [
        ({"limit": 1, "active": False}, 1, "is not active, so it would limit nothing"),
        ({"limit": 1, "slot_decay_per_second": 0.5}, 1, "free themselves with time"),
        ({"limit": 0}, 1, "has 0 slots; the run allows 1 to 1"),
        ({"limit": 3}, 2, "has 3 slots; the run allows 1 to 2"),
        ({"limit": 2}, 0, "has 2 slots; the run allows 1 to 1"),
    ]
    wanted = []
    for number, (fields, allowed, _said) in enumerate(cases):
        key = f"{lab.tag}-{number}"
        lab.session.write("POST", LIMITS, {"name": key, **fields})
        wanted.append({"concurrency_key": key, "concurrency_limit": allowed})
    outcome = lab.run(*wanted)
    assert outcome["results"] == []
    for said, (_fields, _allowed, expected) in zip(outcome["errors"], cases, strict=True):
        assert expected in said
    assert lab.untouched()


def test_a_taken_slot_is_waited_for_and_then_refused(lab: Lab) -> None:
    lab.make_limit()
    lab.session.write("POST", f"{LIMITS}increment", {"names": [limit_name(lab.key)], "slots": 1})
    said = lab.refused(base_config={"slot": {"timeout_seconds": 1}})
    assert f"no slot of the limit {limit_name(lab.key)!r} became free in 1 s; look for who holds them." in said
    assert lab.untouched()
    assert lab.read_limit()["active_slots"] == 1
    lab.session.write("POST", f"{LIMITS}decrement", {"names": [limit_name(lab.key)], "slots": 1})
    assert lab.run()["errors"] == []


def test_a_limit_switched_off_while_a_run_waits_lets_it_in_and_is_refused_then(
    lab: Lab, proxy: Proxy, beside: Callable[..., Future[t.Any]]
) -> None:
    lab.make_limit()
    lab.session.write("POST", f"{LIMITS}increment", {"names": [limit_name(lab.key)], "slots": 1})
    running = beside(lab.refused, proxy.api_url)
    wait_until(lambda: any("increment-with-lease" in request.path for request in proxy.seen), "the run asks for a slot")
    lab.session.write("PATCH", lab.limit, {"active": False})
    assert "is not active, so it would limit nothing" in running.result(timeout=120)
    assert lab.untouched()


def test_a_window_holds_one_slot_while_it_is_worked_on(lab: Lab, beside: Callable[..., Future[t.Any]]) -> None:
    lab.make_limit(2)
    with held(lab.home / "dist/backfill/2024-01-01--1"):
        running = beside(lab.run, concurrency_limit=2)
        wait_until(lambda: lab.read_limit()["active_slots"] > 0, "the run holds a slot")
        assert lab.read_limit()["active_slots"] == 1
        assert not (lab.home / "dist/backfill/2024-01-01--1").exists()
    assert running.result(timeout=120)["errors"] == []
    assert lab.read_limit()["active_slots"] == 0


def test_a_window_whose_slot_is_lost_is_ended(lab: Lab, proxy: Proxy, beside: Callable[..., Future[t.Any]]) -> None:
    lab.make_limit()
    proxy.answer(410, times=None, method="POST", path="/leases/[^/]+/renew")
    with held(lab.home / "dist/backfill/2024-01-01--1"):
        running = beside(lab.run, api_url=proxy.api_url)
        outcome = running.result(timeout=120)
    assert outcome["results"] == []
    assert len(outcome["errors"]) == 1
    assert not (lab.home / "dist/backfill/2024-01-01--1").exists()
    [run] = lab.flow_runs()
    assert run["state_type"] == "CRASHED"
    assert (run["run_count"], lab.task_runs()) == (1, [])
    assert lab.read_limit()["active_slots"] == 0


def test_a_failing_pipeline_runs_once_whatever_the_settings_say(lab: Lab) -> None:
    lab.make_limit()
    archive = lab.home / "dist/input-archives/hotpass-inputs-20240101-v1.zip"
    write_archive(archive, {"a.xlsx": b"no workbook"})
    again = {"PREFECT_FLOWS_DEFAULT_RETRIES": "2", "PREFECT_TASKS_DEFAULT_RETRIES": "2"}
    outcome = lab.run(runs=[FIRST, SECOND], settings=again)
    [said] = outcome["errors"]
    assert said.startswith("BackfillError: 1 of 2 windows failed: 2024-01-01--1: workbook ")
    assert said.endswith("is damaged or cut short.")
    [run] = lab.flow_runs()
    assert (run["state_type"], run["run_count"]) == ("FAILED", 1)
    tasks = sorted((task["name"].split("-")[0], task["state_type"], task["run_count"]) for task in lab.task_runs())
    assert tasks == [("refine", "COMPLETED", 1), ("refine", "FAILED", 1), *[("restore", "COMPLETED", 1)] * 2]
    result = lab.artifacts()["hotpass-backfill-summary"]["data"]
    assert [entry["success"] for entry in result["runs"]] == [False, True]
    assert lab.read_limit()["active_slots"] == 0
