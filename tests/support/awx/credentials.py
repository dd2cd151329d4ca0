# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credential types and credentials: which definitions AWX takes, and what it hides of their values."""

from __future__ import annotations

import re
import typing as t

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tests.support.awx.problems import Refused, invalid
from tests.support.awx.surveys import HIDDEN

CUSTOM_KINDS: t.Final = ("cloud", "net")
_NAME: t.Final = re.compile(r"[a-zA-Z_]+[a-zA-Z0-9_]*")
_FILE: t.Final = re.compile(r"template(\.[a-zA-Z_]+[a-zA-Z0-9_]*)?")
_FIELD: t.Final[dict[str, type]] = {
    "id": str,
    "label": str,
    "type": str,
    "format": str,
    "choices": list,
    "help_text": str,
    "multiline": bool,
    "secret": bool,
    "ask_at_runtime": bool,
}
_RESERVED_FIELDS: t.Final = ("tower", "awx")
_RESERVED_ENVIRONMENT: t.Final = {
    *("VIRTUAL_ENV", "PATH", "PYTHONPATH", "JOB_ID", "INVENTORY_ID", "INVENTORY_SOURCE_ID", "INVENTORY_UPDATE_ID"),
    *("AD_HOC_COMMAND_ID", "REST_API_URL", "REST_API_TOKEN", "MAX_EVENT_RES", "CALLBACK_QUEUE", "CALLBACK_CONNECTION"),
    *("CACHE", "JOB_CALLBACK_DEBUG", "INVENTORY_HOSTVARS", "AWX_HOST", "PROJECT_REVISION", "SUPERVISOR_CONFIG_PATH"),
}
_PRIVATE_KEY: t.Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s.+-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)


def check_inputs(inputs: dict[str, t.Any]) -> dict[str, t.Any]:
    """The input definition to keep: AWX writes the type ``string`` into a field that has none.

    :raises Refused: (400) for what is not a definition.
    """
    _only(inputs, {"fields", "required"}, "inputs")
    required = inputs.get("required", [])
    if not isinstance(required, list) or not all(isinstance(each, str) for each in required):
        raise invalid("inputs", "Schema validation error in relative path required: not a list of strings")
    fields = inputs.get("fields", [])
    if not isinstance(fields, list):
        raise invalid("inputs", f"Schema validation error in relative path fields ({fields!r} is not of type 'array')")
    kept, seen = [], set()
    for field in fields:
        kept.append(_field(field))
        if field["id"] in seen:
            raise invalid("inputs", f"Field IDs must be unique ({field['id']})")
        seen.add(field["id"])
    for each in required:
        if each not in seen:
            raise invalid("inputs", f"required names '{each}', which is not a field")
    return {**inputs, **({"fields": kept} if "fields" in inputs else {})}


def _field(field: t.Any) -> dict[str, t.Any]:
    if not isinstance(field, dict):
        raise invalid("inputs", f"{field!r} is not of type 'object'")
    _only(field, {*_FIELD, "default"}, "inputs")
    for key in ("id", "label"):
        if key not in field:
            raise invalid("inputs", f"'{key}' is a required property")
    for key, value in field.items():
        if key != "default" and not isinstance(value, _FIELD[key]):
            raise invalid("inputs", f"{value!r} in {key} is not of type {_FIELD[key].__name__!r}")
    kept = {**field, "type": field.get("type", "string")}
    name, kind = kept["id"], kept["type"]
    if not _NAME.fullmatch(name):
        raise invalid("inputs", f"{name!r} does not match '^[a-zA-Z_]+[a-zA-Z0-9_]*$'")
    if name in _RESERVED_FIELDS:
        raise invalid("inputs", f"{name} is a reserved field name")
    if kind not in ("string", "boolean"):
        raise invalid("inputs", f"{kind!r} is not one of ['string', 'boolean']")
    if kept.get("format", "url") not in ("ssh_private_key", "url"):
        raise invalid("inputs", f"{kept['format']!r} is not one of ['ssh_private_key', 'url']")
    if kept.get("ask_at_runtime"):
        raise invalid("inputs", "'ask_at_runtime' is not supported for custom credentials.")
    if kind != "string":
        for key in ("choices", "multiline", "format", "secret"):
            if key in kept:
                raise invalid("inputs", f"{key} not allowed for {kind} type ({name})")
    if "default" in kept and not isinstance(kept["default"], bool if kind == "boolean" else str):
        raise invalid("inputs", f"{kept['default']!r} is not a {kind}")
    return kept


