# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the job templates of ``roles/awx_setup`` with ansible-runner, prepared as AWX prepares a job.

What is rendered when, what is marked as no template, and what wins over what follows AWX 24.6.1: a credential's files
and variables come from its type's injectors; the variables of a job are those of its template, then the answers of the
survey, then what the workflow's earlier jobs have left, then who launched it; only what the template itself says may
hold templates; the inventory is a script that prints what ``ansible-inventory --export`` said of the source.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import yaml

from tests.conftest import ROOT
from tests.support import projects
from tests.support.awx_like_runner_data import JOB_TEMPLATES, RINGS, Credential, answered, as_yaml, inject
from tests.support.shapes import Result

_BIN = Path(sys.executable).parent
_JOB_SECONDS = 900
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_COLLECTIONS = "~/.ansible/collections:/usr/share/ansible/collections"


@dataclasses.dataclass(frozen=True)
class Job:
    """What AWX shows of a job that has ended.

    :ivar artifacts: what it hands on to the next job of a workflow.
    :ivar stdout: with the colours taken out.
    """

    rc: int
    status: str
    stdout: str
    artifacts: Result
    events: list[Result]

    @property
    def last(self) -> str:
        """What the last task before the recap said, in one line."""
        shown = [event for event in self.events if event["event"].startswith("runner_on_") and event["stdout"]]
        result = shown[-1]["event_data"].get("res", {})
        return " ".join(str(result.get("msg", "")).split())

    @property
    def words(self) -> str:
        """The output with every run of white space as one space."""
        return " ".join(self.stdout.split())


