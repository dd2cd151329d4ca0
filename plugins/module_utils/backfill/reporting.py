# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account of a backfill: what its task returns, and whether it fails."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.backfill import archives, entries
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.entries import Entry
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.progress import Progress
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.settings import Settings
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import ansible_diff
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.naming import listed
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Outcome


def account(
    rows: t.Sequence[Entry], seconds: float, runtime: str, absent: list[dict[str, str]] | None
) -> dict[str, t.Any]:
    """What both ways to run a backfill return.

    :param seconds: that it took.
    :param runtime: ``prefect`` or ``local``.
    :param absent: the archives that are not there; None when nobody can see them from here.
    """
    return {
        "runtime": runtime,
        "outcome": entries.outcome_of(rows),
        "windows": [entry.window.to_json() for entry in rows],
        "runs": [entry.to_json() for entry in rows],
        "run_ids": [entry.row["id"] for entry in rows if entry.row is not None],
        "metrics": entries.metrics(rows, seconds),
        "missing_archives": absent,
    }


def nothing() -> dict[str, t.Any]:
    """The account of a backfill that did not begin."""
    return {"changed": False, "runs": [], "run_ids": [], "runtime": None, "outcome": "not_begun"}


def diff_of_runs(title: str, rows: t.Sequence[Entry]) -> list[dict[str, t.Any]]:
    """The windows that are to run, as Ansible's diff."""
    if not rows:
        return []
    return [ansible_diff(f"backfill of {title}", None, {"windows": [str(entry.window) for entry in rows]})]


def look_for_archives(
    params: t.Mapping[str, t.Any], wanted: Settings, rows: t.Sequence[Entry], outcome: Outcome, check: bool
) -> list[dict[str, str]] | None:
    """The archives that are not there, with a warning; None when nobody sees them from here, which check mode says.

    :param params: the module's options.
    """
    root = archives.root_seen_here(wanted, params["archives_here"], params["home"])
    if root is None:
        if check:
            outcome.warnings.append(
                "Whether the archives are there cannot be seen from here: archives_here names where to look."
            )
        return None
    absent = archives.missing(wanted, [entry.window for entry in rows], root)
    if absent:
        shown = listed(f"{one['archive']}{' (' + one['hint'] + ')' if one['hint'] else ''}" for one in absent)
        outcome.warnings.append(f"{len(absent)} archives are not in {root}: {shown}.")
    return absent


def closed(outcome: Outcome, rows: t.Sequence[Entry], progress: Progress) -> Outcome:
    """The outcome, unless a window failed.

    :raises CollectionError: then, with the same account.
    """
    figures = outcome.result["metrics"]
    progress.say(
        f"{figures['successful_runs']} of {figures['total_runs']} windows completed, {figures['failed_runs']} failed, "
        f"{figures['not_run']} not run; {figures['total_records']} records, {figures['wall_seconds']:.1f} s"
    )
    if outcome.result["outcome"] == "failed":
        left = f" {figures['not_run']} windows were not started (on_error: stop)." if outcome.result["stopped"] else ""
        raise CollectionError(
            f"{figures['failed_runs']} of {figures['total_runs']} windows failed: {entries.failures(rows)}.{left}",
            **outcome.result,
            changed=outcome.changed,
        )
    return outcome
