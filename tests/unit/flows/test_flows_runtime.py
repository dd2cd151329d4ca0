# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both runtimes, each in a process of its own because the choice falls at import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import PrefectServer

ROOT = Path(__file__).resolve().parents[3]

# Tells the runs of this test from all others of a server that outlives it.
_TAG = uuid.uuid4().hex

# What runs in the other process: the flow once per set of parameters.
_RUN = """
import contextlib, json, sys
from hotpass.orchestration import refinement_pipeline_flow

outcome = {"results": [], "errors": [], "prefect": "prefect" in sys.modules}
with sys.modules["prefect"].tags(sys.argv[3]) if outcome["prefect"] else contextlib.nullcontext():
    for parameters in json.loads(sys.argv[1]):
        try:
            outcome["results"].append(refinement_pipeline_flow(**parameters))
        except Exception as error:
            outcome["errors"].append(f"{type(error).__name__}: {error}")
outcome["name"] = getattr(refinement_pipeline_flow, "name", None)
if outcome["prefect"]:
    outcome["schema"] = refinement_pipeline_flow.parameters.model_dump_for_openapi()
with open(sys.argv[2], "w") as file:
    json.dump(outcome, file)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PrefectServer]:
    """The server at HOTPASS_TEST_API_URL, else one of our own."""
    running = os.environ.get("HOTPASS_TEST_API_URL")
    if running:
        yield PrefectServer(running.rstrip("/"))
        return
    started = PrefectServer.start(tmp_path / "server")
    yield started
    started.stop()


@pytest.fixture
def run(tmp_path: Path, write_workbook: Callable[..., Path]) -> Callable[..., dict[str, Any]]:
    """Return a function that runs the flow in a new process with this `HOTPASS_ENABLE_PREFECT_RUNTIME`."""
    rows = [{"Name of Organisation": name, "Province": "GP"} for name in ("Tower", "TOWER", "Mast")]
    write_workbook("a.xlsx", {"Cleaned": rows})

    def run_flow(
        enable: str | None, *parameter_sets: dict[str, object], server: PrefectServer | None = None
    ) -> dict[str, Any]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HOTPASS_", "PREFECT_"))}
        environment = {
            **inherited,
            "PYTHONPATH": str(ROOT / "prefect" / "flows"),
            "HOTPASS_HOME": str(tmp_path),
            "PREFECT_HOME": str(tmp_path / "prefect"),
            "DO_NOT_TRACK": "1",
            **({} if enable is None else {"HOTPASS_ENABLE_PREFECT_RUNTIME": enable}),
            **({} if server is None else {"PREFECT_API_URL": server.api_url}),
        }
        answer = tmp_path / "outcome.json"
        command = [sys.executable, "-c", _RUN, json.dumps(parameter_sets), str(answer), _TAG]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        return json.loads(answer.read_text())

    return run_flow


@pytest.mark.parametrize("enable", [None, "", "0", "true", "1 "])
def test_anything_but_1_is_plain_and_never_imports_prefect(
    run: Callable[..., dict[str, Any]], enable: str | None
) -> None:
    outcome = run(enable, {}, {"archive": "yes"})
    assert outcome["prefect"] is False
    assert outcome["name"] is None
    [result] = outcome["results"]
    assert (result["flow"], result["records_in"], result["records_out"]) == ("hotpass-refinement-pipeline", 3, 2)
    assert outcome["errors"] == ["HotpassError: archive must be true or false, not 'yes'."]


@pytest.mark.integration
def test_1_is_a_prefect_flow_that_publishes_its_summary(
    run: Callable[..., dict[str, Any]], server: PrefectServer, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    outcome = run("1", {"archive": True}, {"input_dir": "empty"}, {"archive": "perhaps"}, server=server)
    assert outcome["name"] == "hotpass-refinement-pipeline"
    [result] = outcome["results"]
    assert result["output_path"] == str(tmp_path / "dist/refined/latest.parquet")

    no_input, bad_type = outcome["errors"]
    assert no_input == (
        f"HotpassError: input_dir {tmp_path / 'empty'} holds no .xlsx workbook, so there is nothing to refine."
    )
    assert "archive: Input should be a valid boolean" in bad_type
    runs = _read(server, "/flow_runs/filter", {"flow_runs": {"tags": {"all_": [_TAG]}}})
    assert sorted(entry["state_type"] for entry in runs) == ["COMPLETED", "FAILED", "FAILED"]

    [completed] = [entry["id"] for entry in runs if entry["state_type"] == "COMPLETED"]
    found = _read(
        server, "/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [entry["id"] for entry in runs]}}}
    )
    # Prefect itself keeps a result without a key for a task that failed.
    artifacts = {artifact["key"]: artifact for artifact in found if artifact["key"]}
    assert set(artifacts) == {"hotpass-refinement-report", "hotpass-refinement-summary"}
    assert {artifact["flow_run_id"] for artifact in artifacts.values()} == {completed}
    assert artifacts["hotpass-refinement-summary"]["data"] == result
    assert artifacts["hotpass-refinement-report"]["type"] == "markdown"
    assert artifacts["hotpass-refinement-report"]["data"].startswith("# Refinement: 2 records from 1 workbooks")

    properties = outcome["schema"]["properties"]
    assert list(properties) == [
        "input_dir",
        "output_path",
        "profile_name",
        "archive",
        "dist_dir",
        "backfill",
        "incremental",
        "since",
    ]
    assert all(entry["description"] for entry in properties.values())
    assert not outcome["schema"].get("required")


def _read(server: PrefectServer, path: str, selection: dict[str, Any]) -> list[dict[str, Any]]:
    body = json.dumps(selection).encode()
    request = urllib.request.Request(f"{server.api_url}{path}", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        rows: list[dict[str, Any]] = json.load(answer)
        return rows
