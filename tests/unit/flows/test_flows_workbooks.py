# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from a directory of workbooks, and the sentence for what cannot be."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from hotpass.errors import HotpassError
from hotpass.shapes import SHAPES
from hotpass.workbooks import read_workbooks

ORGANISATION = {"ID": "1", "Organisation Name": "Tower", "Area": "Gauteng"}


def test_rows_come_as_text_and_blank_ones_are_left_out(data: Path, write_workbook: Callable[..., Path]) -> None:
    path = write_workbook(
        "a.xlsx", {"Organisation": [{**ORGANISATION, "ID": 7, "Reachout Date": date(2024, 11, 1)}, {"Notes": "  "}, {}]}
    )
    [workbook] = read_workbooks(data)
    assert workbook.name == "a.xlsx"
    assert workbook.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert workbook.ignored == ()
    [row] = workbook.sheets["Organisation"]
    assert tuple(row) == SHAPES["Organisation"].columns
    assert (row["ID"], row["Reachout Date"], row["Notes"]) == ("7", "2024-11-01 00:00:00", None)


def test_workbooks_come_in_the_order_of_their_names(data: Path, write_workbook: Callable[..., Path]) -> None:
    for name in ("b.xlsx", "a.XLSX", "c.xlsx"):
        write_workbook(name, {"Cleaned": []})
    (data / "~$a.xlsx").write_bytes(b"somebody has it open")
    (data / "notes.txt").write_text("no workbook")
    assert [workbook.name for workbook in read_workbooks(data)] == ["a.XLSX", "b.xlsx", "c.xlsx"]


def test_what_no_shape_describes_is_named_as_ignored(data: Path, write_workbook: Callable[..., Path]) -> None:
    shape = SHAPES["Cleaned"]
    header = (*(f" {column} " for column in shape.columns), "Mood", "", "Unnamed: 9")
    write_workbook("a.xlsx", {"Cleaned": [], "Pivot": []}, columns={"Cleaned": header, "Pivot": ["x"]})
    [workbook] = read_workbooks(data)
    assert workbook.ignored == ("a.xlsx/Pivot", "a.xlsx/Cleaned, column Mood")


@pytest.mark.parametrize("sheet", sorted(SHAPES))
def test_every_column_that_is_read_must_exist(data: Path, write_workbook: Callable[..., Path], sheet: str) -> None:
    shape = SHAPES[sheet]
    parents = {shape.parent: []} if shape.parent else {}
    for column in shape.columns:
        rest = [name for name in shape.columns if name != column]
        write_workbook("a.xlsx", {**parents, sheet: []}, columns={sheet: rest})
        with pytest.raises(HotpassError) as error:
            read_workbooks(data)
        assert f"{data / 'a.xlsx'}: sheet '{sheet}' lacks the column '{column}'" in str(error.value)


def test_unread_columns_may_be_missing(data: Path, write_workbook: Callable[..., Path]) -> None:
    write_workbook("a.xlsx", {"Organisation": []}, columns={"Organisation": SHAPES["Organisation"].columns})
    assert read_workbooks(data)[0].ignored == ()


def test_a_sheet_without_any_header_is_refused(data: Path, write_workbook: Callable[..., Path]) -> None:
    write_workbook("a.xlsx", {"Cleaned": []}, columns={"Cleaned": [""]})
    with pytest.raises(HotpassError, match=r"sheet 'Cleaned' lacks the column 'Name of Organisation'.*found none"):
        read_workbooks(data)


def test_a_workbook_without_a_known_sheet_is_refused(data: Path, write_workbook: Callable[..., Path]) -> None:
    write_workbook("a.xlsx", {"Pivot": []}, columns={"Pivot": ["x"]})
    with pytest.raises(HotpassError, match=r"a\.xlsx has no known sheet: found 'Pivot'; known are 'Organisation'"):
        read_workbooks(data)


@pytest.mark.parametrize("sheet", [name for name, shape in SHAPES.items() if shape.parent])
def test_a_detail_sheet_needs_its_parent(data: Path, write_workbook: Callable[..., Path], sheet: str) -> None:
    write_workbook("a.xlsx", {sheet: []})
    with pytest.raises(HotpassError, match=f"sheet '{sheet}' needs the sheet '{SHAPES[sheet].parent}'"):
        read_workbooks(data)


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_file_cut_short_is_refused_by_name(data: Path, write_workbook: Callable[..., Path], keep: float) -> None:
    path = write_workbook("a.xlsx", {"Cleaned": []})
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if keep < 1 else int(keep)])
    with pytest.raises(HotpassError, match=r"a\.xlsx is not a readable \.xlsx file; it is damaged or cut short"):
        read_workbooks(data)


def test_a_damaged_sheet_is_refused_by_name(data: Path, write_workbook: Callable[..., Path]) -> None:
    path = write_workbook("a.xlsx", {"Cleaned": [{"Name of Organisation": "Tower"}]})
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content[: len(content) // 2] if name == sheet else content)
    with pytest.raises(HotpassError, match=r"a\.xlsx: sheet 'Cleaned' cannot be read; the file is damaged"):
        read_workbooks(data)


def test_a_directory_in_place_of_a_workbook_is_refused(data: Path) -> None:
    (data / "a.xlsx").mkdir()
    with pytest.raises(HotpassError, match=r"a\.xlsx cannot be read: Is a directory"):
        read_workbooks(data)


def test_no_workbook_and_no_directory_are_refused(data: Path) -> None:
    with pytest.raises(HotpassError, match=r"holds no \.xlsx workbook"):
        read_workbooks(data)
    with pytest.raises(HotpassError, match="is not a directory"):
        read_workbooks(data / "missing")
