# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What role awx_setup would put into AWX, held against AWX's rules and what playbooks, roles and modules take."""

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
BY_NAME = {template["name"]: template for template in JOB_TEMPLATES}
RINGS = role_data("defaults", "main", "rings.yml")
WORKFLOWS = role_data("defaults", "main", "workflows.yml")
TYPES = {kind["name"]: kind for kind in role_data("vars", "main", "credential_types.yml")["awx_setup_credential_types"]}
JOB_VARIABLES = role_data("vars", "main", "main.yml")["awx_setup_job_variables"]
CHECKOUT = Checkout(ROOT)
PLAYBOOKS = CHECKOUT.playbooks()
_OR_ELSE = re.compile(r"\b([a-z_]+) \| default\(")
_ROLE = re.compile(r"name: hotpass\.prefect\.(\w+)")

named = pytest.mark.parametrize("template", JOB_TEMPLATES, ids=lambda template: template["name"])


class _Loose(yaml.CSafeLoader):
    """Reads past the tags of Ansible."""


_Loose.add_multi_constructor("!", lambda _loader, _tag, node: getattr(node, "value", None))


@pytest.mark.parametrize("ring", RINGS["awx_setup_rings"], ids=lambda ring: ring["ring"])
def test_a_ring_is_the_one_host_of_its_inventory(ring: Data) -> None:
    files = CHECKOUT.files()
    assert ring["source_path"] in files
    assert any(file.startswith(f"{ring['manifests']}/") for file in files)
    inventory = ROOT / ring["source_path"]
    assert list(_read(inventory)["ring"]["hosts"]) == [ring["ring"]]
    host = _read(inventory.parent / "host_vars" / f"{ring['ring']}.yml")
    assert f"/../../{ring['manifests']}')" in host["ring_manifest_dir"]


@named
def test_its_playbook_is_one_that_awx_finds_and_that_runs_on_a_ring(template: Data) -> None:
    assert template["playbook"] in PLAYBOOKS
    assert "hosts: ring" in (ROOT / template["playbook"]).read_text(encoding="utf-8")


@named
def test_awx_takes_its_survey(template: Data) -> None:
    questions = template.get("survey", [])
    spec = {"name": "", "description": "", "spec": questions}
    assert not questions or surveys.accepted(spec, {}) == spec
    asked = [question["variable"] for question in questions]
    assert len(asked) == len(set(asked))
    for question in questions:
        # A secret default never compares as unchanged.
        assert question["type"] != "password"
        # Whoever has to answer cannot answer nothing.
        if question["type"] in ("text", "textarea"):
            assert question["min"] > 0 or not question["required"]


@named
def test_what_its_survey_asks_is_what_its_playbook_takes(template: Data) -> None:
    taken = _taken(ROOT / template["playbook"])
    for question in template.get("survey", []):
        variable, default = question["variable"], question["default"]
        assert variable in taken, f"{template['playbook']} takes no {variable}, but {sorted(taken)}"
        option = taken[variable]
        if question["type"] == "multiplechoice" and "choices" in option:
            assert sorted(question["choices"]) == sorted(option["choices"]), variable
            assert default == option["default"]
        elif question["type"] == "integer":
            assert (option["type"], option["default"]) == ("int", default)
        if option.get("type") == "bool":
            assert (question["type"], sorted(question["choices"])) == ("multiplechoice", ["false", "true"])


@named
def test_its_own_variables_are_options_of_its_roles(template: Data) -> None:
    assert set(template.get("variables", {})) <= set(_taken(ROOT / template["playbook"]))


@named
def test_its_rings_and_credentials_are_in_the_data(template: Data) -> None:
    rings = [ring["ring"] for ring in RINGS["awx_setup_rings"]]
    given = {credential["name"]: credential["type"] for credential in RINGS["awx_setup_credentials"]}
    said = {**JOB_VARIABLES, **template.get("variables", {})}
    assert template["rings"]
    for ring in template["rings"]:
        assert ring in rings
        kinds = [given[name.replace("{ring}", ring)] for name in template["credentials"]]
        # AWX gives a job no two credentials of one type, and what a job template says beats what a credential brings.
        assert len(kinds) == len(set(kinds))
        for kind in kinds:
            for name, value in TYPES[kind]["injectors"].get("extra_vars", {}).items():
                assert str(said.get(name, value)).lower() == value


