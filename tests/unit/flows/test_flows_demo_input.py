# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's input: real, overlapping, without people, and the same bytes every time."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hotpass import demo_input
from hotpass.archive_members import ArchiveLimits
from hotpass.archives import restore
from hotpass.parameters import RefineConfig
from hotpass.pipeline import refine
from hotpass.shapes import SHAPES
from hotpass.workbooks import read_workbooks

PERSONAL = {"contact_name", "contact_role", "phone", "email"}


def test_it_writes_once_and_then_says_unchanged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--output-dir", str(tmp_path / "data")]
    assert demo_input.main(arguments) == 0
    assert re.findall(r"^\w+", capsys.readouterr().out, re.MULTILINE) == ["wrote"] * 3
    paths = sorted((tmp_path / "data").iterdir())
    for path in paths:
        os.utime(path, (1, 1))
    assert demo_input.main(arguments) == 0
    assert re.findall(r"^\w+", capsys.readouterr().out, re.MULTILINE) == ["unchanged"] * 3
    assert {path.stat().st_mtime for path in paths} == {1}
    paths[0].write_bytes(b"changed by hand")
    assert demo_input.main(arguments) == 0
    assert re.findall(r"^\w+", capsys.readouterr().out, re.MULTILINE) == ["wrote", "unchanged", "unchanged"]


def test_archives_are_the_same_bytes_every_time_and_each_refines_to_something_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], configure: Callable[..., RefineConfig]
) -> None:
    arguments = ["--archive-dir", str(tmp_path / "archives")]
    assert demo_input.main(arguments) == 0
    paths = sorted((tmp_path / "archives").iterdir())
    assert [path.name for path in paths] == [f"hotpass-inputs-2024010{day}-v1.zip" for day in range(1, 8)]
    assert demo_input.build_archives() == {path.name: path.read_bytes() for path in paths}
    outputs = set()
    for path in paths:
        target = tmp_path / path.stem
        restore(path, tmp_path / "archives", target, ArchiveLimits(max_archive_bytes=100_000))
        summary = refine(configure(input_dir=target))
        assert 50 < summary.records_out < summary.records_in < 500
        assert len(summary.workbooks) == 3
        outputs.add(summary.output_sha256)
    assert len(outputs) == 7
    capsys.readouterr()
    paths[0].unlink()
    assert demo_input.main(arguments) == 0
    assert re.findall(r"^\w+", capsys.readouterr().out, re.MULTILINE) == ["wrote", *["unchanged"] * 6]


def test_it_has_to_be_told_what_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        demo_input.main([])
    assert caught.value.code == 2
    assert "give --output-dir, --archive-dir or both" in capsys.readouterr().err


def test_a_directory_that_cannot_be_written_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert demo_input.main(["--output-dir", str(tmp_path / "file")]) == 1
    assert re.fullmatch(r"cannot write [^\n]+\.\n", capsys.readouterr().err)


def test_it_has_every_sheet_and_no_person(data: Path) -> None:
    demo_input.main(["--output-dir", str(data)])
    rows_of = {sheet: rows for workbook in read_workbooks(data) for sheet, rows in workbook.sheets.items()}
    assert set(rows_of) == set(SHAPES)
    for sheet, rows in rows_of.items():
        assert len(rows) > 20
        columns = [column for field in PERSONAL & set(SHAPES[sheet].fields) for column in SHAPES[sheet].fields[field]]
        assert not [row for row in rows if any(row[column] for column in columns)]


def test_its_refinement_finds_duplicates_faults_and_dates(data: Path, configure: Callable[..., RefineConfig]) -> None:
    demo_input.main(["--output-dir", str(data)])
    whole = refine(configure())
    assert whole.records_in > 1500
    assert whole.records_out > 700
    assert whole.duplicates > 700
    assert 0 < whole.invalid == whole.invalid_by_reason["location_missing"] < 50
    assert whole.ignored == ()
    assert all(count["unmatched"] == 0 for count in whole.details.values())
    recent = refine(configure(incremental=True, since="2025-07-01"))
    assert 0 < recent.records_out < whole.records_out
    assert recent.filtered_out > 0
    assert recent.undated > 0
