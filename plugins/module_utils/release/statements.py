# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements of the collection: what each kind is made of. Making, signing, verifying and judging, in one place.

Each function that makes one returns a plain in-toto Statement v1. Moments are aware datetimes or ISO-8601 texts, and
are written in UTC with microseconds. Who acts is an Actor of the ledger, or a mapping of the same fields.
"""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import check_digest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.envelopes import (
    PAYLOAD_TYPE,
    Statement,
    Untrusted,
    Verified,
    add_signature,
    as_json,
    peek,
    release_of,
    sign,
    verify,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.judging import (
    NotApproved,
    check_approval,
    outcomes,
    previous_active,
    proven,
    provenances,
    vetoes,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.predicates import (
    APPROVAL,
    EVIDENCE,
    PROMOTION,
    PROVENANCE,
    ROLLBACK,
    SEALED_FILE,
    STATEMENT_TYPE,
    VETO,
    Malformed,
    check,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.provenance import LOCAL_BUILDER, provenance
from ansible_collections.hotpass.prefect.plugins.module_utils.release.statement_parts import (
    Moment,
    Who,
    compose,
    described,
    instant,
)

ARTIFACT_TYPE: t.Final = "application/vnd.hotpass.statement.v1"
PREDICATE_ANNOTATION: t.Final = "in-toto.io/predicate-type"


def promotion(
    *,
    solution: str,
    ring: str,
    generation: int,
    release: str,
    ledger_record: str,
    requested_by: Who,
    requested_at: Moment,
    result: str,
    active_at: Moment | None = None,
    previous_release: str | None = None,
    commit: str | None = None,
    gates: t.Iterable[t.Mapping[str, t.Any]] = (),
    approvals: t.Iterable[str] = (),
) -> Statement:
    """How one promotion into a ring ended.

    :param ledger_record: digest of the record of the last transition; of the Active one when it became Active.
    :param active_at: when it became Active; None for every other result.
    :param gates: mappings of name, verdict, startedAt, finishedAt and detail (text or JSON object), in their order; a
        gate that was asked again stands here again, and its last verdict counts.
    :param approvals: digests of the approvals' envelopes.
    :param result: the state that it settled in.
    :raises Malformed: for a value that no promotion statement may hold.
    """
    # Both kinds take the same arguments: to list them once more would only let the lists drift apart.
    predicate = _outcome(locals())
    return compose(PROMOTION, release, solution, {**predicate, "kind": "promote"})


def rollback(
    *,
    solution: str,
    ring: str,
    generation: int,
    release: str,
    rolled_back_generation: int,
    rolled_back_release: str,
    reason: str,
    ledger_record: str,
    requested_by: Who,
    requested_at: Moment,
    result: str,
    active_at: Moment | None = None,
    previous_release: str | None = None,
    commit: str | None = None,
    gates: t.Iterable[t.Mapping[str, t.Any]] = (),
    approvals: t.Iterable[str] = (),
) -> Statement:
    """How one rollback of a ring ended.

    :param release: the earlier release that is brought back.
    :param rolled_back_generation: the generation that is taken back, and ``rolled_back_release`` its release.
    :param reason: why, as a person would say it. The rest is as in :func:`promotion`.
    :raises Malformed: for a value that no rollback statement may hold.
    """
    predicate = _outcome(locals())
    predicate["rolledBack"] = {"generation": rolled_back_generation, "release": rolled_back_release}
    return compose(ROLLBACK, release, solution, {**predicate, "kind": "rollback", "reason": reason})


def approval(
    *,
    solution: str,
    ring: str,
    generation: int,
    release: str,
    decision: str,
    approver: Who,
    requested_by: Who,
    decided_at: Moment,
    expires_at: Moment,
    comment: str = "",
    change_reference: str | None = None,
) -> Statement:
    """What somebody decided about one generation of a ring.

    :param decision: ``approve`` or ``reject``.
    :param approver: has to have a ``key_id``: that of the key which will sign.
    :param change_reference: number or address of the change request.
    :raises Malformed: for a value that no approval may hold.
    """
    return compose(
        APPROVAL,
        release,
        solution,
        {
            "solution": solution,
            "ring": ring,
            "generation": generation,
            "decision": decision,
            "approver": described(approver),
            "comment": comment,
            "changeReference": change_reference,
            "decidedAt": instant(decided_at, "decidedAt"),
            "expiresAt": instant(expires_at, "expiresAt"),
            "requestedBy": described(requested_by),
        },
    )


def veto(*, solution: str, release: str, rings: str | t.Sequence[str], reason: str, by: Who, at: Moment) -> Statement:
    """That a release must not be promoted into some rings, or with ``"*"`` into any.

    :raises Malformed: for a value that no veto may hold.
    """
    return compose(
        VETO,
        release,
        solution,
        {
            "solution": solution,
            "rings": rings if isinstance(rings, str) else sorted(rings),
            "reason": reason,
            "by": described(by),
            "at": instant(at, "at"),
        },
    )


def evidence(
    *,
    solution: str,
    ring: str,
    kind: str,
    name: str,
    sealed: str,
    verdict: str,
    live: bool,
    sealed_at: Moment,
    sealed_by: Who,
    sequence: int | None = None,
    previous: str | None = None,
    generation: int | None = None,
    release: str | None = None,
) -> Statement:
    """That a bundle of evidence is what it was, and where it stands among the ring's bundles.

    :param sealed: digest of the bundle's ``tagmanifest-sha256.txt``, which stands for all of its files.
    :param name: the moment that the bundle is called by, such as ``20261122T073000Z``.
    :param live: false when any part of what it tells was simulated, or done without a server.
    :param sequence: its number in the ring's chain; None for one that no server could give a number.
    :param previous: digest of the seal of the bundle before it.
    :raises Malformed: for a value that no such statement may hold.
    """
    subjects = [(SEALED_FILE, sealed)] + ([] if release is None else [(solution, release)])
    return check(
        {
            "_type": STATEMENT_TYPE,
            "subject": [
                {"name": named, "digest": {"sha256": check_digest(digest).removeprefix("sha256:")}}
                for named, digest in subjects
            ],
            "predicateType": EVIDENCE,
            "predicate": {
                "solution": solution,
                "ring": ring,
                "kind": kind,
                "name": name,
                "sequence": sequence,
                "previous": previous,
                "generation": generation,
                "release": release,
                "verdict": verdict,
                "live": live,
                "sealedAt": instant(sealed_at, "sealedAt"),
                "sealedBy": described(sealed_by),
            },
        }
    )


def _outcome(given: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What promotions and rollbacks have in common, from the arguments of either."""
    active_at = given["active_at"]
    return {
        "solution": given["solution"],
        "ring": given["ring"],
        "generation": given["generation"],
        "release": given["release"],
        "previousRelease": given["previous_release"],
        "ledgerRecord": given["ledger_record"],
        "requestedBy": described(given["requested_by"]),
        "requestedAt": instant(given["requested_at"], "requestedAt"),
        "activeAt": None if active_at is None else instant(active_at, "activeAt"),
        "commit": given["commit"],
        "gates": [_gate(gate) for gate in given["gates"]],
        "approvals": list(given["approvals"]),
        "result": str(getattr(given["result"], "value", given["result"])),
    }


def _gate(gate: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    found = dict(gate)
    for key in ("startedAt", "finishedAt"):
        if key in found:
            found[key] = instant(found[key], f"{key} of a gate")
    return found


__all__ = [
    "APPROVAL",
    "ARTIFACT_TYPE",
    "EVIDENCE",
    "LOCAL_BUILDER",
    "PAYLOAD_TYPE",
    "PREDICATE_ANNOTATION",
    "PROMOTION",
    "PROVENANCE",
    "ROLLBACK",
    "VETO",
    "Malformed",
    "NotApproved",
    "Statement",
    "Untrusted",
    "Verified",
    "Who",
    "add_signature",
    "approval",
    "as_json",
    "check_approval",
    "evidence",
    "instant",
    "outcomes",
    "peek",
    "previous_active",
    "promotion",
    "proven",
    "provenance",
    "provenances",
    "release_of",
    "rollback",
    "sign",
    "verify",
    "veto",
    "vetoes",
]
