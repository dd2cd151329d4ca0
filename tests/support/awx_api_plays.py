# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of ``playbooks/awx_setup.yml`` with the real modules of ``awx.awx``, against the stand-in for AWX."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import yaml

from tests.support.awx_api import TOKEN, AwxApi, Seen

ROOT: t.Final = Path(__file__).resolve().parents[2]
COLLECTION: t.Final = ROOT / ".cache" / "awx" / "ansible_collections" / "awx" / "awx"
URL: t.Final = "https://git.example.com/hotpass.git"
_ROLE: t.Final = ROOT / "roles" / "awx_setup"
_SECONDS: t.Final = 1800
_RECAP: t.Final = re.compile(r"^localhost +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=(\d+)", re.MULTILINE)
Data = dict[str, t.Any]


class Unsafe(str):
    """A text that Ansible takes as it is, whatever templates it holds."""


class _Loader(yaml.SafeLoader):
    pass


class _Dumper(yaml.SafeDumper):
    # An alias would be right, and hard to read in a failure.
    def ignore_aliases(self, _data: t.Any) -> bool:
        return True


_Loader.add_constructor("!unsafe", lambda loader, node: Unsafe(loader.construct_scalar(t.cast(yaml.ScalarNode, node))))
_Dumper.add_representer(Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text)))


def role_data(*parts: str) -> t.Any:
    """One of the data files of the role: ``role_data("defaults", "main", "job_templates.yml")``."""
    with _ROLE.joinpath(*parts).open(encoding="utf-8") as file:
        return yaml.load(file, _Loader)  # it is a SafeLoader


@dataclasses.dataclass(frozen=True)
class SetUp:
    """What came of one run.

    :ivar code: its exit status; ``output`` is all that it said.
    :ivar writes: the requests with which it wrote, or tried to.
    """

    code: int
    output: str
    writes: list[Seen]

    @property
    def changed(self) -> int:
        """How many tasks say that they changed something."""
        recap = _RECAP.search(self.output)
        return int(recap[1]) if recap else 0

    @property
    def words(self) -> str:
        """The output with any white space as one blank."""
        return " ".join(self.output.split())

    @property
    def errors(self) -> list[str]:
        """The messages of the tasks that failed, each as one line."""
        blocks = re.findall(r"^\[ERROR\]: (.*?)(?=^Origin:|^\s*$|^fatal:)", self.output, re.MULTILINE | re.DOTALL)
        return [" ".join(block.split()) for block in blocks]

    def written(self) -> list[tuple[str, str]]:
        """Method and path of each write, below ``/api/v2/``, with numbers as ``N``."""
        return [(seen.method, re.sub(r"/\d+/", "/N/", seen.path.removeprefix("/api/v2/"))) for seen in self.writes]


class AwxSite:
    """An AWX in which somebody else has made things too, and the data of a set-up.

    :param directory: for files of the runs.
    :ivar secrets: everything that no output may hold.
    :ivar output: what all runs have said.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.api = AwxApi([URL], ROOT)
        self.output = ""
        self.secrets = ["tester:open-sesame-8264", "key-of-dev-7719", "hook-secret-5521"]
        self.data: Data = {
            "awx_setup_scm_url": URL,
            "awx_setup_image": "registry.example.com/hotpass/ee:1.0.0",
            "awx_setup_webhook_service": "github",
            "awx_setup_secrets": {
                "Prefect dev": {"api_url": "https://prefect.example.com/api", "auth_string": self.secrets[0]},
                "keys dev": {"promoter_key": self.secrets[1]},
            },
            "awx_setup_notification": {
                "type": "webhook",
                "configuration": {
                    "url": "https://chat.example.com/hook",
                    "http_method": "POST",
                    "disable_ssl_verification": False,
                    "username": "awx",
                    "password": self.secrets[2],
                    "headers": {},
                },
            },
        }
        self._add_others()

    def _add_others(self) -> None:
        """Things of the same names in another organization, which a set-up has to leave alone."""
        call = self.api.call
        other = call("POST", "organizations/", {"name": "Other"})["id"]
        project = {"name": "Hotpass", "organization": other, "scm_type": "git", "scm_url": URL}
        made = call("POST", "projects/", project)
        for _look in range(3):
            call("GET", f"projects/{made['id']}/")
        hosts = call("POST", "inventories/", {"name": "Hotpass dev", "organization": other})
        template = {"name": "Hotpass promote dev", "project": made["id"], "inventory": hosts["id"]}
        call("POST", "job_templates/", {**template, "playbook": "playbooks/promote.yml"})
        call("POST", "workflow_job_templates/", {"name": "Hotpass release", "organization": other})

    def run(self, *arguments: str, token: str = TOKEN, **changes: t.Any) -> SetUp:
        """Run the playbook with the data, some of it changed.

        :param arguments: more of the command line.
        """
        file = self._directory / "awx.yml"
        file.write_text(yaml.dump({**self.data, **changes}, Dumper=_Dumper, sort_keys=False), encoding="utf-8")
        self.api.forget_requests()
        program = Path(sys.executable).with_name("ansible-playbook")
        own = {key: value for key, value in os.environ.items() if not key.startswith(("CONTROLLER_", "TOWER_"))}
        done = subprocess.run(
            [program, ROOT / "playbooks" / "awx_setup.yml", "-i", "localhost,", "-e", f"@{file}", *arguments],
            cwd=ROOT,
            env={
                **own,
                "ANSIBLE_COLLECTIONS_PATH": f"{ROOT / 'collections'}:{ROOT / '.cache' / 'awx'}",
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_PIPELINING": "1",
                "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
                "CONTROLLER_HOST": self.api.url,
                "CONTROLLER_OAUTH_TOKEN": token,
                "NO_PROXY": "127.0.0.1",
                "no_proxy": "127.0.0.1",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        output = done.stdout + done.stderr
        self.output += output
        return SetUp(done.returncode, output, self.api.writes)

    def find(self, path: str, name: str) -> Data:
        """The one object of that name in the set-up's organization, where its kind belongs to one."""
        found = self.api.call("GET", f"{path}/?name={name.replace(' ', '+')}")["results"]
        ours = [row for row in found if _organization(row) in (None, "Hotpass")]
        assert len(ours) == 1, found
        return dict(ours[0])

    def names(self, path: str) -> list[str]:
        """The names of the set-up's objects of a kind, sorted."""
        found = self.api.call("GET", f"{path}/?page_size=200")["results"]
        return sorted(row["name"] for row in found if "awx_setup: Hotpass)" in row.get("description", ""))

    def settle(self) -> None:
        """Wait for inventories that are being deleted."""
        while any(row["pending_deletion"] for row in self.api.call("GET", "inventories/")["results"]):
            pass


def _organization(row: Data) -> str | None:
    summary = row["summary_fields"].get("organization")
    return summary["name"] if summary else None
