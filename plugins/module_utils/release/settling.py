# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is owed once a generation has settled: a hold on what was bad, a signed statement, and word to the outside."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release import gates, statements, trust
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Draft, Event, Kind, Record
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring import Ring
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import SETTLED, State
from ansible_collections.hotpass.prefect.plugins.module_utils.release.wording import recordable


def hold_the_bad(ring: Ring, generation: Generation, target: State, reason: str | None) -> None:
    """Before a release counts as rolled back, hold it: automation does not promote it again into this ring."""
    bad: str | None = None
    if target is State.ROLLED_BACK and generation.kind is Kind.PROMOTE:
        bad = generation.release
    elif target is State.ACTIVE and generation.kind is Kind.ROLLBACK and generation.rolls_back is not None:
        bad = ring.chain.generation(generation.rolls_back).release
    active = ring.chain.active
    kept = generation.release if target is State.ACTIVE else active.release if active is not None else None
    if bad in (None, kept, *ring.chain.holds):
        return
    said = reason or generation.last_detail.get("reason") or generation.detail.get("reason")
    ring.append(
        Draft(
            event=Event.HOLD,
            generation=generation.number,
            release=bad,
            actor=ring.actor(),
            detail={"held": True, "reason": recordable(said or "") or "rolled back"},
        )
    )


def settle(ring: Ring, number: int, check: bool, fresh: bool = False) -> bool:
    """Make up what a settled generation is owed, unless it has it already.

    :param fresh: whether it settled just now.
    :returns: whether a statement was signed, or in check mode would be.
    """
    if not 0 < number <= ring.chain.last_generation:
        return False
    generation = ring.chain.generation(number)
    if generation.state not in SETTLED:
        return False
    envelope_owed = _statement_owed(ring, generation)
    if check:
        return envelope_owed is not None
    if envelope_owed is not None:
        key = ring.key()
        if key is not None:
            envelope = statements.sign(envelope_owed, key)
            ring.attach(str(generation.release), envelope, str(envelope_owed["predicateType"]))
    if fresh or envelope_owed is not None:
        ring.export(number)
        ring.compact()
    # What ends badly may have been ended by somebody else than the promoter that should have told its earlier steps.
    ring.tell_again(anyhow=generation.state is not State.ACTIVE)
    return envelope_owed is not None


def _statement_owed(ring: Ring, generation: Generation) -> dict[str, t.Any] | None:
    """The statement about a generation's end; None when the release carries it, or nothing was stored to carry it."""
    release = str(generation.release)
    key = ring.key()
    if key is None or not generation.transitions or not ring.store.has(release):
        return None
    last = generation.transitions[-1]
    ended = last.state.value if last.state else ""
    believed = ring.trust
    if believed.find(key.key_id) is None:
        own = {"name": key.name, "roles": [trust.PROMOTER], "public_key": key.public_key}
        believed = trust.Trust((*believed.keys, *trust.Trust.from_setting([own]).keys))
    for said in statements.outcomes(ring.statements(release), believed, ring=ring.name, solution=ring.solution):
        if (said.release, said.predicate["generation"], said.predicate["result"]) == (
            release,
            generation.number,
            ended,
        ):
            return None
    return _compose(ring, generation, last)


def _compose(ring: Ring, generation: Generation, last: Record) -> dict[str, t.Any]:
    active_at = next((record.at for record in generation.transitions if record.state is State.ACTIVE), None)
    earlier = [other for other in ring.chain.verified if other.number < generation.number]
    said: dict[str, t.Any] = {
        "release": str(generation.release),
        "solution": ring.solution,
        "ring": ring.name,
        "generation": generation.number,
        "previous_release": earlier[-1].release if earlier else None,
        "ledger_record": last.digest,
        "requested_by": generation.requested_by,
        "requested_at": generation.requested_at,
        "active_at": active_at,
        "commit": generation.detail.get("commit"),
        "gates": list(gates.verdicts_of(generation).values()),
        "approvals": [
            digest_of(canonical(record.detail["envelope"]))
            for record in ring.chain.approvals(generation.number)
            if "envelope" in record.detail
        ],
        "result": last.state.value if last.state else "",
    }
    if generation.kind is not Kind.ROLLBACK or generation.rolls_back is None:
        return statements.promotion(**said)
    rolled_back = ring.chain.generation(generation.rolls_back)
    return statements.rollback(
        **said,
        rolled_back_generation=generation.rolls_back,
        rolled_back_release=str(rolled_back.release),
        reason=str(generation.detail.get("reason") or "asked for"),
    )
