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
