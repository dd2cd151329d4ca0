# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The refinement itself: workbooks in, Parquet out. It knows nothing of Prefect."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from hotpass.dedupe import merge_duplicates
from hotpass.errors import HotpassError
from hotpass.output import sha256, to_parquet, write_archive, write_atomically
from hotpass.parameters import RefineConfig
from hotpass.profiles import Profile
from hotpass.records import Record, extract
from hotpass.summary import FLOW_NAME, Summary
from hotpass.workbooks import read_workbooks


@dataclass(frozen=True)
class Outcome:
    """What became of some records: those refined, and the count of all others by why they are not among them."""

    refined: list[Record]
    invalid: int
    duplicates: int
    filtered_out: int
    undated: int
    invalid_by_reason: Mapping[str, int]
    cleared_by_field: Mapping[str, int]


def refine(config: RefineConfig) -> Summary:
    """Read the workbooks of `config.input_dir`, refine their records, write them to `config.output_path`, report.

    The output holds what this run refined: with `since` the newer records only, which may be none.
    The same input and settings give the same bytes. Nothing is written when the run fails.

    Raises:
        HotpassError: the input is missing, damaged, of an unknown shape or empty, no record is valid, no record
            has the date that `since` asks for, or the output cannot be written.
    """
    started = time.perf_counter()
    workbooks = read_workbooks(config.input_dir)
    read = extract(workbooks)
    if not read.records:
        raise HotpassError(f"the workbooks in {config.input_dir} hold no records, so there is nothing to refine.")
    outcome = refine_records(read.records, config)
    content = to_parquet(outcome.refined)
    archive = write_archive(config.dist_dir, config.output_path.name, content) if config.archive else None
    write_atomically(config.output_path, content)
    return Summary(
        flow=FLOW_NAME,
        profile=config.profile.name,
        workbooks=tuple({"name": workbook.name, "sha256": workbook.sha256} for workbook in workbooks),
        records_in=len(read.records),
        records_out=len(outcome.refined),
        invalid=outcome.invalid,
        duplicates=outcome.duplicates,
        filtered_out=outcome.filtered_out,
        undated=outcome.undated,
        invalid_by_reason=outcome.invalid_by_reason,
        cleared_by_field=outcome.cleared_by_field,
        source_breakdown=read.per_sheet,
        details={name: asdict(count) for name, count in read.details.items()},
        ignored=tuple(name for workbook in workbooks for name in workbook.ignored),
        seconds=round(time.perf_counter() - started, 3),
        output_path=str(config.output_path),
        output_sha256=sha256(content),
        archive_path=str(archive[0]) if archive else None,
        archive_sha256=archive[1] if archive else None,
        since=config.since.isoformat() if config.since else None,
        incremental=config.incremental,
        backfill=config.backfill,
    )


def refine_records(records: Sequence[Record], config: RefineConfig) -> Outcome:
    """Filter by date, validate by the profile, and merge duplicates; nothing is read or written.

    Dates in workbooks are whole days, so the day (UTC) on which `since` falls is included whole. A record whose date
    is unreadable is not filtered but left to the rules.

    Raises:
        HotpassError: `since` applies and no record has a date, or no record that was checked is valid.
    """
    due, filtered_out, undated = _since(records, config)
    valid, broken = _validate(due, config.profile)
    if due and not valid:
        found = ", ".join(f"{reason} {count}" for reason, count in broken.items() if count)
        raise HotpassError(
            f"none of the {len(due)} records checked is valid under the profile {config.profile.name!r} ({found})."
        )
    refined = merge_duplicates(valid)
    return Outcome(
        refined=refined,
        invalid=len(due) - len(valid),
        duplicates=len(valid) - len(refined),
        filtered_out=filtered_out,
        undated=undated,
        invalid_by_reason=broken,
        cleared_by_field=dict(sorted(Counter(field for record in valid for field in record.unreadable).items())),
    )


def _since(records: Sequence[Record], config: RefineConfig) -> tuple[list[Record], int, int]:
    """Return the records to process, and how many are too old and how many have no date to go by."""
    if not config.incremental or config.since is None:
        return list(records), 0, 0
    first_day = config.since.date()
    due = [
        record
        for record in records
        if "date" in record.unreadable or (record.updated is not None and record.updated >= first_day)
    ]
    undated = sum(record.updated is None and "date" not in record.unreadable for record in records)
    if undated == len(records):
        raise HotpassError(
            f"none of the {undated} records has a date, so since {first_day} cannot choose among them; "
            "set since to null to process them all."
        )
    return due, len(records) - len(due) - undated, undated


def _validate(records: Sequence[Record], profile: Profile) -> tuple[list[Record], dict[str, int]]:
    """Return the valid records, and for each rule of the profile how many records broke it."""
    broken = dict.fromkeys((rule.reason for rule in profile.rules), 0)
    valid = []
    for record in records:
        reasons = [rule.reason for rule in profile.rules if rule.broken(record)]
        for reason in reasons:
            broken[reason] += 1
        if not reasons:
            valid.append(record)
    return valid, broken
