# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What statements may say: one JSON Schema for each kind, and the rules that no schema can tell.

The files in ``docs/statement-schemas`` are written from :data:`SCHEMAS`; a test says when they are stale.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import SETTLED, State
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party_release import breaches

STATEMENT_TYPE: t.Final = "https://in-toto.io/Statement/v1"
PROVENANCE: t.Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: t.Final = "https://example.com/hotpass/prefect/build/v1"
PROMOTION: t.Final = "https://example.com/hotpass/prefect/promotion/v1"
ROLLBACK: t.Final = "https://example.com/hotpass/prefect/rollback/v1"
APPROVAL: t.Final = "https://example.com/hotpass/prefect/approval/v1"
VETO: t.Final = "https://example.com/hotpass/prefect/veto/v1"
PREDICATE_TYPES: t.Final = (PROVENANCE, PROMOTION, ROLLBACK, APPROVAL, VETO)

VERDICTS: t.Final = ("pass", "fail", "inconclusive", "error")

_Schema = dict[str, t.Any]


class Malformed(CollectionError):
    """A statement that says what no statement may say, or not in the one way to say it."""


def _text(longest: int) -> _Schema:
    # The lookahead keeps a line break out of the end, where some readers' $ also matches before one.
    return {"type": "string", "maxLength": longest, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$(?!\n)"}


def _prose(longest: int) -> _Schema:
    return {
        "type": "string",
        "maxLength": longest,
        "pattern": r"^(?=[\s\S]*\S)[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$",
    }


def _object(required: dict[str, _Schema], optional: dict[str, _Schema] | None = None) -> _Schema:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": sorted(required),
        "additionalProperties": False,
    }


def _or_null(schema: _Schema) -> _Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_NAME: _Schema = {"type": "string", "maxLength": 100, "pattern": r"^[a-z0-9](-?[a-z0-9])*$(?!\n)"}
_DIGEST: _Schema = {"type": "string", "maxLength": 71, "pattern": "^sha256:[0-9a-f]{64}$"}
_HEX_256: _Schema = {"type": "string", "maxLength": 64, "pattern": "^[0-9a-f]{64}$"}
_COMMIT: _Schema = {"type": "string", "pattern": r"^([0-9a-f]{40}|[0-9a-f]{64})$(?!\n)"}
_GENERATION: _Schema = {"type": "integer", "minimum": 1, "maximum": 2**53 - 1}
_INSTANT: _Schema = {
    "type": "string",
    "maxLength": 27,
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}Z$",
}
_PERSON = _object({"name": _text(100)}, {"keyId": _HEX_256, "user": _text(100), "job": _text(200)})
_SIGNER = _object({"name": _text(100), "keyId": _HEX_256}, {"user": _text(100), "job": _text(200)})
_GATE = _object(
    {"name": _text(100), "verdict": {"enum": list(VERDICTS)}},
    {"startedAt": _INSTANT, "finishedAt": _INSTANT, "detail": {"type": ["string", "object"]}},
)
_RESULT: _Schema = {"enum": sorted(state.value for state in SETTLED)}
_OUTCOME = {
    "solution": _NAME,
    "ring": _NAME,
    "generation": _GENERATION,
    "release": _DIGEST,
    "previousRelease": _or_null(_DIGEST),
    "ledgerRecord": _DIGEST,
    "requestedBy": _PERSON,
    "requestedAt": _INSTANT,
    "activeAt": _or_null(_INSTANT),
    "commit": _or_null(_COMMIT),
    "gates": {"type": "array", "items": _GATE, "maxItems": 200},
    "approvals": {"type": "array", "items": _DIGEST, "uniqueItems": True, "maxItems": 200},
    "result": _RESULT,
}
_BUILD = _object(
    {
        "buildDefinition": _object(
            {
                "buildType": {"const": BUILD_TYPE},
                "externalParameters": _object(
                    {"solution": _NAME, "commit": _COMMIT, "dirty": {"type": "boolean"}}, {"source": _text(500)}
                ),
                "internalParameters": _object({}, {"user": _text(100), "host": _text(255)}),
                "resolvedDependencies": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        **_object(
                            {},
                            {
                                "uri": _text(600),
                                "name": _text(200),
                                "digest": _object({}, {"gitCommit": _COMMIT, "sha256": _HEX_256}),
                            },
                        ),
                        "minProperties": 1,
                    },
                },
            }
        ),
        "runDetails": _object(
            {
                "builder": _object(
                    {"id": _text(300)},
                    {"version": {"type": "object", "additionalProperties": _text(100)}},
                ),
                "metadata": _object({"invocationId": _text(300), "startedOn": _INSTANT, "finishedOn": _INSTANT}),
            }
        ),
    }
)
_PREDICATES: dict[str, tuple[str, _Schema]] = {
    PROVENANCE: ("provenance", _BUILD),
    PROMOTION: ("promotion", _object({**_OUTCOME, "kind": {"const": "promote"}})),
    ROLLBACK: (
        "rollback",
        _object(
            {
                **_OUTCOME,
                "kind": {"const": "rollback"},
                "rolledBack": _object({"generation": _GENERATION, "release": _DIGEST}),
                "reason": _prose(1000),
            }
        ),
    ),
    APPROVAL: (
        "approval",
        _object(
            {
                "solution": _NAME,
                "ring": _NAME,
                "generation": _GENERATION,
                "decision": {"enum": ["approve", "reject"]},
                "approver": _SIGNER,
                "comment": {**_prose(400), "pattern": r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$"},
                "changeReference": _or_null(_text(200)),
                "decidedAt": _INSTANT,
                "expiresAt": _INSTANT,
                "requestedBy": _PERSON,
            }
        ),
    ),
    VETO: (
        "veto",
        _object(
            {
                "solution": _NAME,
                "rings": {
                    "anyOf": [{"const": "*"}, {"type": "array", "items": _NAME, "minItems": 1, "uniqueItems": True}]
                },
                "reason": _prose(1000),
                "by": _PERSON,
                "at": _INSTANT,
            }
        ),
    ),
}


def _statement(predicate_type: str, name: str, predicate: _Schema) -> _Schema:
    subject = _object({"name": _NAME, "digest": _object({"sha256": _HEX_256})})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{name} statement of hotpass.prefect",
        **_object(
            {
                "_type": {"const": STATEMENT_TYPE},
                "subject": {"type": "array", "items": subject, "minItems": 1, "maxItems": 1},
                "predicateType": {"const": predicate_type},
                "predicate": predicate,
            }
        ),
    }


