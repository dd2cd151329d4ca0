# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promoters killed at each of their requests: whoever runs the same again ends in one settled ring, with nothing lost.

The promoters are processes of tests/support/promoter.py; test_promotion_driver.py proves that they send what the
playbooks send. A kill between two requests is a kill after the first of them.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import re
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import events
from ansible_collections.hotpass.prefect.plugins.module_utils.release import announce
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Kind
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

from tests.conftest import ROOT
from tests.support.killer import Killer
from tests.support.nursery import AGAIN, Nursery
from tests.support.promoter import Answer
from tests.support.ring_site import Site
from tests.support.server import PrefectServer

pytestmark = pytest.mark.integration

# So many positions are tried in one ring, which keeps its ledger within one page of the server.
_POSITIONS_OF_A_RING = 16
_ARRIVAL_SECONDS = 30
_BUSY_TRIES = 6
_RECORD_OR_DEPLOYMENT = re.compile(r"^(POST /variables/|(POST|PATCH|DELETE) /deployments/(ID)?)$")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[PrefectServer]:
    """A server of this file's own: how many deployments others have there decides how many pages a reading takes."""
    started = PrefectServer.start(tmp_path_factory.mktemp("crash-server"))
    yield started
    started.stop()


class Lab:
    """One ring, and its promoters."""

    def __init__(self, site: Site, nursery: Nursery) -> None:
        self.site = site
        self.nursery = nursery
        self.lines: list[str] = []
        self.busy = False

    @classmethod
    @contextlib.contextmanager
    def opened(cls, server: PrefectServer, directory: Path) -> t.Iterator[Lab]:
        directory.mkdir(parents=True, exist_ok=True)
        with (
            Site(directory, server.api_url) as site,
            Nursery(server.api_url, directory, site.work) as nursery,
        ):
            yield cls(site, nursery)

    def run(self, action: str, at: int | None = None, **options: t.Any) -> Answer | None:
        """What a promoter says in the end, None when it was killed; leaves the shapes of its requests in ``lines``."""
        settings = self.site.settings(self.nursery.api_url)
        answer, requests = self.nursery.promoter(settings, action, at=at, **options)
        self.lines = [self.site.shape(line) for line in requests]
        return answer

    def kill(self, action: str, position: int, whole: t.Sequence[str], **options: t.Any) -> list[str]:
        """Kill a promoter after so many of the requests that a whole promotion consists of.

        Leaves in ``busy`` whether the server was, so that the requests were others and this has to be done once more.
        """
        killed = self.run(action, position, **options) is None
        self.busy = any(line.startswith(AGAIN) for line in self.lines)
        if self.busy:
            return []
        return [] if killed and self.lines == whole[:position] else [f"killed: {killed}, but it had sent {self.lines}"]

    def promote(self, word: str, **options: t.Any) -> str:
        """Promote a new release, unharmed, and return its digest."""
        release = self.site.release(word, **options)
        answer = self.run("promote", release=release)
        assert answer is not None
        assert not answer["failed"], answer
        return release


def _problems(site: Site, release: str, word: str, generation: int) -> list[str]:
    """What is not as it has to be once a generation is Active, each a few words."""
    chain = site.chain()
    number = chain.last_generation
    names = sorted(row["name"] for row in site.deployments())
    runs = [run for run in site.runs() if any(tag.endswith(f"-g{number}-n1") for tag in run["tags"])]
    promoted = chain.generations[-1].kind is Kind.PROMOTE
    seen = {
        "Active": (chain.active and chain.active.release, release),
        "generation": (number, generation),
        "Active ones": ([g.number for g in chain.generations if g.state is State.ACTIVE], [number]),
        "under way": (chain.under_way, None),
        "deployments": (names, sorted(["refine", "mend", f"only-{word}"])),
        "differing": (site.differing(number, release), []),
        "variables": (site.variables(), [record.variable for record in chain.records]),
        "statements": (site.stated(release, number), ["Active"]),
        "permits": (len(chain.permits(number)), int(promoted)),
        "rehearsals": (len(runs), int(promoted)),
    }
    return [f"{what}: {is_} and not {wanted}" for what, (is_, wanted) in seen.items() if is_ != wanted]


