# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backfills on a live server; a thread stands for the worker and chooses how each run ends."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path

import pytest

from tests.support import backfill_worker as ends
from tests.support.backfill_site import WEEK, MakeSite, Site, fates
from tests.support.proxy import Proxy

pytestmark = pytest.mark.integration
pytest_plugins = ["tests.support.backfill_fixtures"]


def test_every_window_runs_once_at_most_two_at_a_time(site: Site, proxy: Proxy, tmp_path: Path) -> None:
    log = tmp_path / "log" / "backfill.log"
    with site.worker():
        answer = site.run(**WEEK, versions=["1", "2"], log_path=str(log), tags=["audit"])
    assert answer["failed"] is False, answer
    assert answer["changed"] is True
    assert (answer["outcome"], answer["runtime"], answer["deployment"]) == ("completed", "prefect", site.name)
    assert fates(answer) == ["completed"] * 14
    assert [(run["run_date"], run["version"]) for run in answer["runs"]] == [
        (f"2024-01-{day:02d}", version) for day in range(1, 8) for version in ("1", "2")
    ]
    assert all(run["created"] and not run["earlier"] and run["attempt"] == 1 for run in answer["runs"])
    assert all(run["records"] == 10 and run["started"] and run["ended"] for run in answer["runs"])
    figures = answer["metrics"]
    assert (figures["total_runs"], figures["successful_runs"], figures["created_runs"]) == (14, 14, 14)
    assert figures["total_records"] == 140
    assert figures["total_elapsed_seconds"] == pytest.approx(14 * 0.3)
    assert site.windows() == [f"{run['run_date']} {run['version']}" for run in answer["runs"]]
    assert answer["run_ids"] == [run["id"] for run in answer["runs"]]
    assert site.overlap() == 2
    limit = site.limit()
    assert limit is not None
    assert (limit["limit"], limit["active"]) == (2, True)
    for run in site.runs():
        assert {"audit", "backfill"} <= set(run["tags"])
        assert run["idempotency_key"].startswith(f"{site.row['id']}:backfill:2024-01-0")
        assert run["parameters"]["concurrency_limit"] == 2

    lines = log.read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == site.doors.told
    assert dt.datetime.fromisoformat(lines[0].split()[0]).tzinfo is not None
    assert "14 windows from 2024-01-01 1 to 2024-01-07 2: 0 done" in lines[0]
    assert any("[14/14] 2024-01-07 2: Completed in" in line and "12 records in, 10 out" in line for line in lines)
    assert lines[-1].endswith(
        f"14 of 14 windows completed, 0 failed, 0 not run; 140 records, {figures['wall_seconds']:.1f} s"
    )
    assert len(answer["limit_samples"]) >= 2
    assert {sample["global"]["limit"] for sample in answer["limit_samples"] if sample["global"]} == {2}

    proxy.reset()
    again = site.run(**WEEK, versions=["1", "2"])
    assert (again["failed"], again["changed"], again["outcome"]) == (False, False, "completed")
    assert proxy.writes == []
    assert again["run_ids"] == answer["run_ids"]
    assert all(run["earlier"] and not run["created"] for run in again["runs"])
    assert again["metrics"]["total_records"] == 140
    assert len(site.runs()) == 14


def test_other_parameters_another_batch_and_another_version_are_other_runs(site: Site) -> None:
    with site.worker():
        for options in ({}, {"batch": "two"}, {"archive_root": "elsewhere"}, {"versions": ["2"]}):
            answer = site.run(start_date="2024-01-01", **options)
            assert (answer["failed"], answer["changed"]) == (False, True), answer
        # How many run at once does not make a run another run.
        assert site.run(start_date="2024-01-01", concurrency_limit=1)["changed"] is False
    assert len(site.runs()) == 4
    assert site.runs()[2]["parameters"]["archive_root"] == "elsewhere"


def test_zero_is_one_after_another_by_date(site: Site) -> None:
    with site.worker():
        answer = site.run(since="2024-01-01", until="2024-01-04", concurrency_limit=0)
    assert answer["failed"] is False, answer
    assert site.overlap() == 1
    assert site.windows() == [f"2024-01-0{day} 1" for day in range(1, 5)]
    moments = [(run["created"], run["end_time"]) for run in site.runs()]
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(moments))
    # The global limit keeps what the deployment declares, and the run is told that.
    assert (site.limit() or {})["limit"] == 2
    assert {run["parameters"]["concurrency_limit"] for run in site.runs()} == {2}


def test_runs_ahead_of_the_limit_wait_for_a_slot(site: Site) -> None:
    with site.worker(1.5) as worker:
        worker.endings["2024-01-03 1"] = ends.COMPLETE
        answer = site.run(since="2024-01-01", until="2024-01-03", ahead=1, wait_timeout=8.0)
    # The server lets a run that found no slot wait for 30 s, so the third is still waiting.
    assert answer["failed"] is True
    assert "2024-01-03 1: it waits for a slot of its deployment's concurrency limit" in answer["msg"]
    assert fates(answer) == ["completed", "completed", "in_flight"]
    assert answer["runs"][2]["state_name"] == "AwaitingConcurrencySlot"
    assert any(sample["deployment"]["active_slots"] == 2 for sample in answer["limit_samples"])
    assert site.overlap() == 2


