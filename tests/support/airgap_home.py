# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Home: two rings with an embedded Prefect, which build, promote and export what a site without a network takes."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import typing as t
from pathlib import Path

import yaml

from tests.conftest import ROOT
from tests.support import attesting, projects
from tests.support.airgap import PATIENCE, Ran
from tests.support.server import free_port

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
PLATFORM = f"manylinux_2_28_{platform.machine().lower()}"
WHEELS = ROOT / ".cache" / "wheels"
_SECONDS = 900


class Home:
    """The rings ``dev`` and ``staging`` of what this checkout releases.

    :param directory: for their state, keys and inventory. Wheels are kept from one run of the tests to the next.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.keys = directory / "keys"
        self.keys.mkdir(parents=True)
        self.people = {name: attesting.person(self.keys, f"home-{name}") for name in ("builder", "promoter")}
        for name, person in self.people.items():
            (self.keys / f"home-{name}.pub").write_text(person.key.public_key, encoding="ascii")
        projects.shipped(directory / "project")
        WHEELS.mkdir(parents=True, exist_ok=True)
        (directory / "state" / "transfer").mkdir(parents=True)
        (directory / "state" / "transfer" / "cache").symlink_to(WHEELS)
        self.inventory = directory / "hosts.yml"
        self.inventory.write_text(yaml.safe_dump({"ring": self._rings()}, sort_keys=False), encoding="utf-8")

    def _rings(self) -> dict[str, t.Any]:
        port = free_port()
        state = str(self.directory / "state")
        trust = [self.people[name].entry(name) for name in ("builder", "promoter")]
        shared = {
            "solution": "hotpass",
            "prefect_embedded": True,
            "prefect_port": port,
            "prefect_api_url": f"http://127.0.0.1:{port}/api",
            "prefect_state_dir": state,
            "ring_state_dir": state,
            "ring_store": f"{state}/store",
            "ring_evidence_dir": str(self.directory / "dist"),
            "ring_project": str(self.directory / "project"),
            "ring_gates": ["health"],
            "ring_builder_key": str(self.keys / "home-builder.pem"),
            "ring_signing_key": str(self.keys / "home-promoter.pem"),
            "ring_trust": trust,
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
        }
        hosts: dict[str, t.Any] = {
            "dev": {"ring": "dev", "prefect_work_pool": "hotpass-dev-pool"},
            "staging": {
                "ring": "staging",
                "prefect_work_pool": "hotpass-staging-pool",
                "ring_previous": {"ring": "dev"},
            },
        }
        return {"vars": shared, "hosts": hosts}

    def take_in(self, bundle: Path, site_keys: Path) -> Ran:
        """Import the evidence of the ring ``production``, whose inventory at home has nothing but whom to believe."""
        rings = self._rings()
        trust = [
            {"name": f"site-{role}", "roles": [role], "public_key": str(site_keys / f"{role}.pub")}
            for role in ("promoter", "approver")
        ]
        production = {**rings["vars"], "ring": "production", "ring_trust": [*rings["vars"]["ring_trust"], *trust]}
        inventory = self.directory / "production.yml"
        inventory.write_text(yaml.safe_dump({"ring": {"hosts": {"production": production}}}), encoding="utf-8")
        return self.play("bundle_import.yml", "-e", f"kind=evidence bundle={bundle}", inventory=inventory)

    def play(self, playbook: str, *arguments: str, inventory: Path | None = None) -> Ran:
        """Run one of the playbooks."""
        program = Path(sys.executable).parent / "ansible-playbook"
        done = subprocess.run(
            [program, ROOT / "playbooks" / playbook, "-i", inventory or self.inventory, "-e", PATIENCE, *arguments],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        return Ran(done.returncode, " ".join(done.stdout.split()))

    def export(self, target: Path, *arguments: str) -> Path:
        """Export what is Active in staging, for the Python and the platform of this machine."""
        # The checkout that these tests are in travels, and whoever works on it has not committed everything.
        wanted = f"target={target} python={PYTHON} platforms={PLATFORM} allow_dirty=true"
        done = self.play("bundle_export.yml", "--limit", "staging", "-e", wanted, *arguments)
        assert done.code == 0, done.said
        return target

    def stop(self) -> None:
        """Stop the embedded Prefect."""
        done = self.play("stop.yml", "-e", f"prefect_state_dir={self.directory / 'state'}")
        assert done.code == 0, done.said
