# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the approvals in a ledger once more, long after: who approved, whether they might, and whether they differ."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import clock, gates, judging, statements, trust
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain, Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Record
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State


def problems(chain: Chain, generation: Generation, believed: trust.Trust) -> t.Iterator[str]:
    """Sentences on approvals that the ledger says were there and that do not count, and on rejections that do not.

    An approval counts when a trusted approver signed it, over this digest, ring and generation, who is not the one that
    asked, and when it was valid at the moment when the generation went on.
    """
    number = generation.number
    records = chain.approvals(number)
    verdict = gates.verdicts_of(generation).get("approval")
    went_on = _reached(generation, State.DEPLOYING)
    rejected = _reached(generation, State.REJECTED)
    if rejected is not None and "reject" not in _counting(chain, generation, records, believed, rejected)[0]:
        yield f"generation {number} is Rejected, and no rejection in the ledger counts"
    asked = went_on is not None and (
        "approval" in went_on.detail.get("asked", ()) or _reached(generation, State.AWAITING_APPROVAL) is not None
    )
    if not asked or went_on is None:
        return
    if verdict is None:
        yield f"generation {number} waited for approval and was written without a verdict of that gate"
        return
    named = set((verdict.get("detail") or {}).get("approvers", ()))
    decisions, approvers, people = _counting(chain, generation, records, believed, went_on)
    if "reject" in decisions:
        yield f"generation {number} went on although it was rejected"
    if not named:
        yield f"the gate approval of generation {number} says pass and names nobody"
    missing = sorted(named - set(approvers.values()))
    if missing:
        yield f"the gate approval of generation {number} names {', '.join(missing)}, whose approval does not count"
    if min(len(approvers), people) < len(named):
        yield (
            f"the gate approval of generation {number} names {len(named)} approvers, and only "
            f"{min(len(approvers), people)} different people with keys of their own approved"
        )


def _reached(generation: Generation, state: State) -> Record | None:
    return next((record for record in generation.transitions if record.state is state), None)


def _counting(
    chain: Chain, generation: Generation, records: t.Sequence[Record], believed: trust.Trust, end: Record
) -> tuple[set[str], dict[str, str], int]:
    """The decisions that count at the moment of a record, the approvers' names by key, and how many people they are."""
    decisions: set[str] = set()
    approvers: dict[str, str] = {}
    people: set[str] = set()
    for record in records:
        if record.sequence > end.sequence:
            continue
        envelope = canonical(record.detail["envelope"])
        try:
            decision = _decision(chain, generation, envelope, believed, clock.parse(end.at), approvers, people)
        except CollectionError:
            continue
        decisions.add(decision)
    return decisions, approvers, len(people)


def _decision(
    chain: Chain,
    generation: Generation,
    envelope: bytes,
    believed: trust.Trust,
    now: datetime.datetime,
    approvers: dict[str, str],
    people: set[str],
) -> str:
    verified = statements.verify(envelope, believed, trust.APPROVER)
    decision = statements.check_approval(
        verified,
        solution=chain.solution,
        ring=chain.ring,
        generation=generation.number,
        release=str(generation.release),
        requested_by=generation.requested_by,
        now=now,
    )
    if decision == "approve":
        approvers.update({signer.key_id: signer.name for signer in verified.signers})
        approver = verified.predicate["approver"]
        people.add(judging.comparable(approver.get("user") or approver["name"]))
    return decision
