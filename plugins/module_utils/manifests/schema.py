# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON Schema of manifests, made from the model, for editors and for other tools.

It says as much as a schema can: types, ranges, patterns, and which fields need or exclude each other. What only the
loader can tell, such as whether a cron expression ever fires, it lets pass. A manifest that loads always fits it.
"""

from __future__ import annotations

import copy
import json
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.model import FileManifest
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.schedule import KINDS, UNITS

_Schema = dict[str, t.Any]

_NULL: _Schema = {"type": "null"}
_PATCH = "Patch"
_NULL_IS_EMPTY = ("parameters", "job_variables")

_GIVEN: _Schema = {"not": _NULL}


def manifest_schema() -> _Schema:
    """The schema, draft 2020-12: a whole manifest, or with ``extends`` a patch, in which every value may be null."""
    manifest = FileManifest.model_json_schema()
    sections: dict[str, _Schema] = manifest.pop("$defs")
    for schema in (manifest, *sections.values()):
        _tidy(schema)
    manifest["required"] = ["name", "flow"]
    manifest["allOf"] = _manifest_rules()
    for name in ("SingleSchedule", "NamedSchedule"):
        _describe_schedule(sections[name])
    sections["Expectation"]["anyOf"] = [_given(bound) for bound in ("min", "max", "equals")]
    _refuse(manifest["properties"]["global_concurrency_limit"], "^(deployment|tag):")
    manifest["properties"]["labels"]["propertyNames"] = {"minLength": 1, "not": {"pattern": "^prefect\\."}}

    definitions = {"Manifest": manifest, **sections}
    patches = {f"{_PATCH}{name}": _patch(schema, top=True) for name, schema in definitions.items()}
    patches[f"{_PATCH}Manifest"]["properties"]["extends"] = copy.deepcopy(manifest["properties"]["extends"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Prefect deployment manifest",
        "description": "The desired state of one Prefect deployment, for the Ansible collection hotpass.prefect.",
        "type": "object",
        "if": _given("extends"),
        "then": {"$ref": f"#/$defs/{_PATCH}Manifest"},
        "else": {"$ref": "#/$defs/Manifest"},
        "$defs": _used({**definitions, **patches}),
    }


def schema_text() -> str:
    """The schema as it is written to ``prefect/manifest.schema.json``."""
    return json.dumps(manifest_schema(), indent=2) + "\n"


def _tidy(schema: _Schema) -> None:
    """Drop titles that repeat a name and defaults of null, and let null stand for an empty mapping where it may."""
    for name, value in schema.get("properties", {}).items():
        value.pop("title", None)
        if value.get("default", 0) is None:
            del value["default"]
        if name in _NULL_IS_EMPTY and value.get("type") == "object":
            value["type"] = ["object", "null"]
    schema.pop("title", None)


def _given(name: str) -> _Schema:
    return {"required": [name], "properties": {name: _GIVEN}}


def _manifest_rules() -> list[_Schema]:
    own, shared = _given("concurrency_limit"), _given("global_concurrency_limit")
    return [
        {"if": _given("work_queue"), "then": _given("work_pool")},
        {"if": _given("concurrency_options"), "then": {"anyOf": [own, shared]}},
        {"not": {"allOf": [own, shared]}},
        {"not": {"allOf": [_given("schedule"), _given("schedules")]}},
    ]


def _refuse(schema: _Schema, pattern: str) -> None:
    for branch in schema["anyOf"]:
        if branch.get("type") == "string":
            branch["not"] = {"pattern": pattern}


def _any_case(word: str) -> str:
    return "^" + "".join(f"[{letter.upper()}{letter}]" for letter in word) + "$"


def _describe_schedule(schema: _Schema) -> None:
    number = {"type": "number", "exclusiveMinimum": 0}
    units = {
        "type": "object",
        "properties": {unit: {"type": "number", "minimum": 0} for unit in UNITS},
        "additionalProperties": False,
        "minProperties": 1,
    }
    interval = {"required": ["kind"], "properties": {"kind": {"type": "string", "pattern": _any_case("interval")}}}
    cron = {"properties": {"kind": {"type": "string", "pattern": _any_case("cron")}}}
    properties = schema["properties"]
    properties["kind"] = {
        "description": properties["kind"]["description"],
        "default": "cron",
        "anyOf": [{"enum": list(KINDS)}, *({"type": "string", "pattern": _any_case(kind)} for kind in KINDS)],
    }
    properties["value"]["anyOf"] = [{"type": "string", "minLength": 1}, number, units]
    schema["allOf"] = [
        {
            "if": interval,
            "then": {"properties": {"value": {"type": ["number", "object"]}}},
            "else": {"properties": {"value": {"type": "string"}, "anchor_date": _NULL}},
        }
    ]
    if "day_or" in properties:
        schema["allOf"].append({"if": {"not": cron}, "then": {"properties": {"day_or": False}}})


def _patch(schema: _Schema, top: bool = False) -> _Schema:
    """The schema of a patch to such a value: mappings may be partial, and null removes a key.

    Lists are replaced as a whole, so what stands in them stays complete.
    """
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return _or_null({**rest, "$ref": f"#/$defs/{_PATCH}{name}"})
    patch = copy.deepcopy(schema)
    if "properties" in schema or isinstance(schema.get("additionalProperties"), dict):
        for key in ("required", "minProperties", "allOf", "anyOf"):
            patch.pop(key, None)
        for name, value in schema.get("properties", {}).items():
            patch["properties"][name] = _patch(value)
        if isinstance(schema.get("additionalProperties"), dict):
            patch["additionalProperties"] = _patch(schema["additionalProperties"])
    elif "anyOf" in schema:
        patch["anyOf"] = [_patch(branch) for branch in schema["anyOf"] if branch != _NULL]
    return patch if top else _or_null(patch)


def _or_null(schema: _Schema) -> _Schema:
    if schema.get("type") == "null" or "null" in schema.get("type", ()):
        return schema
    outside: _Schema = {key: schema.pop(key) for key in ("description", "default") if key in schema}
    branches = schema["anyOf"] if set(schema) == {"anyOf"} else [schema]
    return {**outside, "anyOf": [*(branch for branch in branches if branch != _NULL), _NULL]}


def _used(definitions: dict[str, _Schema]) -> dict[str, _Schema]:
    """The definitions that are reached from the two at the top."""
    waiting, used = ["Manifest", f"{_PATCH}Manifest"], set()
    while waiting:
        name = waiting.pop()
        if name not in used:
            used.add(name)
            waiting += [other for other in definitions if f'"#/$defs/{other}"' in json.dumps(definitions[name])]
    return {name: schema for name, schema in definitions.items() if name in used}
