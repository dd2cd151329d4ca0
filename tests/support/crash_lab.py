# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ring whose promoters are killed at chosen requests, and what has to be so once somebody has run the same again."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import re
import time
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import events
from ansible_collections.hotpass.prefect.plugins.module_utils.release import announce
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Kind
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

from tests.support.nursery import Nursery
from tests.support.promoter import Answer
from tests.support.ring_site import Site
from tests.support.server import PrefectServer
from tests.support.site_evidence import unsealed

# So many positions are tried in one ring, which keeps its ledger within one page of the server.
_POSITIONS_OF_A_RING = 16
_ARRIVAL_SECONDS = 60
_RECORD_OR_DEPLOYMENT = re.compile(r"^(POST /variables/|(POST|PATCH|DELETE) /deployments/(ID)?)$")


class Lab:
    """One ring, and its promoters.

    :ivar lines: the shapes of the requests of the one that ran last.
    """

    def __init__(self, site: Site, nursery: Nursery) -> None:
        self.site = site
        self.nursery = nursery
        self.lines: list[str] = []

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
        """Kill a promoter after so many of the requests that a whole promotion consists of; what went otherwise."""
        killed = self.run(action, position, **options) is None
        if killed and self.lines == whole[:position]:
            return []
        return [f"killed: {killed}, but it had sent {self.lines} and not {list(whole[:position])}"]

    def promote(self, word: str, **options: t.Any) -> str:
        """Promote a new release, unharmed, and return its digest."""
        release = self.site.release(word, **options)
        answer = self.run("promote", release=release)
        assert answer is not None
        assert not answer["failed"], answer
        return release


def writes_of(whole: t.Sequence[str]) -> list[int]:
    """The positions of the requests that write a record or a deployment."""
    return [number for number, line in enumerate(whole, 1) if _RECORD_OR_DEPLOYMENT.search(line)]


def faults_of(site: Site, release: str, word: str, generation: int) -> list[str]:
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
        "evidence": (unsealed(site), []),
    }
    return [f"{what}: {is_} and not {wanted}" for what, (is_, wanted) in seen.items() if is_ != wanted]


def untold(site: Site) -> list[str]:
    """The steps of the ring's ledger of which Prefect has no event, after a while."""
    chain = site.chain()
    told = {event["id"]: event for record in chain.records for event in announce.events_of(chain, record)}
    deadline = time.monotonic() + _ARRIVAL_SECONDS
    while told and time.monotonic() < deadline:
        for identifier in events.arrived(site.session, list(told.values())[: events.MOST]):
            del told[identifier]
        time.sleep(0.2 if len(told) < events.MOST else 0)
    return [f"{event['event']} of generation {event['resource']['hotpass.generation']}" for event in told.values()]


def side_by_side(tasks: t.Sequence[t.Callable[[], list[str]]]) -> list[str]:
    """The problems that the tasks found, two at a time."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return [problem for found in pool.map(lambda task: task(), tasks) for problem in found]


def in_rings(
    server: PrefectServer, directory: Path, positions: t.Sequence[int], attempt: t.Callable[[Lab, int], list[str]]
) -> list[str]:
    """Try positions in as many rings as it takes, each with an Active release to begin with."""

    def ring(number: int) -> list[str]:
        found: list[str] = []
        with Lab.opened(server, directory / f"ring-{number}") as lab:
            lab.promote("base")
            for position in positions[number::count]:
                found += [f"after request {position}: {problem}" for problem in attempt(lab, position)]
            found += untold(lab.site)
        return found

    count = -(-len(positions) // _POSITIONS_OF_A_RING)
    count += count % 2
    return side_by_side([functools.partial(ring, number) for number in range(count)])
