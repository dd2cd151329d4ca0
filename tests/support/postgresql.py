# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL cluster of our own, in a temporary directory, and a Prefect server on it."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import tempfile
import typing as t
from pathlib import Path

import pytest

from tests.support.server import PrefectServer, free_port

REQUIRED = "HOTPASS_TEST_REQUIRE_ALL"
_SECONDS = 120


def _programs() -> Path | None:
    """Where ``initdb`` and ``pg_ctl`` of the newest PostgreSQL are."""
    found = [Path(path).parent for path in glob.glob("/usr/lib/postgresql/*/bin/initdb")]
    on_path = shutil.which("initdb")
    if on_path:
        found.append(Path(on_path).resolve().parent)
    return max(found, key=lambda path: [int(part) for part in path.parts if part.isdigit()], default=None)


class Cluster:
    """A running cluster that listens on the loopback only.

    :ivar url: for SQLAlchemy with asyncpg.
    """

    def __init__(self, home: Path, programs: Path) -> None:
        self._home = home
        self._programs = programs
        self._port = free_port()
        self.url = f"postgresql+asyncpg://hotpass@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> Cluster:
        # initdb refuses to run as root.
        if os.geteuid() == 0:
            shutil.chown(self._home, "postgres")
        data = str(self._home / "data")
        self._run("initdb", "-D", data, "-U", "hotpass", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -c port={self._port} -c unix_socket_directories= -c fsync=off"
        self._run("pg_ctl", "-D", data, "-w", "-t", str(_SECONDS), "-l", f"{data}.log", "-o", options, "start")
        return self

    def __exit__(self, *_exc: object) -> None:
        self._run("pg_ctl", "-D", str(self._home / "data"), "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        log = self._home.parent / f"{self._home.name}.out"
        with log.open("ab") as output:
            done = subprocess.run(command, stdout=output, stderr=output, cwd="/", timeout=2 * _SECONDS, check=False)
        if done.returncode:
            raise RuntimeError(f"{program} ended with {done.returncode}:\n{log.read_text(errors='replace')[-2000:]}")


def prefect_on_postgresql() -> t.Iterator[PrefectServer]:
    """A Prefect server on a cluster of its own, for a fixture to yield from.

    Without PostgreSQL the tests that need it are skipped, or fail where HOTPASS_TEST_REQUIRE_ALL is set.
    """
    programs = _programs()
    if programs is None:
        reason = "PostgreSQL is not installed: there is no initdb, neither on the PATH nor below /usr/lib/postgresql"
        if os.environ.get(REQUIRED):
            pytest.fail(f"{reason}, and {REQUIRED} is set")
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="hotpass-postgresql-") as name:
        home = Path(name)
        # The user postgres has to pass through on the way to its data.
        home.chmod(0o711)
        (home / "cluster").mkdir()
        with Cluster(home / "cluster", programs) as cluster:
            server = PrefectServer.start(home / "prefect", {"PREFECT_API_DATABASE_CONNECTION_URL": cluster.url})
            try:
                yield server
            finally:
                server.stop()
