# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds values against the schema that the server would hold them against, before anything is written."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.deployments import Wanted
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party import json_schema_errors

_PLACEHOLDER = "__prefect_kind"


def check_parameters(wanted: Wanted, row: t.Mapping[str, t.Any] | None) -> list[str]:
    """What is wrong with the wanted parameters, also of the schedules: an unknown name, a value of another type.

    The schema is the wanted one, else the one that the server has. Without any, or where the deployment does not
    enforce it, nothing can be said and nothing is refused: then the server does not look either.
    """
    parameters = wanted.fields.get("parameters")
    if parameters is None and row is not None:
        parameters = row.get("parameters")
    schema = wanted.fields.get("parameter_openapi_schema")
    if schema is None and row is not None:
        schema = row.get("parameter_openapi_schema")
    enforced = wanted.fields.get("enforce_parameter_schema", (row or {}).get("enforce_parameter_schema", True))
    if not schema or not enforced:
        return []
    problems = check_against_schema("parameters", parameters, schema)
    for schedule in wanted.schedules or ():
        label = f"parameters of the schedule {schedule.slug}"
        problems += check_against_schema(label, schedule.parameters, schema)
    return problems


def check_against_schema(
    label: str, parameters: t.Mapping[str, t.Any] | None, schema: t.Mapping[str, t.Any] | None
) -> list[str]:
    """A sentence for each parameter that the flow does not have or that has another type.

    None are demanded. A schema without ``properties`` says nothing, and refuses nothing.

    :param label: begins each sentence: whose parameters they are.
    :raises CollectionError: when the schema is none.
    """
    if not parameters or not schema or "properties" not in schema:
        return []
    return unknown_parameters(parameters, schema, label) + _mistyped(label, parameters, schema)


def unknown_parameters(
    parameters: t.Mapping[str, t.Any], schema: t.Mapping[str, t.Any], label: str = "parameters"
) -> list[str]:
    """A sentence for each parameter that the flow does not have, unless the schema lets any name pass."""
    known = sorted(schema.get("properties") or {})
    if schema.get("additionalProperties"):
        return []
    return [
        f"{label} names {name!r}, which the flow does not have; it has {', '.join(known) or 'no parameters'}."
        for name in sorted(parameters)
        if name not in known
    ]


def check_job_variables(wanted: Wanted, pool: t.Mapping[str, t.Any]) -> list[str]:
    """What is wrong with the wanted job variables by the work pool's template; names it does not know may pass."""
    values = wanted.fields.get("job_variables")
    schema = (pool.get("base_job_template") or {}).get("variables")
    if not values or not schema:
        return []
    return _mistyped("job_variables", values, schema)


def _mistyped(field: str, values: t.Mapping[str, t.Any], schema: t.Mapping[str, t.Any]) -> list[str]:
    """A sentence for each value that breaks the schema, without the value: it may be a secret.

    A null stands for "the default" and a template is filled in later, so neither can be judged here.
    """
    plain = {
        name: value
        for name, value in values.items()
        if value is not None and not _has_template(value) and name in (schema.get("properties") or {})
    }
    if not plain:
        return []
    relaxed = _without_required(dict(schema))
    return [
        f"{_where(field, path)} is not valid; allowed: {allowed}."
        for path, allowed in json_schema_errors(relaxed, plain)
    ]


def _where(field: str, path: str) -> str:
    if not path:
        return field
    return f"{path} in the {field}" if " " in field else f"{field}.{path}"


def _has_template(value: t.Any) -> bool:
    if isinstance(value, dict):
        return _PLACEHOLDER in value or any(_has_template(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_template(item) for item in value)
    return isinstance(value, str) and "{{" in value


def _without_required(schema: t.Any) -> t.Any:
    """The schema without any ``required``: a deployment may leave a parameter to the run."""
    if isinstance(schema, dict):
        return {
            key: _without_required(item)
            for key, item in schema.items()
            if not (key == "required" and isinstance(item, list))
        }
    if isinstance(schema, list):
        return [_without_required(item) for item in schema]
    return schema
