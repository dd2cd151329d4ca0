# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real backfill: its manifest deployed, archives to replay, and a process worker that runs its flow."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
import typing as t
import zipfile
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from hotpass import demo_input
from tests.conftest import ROOT
from tests.support.doors import Doors
from tests.support.shapes import Result

POOL = "hotpass-dev-pool"
NAME = "hotpass-backfill/hotpass-backfill-dev"
FLOWS = ROOT / "prefect" / "flows"
MANIFESTS = ROOT / "prefect" / "dev"
_STOP_SECONDS = 20.0


def write_archives(root: Path, days: int, versions: t.Sequence[str] = ("1",), copies: int = 1) -> None:
    """Write the archives of the first days of 2024, all with the same workbooks.

    :param copies: of each workbook in an archive; the refinement takes so many times as long.
    """
    root.mkdir(parents=True, exist_ok=True)
    first = root / f"hotpass-inputs-20240101-v{versions[0]}.zip"
    with zipfile.ZipFile(first, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in demo_input.build().items():
            for number in range(copies):
                archive.writestr(f"{number} {name}" if number else name, content)
    for day in range(days):
        date = dt.date(2024, 1, 1) + dt.timedelta(days=day)
        for version in versions:
            target = root / f"hotpass-inputs-{date:%Y%m%d}-v{version}.zip"
            if target != first:
                shutil.copyfile(first, target)


def deploy(session: Session, doors: Doors) -> Result:
    """Make the work pool, deploy the manifest, and return the deployment."""
    if session.get_or_none(f"/work_pools/{POOL}") is None:
        session.write("POST", "/work_pools/", {"name": POOL, "type": "process"})
    answer = doors.room(
        "prefect_deployment",
        manifest_dir=str(MANIFESTS),
        flows=["backfill"],
        flow_python=sys.executable,
        flow_path=str(FLOWS),
    )
    assert not answer["failed"], answer
    row: Result = session.get(f"/deployments/name/{NAME}")
    return row


class FlowWorker:
    """A process worker that runs the flows of the work tree; use it as a context manager.

    :param home: HOTPASS_HOME of its runs; ``worker.log`` in it is all that they print.
    :param settings: further environment variables.
    """

    def __init__(self, home: Path, api_url: str, settings: t.Mapping[str, str] | None = None) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.log = home / "worker.log"
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "HOTPASS_"))}
        env.update(
            DO_NOT_TRACK="1",
            HOTPASS_ENABLE_PREFECT_RUNTIME="1",
            HOTPASS_FLOWS=str(FLOWS),
            HOTPASS_HOME=str(home),
            PREFECT_API_URL=api_url,
            PREFECT_HOME=str(home / "prefect"),
            PREFECT_WORKER_QUERY_SECONDS="1",
            PYTHONTZPATH="",
        )
        env.update(settings or {})
        # The environment of the person who tests is not the worker's.
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        command = ["-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process", "--name", "backfill"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command, "--install-policy", "never"],
                env=env,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> FlowWorker:
        return self

    def __exit__(self, *_exc: object) -> None:
        for ending in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is not None:
                break
            os.killpg(self._process.pid, ending)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