SCHEMAS: t.Final[dict[str, _Schema]] = {
    predicate_type: _statement(predicate_type, name, schema) for predicate_type, (name, schema) in _PREDICATES.items()
}


def _subject(statement: _Schema, predicate: _Schema) -> str | None:
    subject = statement["subject"][0]
    said = predicate["buildDefinition"]["externalParameters"] if "buildDefinition" in predicate else predicate
    if subject["name"] != said["solution"]:
        return f"its subject is {subject['name']}, and its solution {said['solution']}"
    if predicate.get("release", f"sha256:{subject['digest']['sha256']}") != f"sha256:{subject['digest']['sha256']}":
        return "its subject is another release than the one it speaks of"
    return None


def _instants(_statement: _Schema, predicate: _Schema) -> str | None:
    for key, text in _instants_in(predicate):
        try:
            datetime.datetime.fromisoformat(text[:-1])
        except ValueError:
            return f"{key} is {text}, a moment that never was"
    return None


def _instants_in(value: t.Any) -> t.Iterator[tuple[str, str]]:
    """The moments that the collection wrote itself; what a gate tells in its detail is the gate's."""
    for key, item in value.items():
        if key.endswith(("At", "On")) or key == "at":
            if item is not None:
                yield key, item
        elif key == "gates":
            for gate in item:
                yield from ((of, gate[of]) for of in ("startedAt", "finishedAt") if of in gate)
        elif key in ("runDetails", "metadata"):
            yield from _instants_in(item)


def _outcome(_statement: _Schema, predicate: _Schema) -> str | None:
    active = predicate["result"] == State.ACTIVE.value
    if active != (predicate["activeAt"] is not None):
        return f"its result is {predicate['result']}, and activeAt {'is' if active else 'is not'} null"
    last = {gate["name"]: gate["verdict"] for gate in predicate["gates"]}
    closed = sorted(name for name, verdict in last.items() if verdict != "pass")
    if active and closed:
        return f"its result is Active, and the gate {closed[0]} ended with {last[closed[0]]}"
    return None


def _rolled_back(_statement: _Schema, predicate: _Schema) -> str | None:
    before, own = predicate["rolledBack"]["generation"], predicate["generation"]
    return f"generation {own} cannot roll back generation {before}" if before >= own else None


def _validity(_statement: _Schema, predicate: _Schema) -> str | None:
    return "it expires before it is decided" if predicate["expiresAt"] <= predicate["decidedAt"] else None


def _commit(_statement: _Schema, predicate: _Schema) -> str | None:
    build = predicate["buildDefinition"]
    commits = [
        item["digest"]["gitCommit"] for item in build["resolvedDependencies"] if "gitCommit" in item.get("digest", {})
    ]
    if commits != [build["externalParameters"]["commit"]]:
        return "its resolvedDependencies do not name exactly the commit of its externalParameters"
    return None


_RULES: dict[str, tuple[t.Callable[[_Schema, _Schema], str | None], ...]] = {
    PROVENANCE: (_subject, _instants, _commit),
    PROMOTION: (_subject, _instants, _outcome),
    ROLLBACK: (_subject, _instants, _outcome, _rolled_back),
    APPROVAL: (_subject, _instants, _validity),
    VETO: (_subject, _instants),
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
