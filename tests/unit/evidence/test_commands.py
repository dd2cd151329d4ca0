# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``cli.sh`` is a script that a shell reads as it was meant, whatever names are in it."""

from __future__ import annotations

import json
import subprocess
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import commands

_AWKWARD = "flow with 'quotes'/and $(touch gone) `too`"


def _script(**changes: t.Any) -> str:
    run = {"run_id": "5517ac77", "run_date": "2024-01-01", "version": "1'; touch gone; '", "state": "COMPLETED"}
    params = {
        "name": "20261122T073000Z",
        "ring": "staging",
        "api_url": "http://somebody:word@127.0.0.1:4200/api",
        "command": ["ansible-playbook", "playbooks/rehearse.yml", "-e", '{"since": "2024-01-01"}'],
        **changes,
    }
    return commands.script(params, {"deployment": _AWKWARD, "windows": [run]})


def test_a_shell_runs_exactly_the_commands_that_were_meant(tmp_path: t.Any) -> None:
    # Each program of the script says what it was given, a word a line.
    says = (
        'ansible-playbook() { printf "<%s>\\n" ansible-playbook "$@"; }\nprefect() { printf "<%s>\\n" prefect "$@"; }\n'
    )
    done = subprocess.run(
        ["bash", "-c", says + _script()], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=20
    )
    window = '{"runs": [{"run_date": "2024-01-01", "version": "1\'; touch gone; \'"}]}'
    assert done.stdout.splitlines() == [
        *("<ansible-playbook>", "<playbooks/rehearse.yml>", "<-e>", '<{"since": "2024-01-01"}>'),
        *("<prefect>", "<deployment>", "<inspect>", f"<{_AWKWARD}>", "<--output>", "<json>"),
        *("<prefect>", "<deployment>", "<run>", f"<{_AWKWARD}>", "<--params>", f"<{window}>", "<--watch>"),
        *("<prefect>", "<flow-run>", "<inspect>", "<5517ac77>", "<--output>", "<json>"),
    ]
    assert list(tmp_path.iterdir()) == []


def test_no_password_stands_in_it() -> None:
    address = "http://somebody:word@example.com/"
    for given in (f"url={address}", json.dumps({"prefect_api_url": address})):
        script = _script(command=["ansible-playbook", "-e", given])
        assert "word" not in script
        assert "example.com" in script


def test_a_queue_that_was_asked_for_is_said_and_is_no_command() -> None:
    assert "work queue" not in _script()
    script = _script(work_queue="slow\ntouch gone")
    assert (
        "# (they went into the work queue 'slow touch gone'; prefect deployment run cannot name one,\n"
        "# so these go into the deployment's own)\n"
    ) in script
    assert [line for line in script.splitlines() if line.startswith("touch")] == []


def test_without_a_command_it_says_so() -> None:
    assert "# (it was not started by a command)" in _script(command=[])
