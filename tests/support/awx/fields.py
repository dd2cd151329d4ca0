# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of an object of AWX: what may be written into them, and what is refused, in the words of its API."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import yaml

from tests.support.awx.problems import Refused

Exists = t.Callable[[str, int], bool]
"""Whether a collection has an object of that id."""


@dataclasses.dataclass(frozen=True)
class Field:
    """One writable field.

    :param kind: ``text``, ``boolean``, ``integer``, ``choice``, ``link``, ``object`` (a JSON object) or ``variables``
        (the text of one, in YAML or JSON).
    :param default: its value when a creation does not give it.
    :param required: whether a creation has to give it.
    :param null: whether it may be empty; a ``text`` or ``choice`` without it turns null into ``""``, as AWX does.
    :param blank: whether a text may be ``""``.
    :param longest: characters a text may have.
    :param low: smallest integer; ``high`` is the largest.
    :param choices: what a ``choice`` may be.
    :param target: collection that a ``link`` points into.
    :param gone: what becomes of this object when the linked one is deleted: ``null`` or ``cascade``.
    """

    kind: str
    default: t.Any = None
    required: bool = False
    null: bool = False
    blank: bool = True
    longest: int | None = None
    low: int | None = None
    high: int | None = None
    choices: tuple[t.Any, ...] = ()
    target: str = ""
    gone: str = "null"


def text(longest: int | None = 1024, default: str | None = "", **more: t.Any) -> Field:
    return Field("text", default=default, longest=longest, null=default is None, **more)


def name(longest: int = 512) -> Field:
    return Field("text", required=True, blank=False, longest=longest)


def flag(default: bool | None = False) -> Field:
    return Field("boolean", default=default, null=default is None)


def number(default: int | None = 0, low: int = 0, high: int = 2147483647) -> Field:
    return Field("integer", default=default, null=default is None, low=low, high=high)


def choice(*choices: t.Any, default: t.Any = "", required: bool = False) -> Field:
    return Field("choice", default=default, required=required, null=default is None and not required, choices=choices)


def link(target: str, required: bool = False, gone: str = "null") -> Field:
    return Field("link", target=target, required=required, null=not required, gone=gone)


def mapping(**more: t.Any) -> Field:
    return Field("object", default={}, **more)


def variables() -> Field:
    return Field("variables", default="")


def cleaned(
    fields: t.Mapping[str, Field], body: t.Mapping[str, t.Any], exists: Exists, partial: bool
) -> dict[str, t.Any]:
    """The values to keep.

    :param partial: a change, which gives only some of the fields.
    :raises Refused: (400) with every wrong field.
    """
    wrong: dict[str, list[str]] = {}
    kept: dict[str, t.Any] = {}
    for key, field in fields.items():
        if key not in body:
            if field.required and not partial:
                wrong[key] = ["This field is required."]
            elif not partial:
                kept[key] = field.default.copy() if isinstance(field.default, dict) else field.default
            continue
        try:
            kept[key] = _value(field, body[key], exists)
        except ValueError as problem:
            wrong[key] = [str(problem)]
    if wrong:
        raise Refused(400, wrong)
    return kept


def _value(field: Field, value: t.Any, exists: Exists) -> t.Any:
    if field.kind == "link" and value == "":
        value = None
    if value is None:
        if field.null:
            return None
        if field.kind in ("text", "choice", "variables") and not field.required:
            return ""
        raise ValueError("This field may not be null.")
    return _KINDS[field.kind](field, value, exists)


def _text(field: Field, value: t.Any, _exists: Exists) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("Not a valid string.")
    found = str(value).strip()
    if not found and not field.blank:
        raise ValueError("This field may not be blank.")
    if field.longest is not None and len(found) > field.longest:
        raise ValueError(f"Ensure this field has no more than {field.longest} characters.")
    return found


def _boolean(_field: Field, value: t.Any, _exists: Exists) -> bool:
    words = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
    if isinstance(value, bool):
        return value
    if str(value).lower() not in words:
        raise ValueError("Must be a valid boolean.")
    return words[str(value).lower()]


def _integer(field: Field, value: t.Any, _exists: Exists) -> int:
    try:
        if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
            raise ValueError
        found = int(value)
    except (TypeError, ValueError):
        raise ValueError("A valid integer is required.") from None
    if field.low is not None and found < field.low:
        raise ValueError(f"Ensure this value is greater than or equal to {field.low}.")
    if field.high is not None and found > field.high:
        raise ValueError(f"Ensure this value is less than or equal to {field.high}.")
    return found


def _choice(field: Field, value: t.Any, _exists: Exists) -> t.Any:
    by_text = {str(allowed): allowed for allowed in field.choices}
    if isinstance(value, (dict, list)) or str(value) not in by_text:
        raise ValueError(f'"{value}" is not a valid choice.')
    return by_text[str(value)]


def _link(field: Field, value: t.Any, exists: Exists) -> int:
    if isinstance(value, (bool, dict, list)) or not str(value).isdecimal():
        raise ValueError(f"Incorrect type. Expected pk value, received {type(value).__name__}.")
    if not exists(field.target, int(value)):
        raise ValueError(f'Invalid pk "{value}" - object does not exist.')
    return int(value)


def _object(_field: Field, value: t.Any, _exists: Exists) -> dict[str, t.Any]:
    if isinstance(value, str):
        return _parsed(value)
    if not isinstance(value, dict):
        raise ValueError(f'Expected a dictionary of items but got type "{type(value).__name__}".')
    return dict(value)


def _variables(_field: Field, value: t.Any, _exists: Exists) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    if not isinstance(value, str):
        raise ValueError(f"Input type `{type(value).__name__}` is not a dictionary")
    _parsed(value)
    return value


def _parsed(value: str) -> dict[str, t.Any]:
    try:
        found = yaml.safe_load(value) or {}
    except yaml.YAMLError as problem:
        raise ValueError(f"Cannot parse as JSON or YAML: {problem}") from None
    if not isinstance(found, dict):
        raise ValueError(f"Input type `{type(found).__name__}` is not a dictionary")
    return found


_KINDS: t.Final[dict[str, t.Callable[[Field, t.Any, Exists], t.Any]]] = {
    "text": _text,
    "boolean": _boolean,
    "integer": _integer,
    "choice": _choice,
    "link": _link,
    "object": _object,
    "variables": _variables,
}
