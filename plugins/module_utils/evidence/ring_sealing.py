# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seals what a ring owes: a bundle for each generation that has settled, and one for what was refused without any.

Who was there before is asked of the chain of bundles on the ring's server, and what was begun here of the disk: the
bundle of a generation has the name of the moment at which that ended, so doing it again ends in the same one.
"""

from __future__ import annotations

import re
import shutil
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import (
    disk,
    log,
    ring_event,
    ring_summary,
    ring_unsigned,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import seal as sealing
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import SUMMARY, Bundle
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.ring_places import Places
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release import clock
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.compaction import full_chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import is_digest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.keys import SigningKey
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring import Ring
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import PROMOTER
from ansible_collections.hotpass.prefect.plugins.module_utils.release.wording import recordable
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome

Event = t.Union[int, ring_event.Refusal]  # noqa: UP007  ansible-test's pylint refuses | outside annotations
Json = dict[str, t.Any]

_LONGEST_REASON = 2000
# What of a summary sealing needs.
_CLOSING = {"solution", "generation", "release", "verdict", "live", "live_reason", "state"}
# What is refused because of itself is what its sentence begins with.
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def seal(params: dict[str, t.Any], context: Context) -> Outcome:
    """Seal the bundle of a generation or of a refusal, and those that earlier generations are owed.

    Nothing is done for a generation that is under way, and nothing is written for what has its bundle.

    :param params: ``evidence_dir``; ``generation``, or without one the ``action``, ``release`` and ``reason`` of what
        was refused; without either only what earlier generations are owed is sealed. ``documents`` and ``tests_dir``
        are as :func:`ring_event.collect` takes them.
    :raises CollectionError: when a bundle cannot be sealed. It says that what the bundle is about stands all the same.
    """
    try:
        with Session(Connection.from_params(params)) as session, Ring(params, session) as ring:
            work = _Work(ring, params, context.check)
            work.carry_out()
            return Outcome(
                changed=work.changed,
                result={"evidence": work.report(), "api": {"requests": session.requests, "writes": session.writes}},
                warnings=[*ring.warnings, *work.warnings],
            )
    except _Missing:
        raise
    except CollectionError as error:
        if params.get("generation") is None:
            raise
        raise CollectionError(
            f"What the ledger of ring {params['ring']} says of generation {params['generation']} stands, and whether "
            f"it has its evidence bundle cannot be told: {error.message} Run the same again to seal it."
        ) from None


class _Missing(CollectionError):
    """Bundles that could not be sealed, each said in a sentence."""


class _Work:
    """What one task does for a ring."""

    def __init__(self, ring: Ring, params: t.Mapping[str, t.Any], check: bool) -> None:
        self._ring = ring
        self._params = params
        self._check = check
        self._number: int | None = params.get("generation")
        self._key, self._unsigned = _signer(ring)
        self._chain = _chain(ring, self._number)
        self._places = Places(Path(params["evidence_dir"]).expanduser().absolute(), self._chain)
        self._seen = log.read(ring.session, ring.solution, ring.name)
        self._own: Bundle | None = None
        self.changed = False
        self.warnings: list[str] = []
        self._made: list[Json] = []

    def carry_out(self) -> None:
        """Seal everything that is owed, oldest first; one that cannot be sealed does not keep the others from it."""
        owed: list[Event] = list(self._owed())
        refusal = self._refused() if self._number is None else None
        if refusal is not None and not self._ended(owed, refusal.reason):
            owed.append(refusal)
        # What earlier generations are owed keeps nobody from going on; when nothing else is asked for, it is the task.
        asked = self._asked(owed, refusal)
        failed: list[str] = []
        for event in owed:
            try:
                if not self._check:
                    self._places.make()
                # Two of this machine would write into the same hidden directory.
                with disk.locked(self._places.directory):
                    self._one(event)
            except CollectionError as error:
                mine = not asked or event in asked
                (failed if mine else self.warnings).append(self._missing(event, error))
        if failed:
            raise _Missing(" ".join(failed), evidence=self.report())

    def report(self) -> Json:
        """What a role needs to know: where the bundle of the event is, and what was sealed now."""
        own = self._own
        return {
            "path": str(own.final) if own is not None and own.sealed else None,
            "kind": own.kind if own is not None else None,
            "name": own.name if own is not None else None,
            "signed": self._unsigned is None,
            "bundles": self._made,
        }

    def _owed(self) -> t.Iterator[int]:
        """The generations that have settled and have no bundle of that end yet.

        The chain on the server forgets its oldest entries. Generations are sealed in their order, so those before the
        oldest that it still has were sealed; without any, those that ended before its oldest entry.
        """
        entries = [entry for entry in self._seen.entries if entry.kind in ring_summary.KINDS]
        sealed = {(entry.generation, entry.state): entry for entry in entries}
        whole = not self._seen.entries or self._seen.entries[0].sequence == 1
        numbers = [entry.generation for entry in entries if entry.generation is not None]
        for generation in self._chain.generations:
            last = ring_summary.end_of(generation)
            if last is None or last.state is None:
                continue
            asked = generation.number == self._number
            entry = sealed.get((generation.number, last.state.value))
            bundle = self._places.of_generation(generation)
            if asked:
                self._own = bundle if entry is None else self._places.bundle(entry.kind, entry.name)
            if bundle.sealed or (entry is not None and not bundle.being_sealed):
                continue
            if self._unsigned is not None and not asked and not bundle.part.is_dir():
                # Nothing on the server says who has sealed what; other controllers have their own.
                continue
            forgotten = not whole and (
                generation.number < min(numbers) if numbers else last.at < self._seen.entries[0].at
            )
            if entry is not None or not forgotten or asked:
                yield generation.number

    def _refused(self) -> ring_event.Refusal | None:
        params = self._params
        reason = recordable(params.get("reason") or "", _LONGEST_REASON)
        if not reason:
            return None
        named = _DIGEST.match(reason)
        release = params.get("release") or (named[0] if named else None)
        return ring_event.Refusal(
            action=params.get("action") or "promote",
            release=release if is_digest(release) else None,
            reason=reason,
            at=clock.text(clock.now()),
        )

    def _asked(self, owed: t.Sequence[Event], refusal: ring_event.Refusal | None) -> list[Event]:
        """What the task is about, of what is owed; empty when it is about whatever is owed."""
        if self._number is not None:
            return [self._number]
        if refusal is None:
            return []
        ended = [event for event in owed if isinstance(event, int) and self._is_end(event, refusal.reason)]
        return [*ended, refusal]

    def _is_end(self, number: int, reason: str) -> bool:
        last = ring_summary.end_of(self._chain.generation(number))
        return last is not None and last.detail.get("reason") == recordable(reason)

    def _ended(self, owed: t.Sequence[Event], reason: str) -> bool:
        """Whether the refusal ended a generation, whose bundle tells of it."""
        for number in owed:
            if isinstance(number, int) and self._is_end(number, reason):
                self._own = self._places.of_generation(self._chain.generation(number))
                return True
        return False

    def _one(self, event: Event) -> None:
        if isinstance(event, int):
            bundle = self._places.of_generation(self._chain.generation(event))
        else:
            bundle = self._places.of_refusal(event, self._ring.actor().name)
        if self._number in (event, None):
            self._own = bundle
        if bundle.sealed:
            return
        self.changed = True
        if self._check:
            return
        summary = _begun(bundle)
        if summary is None:
            shutil.rmtree(bundle.part, ignore_errors=True)
            summary = ring_event.collect(
                self._ring, bundle, self._params, self._chain, event, signed=self._unsigned is None
            )
        self._close(bundle, summary)

    def _close(self, bundle: Bundle, summary: Json) -> None:
        facts = {key: summary[key] for key in ("solution", "generation", "release", "verdict", "live")}
        if self._unsigned is not None:
            more = {"ring": self._ring.name, "kind": bundle.kind, "name": bundle.name}
            ring_unsigned.close(bundle, {**facts, **more}, self._unsigned)
            self._made.append({"path": str(bundle.final), "kind": bundle.kind, "name": bundle.name, "sequence": None})
            return
        sealed = sealing.seal(
            bundle,
            self._ring.session,
            key=self._key,
            trust=self._ring.trust,
            actor=self._ring.actor(),
            live_reason=summary["live_reason"],
            state=summary["state"],
            **facts,
        )
        self.warnings += [*sealed.warnings, *self._wrong(summary)]
        self._made.append(sealed.to_json())

    def _wrong(self, summary: Json) -> t.Iterator[str]:
        """What has to be said aloud of a bundle that says that the ring did something wrong."""
        found = summary.get("violations") or ()
        if found:
            more = f", and {len(found) - 1} more" if len(found) > 1 else ""
            yield (
                f"The evidence bundle of generation {summary['generation']} of ring {self._ring.name} has the verdict "
                f"{summary['verdict']}: {found[0]}{more}."
            )

    def _missing(self, event: Event, error: CollectionError) -> str:
        name = self._ring.name
        if not isinstance(event, int):
            return f"The refusal in ring {name} stands, and its evidence bundle is missing: {error.message}"
        generation = self._chain.generation(event)
        last = ring_summary.end_of(generation)
        state = last.state.value if last is not None and last.state is not None else generation.state.value
        return (
            f"Generation {event} of ring {name} is {state}, which stands, and its evidence bundle is missing: "
            f"{error.message} Run the same again to seal it."
        )


def _begun(bundle: Bundle) -> Json | None:
    """The summary of a bundle whose sealing was interrupted; None when it has to be collected (anew)."""
    if not bundle.being_sealed:
        return None
    try:
        summary = bundle.document(SUMMARY)
    except CollectionError:
        return None
    return summary if isinstance(summary, dict) and summary.keys() >= _CLOSING else None


def _signer(ring: Ring) -> tuple[SigningKey | None, str | None]:
    """The key that seals; or None, and why nobody does.

    :raises CollectionError: when the ring insists on signatures and there is no key.
    """
    key = ring.key()
    if key is None:
        return None, "ring_unsigned is accept, and there is no ring_signing_key."
    known = ring.trust.find(key.key_id)
    if ring.takes_unsigned and (known is None or PROMOTER not in known.roles):
        return None, f"ring_unsigned is accept, and {key.name}, who acts, is no promoter in ring_trust."
    return key, None


def _chain(ring: Ring, number: int | None) -> Chain:
    """The ring's ledger; with its archived records, when the generation that is asked for is among them."""
    known = {generation.number for generation in ring.chain.generations if generation.transitions}
    if number is None or number in known or not ring.chain.segments:
        return ring.chain
    return full_chain(ring.chain, ring.store)
