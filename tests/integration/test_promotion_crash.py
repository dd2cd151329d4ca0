# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promoters killed at each of their requests: whoever runs the same again ends in one settled ring, with nothing lost.

The promoters are processes of tests/support/promoter.py; test_promotion_driver.py proves that they send what the
playbooks send. A kill between two requests is a kill after the first of them. First promotions and rollbacks are killed
in test_promotion_crash_writes.py, the playbooks themselves in test_promotion_crash_plays.py.
"""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from tests.support.crash_lab import Lab, faults_of, in_rings
from tests.support.server import PrefectServer

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[PrefectServer]:
    """A server of this file's own: how many deployments others have there decides how many pages a reading takes."""
    started = PrefectServer.start(tmp_path_factory.mktemp("crash-server"))
    yield started
    started.stop()


def test_a_promotion_killed_after_any_of_its_requests_ends_well_when_it_is_run_again(
    server: PrefectServer, tmp_path: Path
) -> None:
    with Lab.opened(server, tmp_path / "whole") as lab:
        lab.promote("base")
        lab.promote("next")
        whole = lab.lines
    assert len(whole) > 50

    def attempt(lab: Lab, position: int) -> list[str]:
        word = f"at-{position}"
        release, before = lab.site.release(word), lab.site.chain().last_generation
        found = lab.kill("promote", position, whole, release=release)
        again = lab.run("promote", release=release)
        if again is None or again["failed"]:
            return [f"run again, it said {again}"]
        return found + faults_of(lab.site, release, word, before + 1)

    problems = in_rings(server, tmp_path, range(len(whole)), attempt)
    assert not problems, "\n".join(problems)
