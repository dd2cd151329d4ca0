# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What role awx_setup would put into AWX, held against AWX's rules and against the playbooks that take it."""

from __future__ import annotations

import functools
import re
import typing as t
from pathlib import Path

import pytest
import yaml

from tests.support.awx import credentials, schedules, surveys
from tests.support.awx.checkouts import Checkout
from tests.support.awx_api_plays import ROOT, Data, role_data

JOB_TEMPLATES = role_data("defaults", "main", "job_templates.yml")["awx_setup_job_templates"]
RINGS = role_data("defaults", "main", "rings.yml")
WORKFLOWS = role_data("defaults", "main", "workflows.yml")
TYPES = role_data("vars", "main", "credential_types.yml")["awx_setup_credential_types"]
CHECKOUT = Checkout(ROOT)
PLAYBOOKS = CHECKOUT.playbooks()
_OR_ELSE = re.compile(r"\b([a-z_]+) \| default\(")
_ROLE = re.compile(r"name: hotpass\.prefect\.(\w+)")


class _Loose(yaml.CSafeLoader):
    """Reads past the tags of Ansible."""


_Loose.add_multi_constructor("!", lambda _loader, _tag, node: getattr(node, "value", None))

named = pytest.mark.parametrize("template", JOB_TEMPLATES, ids=lambda template: template["name"])


@named
def test_its_playbook_is_one_that_awx_finds(template: Data) -> None:
    assert template["playbook"] in PLAYBOOKS


@pytest.mark.parametrize("ring", RINGS["awx_setup_rings"], ids=lambda ring: ring["ring"])
def test_the_paths_of_a_ring_are_in_the_repository(ring: Data) -> None:
    files = CHECKOUT.files()
    assert ring["source_path"] in files
    assert any(file.startswith(f"{ring['manifests']}/") for file in files)
    hosts = yaml.safe_load((ROOT / ring["source_path"]).read_text(encoding="utf-8"))["ring"]["hosts"]
    assert list(hosts) == [ring["ring"]]


@named
def test_awx_takes_its_survey(template: Data) -> None:
    if "survey" not in template:
        return
    spec = {"name": "", "description": "", "spec": template["survey"]}
    assert surveys.accepted(spec, {}) == spec
    for question in template["survey"]:
        # A secret default never compares as unchanged.
        assert question["type"] != "password" or not question.get("default")


@named
def test_what_its_survey_asks_is_what_its_playbook_takes(template: Data) -> None:
    taken = _taken(ROOT / template["playbook"])
    for question in template.get("survey", []):
        variable = question["variable"]
        assert variable in taken, f"{template['playbook']} takes no {variable}, but {sorted(taken)}"
        allowed = taken[variable].get("choices")
        if question["type"] == "multiplechoice" and allowed:
            assert set(question["choices"]) <= set(allowed), variable
        if taken[variable].get("type") == "bool":
            assert (question["type"], sorted(question["choices"])) == ("multiplechoice", ["false", "true"])


@named
def test_its_own_variables_are_options_of_its_roles(template: Data) -> None:
    taken = _taken(ROOT / template["playbook"])
    assert set(template.get("variables", {})) <= set(taken)


@named
def test_its_rings_and_credentials_are_in_the_data(template: Data) -> None:
    rings = [ring["ring"] for ring in RINGS["awx_setup_rings"]]
    given = [credential["name"] for credential in RINGS["awx_setup_credentials"]]
    for ring in template["rings"]:
        assert ring in rings
        names = [name.replace("{ring}", ring) for name in template.get("credentials", [])]
        assert set(names) <= set(given)
        kinds = [credential["type"] for credential in RINGS["awx_setup_credentials"] if credential["name"] in names]
        # AWX gives a job no two credentials of one type.
        assert len(kinds) == len(set(kinds))


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind["name"])
def test_awx_takes_the_credential_types_as_they_are(kind: Data) -> None:
    assert credentials.check_inputs(kind["inputs"]) == kind["inputs"]
    credentials.check_injectors(kind["injectors"], kind["inputs"])
    used = re.findall(r"{{\s*(\w+)\s*}}", str(kind["injectors"]))
    assert {field["id"] for field in kind["inputs"]["fields"]} <= {*used}
    assert {credential["type"] for credential in RINGS["awx_setup_credentials"]} <= {each["name"] for each in TYPES}


@pytest.mark.parametrize("schedule", WORKFLOWS["awx_setup_schedules"], ids=lambda schedule: schedule["name"])
def test_awx_takes_the_schedules(schedule: Data) -> None:
    schedules.check(schedule["rrule"].replace("{timezone}", "Europe/Berlin"))
    (template,) = (each for each in JOB_TEMPLATES if each["name"] == schedule["template"])
    assert set(schedule["rings"]) <= set(template["rings"])
    assert surveys.wrong_answers({"spec": template.get("survey", [])}, {}) == []


@pytest.mark.parametrize("flow", WORKFLOWS["awx_setup_workflows"], ids=lambda flow: flow["name"])
def test_the_nodes_of_a_workflow_run_what_there_is(flow: Data) -> None:
    names = [node["identifier"] for node in flow["nodes"]]
    assert len(names) == len(set(names))
    by_name = {template["name"]: template for template in JOB_TEMPLATES}
    for node in flow["nodes"]:
        assert set(node.get("next", [])) <= set(names)
        if "approval" in node:
            continue
        template = by_name[node["template"]]
        assert node["ring"] in template["rings"]
        spec = {"spec": template.get("survey", [])}
        asked = {question["variable"] for question in spec["spec"]}
        assert set(node.get("variables", {})) <= asked
        assert surveys.wrong_answers(spec, node.get("variables", {})) == []


def _taken(playbook: Path) -> dict[str, Data]:
    """The variables that a playbook takes, by itself and through its roles, with what a role says of each."""
    taken: dict[str, Data] = {}
    for file in _playbooks(playbook):
        taken |= {word: {} for word in _OR_ELSE.findall(file.read_text(encoding="utf-8"))}
    for role in _roles(playbook):
        options = _options(role)
        taken |= options
        for option, value in _defaults(role).items():
            taken |= {word: options.get(option, {}) for word in _OR_ELSE.findall(str(value))}
    return taken


def _playbooks(playbook: Path) -> t.Iterator[Path]:
    """A playbook, and those that it imports."""
    yield playbook
    for play in _read(playbook):
        if "ansible.builtin.import_playbook" in play:
            yield from _playbooks(playbook.parent / play["ansible.builtin.import_playbook"])


def _roles(playbook: Path) -> list[str]:
    """The roles that a playbook uses, and those that they use."""
    found: set[str] = set()
    ahead = list(_playbooks(playbook))
    while ahead:
        for role in set(_ROLE.findall(ahead.pop().read_text(encoding="utf-8"))) - found:
            found.add(role)
            ahead += (ROOT / "roles" / role).glob("tasks/**/*.yml")
    return sorted(found)


@functools.cache
def _options(role: str) -> dict[str, Data]:
    entries = _read(ROOT / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"].values()
    return {option: spec for entry in entries for option, spec in entry.get("options", {}).items()}


@functools.cache
def _defaults(role: str) -> Data:
    files = sorted((ROOT / "roles" / role / "defaults").glob("**/*.yml"))
    return {key: value for file in files for key, value in (_read(file) or {}).items()}


@functools.cache
def _read(path: Path) -> t.Any:
    with path.open(encoding="utf-8") as file:
        return yaml.load(file, _Loose)