def check_injectors(injectors: dict[str, t.Any], inputs: dict[str, t.Any]) -> None:
    """Refuse injectors that could not be rendered, or that AWX protects itself from.

    :raises Refused: (400) with one sentence.
    """
    _only(injectors, {"file", "env", "extra_vars"}, "injectors")
    for section, templates in injectors.items():
        if not isinstance(templates, dict):
            raise invalid("injectors", f"{templates!r} is not of type 'object'")
        pattern = _FILE if section == "file" else _NAME
        for key, template in templates.items():
            if not pattern.fullmatch(key):
                raise invalid("injectors", f"'{key}' does not match any of the regexes: '^{pattern.pattern}$'")
            if section == "env":
                _check_environment(key)
            if not isinstance(template, str):
                raise invalid("injectors", f"{template!r} is not of type 'string'")
    names = {field["id"]: "EXAMPLE" for field in inputs.get("fields", [])}
    namespace = {**names, "tower": _tower(list(injectors.get("file", {})))}
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    for section, templates in injectors.items():
        for key, template in templates.items():
            try:
                environment.from_string(template).render(namespace)
            except UndefinedError as problem:
                raise invalid("injectors", f"{key} uses an undefined field ({problem})") from None
            except TemplateSyntaxError as problem:
                found = f"Syntax error rendering template for {key} inside of {section} ({problem})"
                raise invalid("injectors", found) from None
            except TemplateError as problem:
                raise invalid("injectors", f"Encountered unsafe code execution: {problem}") from None


def _check_environment(key: str) -> None:
    if key.startswith("ANSIBLE_"):
        raise invalid(
            "injectors",
            f"Environment variable {key} may affect Ansible configuration so its use is not allowed in credentials.",
        )
    if key in _RESERVED_ENVIRONMENT:
        raise invalid("injectors", f"Environment variable {key} is not allowed to be used in credentials.")


class _Unreadable:
    """What must not be written out, though its attributes may be."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence

    def __str__(self) -> str:
        raise UndefinedError(self._sentence)


def _tower(files: list[str]) -> _Unreadable:
    filename: t.Any = _Unreadable("Must define unnamed file injector in order to reference `tower.filename`.")
    if "template" in files:
        if len(files) > 1:
            raise invalid("injectors", "Must use multi-file syntax when injecting multiple files")
        filename = "EXAMPLE_FILENAME"
    for file in files:
        if file != "template":
            setattr(filename, file.split(".")[1], "EXAMPLE_FILENAME")
    tower = _Unreadable("Cannot directly reference reserved `tower` namespace container.")
    tower.filename = filename  # type: ignore[attr-defined]
    return tower


def check_values(values: dict[str, t.Any], inputs: dict[str, t.Any], before: dict[str, t.Any]) -> dict[str, t.Any]:
    """The values of a credential to keep; ``$encrypted$`` stands for what is kept already.

    :raises Refused: (400) for values its type has no field for, or of another type.
    """
    fields = {field["id"]: field for field in inputs.get("fields", [])}
    wrong = [key for key in values if key not in fields]
    if wrong:
        raise invalid("inputs", f"Additional properties are not allowed ('{wrong[0]}' was unexpected)")
    kept = {}
    for key, value in values.items():
        field = fields[key]
        if value == HIDDEN:
            if key not in before:
                raise Refused(400, {"inputs": {key: ["cannot be set to the reserved keyword $encrypted$"]}})
            value = before[key]
        if not isinstance(value, bool if field["type"] == "boolean" else str):
            raise Refused(400, {"inputs": {key: [f"{value!r} is not of type '{field['type']}'"]}})
        if value and "choices" in field and value not in field["choices"]:
            raise Refused(400, {"inputs": {key: [f"'{value}' is not one of {field['choices']}"]}})
        if value and field.get("format") == "ssh_private_key" and not _PRIVATE_KEY.search(str(value)):
            raise Refused(400, {"inputs": {key: ["Invalid certificate or key: it has no PEM block of a private key"]}})
        kept[key] = value
    return kept


def shown_values(values: dict[str, t.Any], inputs: dict[str, t.Any]) -> dict[str, t.Any]:
    """The values as the API shows them."""
    secret = {field["id"] for field in inputs.get("fields", []) if field.get("secret")}
    return {key: HIDDEN if key in secret and value != "" else value for key, value in values.items()}


def _only(found: dict[str, t.Any], allowed: set[str], where: str) -> None:
    unexpected = sorted(set(found) - allowed)
    if unexpected:
        raise invalid(where, f"Additional properties are not allowed ('{unexpected[0]}' was unexpected)")
