# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""First promotions and rollbacks killed at each of their writes, as in test_promotion_crash.py."""

from __future__ import annotations

import functools
import typing as t
from pathlib import Path

import pytest

from tests.support.crash_lab import Lab, faults_of, in_rings, side_by_side, untold, writes_of
from tests.support.server import PrefectServer

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[PrefectServer]:
    """A server of this file's own: how many deployments others have there decides how many pages a reading takes."""
    started = PrefectServer.start(tmp_path_factory.mktemp("crash-server"))
    yield started
    started.stop()


def test_a_first_promotion_killed_after_any_of_its_writes_ends_well_when_it_is_run_again(
    server: PrefectServer, tmp_path: Path
) -> None:
    with Lab.opened(server, tmp_path / "whole") as lab:
        lab.promote("first")
        whole = lab.lines

    def attempt(position: int) -> list[str]:
        with Lab.opened(server, tmp_path / f"at-{position}") as lab:
            release = lab.site.release("first")
            found = lab.kill("promote", position, whole, release=release)
            again = lab.run("promote", release=release)
            if again is None or again["failed"]:
                found.append(f"run again, it said {again}")
            found += [*faults_of(lab.site, release, "first", 1), *untold(lab.site)]
            return [f"after request {position}: {problem}" for problem in found]

    positions = writes_of(whole)
    assert len(positions) > 8
    problems = side_by_side([functools.partial(attempt, position) for position in positions])
    assert not problems, "\n".join(problems)


def test_a_rollback_killed_after_any_of_its_writes_ends_well_when_it_is_run_again(
    server: PrefectServer, tmp_path: Path
) -> None:
    with Lab.opened(server, tmp_path / "whole") as lab:
        base = lab.promote("base")
        lab.promote("bad")
        assert lab.run("roll_back")
        whole = lab.lines
        assert faults_of(lab.site, base, "base", 3) == []

    def attempt(lab: Lab, position: int) -> list[str]:
        bad = lab.promote(f"bad-at-{position}")
        before, base = lab.site.chain().last_generation, lab.site.release("base")
        found = lab.kill("roll_back", position, whole)
        again = lab.run("roll_back")
        # One that had become Active before the kill is not rolled back further.
        if again is None or (again["failed"] and "rolled back already" not in again["msg"]):
            return [f"run again, it said {again}"]
        if bad not in lab.site.chain().holds:
            found.append("what was rolled back is not held")
        return found + faults_of(lab.site, base, "base", before + 1)

    positions = writes_of(whole)
    assert len(positions) > 8
    problems = in_rings(server, tmp_path, positions, attempt)
    assert not problems, "\n".join(problems)
