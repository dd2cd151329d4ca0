# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that ``cli.sh`` repeats a rehearsal with names each option as the role reads it, and no secret."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import typing as t
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import is_secret_key

from tests.conftest import ROOT

_ROLE: t.Final = ROOT / "roles" / "rehearse"
_ASKED: t.Final = {
    *("deployment", "since", "until", "versions", "work_queue", "k", "screenshot", "lineage", "restore_guardrails"),
    *("reset_slots", "evidence_dir", "upload", "s3_endpoint", "s3_region", "s3_ca_path"),
}
# Settings that may be given by hand as well, each by its own name.
_BOUNDS: t.Final = {
    *("rehearse_timeout", "rehearse_stall_timeout", "rehearse_worker_timeout", "rehearse_bounds"),
    *("rehearse_work_pool_limit", "rehearse_work_queue_limit"),
}
_SITE: t.Final = {"prefect_embedded", "prefect_port", "prefect_api_url"}


def _read(path: str) -> t.Any:
    return yaml.safe_load((_ROLE / path).read_text(encoding="utf-8"))


def _given() -> dict[str, str]:
    """Each key of the command, and the variable of the role whose value it has."""
    capture = next(task for task in _read("tasks/capture.yml") if "hotpass.prefect.hotpass_evidence" in task)
    text = " ".join(capture["vars"][name] for name in ("rehearse_command", "rehearse_where", "rehearse_set"))
    return dict(re.findall(r"'(\w+)': (\w+)", text))


def test_each_key_is_what_the_default_of_its_variable_reads() -> None:
    defaults, given = _read("defaults/main.yml"), _given()
    assert given.keys() == _ASKED | _BOUNDS | _SITE
    # These two are worked out of what the defaults say.
    made = {"rehearse_version_list": "rehearse_versions", "rehearse_last_date": "rehearse_until"}
    assert all(given[key] == key for key in _BOUNDS | _SITE)
    assert defaults.keys() >= _BOUNDS
    for key, variable in given.items():
        if key not in _ASKED:
            continue
        default = str(defaults[made.get(variable, variable)])
        assert re.search(rf"\b{key} \| default\(", default), f"{variable} does not read {key}"


