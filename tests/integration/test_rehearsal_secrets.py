# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rehearsal's bundle holds no secret, wherever on the server or in a task's options one stood."""

from __future__ import annotations

import datetime
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import Bundle
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute_backfill import log_name
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.rehearsal_summary import SUMMARY_ARTIFACT
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.declared import Declared
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.shapes import Door, MakeDeployment

pytestmark = pytest.mark.integration

_NAME = "20261122T120000Z"
_WINDOW = {"run_date": "2024-01-01", "version": "1"}
# Each stands in one place where nothing but its name or its address tells that it is one, and may be quoted anywhere.
_KNOWN = {
    "deployment's job variable": "tok-of-the-deployment",
    "deployment's address": "pw-in-the-deployments-address",
    "deployment's parameter": "pw-in-a-parameter",
    "run's parameter": "key-of-the-run",
    "run's job variable": "pw-of-the-run",
}
# These are only ever written as part of an address.
_ADDRESSES = {
    place: f"pw-of-an-address-in-a-{place}"
    for place in ("state", "log", "line", "reason", "note", "command", "artifact")
}


def _quoting(place: str) -> str:
    """A message as libraries write them: with all that they were given."""
    return f"cannot reach postgresql://svc:{_ADDRESSES[place]}@db.example/x with {', '.join(_KNOWN.values())}"


def _run(session: Session, deployment: str) -> str:
    body = {
        "parameters": {"runs": [_WINDOW], "crm": {"api_key": _KNOWN["run's parameter"]}},
        "job_variables": {"env": {"SMTP_PASSWORD": _KNOWN["run's job variable"]}},
    }
    run: str = session.write("POST", f"/deployments/{deployment}/create_flow_run", body)["id"]
    for kind in ("PENDING", "RUNNING", "FAILED"):
        state = {"type": kind, "message": _quoting("state")}
        session.write("POST", f"/flow_runs/{run}/set_state", {"state": state})
    moment = datetime.datetime.now(datetime.UTC).isoformat()
    entry = {"name": "flow", "level": 40, "message": _quoting("log"), "timestamp": moment, "flow_run_id": run}
    session.write("POST", "/logs/", [entry])
    said = {"runs": [{**_WINDOW, "success": False, "error": _quoting("artifact")}]}
    artifact = {"key": SUMMARY_ARTIFACT, "type": "json", "data": said, "flow_run_id": run}
    session.write("POST", "/artifacts/", artifact)
    return run


def test_no_file_of_a_bundle_holds_a_secret(
    session: Session, make_deployment: MakeDeployment, door: Door, tmp_path: Path
) -> None:
    password = _KNOWN["deployment's address"]
    row = make_deployment(
        concurrency_limit=1,
        parameters={"base_config": {"password": _KNOWN["deployment's parameter"]}, "runs": [], "crm": {}},
        job_variables={
            "env": {
                "DATABASE": f"postgresql://svc:{password}@db.example/x",
                "API_TOKEN": _KNOWN["deployment's job variable"],
            }
        },
        enforce_parameter_schema=False,
    )
    run = _run(session, row["id"])
    bundle = Bundle(str(tmp_path / "dist"), "dev", "backfill", _NAME)
    bundle.write(log_name("dev"), f"12:00:00 window 1 of 1: {_quoting('line')}\n")
    name = f"{row['flow_name']}/{row['name']}"
    result: dict[str, t.Any] = door(
        "hotpass_evidence",
        state="captured",
        ring="dev",
        solution="hotpass",
        evidence_dir=str(tmp_path / "dist"),
        kind="backfill",
        name=_NAME,
        generation=1,
        release="sha256:" + "5" * 64,
        deployment=name,
        declared=Declared(name, 1).to_json(),
        run_ids=[run],
        windows=[{**_WINDOW, "reason": _quoting("reason")}],
        stopped_at="watch",
        stopped_because=_quoting("reason"),
        notes=[_quoting("note")],
        command=["play", "-e", '{"db_password": "pw-of-an-address-in-a-command"}', "-e", _quoting("command")],
        screenshot="off",
    )
    assert not result["failed"], result["msg"]
    files = {path.name: path.read_text(errors="replace") for path in bundle.directory.rglob("*") if path.is_file()}
    # What was said is there, in each place.
    for file in ("states.json", "runs.json", "plan.json", "summary.json", "notes.md", log_name("dev"), "cli.sh"):
        assert "postgresql://(secret)@db.example/x" in files[file], file
    log = files[log_name("dev")]
    assert log.count("postgresql://(secret)@db.example/x") == 3
    found = [
        (file, place)
        for places in (_KNOWN, _ADDRESSES)
        for place, secret in places.items()
        for file, text in files.items()
        if secret in text
    ]
    assert found == []
