# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One window of a backfill with the run that replays it, what came of it, and the figures of all together."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.windows import Window
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.following import ENDED
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.reading import Row
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import (
    mask,
    mask_addresses,
    scrub,
    secrets_in,
)

SUMMARY_KEY = "hotpass-backfill-summary"

# What became of a window.
COMPLETED: t.Final = "completed"
FAILED: t.Final = "failed"
IN_FLIGHT: t.Final = "in_flight"
NOT_RUN: t.Final = "not_run"
Fate = t.Literal["completed", "failed", "in_flight", "not_run"]


@dataclasses.dataclass
class Entry:
    """A window and its run.

    :param number: its place among the windows, counted from 1.
    :param keys: the idempotency key of an attempt.
    :param attempt: of the run in ``row``, or of the one to be started.
    :param row: the run as last read; None before it is started, and where there is no server.
    :param created: whether this very call started the run.
    :param earlier: whether it had ended before this call.
    :param summary: what the flow said of itself.
    :param problem: why it counts as failed, as the end of a sentence; None for what is not at its end, and for success.
    :param gone: somebody deleted the run while it was followed.
    """

    number: int
    window: Window
    keys: t.Callable[[int], str] | None = None
    attempt: int = 1
    row: Row | None = None
    created: bool = False
    earlier: bool = False
    summary: dict[str, t.Any] | None = None
    problem: str | None = None
    gone: bool = False
    local: bool = False

    @property
    def key(self) -> str:
        """The idempotency key of the current attempt."""
        return self.keys(self.attempt) if self.keys else ""

    @property
    def ended(self) -> bool:
        """Whether the run, if there is any, is at its end."""
        return self.gone or self.local or (self.row is not None and self.row["state_type"] in ENDED)

    @property
    def fate(self) -> Fate:
        """What became of the window."""
        if self.ended:
            return FAILED if self.problem else COMPLETED
        return NOT_RUN if self.row is None else IN_FLIGHT

    @property
    def message(self) -> str | None:
        """What the run's state says, without secrets."""
        said = ((self.row or {}).get("state") or {}).get("message")
        return self.without_secrets(said) if said else None

    def without_secrets(self, text: str) -> str:
        """The text without the secrets of the run's parameters and job variables, and of any address in it."""
        given = [(self.row or {}).get(part) for part in ("parameters", "job_variables")]
        return mask_addresses(scrub(text, secrets_in(given)))

    def forget(self) -> None:
        """Leave the run that failed behind, and go on to the next attempt."""
        self.attempt += 1
        self.row = self.summary = self.problem = None
        self.earlier = False

    def own_summary(self) -> dict[str, t.Any]:
        """What the flow's summary says of this window; empty when there is none."""
        runs = (self.summary or {}).get("runs")
        if not isinstance(runs, list):
            return {}
        mine = [run for run in runs if isinstance(run, dict) and _names(run, self.window)]
        return mine[0] if len(mine) == 1 else {}

    def to_json(self) -> dict[str, t.Any]:
        """The window as the module returns it."""
        row = self.row or {}
        return {
            **self.window.to_json(),
            "fate": self.fate,
            "reason": self.problem,
            "id": row.get("id"),
            "name": row.get("name"),
            "state_type": row.get("state_type"),
            "state_name": row.get("state_name"),
            "state_message": self.message,
            "attempt": self.attempt,
            "created": self.created,
            "earlier": self.earlier,
            "started": row.get("start_time"),
            "ended": row.get("end_time"),
            "run_time": row.get("total_run_time"),
            "records": _count(self.own_summary().get("total_records")),
            "summary": mask(self.summary),
        }


def _names(run: t.Mapping[str, t.Any], window: Window) -> bool:
    return run.get("run_date") == window.date and run.get("version") == window.version


def _count(value: t.Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def judge(entry: Entry) -> str | None:
    """Why a run that is at its end counts as failed, or None. What cannot be judged is no success."""
    row = entry.row
    if row is None:
        return "somebody deleted its run" if entry.gone else None
    kind, message = row["state_type"], entry.message
    if kind == "COMPLETED":
        return _judge_summary(entry)
    if kind == "CANCELLED":
        if message and "concurrency limit" in message:
            return (
                f"the server cancelled it instead of letting it wait ({message.rstrip('.')}), for other runs hold the "
                "deployment's slots and its collision_strategy is CANCEL_NEW; run again when they have ended, or "
                "declare ENQUEUE"
            )
        return f"it was cancelled{_because(message)}"
    if kind == "CRASHED":
        return f"it crashed: its process died or never began{_because(message)}"
    if row["state_name"] == "Refused":
        return f"the fence refused it{_because(message)}"
    own = entry.own_summary().get("error")
    if isinstance(own, str) and own:
        return entry.without_secrets(own).rstrip(".")
    return f"it ended {row['state_name']}{_because(message)}"


def _because(message: str | None) -> str:
    return f" ({message.rstrip('.')})" if message else ""


def _judge_summary(entry: Entry) -> str | None:
    if entry.summary is None:
        return f"it left no artifact {SUMMARY_KEY!r}, so nobody can tell what it did"
    own = entry.own_summary()
    if not own:
        return f"its artifact {SUMMARY_KEY!r} says nothing of this window"
    if own.get("success") is not True:
        return "its summary counts the window as failed"
    return None


def outcome_of(entries: t.Sequence[Entry]) -> str:
    """``completed`` when every window is, ``failed`` when one failed, else ``incomplete``."""
    fates = {entry.fate for entry in entries}
    if FAILED in fates:
        return "failed"
    return "completed" if fates == {COMPLETED} else "incomplete"


def metrics(entries: t.Sequence[Entry], wall_seconds: float) -> dict[str, t.Any]:
    """The figures of all windows together; ``total_elapsed_seconds`` is the sum of the runs' own."""
    fates = [entry.fate for entry in entries]
    elapsed = [entry.own_summary().get("elapsed_seconds") for entry in entries]
    return {
        "total_runs": len(entries),
        "successful_runs": fates.count(COMPLETED),
        "failed_runs": fates.count(FAILED),
        "in_flight_runs": fates.count(IN_FLIGHT),
        "not_run": fates.count(NOT_RUN),
        "created_runs": sum(entry.created for entry in entries),
        "earlier_runs": sum(entry.earlier for entry in entries),
        "total_records": sum(_count(entry.own_summary().get("total_records")) or 0 for entry in entries),
        "total_elapsed_seconds": round(sum(value for value in elapsed if isinstance(value, (int, float))), 3),
        "wall_seconds": round(wall_seconds, 3),
    }


def failures(entries: t.Sequence[Entry], most: int = 3) -> str:
    """The windows that failed, each with its reason, for a sentence."""
    bad = [f"{entry.window}: {entry.problem}" for entry in entries if entry.fate == FAILED]
    shown = "; ".join(bad[:most])
    return f"{shown}; and {len(bad) - most} more" if len(bad) > most else shown
