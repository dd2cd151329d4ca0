# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flows that Prefect deployments name as their entrypoint."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from hotpass import backfill as replaying
from hotpass.archive_pattern import DEFAULT_PATTERN
from hotpass.archives import restore
from hotpass.backfill_parameters import BackfillConfig, Slot
from hotpass.parameters import RefineConfig
from hotpass.pipeline import refine
from hotpass.runtime import PREFECT_ENABLED, flow, get_logger, publish, slot, task
from hotpass.summary import FLOW_NAME, to_markdown

_refine = task(name="refine")(refine)
_restore = task(name="restore")(restore)


@flow(name=FLOW_NAME)
def refinement_pipeline_flow(
    input_dir: str = "./data",
    output_path: str = "dist/refined/latest.parquet",
    profile_name: str = "aviation",
    archive: bool = False,
    dist_dir: str = "dist",
    backfill: bool = False,
    incremental: bool = False,
    since: str | None = None,
) -> dict[str, Any]:
    """Refine the organisations in the workbooks of a directory into one Parquet file, and report what was done.

    Relative paths are below the environment variable HOTPASS_HOME, or without it below the current directory. The flow
    returns its summary and publishes it as the artifacts hotpass-refinement-report and hotpass-refinement-summary.

    Args:
        input_dir: Directory with the .xlsx workbooks to read.
        output_path: Parquet file to write; it is replaced as a whole.
        profile_name: Set of rules a record must keep: general, aviation or aviation-strict.
        archive: Also write a zip of the output with its SHA256SUMS into dist_dir.
        dist_dir: Directory for the archive.
        backfill: Mark the run as a replay of archived input; excludes incremental.
        incremental: Process only what is not older than since; without since, everything.
        since: ISO date or datetime, UTC unless it has an offset; its whole day is included. Needs incremental.

    Raises:
        HotpassError: a parameter or the input is at fault; the message says which and what is allowed.
    """
    config = RefineConfig.build(
        input_dir=input_dir,
        output_path=output_path,
        profile_name=profile_name,
        archive=archive,
        dist_dir=dist_dir,
        backfill=backfill,
        incremental=incremental,
        since=since,
    )
    log = get_logger()
    log.info("Refining %s with the profile %s.", config.input_dir, config.profile.name)
    summary = _refine(config)
    if summary.undated:
        log.warning("%d records were held back: they have no date to compare with since.", summary.undated)
    for name in summary.ignored:
        log.warning("Ignored %s: no sheet shape describes it.", name)
    for name, count in summary.details.items():
        if count["unmatched"]:
            log.warning("%d rows of %s belong to no organisation of their workbook.", count["unmatched"], name)
    log.info(
        "%d records in, %d out: %d invalid, %d duplicates, %d too old; wrote %s in %.2f s.",
        summary.records_in,
        summary.records_out,
        summary.invalid,
        summary.duplicates,
        summary.filtered_out,
        summary.output_path,
        summary.seconds,
    )
    result = summary.to_dict()
    publish("refinement", result, to_markdown(summary))
    return result


@flow(name=replaying.FLOW_NAME)
def backfill_pipeline_flow(
    runs: list[dict[str, str]] | None = None,
    archive_root: str = "dist/input-archives",
    restore_root: str = "dist/backfill",
    archive_pattern: str = DEFAULT_PATTERN,
    base_config: dict[str, Any] | None = None,
    parameters: dict[str, Any] | None = None,
    concurrency_limit: int = 1,
    concurrency_key: str = "hotpass/backfill",
    since: str | None = None,
    until: str | None = None,
    versions: list[str] | None = None,
) -> dict[str, Any]:
    """Replay archived inputs: restore each window's archive, refine it whole, and report what was done.

    A window is one day and one version. Several are replayed one after another; each takes one slot of the global
    concurrency limit that concurrency_key names, and none runs without. A window that fails does not keep the next from
    its turn, and fails the run in the end. Nothing is tried twice. Relative paths are below the environment variable
    HOTPASS_HOME, or without it below the current directory. The flow publishes its result as the artifacts
    hotpass-backfill-report and hotpass-backfill-summary.

    Args:
        runs: Windows, each with run_date (YYYY-MM-DD) and version; excludes since, until and versions.
        archive_root: Directory below which the archives lie.
        restore_root: Directory for restored inputs (YYYY-MM-DD--version) and outputs (outputs/refined-*.parquet).
        archive_pattern: Path of an archive below archive_root, with {date:<strftime format>} and {version}.
        base_config: Settings under pipeline (of the refinement), archive (limits of size) and slot (waiting times).
        parameters: Settings under pipeline that replace those of base_config; backfill has to stay true.
        concurrency_limit: Most slots that the limit may have; 0 is one at a time, as 1 is.
        concurrency_key: Names the limit; hotpass/backfill is the limit hotpass~2Fbackfill.
        since: First day (YYYY-MM-DD) of a range of windows.
        until: Last day of the range, included; without it the range is one day.
        versions: Versions of each day of the range; without it there is one, 1.

    Raises:
        HotpassError: a parameter is at fault, or a window failed; the message says which and why.
    """
    config = BackfillConfig.build(
        runs=runs,
        archive_root=archive_root,
        restore_root=restore_root,
        archive_pattern=archive_pattern,
        base_config=base_config,
        parameters=parameters,
        concurrency_limit=concurrency_limit,
        concurrency_key=concurrency_key,
        since=since,
        until=until,
        versions=versions,
    )
    accounts = replaying.replay(config, replaying.Steps(_slot, _unexpected, _restore, _refine), _tell)
    result = replaying.to_result(accounts, "prefect" if PREFECT_ENABLED else "local")
    publish("backfill", result, replaying.to_markdown(result))
    if result["metrics"]["failed_runs"]:
        raise replaying.BackfillError(result)
    return result


def _slot(wanted: Slot) -> AbstractContextManager[None]:
    return slot(
        wanted.name,
        at_most=wanted.at_most,
        timeout_seconds=wanted.timeout_seconds,
        lease_seconds=wanted.lease_seconds,
    )


def _unexpected(error: Exception) -> None:
    get_logger().error("A window met an error that none should meet.", exc_info=error)


def _tell(account: dict[str, Any]) -> None:
    name = f"{account['run_date']}--{account['version']}"
    if account["success"]:
        get_logger().info(
            "Replayed %s in %.2f s: %d records in, %d out, in %s.",
            name,
            account["elapsed_seconds"],
            account["records_in"],
            account["total_records"],
            account["output_path"],
        )
    else:
        get_logger().error("Window %s failed: %s", name, account["error"])
