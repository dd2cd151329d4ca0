# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the jobs of an AWX meet: a Prefect server that asks for a password, a worker, keys, a directory that stays."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.errors import ApiError, Unreachable
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import PrefectLedger

from tests.conftest import ROOT
from tests.support import projects
from tests.support.awx_like_runner import Awx
from tests.support.awx_like_runner_data import Credential
from tests.support.server import PrefectServer
from tests.support.shapes import Result

SOLUTION = "hotpass"
BACKFILL = "hotpass-backfill/hotpass-backfill-dev"
_PASSWORD = "jobs:walrus-9157-harbour"
_PASSPHRASE = "tangerine-4410-lantern"
_PEOPLE = {"builder": ["builder"], "promoter": ["promoter"], "alice": ["approver"], "bob": ["approver"]}
_STOP_SECONDS = 30.0


class Site:
    """The rings of a solution on one server. In dev a real worker runs what is rehearsed; the others ask for no runs.

    :ivar awx: launches jobs; its credentials are those of the rings, without anybody's approver key.
    :ivar state: the directory that outlives jobs.
    """

    def __init__(self, directory: Path) -> None:
        self.state = directory / "srv"
        self._home = directory / "worker"
        self._keys = directory / "keys"
        self._pairs = {name: self._key(name) for name in _PEOPLE}
        # Prefect lets a run that waits for a slot ask again after 30 s, which is longer than these windows take.
        self.server = PrefectServer.start(
            directory / "server",
            {
                "PREFECT_SERVER_API_AUTH_STRING": _PASSWORD,
                "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "3",
            },
        )
        self.session = Session(Connection(self.server.api_url, auth_string=_PASSWORD, retries=20))
        for ring in ("dev", "staging", "production"):
            self.session.write("POST", "/work_pools/", {"name": f"hotpass-{ring}-pool", "type": "process"})
        self._worker = self._start_worker()
        self._over = threading.Event()
        self._idle = threading.Thread(target=self._be_idle, daemon=True)
        self._idle.start()
        prefect = Credential("Prefect", {"api_url": self.server.api_url, "auth_string": _PASSWORD})
        signing = Credential(
            "signing key",
            {"builder_key": self._pem("builder"), "promoter_key": self._pem("promoter"), "passphrase": _PASSPHRASE},
        )
        self.awx = Awx(
            directory / "awx",
            variables={
                "ring_state_dir": str(self.state),
                "ring_evidence_dir": str(self.state / "evidence"),
                "ring_store": str(self.state / "store"),
                "ring_trust": [
                    {"name": name, "roles": roles, "public_key": self._pairs[name]} for name, roles in _PEOPLE.items()
                ],
                # The runs of dev are what is waited for; the jobs around them are what is tried.
                "ring_tests": [],
                "ring_soak": 0,
                "ring_validate_wait_timeout": 120,
                "rehearse_home": str(self._home),
            },
            ring_variables={
                "dev": {"ring_gates": ["health", "rehearsal"]},
                "staging": {"ring_gates": ["health"]},
                "production": {"ring_gates": ["approval", "health"]},
            },
            credentials={f"Prefect {ring}": prefect for ring in ("dev", "staging", "production")}
            | {f"keys {ring}": signing for ring in ("dev", "staging", "production")},
        )
        self.secrets = sorted({*prefect.secrets, *signing.secrets, *self.approver("alice").secrets})

    def _key(self, name: str) -> str:
        """Make a key pair as a person does, with the module, and return the public half."""
        command = [str(Path(sys.executable).parent / "ansible"), "localhost", "-m", "hotpass.prefect.hotpass_key", "-a"]
        given = f"path={self._keys}/{name}.pem name={name} passphrase={_PASSPHRASE} public_path={self._keys}/{name}.pub"
        subprocess.run([*command, given], cwd=ROOT, capture_output=True, check=True)
        return (self._keys / f"{name}.pub").read_text(encoding="utf-8")

    def _pem(self, name: str) -> str:
        return (self._keys / f"{name}.pem").read_text(encoding="utf-8")

    def approver(self, name: str) -> Credential:
        """Somebody's own signing key, which they add at launch."""
        return Credential("signing key", {"approver_key": self._pem(name), "passphrase": _PASSPHRASE})

    def _start_worker(self) -> subprocess.Popen[bytes]:
        self._home.mkdir()
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "HOTPASS_"))}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        flows = str(ROOT / "prefect" / "flows")
        for more in (["--output-dir", "data"], ["--archive-dir", "dist/input-archives"]):
            command = [sys.executable, "-m", "hotpass.demo_input", *more]
            subprocess.run(command, cwd=self._home, env={**env, "PYTHONPATH": flows}, capture_output=True, check=True)
        env.update(
            DO_NOT_TRACK="1",
            HOTPASS_CACHE=str(self._home / "releases"),
            HOTPASS_ENABLE_PREFECT_RUNTIME="1",
            HOTPASS_HOME=str(self._home),
            HOTPASS_STORE=str(self.state / "store"),
            PREFECT_API_AUTH_STRING=_PASSWORD,
            PREFECT_API_URL=self.server.api_url,
            PREFECT_HOME=str(self._home / "prefect"),
            PREFECT_WORKER_HEARTBEAT_SECONDS="5",
            PREFECT_WORKER_QUERY_SECONDS="1",
            PYTHONPATH=str(ROOT / "prefect" / "fence"),
        )
        command = [
            sys.executable,
            "-m",
            "prefect",
            "worker",
            "start",
            "--pool",
            "hotpass-dev-pool",
            "--type",
            "process",
        ]
        with (self._home / "worker.log").open("wb") as log:
            return subprocess.Popen(
                [*command, "--name", "dev", "--install-policy", "never"],
                cwd=self._home,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _be_idle(self) -> None:
        """Be a worker of the later rings, where nothing runs: a sign of life, and READY deployments."""
        with Session(Connection(self.server.api_url, auth_string=_PASSWORD, retries=20)) as session:
            while not self._over.wait(2):
                with contextlib.suppress(ApiError, Unreachable):
                    for ring in ("staging", "production"):
                        pool = f"/work_pools/hotpass-{ring}-pool"
                        session.write("POST", f"{pool}/workers/heartbeat", {"name": "idle"})
                        session.write("POST", f"{pool}/get_scheduled_flow_runs", {})

    def stop(self) -> None:
        """End what was started."""
        self._over.set()
        self._idle.join(_STOP_SECONDS)
        for ending in (signal.SIGTERM, signal.SIGKILL):
            if self._worker.poll() is None:
                os.killpg(self._worker.pid, ending)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._worker.wait(_STOP_SECONDS)
        self.session.close()
        self.server.stop()

    def chain(self, ring: str) -> Chain:
        """A ring's ledger, verified."""
        return PrefectLedger(self.session, SOLUTION, ring).read()

    def deployment(self, name: str, **changes: t.Any) -> Result:
        """A deployment, after somebody has changed it by hand."""
        row: Result = self.session.get(f"/deployments/name/{name}")
        if changes:
            self.session.write("PATCH", f"/deployments/{row['id']}", changes)
        return row

    def commit(self, word: str) -> None:
        """Put another commit into the repository, which makes another release."""
        flow = self.awx.project / "prefect" / "flows" / "hotpass" / "__init__.py"
        flow.write_text(f"{flow.read_text(encoding='utf-8')}\n# {word}\n", encoding="utf-8")
        projects.commit(self.awx.project, word)
