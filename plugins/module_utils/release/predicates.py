# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What statements may say: one JSON Schema for each kind, and the rules that no schema can tell.

The files in ``docs/statement-schemas`` are written from :data:`SCHEMAS`; a test says when they are stale.
"""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import statement_rules as rules
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical
from ansible_collections.hotpass.prefect.plugins.module_utils.release.schema_parts import (
    BASE,
    COMMIT,
    DIGEST,
    GENERATION,
    HEADS,
    HEX_256,
    INSTANT,
    NAME,
    PERSON,
    SIGNER,
    Schema,
    object_of,
    or_null,
    prose,
    text,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import SETTLED
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party_release import breaches

STATEMENT_TYPE: t.Final = "https://in-toto.io/Statement/v1"
PROVENANCE: t.Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: t.Final = "https://example.com/hotpass/prefect/build/v1"
PROMOTION: t.Final = "https://example.com/hotpass/prefect/promotion/v1"
ROLLBACK: t.Final = "https://example.com/hotpass/prefect/rollback/v1"
APPROVAL: t.Final = "https://example.com/hotpass/prefect/approval/v1"
VETO: t.Final = "https://example.com/hotpass/prefect/veto/v1"
EVIDENCE: t.Final = "https://example.com/hotpass/prefect/evidence/v1"
TRANSFER: t.Final = "https://example.com/hotpass/prefect/transfer/v1"
PREDICATE_TYPES: t.Final = (PROVENANCE, PROMOTION, ROLLBACK, APPROVAL, VETO, EVIDENCE, TRANSFER)

VERDICTS: t.Final = ("pass", "fail", "inconclusive", "error")
BUNDLE_VERDICTS: t.Final = (*VERDICTS, "not_exercised", "refused")
BUNDLE_KINDS: t.Final = ("backfill", "promotion", "rollback", "refusal")
SEALED_FILE: t.Final = "tagmanifest-sha256.txt"
"""The file of a bundle whose sha256 stands for all others: it lists what they hash to."""
TRANSFER_KINDS: t.Final = ("releases", "evidence")
TRANSFER_SUMS: t.Final = "SHA256SUMS"
"""The file of a transfer bundle whose sha256 stands for all others."""


class Malformed(CollectionError):
    """A statement that says what no statement may say, or not in the one way to say it."""


_GATE = object_of(
    {"name": text(100), "verdict": {"enum": list(VERDICTS)}},
    {"startedAt": INSTANT, "finishedAt": INSTANT, "detail": {"type": ["string", "object"]}},
)
_RESULT: Schema = {"enum": sorted(state.value for state in SETTLED)}
_OUTCOME = {
    "solution": NAME,
    "ring": NAME,
    "generation": GENERATION,
    "release": DIGEST,
    "previousRelease": or_null(DIGEST),
    "ledgerRecord": DIGEST,
    "requestedBy": PERSON,
    "requestedAt": INSTANT,
    "activeAt": or_null(INSTANT),
    "commit": or_null(COMMIT),
    "gates": {"type": "array", "items": _GATE, "maxItems": 200},
    "approvals": {"type": "array", "items": DIGEST, "uniqueItems": True, "maxItems": 200},
    "result": _RESULT,
}
_BUILD = object_of(
    {
        "buildDefinition": object_of(
            {
                "buildType": {"const": BUILD_TYPE},
                "externalParameters": object_of(
                    {"solution": NAME, "commit": COMMIT, "dirty": {"type": "boolean"}}, {"source": text(500)}
                ),
                "internalParameters": object_of({}, {"user": text(100), "host": text(255)}),
                "resolvedDependencies": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        **object_of(
                            {},
                            {
                                "uri": text(600),
                                "name": text(200),
                                "digest": object_of({}, {"gitCommit": COMMIT, "sha256": HEX_256}),
                            },
                        ),
                        "minProperties": 1,
                    },
                },
            }
        ),
        "runDetails": object_of(
            {
                "builder": object_of(
                    {"id": text(300)},
                    {"version": {"type": "object", "additionalProperties": text(100)}},
                ),
                "metadata": object_of({"invocationId": text(300), "startedOn": INSTANT, "finishedOn": INSTANT}),
            }
        ),
    }
)
_SUBJECT = object_of({"name": NAME, "digest": object_of({"sha256": HEX_256})})
_PREDICATES: dict[str, tuple[str, Schema]] = {
    PROVENANCE: ("provenance", _BUILD),
    PROMOTION: ("promotion", object_of({**_OUTCOME, "kind": {"const": "promote"}})),
    ROLLBACK: (
        "rollback",
        object_of(
            {
                **_OUTCOME,
                "kind": {"const": "rollback"},
                "rolledBack": object_of({"generation": GENERATION, "release": DIGEST}),
                "reason": prose(1000),
            }
        ),
    ),
    APPROVAL: (
        "approval",
        object_of(
            {
                "solution": NAME,
                "ring": NAME,
                "generation": GENERATION,
                "decision": {"enum": ["approve", "reject"]},
                "approver": SIGNER,
                "comment": {**prose(400), "pattern": r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$"},
                "changeReference": or_null(text(200)),
                "decidedAt": INSTANT,
                "expiresAt": INSTANT,
                "requestedBy": PERSON,
            }
        ),
    ),
    VETO: (
        "veto",
        object_of(
            {
                "solution": NAME,
                "rings": {
                    "anyOf": [{"const": "*"}, {"type": "array", "items": NAME, "minItems": 1, "uniqueItems": True}]
                },
                "reason": prose(1000),
                "by": PERSON,
                "at": INSTANT,
            }
        ),
    ),
    EVIDENCE: (
        "evidence",
        object_of(
            {
                "solution": NAME,
                "ring": NAME,
                "kind": {"enum": list(BUNDLE_KINDS)},
                "name": {"type": "string", "maxLength": 16, "pattern": "^[0-9]{8}T[0-9]{6}Z$"},
                "sequence": or_null(GENERATION),
                "previous": or_null(DIGEST),
                "generation": or_null(GENERATION),
                "release": or_null(DIGEST),
                "verdict": {"enum": list(BUNDLE_VERDICTS)},
                "live": {"type": "boolean"},
                "sealedAt": INSTANT,
                "sealedBy": SIGNER,
            }
        ),
    ),
    TRANSFER: (
        "transfer",
        object_of(
            {
                "solution": NAME,
                "ring": NAME,
                "kind": {"enum": list(TRANSFER_KINDS)},
                "heads": HEADS,
                "base": BASE,
            }
        ),
    ),
}
_SUBJECTS: dict[str, Schema] = {
    TRANSFER: {
        "type": "array",
        "items": object_of({"name": {"const": TRANSFER_SUMS}, "digest": object_of({"sha256": HEX_256})}),
        "minItems": 1,
        "maxItems": 1,
    },
    EVIDENCE: {
        "type": "array",
        "prefixItems": [object_of({"name": {"const": SEALED_FILE}, "digest": object_of({"sha256": HEX_256})})],
        "items": _SUBJECT,
        "minItems": 1,
        "maxItems": 2,
    },
}


def _statement(predicate_type: str, name: str, predicate: Schema) -> Schema:
    subjects = {"type": "array", "items": _SUBJECT, "minItems": 1, "maxItems": 1}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{name} statement of hotpass.prefect",
        **object_of(
            {
                "_type": {"const": STATEMENT_TYPE},
                "subject": _SUBJECTS.get(predicate_type, subjects),
                "predicateType": {"const": predicate_type},
                "predicate": predicate,
            }
        ),
    }


SCHEMAS: t.Final[dict[str, Schema]] = {
    predicate_type: _statement(predicate_type, name, schema) for predicate_type, (name, schema) in _PREDICATES.items()
}


_RULES: dict[str, tuple[t.Callable[[Schema, Schema], str | None], ...]] = {
    PROVENANCE: (rules.subject, rules.instants, rules.commit),
    PROMOTION: (rules.subject, rules.instants, rules.outcome),
    ROLLBACK: (rules.subject, rules.instants, rules.outcome, rules.rolled_back),
    APPROVAL: (rules.subject, rules.instants, rules.validity),
    VETO: (rules.subject, rules.instants),
    EVIDENCE: (rules.subjects, rules.instants, rules.place, rules.named_moment),
    TRANSFER: (rules.own_head,),
}


def kind_of(predicate_type: str) -> str:
    """The word for a kind of statement, such as ``promotion``; the type itself when it is unknown."""
    return _PREDICATES[predicate_type][0] if predicate_type in _PREDICATES else predicate_type


def check(statement: t.Any) -> dict[str, t.Any]:
    """The statement itself, when it says all that its kind has to say and nothing else.

    :raises Malformed: naming the first place, and what is allowed there.
    """
    try:
        canonical(statement)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"The statement cannot be written as canonical JSON: {error}.") from None
    found = statement.get("predicateType") if isinstance(statement, dict) else None
    if not isinstance(found, str) or found not in SCHEMAS:
        raise Malformed(f"The statement is of the kind {str(found)[:200]!r}; allowed are {', '.join(PREDICATE_TYPES)}.")
    faults = breaches(SCHEMAS[found], statement)
    if faults:
        path, allowed = min(faults, key=lambda fault: [str(step) for step in fault[0]])
        where = ".".join(str(step) for step in path) or "its top"
        raise Malformed(f"The {kind_of(found)} statement is not valid at {where}; allowed: {allowed}.")
    for rule in _RULES[found]:
        fault = rule(statement, statement["predicate"])
        if fault:
            raise Malformed(f"The {kind_of(found)} statement contradicts itself: {fault}.")
    return t.cast("dict[str, t.Any]", statement)
