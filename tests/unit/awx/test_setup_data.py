# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data of role awx_setup fits the playbooks, the roles, the modules and the repository that it speaks of."""

from __future__ import annotations

import re
import typing as t

import pytest
import yaml

from tests.conftest import ROOT

_ROLE = ROOT / "roles/awx_setup"
_KINDS = {"text", "textarea", "multiplechoice", "integer"}


class _Loader(yaml.SafeLoader):
    """YAML as Ansible reads it: what is marked unsafe is text."""


_Loader.add_constructor("!unsafe", lambda *given: str(given[1].value))


def _load(*names: str) -> dict[str, t.Any]:
    loaded: dict[str, t.Any] = {}
    for name in names:
        loaded |= yaml.load((_ROLE / name).read_text(encoding="utf-8"), Loader=_Loader)
    return loaded


_DATA = _load(
    "defaults/main/main.yml",
    "defaults/main/rings.yml",
    "defaults/main/job_templates.yml",
    "defaults/main/workflows.yml",
    "vars/main/main.yml",
    "vars/main/credential_types.yml",
)
_TEMPLATES = {template["name"]: template for template in _DATA["awx_setup_job_templates"]}
_RINGS = {ring["ring"]: ring for ring in _DATA["awx_setup_rings"]}
_TYPES = {kind["name"]: kind for kind in _DATA["awx_setup_credential_types"]}
_QUESTIONS = [
    pytest.param(template, question, id=f"{template['name']}-{question['variable']}")
    for template in _TEMPLATES.values()
    for question in template.get("survey", [])
]


def _roles(playbook: str) -> list[str]:
    """The roles that a playbook names, in those that it imports too."""
    text = (ROOT / playbook).read_text(encoding="utf-8")
    imported = re.findall(r"import_playbook: (\S+)", text)
    return re.findall(r"name: hotpass[.]prefect[.](\w+)", text) + [
        role for name in imported for role in _roles(f"playbooks/{name}")
    ]


def _texts(playbook: str) -> str:
    """A playbook, and the defaults of its roles."""
    files = [ROOT / playbook, *(ROOT / f"roles/{role}/defaults/main.yml" for role in _roles(playbook))]
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file.exists())


def _option(playbook: str, variable: str) -> dict[str, t.Any]:
    """The role's option whose default is an answer of the survey, as its argument specification has it."""
    for role in _roles(playbook):
        defaults = ROOT / f"roles/{role}/defaults/main.yml"
        if not defaults.exists():
            continue
        for name, value in yaml.safe_load(defaults.read_text(encoding="utf-8")).items():
            if isinstance(value, str) and re.match(rf"{{{{ {variable} \| default\(", value):
                spec = yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text(encoding="utf-8"))
                option: dict[str, t.Any] = spec["argument_specs"]["main"]["options"][name]
                return option
    return {}


@pytest.mark.parametrize("ring", _RINGS.values(), ids=lambda ring: ring["ring"])
def test_a_ring_is_the_one_host_of_its_inventory(ring: dict[str, t.Any]) -> None:
    inventory = yaml.safe_load((ROOT / ring["source_path"]).read_text(encoding="utf-8"))
    assert list(inventory["ring"]["hosts"]) == [ring["ring"]]
    assert (ROOT / ring["manifests"]).is_dir()
    host = (ROOT / ring["source_path"]).parent / f"host_vars/{ring['ring']}.yml"
    assert f"/../../{ring['manifests']}')" in yaml.safe_load(host.read_text(encoding="utf-8"))["ring_manifest_dir"]


@pytest.mark.parametrize("template", _TEMPLATES.values(), ids=lambda template: template["name"])
def test_a_job_template_has_a_playbook_rings_and_credentials_that_there_are(template: dict[str, t.Any]) -> None:
    assert "hosts: ring" in (ROOT / template["playbook"]).read_text(encoding="utf-8")
    assert template["rings"]
    assert set(template["rings"]) <= set(_RINGS)
    there = {credential["name"] for credential in _DATA["awx_setup_credentials"]}
    for ring in template["rings"]:
        assert {name.replace("{ring}", ring) for name in template["credentials"]} <= there
    kinds = [
        credential["type"]
        for name in template["credentials"]
        for credential in _DATA["awx_setup_credentials"]
        if credential["name"] == name.replace("{ring}", template["rings"][0])
    ]
    # AWX takes one credential of a type, and what the job template says beats what a credential brings.
    assert len(kinds) == len(set(kinds))
    brought: dict[str, str] = {}
    for kind in kinds:
        brought |= _TYPES[kind]["injectors"].get("extra_vars", {})
    said = _DATA["awx_setup_job_variables"] | template.get("variables", {})
    assert {name: str(said[name]).lower() for name in brought.keys() & said.keys()} == {
        name: brought[name] for name in brought.keys() & said.keys()
    }