def test_the_rings_that_may_be_absent_are_those_that_the_role_comes_with() -> None:
    usual = role_data("vars", "main", "main.yml")["awx_setup_usual_rings"]
    assert usual == [ring["ring"] for ring in RINGS["awx_setup_rings"]]


def test_only_what_builds_from_the_checkout_is_told_where_it_is() -> None:
    # As an extra variable it would beat the work tree of the pushed commit.
    assert [name for name, one in BY_NAME.items() if "ring_project" in one.get("variables", {})] == ["promote"]
    assert "ring_project" not in JOB_VARIABLES


@pytest.mark.parametrize("kind", TYPES.values(), ids=lambda kind: kind["name"])
def test_awx_takes_a_credential_type_and_modules_and_roles_read_what_it_brings(kind: Data) -> None:
    inputs, injectors = kind["inputs"], kind["injectors"]
    assert credentials.check_inputs(inputs) == inputs
    credentials.check_injectors(injectors, inputs)
    assert {credential["type"] for credential in RINGS["awx_setup_credentials"]} <= set(TYPES)
    code = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "plugins/module_utils").rglob("*.py"))
    roles = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "roles").rglob("*.yml"))
    for variable in injectors["env"]:
        assert f'env_fallback, ["{variable}"]' in code
    for variable in injectors.get("extra_vars", {}):
        assert re.search(rf"\b{variable}\b", roles.replace(f"{variable}: ", ""))
    files = {name.removeprefix("template.") for name in injectors.get("file", {})}
    templates = [text for injector in injectors.values() for text in injector.values()]
    used = {name for text in templates for name in re.findall(r"(?:\{\{|\{% if) ([\w.]+)", text)}
    assert used == {field["id"] for field in inputs["fields"]} | {f"tower.filename.{name}" for name in files}
    assert all(field.get("secret") for field in inputs["fields"] if re.search("key$|pass|auth", field["id"]))


@pytest.mark.parametrize("schedule", WORKFLOWS["awx_setup_schedules"], ids=lambda schedule: schedule["name"])
def test_awx_takes_a_schedule_and_its_job_template_asks_for_nothing(schedule: Data) -> None:
    schedules.check(schedule["rrule"].replace("{timezone}", "Europe/Berlin"))
    template = BY_NAME[schedule["template"]]
    assert set(schedule["rings"]) <= set(template["rings"])
    assert surveys.wrong_answers({"spec": template.get("survey", [])}, {}) == []


@pytest.mark.parametrize("workflow", WORKFLOWS["awx_setup_workflows"], ids=lambda workflow: workflow["name"])
def test_a_workflow_runs_job_templates_that_there_are_each_after_another(workflow: Data) -> None:
    nodes = {node["identifier"]: node for node in workflow["nodes"]}
    assert len(nodes) == len(workflow["nodes"])
    reached = [workflow["nodes"][0]["identifier"]]
    for name in reached:
        following = nodes[name].get("next", [])
        assert not set(following) & set(reached), "a cycle"
        reached += following
    assert sorted(reached) == sorted(nodes)
    for node in nodes.values():
        if "approval" in node:
            continue
        template = BY_NAME[node["template"]]
        assert node["ring"] in template["rings"]
        answers = node.get("variables", {})
        assert set(answers) <= {question["variable"] for question in template["survey"]}
        assert surveys.wrong_answers({"spec": template["survey"]}, answers) == []


def test_production_is_promoted_again_after_the_hold_and_then_has_to_be_approved() -> None:
    nodes = WORKFLOWS["awx_setup_workflows"][0]["nodes"]
    assert [node.get("ring", "hold") for node in nodes] == ["dev", "staging", "production", "hold", "production"]
    assert [node.get("variables") for node in nodes] == [None, None, None, None, {"awaiting": "fail"}]
    approve = BY_NAME["approve"]
    assert (approve["rings"], approve["ask"]) == (["production"], ["credential"])


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
