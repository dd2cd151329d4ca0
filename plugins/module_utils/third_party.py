# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where libraries outside Python's own are imported.

A target may lack them, and ``ansible-test sanity`` imports every file without them, so each import is guarded and a
missing name gets a stand-in that lets class bodies be read. Nothing of the stand-ins ever runs: both doors call
:func:`missing` before they enter a room.
"""

from __future__ import annotations

import importlib.util
import typing as t

_MISSING: dict[str, str] = {}

try:
    import urllib3
except ImportError as error:
    _MISSING["urllib3"] = str(error)
    if not t.TYPE_CHECKING:
        urllib3 = None

try:
    import yaml
except ImportError as error:
    _MISSING["PyYAML"] = str(error)
    if not t.TYPE_CHECKING:
        yaml = None

try:
    import jmespath
except ImportError as error:
    _MISSING["jmespath"] = str(error)
    if not t.TYPE_CHECKING:
        jmespath = None

try:
    from croniter import croniter
except ImportError as error:
    _MISSING["croniter"] = str(error)
    if not t.TYPE_CHECKING:
        croniter = None

try:
    from dateutil import rrule as dateutil_rrule
except ImportError as error:
    _MISSING["python-dateutil"] = str(error)
    if not t.TYPE_CHECKING:
        dateutil_rrule = None

if importlib.util.find_spec("jsonschema") is None:
    _MISSING["jsonschema"] = "No module named 'jsonschema'"

try:
    from pydantic import (
        BaseModel,
        ConfigDict,
        Field,
        StrictBool,
        StrictFloat,
        StrictInt,
        StrictStr,
        TypeAdapter,
        ValidationError,
        field_validator,
        model_validator,
    )
    from pydantic_core import PydanticCustomError
except ImportError as error:
    _MISSING["pydantic"] = str(error)

    if not t.TYPE_CHECKING:

        def _inert(*_args: object, **_kwargs: object) -> None:
            return None

        def _keep(*_args: object, **_kwargs: object) -> t.Callable[[t.Any], t.Any]:
            return lambda function: function

        BaseModel = object
        ConfigDict = Field = TypeAdapter = _inert
        StrictBool, StrictFloat, StrictInt, StrictStr = bool, float, int, str
        ValidationError = PydanticCustomError = ValueError
        field_validator = model_validator = _keep


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
    """Those of the named distributions that could not be imported, each with the reason."""
    return {name: _MISSING[name] for name in names if name in _MISSING}


__all__ = [
    "BaseModel",
    "ConfigDict",
    "Field",
    "PydanticCustomError",
    "StrictBool",
    "StrictFloat",
    "StrictInt",
    "StrictStr",
    "TypeAdapter",
    "ValidationError",
    "croniter",
    "dateutil_rrule",
    "field_validator",
    "jmespath",
    "json_schema_errors",
    "missing",
    "model_validator",
    "urllib3",
    "yaml",
]
