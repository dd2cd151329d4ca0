# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured, what it had to reach, and how both are shown."""

from __future__ import annotations

import dataclasses
import statistics
import typing as t

from tests.bench.contenders import DEPLOY, FLOOR, MODULE, OURS
from tests.bench.process import Measured
from tests.bench.wire import Traffic

START_UP = "start-up"
CREATE = "create"
UNCHANGED = "unchanged"
CHANGED = "one changed"

_FASTER = 20.0
_MOST_REQUESTS = 5
_OVER_FLOOR = 1.3
_GROWTH = 1.25
_MOST_MEMORY_MIB = 150e6 / 2**20


@dataclasses.dataclass(frozen=True)
class Row:
    """One phase of one contender.

    :param deployments: how many there are.
    :param walls: seconds of each run.
    :param cpus: seconds of processor time that the contender itself took in each run.
    :param requests: of the run that sent most, as are ``writes`` and ``unanswered``.
    :param peak_mib: of the run that took most.
    """

    contender: str
    phase: str
    deployments: int
    walls: tuple[float, ...]
    cpus: tuple[float, ...]
    requests: int
    writes: int
    unanswered: int
    peak_mib: float

    @classmethod
    def of(cls, contender: str, phase: str, deployments: int, runs: t.Sequence[tuple[Measured, Traffic]]) -> Row:
        """The row of one run or more."""
        return cls(
            contender,
            phase,
            deployments,
            tuple(round(measured.wall, 3) for measured, _traffic in runs),
            tuple(round(measured.cpu, 3) for measured, _traffic in runs),
            max(traffic.requests for _measured, traffic in runs),
            max(traffic.writes for _measured, traffic in runs),
            max(traffic.unanswered for _measured, traffic in runs),
            round(max(measured.peak_mib for measured, _traffic in runs), 1),
        )

    @property
    def wall(self) -> float:
        """Seconds, the median of all runs."""
        return statistics.median(self.walls)

    @property
    def cpu(self) -> float:
        """Seconds of processor time, the median of all runs."""
        return statistics.median(self.cpus)


@dataclasses.dataclass(frozen=True)
class Reach:
    """Something that had to be reached, and whether it was."""

    what: str
    found: str
    reached: bool

    def line(self) -> str:
        """``PASS`` or ``MISS``, what had to be reached, and what was found."""
        return f"{'PASS' if self.reached else 'MISS'}  {self.what}: {self.found}"


class Rows:
    """All rows, found again by what they are about."""

    def __init__(self) -> None:
        self.all: list[Row] = []

    def get(self, contender: str, phase: str, deployments: int) -> Row:
        """The one row of this contender, phase and size."""
        (row,) = [
            row for row in self.all if (row.contender, row.phase, row.deployments) == (contender, phase, deployments)
        ]
        return row


def table(rows: Rows) -> list[str]:
    """Every row, and how many times as long as ours each took in the same phase."""
    lines = [
        f"{'':35}{'':12}{'N':>6}{'wall s':>9}{'cpu s':>8}{'requests':>10}{'writes':>8}{'peak MiB':>10}{'ratio':>8}"
    ]
    ours = {(row.phase, row.deployments): row.wall for row in rows.all if row.contender == OURS}
    for row in rows.all:
        ratio = row.wall / ours[row.phase, row.deployments]
        lines.append(
            f"{row.contender:35}{row.phase:12}{row.deployments:6}{row.wall:9.2f}{row.cpu:8.2f}{row.requests:10}{row.writes:8}"
            f"{row.peak_mib:10.1f}{ratio:8.2f}"
        )
    return lines


def reaches(rows: Rows, size: int, sizes: t.Sequence[int]) -> list[Reach]:
    """What issue 2 asks of this bench, against the rows.

    :param size: of the comparison.
    :param sizes: of ours alone, ascending.
    """
    start_up = rows.get(OURS, START_UP, size).wall
    theirs = rows.get(DEPLOY, UNCHANGED, size).wall
    unchanged = rows.get(OURS, UNCHANGED, size)
    changed = rows.get(OURS, CHANGED, size)
    created = rows.get(OURS, CREATE, size).wall
    most = _OVER_FLOOR * rows.get(FLOOR, CREATE, size).wall + start_up
    few, many = (_net_ms(rows, size, each) for each in (sizes[0], sizes[-1]))
    module = rows.get(MODULE, UNCHANGED, sizes[-1])
    return [
        Reach(
            f"unchanged at least {_FASTER:g} times as fast as {DEPLOY}",
            f"{theirs / unchanged.wall:.1f} times ({theirs:.1f} s against {unchanged.wall:.2f} s)",
            theirs >= _FASTER * unchanged.wall,
        ),
        Reach(
            f"unchanged with at most {_MOST_REQUESTS} requests",
            str(unchanged.requests),
            unchanged.requests <= _MOST_REQUESTS,
        ),
        Reach("unchanged without a write", str(unchanged.writes), unchanged.writes == 0),
        Reach(
            f"create within {_OVER_FLOOR:g} times the floor plus start-up, {most:.1f} s",
            f"{created:.1f} s",
            created <= most,
        ),
        Reach("one changed with 1 write", str(changed.writes), changed.writes == 1),
        Reach(
            f"unchanged grows linearly: a deployment costs at {sizes[-1]} at most {_GROWTH:g} times what it does at "
            f"{sizes[0]}",
            f"{few:.2f} ms, then {many:.2f} ms beyond start-up",
            0 < many <= _GROWTH * few,
        ),
        Reach(
            f"unchanged without a write at {sizes[0]} to {sizes[-1]} too",
            str(max(rows.get(OURS, UNCHANGED, each).writes for each in sizes)),
            not any(rows.get(OURS, UNCHANGED, each).writes for each in sizes),
        ),
        Reach(
            f"module process at {sizes[-1]} within 150 MB, {_MOST_MEMORY_MIB:.0f} MiB",
            f"{module.peak_mib:.0f} MiB",
            module.peak_mib <= _MOST_MEMORY_MIB,
        ),
    ]


def growth(rows: Rows, size: int, sizes: t.Sequence[int]) -> list[str]:
    """How the unchanged run grows from size to size."""
    lines = []
    before: Row | None = None
    for each in sizes:
        row = rows.get(OURS, UNCHANGED, each)
        line = f"{each:6} deployments  {row.wall:6.2f} s  {_net_ms(rows, size, each):6.2f} ms each beyond start-up"
        if before is not None:
            line += f"  {row.wall / before.wall:.2f} times the time for {each / before.deployments:g} times as many"
        lines.append(line)
        before = row
    return lines


def _net_ms(rows: Rows, size: int, each: int) -> float:
    """Milliseconds that one deployment costs beyond the start-up, from the fastest runs: what is busy only adds."""
    start_up = min(rows.get(OURS, START_UP, size).walls)
    return (min(rows.get(OURS, UNCHANGED, each).walls) - start_up) / each * 1000
