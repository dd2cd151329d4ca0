# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An input directory, workbooks in it, and the settings of a run over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hotpass.parameters import RefineConfig
from tests.support import workbooks

WriteWorkbook = Callable[..., Path]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An empty input directory."""
    directory = tmp_path / "data"
    directory.mkdir()
    return directory


@pytest.fixture
def write_workbook(data: Path) -> WriteWorkbook:
    """Return a function that writes one workbook into `data`: `write_workbook(name, {sheet: rows}, columns={...})`."""
    return lambda name, sheets, columns=None: workbooks.write_workbook(data / name, sheets, columns)


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
