# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that the scheduler works: a probe deployment gets a scheduled run, and is taken away again.

``/health`` and ``/ready`` stay green on a server whose scheduler fails at every loop, so only a run that appears
counts.
"""

from __future__ import annotations

import contextlib
import datetime
import time
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.errors import Conflict, NotFound
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.findings import (
    Finding,
    Ward,
    failed,
    passed,
    until,
)

PROBE = "hotpass-health-probe"

_DAY = 86400.0


def check_scheduler(ward: Ward) -> Finding:
    """Whether a scheduled run appears for a deployment that was just made.

    The probe has no work pool, so no worker can ever take its runs, and its first run lies half a day ahead. Its name
    is always the same: checks at the same time share it, and what one that was cut off left behind, the next removes.
    """
    probe: dict[str, t.Any] = {}
    began = time.monotonic()

    def look() -> Finding:
        try:
            if not probe:
                probe.update(_deploy(ward))
            if any(_is_answer(run, probe) for run in _runs_of(ward, probe)):
                return passed("scheduler", f"a scheduled run appeared within {time.monotonic() - began:.1f} s")
            ward.session.get(f"/deployments/{probe['id']}")
        except (Conflict, NotFound):
            # Another check ended and took the shared probe away; it is made again.
            probe.clear()
        return failed(
            "scheduler",
            "no scheduled run appeared for a deployment with a schedule, so the scheduler of the server does not work",
            "Look at the server's log; services must not be switched off (--no-services, --no-scheduler), and the "
            "locked requirements avoid the known bad combinations of libraries.",
        )

    try:
        return until(ward, "a scheduled run of a probe", look)
    finally:
        _remove(ward)


def _deploy(ward: Ward) -> dict[str, t.Any]:
    flow = ward.session.write("POST", "/flows/", {"name": PROBE})
    anchor = datetime.datetime.now(tz=datetime.UTC) + datetime.timedelta(seconds=_DAY / 2)
    schedule = {"interval": _DAY, "anchor_date": anchor.isoformat(), "timezone": "UTC"}
    body = {
        "name": PROBE,
        "flow_id": flow["id"],
        "description": "Proves that the scheduler works; made and removed by hotpass.prefect.prefect_health.",
        "schedules": [{"schedule": schedule, "active": True, "slug": "probe"}],
    }
    return t.cast("dict[str, t.Any]", ward.session.write("POST", "/deployments/", body))


def _runs_of(ward: Ward, probe: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    body = filters.flow_runs(deployment_ids=[probe["id"]])
    return t.cast("list[dict[str, t.Any]]", ward.session.search("/flow_runs/filter", body))


def _is_answer(run: dict[str, t.Any], probe: dict[str, t.Any]) -> bool:
    """Made by the scheduler, and since the probe was deployed: both times are the server's own."""
    made, deployed = (datetime.datetime.fromisoformat(text) for text in (run["created"], probe["updated"]))
    return bool(run.get("auto_scheduled")) and made >= deployed


def _remove(ward: Ward) -> None:
    """Take the probe away, its runs first: deleting the deployment takes them along, deleting the flow does not."""
    own = {"deployments": filters.deployments(flow_names=[PROBE]), "flows": filters.flows(names=[PROBE])}
    for kind, body in own.items():
        for row in ward.session.search(f"/{kind}/filter", body):
            if row["name"] != PROBE:
                raise CollectionError(
                    f"{row['name']} stands among the {kind} of {PROBE}. That name is taken: rename it."
                )
            with contextlib.suppress(NotFound):
                ward.session.write("DELETE", f"/{kind}/{row['id']}")
