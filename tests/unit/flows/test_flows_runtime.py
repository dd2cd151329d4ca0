# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plain runtime, in a process of its own because the choice falls at import."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.flow_process import run_flow

ROWS = {"Cleaned": [{"Name of Organisation": name, "Province": "GP"} for name in ("Tower", "TOWER", "Mast")]}


@pytest.mark.parametrize("enable", [None, "", "0", "true", "1 "])
def test_anything_but_1_is_plain_and_never_imports_prefect(
    write_workbook: Callable[..., Path], tmp_path: Path, enable: str | None
) -> None:
    write_workbook("a.xlsx", ROWS)
    outcome = run_flow(tmp_path, enable, {}, {"archive": "yes"})
    assert outcome["prefect"] is False
    assert outcome["name"] is None
    [result] = outcome["results"]
    assert (result["flow"], result["records_in"], result["records_out"]) == ("hotpass-refinement-pipeline", 3, 2)
    assert outcome["errors"] == ["HotpassError: archive must be true or false, not 'yes'."]
