# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One reading of the limits that hold a deployment's runs, small enough to be taken while the runs go on.

Prefect keeps no history of a limit, and its rows say ``updated`` also when only a slot was taken or given back. Which
limit was in force at an instant can therefore only be told from readings that were taken at the time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import now, written
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.limit_names import limit_name
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.naming import is_id
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.reading import Row
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session, quote

DEPLOYMENT: t.Final = "deployment"
GLOBAL: t.Final = "global"
WORK_POOL: t.Final = "work_pool"
WORK_QUEUE: t.Final = "work_queue"
GUARDRAILS: t.Final = (DEPLOYMENT, GLOBAL, WORK_POOL, WORK_QUEUE)
"""The limits that can hold a deployment's runs, the narrowest in scope first."""

_LIMIT_KEYS = ("id", "name", "limit", "active", "active_slots", "slot_decay_per_second", "created", "updated")
_PLACE_KEYS = ("id", "name", "type", "is_paused", "status", "updated")


def find_deployment(session: Session, name: str) -> Row:
    """The deployment with an id, or with the name ``flow/deployment``.

    :raises CollectionError: when there is none.
    """
    flow, slash, own = name.partition("/")
    if slash and flow and own and "/" not in own:
        row: Row | None = session.get_or_none(f"/deployments/name/{quote(flow)}/{quote(own)}")
    elif is_id(name):
        row = session.get_or_none(f"/deployments/{name}")
    else:
        raise CollectionError(f"deployment is {name!r}; it must be 'flow/deployment', as Prefect shows it, or an id.")
    if row is None:
        raise CollectionError(f"There is no deployment {name!r}; deploy it first (playbooks/deploy.yml).")
    return row


def sample(
    session: Session, deployment: Row | str, concurrency_key: str | None = None, work_queue: str | None = None
) -> dict[str, t.Any]:
    """What the limits of a deployment are now: up to five requests, all of them reads.

    :param deployment: its row, its id, or ``flow/deployment``. A row tells only which deployment it is.
    :param concurrency_key: of the global limit; by default the deployment's parameter ``concurrency_key``.
    :param work_queue: of the deployment's pool, for runs that go into another one than the deployment's, the default.
    :returns: JSON: ``at`` (this machine's clock), and under ``deployment``, ``global``, ``work_pool`` and
        ``work_queue`` what is there, or null. ``limit`` is null for no limit. ``workers`` are those of the pool.
    """
    began = now()
    row = find_deployment(session, deployment["id"] if isinstance(deployment, dict) else deployment)
    key = concurrency_key if concurrency_key is not None else (row.get("parameters") or {}).get("concurrency_key")
    shared = None
    if isinstance(key, str) and key:
        shared = session.get_or_none(f"/v2/concurrency_limits/{quote(limit_name(key))}")
    pool = queue = None
    workers: list[Row] = []
    if row.get("work_pool_name"):
        path = f"/work_pools/{quote(row['work_pool_name'])}"
        pool = session.get_or_none(path)
        if pool is not None:
            queue = session.get_or_none(f"{path}/queues/{quote(work_queue or row['work_queue_name'])}")
            workers = session.search(f"{path}/workers/filter", filters.workers())
    return {
        "at": written(began),
        "took_seconds": (now() - began) / 1_000_000,
        DEPLOYMENT: _limit(row.get("global_concurrency_limit")),
        GLOBAL: _limit(shared),
        WORK_POOL: _place(pool),
        WORK_QUEUE: _place(queue),
        "workers": [
            {key: worker.get(key) for key in ("name", "status", "last_heartbeat_time", "heartbeat_interval_seconds")}
            for worker in sorted(workers, key=lambda worker: str(worker["name"]))
        ],
    }


def _limit(row: Row | None) -> dict[str, t.Any] | None:
    return None if row is None else {key: row.get(key) for key in _LIMIT_KEYS}


def _place(row: Row | None) -> dict[str, t.Any] | None:
    if row is None:
        return None
    return {**{key: row.get(key) for key in _PLACE_KEYS}, "limit": row.get("concurrency_limit")}
