# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures a backfill of 14 windows at limit 2 with a real server, worker and flow; see docs/backfills.md.

``python tests/bench/backfill.py`` prints the wall time beside the ideal, which is half the sum of the run times and one
worker start, and beside one ``prefect deployment run --watch`` after another.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

# As a script this file has its own directory on the path, and not the checkout's.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "collections"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "prefect" / "flows"))

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support import backfill_lab
from tests.support.doors import Doors
from tests.support.server import PrefectServer

_LIMIT = 2
_MOST = 1.15


class Times(t.NamedTuple):
    """Seconds of one run: until a worker took it, until its process ran, and until its end."""

    taken: float
    started: float
    ran: float

    @property
    def held(self) -> float:
        """How long it had a slot."""
        return self.started + self.ran


def times_of(session: Session, run_id: str) -> Times:
    """Read from the run's states, by the server's clock."""
    created = session.get(f"/flow_runs/{run_id}")["created"]
    states = sorted(session.get(f"/flow_run_states/?flow_run_id={run_id}"), key=lambda state: state["timestamp"])
    first: dict[str, dt.datetime] = {}
    for state in states:
        first.setdefault(state["type"], dt.datetime.fromisoformat(state["timestamp"]))
    begin = dt.datetime.fromisoformat(created)
    taken, running, end = (first[kind] for kind in ("PENDING", "RUNNING", "COMPLETED"))
    return Times(*(step.total_seconds() for step in (taken - begin, running - taken, end - running)))


class Bench:
    """One server, one worker, archives of so many days with two versions each."""

    def __init__(self, directory: Path, api_url: str, engine: bool) -> None:
        self._home = directory / "home"
        self._api_url = api_url
        self._session = Session(Connection(api_url, retries=10))
        self._doors = Doors({"api_url": api_url}, directory)
        row = backfill_lab.deploy(self._session, self._doors)
        if engine:
            variables = {**row["job_variables"], "command": f"{sys.executable} -m prefect.engine"}
            self._session.write("PATCH", f"/deployments/{row['id']}", {"job_variables": variables})

    def backfill(self, days: int, batch: str) -> tuple[float, list[Times]]:
        """The wall time of the task, and the times of its runs."""
        until = (dt.date(2024, 1, 1) + dt.timedelta(days=days - 1)).isoformat()
        begin = time.monotonic()
        answer = self._doors.room(
            "hotpass_backfill",
            deployment=backfill_lab.NAME,
            since="2024-01-01",
            until=until,
            versions=["1", "2"],
            concurrency_limit=_LIMIT,
            batch=batch,
        )
        wall = time.monotonic() - begin
        if answer["failed"]:
            raise SystemExit(answer["msg"])
        return wall, [times_of(self._session, run_id) for run_id in answer["run_ids"]]

    def one_after_another(self, windows: int) -> float:
        """The wall time of so many ``prefect deployment run --watch``."""
        env = {**os.environ, "PREFECT_API_URL": self._api_url, "PREFECT_HOME": str(self._home / "prefect")}
        begin = time.monotonic()
        for number in range(windows):
            day = dt.date(2024, 1, 1) + dt.timedelta(days=number // 2)
            run = {"run_date": day.isoformat(), "version": str(number % 2 + 1)}
            command = ["deployment", "run", backfill_lab.NAME, "--watch", "--param", f"runs={json.dumps([run])}"]
            done = subprocess.run(
                [sys.executable, "-m", "prefect", *command], env=env, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise SystemExit(done.stdout + done.stderr)
        return time.monotonic() - begin


def report(wall: float, runs: t.Sequence[Times], serial: float, serial_windows: int) -> str:
    """The figures as text."""
    start = runs[0].taken + runs[0].started
    lines = ["            median s   min s   max s   sum s"]
    for name in ("taken", "started", "ran", "held"):
        values = [getattr(run, name) for run in runs]
        lines.append(
            f"{name:<10}{statistics.median(values):>10.2f}{min(values):>8.2f}{max(values):>8.2f}{sum(values):>8.1f}"
        )
    lines.append("")
    lines.append(f"wall time of {len(runs)} windows, {_LIMIT} at once: {wall:.1f} s; one worker start: {start:.1f} s")
    for name, what in (("ran", "the flow alone"), ("held", "with the start of its process, in which it has its slot")):
        ideal = sum(getattr(run, name) for run in runs) / _LIMIT
        ratio = (wall - start) / ideal
        verdict = "OK  " if ratio <= _MOST else "MISS"
        lines.append(f"{verdict}  {ratio:.2f} of the ideal {ideal:.1f} s beyond one start, by {name}: {what}")
    each = serial / serial_windows
    lines.append(
        f"prefect deployment run --watch, one after another: {serial:.1f} s for {serial_windows} windows, so "
        f"{each * len(runs):.0f} s for {len(runs)}: {each * len(runs) / wall:.1f} times as long"
    )
    return "\n".join(lines)


def main(arguments: t.Sequence[str]) -> int:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--days", type=int, default=7, help="days of two windows each (7)")
    parser.add_argument("--copies", type=int, default=24, help="of the workbooks in an archive: how long a run is (24)")
    parser.add_argument("--serial", type=int, default=4, help="windows to run one after another (4)")
    parser.add_argument("--query", default="1", help="seconds between two looks of the worker for work (1)")
    parser.add_argument(
        "--engine", action="store_true", help="start each run with one Python (job variable command) instead of two"
    )
    options = parser.parse_args(arguments)
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} processors, worker looks every {options.query} s, "
        f"a run starts {'one Python' if options.engine else 'two Pythons'}\n"
    )
    with tempfile.TemporaryDirectory(prefix="hotpass-bench-") as text:
        directory = Path(text).resolve()
        backfill_lab.write_archives(
            directory / "home/dist/input-archives", options.days, ("1", "2"), max(1, options.copies)
        )
        server = PrefectServer.start(directory / "server")
        try:
            with backfill_lab.FlowWorker(
                directory / "home", server.api_url, {"PREFECT_WORKER_QUERY_SECONDS": options.query}
            ):
                bench = Bench(directory, server.api_url, options.engine)
                # The first run of all compiles every module, and the worker has just begun.
                bench.backfill(1, "warm")
                wall, runs = bench.backfill(options.days, "measured")
                serial = bench.one_after_another(options.serial)
        finally:
            server.stop()
    print(report(wall, runs, serial, options.serial))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
