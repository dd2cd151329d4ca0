# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks killed at some of their requests, and the playbook that ends what a dead promoter has left."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.crash_lab import Lab, faults_of, untold
from tests.support.killer import Killer
from tests.support.ring_site import Site
from tests.support.server import PrefectServer
from tests.support.site_evidence import unsealed

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[PrefectServer]:
    """A server of this file's own: how many deployments others have there decides how many pages a reading takes."""
    started = PrefectServer.start(tmp_path_factory.mktemp("crash-server"))
    yield started
    started.stop()


@pytest.mark.parametrize("line", ["POST /variables/", "PATCH /deployments/ID", "POST /deployments/ID/create_flow_run"])
def test_the_playbook_killed_ends_well_when_it_is_run_again(line: str, server: PrefectServer, tmp_path: Path) -> None:
    killer = Killer(server.api_url)
    with killer, Site(tmp_path, server.api_url) as site:
        killer.before(lambda _number: site.work(), times=None, path=r"^/flow_runs/[0-9a-f-]{36}$|/workers/filter$")
        promoted = site.promoter(killer.api_url).promote(site.release("base"))
        assert promoted["state"] == "Active"
        release = site.release("next")
        begin = len(killer.seen)
        site.promoter(killer.api_url).promote(site.release("between"))
        whole = [site.shape(seen.line) for seen in killer.seen[begin:]]
        command, env = site.command("promote.yml", killer.api_url, "-e", f"release={release}")
        at = [number for number, shape in enumerate(whole, 1) if shape == line][-1 if line == "POST /variables/" else 0]
        ended = killer.run(command, at=at, env=env, cwd=ROOT)
        assert ended.killed, ended.stdout
        again = killer.run(command, env=env, cwd=ROOT)
        assert again.code == 0, again.stdout + again.stderr
        assert faults_of(site, release, "next", 3) == []
        assert untold(site) == []


@pytest.mark.parametrize(
    ("line", "ends"),
    [
        ("POST /variables/", "Cancelled"),
        ("PATCH /deployments/ID", "RolledBack"),
        ("POST /deployments/ID/create_flow_run", "RolledBack"),
    ],
)
def test_reconcile_ends_what_a_killed_promoter_left(
    line: str, ends: str, server: PrefectServer, tmp_path: Path
) -> None:
    with Lab.opened(server, tmp_path) as lab:
        lab.promote("base")
        lab.promote("next")
        whole = lab.lines
        before = lab.site.chain().active
        assert before is not None
        active, base = before.number, str(before.release)
        left = lab.site.release("left")
        assert lab.run("promote", at=whole.index(line) + 1, release=left) is None

        command, env = lab.site.command("reconcile.yml", lab.nursery.api_url, "-e", "stale_seconds=0")
        done = lab.nursery.run(command, env=env, cwd=ROOT)
        assert done.code == 0, done.stdout + done.stderr
        chain = lab.site.chain()
        assert chain.active is not None
        assert (chain.active.number, chain.active.release) == (active, base)
        assert (chain.under_way, chain.degraded, chain.last_generation) == (None, False, active + 1)
        assert chain.generation(active + 1).state.value == ends
        assert lab.site.stated(left, active + 1) == [ends]
        assert lab.site.differing(active, base) == []
        assert sorted(row["name"] for row in lab.site.deployments()) == ["mend", "only-next", "refine"]
        assert unsealed(lab.site) == []
        assert untold(lab.site) == []

        done = lab.nursery.run([*command, "--check"], env=env, cwd=ROOT)
        assert done.code == 0, done.stdout + done.stderr
