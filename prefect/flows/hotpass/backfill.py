# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backfill itself: each window's archive restored, refined and accounted for. It knows nothing of Prefect."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotpass.archive_members import ArchiveLimits
from hotpass.archives import Restored, restore
from hotpass.backfill_parameters import BackfillConfig, Slot
from hotpass.errors import HotpassError, SlotError
from hotpass.parameters import RefineConfig
from hotpass.pipeline import refine
from hotpass.summary import Summary
from hotpass.swapping import held, staged, swap_in
from hotpass.windows import Window

FLOW_NAME = "hotpass-backfill"


class BackfillError(HotpassError):
    """A backfill of which a window failed; `result` is the account of all windows."""

    def __init__(self, result: dict[str, Any]) -> None:
        failed = [run for run in result["runs"] if not run["success"]]
        reasons = "; ".join(f"{run['run_date']}--{run['version']}: {run['error'].rstrip('.')}" for run in failed[:3])
        more = f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
        super().__init__(f"{len(failed)} of {len(result['runs'])} windows failed: {reasons}{more}.")
        self.result = result

    def __reduce__(self) -> tuple[type[BackfillError], tuple[dict[str, Any]]]:
        # Prefect may pickle what a flow raised, and an error is made again from its arguments.
        return type(self), (self.result,)


@dataclass(frozen=True)
class Steps:
    """What a window is made of, as the runtime wants it: the slot it needs, and its two steps (tasks of Prefect).

    :ivar unexpected: told of an error that no window should meet, whose own words may hold records: it is for the log.
    """

    slot: Callable[[Slot], AbstractContextManager[None]]
    unexpected: Callable[[Exception], None]
    restore: Callable[[Path, Path, Path, ArchiveLimits], Restored] = restore
    refine: Callable[[RefineConfig], Summary] = refine


def replay(config: BackfillConfig, steps: Steps, report: Callable[[dict[str, Any]], None]) -> list[dict[str, Any]]:
    """Replay the windows one after another, each exactly once, and return the account of each.

    A window that fails, for whatever error, does not keep the next from its turn. One that gets no slot does: the next
    would get none either, or would run unguarded. `report` is called with each account as soon as it is there.
    """
    accounts: list[dict[str, Any]] = []
    refused: str | None = None
    for window in config.windows:
        account = _blank(window)
        if refused is None:
            started = time.perf_counter()
            try:
                with steps.slot(config.slot):
                    _replay_window(window, config, steps, account)
            except HotpassError as error:
                account |= {"success": False, "error": str(error)}
                if isinstance(error, SlotError):
                    refused = str(error)
            except Exception as error:  # noqa: BLE001  whatever it is, it is one window's
                account |= {"success": False, "error": f"unexpected {type(error).__name__}; see the log of the run."}
                steps.unexpected(error)
            account["elapsed_seconds"] = round(time.perf_counter() - started, 3)
        else:
            account["error"] = f"not started, for the window before got no slot: {refused}"
        accounts.append(account)
        report(account)
    return accounts


def _replay_window(window: Window, config: BackfillConfig, steps: Steps, account: dict[str, Any]) -> None:
    archive = config.archive_of(window)
    account["archive_path"] = str(archive)
    target = config.restore_dir_of(window)
    with held(target), staged(target) as directory:
        restored = steps.restore(archive, config.archive_root, directory, config.limits)
        account["archive_sha256"] = restored.archive_sha256
        try:
            summary = steps.refine(config.refinement_of(window, directory))
        except HotpassError as error:
            # The directory is gone when somebody reads this.
            raise HotpassError(str(error).replace(str(directory), str(archive))) from None
        # What cannot be refined must not take the place of what could.
        swap_in(directory, target)
    account |= {
        "success": True,
        "restore_dir": str(target),
        "output_path": summary.output_path,
        "output_sha256": summary.output_sha256,
        "records_in": summary.records_in,
        "total_records": summary.records_out,
        "summary": summary.to_dict(),
    }


def _blank(window: Window) -> dict[str, Any]:
    """Return the account of a window of which nothing has been done."""
    return {
        "run_date": window.day.isoformat(),
        "version": window.version,
        "success": False,
        "error": None,
        "archive_path": None,
        "archive_sha256": None,
        "restore_dir": None,
        "output_path": None,
        "output_sha256": None,
        "records_in": None,
        "total_records": None,
        "elapsed_seconds": 0.0,
        "summary": None,
    }


def to_result(accounts: Sequence[dict[str, Any]], runtime: str) -> dict[str, Any]:
    """Return what the flow returns: the accounts, their sums, and which runtime (`prefect`, `local`) it was."""
    good = [account for account in accounts if account["success"]]
    return {
        "flow": FLOW_NAME,
        "runs": list(accounts),
        "metrics": {
            "total_runs": len(accounts),
            "successful_runs": len(good),
            "failed_runs": len(accounts) - len(good),
            "total_records": sum(account["total_records"] for account in good),
            "total_elapsed_seconds": round(sum(account["elapsed_seconds"] for account in accounts), 3),
        },
        "runtime": runtime,
    }


def to_markdown(result: dict[str, Any]) -> str:
    """Return the result as a page for people. It holds counts, names of files and digests, and no record."""
    metrics = result["metrics"]
    lines = [
        f"# Backfill: {metrics['successful_runs']} of {metrics['total_runs']} windows, "
        f"{metrics['total_records']} records",
        "",
        "| window | outcome | read | written | seconds | archive sha256 | output sha256 |",
        "|---|---|---:|---:|---:|---|---|",
    ]
    lines += [
        f"| {run['run_date']}--{run['version']} | {'refined' if run['success'] else 'failed'} "
        f"| {_cell(run['records_in'])} | {_cell(run['total_records'])} | {run['elapsed_seconds']:.2f} "
        f"| {_digest(run['archive_sha256'])} | {_digest(run['output_sha256'])} |"
        for run in result["runs"]
    ]
    lines += _failures(result["runs"])
    lines += ["", f"Total {metrics['total_elapsed_seconds']:.2f} s, runtime `{result['runtime']}`."]
    return "\n".join(lines) + "\n"


def _failures(runs: Iterable[dict[str, Any]]) -> list[str]:
    failed = [f"- {run['run_date']}--{run['version']}: {run['error']}" for run in runs if not run["success"]]
    return ["", "Failed:", "", *failed] if failed else []


def _cell(value: int | None) -> str:
    return "" if value is None else str(value)


def _digest(value: str | None) -> str:
    return f"`{value}`" if value else ""
