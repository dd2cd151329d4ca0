# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site with a few small bundles of evidence, somebody who sends them home, and the home that takes them in."""

from __future__ import annotations

import dataclasses
import shutil
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import log
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import open_store
from ansible_collections.hotpass.prefect.plugins.module_utils.room import CommandResult, Context, Outcome
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import (
    evidence_gather,
    ledgers,
    reading,
    returning,
    writing,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import TransferDocument
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.evidence_gather import Gathered, Source
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.evidence_kept import Kept
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.heads import head_of
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.writing import Entry

from tests.support.attesting import Cast, Person
from tests.support.evidence_bundles import REGISTRY, RING, Sealer, moment, number
from tests.support.ring_story import UP, RingStory
from tests.support.stores import sample

SOLUTION: t.Final = "hotpass"


def ledger(steps: int = 1, branch: str = "", ring: str = RING) -> Chain:
    """A ledger in which so many releases became Active; another branch is another history."""
    story = RingStory(SOLUTION, ring)
    for step in range(1, steps + 1):
        story.go(f"{branch}{step}", *UP)
    return story.chain


def seal_chain(root: Path, people: Cast, count: int) -> None:
    """So many bundles, which are one chain."""
    sealer, previous = Sealer.of(root, SOLUTION, people), None
    for place in range(1, count + 1):
        previous = number(sealer.seal(None, moment(place), live=False).path, people.alice, place, previous)


def place_of(root: Path, place: int) -> Path:
    """Where the bundle with this number is."""
    return root / RING / "backfill" / moment(place)


@dataclasses.dataclass
class Travel:
    """A site and a home, each a directory.

    :ivar chain: the site's ledger.
    :ivar seen: what the site's server says of the chain of bundles.
    """

    directory: Path
    people: Cast
    chain: Chain = dataclasses.field(default_factory=ledger)
    seen: log.Reading = dataclasses.field(default_factory=log.Reading)
    _count: int = 0

    @property
    def site(self) -> Path:
        """The site's evidence."""
        return self.directory / "site"

    @property
    def home(self) -> Path:
        """What home has."""
        return self.directory / "home"

    def keep(self, *places: int, of: Path) -> None:
        """Let the site have these bundles of a chain, and no others."""
        shutil.rmtree(self.site, ignore_errors=True)
        for place in places:
            shutil.copytree(place_of(of, place), place_of(self.site, place))

    def gather(self, base: Kept | None = None, checkpoint: str | None = None, **changes: t.Any) -> Gathered:
        """What an honest site sends."""
        store = open_store(str(self.directory / "site-store"))
        sample("something").write(store)
        source = Source(
            self.site,
            SOLUTION,
            RING,
            self.seen,
            lambda: self.chain,
            store,
            self.people.trust,
            REGISTRY,
        )
        return evidence_gather.gather(dataclasses.replace(source, **changes), base, checkpoint)

    def send(self, base: Kept | None = None) -> Path:
        """The file that an honest site writes."""
        return self.write(self.gather(base).entries)

    def everything(self) -> list[Entry]:
        """All that lies at the site, unlooked at."""
        files = sorted(path for path in self.site.rglob("*") if path.is_file())
        found = [Entry(f"evidence/{path.relative_to(self.site).as_posix()}", path) for path in files]
        return [*found, Entry(f"ledger/{RING}.json", ledgers.written(self.chain))]

    def write(self, entries: t.Iterable[Entry], by: Person | None = None, **changes: t.Any) -> Path:
        """What anybody with a key can write."""
        self._count += 1
        said: dict[str, t.Any] = {
            "kind": "evidence",
            "solution": SOLUTION,
            "ring": RING,
            "heads": {self.chain.ring: head_of(self.chain)},
            "collection": ("hotpass.prefect", "0.1.0"),
        }
        target = self.directory / f"{self._count}.tar"
        return writing.write(
            target, entries, TransferDocument(**{**said, **changes}), (by or self.people.alice).key
        ).path

    def take(self, bundle: Path, *, check: bool = False, **changes: t.Any) -> Outcome:
        """Import at home."""
        params: dict[str, t.Any] = {
            "ring": RING,
            "solution": SOLUTION,
            "evidence_dir": str(self.home / "dist"),
            "transfer_dir": str(self.home / "transfer"),
            "store": str(self.home / "store"),
            "trust": [
                {"name": key.name, "roles": sorted(key.roles), "public_key": key.public_key}
                for key in self.people.trust.keys
            ],
            **changes,
        }
        context = Context(check=check, run_command=_no_command)
        with reading.verified(bundle, self.people.trust) as transfer:
            return returning.bring_in(transfer, params, context, REGISTRY)

    def refusal(self, bundle: Path, **changes: t.Any) -> str:
        """The sentence with which home refuses a bundle. Nothing may be written then."""
        before = self.at_home()
        try:
            outcome = self.take(bundle, **changes)
        except CollectionError as error:
            if self.at_home() != before:
                raise AssertionError("something was written") from error
            return error.message
        raise AssertionError(f"it was taken: {outcome.result}")

    def at_home(self) -> dict[str, bytes | None]:
        """Everything at home: files with their bytes, and empty directories."""
        return {
            path.relative_to(self.home).as_posix(): path.read_bytes() if path.is_file() else None
            for path in sorted(self.home.rglob("*"))
            if path.name != "transfer"
        }

    def checkpoint(self, outcome: Outcome) -> str | None:
        """What an import says that home has now."""
        found: str | None = outcome.result["transfer"]["evidence"]["checkpoint"]
        return found


def _no_command(*_arguments: t.Any, **_options: t.Any) -> CommandResult:
    raise AssertionError("no command is run")
