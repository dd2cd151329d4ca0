# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backfills with the real flow: under a real worker, killed at each of their writes, and without a server."""

from __future__ import annotations

import json
import os
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.conftest import ROOT
from tests.support import backfill_lab
from tests.support.backfill_worker import BackfillWorker
from tests.support.doors import Doors
from tests.support.killer import ANSWERED, UNANSWERED, Ending, Killer
from tests.support.server import PrefectServer
from tests.support.shapes import Result

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[PrefectServer]:
    """A server of this file's own: the manifest's names are not unique to a test."""
    started = PrefectServer.start(tmp_path_factory.mktemp("backfill-server"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def deployed(server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> Result:
    with Session(Connection(server.api_url, retries=10)) as session:
        return backfill_lab.deploy(session, Doors({"api_url": server.api_url}, tmp_path_factory.mktemp("deploy")))


@pytest.mark.usefixtures("deployed")
def test_a_real_worker_replays_real_archives(
    server: PrefectServer, doors: Doors, session: Session, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    backfill_lab.write_archives(home / "dist/input-archives", days=3)
    (home / "dist/input-archives/hotpass-inputs-20240103-v1.zip").unlink()
    options = {
        "manifest_dir": str(backfill_lab.MANIFESTS),
        "since": "2024-01-01",
        "until": "2024-01-03",
        "home": str(home),
        "on_error": "continue",
    }
    with backfill_lab.FlowWorker(home, server.api_url) as worker:
        answer = doors.room("hotpass_backfill", **options)
        said = worker.log.read_text(errors="replace")
        assert [run["fate"] for run in answer["runs"]] == ["completed", "completed", "failed"], (answer, said)
        assert answer["deployment"] == backfill_lab.NAME
        assert [one["run_date"] for one in answer["missing_archives"]] == ["2024-01-03"]
        assert "hotpass-inputs-20240103-v1.zip does not exist" in answer["msg"]
        for run in answer["runs"][:2]:
            (own,) = run["summary"]["runs"]
            assert run["records"] == own["total_records"] > 100
            assert Path(own["output_path"]) == home / f"dist/backfill/outputs/refined-{run['run_date']}-1.parquet"
            assert Path(own["output_path"]).is_file()
            assert Path(own["restore_dir"]) == home / f"dist/backfill/{run['run_date']}--1"
        assert answer["metrics"]["total_records"] == sum(run["records"] for run in answer["runs"][:2])
        limit = session.get("/v2/concurrency_limits/hotpass~2Fbackfill")
        assert (limit["limit"], limit["active"], limit["active_slots"]) == (2, True, 0)
        # A reading every two seconds sees the slots that a run has from before its process starts until it ends.
        assert any(sample["deployment"]["active_slots"] for sample in answer["limit_samples"])
        assert {sample["global"]["limit"] for sample in answer["limit_samples"] if sample["global"]} == {2}

        backfill_lab.write_archives(home / "dist/input-archives", days=3)
        again = doors.room("hotpass_backfill", **options)
    assert again["failed"] is False, again
    assert [run["created"] for run in again["runs"]] == [False, False, True]
    assert again["runs"][2]["attempt"] == 2
    assert again["missing_archives"] == []


class Killed:
    """A backfill as a process that can be killed, on a deployment of its own batch."""

    def __init__(self, killer: Killer, tmp_path: Path) -> None:
        self._killer = killer
        self._script = tmp_path / "backfill.py"
        self._script.write_text(
            "import json, sys\n"
            "import tests.conftest\n"
            "from pathlib import Path\n"
            "from tests.support.doors import Doors\n"
            "job = json.loads(sys.argv[1])\n"
            "doors = Doors({'api_url': job.pop('api_url')}, Path('.'))\n"
            "print(json.dumps(doors.room('hotpass_backfill', **job)))\n"
        )

    def run(self, batch: str, at: int | None = None, way: str = UNANSWERED) -> Ending:
        job = {
            "api_url": self._killer.api_url,
            "deployment": backfill_lab.NAME,
            "since": "2024-01-01",
            "until": "2024-01-03",
            "batch": batch,
            "poll": 0.05,
        }
        command = [sys.executable, str(self._script), json.dumps(job)]
        env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'collections'}"}
        return self._killer.run(command, at=at, way=way, writes_only=True, env=env, cwd=ROOT)


@pytest.mark.parametrize("way", [UNANSWERED, ANSWERED])
def test_killed_at_any_write_and_run_again_nothing_runs_twice(
    way: str, server: PrefectServer, deployed: Result, session: Session, tmp_path: Path
) -> None:
    with Killer(server.api_url) as killer, BackfillWorker(server.api_url, deployed["id"], 0.2):
        killed = Killed(killer, tmp_path)
        answer = json.loads(killed.run(f"whole-{way}").stdout)
        assert answer["failed"] is False, answer
        # After the last of the three no other follows, so that there is nothing to be killed at.
        for position in range(1, 4 if way == UNANSWERED else 3):
            batch = f"{way}-{position}"
            ended = killed.run(batch, at=position, way=way)
            assert ended.killed, ended.stderr
            started = _rows(session, deployed, batch)
            # Fewer where the server was busy and answered one of the writes with 503.
            assert len(started) <= position
            again = json.loads(killed.run(batch).stdout)
            assert again["failed"] is False, again
            assert again["outcome"] == "completed"
            rows = _rows(session, deployed, batch)
            windows = sorted(row["parameters"]["runs"][0]["run_date"] for row in rows)
            assert windows == ["2024-01-01", "2024-01-02", "2024-01-03"]
            assert [row["run_count"] for row in rows] == [1, 1, 1]
            # What the killed one had started was joined, or found at its end.
            assert again["metrics"]["created_runs"] == 3 - len(started)
            assert {row["id"] for row in started} <= {row["id"] for row in rows}


def _rows(session: Session, deployed: Result, batch: str) -> list[Result]:
    body = {"flow_runs": {"deployment_id": {"any_": [deployed["id"]]}}, "limit": 200}
    return [row for row in session.search("/flow_runs/filter", body) if f":{batch}" in row["idempotency_key"]]


def test_without_a_server_the_same_code_runs_here(doors: Doors, tmp_path: Path) -> None:
    home = tmp_path / "home"
    backfill_lab.write_archives(home / "dist/input-archives", days=2)
    options = {
        "api_url": "http://127.0.0.1:9/api",
        "retries": 0,
        "manifest_dir": str(backfill_lab.MANIFESTS),
        "since": "2024-01-01",
        "until": "2024-01-03",
        "fallback": "local",
        "python": sys.executable,
        "flow_path": str(backfill_lab.FLOWS),
        "home": str(home),
        "log_path": str(tmp_path / "log"),
    }
    predicted = doors.room("hotpass_backfill", **options, check_mode=True)
    assert (predicted["runtime"], predicted["outcome"], predicted["changed"]) == ("local", "incomplete", True)
    assert [one["run_date"] for one in predicted["missing_archives"]] == ["2024-01-03"]
    assert not (home / "dist/backfill").exists()

    answer = doors.room("hotpass_backfill", **options)
    assert answer["failed"] is True
    assert (answer["runtime"], answer["outcome"], answer["changed"]) == ("local", "failed", True)
    assert [run["fate"] for run in answer["runs"]] == ["completed", "completed", "failed"]
    assert "2024-01-03 1: archive " in answer["msg"]
    assert answer["msg"].rstrip(".").endswith("hotpass-inputs-20240103-v1.zip does not exist")
    assert answer["run_ids"] == []
    assert answer["runs"][0]["summary"]["runtime"] == "local"
    assert answer["runs"][0]["records"] > 100
    assert (home / "dist/backfill/outputs/refined-2024-01-02-1.parquet").is_file()
    assert "[1/3] 2024-01-01 1: Completed in" in (tmp_path / "log").read_text()

    backfill_lab.write_archives(home / "dist/input-archives", days=3)
    done = doors.room("hotpass_backfill", **options)
    assert done["failed"] is False, done
    assert done["metrics"]["successful_runs"] == 3
    assert "The windows run here instead, one after another, without any limit to hold." in done["warnings"][0]
    assert f"Their code is that of {backfill_lab.FLOWS}, which no release vouches for." in done["warnings"][0]
    assert (done["release"], done["code"]) == (None, str(backfill_lab.FLOWS))

    late = doors.room("hotpass_backfill", **options, wait_timeout=0.05)
    assert late["failed"] is True
    assert late["msg"] == ("Not all windows ended within 0.05 s: 2 of 3 were not started, the first is 2024-01-02 1.")
    assert [run["fate"] for run in late["runs"]] == ["completed", "not_run", "not_run"]
    assert (late["changed"], late["outcome"]) == (True, "incomplete")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"manifest_dir": None, "deployment": "a/b"}, "fallback: local needs the manifest's parameters"),
        ({"home": None}, "fallback: local needs home (backfill_home of the role) as well"),
        ({"flow_path": "/nowhere"}, "flow_path '/nowhere' has no hotpass/local_backfill.py"),
        ({"python": "/nowhere/python"}, "python '/nowhere/python' cannot be started"),
    ],
)
def test_what_the_fallback_needs(changed: Result, said: str, doors: Doors, tmp_path: Path) -> None:
    options = {
        "api_url": "http://127.0.0.1:9/api",
        "retries": 0,
        "manifest_dir": str(backfill_lab.MANIFESTS),
        "since": "2024-01-01",
        "fallback": "local",
        "flow_path": str(backfill_lab.FLOWS),
        "home": str(tmp_path),
        **changed,
    }
    answer = doors.room("hotpass_backfill", **{name: value for name, value in options.items() if value is not None})
    assert answer["failed"] is True
    assert said in answer["msg"]
    # Which Python there is only its start tells.
    if "python" not in changed:
        given = {name: value for name, value in options.items() if value is not None}
        predicted = doors.room("hotpass_backfill", **given, check_mode=True)
        assert (predicted["failed"], predicted["msg"]) == (True, answer["msg"])
        assert (predicted["outcome"], predicted["changed"]) == ("not_begun", False)


def test_a_directory_without_the_manifest(doors: Doors) -> None:
    answer = doors.room("hotpass_backfill", manifest_dir=str(backfill_lab.MANIFESTS), flow="replay", since="2024-01-01")
    assert "There is no manifest 'replay' in " in answer["msg"]
    assert answer["msg"].endswith("so there is no deployment to replay archives with; there are: backfill, refinement.")
