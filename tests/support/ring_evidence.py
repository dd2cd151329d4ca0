# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle of a promotion that was approved and rehearsed, made in memory, for tests that falsify a claim of it."""

from __future__ import annotations

import copy
import datetime
import json
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import ring_summary, ring_violations
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import KEYS
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute import Documents, problems
from ansible_collections.hotpass.prefect.plugins.module_utils.release import clock, statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Actor, Draft, Event, Kind
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust

from tests.support import attesting
from tests.support.attesting import Cast, Person

Json = dict[str, t.Any]

RING, SOLUTION = "prod", "hotpass"
LAYERS = [{"digest": f"sha256:{'5a' * 32}"}, {"digest": f"sha256:{'6b' * 32}"}]
MANIFEST = json.dumps({"layers": LAYERS}).encode()
RELEASE = digest_of(MANIFEST)
RUN = "11111111-1111-4111-8111-111111111111"
TAG = "rehearsal-prod-g2-n1"
LOG = b"12 passed\n"
BEGIN = attesting.NOW


def verdict(gate: str, said: str = "pass", **detail: t.Any) -> Json:
    """What a gate said."""
    return {"name": gate, "verdict": said, **({"detail": detail} if detail else {})}


def actor(who: Person) -> Actor:
    """Somebody as the ledger names them."""
    return Actor(name=who.name, key_id=who.key_id, user=who.user)