@pytest.mark.parametrize(("template", "question"), _QUESTIONS)
def test_a_question_is_one_that_awx_takes_and_a_playbook_reads(
    template: dict[str, t.Any], question: dict[str, t.Any]
) -> None:
    assert {"question_name", "question_description", "variable", "type", "required", "default"} <= set(question)
    assert question["type"] in _KINDS
    variable, default = question["variable"], question["default"]
    assert re.search(rf"\b{variable} \| default\(", _texts(template["playbook"])), "nothing reads it"
    option = _option(template["playbook"], variable)
    if question["type"] == "multiplechoice":
        assert default in question["choices"]
        if "choices" in option:
            assert sorted(question["choices"]) == sorted(option["choices"])
            assert default == option["default"]
    elif question["type"] == "integer":
        assert question["min"] <= default <= question["max"]
        assert (option["type"], option["default"]) == ("int", default)
    else:
        assert 0 <= len(default) <= question["max"]
        assert question["min"] > 0 or not question["required"]


def test_no_variable_is_asked_for_twice_in_one_survey() -> None:
    for template in _TEMPLATES.values():
        asked = [question["variable"] for question in template.get("survey", [])]
        assert len(asked) == len(set(asked))


def test_only_what_builds_from_the_checkout_is_told_where_it_is() -> None:
    # As an extra variable it would beat the work tree of the pushed commit.
    assert [name for name, one in _TEMPLATES.items() if "ring_project" in one.get("variables", {})] == ["promote"]
    assert "ring_project" not in _DATA["awx_setup_job_variables"]


@pytest.mark.parametrize("workflow", _DATA["awx_setup_workflows"], ids=lambda workflow: workflow["name"])
def test_a_workflow_runs_job_templates_that_there_are_each_after_another(workflow: dict[str, t.Any]) -> None:
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
        template = _TEMPLATES[node["template"]]
        assert node["ring"] in template["rings"]
        asked = {question["variable"]: question for question in template["survey"]}
        for variable, answer in node.get("variables", {}).items():
            assert answer in asked[variable].get("choices", [answer])


def test_production_is_promoted_again_after_the_hold_and_then_has_to_be_approved() -> None:
    nodes = _DATA["awx_setup_workflows"][0]["nodes"]
    assert [node.get("ring", "hold") for node in nodes] == ["dev", "staging", "production", "hold", "production"]
    assert [node.get("variables") for node in nodes] == [None, None, None, None, {"awaiting": "fail"}]
    approve = _TEMPLATES["approve"]
    assert (approve["rings"], approve["ask"]) == (["production"], ["credential"])


@pytest.mark.parametrize("schedule", _DATA["awx_setup_schedules"], ids=lambda schedule: schedule["name"])
def test_a_schedule_starts_what_asks_for_nothing(schedule: dict[str, t.Any]) -> None:
    template = _TEMPLATES[schedule["template"]]
    assert set(schedule["rings"]) <= set(template["rings"])
    for question in template.get("survey", []):
        assert not question["required"] or question["default"] != ""
    assert re.fullmatch(
        r"DTSTART;TZID=\{timezone\}:\d{8}T\d{6} RRULE:FREQ=(HOURLY|DAILY|WEEKLY);INTERVAL=\d+", schedule["rrule"]
    )


@pytest.mark.parametrize("kind", _TYPES.values(), ids=lambda kind: kind["name"])
def test_a_credential_brings_what_modules_and_roles_read(kind: dict[str, t.Any]) -> None:
    code = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "plugins/module_utils").rglob("*.py"))
    roles = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "roles").rglob("*.yml"))
    injectors = kind["injectors"]
    for variable in injectors["env"]:
        assert f'env_fallback, ["{variable}"]' in code
    for variable in injectors.get("extra_vars", {}):
        assert re.search(rf"\b{variable}\b", roles.replace(f"{variable}: ", ""))
    fields = {field["id"] for field in kind["inputs"]["fields"]}
    files = {name.removeprefix("template.") for name in injectors.get("file", {})}
    templates = [text for injector in injectors.values() for text in injector.values()]
    used = {name for text in templates for name in re.findall(r"(?:\{\{|\{% if) ([\w.]+)", text)}
    assert used == fields | {f"tower.filename.{name}" for name in files}
    assert all(field.get("secret") for field in kind["inputs"]["fields"] if re.search("key$|pass|auth", field["id"]))
