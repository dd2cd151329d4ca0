# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The place where libraries outside Python's own are imported; ``third_party_manifests`` has those of the manifests.

A target may lack them, and ``ansible-test sanity`` imports every file without them, so each import is guarded and a
missing name gets a stand-in that lets class bodies be read. Nothing of the stand-ins ever runs: both doors call
:func:`missing` before they enter a room.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

try:
    import urllib3
except ImportError:
    if not t.TYPE_CHECKING:
        urllib3 = None

try:
    import jmespath
except ImportError:
    if not t.TYPE_CHECKING:
        jmespath = None

# What is imported under another name than it is installed by.
_MODULES = {"PyYAML": "yaml", "python-dateutil": "dateutil"}
# Imported only when there is something to validate.
_LATE = frozenset({"jsonschema"})
_PLAIN_VALUES = frozenset({"default", "const", "enum", "example", "examples"})


def json_schema_errors(schema: dict[str, t.Any], value: t.Any) -> list[tuple[str, str]]:
    """Where a JSON value breaks a schema (draft 2020-12), as pairs of a dotted path and what is allowed there.

    The value itself is not quoted. Imported when needed: most tasks validate nothing, and this import costs as much as
    all the others together.

    :raises CollectionError: for a schema that is none.
    """
    from jsonschema import Draft202012Validator
    from referencing.exceptions import Unresolvable

    fault = json_schema_fault(schema)
    if fault is None:
        try:
            return [
                (
                    ".".join(str(part) for part in error.absolute_path),
                    f"{error.validator} {error.validator_value}"[:200],
                )
                for error in Draft202012Validator(schema).iter_errors(value)
            ]
        except (Unresolvable, RecursionError):
            fault = (), "references that lead somewhere, and not in a circle"
        except re.error:
            fault = (), "patterns that are regular expressions"
    path, allowed = fault
    where = ".".join(str(step) for step in path) or "its top"
    raise CollectionError(f"The JSON Schema to check values against is none, at {where}; allowed: {allowed}.")


def json_schema_fault(schema: dict[str, t.Any]) -> tuple[tuple[str | int, ...], str] | None:
    """Where a JSON Schema (draft 2020-12) is none, and what is allowed there; None for a good one.

    A reference has to lead to a place in the schema itself or to a published meta-schema: nothing is fetched.
    """
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return tuple(error.absolute_path), f"{error.validator} {error.validator_value} as in JSON Schema"[:200]
    references = list(_references(schema, ()))
    if not references:
        return None
    base = str(schema.get("$id", ""))
    resolver = REGISTRY.with_resource(base, DRAFT202012.create_resource(schema)).resolver(base)
    for path, reference in references:
        try:
            resolver.lookup(reference)
        except (Unresolvable, ValueError):
            return path, "a $ref to a place in this schema, such as #/definitions/Name"
    return None


def _references(schema: t.Any, path: tuple[str | int, ...]) -> t.Iterator[tuple[tuple[str | int, ...], str]]:
    """Every ``$ref`` with its path; not those in plain values, nor below an ``$id``, which moves what they mean."""
    if isinstance(schema, dict) and not (path and isinstance(schema.get("$id"), str)):
        for key, item in schema.items():
            if key == "$ref" and isinstance(item, str):
                yield (*path, key), item
            elif key not in _PLAIN_VALUES:
                yield from _references(item, (*path, key))
    elif isinstance(schema, list):
        for index, item in enumerate(schema):
            yield from _references(item, (*path, index))


def missing(names: t.Iterable[str]) -> dict[str, str]:
    """Those of the named distributions that cannot be imported, each with the reason."""
    lacking = {}
    for name in names:
        module = _MODULES.get(name, name)
        if name in _LATE:
            if importlib.util.find_spec(module) is None:
                lacking[name] = f"No module named {module!r}"
            continue
        try:
            importlib.import_module(module)
        except ImportError as error:
            lacking[name] = str(error)
    return lacking


__all__ = ["jmespath", "json_schema_errors", "json_schema_fault", "missing", "urllib3"]