def _untold(site: Site) -> list[str]:
    """The steps of the ring's ledger of which Prefect has no event, after a while."""
    chain = site.chain()
    told = {event["id"]: event for record in chain.records for event in announce.events_of(chain, record)}
    deadline = time.monotonic() + _ARRIVAL_SECONDS
    while told and time.monotonic() < deadline:
        for identifier in events.arrived(site.session, list(told.values())[: events.MOST]):
            del told[identifier]
        time.sleep(0.2 if len(told) < events.MOST else 0)
    return [f"{event['event']} of generation {event['resource']['hotpass.generation']}" for event in told.values()]


def _side_by_side(tasks: t.Sequence[t.Callable[[], list[str]]]) -> list[str]:
    """The problems that the tasks found, two at a time."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return [problem for found in pool.map(lambda task: task(), tasks) for problem in found]


def _rings(
    server: PrefectServer, directory: Path, positions: t.Sequence[int], attempt: t.Callable[[Lab, int, int], list[str]]
) -> list[str]:
    """Try positions in as many rings as it takes, each with an Active release to begin with."""

    def ring(number: int) -> list[str]:
        found: list[str] = []
        with Lab.opened(server, directory / f"ring-{number}") as lab:
            lab.promote("base")
            for position in positions[number::count]:
                for number in range(_BUSY_TRIES):
                    found += [f"after request {position}: {problem}" for problem in attempt(lab, position, number)]
                    if not lab.busy:
                        break
                else:
                    found.append(f"after request {position}: the server was too busy")
            found += _untold(lab.site)
        return found

    count = -(-len(positions) // _POSITIONS_OF_A_RING)
    count += count % 2
    return _side_by_side([functools.partial(ring, number) for number in range(count)])


def test_a_promotion_killed_after_any_of_its_requests_ends_well_when_it_is_run_again(
    server: PrefectServer, tmp_path: Path
) -> None:
    with Lab.opened(server, tmp_path / "whole") as lab:
        lab.promote("base")
        lab.promote("next")
        whole = [line for line in lab.lines if not line.startswith(AGAIN)]
    assert len(whole) > 50

    def attempt(lab: Lab, position: int, number: int) -> list[str]:
        word = f"at-{position}-{number}"
        release, before = lab.site.release(word), lab.site.chain().last_generation
        found = lab.kill("promote", position, whole, release=release)
        again = lab.run("promote", release=release)
        if again is None or again["failed"]:
            return [f"run again, it said {again}"]
        return found + _problems(lab.site, release, word, before + 1)

    problems = _rings(server, tmp_path, range(len(whole)), attempt)
    assert not problems, "\n".join(problems)


def test_a_first_promotion_killed_after_any_of_its_writes_ends_well_when_it_is_run_again(
    server: PrefectServer, tmp_path: Path
) -> None:
    with Lab.opened(server, tmp_path / "whole") as lab:
        lab.promote("first")
        whole = [line for line in lab.lines if not line.startswith(AGAIN)]

    def attempt(position: int) -> list[str]:
        for number in range(_BUSY_TRIES):
            with Lab.opened(server, tmp_path / f"at-{position}-{number}") as lab:
                release = lab.site.release("first")
                found = lab.kill("promote", position, whole, release=release)
                again = lab.run("promote", release=release)
                if again is None or again["failed"]:
                    found.append(f"run again, it said {again}")
                if not lab.busy:
                    found += [*_problems(lab.site, release, "first", 1), *_untold(lab.site)]
                    return [f"after request {position}: {problem}" for problem in found]
        return [f"after request {position}: the server was too busy"]

    positions = [number for number, line in enumerate(whole, 1) if _RECORD_OR_DEPLOYMENT.search(line)]
    assert len(positions) > 8
    problems = _side_by_side([functools.partial(attempt, position) for position in positions])
    assert not problems, "\n".join(problems)


def test_a_rollback_killed_after_any_of_its_writes_ends_well_when_it_is_run_again(
    server: PrefectServer, tmp_path: Path
) -> None:
    with Lab.opened(server, tmp_path / "whole") as lab:
        lab.promote("base")
        lab.promote("bad")
        assert lab.run("roll_back")
        whole = [line for line in lab.lines if not line.startswith(AGAIN)]
        base = lab.site.release("base")
        assert _problems(lab.site, base, "base", 3) == []

    def attempt(lab: Lab, position: int, number: int) -> list[str]:
        bad = lab.promote(f"bad-at-{position}-{number}")
        before, base = lab.site.chain().last_generation, lab.site.release("base")
        found = lab.kill("roll_back", position, whole)
        again = lab.run("roll_back")
        # One that had become Active before the kill is not rolled back further.
        if again is None or (again["failed"] and "rolled back already" not in again["msg"]):
            return [f"run again, it said {again}"]
        if bad not in lab.site.chain().holds:
            found.append("what was rolled back is not held")
        return found + _problems(lab.site, base, "base", before + 1)

    positions = [number for number, line in enumerate(whole, 1) if _RECORD_OR_DEPLOYMENT.search(line)]
    assert len(positions) > 8
    problems = _rings(server, tmp_path, positions, attempt)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("line", ["POST /variables/", "PATCH /deployments/ID", "POST /deployments/ID/create_flow_run"])
def test_the_playbook_killed_ends_well_when_it_is_run_again(line: str, server: PrefectServer, tmp_path: Path) -> None:
    killer = Killer(server.api_url)
    with killer, Site(tmp_path, server.api_url) as site:
        killer.before(lambda _number: site.work(), times=None, path=r"^/flow_runs/[0-9a-f-]{36}$|/workers/filter$")
        promoted = site.promoter(killer.api_url).promote(site.release("base"))
        assert promoted["state"] == "Active"
        release = site.release("next")
        whole = _shapes(site, killer, lambda: site.promoter(killer.api_url).promote(site.release("between")))
        command, env = site.command("promote.yml", killer.api_url, "-e", f"release={release}")
        at = [number for number, shape in enumerate(whole, 1) if shape == line][-1 if line == "POST /variables/" else 0]
        ended = killer.run(command, at=at, env=env, cwd=ROOT)
        assert ended.killed, ended.stdout
        again = killer.run(command, env=env, cwd=ROOT)
        assert again.code == 0, again.stdout + again.stderr
        assert _problems(site, release, "next", 3) == []
        assert _untold(site) == []


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
        whole = [line for line in lab.lines if not line.startswith(AGAIN)]
        base = str(lab.site.chain().generations[-1].release)
        left = lab.site.release("left")
        assert lab.run("promote", at=whole.index(line) + 1, release=left) is None

        command, env = lab.site.command("reconcile.yml", lab.nursery.api_url, "-e", "stale_seconds=0")
        done = lab.nursery.run(command, env=env, cwd=ROOT)
        assert done.code == 0, done.stdout + done.stderr
        chain = lab.site.chain()
        assert chain.active is not None
        assert (chain.active.number, chain.active.release) == (2, base)
        assert (chain.under_way, chain.degraded, chain.last_generation) == (None, False, 3)
        assert chain.generation(3).state.value == ends
        assert lab.site.stated(left, 3) == [ends]
        assert lab.site.differing(2, base) == []
        assert sorted(row["name"] for row in lab.site.deployments()) == ["mend", "only-next", "refine"]
        assert _untold(lab.site) == []

        done = lab.nursery.run([*command, "--check"], env=env, cwd=ROOT)
        assert done.code == 0, done.stdout + done.stderr


def _shapes(site: Site, killer: Killer, act: t.Callable[[], t.Any]) -> list[str]:
    """The requests of something that is done once, without those that the server was too busy for."""
    begin = len(killer.seen)
    act()
    return [site.shape(seen.line) for seen in killer.seen[begin:] if seen.status != 503]
