# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flows that Prefect deployments name as their entrypoint."""

from __future__ import annotations

from typing import Any

from hotpass.parameters import RefineConfig
from hotpass.pipeline import refine
from hotpass.runtime import flow, get_logger, publish, task
from hotpass.summary import FLOW_NAME, to_markdown

_refine = task(name="refine")(refine)


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
    publish(result, to_markdown(summary))
    return result
