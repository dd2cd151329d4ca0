# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment to be backfilled on a live server, without the code under test, and the ways to look at its runs."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.limit_names import limit_name
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session, quote

from tests.support.backfill_worker import BackfillWorker
from tests.support.doors import Doors
from tests.support.server import PrefectServer
from tests.support.shapes import Result

WEEK = {"start_date": "2024-01-01", "end_date": "2024-01-07"}
PARAMETERS: Result = {
    "runs": [],
    "archive_root": "dist/input-archives",
    "restore_root": "dist/backfill",
    "archive_pattern": "hotpass-inputs-{date:%Y%m%d}-v{version}.zip",
    "parameters": {"pipeline": {"backfill": True, "incremental": False, "since": None}},
    "concurrency_limit": 2,
}


class Site:
    """A deployment, its key, and the ways to backfill it."""

    def __init__(self, server: PrefectServer, session: Session, doors: Doors, row: Result, key: str, pool: str) -> None:
        self.server, self.session, self.doors = server, session, doors
        self.row, self.key, self.pool = row, key, pool
        self.name = f"{row['flow_name']}/{row['name']}"

    def run(self, **options: t.Any) -> Result:
        """Carry out the task; it looks often, and gives up soon."""
        given = {"deployment": self.name, "poll": 0.05, "stall_timeout": 60.0, "outage_timeout": 1.0, **options}
        return self.doors.room("hotpass_backfill", **given)

    def worker(self, seconds: float = 0.3) -> BackfillWorker:
        """Somebody who runs its runs."""
        return BackfillWorker(self.server.api_url, self.row["id"], seconds)

    def runs(self) -> list[Result]:
        """All runs of the deployment, the first created one first."""
        body = {"flow_runs": {"deployment_id": {"any_": [self.row["id"]]}}, "limit": 200}
        return sorted(self.session.search("/flow_runs/filter", body), key=lambda run: run["created"])

    def windows(self) -> list[str]:
        """The window of each run, in the order of their creation."""
        return [" ".join(run["parameters"]["runs"][0].values()) for run in self.runs()]

    def limit(self) -> Result | None:
        """The global limit of the key."""
        row: Result | None = self.session.get_or_none(f"/v2/concurrency_limits/{quote(limit_name(self.key))}")
        return row

    def overlap(self) -> int:
        """How many runs were RUNNING at once at most."""
        moments = []
        for run in self.runs():
            states = self.session.get(f"/flow_run_states/?flow_run_id={run['id']}")
            for state in states:
                if state["type"] == "RUNNING":
                    moments.append((state["timestamp"], 1))
                elif state["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
                    moments.append((state["timestamp"], -1))
        most = now = 0
        for _at, step in sorted(moments):
            now += step
            most = max(most, now)
        return most


MakeSite = t.Callable[..., Site]


def fates(answer: Result) -> list[str]:
    """What became of each window."""
    return [run["fate"] for run in answer["runs"]]
