# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which runs of a deployment a rehearsal waits for: the task of the role itself, with runs that never were."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

_ROLE: t.Final = ROOT / "roles" / "rehearse"
_TASK: t.Final = "Nobody holds a slot"


def _run(name: str, state_type: str, state_name: str, auto_scheduled: bool) -> dict[str, t.Any]:
    row = {"id": f"id of {name}", "name": name, "state_type": state_type, "state_name": state_name}
    return {**row, "auto_scheduled": auto_scheduled}


def _play(directory: Path, runs: list[dict[str, t.Any]], slots: int) -> tuple[int, str]:
    """Play the task, and return the exit code and what was said."""
    tasks = yaml.safe_load((_ROLE / "tasks/ready.yml").read_text(encoding="utf-8"))
    (task,) = (one for one in tasks if one["name"] == _TASK)
    (directory / "templates").symlink_to(_ROLE / "templates")
    facts = {
        "rehearse_earlier": {"objects": runs},
        "rehearse_keys": {"objects": [{"name": "deployment:d1", "active_slots": slots}]},
        "rehearse_target": {"deployment": "f/d", "deployment_id": "d1"},
        "rehearse_guardrails": {"declared": {"concurrency_key": None}},
    }
    play = {"hosts": "localhost", "gather_facts": False, "vars": facts, "tasks": [task]}
    (directory / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    done = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "ansible-playbook"), str(directory / "play.yml")),
            *("-i", "localhost,", "-c", "local", "-e", json.dumps({"ansible_python_interpreter": sys.executable})),
        ],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_what_a_schedule_planned_ahead_holds_nothing(tmp_path: Path) -> None:
    names = ("Scheduled", "Late", "AwaitingConcurrencySlot")
    code, output = _play(tmp_path, [_run(name.lower(), "SCHEDULED", name, True) for name in names], 0)
    assert code == 0, output


@pytest.mark.parametrize("scheduled", [True, False])
def test_a_run_that_waits_for_its_next_try_keeps_its_slot_and_is_waited_for(tmp_path: Path, scheduled: bool) -> None:
    planned = _run("planned", "SCHEDULED", "Scheduled", True)
    code, output = _play(tmp_path, [planned, _run("trying-again", "SCHEDULED", "AwaitingRetry", scheduled)], 1)
    assert code == 2, output
    assert "The deployment f/d is busy: 1 of its runs have not ended (trying-again)." in output
    assert "The limit of the deployment f/d is locked: 1 of its slots are taken." in output
    assert "reset_slots" not in output, "its slot is not to be set free"
