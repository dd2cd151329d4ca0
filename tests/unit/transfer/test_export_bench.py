# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench of transfer bundles says size and time of each, beside its floor, and what a delta has too much."""

from __future__ import annotations

import re

import pytest

from tests.bench import transfer


def test_it_says_each_figure_beside_its_floor(capsys: pytest.CaptureFixture[str]) -> None:
    transfer.main(600_000, None, repeats=1)
    said = capsys.readouterr().out
    assert re.findall(r"^(full|delta) +([0-9]+) files", said, re.MULTILINE) == [("full", "144"), ("delta", "9")]
    assert len(re.findall(r"(write|verify) +[0-9.]+ s +[0-9.]+ x its floor \([0-9.]+ s\)", said)) == 4
    assert "OK  it brings 0 files that the site has" in said
