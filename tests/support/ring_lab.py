# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rings of a solution of a test's own, releases for them, and people who promote, approve and veto."""

from __future__ import annotations

import datetime
import time
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import events
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release import announce, building, statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.config import Overlay
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import PrefectLedger
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring import ENVELOPE
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import open_store

from tests.support import attesting, projects
from tests.support.attesting import Person
from tests.support.shapes import Door, Result

COMMIT = "c" * 40
_BUILT_AT = datetime.datetime(2026, 3, 1, 10, 0, tzinfo=datetime.UTC)
_ARRIVAL_SECONDS = 60
FIRST = ("Resolving", "Deploying", "Validating", "Active")
OPEN = ("release", "drift", "health")


def passed(*gates: str) -> list[Result]:
    """Verdicts with which gates open."""
    return [{"name": gate, "verdict": "pass"} for gate in gates]


class RingLab:
    """The rings ``dev`` and ``prod`` of a solution that nothing else on the server has; alice promotes.

    :ivar people: alice is a promoter, bob an approver, carol both, and mallory is trusted by nobody.
    """

    def __init__(self, directory: Path, door: Door, session: Session, solution: str) -> None:
        self.directory = directory
        self.solution = solution
        self._door = door
        self._session = session
        self._keys = directory / "keys"
        self._keys.mkdir()
        self.people = attesting.cast(self._keys)
        self.address = str(directory / "store")
        self.store = open_store(self.address)
        self.trust = [
            self.people.builder.entry("builder"),
            self.people.alice.entry("promoter"),
            self.people.bob.entry("approver"),
            self.people.carol.entry("approver", "promoter"),
        ]

    def options(self, who: Person | None = None, ring: str = "dev") -> Result:
        """What every module of a ring takes, as one of the people would give it."""
        who = who or self.people.alice
        return {
            "ring": ring,
            "solution": self.solution,
            "store": self.address,
            "trust": self.trust,
            "signing_key": str(self._keys / f"{who.name}.pem"),
            "actor_user": who.user,
        }

    def do(self, module: str, /, who: Person | None = None, ring: str = "dev", **options: t.Any) -> Result:
        """Enter the room of one of the ring's modules."""
        return self._door(module, **{**self.options(who, ring), **options})

    def move(self, state: str, /, who: Person | None = None, ring: str = "dev", **options: t.Any) -> Result:
        """Enter ``hotpass_promotion``; with all gates open, unless the options say otherwise."""
        if state in ("Deploying", "Active"):
            options = {"gates": ["health"], "verdicts": passed(*OPEN), **options}
        return self.do("hotpass_promotion", who, ring, state=state, **options)

    def go(self, *states: str, ring: str = "dev", **options: t.Any) -> Result:
        """Take the ring through states that nothing stands in the way of, and return what the last step said.

        :param options: of the first step.
        """
        answer: Result = {}
        for state in states:
            answer = self.move(state, ring=ring, **options)
            assert not answer["failed"], answer
            options = {}
        return t.cast("Result", answer["promotion"])

    def promote(self, release: str, ring: str = "dev", **options: t.Any) -> Result:
        """Make a release Active."""
        return self.go("Queued", *FIRST, ring=ring, release=release, **options)

    def roll_back(self, ring: str = "dev", **options: t.Any) -> Result:
        """Go back to the last good release."""
        return self.go("Queued", *FIRST, ring=ring, kind="rollback", **options)

    def ask(self, gate: str, /, who: Person | None = None, ring: str = "dev", **options: t.Any) -> Result:
        """Enter ``hotpass_gate``."""
        return self.do("hotpass_gate", who, ring, gate=gate, **options)

    def release(
        self,
        word: str = "one",
        *,
        builder: Person | None = None,
        signed: bool = True,
        files: t.Mapping[str, bytes] | None = None,
        **fields: t.Any,
    ) -> str:
        """Put a release into the store, with its provenance, and return its digest.

        :param files: beside the usual few.
        :param fields: of its config, in place of the usual ones.
        """
        usual = {"flows/lab/__init__.py": f"# {word}\n".encode(), "requirements.txt": b""}
        prepared = projects.release(
            {**usual, **(files or {})},
            **{"solution": self.solution, "flows": {}, "overlays": (Overlay("deployments", ()),), **fields},
        )
        building.put(self.store, prepared)
        if signed:
            config = prepared.config
            self.vouch(prepared.digest, builder or self.people.builder, commit=config.commit, dirty=config.dirty)
        return prepared.digest

    def vouch(self, release: str, builder: Person, *, about: str | None = None, **said: t.Any) -> None:
        """Attach a provenance to a release.

        :param about: the release that it speaks of, when that is another.
        """
        told = {"commit": COMMIT, "invocation_id": "1", "started_on": _BUILT_AT, "finished_on": _BUILT_AT, **said}
        statement = statements.provenance(about or release, self.solution, **told)
        self.attach(release, statement, builder)

    def attach(self, release: str, statement: Result, who: Person) -> None:
        """Sign a statement, and let it travel with a release."""
        annotations = {statements.PREDICATE_ANNOTATION: str(statement["predicateType"])}
        envelope = statements.sign(statement, who.key)
        self.store.attach(release, statements.ARTIFACT_TYPE, envelope, ENVELOPE, annotations)

    def chain(self, ring: str = "dev") -> Chain:
        """The ring's ledger, verified."""
        return PrefectLedger(self._session, self.solution, ring).read()

    def wait_for_events(self, ring: str = "dev") -> None:
        """Wait until Prefect shows every event of the ring, which it takes a while to do."""
        chain = self.chain(ring)
        told = [event for record in chain.records for event in announce.events_of(chain, record)]
        deadline = time.monotonic() + _ARRIVAL_SECONDS
        while len(events.arrived(self._session, told)) < len(told):
            assert time.monotonic() < deadline, "events are missing"
            time.sleep(0.2)

    def states(self, ring: str = "dev") -> list[str]:
        """The state of each generation, from the first on."""
        return [generation.state.value for generation in self.chain(ring).generations]

    def stated(self, release: str, predicate_type: str) -> list[Result]:
        """The predicates of one type that travel with a release."""
        said = [statements.peek(envelope) for envelope in self.store.attachments(release, statements.ARTIFACT_TYPE)]
        return [one["predicate"] for one in said if one["predicateType"] == predicate_type]

    def veto_that_travels(self, release: str, by: Person, **changes: t.Any) -> None:
        """Let a veto travel with a release, of which no ledger knows."""
        said = {"release": release, "solution": self.solution, **changes}
        self.attach(release, attesting.veto(by, **said), by)

    def secrets(self) -> list[str]:
        """The lines of every private key, none of which may ever be shown."""
        texts = [path.read_text(encoding="utf-8") for path in self._keys.glob("*.pem")]
        return [line for text in texts for line in text.splitlines() if "-----" not in line]
