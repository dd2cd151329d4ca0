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
import typing as t

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


def json_schema_errors(schema: dict[str, t.Any], value: t.Any) -> list[tuple[str, str]]:
    """Where a JSON value breaks a schema (draft 2020-12), as pairs of a dotted path and what is allowed there.

    The value itself is not quoted. Imported when needed: most tasks validate nothing, and this import costs as much as
    all the others together.
    """
    from jsonschema import Draft202012Validator

    return [
        (".".join(str(part) for part in error.absolute_path), f"{error.validator} {error.validator_value}"[:200])
        for error in Draft202012Validator(schema).iter_errors(value)
    ]


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


__all__ = ["jmespath", "json_schema_errors", "missing", "urllib3"]