def test_each_key_is_described_with_the_option_that_it_sets() -> None:
    options = _read("meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    described = yaml.safe_dump(options, width=10_000)
    assert [key for key in _ASKED if f"C({key})" not in described] == []
    assert options.keys() >= _BOUNDS


def test_no_key_is_a_secret() -> None:
    assert [key for key in _given() if is_secret_key(key) or key.endswith(("_key", "_token"))] == []


def _said(
    tmp_path: Path,
    role: str,
    names: t.Mapping[str, str],
    hosts: str,
    *arguments: str,
    rings: t.Sequence[str] = ("dev",),
    where: Path | None = None,
) -> dict[str, t.Any]:
    """What these templates come to with the defaults and the variables of a role, in a project of the test's own.

    :param rings: that the inventory has; what they come to for the first is told.
    :param where: the play is run; in the project by default.
    """
    out, play = tmp_path / "said.json", tmp_path / "playbooks" / "play.yml"
    files = [str(ROOT / "roles" / role / kind / "main.yml") for kind in ("defaults", "vars")]
    say = {"content": "{{ said | to_json }}", "dest": str(out), "mode": "0600"}
    told = {name: "{{ " + name + " }}" for name in names}
    first = "inventory_hostname == groups['ring'] | first"
    task = {"name": "Say", "ansible.builtin.copy": say, "when": first, "vars": {**names, "said": told}}
    plays = [{"name": "Say", "hosts": "ring", "gather_facts": False, "vars_files": files, "tasks": [task]}]
    play.parent.mkdir()
    play.write_text(yaml.safe_dump(plays, width=10_000), encoding="utf-8")
    settings = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "ring": "dev",
        "prefect_embedded": True,
        "prefect_port": 4200,
        "prefect_api_url": "http://127.0.0.1:{{ prefect_port }}/api",
    }
    inventory = tmp_path / hosts
    inventory.write_text(json.dumps({"ring": {"hosts": dict.fromkeys(rings, settings)}}), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOTPASS_")}
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), str(play), "-i", str(inventory), *arguments],
        cwd=where or tmp_path,
        env={**environment, "HOTPASS_STATE_DIR": str(tmp_path / "state")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said: dict[str, t.Any] = json.loads(out.read_bytes())
    return said


def _rehearsal(tmp_path: Path, hosts: str, *arguments: str, **more: t.Any) -> dict[str, t.Any]:
    """The command of ``cli.sh``, and the one that a bundle is verified and uploaded with."""
    capture = next(task for task in _read("tasks/capture.yml") if "hotpass.prefect.hotpass_evidence" in task)
    names = {**capture["vars"], "rehearse_last_date": "", "verify": "{{ rehearse_verify }}"}
    return _said(tmp_path, "rehearse", names, hosts, *arguments, **more)


def test_it_goes_to_the_same_server_and_state_under_the_same_bounds(tmp_path: Path) -> None:
    given = {"prefect_port": 4317, "rehearse_timeout": 60, "rehearse_bounds": {"heartbeat_seconds": 30}}
    said = _rehearsal(tmp_path, "my hosts.yml", "-e", json.dumps({**given, "rehearse_work_queue_limit": 3}))
    *words, variables = said["rehearse_command"]
    assert words == ["ansible-playbook", "playbooks/rehearse.yml", "-i", "my hosts.yml", "-e"]
    state = str(tmp_path / "state")
    wanted = {
        **given,
        "prefect_embedded": True,
        "rehearse_work_queue_limit": 3,
        "ring_state_dir": state,
        "prefect_state_dir": state,
    }
    assert wanted.items() <= json.loads(variables).items()
    assert "prefect_api_url" not in json.loads(variables)
    assert "rehearse_work_pool_limit" not in json.loads(variables)
    assert said["verify"] == [
        *("ansible-playbook", "playbooks/verify_evidence.yml", "-i", "my hosts.yml"),
        *("-e", json.dumps({"ring_state_dir": state})),
    ]


def test_it_goes_to_the_same_server_that_is_no_embedded_one(tmp_path: Path) -> None:
    other = {"prefect_embedded": False, "prefect_api_url": "https://prefect.example.com/api"}
    usual = {"ring_state_dir": str(tmp_path / ".hotpass")}
    said = _rehearsal(tmp_path, "hosts.yml", "-e", json.dumps({**other, **usual}))
    variables = json.loads(said["rehearse_command"][-1])
    assert other.items() <= variables.items()
    assert variables.keys().isdisjoint({"prefect_port", "ring_state_dir", "prefect_state_dir"})
    assert said["verify"] == ["ansible-playbook", "playbooks/verify_evidence.yml", "-i", "hosts.yml"]


def test_a_bundle_is_uploaded_again_with_the_same_keys(tmp_path: Path) -> None:
    given = {"trust": "keys/alice's.pub,builder=keys/ci.pub", "ring_state_dir": str(tmp_path / "else where")}
    begins = ["ansible-playbook", "playbooks/verify_evidence.yml", "-i", "hosts.yml"]
    names = {"command": "{{ evidence_command }}"}
    said = _said(tmp_path, "evidence", names, "hosts.yml", "-e", json.dumps(given))["command"]
    assert said[:-1] == [*begins, "-e"]
    assert json.loads(said[-1]) == given


def test_a_bundle_is_uploaded_again_with_the_inventorys_keys(tmp_path: Path) -> None:
    usual = json.dumps({"ring_state_dir": str(tmp_path / ".hotpass")})
    said = _said(tmp_path, "evidence", {"command": "{{ evidence_command }}"}, "hosts.yml", "-e", usual)["command"]
    assert said == ["ansible-playbook", "playbooks/verify_evidence.yml", "-i", "hosts.yml"]


def test_of_several_rings_the_command_is_limited_to_the_one_that_was_rehearsed(tmp_path: Path) -> None:
    said = _rehearsal(tmp_path, "hosts.yml", rings=("staging", "dev"))
    of_one = ["-i", "hosts.yml", "--limit", "staging", "-e"]
    assert said["rehearse_command"][:-1] == ["ansible-playbook", "playbooks/rehearse.yml", *of_one]
    assert said["verify"][:-1] == ["ansible-playbook", "playbooks/verify_evidence.yml", *of_one]


def test_of_several_rings_one_s_bundle_is_uploaded_again(tmp_path: Path) -> None:
    names = {"command": "{{ evidence_command }}"}
    said = _said(tmp_path, "evidence", names, "hosts.yml", rings=("staging", "dev"))["command"]
    assert said[2:-1] == ["-i", "hosts.yml", "--limit", "staging", "-e"]


@pytest.mark.parametrize(("role", "names"), [("rehearse", "rehearse"), ("evidence", "verify_evidence")])
def test_away_from_the_project_all_has_its_whole_path(tmp_path: Path, role: str, names: str) -> None:
    """As with an installed collection. The project's own state is no default there."""
    away = tmp_path / "else where"
    away.mkdir()
    usual = json.dumps({"ring_state_dir": str(tmp_path / ".hotpass")})
    capture = next(task for task in _read("tasks/capture.yml") if "hotpass.prefect.hotpass_evidence" in task)
    wanted = {**capture["vars"], "rehearse_last_date": "", "command": "{{ rehearse_command }}"}
    if role == "evidence":
        wanted = {"command": "{{ evidence_command }}"}
    said = _said(tmp_path, role, wanted, "a,hosts.yml", "-e", usual, where=away)["command"]
    begins = ["ansible-playbook", str(tmp_path / "playbooks" / f"{names}.yml"), "-i", str(tmp_path / "a,hosts.yml")]
    assert said[:-1] == [*begins, "-e"]
    assert json.loads(said[-1])["ring_state_dir"] == str(tmp_path / ".hotpass")


def test_the_report_s_command_is_quoted() -> None:
    report = (_ROLE / "templates" / "report.txt.j2").read_text(encoding="utf-8")
    [line] = [line for line in report.splitlines() if line.startswith("verify it: ")]
    variables = {"rehearse_verify": ["ansible-playbook", "-i", "my hosts"]}
    sealed = {"evidence": {"path": "/some where/it's"}}
    templar = jinja2.Environment(autoescape=False)
    templar.filters |= {"to_json": json.dumps, "quote": shlex.quote}
    said = templar.from_string(line).render(variables, rehearse_sealed=sealed)
    words = shlex.split(said.removeprefix("verify it: "))
    assert words == [*variables["rehearse_verify"], "-e", json.dumps({"bundle": "/some where/it's"})]
