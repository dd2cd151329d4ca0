# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Approving a generation that waits for it, and counting who did."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release import (
    clock,
    judging,
    predicates,
    statements,
    trust,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.describing import describe
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Draft, Event
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring import Ring
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome


def decide(params: dict[str, t.Any], context: Context) -> Outcome:
    """Sign a decision over the digest, the ring and the generation that waits, and append it to the ledger.

    :raises CollectionError: when nothing waits, when it is another release than the one that was named, or when the
        decision would not count: the requester's own, or of a key that the ring does not trust as an approver.
    """
    with Session(Connection.from_params(params)) as session, Ring(params, session) as ring:
        generation = _waiting(ring, params)
        key = ring.key()
        if key is None:
            raise CollectionError(
                "A decision has to be signed; set signing_key (ring_approver_key) to the approver's key."
            )
        if _decided_already(ring, generation, key.key_id, params["decision"]):
            return Outcome(changed=False, result={"promotion": _report(ring, generation)}, warnings=ring.warnings)
        now = clock.now()
        actor = ring.actor()
        statement = statements.approval(
            release=str(generation.release),
            solution=ring.solution,
            ring=ring.name,
            generation=generation.number,
            decision=params["decision"],
            approver=actor,
            comment=params["comment"],
            change_reference=params.get("change_reference"),
            decided_at=clock.text(now),
            expires_at=clock.text(now + datetime.timedelta(seconds=params["valid_seconds"])),
            requested_by=generation.requested_by,
        )
        envelope = statements.sign(statement, key)
        # The ring would not count it, so it must not look as if it were given.
        _check(ring, generation, envelope)
        if not context.check:
            ring.append(
                Draft(
                    event=Event.APPROVAL,
                    generation=generation.number,
                    release=generation.release,
                    actor=actor,
                    detail={"decision": params["decision"], "envelope": statements.as_json(envelope)},
                )
            )
            ring.attach(str(generation.release), envelope, predicates.APPROVAL)
            ring.tell()
        return Outcome(changed=True, result={"promotion": _report(ring, generation)}, warnings=ring.warnings)


def count_approvals(
    ring: Ring, generation: Generation, required: int, seconds: float
) -> tuple[str, str, dict[str, t.Any]]:
    """What the decisions in the ledger come to.

    :param required: how many different people, with keys of their own, have to approve.
    :param seconds: how long an answer is waited for, from the moment that the generation began to wait.
    :returns: ``pass``; ``fail`` when somebody rejected it, or nobody answered in time; else ``inconclusive``.
    """
    if required < 1:
        return "error", "approvals_required is less than 1, which would let everything pass", {}
    approvers: dict[str, str] = {}
    people: set[str] = set()
    ignored = []
    for record in ring.chain.approvals(generation.number):
        envelope = canonical(record.detail["envelope"])
        try:
            decision, signers = _check(ring, generation, envelope)
        except CollectionError as error:
            ignored.append(error.message)
            continue
        if decision == "reject":
            return "fail", f"rejected by {signers[0].name} at {record.at}: {_comment(envelope)}", {"decision": "reject"}
        approvers.update({signer.key_id: signer.name for signer in signers})
        approver = statements.peek(envelope)["predicate"]["approver"]
        people.add(judging.comparable(approver.get("user") or approver["name"]))
    if min(len(approvers), len(people)) >= required:
        return "pass", "", {"approvers": sorted(approvers.values())}
    since = next((r.at for r in generation.transitions if r.state is State.AWAITING_APPROVAL), None)
    if since is not None and clock.now().timestamp() > clock.parse(since).timestamp() + seconds:
        return "fail", f"{len(approvers)} of {required} approvals came since {since}", {"decision": "expire"}
    said = f" ({' '.join(ignored)})" if ignored else ""
    return "inconclusive", f"{len(approvers)} of {required} approvals are there{said}", {"decision": "wait"}


def _check(ring: Ring, generation: Generation, envelope: bytes) -> tuple[str, tuple[trust.TrustedKey, ...]]:
    verified = statements.verify(envelope, ring.trust, trust.APPROVER)
    decision = statements.check_approval(
        verified,
        solution=ring.solution,
        ring=ring.name,
        generation=generation.number,
        release=str(generation.release),
        requested_by=generation.requested_by,
        now=clock.now(),
    )
    return decision, verified.signers


def _waiting(ring: Ring, params: t.Mapping[str, t.Any]) -> Generation:
    generation = ring.chain.under_way
    if generation is None or generation.state is not State.AWAITING_APPROVAL:
        state = f"generation {generation.number} is {generation.state.value}" if generation else "nothing is under way"
        raise CollectionError(f"Nothing waits for approval in ring {ring.name} of {ring.solution}: {state}.")
    for option, found in (("release", generation.release), ("generation", generation.number)):
        if params.get(option) is not None and params[option] != found:
            raise CollectionError(
                f"What waits for approval in ring {ring.name} is generation {generation.number} with "
                f"{generation.release}, and {option} names {params[option]}."
            )
    return generation


def _decided_already(ring: Ring, generation: Generation, key_id: str, decision: str) -> bool:
    for record in ring.chain.approvals(generation.number):
        if record.actor.key_id != key_id or record.detail["decision"] != decision:
            continue
        try:
            _check(ring, generation, canonical(record.detail["envelope"]))
        except CollectionError:
            continue
        return True
    return False


def _comment(envelope: bytes) -> str:
    return str(statements.peek(envelope)["predicate"]["comment"] or "no comment")


def _report(ring: Ring, generation: Generation) -> dict[str, t.Any]:
    return {"ring": ring.name, "solution": ring.solution, **describe(ring, generation)}
