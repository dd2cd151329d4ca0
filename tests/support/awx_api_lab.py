# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An AWX with a little in it, and short ways to ask it and to be refused."""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

import pytest

from tests.support.awx.problems import Refused
from tests.support.awx_api import AwxApi

URL: t.Final = "https://git.example.com/things.git"
Body = dict[str, t.Any]


class AwxLab:
    """One AWX with an organization, a project that was updated, and an inventory.

    :param checkout: the git repository of the project, made by :func:`repository`.
    :ivar api: the AWX.
    :ivar organization: id of the organization; ``project`` and ``inventory`` are those of the others.
    """

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        self.api = AwxApi([URL], self.checkout)
        self.organization = self.make("organizations", name="Hotpass")
        self.project = self.make("projects", name="code", organization=self.organization, scm_type="git", scm_url=URL)
        self.finish_updates()
        self.inventory = self.make("inventories", name="hosts", organization=self.organization)

    def make(self, path: str, /, **fields: t.Any) -> int:
        """Create an object; returns its id."""
        return int(self.api.call("POST", f"{path}/", fields)["id"])

    def get(self, path: str, number: int) -> Body:
        """An object as the API shows it."""
        return dict(self.api.call("GET", f"{path}/{number}/"))

    def listed(self, path: str) -> list[Body]:
        """The objects at a path, which may have a query."""
        return list(self.api.call("GET", path)["results"])

    def attach(self, path: str, number: int) -> None:
        """Attach an object to the sub-collection at a path."""
        self.api.call("POST", path, {"id": number})

    def template(self, name: str = "run", **fields: t.Any) -> int:
        """Create a job template that runs the project's playbook."""
        given = {"project": self.project, "playbook": "site.yml", "inventory": self.inventory, **fields}
        return self.make("job_templates", name=name, **given)

    def workflow(self, name: str = "flow", **fields: t.Any) -> int:
        """Create a workflow without nodes."""
        return self.make("workflow_job_templates", name=name, organization=self.organization, **fields)

    def credential_type(self, name: str = "Prefect") -> int:
        """Create a credential type with one open and one secret field."""
        fields = [{"id": "url", "label": "URL"}, {"id": "key", "label": "Key", "secret": True}]
        injectors = {"env": {"PREFECT_API_URL": "{{ url }}", "PREFECT_API_KEY": "{{ key }}"}}
        inputs = {"fields": fields}
        return self.make("credential_types", name=name, kind="cloud", inputs=inputs, injectors=injectors)

    def credential(self, kind: int, name: str = "access", **inputs: t.Any) -> int:
        """Create a credential."""
        owner = {"organization": self.organization}
        return self.make("credentials", name=name, credential_type=kind, inputs=inputs, **owner)

    def finish_updates(self) -> None:
        """Look at what is running until it has ended."""
        while any(job["status"] in ("pending", "running") for job in self.listed("project_updates/")):
            for job in self.listed("project_updates/"):
                self.get("project_updates", job["id"])

    def refused(self, method: str, path: str, body: Body | None = None) -> tuple[int, Body]:
        """Status and body of a request that is refused, as it must be."""
        with pytest.raises(Refused) as refused:
            self.api.call(method, path, body)
        return refused.value.status, refused.value.body


def repository(directory: Path) -> Path:
    """Make a git repository with a few playbooks, and files that are none; returns its directory."""
    files = {
        "site.yml": "---\n- name: Site\n  hosts: all\n",
        "more/all.yaml": "- import_playbook: ../site.yml\n",
        "roles/one/tasks/main.yml": "- hosts: all\n",
        "group_vars/all.yml": "hosts: all\n",
        ".hidden/play.yml": "- hosts: all\n",
        "values.yml": "a: 1\n",
        "inventories/dev/hosts.yml": "all:\n  hosts:\n    dev:\n",
    }
    for path, content in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(content)
    identity = ["-c", "user.name=Tester", "-c", "user.email=tester@example.com", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "Files"]):
        subprocess.run(["git", "-C", str(directory), *arguments], check=True, capture_output=True)
    return directory
