# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Surveys: which specifications AWX takes, what it shows of them, and which answers fit."""

from __future__ import annotations

import copy
import typing as t

from tests.support.awx.problems import Refused

HIDDEN: t.Final = "$encrypted$"
_QUESTION: t.Final = {
    *("type", "question_name", "question_description", "variable", "required", "default", "choices", "min", "max"),
    *("new_question", "formattedChoices"),
}
_TYPES: t.Final[dict[str, type | tuple[type, ...]]] = {
    "text": str,
    "textarea": str,
    "password": str,
    "multiplechoice": str,
    "multiselect": str,
    "integer": int,
    "float": (int, float),
}
_TYPE_WORDS: t.Final = {str: "string", bool: "boolean", list: "list of items"}


def accepted(spec: t.Any, before: dict[str, t.Any]) -> dict[str, t.Any]:
    """The specification to keep.

    :param before: the one kept so far, whose secret defaults ``$encrypted$`` stands for.
    :raises Refused: (400) with one sentence in ``error``, as AWX does.
    """
    if not isinstance(spec, dict):
        raise _refused("Survey is not a json object.")
    for key, expected in (("name", str), ("description", str), ("spec", list)):
        if key not in spec:
            raise _refused(f"Field '{key}' is missing from survey spec.")
        if not isinstance(spec[key], expected):
            found = type(spec[key]).__name__
            raise _refused(f"Expected {_TYPE_WORDS[expected]} for field '{key}', received {found} type.")
    if not spec["spec"]:
        raise _refused("'spec' doesn't contain any items.")
    unknown = set(spec) - {"name", "description", "spec"}
    if unknown:
        raise _refused(f"Survey has no field named '{min(unknown)}'.")
    kept = copy.deepcopy(spec)
    earlier = {question["variable"]: question for question in before.get("spec", [])}
    seen: set[str] = set()
    for index, question in enumerate(kept["spec"]):
        _check_general(index, question)
        if question["variable"] in seen:
            raise _refused(f"'variable' '{question['variable']}' duplicated in survey question {index}.")
        seen.add(question["variable"])
        _check_type(index, question)
        _check_secret(index, question, earlier.get(question["variable"], {}))
    return kept


def shown(spec: dict[str, t.Any]) -> dict[str, t.Any]:
    """The specification as the API shows it: without the defaults that are secret."""
    kept = copy.deepcopy(spec)
    for question in kept.get("spec", []):
        if question["type"] == "password" and question.get("default"):
            question["default"] = HIDDEN
    return kept


def wrong_answers(spec: dict[str, t.Any], answers: t.Mapping[str, t.Any]) -> list[str]:
    """What does not fit, a sentence each; a question without an answer has its default."""
    problems: list[str] = []
    for question in spec.get("spec", []):
        variable = question["variable"]
        if variable not in answers:
            if question["required"] and question.get("default", "") in ("", None, []):
                problems.append(f"'{variable}' value missing")
            continue
        problems += _wrong(question, answers[variable])
    return problems


def _refused(sentence: str) -> Refused:
    return Refused(400, {"error": sentence})


def _check_general(index: int, question: t.Any) -> None:
    if not isinstance(question, dict):
        raise _refused(f"Survey question {index} is not a json object.")
    for key in ("type", "question_name", "variable", "required"):
        if key not in question:
            raise _refused(f"'{key}' missing from survey question {index}.")
        expected = bool if key == "required" else str
        if not isinstance(question[key], expected):
            raise _refused(f"'{key}' in survey question {index} expected to be {_TYPE_WORDS[expected]}.")
    unknown = set(question) - _QUESTION
    if unknown:
        raise _refused(f"Survey question {index} has no field named '{min(unknown)}'.")


def _check_type(index: int, question: dict[str, t.Any]) -> None:
    kind, default = question["type"], question.get("default", "")
    if kind not in _TYPES:
        allowed = ", ".join(_TYPES)
        raise _refused(f"'{kind}' in survey question {index} is not one of '{allowed}' allowed question types.")
    if default != "" and (not isinstance(default, _TYPES[kind]) or isinstance(default, bool)):
        word = kind if kind in ("integer", "float") else "string"
        raise _refused(f"Default value {default} in survey question {index} expected to be {word}.")
    for limit in ("min", "max"):
        if question.get(limit) is not None and not isinstance(question[limit], int):
            raise _refused(f"The {limit} limit in survey question {index} expected to be integer.")
    if kind in ("multiplechoice", "multiselect"):
        _check_choices(index, question)


def _check_choices(index: int, question: dict[str, t.Any]) -> None:
    if "choices" not in question:
        raise _refused(f"Survey question {index} of type {question['type']} must specify choices.")
    if isinstance(question["choices"], str):
        question["choices"] = "\n".join(line for line in question["choices"].splitlines() if line.strip())
    if "default" in question:
        chosen = [line for line in question["default"].splitlines() if line.strip()]
        question["default"] = "\n".join(chosen)
        if question["type"] == "multiplechoice" and len(chosen) > 1:
            raise _refused("Multiple Choice (Single Select) can only have one default value.")
        if any(line not in _choices(question) for line in chosen):
            raise _refused("Default choice must be answered from the choices listed.")


def _check_secret(index: int, question: dict[str, t.Any], earlier: dict[str, t.Any]) -> None:
    default = question.get("default")
    if not isinstance(default, str) or not default.startswith(HIDDEN):
        return
    if question["type"] != "password":
        raise _refused(
            "$encrypted$ is a reserved keyword for password question defaults, survey question "
            f"{index} is type {question['type']}."
        )
    if not earlier.get("default"):
        raise _refused(f"$encrypted$ is a reserved keyword, may not be used for new default in position {index}.")
    question["default"] = earlier["default"]


def _choices(question: dict[str, t.Any]) -> list[str]:
    choices = question["choices"]
    return choices.splitlines() if isinstance(choices, str) else list(choices)


def _wrong(question: dict[str, t.Any], value: t.Any) -> list[str]:
    variable, kind = question["variable"], question["type"]
    low, high = question.get("min"), question.get("max")
    if kind in ("text", "textarea", "password"):
        if not isinstance(value, str):
            return [f"Value {value} for '{variable}' expected to be a string."]
        if low not in ("", None) and question["required"] and len(value) < low:
            return [f"'{variable}' value {value} is too small (length is {len(value)} must be at least {low})."]
        if high not in ("", None) and len(value) > high:
            return [f"'{variable}' value {value} is too large (must be no more than {high})."]
    elif kind in ("integer", "float"):
        if not isinstance(value, _TYPES[kind]) or isinstance(value, bool):
            return [f"Value {value} for '{variable}' expected to be a numeric type."]
        if low not in ("", None) and value < low:
            return [f"'{variable}' value {value} is too small (must be at least {low})."]
        if high not in ("", None) and value > high:
            return [f"'{variable}' value {value} is too large (must be no more than {high})."]
    elif kind == "multiselect":
        if not isinstance(value, list):
            return [f"'{variable}' value is expected to be a list."]
        choices = _choices(question)
        return [
            f"Value {each} for '{variable}' expected to be one of {choices}." for each in value if each not in choices
        ]
    elif value not in _choices(question) and (value or question["required"]):
        return [f"Value {value} for '{variable}' expected to be one of {_choices(question)}."]
    return []
