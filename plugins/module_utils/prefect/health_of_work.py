# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is there somebody to do the work? Workers and deployments."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.findings import (
    Finding,
    Ward,
    failed,
    passed,
    until,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.next_run import HORIZON_DAYS, far_schedules
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.reading import DEPLOYMENTS, FLOWS, read_all
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import quote

# The server itself calls a worker offline after three silent intervals. Two are enough to doubt it here, because one
# that was killed goes on looking online until then.
_FRESH_INTERVALS = 2
_SLACK = 5.0
_DEFAULT_INTERVAL = 30.0
_RUNS_LOOKED_AT = 50
_NAMES_SHOWN = 5


def check_worker(ward: Ward) -> Finding:
    """Whether a worker of the pool gives signs of life: a heartbeat not long ago, or a new one while we wait.

    A heartbeat whose age cannot be believed, because the clocks of the server and of this machine differ, does not
    count; then only a new one does.
    """
    pool, wanted = ward.params["work_pool"], ward.params.get("worker")
    insist_on_new = bool(ward.params.get("new_heartbeat"))
    who = f"worker {wanted}" if wanted else "worker"
    remedy = f"Start one (playbooks/start.yml, or prefect worker start --pool {pool}), and look at its log."
    first: dict[str, t.Any] = {}
    looked = False

    def look() -> Finding:
        nonlocal looked
        found = ward.session.get_or_none(f"/work_pools/{quote(pool)}")
        if found is None:
            return failed(
                "worker", f"there is no work pool {pool}", "Create it with hotpass.prefect.prefect_work_pool."
            )
        if found.get("is_paused"):
            return failed("worker", f"the work pool {pool} is paused", "Resume it when its runs may start again.")
        workers = ward.session.search(f"/work_pools/{quote(pool)}/workers/filter", filters.workers(statuses=["ONLINE"]))
        workers = [worker for worker in workers if wanted is None or worker["name"] == wanted]
        beats = {worker["name"]: worker.get("last_heartbeat_time") for worker in workers}
        if not looked:
            looked = True
            first.update(beats)
        fresh = sorted(
            worker["name"]
            for worker in workers
            if beats[worker["name"]] != first.get(worker["name"]) or (not insist_on_new and _is_recent(worker))
        )
        if fresh:
            return passed("worker", f"{', '.join(fresh)} of the work pool {pool} {_is(fresh)} alive")
        silent = f"{who} of the work pool {pool} has sent no heartbeat lately"
        absent = f"no {who} of the work pool {pool} is online"
        return failed("worker", silent if workers else absent, remedy)

    return until(ward, f"a heartbeat of a {who}" if wanted is None else f"a heartbeat of {who}", look)


def _is_recent(worker: dict[str, t.Any]) -> bool:
    last = worker.get("last_heartbeat_time")
    if not last:
        return False
    interval = worker.get("heartbeat_interval_seconds") or _DEFAULT_INTERVAL
    age = (_now() - _instant(last)).total_seconds()
    return -_SLACK <= age <= _FRESH_INTERVALS * interval + _SLACK


def check_deployments(ward: Ward) -> Finding:
    """Whether each deployment is READY (a worker polls for it), with a run ahead if its schedule is active.

    A schedule whose next run is far away is not asked for one, and the message says so: the server looks ahead only
    about 100 days.
    """
    wanted = ward.params["deployments"]

    def look() -> Finding:
        found = _named(ward, wanted)
        missing = [name for name in wanted if not found[name]]
        if missing:
            return failed(
                "deployments", f"there is no deployment {_listed(missing)}", "Deploy first (playbooks/deploy.yml)."
            )
        rows = {row["id"]: (name, row) for name in wanted for row in found[name]}
        idle = sorted(name for name, row in rows.values() if row.get("status") != "READY")
        if idle:
            return failed(
                "deployments",
                f"no worker polls for {_listed(idle)}",
                "Start a worker of its work pool, and see whether the pool or its queue is paused.",
            )
        expecting = [(name, row) for name, row in rows.values() if _expects_runs(row)]
        without = [(name, row) for name, row in expecting if not _has_run_ahead(ward, row)]
        counted = [(name, far_schedules(row, _now())) for name, row in without]
        far = [(name, count) for name, count in counted if count]
        unscheduled = sorted(name for name, count in counted if not count)
        if unscheduled:
            return failed(
                "deployments",
                f"the schedule of {_listed(unscheduled)} is active, and no run lies ahead",
                "The scheduler of the server does not work, or the schedule has come to its end.",
            )
        unchecked = ""
        if far:
            total, names = sum(count for _name, count in far), sorted({name for name, _count in far})
            unchecked = (
                f"; {total} active schedule{'s' if total > 1 else ''} of {_listed(names)} not checked, because the "
                f"next run is more than {HORIZON_DAYS} days away"
            )
        ahead = len(expecting) - len(without)
        return passed("deployments", f"{_listed(sorted(wanted))} ready, {ahead} with runs ahead{unchecked}")

    return until(ward, "the deployments to be ready", look)


def _named(ward: Ward, wanted: t.Sequence[str]) -> dict[str, list[dict[str, t.Any]]]:
    """The deployments of each name, which is ``flow/deployment``, or the deployment's own where that is enough."""
    own = sorted({name.rpartition("/")[2] for name in wanted})
    rows = read_all(ward.session, DEPLOYMENTS, filters.deployments(names=own))
    flows = read_all(ward.session, FLOWS, filters.flows(ids=sorted({row["flow_id"] for row in rows})))
    flow_names = {flow["id"]: flow["name"] for flow in flows}
    found: dict[str, list[dict[str, t.Any]]] = {name: [] for name in wanted}
    for row in rows:
        for name in (row["name"], f"{flow_names.get(row['flow_id'])}/{row['name']}"):
            if name in found:
                found[name].append(row)
    return found


def _expects_runs(row: dict[str, t.Any]) -> bool:
    return not row.get("paused") and any(schedule.get("active") for schedule in row.get("schedules") or [])


def _has_run_ahead(ward: Ward, row: dict[str, t.Any]) -> bool:
    body = filters.flow_runs(deployment_ids=[row["id"]], states=["SCHEDULED"])
    latest = {**body, "sort": "EXPECTED_START_TIME_DESC", "limit": _RUNS_LOOKED_AT}
    runs = ward.session.search("/flow_runs/filter", latest)
    return any(run.get("auto_scheduled") and _instant(run["expected_start_time"]) > _now() for run in runs)


def _now() -> datetime.datetime:
    return datetime.datetime.now(tz=datetime.UTC)


def _instant(text: str) -> datetime.datetime:
    instant = datetime.datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=datetime.UTC)


def _listed(names: t.Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more


def _is(names: t.Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
