# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays the rings' playbooks as a person starts them, and is the worker of the rings meanwhile."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.flow_code import FlowCode
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, reading
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release.config import Overlay

from tests.conftest import ROOT
from tests.support.proxy import Proxy
from tests.support.ring_lab import RingLab
from tests.support.shapes import Result

_RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=0\s+failed=(\d+)", re.MULTILINE)
_WAITS = r"^/flow_runs/[0-9a-f-]{36}$|^/work_pools/[^/]+/workers/filter$"
_FLOW = b"""\
def say() -> None:
    pass
"""
_SCHEMA = {"type": "object", "title": "Parameters", "properties": {}}
_PLAY_SECONDS = 180


@dataclasses.dataclass(frozen=True)
class Play:
    """What one ``ansible-playbook`` said."""

    code: int
    output: str

    @property
    def recap(self) -> dict[str, tuple[int, int]]:
        """Tasks changed and failed, by host."""
        return {host: (int(changed), int(failed)) for host, changed, failed in _RECAP.findall(self.output)}

    @property
    def words(self) -> str:
        """The output with every run of white space, line breaks included, as one space."""
        return " ".join(self.output.split())


def play(playbook: str, inventory: Path, *arguments: str) -> Play:
    """Run one of the playbooks."""
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", ROOT / "playbooks" / playbook, "-i", inventory, *arguments],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_SHOW_CUSTOM_STATS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PLAY_SECONDS,
        check=False,
    )
    return Play(done.returncode, done.stdout + done.stderr)


class RingPlays:
    """The rings of a test as an inventory: each promotes a release's overlay of its own name.

    :param rings: the settings of each, beside the usual ones.
    :ivar output: what every play has printed so far.
    """

    def __init__(self, lab: RingLab, proxy: Proxy, session: Session, rings: t.Mapping[str, Result]) -> None:
        self._lab = lab
        self._proxy = proxy
        self._session = session
        self._rings = tuple(rings)
        self._at_work = True
        self.output = ""
        self._inventory = lab.directory / "hosts.yml"
        hosts = {ring: {**self._settings(ring), **settings} for ring, settings in rings.items()}
        self._inventory.write_text(yaml.safe_dump({"ring": {"hosts": hosts}}, sort_keys=False), encoding="utf-8")
        for ring in rings:
            session.write("POST", "/work_pools/", {"name": self.pool(ring), "type": "process"})

    def _settings(self, ring: str) -> Result:
        keys = self._lab.directory / "keys"
        return {
            "ring": ring,
            "solution": self._lab.solution,
            "ring_overlay": ring,
            "ring_state_dir": str(self._lab.directory),
            "ring_store": self._lab.address,
            "ring_evidence_dir": str(self._lab.directory / "dist"),
            "ring_trust": self._lab.trust,
            "ring_builder_key": str(keys / "builder.pem"),
            "ring_signing_key": str(keys / "alice.pem"),
            "ring_approver_key": str(keys / "bob.pem"),
            "ring_validate_wait_timeout": 5,
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "prefect_embedded": False,
            "prefect_api_url": self._proxy.api_url,
        }

    def pool(self, ring: str) -> str:
        """The name of a ring's work pool."""
        return f"{self._lab.solution}-{ring}"

    def release(self, word: str, *, records: int = 1) -> str:
        """Put a release into the store; in each ring it deploys ``refine-<ring>``, which is rehearsed, and another.

        :param records: how many the rehearsal has to count; the worker here counts 5.
        """
        expect = {"timeout": 20, "summary": "figures", "expect": {"records": {"min": records}}}
        files = {"flows/lab/flow.py": _FLOW}
        overlays = []
        for ring in self._rings:
            manifests = {
                f"refine-{ring}": self._manifest(ring, f"refine-{ring}", tags=[word], rehearsal=expect),
                f"{word}-{ring}": self._manifest(ring, f"{word}-{ring}"),
            }
            files |= {f"manifests/{ring}/{name}.yaml": body for name, body in manifests.items()}
            overlays.append(Overlay(ring, tuple(sorted(manifests))))
        code = FlowCode(self._lab.solution, "lab/flow.py:say", _SCHEMA, hashlib.sha256(_FLOW).hexdigest())
        return self._lab.release(word, files=files, flows={"lab.flow:say": code}, overlays=tuple(overlays))

    def _manifest(self, ring: str, name: str, **fields: t.Any) -> bytes:
        manifest = {"id": name, "name": name, "flow": "lab.flow:say", "work_pool": self.pool(ring), **fields}
        return yaml.safe_dump(manifest).encode()

    def play(self, playbook: str, *arguments: str, ring: str | None = None, worker: bool = True) -> Play:
        """Run one of the playbooks on every ring, or on one.

        :param worker: whether somebody takes the rings' work meanwhile, and completes every run.
        """
        self._at_work = worker
        self._proxy.before(self._look_after, times=None, path=_WAITS)
        done = play(playbook, self._inventory, *(("--limit", ring) if ring else ()), *arguments)
        self.output += done.output
        return done

    def _look_after(self, _number: int) -> None:
        if self._at_work:
            self.work()

    def work(self) -> None:
        """Give the signs of life of every ring's worker, and complete whatever was started, with 5 records."""
        for ring in self._rings:
            pool = f"/work_pools/{self.pool(ring)}"
            self._session.write("POST", f"{pool}/workers/heartbeat", {"name": "idle"})
            self._session.write("POST", f"{pool}/get_scheduled_flow_runs", {})
        for run in self.runs():
            if run["state_type"] not in ("COMPLETED", "CANCELLED"):
                figures = {"key": "figures", "type": "result", "data": {"records": 5}, "flow_run_id": run["id"]}
                self._session.write("POST", "/artifacts/", figures)
                self._session.write("POST", f"/flow_runs/{run['id']}/set_state", {"state": {"type": "COMPLETED"}})

    def deployments(self) -> dict[str, Result]:
        """The server's deployments of the flow that has the solution's name, by name."""
        wanted = filters.deployments(flow_names=[self._lab.solution])
        return {row["name"]: row for row in reading.read_all(self._session, reading.DEPLOYMENTS, wanted)}

    def runs(self) -> list[Result]:
        """Every flow run of those deployments."""
        ids = [row["id"] for row in self.deployments().values()]
        wanted = filters.flow_runs(deployment_ids=ids)
        return reading.read_all(self._session, reading.FLOW_RUNS, wanted) if ids else []

    def meddle(self, deployment: str) -> None:
        """Change a deployment by hand."""
        row = self.deployments()[deployment]
        self._session.write("PATCH", f"/deployments/{row['id']}", {"tags": ["by-hand"]})

    def pause_pool(self, ring: str) -> None:
        """Leave a ring without anybody who takes its work: another pool takes the place of its own."""
        self._session.write("DELETE", f"/work_pools/{self.pool(ring)}")
        self._session.write("POST", "/work_pools/", {"name": self.pool(ring), "type": "process"})

    @property
    def writes(self) -> list[str]:
        """What a play has written to the server since the proxy's last reset, but for what only tells of the ring."""
        return [line for line in self._proxy.writes if line != "POST /events"]
