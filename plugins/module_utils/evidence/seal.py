# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seals a bundle: its manifests, its signed statement, its number in the ring's chain, its name. In this order.

A bundle gets its number before its name. Whoever dies in between leaves a hidden directory whose seal has the number;
the next sealing in that evidence directory gives it its name. Whoever dies before that has no number, or will get
exactly the one that the seal names when it is sealed again. docs/adr/0015-evidence.md has the whole argument.
"""

from __future__ import annotations

import dataclasses
import random
import time
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import disk, places
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import SEAL, Bundle
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.completing import complete
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.log import KEPT, Entry, Log, Reading
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.places import Local
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute import Recompute
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.sealed import Sealed
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.verify import verify
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.errors import Unavailable, Unreachable
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release import clock, statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.keys import SigningKey
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Actor
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import PROMOTER, Trust

_ATTEMPTS = 200


def seal(
    bundle: Bundle,
    session: Session | None,
    *,
    solution: str,
    key: SigningKey | None,
    trust: Trust,
    actor: Actor,
    verdict: str,
    live: bool,
    live_reason: str = "",
    generation: int | None = None,
    release: str | None = None,
    state: str | None = None,
    registry: t.Mapping[str, Recompute] | None = None,
) -> Sealed:
    """Seal a bundle, or see that it is sealed. It may be done again after any interruption.

    :param session: to the ring's server; None when there is none, which the bundle then says.
    :param actor: who seals.
    :param verdict: one of ``BUNDLE_VERDICTS``.
    :param live: false when anything in it was simulated or done without a server; ``live_reason`` says why.
    :param state: how the promotion or rollback ended that it is about.
    :raises CollectionError: when the bundle lacks something, its key is not believed, or it would not verify. No number
        is taken then.
    """
    if key is None:
        raise CollectionError(
            f"The bundle {bundle.final} has to be signed, and there is no signing_key; set ring_signing_key."
        )
    _check_believed(key, trust, bundle.ring)
    facts = {
        "solution": solution,
        "ring": bundle.ring,
        "kind": bundle.kind,
        "name": bundle.name,
        "generation": generation,
        "release": release,
        "verdict": verdict,
        "live": live,
    }
    with disk.locked(bundle.part) as held:
        if held and not bundle.sealed:
            work = _Sealing(bundle, session, facts, live_reason, state, key, trust, actor, registry)
            return work.carry_out()
    if not bundle.sealed:
        raise CollectionError(f"There is nothing to seal at {bundle.part}; write the bundle's files first.")
    return _sealed_before(bundle, trust, registry)


def _check_believed(key: SigningKey, trust: Trust, ring: str) -> None:
    known = trust.find(key.key_id)
    if known is None or PROMOTER not in known.roles:
        able = ", ".join(found.name for found in trust.having((PROMOTER,))) or "nobody"
        raise CollectionError(
            f"The key {key.name} is no promoter in the trust of ring {ring}, so nobody would believe what it seals; "
            f"{able} may seal."
        )


def _sealed_before(bundle: Bundle, trust: Trust, registry: t.Mapping[str, Recompute] | None) -> Sealed:
    findings = verify(bundle.final, trust, registry)
    return Sealed.of(bundle, findings.insist(), str(findings.seal), changed=False)


class _Sealing:
    """One sealing, by whoever holds the bundle's hidden directory."""

    def __init__(
        self,
        bundle: Bundle,
        session: Session | None,
        facts: dict[str, t.Any],
        live_reason: str,
        state: str | None,
        key: SigningKey,
        trust: Trust,
        actor: Actor,
        registry: t.Mapping[str, Recompute] | None,
    ) -> None:
        self._bundle = bundle
        self._session = session
        self._facts = facts
        self._live_reason = live_reason
        self._state = state
        self._key = key
        self._trust = trust
        self._actor = actor
        self._registry = registry
        self._log = None if session is None else Log(session, facts["solution"], bundle.ring)
        self._warnings: list[str] = []

    def carry_out(self) -> Sealed:
        """Go through all steps that are not done yet."""
        bundle = self._bundle
        # Before the chain is read: whatever has its name now had its number before.
        local = self._local()
        seen, unreachable = self._read_chain()
        if seen is not None:
            finished = places.finish_interrupted(bundle, self._facts["solution"], seen, self._trust, self._registry)
            self._warnings += finished
            local = self._local() if finished else local
        if bundle.being_sealed:
            sealed = self._resume(seen)
            if sealed is not None:
                return sealed
        bundle.discard_leftovers()
        self._note(local, seen, unreachable)
        self._sealed_digest = complete(
            bundle,
            self._facts,
            trust=self._trust,
            actor=self._actor,
            live_reason=self._live_reason,
            anchored=seen is not None,
            session=self._session if seen is not None else None,
        )
        if seen is None or self._log is None:
            return self._unanchored(local)
        return self._anchored(local, seen)

    def _read_chain(self) -> tuple[Reading | None, str]:
        """The chain, or why there is none to be had."""
        if self._log is None:
            return None, "no server was asked"
        try:
            return self._log.read(), ""
        except (Unreachable, Unavailable) as error:
            return None, error.message

    def _local(self) -> Local:
        return places.newest(self._bundle, self._facts["solution"], self._trust)

    def _resume(self, seen: Reading | None) -> Sealed | None:
        """End a sealing that was interrupted after the seal was written; None when it has to be done anew.

        The seal that is there is offered once more as it is. An answer to the first offer may still be on its way, and
        another seal could then lose its place to this one, whose bundle would be gone.
        """
        data = self._bundle.read(SEAL)
        findings = verify(self._bundle.part, self._trust, self._registry, name=self._bundle.name)
        if findings.good and findings.predicate is not None:
            predicate, digest = findings.predicate, digest_of(data)
            if predicate["sequence"] is None or (seen is not None and self._claim(predicate, digest, seen)):
                return self._publish(predicate, digest)
            if seen is None:
                raise CollectionError(
                    f"The sealing of {self._bundle.final} was interrupted, and whether it has its number "
                    f"{predicate['sequence']} can only be told when the server answers; run again then."
                )
        (self._bundle.part / SEAL).unlink()
        disk.sync_directory(self._bundle.part)
        return None

    def _claim(self, predicate: t.Mapping[str, t.Any], digest: str, seen: Reading) -> bool:
        """Whether the seal that is there has its number, or can get it now."""
        sequence = predicate["sequence"]
        if seen.has(sequence, digest):
            return True
        head = seen.head.sequence if seen.head else 0
        if sequence <= head - KEPT:
            raise CollectionError(
                f"The sealing of {self._bundle.final} was interrupted so long ago that whether it has its number "
                f"{sequence} cannot be told any more: the chain is at {head}. If bundle {sequence + 1} of the ring "
                f"names {digest}, rename {self._bundle.part} to {self._bundle.final}; else remove its {SEAL} and seal "
                "it again."
            )
        if sequence <= head or self._log is None:
            return False
        return self._log.append(self._entry(predicate, digest))

    def _note(self, local: Local, seen: Reading | None, unreachable: str) -> None:
        """Say in the bundle what is not as it usually is with its place."""
        if seen is None:
            self._bundle.note(
                f"The bundle has no number in the chain of ring {self._bundle.ring}, because no server gave it one "
                f"({unreachable.rstrip('.')})."
            )
            return
        for problem in seen.problems:
            self._bundle.note(problem)
            self._warnings.append(problem)
        head = seen.head.sequence if seen.head else 0
        if local.sequence > head:
            sentence = (
                f"The chain on the server ended with bundle {head}, and bundle {local.sequence} is on this disk: its "
                "entries were deleted, or the server is another one."
            )
            self._bundle.note(sentence)
            self._warnings.append(sentence)
        elif local.sequence > head - KEPT and local.seal is not None and not seen.stands(local.sequence, local.seal):
            sentence = (
                f"Bundle {local.sequence} on this disk is not the one that has this number in the chain on the server, "
                f"which ends with bundle {head}: its entries were edited, or the server is another one; the chain is "
                "forked."
            )
            self._bundle.note(sentence)
            self._warnings.append(sentence)

    def _unanchored(self, local: Local) -> Sealed:
        predicate, digest = self._sign(None, local.newest_seal)
        self._check()
        return self._publish(predicate, digest)

    def _anchored(self, local: Local, seen: Reading) -> Sealed:
        """Take the next number. Who loses it to another signs anew for the one after."""
        log = t.cast("Log", self._log)
        for attempt in range(_ATTEMPTS):
            head = seen.head if seen.head and seen.head.sequence >= local.sequence else None
            sequence, previous = (head.sequence, head.seal) if head else (local.sequence, local.seal)
            predicate, digest = self._sign(sequence + 1, previous)
            if attempt == 0:
                self._check()
            if log.append(self._entry(predicate, digest)):
                # The place may have been free because its entry was trimmed while this one slept. Entries go oldest
                # first, so as long as the one before stands, nothing after it was ever deleted.
                if head is None or log.is_there(head):
                    log.trim(seen, sequence + 1)
                    return self._publish(predicate, digest)
                log.delete(sequence + 1)
            time.sleep(random.uniform(0, 0.02 * min(attempt + 1, 10)))
            local, seen = self._local(), log.read()
        raise CollectionError(
            f"Others took the next number in the chain of ring {self._bundle.ring} {_ATTEMPTS} times; run again."
        )

    def _sign(self, sequence: int | None, previous: str | None) -> tuple[dict[str, t.Any], str]:
        statement = statements.evidence(
            **self._facts,
            sealed=self._sealed_digest,
            sequence=sequence,
            previous=previous,
            sealed_at=clock.now(),
            sealed_by=dataclasses.replace(self._actor, name=self._key.name, key_id=self._key.key_id),
        )
        data = statements.sign(statement, self._key)
        disk.write_file(self._bundle.part / SEAL, data)
        return statement["predicate"], digest_of(data)

    def _check(self) -> None:
        """Insist that the bundle verifies, before it has a number."""
        try:
            verify(self._bundle.part, self._trust, self._registry, name=self._bundle.name).insist()
        except CollectionError:
            (self._bundle.part / SEAL).unlink(missing_ok=True)
            raise

    def _entry(self, predicate: t.Mapping[str, t.Any], digest: str) -> Entry:
        return Entry(
            sequence=predicate["sequence"],
            previous=predicate["previous"],
            seal=digest,
            kind=predicate["kind"],
            name=predicate["name"],
            generation=predicate["generation"],
            state=self._state,
            verdict=predicate["verdict"],
            at=predicate["sealedAt"],
        )

    def _publish(self, predicate: t.Mapping[str, t.Any], digest: str) -> Sealed:
        places.give_name(self._bundle)
        return Sealed.of(self._bundle, predicate, digest, changed=True, warnings=self._warnings)
