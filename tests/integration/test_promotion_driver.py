# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promotions and rollbacks as the playbooks carry them out, held against the driver that other tests kill and race."""

from __future__ import annotations

import re
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import events
from ansible_collections.hotpass.prefect.plugins.module_utils.release import announce, artifact
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

from tests.support.promoter import Answer, carry_out
from tests.support.proxy import Proxy
from tests.support.registry import Registry
from tests.support.registry_front import Front
from tests.support.ring_site import Site
from tests.support.server import PrefectServer

pytestmark = pytest.mark.integration

_WAITS = r"^/flow_runs/[0-9a-f-]{36}$|^/work_pools/[^/]+/workers/filter$"


class Ring:
    """A site, and what its promotions send."""

    def __init__(self, site: Site, proxy: Proxy) -> None:
        self.site = site
        self.proxy = proxy
        proxy.before(lambda _number: site.work(), times=None, path=_WAITS)

    def drive(self, action: str, **options: t.Any) -> Answer:
        """Let the driver carry it out."""
        return carry_out({"settings": self.site.settings(self.proxy.api_url), "action": action, "options": options})

    def play(self, playbook: str, *arguments: str, **settings: t.Any) -> tuple[int, str]:
        """Let the playbook carry it out: its exit status and what it printed."""
        return self.site.play(playbook, self.proxy.api_url, *arguments, **settings)

    def sent(self) -> list[str]:
        """The shapes of the requests since the last call."""
        lines = [self.site.shape(seen.line) for seen in self.proxy.seen]
        # Whether an event has arrived yet, and is sent once more, is the server's to say.
        lines = [line for line in lines if not line.startswith(("POST /events", "POST /artifacts"))]
        with self.proxy._lock:
            self.proxy._seen.clear()
        return lines

    def wait_for_events(self) -> None:
        """Until the server shows every event of the ring, which takes it some seconds."""
        chain = self.site.chain()
        told = [event for record in chain.records for event in announce.events_of(chain, record)][-events.MOST :]
        deadline = time.monotonic() + 60
        while len(events.arrived(self.site.session, told)) < len(told):
            assert time.monotonic() < deadline
            time.sleep(0.2)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[PrefectServer]:
    """A server of this file's own: how many deployments others have there decides how many pages a reading takes."""
    started = PrefectServer.start(tmp_path_factory.mktemp("driver-server"))
    yield started
    started.stop()


@pytest.fixture
def make_ring(server: PrefectServer, tmp_path: Path) -> t.Iterator[t.Callable[..., Ring]]:
    """Makes rings of this test: ``make_ring("played", store=...)``."""
    opened: list[tuple[Site, Proxy]] = []

    def make(name: str, **options: t.Any) -> Ring:
        site = Site(tmp_path / name, server.api_url, **options)
        proxy = Proxy(server.api_url)
        proxy.__enter__()
        opened.append((site, proxy))
        return Ring(site, proxy)

    yield make
    for site, proxy in opened:
        proxy.__exit__()
        site.__exit__()


def test_the_driver_sends_what_the_playbooks_send(make_ring: t.Callable[..., Ring]) -> None:
    driven, played = make_ring("driven"), make_ring("played")
    for number, word in enumerate(("one", "two")):
        answer = driven.drive("promote", release=driven.site.release(word))
        assert not answer["failed"], answer
        code, output = played.play("promote.yml", "-e", f"release={played.site.release(word)}")
        assert code == 0, output
        assert played.sent() == driven.sent(), f"promotion {number + 1}"

    answer = driven.drive("roll_back")
    assert not answer["failed"], answer
    code, output = played.play("rollback.yml")
    assert code == 0, output
    assert played.sent() == driven.sent()

    # One whose rehearsal counts less than it asks for.
    answer = driven.drive("promote", release=driven.site.release("bad", records=6))
    assert answer["failed"]
    code, output = played.play("promote.yml", "-e", f"release={played.site.release('bad', records=6)}")
    assert code == 2, output
    assert played.sent() == driven.sent()
    for ring in (driven, played):
        chain = ring.site.chain()
        states = [State.ROLLED_BACK, State.ROLLED_BACK, State.ACTIVE, State.ROLLED_BACK]
        assert [generation.state for generation in chain.generations][1:] == states[1:]
        assert ring.site.differing(3, str(chain.generation(3).release)) == []


def test_what_is_active_already_is_not_written_again(make_ring: t.Callable[..., Ring]) -> None:
    ring = make_ring("ring")
    release = ring.site.release("one")
    code, output = ring.play("promote.yml", "-e", f"release={release}")
    assert code == 0, output
    ring.wait_for_events()
    before = ring.site.chain().records
    ring.sent()

    code, output = ring.play("promote.yml", "-e", f"release={release}")
    assert code == 0, output
    assert "Active already" in output
    assert "nothing was written" in output
    assert "changed=0" in output
    answer = ring.drive("promote", release=release)
    assert answer["promotion"]["already_active"]
    assert len(ring.proxy.seen) > 10
    assert ring.proxy.writes == []
    assert ring.site.chain().records == before
    assert ring.site.stated(release, 1) == ["Active"]


def test_a_first_release_that_fails_validation_leaves_the_ring_empty_and_is_held(
    make_ring: t.Callable[..., Ring],
) -> None:
    ring = make_ring("ring")
    release = ring.site.release("bad", records=6)
    code, output = ring.play("promote.yml", "-e", f"release={release}")
    assert code == 2, output
    assert "the ring is left empty" in output, output
    assert f"{release} is held in this ring." in output, output
    chain = ring.site.chain()
    assert (chain.active, chain.under_way, chain.degraded) == (None, None, False)
    assert [generation.state for generation in chain.generations] == [State.ROLLED_BACK]
    assert list(chain.holds) == [release]
    assert ring.site.deployments() == []
    assert ring.site.stated(release, 1) == ["RolledBack"]

    code, output = ring.play("promote.yml", "-e", f"release={release}")
    assert code == 2, output
    assert f"{release} is held in ring dev" in output
    assert ring.site.chain().last_generation == 1


def test_a_rollback_fetches_and_builds_nothing(make_ring: t.Callable[..., Ring], tmp_path: Path) -> None:
    registry = Registry.start(tmp_path / "registry")
    try:
        with Front(registry.host) as front:
            ring = make_ring("ring", store=f"oci://{front.host}/releases")
            good, bad = ring.site.release("good"), ring.site.release("bad")
            bundles = [
                f"/v2/releases/blobs/{artifact.find(ring.site.store, release).bundle.digest}" for release in (good, bad)
            ]

            def fetched() -> list[str]:
                """The bundles that were read since the last call."""
                paths = [seen.path for seen in front.seen if seen.method == "GET" and seen.path in bundles]
                front.seen.clear()
                return paths

            fetched()
            for release in (good, bad):
                code, output = ring.play("promote.yml", "-e", f"release={release}")
                assert code == 0, output
            assert set(fetched()) == set(bundles)

            releases = set(ring.site.store.releases())
            code, output = ring.play("rollback.yml", "-e", "reason=wrong")
            assert code == 0, output
            active = ring.site.chain().active
            assert active is not None
            assert (active.number, active.release) == (3, good)
            assert fetched() == []
            assert set(ring.site.store.releases()) == releases
            assert "Build" not in re.findall(r"TASK \[(?:[^]]* : )?([^]]*)\]", output)
    finally:
        registry.stop()
