# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bench has to reach is missed exactly when it is missed."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from tests.bench import report
from tests.bench.contenders import DEPLOY, FLOOR, MODULE, OURS
from tests.bench.report import Row, Rows

_SIZE = 100
_SIZES = (500, 1000, 2000)
# Each figure just within its limit, with a start-up of 1 s: by hand from the limits in issue 2.
_GOOD: dict[tuple[str, str, int], dict[str, t.Any]] = {
    (DEPLOY, report.UNCHANGED, _SIZE): {"walls": (40.0,)},
    (FLOOR, report.CREATE, _SIZE): {"walls": (10.0,)},
    (OURS, report.START_UP, _SIZE): {"walls": (1.0, 1.0, 9.0)},
    (OURS, report.CREATE, _SIZE): {"walls": (14.0,)},
    (OURS, report.UNCHANGED, _SIZE): {"walls": (2.0,), "requests": 5},
    (OURS, report.CHANGED, _SIZE): {"walls": (2.0,), "writes": 1},
    (OURS, report.UNCHANGED, 500): {"walls": (2.0,)},
    (OURS, report.UNCHANGED, 1000): {"walls": (3.0,)},
    (OURS, report.UNCHANGED, 2000): {"walls": (6.0,)},
    (MODULE, report.UNCHANGED, 2000): {"walls": (5.0,), "peak_mib": 143.0},
}


def _rows(*changed: tuple[tuple[str, str, int], dict[str, t.Any]]) -> Rows:
    rows = Rows()
    for (contender, phase, size), figures in {**_GOOD, **dict(changed)}.items():
        row = Row(contender, phase, size, (1.0,), (1.0,), 1, 0, 0, 50.0)
        rows.all.append(dataclasses.replace(row, **figures))
    return rows


def test_everything_is_reached_at_the_limits() -> None:
    reached = report.reaches(_rows(), _SIZE, _SIZES)
    assert [reach.line() for reach in reached if not reach.reached] == []
    assert len(reached) == 8


@pytest.mark.parametrize(
    ("key", "figures", "what"),
    [
        ((OURS, report.UNCHANGED, _SIZE), {"walls": (2.01,)}, "20 times as fast"),
        ((OURS, report.UNCHANGED, _SIZE), {"walls": (2.0,), "requests": 6}, "5 requests"),
        ((OURS, report.UNCHANGED, _SIZE), {"walls": (2.0,), "writes": 1}, "unchanged without a write"),
        ((OURS, report.CREATE, _SIZE), {"walls": (14.01,)}, "1.3 times the floor"),
        ((OURS, report.CHANGED, _SIZE), {"writes": 2}, "one changed"),
        ((OURS, report.CHANGED, _SIZE), {"writes": 0}, "one changed"),
        ((OURS, report.UNCHANGED, 2000), {"walls": (6.1, 7.0, 8.0)}, "linearly"),
        ((OURS, report.UNCHANGED, 2000), {"walls": (0.9,)}, "linearly"),
        ((OURS, report.UNCHANGED, 1000), {"walls": (3.0,), "writes": 1}, "without a write at 500"),
        ((MODULE, report.UNCHANGED, 2000), {"peak_mib": 143.1}, "150 MB"),
    ],
)
def test_one_figure_beyond_its_limit_misses_that_line_alone(
    key: tuple[str, str, int], figures: dict[str, t.Any], what: str
) -> None:
    missed = [reach for reach in report.reaches(_rows((key, figures)), _SIZE, _SIZES) if not reach.reached]
    assert len(missed) == 1
    assert what in missed[0].what
    assert missed[0].line().startswith("MISS  ")


def test_a_phase_that_was_not_measured_is_an_error() -> None:
    rows = _rows()
    rows.all = [row for row in rows.all if row.contender != FLOOR]
    with pytest.raises(ValueError, match="not enough values"):
        report.reaches(rows, _SIZE, _SIZES)


def test_the_table_holds_every_row_and_its_ratio_to_ours() -> None:
    lines = report.table(_rows())
    assert len(lines) == 1 + len(_GOOD)
    (deploy,) = [line for line in lines if line.startswith(DEPLOY)]
    assert deploy.split()[-1] == "20.00"