class Story:
    """A ledger that grows by one record a minute, and the bundle of its second generation.

    :ivar files: what the bundle holds beside what follows from the ledger, by name.
    :ivar seal: what is sealed otherwise than the summary says.
    :ivar ring_trust: whom the ring believes when the bundle is sealed.
    :ivar believed: whom the verifier believes.
    """

    def __init__(self, who: Cast) -> None:
        self.who = who
        self.chain = Chain.build(SOLUTION, RING)
        self.runs: list[Json] = []
        self.states: dict[str, list[Json]] = {}
        self.files: dict[str, t.Any] = {}
        self.seal: Json = {}
        self.ring_trust = self.believed = who.trust
        self._minutes = 0

    def now(self) -> datetime.datetime:
        """The moment of the latest record."""
        return BEGIN + datetime.timedelta(minutes=self._minutes)

    def put(self, event: Event, generation: int, release: str | None, by: Person | None = None, **more: t.Any) -> None:
        """Append a record."""
        self._minutes += 1
        draft = Draft(event, generation, actor(by or self.who.alice), release=release, **more)
        self.chain = self.chain.extended(self.chain.next(draft, at=clock.text(self.now())))

    def go(self, number: int, release: str, *states: State, kind: Kind = Kind.PROMOTE, **detail: t.Any) -> None:
        """Take a generation through states; the detail is that of the last of them."""
        for state in states:
            said = detail if state is states[-1] else {}
            self.put(Event.TRANSITION, number, release, kind=kind, state=state, detail=said)

    def earlier(self) -> Story:
        """Generation 1, which becomes Active."""
        self.go(1, attesting.EARLIER, State.QUEUED, State.BUILDING)
        self.go(1, attesting.EARLIER, State.DEPLOYING, asked=["release", "drift"], gates=_passed("release", "drift"))
        self.go(1, attesting.EARLIER, State.VALIDATING, State.ACTIVE)
        return self

    def waits(self) -> Story:
        """Generation 2 waits for approval."""
        self.go(2, RELEASE, State.QUEUED, State.RESOLVING)
        output = {"exitStatus": 0, "output": digest_of(LOG)}
        asked = [*_passed("release", "drift"), verdict("tests", unit=output)]
        self.go(2, RELEASE, State.AWAITING_APPROVAL, gates=asked)
        return self

    def decide(self, by: Person, decision: str = "approve", **changes: t.Any) -> Story:
        """Somebody answers."""
        asker = self.chain.generation(2).requested_by
        said = {"generation": 2, "release": RELEASE, "decision": decision, "decided_at": self.now(), **changes}
        said = {"expires_at": self.now() + attesting.HOUR, **said}
        envelope = statements.sign(attesting.approval(by, asker, **said), by.key)
        detail = {"decision": decision, "envelope": statements.as_json(envelope)}
        self.put(Event.APPROVAL, 2, RELEASE, by, detail=detail)
        return self

    def written(self, approvers: t.Sequence[str] = ("bob",), **more: t.Any) -> Story:
        """Generation 2 is written, and rehearsed under a permit."""
        asked = ["release", "drift", "tests", "approval", "health", "rehearsal"]
        named: Json = {"approvers": list(approvers)} if approvers else {}
        approval = verdict("approval", **named)
        self.go(2, RELEASE, State.DEPLOYING, **{"asked": asked, "gates": [approval], **more})
        self.go(2, RELEASE, State.VALIDATING)
        expires = clock.text(self.now() + attesting.HOUR)
        permit = {"purpose": "rehearsal", "tag": TAG, "max_runs": 1, "expires": expires}
        self.put(Event.PERMIT, 2, RELEASE, detail=permit)
        self.run(RUN)
        return self

    def run(self, run_id: str, minutes: float = 1, **fields: t.Any) -> None:
        """A run that carries the permit's tag, and completes."""
        started = clock.text(self.now() + datetime.timedelta(minutes=minutes))
        run = {"id": run_id, "tags": ["rehearsal", TAG], "labels": {"prefect.worker.name": "one"}}
        self.runs.append({**run, "start_time": started, **fields})
        kinds = ("PENDING", "RUNNING", "COMPLETED")
        self.states[run_id] = [{"type": kind, "timestamp": started} for kind in kinds]

    def active(self, *gates: Json) -> Story:
        """Generation 2 becomes Active, and its promoter signs that."""
        said = list(gates) or [verdict("health"), verdict("rehearsal", runs={"hotpass/refine": RUN})]
        self.go(2, RELEASE, State.ACTIVE, gates=said)
        self.files |= {
            "gates/tests-unit.log": LOG,
            "data/manifest.json": MANIFEST,
            "sbom-diff.json": {"release": RELEASE, "sbom": LAYERS[1]["digest"]},
        }
        return self.stated()

    def stated(self, by: Person | None = None, **changes: t.Any) -> Story:
        """The statement of the end of generation 2; with changes it tells of something else."""
        generation = self.chain.generation(2)
        last = generation.transitions[-1]
        said: Json = {
            "generation": 2,
            "release": RELEASE,
            "previous_release": attesting.EARLIER,
            "ledger_record": last.digest,
            "requested_at": generation.requested_at,
            "active_at": last.at if last.state is State.ACTIVE else None,
            "commit": None,
            "gates": [verdict(name) for name in ("release", "drift", "tests", "approval", "health", "rehearsal")],
            "approvals": [digest_of(canonical(r.detail["envelope"])) for r in self.chain.approvals(2)],
            "result": last.state.value if last.state else "",
            **changes,
        }
        signer = by or self.who.alice
        envelope = statements.sign(attesting.promotion(self.who.alice, **said), signer.key)
        self.files["data/statements/promotion-1.dsse.json"] = envelope
        return self

    def bundle(self) -> dict[str, bytes]:
        """The files of the bundle, by name."""
        raw = ring_summary.Raw(self.chain, self.runs)
        envelopes = {name: data for name, data in self.files.items() if name.startswith("data/statements/")}
        seen = ring_violations.Seen(raw, self.states, envelopes, self.ring_trust)
        documents: Json = {
            ring_summary.LEDGER: ring_summary.ledger_document(self.chain),
            ring_summary.RUNS: self.runs,
            ring_summary.STATES: self.states,
            KEYS: keys_document(self.ring_trust),
            "summary.json": ring_violations.of_generation(seen, 2),
            **self.files,
        }
        return {
            name: data if isinstance(data, bytes) else json.dumps(data).encode() for name, data in documents.items()
        }

    def problems(self, change: t.Callable[[Json], None] | None = None, file: str = "summary.json") -> list[str]:
        """What the verifier finds in the bundle, after a change to one of its documents."""
        files = self.bundle()
        summary = json.loads(files["summary.json"])
        if change is not None:
            document = copy.deepcopy(json.loads(files[file]))
            change(document)
            files[file] = json.dumps(document).encode()
        sealed = {key: summary[key] for key in ("kind", "solution", "ring", "generation", "release", "verdict", "live")}
        return problems(Documents(files, {**sealed, **self.seal}, self.believed))


def keys_document(trust: Trust) -> list[Json]:
    """``data/keys.json`` of a bundle."""
    return [
        {"name": key.name, "roles": sorted(key.roles), "key_id": key.key_id, "public_key": key.public_key}
        for key in trust.keys
    ]


def _passed(*gates: str) -> list[Json]:
    return [verdict(gate) for gate in gates]


def promoted(who: Cast) -> Story:
    """A promotion with an approval by bob, as it should be."""
    return Story(who).earlier().waits().decide(who.bob).written().active()
