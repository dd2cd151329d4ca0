# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a refinement reports: data for machines, a page for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hotpass.errors import HotpassError

FLOW_NAME = "hotpass-refinement-pipeline"


@dataclass(frozen=True)
class Summary:
    """The account of one refinement, in plain JSON values.

    Every record read is counted in exactly one of `records_out`, `invalid`, `duplicates`, `filtered_out` (older than
    `since`) and `undated` (held back because `since` applies and the record has no date).
    `invalid_by_reason` has every rule of the profile, also those nobody broke; a record that breaks two is in both.
    `cleared_by_field` counts the valid records in which a cell could not be understood and was left empty.
    `source_breakdown` has the records per `workbook/sheet`, `details` the rows of each contact or address sheet, the
    `flagged` and `unmatched` among them unused. `ignored` names unknown sheets and columns. `workbooks` has the
    name and sha256 of each file read. `seconds` is the wall time. Paths are absolute; digests are hexadecimal sha256.
    """

    flow: str
    profile: str
    workbooks: tuple[Mapping[str, str], ...]
    records_in: int
    records_out: int
    invalid: int
    duplicates: int
    filtered_out: int
    undated: int
    invalid_by_reason: Mapping[str, int]
    cleared_by_field: Mapping[str, int]
    source_breakdown: Mapping[str, int]
    details: Mapping[str, Mapping[str, int]]
    ignored: tuple[str, ...]
    seconds: float
    output_path: str
    output_sha256: str
    archive_path: str | None
    archive_sha256: str | None
    since: str | None
    incremental: bool
    backfill: bool
    success: bool = True

    def __post_init__(self) -> None:
        accounted = self.records_out + self.invalid + self.duplicates + self.filtered_out + self.undated
        if accounted != self.records_in or sum(self.source_breakdown.values()) != self.records_in:
            raise HotpassError(
                f"the summary does not add up: {self.records_in} records read, {accounted} accounted for; "
                "this is a fault in the flow, please report it."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as new dictionaries and lists that `json` can write."""
        return {
            **asdict(self),
            "workbooks": [dict(workbook) for workbook in self.workbooks],
            "ignored": list(self.ignored),
        }


def to_markdown(summary: Summary) -> str:
    """Return the summary as a page for people. It holds counts, names of files and digests, and no record."""
    kind = "Replay of archived input" if summary.backfill else "Refinement"
    lines = [
        f"# {kind}: {summary.records_out} records from {len(summary.workbooks)} workbooks",
        "",
        "| what | records |",
        "|---|---:|",
        f"| read | {summary.records_in} |",
        f"| written | {summary.records_out} |",
        f"| invalid | {summary.invalid} |",
        f"| duplicates | {summary.duplicates} |",
        f"| older than since | {summary.filtered_out} |",
        f"| held back, no date | {summary.undated} |",
        "",
        f"Profile `{summary.profile}`, since {summary.since or 'the beginning'}, {summary.seconds:.2f} s.",
        f"Output `{summary.output_path}`, sha256 `{summary.output_sha256}`.",
    ]
    if summary.archive_path:
        lines.append(f"Archive `{summary.archive_path}`, sha256 `{summary.archive_sha256}`.")
    lines += _table("refused because", "records", summary.invalid_by_reason)
    lines += _table("cells left empty, not understood", "records", summary.cleared_by_field)
    lines += _table("read from", "records", summary.source_breakdown)
    if summary.details:
        lines += ["", "| details from | rows | flagged | unmatched |", "|---|---:|---:|---:|"]
        lines += [
            f"| {_cell(name)} | {count['rows']} | {count['flagged']} | {count['unmatched']} |"
            for name, count in summary.details.items()
        ]
    if summary.ignored:
        lines += ["", "Ignored, because no sheet shape describes it:", ""]
        lines += [f"- {name}" for name in summary.ignored]
    return "\n".join(lines) + "\n"


def _table(title: str, unit: str, counts: Mapping[str, int]) -> list[str]:
    if not counts:
        return []
    return ["", f"| {title} | {unit} |", "|---|---:|", *(f"| {_cell(name)} | {n} |" for name, n in counts.items())]


def _cell(value: str) -> str:
    return value.replace("|", "\\|")
