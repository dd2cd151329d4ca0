# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the Excel workbooks of a directory into rows of text, and refuses what it does not understand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import fastexcel
import polars as pl

from hotpass.errors import HotpassError
from hotpass.shapes import SHAPES, SheetShape

Row = Mapping[str, str | None]


@dataclass(frozen=True)
class Workbook:
    """One workbook: its file name, the sha256 of its bytes (hex), and the rows of each sheet that a shape describes.

    A row maps the columns of the shape to the text of their cells; rows without any filled cell are left out.
    `ignored` names the sheets and columns that no shape describes.
    """

    name: str
    sha256: str
    sheets: Mapping[str, list[Row]]
    ignored: tuple[str, ...]


def read_workbooks(input_dir: Path) -> list[Workbook]:
    """Read every `.xlsx` file of a directory (not below it), in the order of their names.

    Raises:
        HotpassError: the directory is missing or has no workbook, a file is damaged, holds no known sheet or lacks
            the parent of one, or a sheet lacks a column.
    """
    if not input_dir.is_dir():
        raise HotpassError(f"input_dir {input_dir} is not a directory.")
    # Excel keeps a "~$" file beside each workbook that somebody has open; it is no workbook.
    paths = sorted(
        (path for path in input_dir.iterdir() if path.suffix.lower() == ".xlsx" and not path.name.startswith("~$")),
        key=lambda path: path.name,
    )
    if not paths:
        raise HotpassError(f"input_dir {input_dir} holds no .xlsx workbook, so there is nothing to refine.")
    return [_read_workbook(path) for path in paths]


def _read_workbook(path: Path) -> Workbook:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise HotpassError(f"workbook {path} cannot be read: {error.strerror}.") from None
    try:
        reader = fastexcel.read_excel(content)
    except fastexcel.FastExcelError:
        raise HotpassError(f"workbook {path} is not a readable .xlsx file; it is damaged or cut short.") from None
    known = [sheet for sheet in reader.sheet_names if sheet in SHAPES]
    if not known:
        raise HotpassError(
            f"workbook {path} has no known sheet: found {_names(reader.sheet_names)}; known are {_names(SHAPES)}."
        )
    ignored = [f"{path.name}/{sheet}" for sheet in reader.sheet_names if sheet not in SHAPES]
    sheets: dict[str, list[Row]] = {}
    for sheet in known:
        shape = SHAPES[sheet]
        if shape.parent and shape.parent not in known:
            raise HotpassError(f"workbook {path}: sheet {sheet!r} needs the sheet {shape.parent!r}, which is missing.")
        try:
            frame = reader.load_sheet(sheet, dtypes="string").to_polars()
        except fastexcel.FastExcelError:
            raise HotpassError(f"workbook {path}: sheet {sheet!r} cannot be read; the file is damaged.") from None
        sheets[sheet], unknown = _rows(path, shape, frame)
        ignored += [f"{path.name}/{sheet}, column {column}" for column in unknown]
    return Workbook(path.name, hashlib.sha256(content).hexdigest(), sheets, tuple(ignored))


def _rows(path: Path, shape: SheetShape, frame: pl.DataFrame) -> tuple[list[Row], list[str]]:
    """Return the filled rows of a sheet, and the columns that its shape does not know."""
    for column in frame.columns:
        if column.strip() not in frame.columns:
            frame = frame.rename({column: column.strip()})
    missing = [column for column in shape.columns if column not in frame.columns]
    if missing:
        raise HotpassError(
            f"workbook {path}: sheet {shape.sheet!r} lacks the column {_names(missing)}; found {_names(frame.columns)}."
        )
    # A column without a header is "__UNNAMED__3" to the reader, and "Unnamed: 3" when pandas has written the workbook.
    unknown = [
        column
        for column in frame.columns
        if column not in shape.columns
        and column not in shape.unread
        and not column.startswith(("__UNNAMED__", "Unnamed: "))
    ]
    filled = frame.filter(pl.any_horizontal(pl.all().str.strip_chars().fill_null("") != ""))
    return list(filled.select(shape.columns).iter_rows(named=True)), unknown


def _names(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
