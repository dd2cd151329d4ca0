# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The refinement with Prefect's runtime: a real run on a live server, in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.reading import ARTIFACTS, FLOW_RUNS, read_all
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.flow_process import run_flow
from tests.support.server import PrefectServer
from tests.support.shapes import Unique
from tests.support.workbooks import write_workbook

pytestmark = pytest.mark.integration

ROWS = {"Cleaned": [{"Name of Organisation": name, "Province": "GP"} for name in ("Tower", "TOWER", "Mast")]}


def test_1_is_a_prefect_flow_that_publishes_its_summary(
    server: PrefectServer, session: Session, unique: Unique, tmp_path: Path
) -> None:
    tag = unique("refinement")
    for name in ("data", "empty"):
        (tmp_path / name).mkdir()
    write_workbook(tmp_path / "data" / "a.xlsx", ROWS)
    outcome = run_flow(
        tmp_path,
        "1",
        {"archive": True},
        {"input_dir": "empty"},
        {"archive": "perhaps"},
        api_url=server.api_url,
        tag=tag,
    )
    assert outcome["name"] == "hotpass-refinement-pipeline"
    [result] = outcome["results"]
    assert result["output_path"] == str(tmp_path / "dist/refined/latest.parquet")

    no_input, bad_type = outcome["errors"]
    assert no_input == (
        f"HotpassError: input_dir {tmp_path / 'empty'} holds no .xlsx workbook, so there is nothing to refine."
    )
    assert "archive: Input should be a valid boolean" in bad_type
    runs = read_all(session, FLOW_RUNS, filters.flow_runs(tags=[tag]))
    assert sorted(entry["state_type"] for entry in runs) == ["COMPLETED", "FAILED", "FAILED"]

    [completed] = [entry["id"] for entry in runs if entry["state_type"] == "COMPLETED"]
    found = read_all(session, ARTIFACTS, filters.artifacts(flow_run_ids=[entry["id"] for entry in runs]))
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
