# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many promoters at once in one ring: one wins each generation, and the others are told who did and leave no trace."""

from __future__ import annotations

import concurrent.futures
import re
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

from tests.support.postgresql import prefect_on_postgresql
from tests.support.promoter import Answer, carry_out
from tests.support.proxy import Proxy
from tests.support.ring_site import Site
from tests.support.server import PrefectServer

pytestmark = pytest.mark.integration

_MANY = 32
_WAITS = r"^/flow_runs/[0-9a-f-]{36}$|^/work_pools/[^/]+/workers/filter$"


@pytest.fixture(scope="module")
def postgresql_server() -> t.Iterator[PrefectServer]:
    """A live server on PostgreSQL."""
    yield from prefect_on_postgresql()


@pytest.fixture(params=["sqlite", "postgresql"])
def site_url(request: pytest.FixtureRequest) -> str:
    """The API of a live server, on each database."""
    server: PrefectServer = request.getfixturevalue("server" if request.param == "sqlite" else "postgresql_server")
    return server.api_url


def _race(site: Site, url: str, releases: t.Sequence[str]) -> list[tuple[Answer, Proxy]]:
    """Promote all of them at once, each through a proxy of its own; returns what each promoter said."""
    start = threading.Barrier(len(releases))

    def promote(release: str) -> tuple[Answer, Proxy]:
        with Proxy(url) as proxy:
            proxy.before(lambda _number: site.work(), times=None, path=_WAITS)
            job = {"settings": site.settings(proxy.api_url), "action": "promote", "options": {"release": release}}
            start.wait()
            return carry_out(job), proxy

    with concurrent.futures.ThreadPoolExecutor(len(releases)) as pool:
        return list(pool.map(promote, releases))


def _touched(proxy: Proxy) -> list[str]:
    """What a promoter tried to write."""
    return [line for line in proxy.writes if line != "POST /variables/"]


def test_of_32_promotions_of_different_releases_one_wins_each_generation(tmp_path: Path, site_url: str) -> None:
    with Site(tmp_path, site_url) as site:
        left = {site.release(f"one-of-{number}"): f"only-one-of-{number}" for number in range(_MANY)}
        for generation in (1, 2):
            said = dict(zip(left, _race(site, site_url, list(left)), strict=True))
            winners = [release for release, (answer, _proxy) in said.items() if not answer["failed"]]
            assert len(winners) == 1, [answer for answer, _proxy in said.values() if not answer["failed"]]
            winner = winners[0]
            won = said.pop(winner)[0]["promotion"]
            assert (won["generation"], won["state"]) == (generation, "Active")

            for release, (answer, proxy) in said.items():
                # Told by whom it was won, and with which release.
                assert "promoter" in answer["msg"], answer
                assert winner in answer["msg"], answer
                assert f"generation {generation}" in answer["msg"], answer
                assert f"{release}" in answer["msg"], answer
                assert _touched(proxy) == []

            chain = site.chain()
            assert chain.active is not None
            assert (chain.active.release, chain.last_generation, chain.under_way) == (winner, generation, None)
            assert [g.number for g in chain.generations if g.state is State.ACTIVE] == [generation]
            assert site.variables() == [record.variable for record in chain.records]
            assert {row["version"] for row in site.deployments()} == {winner}
            assert sorted(row["name"] for row in site.deployments()) == sorted(["mend", "refine", left.pop(winner)])
            assert site.differing(generation, winner) == []


def test_8_promotions_of_the_same_release_make_one_generation(tmp_path: Path, site_url: str) -> None:
    with Site(tmp_path, site_url) as site:
        release = site.release("same")
        said = [answer for answer, _proxy in _race(site, site_url, [release] * 8)]

        chain = site.chain()
        assert chain.active is not None
        assert (chain.active.release, chain.last_generation, chain.under_way) == (release, 1, None)
        assert not all(answer["failed"] for answer in said)
        for answer in said:
            if answer["failed"]:
                assert re.search("generation 1|Somebody else changed ring", answer["msg"]), answer
            else:
                assert answer["promotion"]["state"] == "Active"
        assert [record.state for record in chain.records if record.state is not None].count(State.ACTIVE) == 1
        assert site.variables() == [record.variable for record in chain.records]
        assert site.differing(1, release) == []
        assert site.stated(release, 1) == ["Active"]
        assert len(site.runs()) == 1
