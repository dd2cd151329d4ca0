# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows a run to its end, and says what a run that does not end is waiting for."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.reading import Row
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session, quote

ENDED = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


def follow(
    session: Session, row: Row, title: str | None, timeout: float, pause: float, tell: t.Callable[[str], None]
) -> tuple[Row, bool]:
    """Read the run until it ends.

    :param timeout: seconds to wait at most.
    :param pause: seconds between two readings.
    :param tell: is given a line for each change of state.
    :returns: the run as last read, and whether it ended in time.
    """
    begun = time.monotonic()
    told: str | None = None
    while True:
        elapsed = time.monotonic() - begun
        if row["state_name"] != told:
            told = row["state_name"]
            tell(f"{title or 'flow run'}: run {row['name']} is {told} after {elapsed:.0f} s")
        if row["state_type"] in ENDED:
            return row, True
        left = timeout - elapsed
        if left <= 0:
            return row, False
        time.sleep(min(pause, left))
        row = session.get(f"/flow_runs/{row['id']}")


def waits_for(session: Session, row: Row) -> str:
    """Why the run has not ended, as far as the server knows."""
    name, kind = row["state_name"], row["state_type"]
    if name == "AwaitingConcurrencySlot":
        return "it waits for a slot of its deployment's concurrency limit (AwaitingConcurrencySlot)"
    if name == "AwaitingRelease":
        said = (row.get("state") or {}).get("message")
        why = f": {said.rstrip('.')}" if said else ""
        return f"the fence puts it off until its release is Active (AwaitingRelease){why}"
    if kind == "PAUSED":
        return f"it is {name} and waits for somebody to resume it"
    if kind not in ("SCHEDULED", "PENDING"):
        return f"it is still {name}"
    pool_name = row.get("work_pool_name")
    if pool_name is None:
        return f"it is {name}, and its deployment has no work pool, so no worker ever takes it"
    return f"it is {name}: {_about_pool(session, pool_name, row.get('work_queue_name'))}"


def _about_pool(session: Session, pool_name: str, queue_name: str | None) -> str:
    path = f"/work_pools/{quote(pool_name)}"
    pool = session.get_or_none(path)
    if pool is None:
        return f"its work pool {pool_name!r} is gone"
    queue = session.get_or_none(f"{path}/queues/{quote(queue_name)}") if queue_name else None
    for what, part in ((f"work pool {pool_name!r}", pool), (f"work queue {queue_name!r} of {pool_name!r}", queue)):
        if part is None:
            continue
        if part["is_paused"]:
            return f"{what} is paused"
        limit, used = part["concurrency_limit"], part.get("active_slots")
        if limit is not None and (limit == 0 or (used is not None and used >= limit)):
            return f"{what} has a concurrency limit of {limit}, and {used or 0} runs hold its slots"
    online = session.search(f"{path}/workers/filter", filters.workers(statuses=["ONLINE"]))
    if not online:
        return f"no worker is online in work pool {pool_name!r}"
    names = ", ".join(sorted(worker["name"] for worker in online))
    return f"work pool {pool_name!r} is open and has a worker online ({names}), which has not started it yet"
