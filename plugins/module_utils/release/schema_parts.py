# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the JSON Schemas of statements are put together from."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

Schema = dict[str, t.Any]


def text(longest: int) -> Schema:
    """One line of at most so many characters, without control characters."""
    # The lookahead keeps a line break out of the end, where some readers' $ also matches before one.
    return {"type": "string", "maxLength": longest, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$(?!\n)"}


def prose(longest: int) -> Schema:
    """At most so many characters, not only blanks, in as many lines as it likes."""
    return {
        "type": "string",
        "maxLength": longest,
        "pattern": r"^(?=[\s\S]*\S)[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$",
    }


def object_of(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """An object with these keys and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": sorted(required),
        "additionalProperties": False,
    }


def or_null(schema: Schema) -> Schema:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


NAME: Schema = {"type": "string", "maxLength": 100, "pattern": r"^[a-z0-9](-?[a-z0-9])*$(?!\n)"}
DIGEST: Schema = {"type": "string", "maxLength": 71, "pattern": "^sha256:[0-9a-f]{64}$"}
HEX_256: Schema = {"type": "string", "maxLength": 64, "pattern": "^[0-9a-f]{64}$"}
COMMIT: Schema = {"type": "string", "pattern": r"^([0-9a-f]{40}|[0-9a-f]{64})$(?!\n)"}
GENERATION: Schema = {"type": "integer", "minimum": 1, "maximum": 2**53 - 1}
INSTANT: Schema = {
    "type": "string",
    "maxLength": 27,
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}Z$",
}
PERSON = object_of({"name": text(100)}, {"keyId": HEX_256, "user": text(100), "job": text(200)})
SIGNER = object_of({"name": text(100), "keyId": HEX_256}, {"user": text(100), "job": text(200)})
HEAD = object_of(
    {
        "sequence": GENERATION,
        "digest": DIGEST,
        "generation": {**GENERATION, "minimum": 0},
        "release": or_null(DIGEST),
        "state": or_null({"enum": sorted(state.value for state in State)}),
    }
)
KNOWN_HEADS: Schema = {"type": "object", "propertyNames": NAME, "additionalProperties": HEAD, "maxProperties": 100}
"""Where the ledgers of some rings end, by ring."""
HEADS: Schema = {**KNOWN_HEADS, "minProperties": 1}
BASE = or_null(object_of({"receipt": DIGEST, "heads": KNOWN_HEADS}))
"""The receipt that a delta is made for."""
