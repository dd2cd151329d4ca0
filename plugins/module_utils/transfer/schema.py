# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``transfer.json`` and a receipt may hold, as JSON Schemas."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.predicates import TRANSFER_KINDS
from ansible_collections.hotpass.prefect.plugins.module_utils.release.schema_parts import (
    BASE,
    DIGEST,
    HEADS,
    HEX_256,
    KNOWN_HEADS,
    NAME,
    Schema,
    object_of,
    or_null,
    text,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import ROLES
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party_release import breaches

FORMAT: t.Final = 1

_PATH: Schema = {"type": "string", "minLength": 1, "maxLength": 255}
_SIZE: Schema = {"type": "integer", "minimum": 0, "maximum": 8**11 - 1}
_FILES: Schema = {
    "type": "object",
    "propertyNames": _PATH,
    "additionalProperties": object_of({"sha256": HEX_256, "size": _SIZE}),
    "maxProperties": 100_000,
}

DOCUMENT: t.Final[Schema] = object_of(
    {
        "format": {"const": FORMAT},
        "kind": {"enum": list(TRANSFER_KINDS)},
        "solution": NAME,
        "ring": NAME,
        "collection": object_of(
            {
                "name": {"type": "string", "maxLength": 200, "pattern": r"^[a-z][a-z0-9_]*[.][a-z][a-z0-9_]*$(?!\n)"},
                "version": {"type": "string", "maxLength": 100, "pattern": r"^[0-9][A-Za-z0-9.+-]*$(?!\n)"},
            }
        ),
        "python": or_null({"type": "string", "maxLength": 10, "pattern": r"^3[.][0-9]+$(?!\n)"}),
        "platforms": {
            "type": "array",
            "items": {"type": "string", "maxLength": 100, "pattern": r"^[a-z0-9][a-z0-9_]*$(?!\n)"},
            "uniqueItems": True,
            "maxItems": 100,
        },
        "releases": {
            "type": "array",
            "items": object_of(
                {
                    "digest": DIGEST,
                    "labels": {
                        "type": "object",
                        "propertyNames": text(100),
                        "additionalProperties": text(500),
                        "maxProperties": 50,
                    },
                }
            ),
            "maxItems": 1000,
        },
        "keys": {
            "type": "array",
            "items": object_of(
                {
                    "name": text(100),
                    "roles": {"type": "array", "items": {"enum": list(ROLES)}, "minItems": 1, "uniqueItems": True},
                    "file": _PATH,
                }
            ),
            "maxItems": 200,
        },
        "heads": HEADS,
        "base": BASE,
        "omitted": _FILES,
        "files": _FILES,
    }
)
RECEIPT: t.Final[Schema] = object_of(
    {
        "format": {"const": FORMAT},
        "solution": NAME,
        "heads": KNOWN_HEADS,
        "files": {
            "type": "object",
            "propertyNames": HEX_256,
            "additionalProperties": _SIZE,
            "maxProperties": 1_000_000,
        },
        "imported": {"type": "array", "items": DIGEST, "uniqueItems": True, "maxItems": 100_000},
    }
)


def insist(schema: Schema, value: t.Any, what: str) -> dict[str, t.Any]:
    """The value itself, when it is what the schema allows.

    :param what: begins the sentence when it is not.
    :raises CollectionError: naming the first place, and what is allowed there.
    """
    faults = breaches(schema, value)
    if faults:
        path, allowed = min(faults, key=lambda fault: [str(step) for step in fault[0]])
        where = ".".join(str(step) for step in path)[:300] or "its top"
        raise CollectionError(f"{what} is not valid at {where}; allowed: {allowed}.")
    return t.cast("dict[str, t.Any]", value)
