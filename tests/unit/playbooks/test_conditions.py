# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every condition of the roles and playbooks is a boolean: Ansible 2.19 and later fail at any other value.

A name counts as boolean where every value that a task gives it is. One that a role's defaults or an inventory gives
does not, because ``-e name=true`` makes a string of it: such a condition says ``| bool``. What modules answer is known
by the last part of its name. Templates inside of a value are not looked at: there anything may be asked for its truth.
"""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import jinja2
import pytest
import yaml
from jinja2 import nodes

from tests.conftest import ROOT

_CONDITIONS = ("when", "failed_when", "changed_when", "until")
_PARTS = ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers")
_GIVEN = {"ansible_check_mode", "ansible_diff_mode"}
_ANSWERED = {"already_active", "degraded", "healthy", "live", "taken", "verified"}
_ALWAYS = (nodes.Compare, nodes.Test, nodes.Not)
_NAME = re.compile(r"^(\w+):", re.MULTILINE)
_PARSE = jinja2.Environment(autoescape=True).parse

Values = dict[str, list[t.Any]]
Condition = tuple[str, t.Any]

_VALUES: Values = {
    "ready": [False, "{{ a == b }}", "{{ ansible_check_mode and later }}"],
    "later": ["{{ 'x' in names }}"],
    "names": [True, "{{ a or b }}"],
    "settled": [True],
    "itself": ["{{ itself }}"],
    "other": ["{{ ready }} "],
}


def _files() -> list[Path]:
    return sorted(
        [*ROOT.glob("roles/*/tasks/**/*.yml"), *ROOT.glob("roles/*/handlers/*.yml"), *ROOT.glob("playbooks/*.yml")]
    )


def _tasks(listed: t.Any) -> t.Iterator[dict[str, t.Any]]:
    """The plays, blocks and tasks, those inside of others too."""
    for one in listed or []:
        yield one
        for part in _PARTS:
            yield from _tasks(one.get(part))


def _conditions(task: dict[str, t.Any]) -> t.Iterator[Condition]:
    """The conditions of a task, each with its keyword."""
    asserted = task.get("ansible.builtin.assert") or {}
    for keyword, given in [*((name, task.get(name)) for name in _CONDITIONS), ("that", asserted.get("that"))]:
        for condition in given if isinstance(given, list) else [given]:
            if condition is not None:
                yield keyword, condition


def _values(tasks: t.Iterable[dict[str, t.Any]]) -> Values:
    """What the tasks give their variables."""
    found: Values = {}
    for task in tasks:
        for given in (task.get("vars"), task.get("ansible.builtin.set_fact")):
            for name, value in (given or {}).items():
                found.setdefault(name, []).append(value)
    return found


def _settings() -> set[str]:
    """The names that a person sets."""
    files = [*ROOT.glob("roles/*/defaults/**/*.yml"), *ROOT.glob("inventories/*/host_vars/*.yml")]
    return {name for file in files for name in _NAME.findall(file.read_text(encoding="utf-8"))}


def _expression(value: t.Any) -> nodes.Expr | None:
    """The expression of a value that is one template and nothing else."""
    [output, *more] = _PARSE(value).body if isinstance(value, str) and value else [None]
    if more or not isinstance(output, nodes.Output) or len(output.nodes) != 1:
        return None
    [only] = output.nodes
    return None if isinstance(only, nodes.TemplateData) else only


class Judge:
    """Says whether a condition can only be true or false.

    :param values: what tasks give each variable.
    :param settings: the variables that a person may set.
    """

    def __init__(self, values: Values, settings: t.Collection[str]) -> None:
        self._values = values
        self._settings = settings

    def boolean(self, condition: t.Any) -> bool:
        """Whether this is, as the condition of a task."""
        if not isinstance(condition, str):
            return isinstance(condition, bool)
        return self._is(_expression("{{ " + condition + " }}"), frozenset())

    def _is(self, node: nodes.Expr | None, above: frozenset[str]) -> bool:
        match node:
            case nodes.Const():
                return isinstance(node.value, bool)
            case nodes.And() | nodes.Or():
                return self._is(node.left, above) and self._is(node.right, above)
            case nodes.CondExpr():
                return self._is(node.expr1, above) and self._is(node.expr2, above)
            case nodes.Filter(name="bool"):
                return True
            case nodes.Filter(name="default" | "d"):
                return self._is(node.node, above) and bool(node.args) and self._is(node.args[0], above)
            case nodes.Getattr():
                return node.attr in _ANSWERED
            case nodes.Name():
                return node.name in _GIVEN or self._named(node.name, above)
            case _:
                return isinstance(node, _ALWAYS)

    def _named(self, name: str, above: frozenset[str]) -> bool:
        values = self._values.get(name, [])
        if name in self._settings or name in above or not values:
            return False
        return all(isinstance(value, bool) or self._is(_expression(value), above | {name}) for value in values)


@pytest.fixture(scope="module")
def tasks() -> dict[str, list[dict[str, t.Any]]]:
    """Every task, by its file."""
    return {
        str(file.relative_to(ROOT)): list(_tasks(yaml.safe_load(file.read_text(encoding="utf-8")))) for file in _files()
    }


def test_every_condition_is_a_boolean(tasks: dict[str, list[dict[str, t.Any]]]) -> None:
    judge = Judge(_values(task for listed in tasks.values() for task in listed), _settings())
    asked = [
        (file, keyword, condition)
        for file, listed in tasks.items()
        for task in listed
        for keyword, condition in _conditions(task)
    ]
    assert len(asked) > 200
    assert {keyword for _file, keyword, _condition in asked} >= {"when", "that", "changed_when", "failed_when"}
    assert [one for one in asked if not judge.boolean(one[2])] == []


@pytest.mark.parametrize(
    "condition",
    [
        True,
        "a == b",
        "not names",
        "names is defined and 'x' not in names",
        "setting | bool",
        "not ready or setting | bool",
        "ready",
        "later | default(false)",
        "answer.status.degraded | default(false)",
        "a == b if ready else false",
        "ansible_check_mode",
    ],
)
def test_what_can_only_be_true_or_false_is_a_boolean(condition: t.Any) -> None:
    assert Judge(_VALUES, {"setting"}).boolean(condition)


@pytest.mark.parametrize(
    "condition",
    [
        1,
        "names",
        "names | length",
        "names or not (setting | bool or other)",
        "a == b or names",
        "setting",
        "settled",
        "unknown",
        "itself",
        "later | default('')",
        "later | default",
        "answer.path",
        "answer.names[0]",
        "lookup('env', 'HOME')",
        "1 if ready else false",
        "'yes'",
    ],
)
def test_what_can_be_something_else_is_none(condition: t.Any) -> None:
    assert not Judge(_VALUES, {"setting", "settled"}).boolean(condition)
