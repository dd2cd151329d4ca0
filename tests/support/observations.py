# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observations of deployments that never were, told in seconds: what a server would have answered."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import SECOND, written
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.observation import Observation

START: t.Final = 1_767_225_600  # 2026-01-01T00:00:00Z
DEPLOYMENT_ID: t.Final = "d1"

State = t.Sequence[t.Any]
"""``(second, type)``, then a name, then a message or the second that it is scheduled for."""


def at(second: float) -> str:
    """The instant so many seconds after the start, as a server writes it."""
    return written(round((START + second) * SECOND))


def done(due: float, start: float, end: float) -> list[State]:
    """The history of a run without trouble: PENDING and RUNNING at once."""
    return [(due, "SCHEDULED"), (start, "PENDING"), (start, "RUNNING"), (end, "COMPLETED")]


def waited(due: float, start: float, end: float) -> list[State]:
    """The same of a run that was told to wait for its slot."""
    first, *rest = done(due, start, end)
    return [first, (due, "SCHEDULED", "AwaitingConcurrencySlot"), *rest]


def sample(second: float, limit: int | None = 1, slots: int | None = 0, **more: t.Any) -> dict[str, t.Any]:
    """One reading of the deployment's limit; ``more`` sets ``active``, ``updated``, or ``global_limit`` and others."""
    own: dict[str, t.Any] = {
        "id": "l1",
        "name": f"deployment:{DEPLOYMENT_ID}",
        "limit": limit,
        "active": more.pop("active", True),
        "active_slots": slots,
        "slot_decay_per_second": 0.0,
        "updated": at(more.pop("updated", second)),
    }
    return {
        "at": at(second),
        "took_seconds": 0.0,
        "deployment": None if limit is None else own,
        "global": more.pop("global_limit", None),
        "work_pool": more.pop("work_pool", None),
        "work_queue": more.pop("work_queue", None),
        "workers": more.pop("workers", []),
        **more,
    }


def shared(limit: int, slots: int, name: str = "hotpass~2Fbackfill", **more: t.Any) -> dict[str, t.Any]:
    """A reading of the global limit."""
    row = {"id": "g1", "name": name, "limit": limit, "active": True, "active_slots": slots}
    return {**row, "slot_decay_per_second": 0.0, "updated": at(0), **more}


def place(limit: int | None, **more: t.Any) -> dict[str, t.Any]:
    """A reading of a work pool or queue."""
    row = {"id": "p1", "name": "pool", "type": "process", "is_paused": False, "status": "READY", "updated": at(-100)}
    return {**row, "limit": limit, **more}


def worker(beat: float, status: str = "ONLINE") -> dict[str, t.Any]:
    """A worker whose last heartbeat was at a second."""
    return {"name": "w", "status": status, "last_heartbeat_time": at(beat), "heartbeat_interval_seconds": 30}


def observation(
    stories: t.Mapping[str, t.Sequence[State]],
    samples: t.Sequence[dict[str, t.Any]],
    until: float = 100,
    *,
    run_ids: t.Sequence[str] | None = None,
    since: float = 0,
    deployment: t.Mapping[str, t.Any] | None = None,
    rows: t.Mapping[str, t.Mapping[str, t.Any]] | None = None,
    workers: t.Sequence[dict[str, t.Any]] = (),
    scope: t.Mapping[str, t.Any] | None = None,
) -> Observation:
    """What was seen of these runs.

    :param stories: the states of each run.
    :param rows: what differs in the row of a run.
    """
    states = {run: [_state(run, number, *state) for number, state in enumerate(told)] for run, told in stories.items()}
    return Observation(
        deployment={
            "id": DEPLOYMENT_ID,
            "name": "d",
            "full_name": "f/d",
            "parameters": {},
            "concurrency_options": {"collision_strategy": "ENQUEUE"},
            "work_pool_name": None,
            "work_queue_name": None,
            **(deployment or {}),
        },
        runs=[
            {
                "id": run,
                "name": run,
                "state_id": states[run][-1]["id"] if states[run] else None,
                "deployment_id": DEPLOYMENT_ID,
                "work_pool_name": None,
                "work_queue_name": None,
                **((rows or {}).get(run) or {}),
            }
            for run in sorted(stories)
        ],
        states=states,
        work_pool={"pool": None, "queue": None, "workers": list(workers)},
        concurrency={
            "observed_at": at(until),
            "window": {"since": at(since), "until": at(until), "run_ids": None if run_ids is None else list(run_ids)},
            "concurrency_key": None,
            "scope": {
                "deployments": [DEPLOYMENT_ID],
                "keyed": [DEPLOYMENT_ID],
                "work_pool": None,
                "work_queue": None,
                **(scope or {}),
            },
            "samples": list(samples),
        },
    )


def _state(run: str, number: int, second: float, kind: str, name: str = "", more: t.Any = None) -> dict[str, t.Any]:
    due = more if isinstance(more, (int, float)) else second
    return {
        "id": f"{run}-{number}",
        "type": kind,
        "name": name or kind.title(),
        "timestamp": at(second),
        "message": more if isinstance(more, str) else None,
        "state_details": {
            "scheduled_time": at(due) if kind == "SCHEDULED" else None,
            "deployment_concurrency_lease_id": "lease",
        },
    }
