# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole refinement on small workbooks: every record is accounted for, and nothing passes on an empty sample."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from hotpass.errors import HotpassError
from hotpass.parameters import RefineConfig
from hotpass.pipeline import refine
from hotpass.summary import to_markdown

Configure = Callable[..., RefineConfig]


def organisation(name: str, day: date | str | None = None, **cells: object) -> dict[str, object]:
    return {"ID": name, "Organisation Name": name, "Reachout Date": day, "Area": "Gauteng", **cells}


@pytest.fixture
def filled(write_workbook: Callable[..., Path]) -> None:
    """Two workbooks: a duplicate across them, one record without a place, one bad date, two without a date."""
    write_workbook(
        "a.xlsx",
        {
            "Organisation": [
                organisation("Tower", date(2024, 1, 1)),
                organisation("Mast", date(2024, 6, 1)),
                organisation("Apron", date(2025, 1, 1), Website="ask us"),
                organisation("Nowhere", date(2025, 1, 1), Area=None),
                organisation("Sometime", "soon"),
                organisation("Undated"),
            ]
        },
    )
    write_workbook("b.xlsx", {"Cleaned": [{"Name of Organisation": "MAST", "Province": "GP", "Status": "open"}]})


@pytest.mark.usefixtures("filled")
def test_everything_without_since(configure: Configure) -> None:
    for incremental in (False, True):
        summary = refine(configure(incremental=incremental))
        assert (summary.records_in, summary.records_out, summary.invalid, summary.duplicates) == (7, 4, 2, 1)
        assert (summary.filtered_out, summary.undated) == (0, 0)
        assert summary.invalid_by_reason == {"name_missing": 0, "date_unreadable": 1, "location_missing": 1}
        assert summary.cleared_by_field == {"website": 1}
        assert summary.source_breakdown == {"a.xlsx/Organisation": 6, "b.xlsx/Cleaned": 1}
        assert summary.success is True
    frame = pl.read_parquet(summary.output_path)
    assert frame["slug"].to_list() == ["apron", "mast", "tower", "undated"]
    assert frame.row(1, named=True)["status"] == "open"


@pytest.mark.parametrize(
    ("since", "names", "filtered_out"),
    [
        ("2024-06-01", ["apron", "mast"], 1),
        ("2024-06-01T23:59:59", ["apron", "mast"], 1),
        ("2024-06-02T01:00:00+02:00", ["apron", "mast"], 1),
        ("2024-06-02", ["apron"], 2),
    ],
)
@pytest.mark.usefixtures("filled")
def test_since_holds_back_the_older_and_the_undated(
    configure: Configure, since: str, names: list[str], filtered_out: int
) -> None:
    summary = refine(configure(incremental=True, since=since))
    assert pl.read_parquet(summary.output_path)["slug"].to_list() == names
    assert (summary.filtered_out, summary.undated, summary.duplicates) == (filtered_out, 2, 0)
    # A date that cannot be read must not slip past the filter: it is invalid, not old and not undated.
    assert (summary.invalid, summary.invalid_by_reason["date_unreadable"]) == (2, 1)


def test_an_incremental_run_may_find_nothing_new(configure: Configure, write_workbook: Callable[..., Path]) -> None:
    write_workbook("a.xlsx", {"Organisation": [organisation("Tower", date(2024, 1, 1))]})
    summary = refine(configure(incremental=True, since="2025-01-01"))
    assert (summary.records_out, summary.filtered_out) == (0, 1)
    assert pl.read_parquet(summary.output_path).height == 0


def test_since_without_any_date_fails(configure: Configure, write_workbook: Callable[..., Path]) -> None:
    write_workbook("a.xlsx", {"Organisation": [organisation("Tower")]})
    with pytest.raises(HotpassError, match="none of the 1 records has a date, so since 2025-01-01 cannot choose"):
        refine(configure(incremental=True, since="2025-01-01"))


def test_no_records_fail(configure: Configure, write_workbook: Callable[..., Path]) -> None:
    write_workbook("a.xlsx", {"Organisation": [], "Contact Info": [{"ID": "1"}]})
    with pytest.raises(HotpassError, match="hold no records, so there is nothing to refine"):
        refine(configure())


def test_no_valid_record_fails_and_keeps_the_last_output(
    configure: Configure, write_workbook: Callable[..., Path]
) -> None:
    config = configure(archive=True)
    write_workbook("a.xlsx", {"Organisation": [organisation("Tower")]})
    before = refine(config)
    write_workbook(
        "a.xlsx", {"Organisation": [organisation("Tower", "soon", Area=None), organisation("Mast", "later")]}
    )
    with pytest.raises(
        HotpassError,
        match=r"none of the 2 records checked is valid under the profile 'aviation' "
        r"\(date_unreadable 2, location_missing 1\)",
    ):
        refine(config)
    assert hashlib.sha256(config.output_path.read_bytes()).hexdigest() == before.output_sha256
    assert len(list(config.dist_dir.iterdir())) == 1


@pytest.mark.usefixtures("filled")
def test_the_profile_decides_what_is_valid(configure: Configure) -> None:
    invalid = {
        name: refine(configure(profile_name=name)).invalid for name in ("general", "aviation", "aviation-strict")
    }
    assert invalid == {"general": 1, "aviation": 2, "aviation-strict": 3}


@pytest.mark.usefixtures("filled")
def test_the_same_input_gives_the_same_bytes(configure: Configure, data: Path) -> None:
    first = refine(configure())
    again = refine(configure())
    assert replace(again, seconds=first.seconds) == first
    content = Path(first.output_path).read_bytes()
    assert hashlib.sha256(content).hexdigest() == first.output_sha256
    # Neither the name of a workbook nor the order of reading decides anything but the name of the source.
    (data / "b.xlsx").rename(data / "0.xlsx")
    renamed = refine(configure())
    frames = [pl.read_parquet(source).drop("sources") for source in (content, renamed.output_path)]
    assert frames[0].equals(frames[1])


@pytest.mark.usefixtures("filled")
def test_the_archive_is_written_on_request_only(configure: Configure) -> None:
    plain = refine(configure())
    assert (plain.archive_path, plain.archive_sha256) == (None, None)
    archived = refine(configure(archive=True))
    assert archived.archive_path is not None
    assert hashlib.sha256(Path(archived.archive_path).read_bytes()).hexdigest() == archived.archive_sha256


@pytest.mark.usefixtures("filled")
def test_the_summary_is_plain_json_and_the_report_says_the_same(configure: Configure) -> None:
    summary = refine(configure(backfill=True))
    data = summary.to_dict()
    assert json.loads(json.dumps(data)) == data
    assert data["backfill"] is True
    report = to_markdown(summary)
    assert report.startswith("# Replay of archived input: 4 records from 2 workbooks\n")
    for line in ("| read | 7 |", "| written | 4 |", "| invalid | 2 |", "| duplicates | 1 |", "| website | 1 |"):
        assert line in report
    assert "Tower" not in report


@pytest.mark.usefixtures("filled")
def test_a_summary_that_does_not_add_up_cannot_be_made(configure: Configure) -> None:
    with pytest.raises(HotpassError, match="does not add up: 7 records read, 6 accounted for"):
        replace(refine(configure()), records_out=3)