class Awx:
    """An AWX with a project, an inventory for each ring, and credentials; it keeps nothing of a job but :class:`Job`.

    :ivar launched: the names of the job templates that were launched.

    :param directory: for private data directories, and the home that jobs have.
    :param variables: ``awx_setup_variables``: extra variables of every job template.
    :param ring_variables: those of a ring's job templates.
    :param credentials: by the names that the role's data has for them; one that is not here does not exist.
    """

    def __init__(
        self,
        directory: Path,
        *,
        variables: Result,
        ring_variables: t.Mapping[str, Result],
        credentials: t.Mapping[str, Credential],
    ) -> None:
        self.directory = directory
        self.credentials = dict(credentials)
        self._variables = variables
        self._ring_variables = ring_variables
        self._jobs = 0
        self.launched: set[str] = set()
        self._home = directory / "home"
        self._home.mkdir(parents=True)
        self.project = directory / "project"
        _copy_checkout(self.project)
        self._inventories = {ring: self._update_inventory(ring) for ring in RINGS}

    def _update_inventory(self, ring: str) -> str:
        source = RINGS[ring]["source_path"]
        command = [_BIN / "ansible-inventory", "-i", source, "--list", "--export"]
        done = subprocess.run(
            command, cwd=self.project, env=self._environment(), capture_output=True, text=True, check=True
        )
        return done.stdout

    def _environment(self) -> dict[str, str]:
        """What an execution environment has, and nothing of whoever runs the tests."""
        return {"PATH": f"{_BIN}{os.pathsep}{os.environ['PATH']}", "HOME": str(self._home), "LANG": "C.UTF-8"}

    def launch(
        self,
        template: str,
        ring: str,
        *,
        user: str,
        answers: t.Mapping[str, t.Any] | None = None,
        artifacts: t.Mapping[str, t.Any] | None = None,
        add: t.Sequence[Credential] = (),
        extra: t.Mapping[str, t.Any] | None = None,
    ) -> Job:
        """Launch a job template, and wait until the job has ended.

        :param user: who launches it.
        :param answers: of the survey, beside its defaults.
        :param artifacts: of the job before it in a workflow.
        :param add: credentials that are chosen at launch.
        :param extra: further variables, such as a webhook's.
        :raises AssertionError: for an answer that AWX would not take.
        """
        self._jobs += 1
        self.launched.add(template)
        wanted = JOB_TEMPLATES[template]
        assert ring in wanted["rings"], f"There is no job template {template} {ring}."
        assert not add or "credential" in wanted.get("ask", []), f"{template} takes no credential at launch."
        place = self.directory / f"awx_{self._jobs}"
        (place / "env").mkdir(parents=True)
        place.chmod(0o700)
        projects.git(self.directory, "clone", "--quiet", str(self.project), str(place / "project"))
        script = place / "inventory" / "hosts"
        script.parent.mkdir()
        script.write_text(f"#!{sys.executable}\nprint({self._inventories[ring]!r})\n", encoding="utf-8")
        script.chmod(0o700)

        env = self._job_environment(place)
        arguments = ["--limit", ring, *(["--check"] if wanted.get("job_type") == "check" else [])]
        arguments += ["--diff"] if wanted.get("diff_mode") else []
        named = [name.replace("{ring}", ring) for name in wanted["credentials"]]
        given = [self.credentials[name] for name in named if name in self.credentials]
        for credential in [*given, *add]:
            arguments += inject(credential, place, env)

        own = self._template_variables(template, ring)
        job: Result = {**own, **answered(wanted, answers or {}), **(artifacts or {}), **(extra or {})}
        job |= self._metadata(template, ring, user)
        _write(place / "env" / "extravars", as_yaml(job, own))
        _write(place / "env" / "envvars", yaml.safe_dump(env))
        _write(place / "env" / "cmdline", " ".join(arguments))
        _write(place / "env" / "settings", yaml.safe_dump({"job_timeout": _JOB_SECONDS}))
        try:
            return self._run(place, wanted["playbook"])
        finally:
            shutil.rmtree(place)

    def _job_environment(self, place: Path) -> dict[str, str]:
        """The environment of every job, and the collections path that AWX computes of the project's ansible.cfg."""
        return {
            "ANSIBLE_COLLECTIONS_PATH": f"{place}/requirements_collections:collections:{_COLLECTIONS}",
            "ANSIBLE_FORCE_COLOR": "True",
            "ANSIBLE_HOST_KEY_CHECKING": "False",
            "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
            "ANSIBLE_RETRY_FILES_ENABLED": "False",
            "AWX_PRIVATE_DATA_DIR": str(place),
            "JOB_ID": str(self._jobs),
        }

    def _template_variables(self, template: str, ring: str) -> Result:
        """The extra variables of a job template, as ``roles/awx_setup`` makes them."""
        checkout = "{{ playbook_dir | dirname }}"
        return {
            "prefect_embedded": False,
            "ring_demo_keys": False,
            "ring_flow_path": f"{checkout}/prefect/flows",
            "ring_manifest_dir": f"{checkout}/{RINGS[ring]['manifests']}",
            "ring_approve_template": f"Hotpass approve {ring}",
            **({"ring_repository": str(self.project)} if JOB_TEMPLATES[template].get("webhook") else {}),
            **self._variables,
            **RINGS[ring].get("variables", {}),
            **self._ring_variables.get(ring, {}),
            **JOB_TEMPLATES[template].get("variables", {}),
        }

    def _metadata(self, template: str, ring: str, user: str) -> Result:
        known = {
            "job_id": self._jobs,
            "job_launch_type": "workflow",
            "job_template_id": list(JOB_TEMPLATES).index(template) + 7,
            "job_template_name": f"Hotpass {template} {ring}",
            "workflow_job_id": 1000,
            "workflow_job_name": "Hotpass release",
            "workflow_job_launch_type": "manual",
            "project_revision": projects.git(self.project, "rev-parse", "HEAD"),
            "project_scm_branch": "main",
            "inventory_id": list(RINGS).index(ring) + 3,
            "inventory_name": f"Hotpass {ring}",
            "user_id": 42,
            "user_name": user,
            "user_email": f"{user}@example.com",
            "user_first_name": user.capitalize(),
            "user_last_name": "Example",
        }
        return {f"{prefix}_{key}": value for prefix in ("awx", "tower") for key, value in known.items()}

    def _run(self, place: Path, playbook: str) -> Job:
        command = [str(_BIN / "ansible-runner"), "run", str(place), "-p", playbook, "--ident", "job", "-q"]
        subprocess.run(
            [*command, "--inventory", str(place / "inventory" / "hosts")],
            env=self._environment(),
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_JOB_SECONDS + 60,
            check=False,
        )
        left = place / "artifacts" / "job"
        events = [json.loads(file.read_bytes()) for file in (left / "job_events").glob("*.json")]
        events.sort(key=lambda event: event["counter"])
        stats = [event["event_data"] for event in events if event["event"] == "playbook_on_stats"]
        return Job(
            int((left / "rc").read_text()),
            (left / "status").read_text(),
            _COLOURS.sub("", (left / "stdout").read_text(encoding="utf-8")),
            stats[-1].get("artifact_data", {}) if stats else {},
            events,
        )


def _copy_checkout(target: Path) -> None:
    """A repository with what is committed here and what is not yet, in one commit."""
    listed = projects.git(ROOT, "ls-files", "-co", "--exclude-standard", "-z").split("\0")
    for name in filter(None, listed):
        source, copy = ROOT / name, target / name
        if source.is_symlink() or source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy, follow_symlinks=False)
    projects.git(target, "init", "--quiet", "--initial-branch=main")
    projects.commit(target, "a project")


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
