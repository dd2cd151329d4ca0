# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The extra variables that role awx_setup gives to job templates, read by Ansible as a job would read them."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from tests.conftest import ROOT

_ROLE = ROOT / "roles/awx_setup"
_MADE = f"""
- hosts: localhost
  gather_facts: false
  vars_files: [{_ROLE}/defaults/main/main.yml, {_ROLE}/vars/main/main.yml]
  tasks:
    - ansible.builtin.copy:
        content: "{{{{ awx_setup_job_variables | to_json }}}}"
        dest: variables.json
        mode: "0600"
"""
_READ = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        content: "{{ [ring_state_dir, ring_evidence_dir, ring_store, ring_flow_path] | to_json }}"
        dest: read.json
        mode: "0600"
"""


def _play(directory: Path, play: str, *arguments: str) -> tuple[int, str]:
    file = directory / "playbooks/play.yml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(play.replace("dest: ", f"dest: {directory}/"), encoding="utf-8")
    program = Path(sys.executable).parent / "ansible-playbook"
    interpreter = f"ansible_python_interpreter={sys.executable}"
    done = subprocess.run(
        [program, file, "-i", "localhost,", "-c", "local", "-e", interpreter, *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def _variables(directory: Path, state: Path) -> dict[str, t.Any]:
    code, output = _play(directory, _MADE, "-e", f"awx_setup_state_dir={state}")
    assert code == 0, output
    variables: dict[str, t.Any] = json.loads((directory / "variables.json").read_text(encoding="utf-8"))
    return variables


def test_paths_are_those_of_the_job(tmp_path: Path) -> None:
    state = tmp_path / "shown"
    state.mkdir()
    variables = _variables(tmp_path, state)
    assert "{{ playbook_dir" in variables["ring_flow_path"]
    assert (variables["prefect_embedded"], variables["ring_demo_keys"]) == (False, False)
    code, output = _play(tmp_path, _READ, "-e", f"@{tmp_path}/variables.json")
    assert code == 0, output
    read = json.loads((tmp_path / "read.json").read_text(encoding="utf-8"))
    assert read == [str(state), f"{state}/evidence", f"{state}/store", f"{tmp_path}/prefect/flows"]


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_a_job_that_is_not_shown_the_directory_fails(tmp_path: Path, kind: str) -> None:
    state = tmp_path / kind
    if kind == "file":
        state.touch()
    _variables(tmp_path, state)
    code, output = _play(tmp_path, _READ, "-e", f"@{tmp_path}/variables.json")
    assert code == 2
    assert (
        f"AWX does not show {state} to its jobs, so nothing would be kept (docs/awx.md, Where things stay)." in output
    )
    assert not (tmp_path / "read.json").exists()
