# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""State and evidence lie in one directory for every role and playbook, however the directory was written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

pytestmark = pytest.mark.integration

_ROLES: t.Final = tuple(
    sorted(
        path.parent.parent.name
        for path in ROOT.glob("roles/*/defaults/main.yml")
        if "HOTPASS_STATE_DIR" in path.read_text(encoding="utf-8")
    )
)
_FILES: t.Final = ("playbooks/stop.yml", "playbooks/demo.yml", "molecule/default/verify.yml")
_PREFECT: t.Final = ("prefect_server", "prefect_worker", "sample_input", *_FILES)
"""What goes by ``prefect_state_dir`` also where the inventory says where the ring's state is."""

_PAPERS: t.Final = {
    "rehearse_tasks_file": "Next_Steps.md",
    "rehearse_log_file": "Next_Steps_Log.md",
    "rehearse_plan_file": "docs/operations/staging-rehearsal-plan.md",
}
_HOSTS: t.Final = ("dev", "staging", "production", "localhost")

Seen = dict[str, dict[str, dict[str, str]]]


def test_the_roles_that_keep_something_are_looked_at() -> None:
    assert {"ring", "rehearse", "evidence", "backfill", "transfer_export", "transfer_import"} <= set(_ROLES)
    assert len(_ROLES) == 10


def _settings(value: t.Any) -> t.Iterator[tuple[str, str]]:
    """The state directories that a playbook sets anywhere in it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if str(key).endswith("_state_dir"):
                yield key, inner
            yield from _settings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _settings(inner)


def _play(name: str, variables: t.Iterable[str], **more: t.Any) -> dict[str, t.Any]:
    found = ", ".join(f"'{variable}': {variable}" for variable in variables)
    # A fact, because a role's defaults end with its play.
    fact = f"{{{{ seen | default({{}}) | combine({{'{name}': {{{found}}}}}) }}}}"
    task = {"ansible.builtin.set_fact": {"seen": fact}}
    return {"hosts": "ring,localhost", "connection": "local", "gather_facts": False, **more, "tasks": [task]}


def _plays(directory: Path) -> list[dict[str, t.Any]]:
    """One play for each role's defaults, with no task of the role, and for each playbook's settings."""
    plays = []
    for role in _ROLES:
        defaults = ROOT / "roles" / role / "defaults/main.yml"
        copy = directory / "plays/roles" / role / "defaults"
        copy.mkdir(parents=True)
        shutil.copy(defaults, copy)
        names = [name for name in yaml.safe_load(defaults.read_text(encoding="utf-8")) if _is_place(name)]
        plays.append(_play(role, names, roles=[role]))
    for file in _FILES:
        settings = dict(_settings(yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))))
        assert settings, file
        plays.append(_play(file, settings, vars=settings))
    written = {"content": "{{ seen | to_json }}", "dest": f"{directory}/{{{{ inventory_hostname }}}}.json"}
    last = _play("", ())
    last["tasks"] = [{"ansible.builtin.copy": {**written, "mode": "0600"}}]
    return [*plays, last]


def _is_place(name: str) -> bool:
    return (name.endswith(("_state_dir", "_evidence_dir")) and "_usual_" not in name) or name in _PAPERS


def _read(directory: Path, state: str | None, *arguments: str) -> Seen:
    """What each host has of each role and playbook, when Ansible is started in the directory ``work``."""
    work = directory / "work"
    work.mkdir(exist_ok=True)
    play = directory / "plays/play.yml"
    if not play.exists():
        play.parent.mkdir()
        play.write_text(yaml.safe_dump(_plays(directory), width=1000), encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if key != "HOTPASS_STATE_DIR"}
    environment.update({"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "HOME": str(directory), "ANSIBLE_NOCOLOR": "1"})
    if state is not None:
        environment["HOTPASS_STATE_DIR"] = state
    inventories = [part for ring in _HOSTS[:3] for part in ("-i", str(ROOT / "inventories" / ring))]
    interpreter = ("-e", f"ansible_python_interpreter={sys.executable}")
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", play, *inventories, *interpreter, *arguments],
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    seen: Seen = {host: json.loads((directory / f"{host}.json").read_text(encoding="utf-8")) for host in _HOSTS}
    assert all(set(found) == {*_ROLES, *_FILES} for found in seen.values())
    return seen


def _places(seen: Seen, ending: str, where: t.Collection[str] = (*_ROLES, *_FILES)) -> set[str]:
    return {
        value
        for found in seen.values()
        for name, variables in found.items()
        if name in where
        for variable, value in variables.items()
        if variable.endswith(ending)
    }


def _papers(seen: Seen) -> set[tuple[str, str]]:
    return {(name, found["rehearse"][name]) for found in seen.values() for name in _PAPERS}


def _papers_in(directory: Path) -> set[tuple[str, str]]:
    return {(name, f"{directory}/{path}") for name, path in _PAPERS.items()}


@pytest.mark.parametrize(
    ("state", "directory"),
    [
        ("", "work/.hotpass"),
        ("state/", "work/state"),
        ("./deep/../deep/state", "work/deep/state"),
        ("../beside/state", "beside/state"),
        ("~/state", "state"),
        ("<here>/elsewhere/state/", "elsewhere/state"),
    ],
)
def test_the_state_is_in_one_directory_and_the_evidence_beside_it(
    tmp_path: Path, state: str | None, directory: str
) -> None:
    seen = _read(tmp_path, state.replace("<here>", str(tmp_path)) if state is not None else None)
    whole = tmp_path / directory
    assert _places(seen, "_state_dir") == {str(whole)}
    assert _places(seen, "_evidence_dir") == {f"{whole.parent}/dist"}
    assert _papers(seen) == _papers_in(whole.parent)


@pytest.mark.parametrize(
    ("evidence", "directory"),
    [
        ("", "work/dist"),
        ("kept/", "work/kept"),
        ("./a/../b/kept//", "work/b/kept"),
        ("~/kept", "kept"),
        ("<here>/elsewhere/kept/", "elsewhere/kept"),
        ("<here>/link", "link"),
    ],
)
def test_the_papers_are_beside_the_evidence(tmp_path: Path, evidence: str, directory: str) -> None:
    # Papers stay beside a link when the evidence is on another disk.
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    given = evidence.replace("<here>", str(tmp_path))
    seen = _read(tmp_path, "state/", "-e", f"evidence_dir={given}")
    whole = tmp_path / directory
    assert _places(seen, "_evidence_dir") == {str(whole)}
    assert _papers(seen) == _papers_in(whole.parent)


def test_a_directory_that_is_given_on_the_command_line_is_of_the_working_directory(tmp_path: Path) -> None:
    seen = _read(tmp_path, None, "-e", "prefect_state_dir=given/state/")
    assert _places(seen, "_state_dir", _PREFECT) == {f"{tmp_path}/work/given/state"}
    seen = _read(tmp_path, None, "-e", "ring_state_dir=given/state/", "-e", "ring_evidence_dir=given/dist/")
    others = [role for role in _ROLES if role not in ("ring", *_PREFECT)]
    assert _places(seen, "_state_dir", others) == {f"{tmp_path}/work/given/state"}
    assert _places(seen, "_evidence_dir", others) == {f"{tmp_path}/work/given/dist"}
    assert _papers(seen) == _papers_in(tmp_path / "work/given")
    # Without a directory for the evidence it is beside the state here as well.
    seen = _read(tmp_path, None, "-e", "ring_state_dir=given/state/")
    assert _places(seen, "_evidence_dir") == {f"{tmp_path}/work/given/dist"}
