# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for AWX: surveys and recurrence rules, in the words in which AWX refuses them."""

from __future__ import annotations

import typing as t

import pytest

from tests.support.awx import schedules, surveys
from tests.support.awx.problems import Refused
from tests.support.awx_api_lab import AwxLab

pytest_plugins = ["tests.support.awx_api_fixtures"]

TEXT = {"type": "text", "question_name": "Release", "variable": "release", "required": True}
CHOICE = {**TEXT, "type": "multiplechoice", "choices": ["stop", "fail"], "default": "stop"}


def spec(*questions: t.Any) -> dict[str, t.Any]:
    return {"name": "", "description": "", "spec": list(questions)}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": "", "spec": [TEXT]}, "Field 'description' is missing from survey spec."),
        ({"name": 1, "description": "", "spec": [TEXT]}, "Expected string for field 'name', received int type."),
        (spec(), "'spec' doesn't contain any items."),
        (spec("x"), "Survey question 0 is not a json object."),
        (spec({**TEXT, "required": "yes"}), "'required' in survey question 0 expected to be boolean."),
        (spec({"type": "text", "variable": "a", "required": True}), "'question_name' missing from survey question 0."),
        (spec(TEXT, TEXT), "'variable' 'release' duplicated in survey question 1."),
        (spec({**TEXT, "type": "number"}), "'number' in survey question 0 is not one of"),
        (
            spec({**TEXT, "type": "integer", "default": "5"}),
            "Default value 5 in survey question 0 expected to be integer.",
        ),
        (spec({**TEXT, "type": "integer", "default": True}), "Default value True in survey question 0"),
        (spec({**TEXT, "max": "9"}), "The max limit in survey question 0 expected to be integer."),
        (spec({**TEXT, "type": "multiselect"}), "Survey question 0 of type multiselect must specify choices."),
        (spec({**CHOICE, "default": "stop\nfail"}), "Multiple Choice (Single Select) can only have one default value."),
        (spec({**CHOICE, "default": "sto"}), "Default choice must be answered from the choices listed."),
        (spec({**TEXT, "default": "$encrypted$"}), "$encrypted$ is a reserved keyword for password question defaults"),
        (
            spec({**TEXT, "type": "password", "default": "$encrypted$"}),
            "may not be used for new default in position 0.",
        ),
        (spec({**TEXT, "varible": "x"}), "Survey question 0 has no field named 'varible'."),
    ],
)
def test_a_survey_that_awx_refuses(wrong: dict[str, t.Any], sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        surveys.accepted(wrong, {})
    assert refused.value.status == 400
    assert sentence in refused.value.body["error"]


def test_a_survey_is_kept_as_it_was_sent(awx: AwxLab) -> None:
    template = awx.template()
    path = f"job_templates/{template}/survey_spec/"
    assert awx.api.call("GET", path) == {}
    sent = spec(TEXT, {**CHOICE, "variable": "awaiting", "min": None, "max": 1024})
    awx.api.call("POST", path, sent)
    assert awx.api.call("GET", path) == sent
    awx.api.call("DELETE", path)
    assert awx.api.call("GET", path) == {}


def test_a_secret_default_is_kept_and_not_shown(awx: AwxLab) -> None:
    path = f"job_templates/{awx.template()}/survey_spec/"
    awx.api.call("POST", path, spec({**TEXT, "type": "password", "default": "sesame"}))
    shown = awx.api.call("GET", path)
    assert shown["spec"][0]["default"] == "$encrypted$"
    awx.api.call("POST", path, shown)
    assert "sesame" not in str(awx.api.call("GET", path))
    assert "sesame" in str(awx.api.snapshot()["job_templates"])


@pytest.mark.parametrize(
    ("question", "answer", "problem"),
    [
        (TEXT, {}, "'release' value missing"),
        (TEXT, {"release": 5}, "expected to be a string"),
        ({**TEXT, "min": 3}, {"release": "ab"}, "is too small"),
        ({**TEXT, "max": 3}, {"release": "abcd"}, "is too large"),
        ({**TEXT, "type": "integer"}, {"release": "5"}, "numeric type"),
        ({**TEXT, "type": "integer", "min": 3}, {"release": 1}, "is too small"),
        ({**TEXT, "type": "float", "max": 3}, {"release": 3.5}, "is too large"),
        (CHOICE, {"release": "maybe"}, "expected to be one of"),
        ({**CHOICE, "type": "multiselect"}, {"release": "stop"}, "expected to be a list"),
        ({**CHOICE, "type": "multiselect", "choices": "a\nb"}, {"release": ["c"]}, "expected to be one of"),
    ],
)
def test_answers_that_do_not_fit(question: dict[str, t.Any], answer: dict[str, t.Any], problem: str) -> None:
    (found,) = surveys.wrong_answers(spec(question), answer)
    assert problem in found


def test_answers_that_fit() -> None:
    questions = [TEXT, {**CHOICE, "variable": "awaiting"}, {**TEXT, "type": "float", "variable": "share", "max": 1}]
    assert surveys.wrong_answers(spec(*questions), {"release": "", "share": 0.5}) == []


START = "DTSTART;TZID=Europe/Berlin:20260101T020000"


@pytest.mark.parametrize(
    "rule",
    [
        f"{START} RRULE:FREQ=DAILY;INTERVAL=1",
        "DTSTART:20260101T020000Z RRULE:FREQ=HOURLY;INTERVAL=6;COUNT=999",
        f"{START} RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TU EXRULE:FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=1",
        "DTSTART:20260101T020000Z RRULE:FREQ=DAILY;INTERVAL=1;UNTIL=20270101T020000Z",
    ],
)
def test_a_rule_that_awx_takes(rule: str) -> None:
    schedules.check(rule)


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("RRULE:FREQ=DAILY;INTERVAL=1", "Valid DTSTART required in rrule."),
        ("DTSTART:20260101T020000 RRULE:FREQ=DAILY;INTERVAL=1", "DTSTART cannot be a naive datetime."),
        (f"{START} {START} RRULE:FREQ=DAILY;INTERVAL=1", "Multiple DTSTART is not supported."),
        (START, "One or more rule required in rrule."),
        (f"{START} RRULE:FREQ=DAILY", "INTERVAL required in rrule"),
        (f"{START} RRULE:FREQ=SECONDLY;INTERVAL=1", "SECONDLY is not supported"),
        (f"{START} RRULE:FREQ=MONTHLY;INTERVAL=1;BYDAY=1MO", "BYDAY with numeric prefix not supported"),
        (f"{START} RRULE:FREQ=DAILY;INTERVAL=1;COUNT=1000", "COUNT > 999 is unsupported"),
        (f"{START} RRULE:FREQ=DAILY;INTERVAL=1;COUNT=5;UNTIL=20270101T020000Z", "may not contain both COUNT and UNTIL"),
        (f"{START} RRULE:FREQ=DAILY;INTERVAL=1 EXDATE:20260102T020000", "EXDATE not allowed in rrule."),
        ("DTSTART;TZID=Europe/Nowhere:20260101T020000 RRULE:FREQ=DAILY;INTERVAL=1", "A valid TZID must be provided"),
        (f"{START} RRULE:FREQ=REGULARLY;INTERVAL=1", "rrule parsing failed validation"),
    ],
)
def test_a_rule_that_awx_refuses(rule: str, sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        schedules.check(rule)
    assert refused.value.status == 400
    assert any(sentence in found for found in refused.value.body["rrule"])
