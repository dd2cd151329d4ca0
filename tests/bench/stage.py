# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fresh Prefect server for each contender: one server migrates its database, every other starts on a copy of it."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
import typing as t
import urllib.request
from pathlib import Path

from tests.bench.wire import AccessLog
from tests.bench.world import POOL
from tests.support.server import PrefectServer

# The access log is written at this level and silent above it.
_SETTINGS = {"PREFECT_SERVER_LOGGING_LEVEL": "INFO"}
_PAGE = 200
_SETTLING = 180.0
# How many runs the scheduler makes at least for each schedule, by its default settings.
_RUNS_AHEAD = 3


class Stage:
    """One running server, services and all, and what the bench itself does with it outside the measured phases."""

    def __init__(self, api_url: str, log: Path) -> None:
        self.api_url = api_url
        self.log = AccessLog(log)

    def post(self, path: str, body: t.Any) -> t.Any:
        """The answer to a POST below the API's address."""
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.api_url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def deployments(self) -> list[dict[str, t.Any]]:
        """Every deployment of the server."""
        rows: list[dict[str, t.Any]] = []
        while True:
            page = self.post("/deployments/filter", {"sort": "NAME_ASC", "limit": _PAGE, "offset": len(rows)})
            rows += page
            if len(page) < _PAGE:
                return rows

    def settle(self, deployments: int) -> None:
        """Wait until the scheduler has made its runs, so that its work is not measured along with a contender's.

        :raises RuntimeError: when it makes too few.
        """
        deadline = time.monotonic() + _SETTLING
        while (runs := self.post("/flow_runs/count", {})) < _RUNS_AHEAD * deployments:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the scheduler made {runs} runs for {deployments} deployments in {_SETTLING:g} s")
            time.sleep(0.3)


def make_template(home: Path) -> str:
    """Make the database that every server starts with: migrated, with one work pool and nothing else.

    :returns: the server's version.
    """
    with _running(home) as stage:
        stage.post("/work_pools/", {"name": POOL, "type": "process"})
        with urllib.request.urlopen(f"{stage.api_url}/admin/version", timeout=60) as answer:
            return str(json.load(answer))


@contextlib.contextmanager
def fresh_server(template: Path, home: Path) -> t.Iterator[Stage]:
    """A server on a copy of the template, ended when the block is."""
    shutil.copytree(template, home, ignore=shutil.ignore_patterns("server.log"))
    with _running(home) as stage:
        yield stage


@contextlib.contextmanager
def _running(home: Path) -> t.Iterator[Stage]:
    server = PrefectServer.start(home, _SETTINGS)
    try:
        yield Stage(server.api_url, home / "server.log")
    finally:
        server.stop()
