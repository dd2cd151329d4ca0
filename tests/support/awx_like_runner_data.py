# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``roles/awx_setup`` says of job templates, rings and credentials, and how AWX makes the input of a job of it."""

from __future__ import annotations

import dataclasses
import os
import tempfile
import typing as t
from pathlib import Path

import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tests.conftest import ROOT
from tests.support.shapes import Result

_ROLE = ROOT / "roles" / "awx_setup"


class _Loader(yaml.SafeLoader):
    """Reads the role's data, in which some strings are for AWX and so marked as no templates of the role."""


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(t.cast("yaml.ScalarNode", node)))


class _Unsafe(str):
    """A string that Ansible takes as it is, whatever is in it."""


class _Dumper(yaml.SafeDumper):
    """Writes what AWX marks as no template."""


_Dumper.add_representer(_Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text)))


def data(*parts: str) -> t.Any:
    """One of the data files of the role: ``data("defaults", "main", "job_templates.yml")``."""
    return yaml.load(_ROLE.joinpath(*parts).read_text(encoding="utf-8"), _Loader)


JOB_TEMPLATES: dict[str, Result] = {
    template["name"]: template for template in data("defaults", "main", "job_templates.yml")["awx_setup_job_templates"]
}
RINGS: dict[str, Result] = {ring["ring"]: ring for ring in data("defaults", "main", "rings.yml")["awx_setup_rings"]}
_TYPES: dict[str, Result] = {
    kind["name"]: kind for kind in data("vars", "main", "credential_types.yml")["awx_setup_credential_types"]
}


@dataclasses.dataclass(frozen=True)
class Credential:
    """A credential of one of the role's types, and what somebody filled in."""

    kind: str
    inputs: t.Mapping[str, str]

    @property
    def secrets(self) -> list[str]:
        """Everything that AWX keeps encrypted, line by line: no line of it may ever be shown."""
        fields = _TYPES[self.kind]["inputs"]["fields"]
        told = [self.inputs.get(field["id"], "") for field in fields if field.get("secret")]
        return [line for value in told for line in value.splitlines() if line and not line.startswith("-----")]


def answered(template: Result, answers: t.Mapping[str, t.Any]) -> Result:
    """The variables of a survey, checked as AWX checks answers; a text that nobody filled in is an empty one."""
    survey = {question["variable"]: question for question in template.get("survey", [])}
    assert answers.keys() <= survey.keys(), f"There is no question for {sorted(answers.keys() - survey.keys())}."
    given: Result = {}
    for variable, question in survey.items():
        answer = answers.get(variable, question.get("default", ""))
        assert answer != "" or not question["required"], f"{variable} needs an answer."
        if question["type"] == "multiplechoice":
            assert answer in question["choices"], f"{variable} is {answer!r}."
        elif question["type"] == "integer":
            assert question["min"] <= answer <= question["max"], f"{variable} is {answer!r}."
        elif answer != "":
            assert question["min"] <= len(answer) <= question["max"], f"{variable} is {answer!r}."
        given[variable] = answer
    return given


def inject(credential: Credential, place: Path, env: dict[str, str]) -> list[str]:
    """Let a job have a credential: files in its ``env``, environment, variables; the arguments that name those."""
    injectors = _TYPES[credential.kind]["injectors"]
    sandbox = ImmutableSandboxedEnvironment()
    names: Result = {key: value for key, value in credential.inputs.items() if value}
    files: dict[str, str] = {}
    for label, template in injectors.get("file", {}).items():
        files[label.partition(".")[2]] = _keep(place, sandbox.from_string(template).render(**names))
    names["tower"] = {"filename": files}
    env |= {key: sandbox.from_string(text).render(**names) for key, text in injectors.get("env", {}).items()}
    variables = {
        key: _Unsafe(sandbox.from_string(text).render(**names)) for key, text in injectors.get("extra_vars", {}).items()
    }
    if not variables:
        return []
    return ["-e", f"@{_keep(place, as_yaml(variables))}"]


def _keep(place: Path, text: str) -> str:
    """Write a file that its owner alone can read and that has a name by chance, and return its path."""
    handle, path = tempfile.mkstemp(dir=place / "env")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def as_yaml(variables: Result, trusted: Result | None = None) -> str:
    """The variables of a job as AWX writes them: what is not the job template's own holds no templates."""
    own = trusted or {}
    marked = {key: value if key in own and own[key] == value else _unsafe(value) for key, value in variables.items()}
    return yaml.dump(marked, Dumper=_Dumper, allow_unicode=True)


def _unsafe(value: t.Any) -> t.Any:
    if isinstance(value, str):
        return _Unsafe(value)
    if isinstance(value, dict):
        return {key: _unsafe(one) for key, one in value.items()}
    return [_unsafe(one) for one in value] if isinstance(value, list) else value
