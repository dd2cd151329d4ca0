# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes small workbooks in the real sheet shapes, cell by cell, and archives of files."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import xlsxwriter

from hotpass.shapes import SHAPES

Cell = str | float | date | None


def write_workbook(
    path: Path,
    sheets: Mapping[str, Sequence[Mapping[str, Cell]]],
    columns: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """Write one workbook from ``{sheet: rows}``, where a row maps columns to cells.

    :param columns: the header of a sheet; without it the sheet gets every column of its shape, read and unread.
    """
    with xlsxwriter.Workbook(path) as workbook:
        day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        for sheet, rows in sheets.items():
            header = (columns or {}).get(sheet) or (*SHAPES[sheet].columns, *SHAPES[sheet].unread)
            page = workbook.add_worksheet(sheet)
            page.write_row(0, 0, header)
            for number, row in enumerate(rows, start=1):
                for column, cell in row.items():
                    if isinstance(cell, date):
                        page.write_datetime(number, header.index(column), cell, day)
                    else:
                        page.write(number, header.index(column), cell)
    return path


def write_archive(path: Path, files: Mapping[str, bytes | Path]) -> Path:
    """Write a zip of ``{name: content}``, where content is bytes or the file to take them from."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content if isinstance(content, bytes) else content.read_bytes())
    return path
