# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench of a backfill says of each of its two figures whether the reach was missed."""

from __future__ import annotations

import pytest

from tests.bench.backfill import Times, report


@pytest.mark.parametrize(
    ("started", "wall", "verdicts"),
    [
        # Ten runs of 2 s, two at once, are 10 s by the flow alone.
        (0.1, 10.5, ["OK", "OK"]),
        (2.0, 24.0, ["MISS", "OK"]),
        (2.0, 40.0, ["MISS", "MISS"]),
    ],
)
def test_each_figure_is_held_against_the_reach(started: float, wall: float, verdicts: list[str]) -> None:
    text = report(wall, [Times(0.5, started, 2.0)] * 10, 30.0, 4)
    assert [line.split()[0] for line in text.splitlines() if line.startswith(("OK", "MISS"))] == verdicts
