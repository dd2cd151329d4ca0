# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters against a flow's schema."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.deployments import Wanted
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.parameters import (
    check_against_schema,
    check_parameters,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.schedules import Schedule
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party import json_schema_errors

SCHEMA: dict[str, t.Any] = {"type": "object", "properties": {"day": {"type": "integer"}}, "required": ["day"]}


def wanted(**parameters: t.Any) -> Wanted:
    schedule = Schedule("nightly", "cron", "0 6 * * *", parameters=parameters)
    return Wanted("f", "d", {"parameter_openapi_schema": SCHEMA}, schedules=(schedule,))


def test_the_parameters_of_schedules_are_held_against_the_schema() -> None:
    assert check_parameters(wanted(day=1), None) == []
    assert check_parameters(wanted(knight=1, day="one"), None) == [
        "parameters of the schedule nightly names 'knight', which the flow does not have; it has day.",
        "day in the parameters of the schedule nightly is not valid; allowed: type integer.",
    ]


def test_any_parameters_can_be_held_against_a_schema() -> None:
    assert check_against_schema("rehearsal.parameters", {"day": "one"}, SCHEMA) == [
        "rehearsal.parameters.day is not valid; allowed: type integer."
    ]
    assert check_against_schema("rehearsal.parameters", {}, SCHEMA) == []
    assert check_against_schema("rehearsal.parameters", {"day": "one"}, None) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "nonsense"},
        {"$ref": "#/definitions/Nope"},
        {"$ref": "other.json"},
        {"$ref": "#/properties/day"},
        {"pattern": "("},
        {"$id": "urn:x", "$ref": "#/$defs/Nope"},
    ],
)
def test_a_schema_that_is_none_is_refused_in_one_sentence(broken: dict[str, t.Any]) -> None:
    schema = {"properties": {"day": broken}}
    with pytest.raises(CollectionError, match=r"^The JSON Schema to check values against is none, at .*\.$"):
        json_schema_errors(schema, {"day": "x"})


def test_references_that_are_data_are_left_alone() -> None:
    assert json_schema_errors({"default": {"$ref": "x"}, "properties": {"$ref": {"type": "string"}}}, {}) == []
