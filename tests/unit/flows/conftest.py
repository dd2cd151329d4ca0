# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes small workbooks in the real sheet shapes, cell by cell, for the tests of the flows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

import pytest
import xlsxwriter

from hotpass.parameters import RefineConfig
from hotpass.shapes import SHAPES

Cell = str | float | date | None
WriteWorkbook = Callable[..., Path]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An empty input directory."""
    directory = tmp_path / "data"
    directory.mkdir()
    return directory


@pytest.fixture
def write_workbook(data: Path) -> WriteWorkbook:
    """Return a function that writes one workbook: `write_workbook(name, {sheet: rows}, columns={sheet: header})`.

    A row maps columns to cells. Without `columns` a sheet gets every column of its shape, read and unread.
    """

    def write(
        name: str,
        sheets: Mapping[str, Sequence[Mapping[str, Cell]]],
        columns: Mapping[str, Sequence[str]] | None = None,
    ) -> Path:
        path = data / name
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

    return write


@pytest.fixture
def configure(data: Path, tmp_path: Path) -> Callable[..., RefineConfig]:
    """Return a function that makes the settings of a run over `data`; keyword arguments replace the defaults."""

    def build(**parameters: object) -> RefineConfig:
        defaults = {
            "input_dir": data,
            "output_path": tmp_path / "out" / "latest.parquet",
            "dist_dir": tmp_path / "dist",
        }
        return RefineConfig.build(**{**defaults, **parameters})  # type: ignore[arg-type]

    return build