def test_a_failure_stops_what_has_not_begun_or_does_not(site: Site) -> None:
    with site.worker() as worker:
        worker.endings["2024-01-02 1"] = [ends.FAIL, ends.FAIL, ends.COMPLETE]
        answer = site.run(**WEEK, concurrency_limit=1)
        assert answer["failed"] is True
        assert fates(answer) == ["completed", "failed"] + ["not_run"] * 5
        assert (answer["stopped"], answer["outcome"], answer["changed"]) == (True, "failed", True)
        assert answer["msg"] == (
            "1 of 7 windows failed: 2024-01-02 1: no such archive. 5 windows were not started (on_error: stop)."
        )
        assert answer["metrics"]["not_run"] == 5

        reported = site.run(**WEEK, rerun="none", on_error="continue")
        assert fates(reported) == ["completed", "failed"] + ["completed"] * 5
        assert reported["runs"][1]["id"] == answer["runs"][1]["id"]
        assert reported["failed"] is True

        again = site.run(**WEEK, on_error="continue")
        assert fates(again) == ["completed", "failed"] + ["completed"] * 5
        assert again["runs"][1]["attempt"] == 2
        done = site.run(**WEEK)
    assert (done["failed"], done["runs"][1]["attempt"]) == (False, 3)
    assert [run["created"] for run in done["runs"]] == [False, True] + [False] * 5
    assert site.windows().count("2024-01-02 1") == 3
    assert len(site.runs()) == 9


def test_without_a_rerun_the_last_attempt_is_what_counts(site: Site) -> None:
    with site.worker() as worker:
        worker.endings["2024-01-01 1"] = [ends.FAIL, ends.COMPLETE]
        worker.endings["2024-01-02 1"] = [ends.FAIL, ends.FAIL]
        two = {"since": "2024-01-01", "until": "2024-01-02", "on_error": "continue"}
        assert fates(site.run(**two)) == ["failed", "failed"]
        retried = site.run(**two)
        assert fates(retried) == ["completed", "failed"]
        reported = site.run(**two, rerun="none")
    assert fates(reported) == ["completed", "failed"]
    assert [(run["attempt"], run["created"], run["earlier"]) for run in reported["runs"]] == [(2, False, True)] * 2
    assert reported["run_ids"] == retried["run_ids"]
    assert reported["msg"] == "1 of 2 windows failed: 2024-01-02 1: no such archive."

    open_ = site.run(**two, wait_timeout=0.2)
    assert (fates(open_), open_["runs"][1]["attempt"]) == (["completed", "in_flight"], 3)
    with site.worker():
        joined = site.run(**two, rerun="none")
    assert (joined["failed"], joined["changed"], joined["run_ids"]) == (False, False, open_["run_ids"])
    assert len(site.runs()) == 5


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (ends.FAIL, "no such archive"),
        (ends.MUTE, "it ended Failed (Flow run encountered an exception)"),
        (ends.CRASH, "it crashed: its process died or never began (The process was killed)"),
        (ends.CANCEL, "it was cancelled (Somebody wanted it)"),
        (ends.SILENT, "it left no artifact 'hotpass-backfill-summary', so nobody can tell what it did"),
        (ends.LIE, "its summary counts the window as failed"),
        (ends.REFUSE, "the fence refused it (Generation 3 is not Active)"),
    ],
)
def test_what_is_no_success_is_a_failure_with_its_reason(site: Site, ending: str, said: str) -> None:
    with site.worker() as worker:
        worker.endings["2024-01-01 1"] = ending
        answer = site.run(start_date="2024-01-01")
    assert answer["failed"] is True
    assert answer["msg"] == f"1 of 1 windows failed: 2024-01-01 1: {said}."
    assert answer["runs"][0]["reason"] == said


def test_a_collision_that_cancels_is_told_from_a_persons(make_site: MakeSite) -> None:
    site = make_site(concurrency_options={"collision_strategy": "CANCEL_NEW"})
    held = []
    for _number in range(2):
        run = site.session.write("POST", f"/deployments/{site.row['id']}/create_flow_run", {})
        site.session.write("POST", f"/flow_runs/{run['id']}/set_state", {"state": {"type": "PENDING"}})
        held.append(run["id"])
    with site.worker():
        answer = site.run(start_date="2024-01-01")
        assert (
            "the server cancelled it instead of letting it wait (Deployment concurrency limit reached)" in answer["msg"]
        )
        assert "collision_strategy is CANCEL_NEW; run again when they have ended, or declare ENQUEUE" in answer["msg"]
        for run_id in held:
            site.session.write(
                "POST", f"/flow_runs/{run_id}/set_state", {"state": {"type": "COMPLETED"}, "force": True}
            )
        assert site.run(start_date="2024-01-01")["failed"] is False


def test_the_fence_that_puts_a_run_off_is_named(site: Site) -> None:
    with site.worker() as worker:
        worker.endings["2024-01-01 1"] = ends.PUT_OFF
        answer = site.run(start_date="2024-01-01", wait_timeout=2.0)
        assert (
            "the fence puts it off until its release is Active (AwaitingRelease): generation 2 is not" in answer["msg"]
        )
        assert sum("AwaitingRelease" in line for line in site.doors.told) == 1
        worker.endings.clear()
        joined = site.run(start_date="2024-01-01")
    assert joined["failed"] is False
    assert joined["runs"][0]["id"] == answer["runs"][0]["id"]
