# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site that promotes, and the home of its releases, between which a file is carried."""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t
from pathlib import Path

import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import open_store
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_copy import copy

from tests.conftest import ROOT
from tests.support.doors import Doors
from tests.support.proxy import Proxy
from tests.support.ring_site import RING, Site
from tests.support.shapes import Result

NOWHERE = "http://127.0.0.1:9/api"
_WAITS = r"^/flow_runs/[0-9a-f-]{36}$|^/work_pools/[^/]+/workers/filter$"


class Journey:
    """A site that promotes, and the home of its releases, which cannot reach the site's server.

    :ivar releases: at home and at the site, by their words.
    """

    def __init__(self, site: Site, proxy: Proxy, home: Path) -> None:
        self.site = site
        self.proxy = proxy
        self.home = home
        proxy.before(lambda _number: site.work(), times=None, path=_WAITS)
        self.releases = {word: site.release(word) for word in ("one", "two", "three")}
        self.store = open_store(str(home / "store"))
        for release in self.releases.values():
            copy(site.store, self.store, release)
        self.keys = home / "keys"
        self.keys.mkdir()
        for entry in site.settings("")["ring"]["trust"]:
            (self.keys / f"{entry['name']}.pub").write_text(entry["public_key"])
        self.trust = ",".join(f"{name}={self.keys / name}.pub" for name in ("builder", "promoter"))

    def promote(self, word: str) -> None:
        """Promote a release at the site."""
        self.site.promoter(self.proxy.api_url).promote(self.releases[word])

    def send(self, target: Path, *, check_mode: bool = False, **options: t.Any) -> Result:
        """Export the evidence at the site."""
        settings = self.site.settings(self.proxy.api_url)
        given = {
            **settings["ring"],
            "state": "exported",
            "kind": "evidence",
            "target": str(target),
            "evidence_dir": settings["evidence_dir"],
            "transfer_dir": str(self.site.directory / "transfer"),
            **options,
        }
        doors = Doors(settings["connection"], self.site.directory)
        return doors.room("hotpass_transfer", check_mode=check_mode, **given)

    def sent(self, target: Path, **options: t.Any) -> Path:
        """The file that was exported."""
        answer = self.send(target, **options)
        assert not answer["failed"], answer
        return Path(answer["transfer"]["path"])

    def receive(self, bundle: Path, *, check_mode: bool = False, **options: t.Any) -> Result:
        """Import at home."""
        given = {
            "state": "imported",
            "kind": "evidence",
            "bundle": str(bundle),
            "ring": RING,
            "solution": self.site.solution,
            "store": str(self.home / "store"),
            "evidence_dir": str(self.home / "dist"),
            "transfer_dir": str(self.home / "transfer"),
            "trust": self.site.settings("")["ring"]["trust"],
            **options,
        }
        return Doors({}, self.home).room("hotpass_transfer", check_mode=check_mode, **given)

    def play_at_home(self, playbook: str, *arguments: str) -> tuple[int, str]:
        """Run a playbook at home: its exit status, and what it said, every white space as one space."""
        inventory = self.home / "hosts.yml"
        host = {
            "ring": RING,
            "solution": self.site.solution,
            "ring_state_dir": str(self.home),
            "ring_store": str(self.home / "store"),
            "ring_evidence_dir": str(self.home / "dist"),
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "prefect_api_url": NOWHERE,
        }
        inventory.write_text(yaml.safe_dump({"ring": {"hosts": {RING: host}}}), encoding="utf-8")
        program = str(Path(sys.executable).parent / "ansible-playbook")
        done = subprocess.run(
            [program, str(ROOT / "playbooks" / playbook), "-i", str(inventory), *arguments],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, " ".join(done.stdout.replace("\\n", " ").split())

    def at_home(self) -> dict[str, bytes]:
        """Every file of the evidence, the transfers and the store at home, by name."""
        found = [path for part in ("dist", "transfer", "store") for path in (self.home / part).rglob("*")]
        return {str(path.relative_to(self.home)): path.read_bytes() for path in found if path.is_file()}

    def chain(self, root: Path, **options: t.Any) -> list[str]:
        """The checkpoints of all bundles below a directory, which have to be whole chains."""
        trust = self.site.settings("")["ring"]["trust"]
        given = {"state": "verified", "chain": True, "bundle": str(root), "trust": trust, **options}
        answer = Doors({"api_url": NOWHERE}, self.home).room("hotpass_evidence", **given)
        assert not answer["failed"], answer
        found: list[str] = answer["evidence"]["checkpoints"]
        return found
