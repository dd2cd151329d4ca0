# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for AWX: credential types, credentials and notifications."""

from __future__ import annotations

import typing as t

import pytest

from tests.support.awx import credentials
from tests.support.awx.problems import Refused
from tests.support.awx_api_lab import AwxLab

pytest_plugins = ["tests.support.awx_api_fixtures"]

Body = dict[str, t.Any]
FIELD = {"id": "key", "label": "Key", "type": "string"}
PEM = "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"field": []}, "Additional properties are not allowed ('field' was unexpected)"),
        ({"fields": {}}, "is not of type 'array'"),
        ({"fields": [{"id": "key"}]}, "'label' is a required property"),
        ({"fields": [{**FIELD, "help": "x"}]}, "Additional properties are not allowed ('help' was unexpected)"),
        ({"fields": [{**FIELD, "type": "integer"}]}, "'integer' is not one of ['string', 'boolean']"),
        ({"fields": [{**FIELD, "id": "a-b"}]}, "does not match"),
        ({"fields": [{**FIELD, "id": "tower"}]}, "tower is a reserved field name"),
        ({"fields": [FIELD, FIELD]}, "Field IDs must be unique (key)"),
        ({"fields": [{**FIELD, "type": "boolean", "secret": True}]}, "secret not allowed for boolean type (key)"),
        ({"fields": [{**FIELD, "secret": "yes"}]}, "is not of type 'bool'"),
        ({"fields": [{**FIELD, "format": "pem"}]}, "is not one of ['ssh_private_key', 'url']"),
        ({"fields": [{**FIELD, "ask_at_runtime": True}]}, "'ask_at_runtime' is not supported"),
        ({"fields": [{**FIELD, "default": True}]}, "True is not a string"),
        ({"fields": [FIELD], "required": ["kye"]}, "'kye', which is not a field"),
    ],
)
def test_inputs_that_awx_refuses(inputs: Body, sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        credentials.check_inputs(inputs)
    assert sentence in refused.value.body["inputs"][0]


@pytest.mark.parametrize(
    ("injectors", "sentence"),
    [
        ({"environment": {}}, "Additional properties are not allowed ('environment' was unexpected)"),
        ({"env": {"A-B": "x"}}, "'A-B' does not match any of the regexes"),
        ({"env": {"KEY": 5}}, "5 is not of type 'string'"),
        ({"env": {"ANSIBLE_CONFIG": "x"}}, "Environment variable ANSIBLE_CONFIG may affect Ansible configuration"),
        ({"env": {"PYTHONPATH": "x"}}, "Environment variable PYTHONPATH is not allowed to be used in credentials."),
        ({"env": {"KEY": "{{ kye }}"}}, "KEY uses an undefined field ('kye' is undefined)"),
        ({"env": {"KEY": "{{ key"}}, "Syntax error rendering template for KEY inside of env"),
        ({"env": {"KEY": "{{ key.__class__.__mro__ }}"}}, "unsafe"),
        ({"env": {"KEY": "{{ tower.filename }}"}}, "Must define unnamed file injector"),
        ({"env": {"KEY": "{{ tower }}"}}, "Cannot directly reference reserved `tower` namespace container."),
        ({"env": {"KEY": "{{ tower.filename.other }}"}, "file": {"template.one": "x"}}, "uses an undefined field"),
        ({"file": {"key": "x"}}, "'key' does not match any of the regexes"),
        ({"file": {"template": "x", "template.one": "x"}}, "Must use multi-file syntax"),
    ],
)
def test_injectors_that_awx_refuses(injectors: Body, sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        credentials.check_injectors(injectors, {"fields": [FIELD]})
    assert sentence in refused.value.body["injectors"][0]


@pytest.mark.parametrize(
    "injectors",
    [
        {"env": {"KEY_FILE": "{{ tower.filename }}"}, "file": {"template": "{{ key }}"}},
        {"extra_vars": {"ring_key": "{{ tower.filename.one }}"}, "file": {"template.one": "{{ key }}"}},
        {"env": {"KEY": "{% if key %}{{ key | trim }}{% endif %}"}},
    ],
)
def test_injectors_that_awx_takes(injectors: Body) -> None:
    credentials.check_injectors(injectors, {"fields": [FIELD]})


def test_a_field_without_type_gets_one(awx: AwxLab) -> None:
    shown = awx.get("credential_types", awx.credential_type())
    assert [field["type"] for field in shown["inputs"]["fields"]] == ["string", "string"]
    assert shown["managed"] is False


def test_what_is_managed_or_of_another_kind_is_not_for_us(awx: AwxLab) -> None:
    machine = awx.listed("credential_types/?name=Machine")[0]["id"]
    assert awx.refused("PATCH", f"credential_types/{machine}/", {"description": "x"})[0] == 403
    assert awx.refused("DELETE", f"credential_types/{machine}/")[0] == 403
    status, body = awx.refused("POST", "credential_types/", {"name": "x", "kind": "ssh"})
    assert (status, body) == (400, {"kind": ["Must be 'cloud' or 'net', not ssh"]})


def test_a_type_that_is_used_is_protected(awx: AwxLab) -> None:
    kind = awx.credential_type()
    access = awx.credential(kind, url="x")
    assert awx.refused("DELETE", f"credential_types/{kind}/") == (
        403,
        {"detail": "Credential types that are in use cannot be deleted"},
    )
    status, body = awx.refused("PATCH", f"credential_types/{kind}/", {"inputs": {"fields": []}, "injectors": {}})
    assert (status, body["detail"][:23]) == (403, "Modifications to inputs")
    awx.api.call(
        "PATCH",
        f"credential_types/{kind}/",
        {"description": "y", "inputs": awx.get("credential_types", kind)["inputs"]},
    )
    awx.api.call("DELETE", f"credentials/{access}/")
    awx.api.call("DELETE", f"credential_types/{kind}/")
    assert awx.listed("credential_types/?name=Prefect") == []


def test_secrets_are_kept_and_never_shown(awx: AwxLab) -> None:
    access = awx.credential(awx.credential_type(), url="https://prefect.example.com/api", key="sesame")
    path = f"credentials/{access}/"
    assert awx.api.call("GET", path)["inputs"] == {"url": "https://prefect.example.com/api", "key": "$encrypted$"}
    awx.api.call("PATCH", path, {"inputs": {"url": "https://other.example.com/api", "key": "$encrypted$"}})
    (kept,) = [row for row in awx.api.snapshot()["credentials"] if row["id"] == access]
    assert kept["inputs"] == {"url": "https://other.example.com/api", "key": "sesame"}


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"kye": "x"}, "Additional properties are not allowed ('kye' was unexpected)"),
        ({"key": 5}, "5 is not of type 'string'"),
        ({"key": "$encrypted$"}, "cannot be set to the reserved keyword $encrypted$"),
    ],
)
def test_values_that_do_not_fit_their_type(awx: AwxLab, inputs: Body, sentence: str) -> None:
    given = {"name": "x", "credential_type": awx.credential_type(), "organization": awx.organization, "inputs": inputs}
    status, body = awx.refused("POST", "credentials/", given)
    assert status == 400
    assert sentence in str(body["inputs"])


def test_a_private_key_has_to_be_one() -> None:
    inputs = {"fields": [{**FIELD, "format": "ssh_private_key", "secret": True}]}
    assert credentials.check_values({"key": PEM}, inputs, {}) == {"key": PEM}
    with pytest.raises(Refused):
        credentials.check_values({"key": "nothing"}, inputs, {})


def test_a_credential_belongs_to_somebody_and_keeps_its_type(awx: AwxLab) -> None:
    kind = awx.credential_type()
    given = {"name": "x", "credential_type": kind}
    assert awx.refused("POST", "credentials/", given)[1] == {"detail": ["Missing 'user', 'team', or 'organization'."]}
    access = awx.credential(kind)
    assert awx.refused("PATCH", f"credentials/{access}/", {"credential_type": awx.credential_type("other")})[0] == 400


def test_a_job_template_takes_one_credential_of_a_type(awx: AwxLab) -> None:
    kind = awx.credential_type()
    path = f"job_templates/{awx.template()}/credentials/"
    first = awx.credential(kind, "first")
    awx.attach(path, first)
    refused = awx.refused("POST", path, {"id": awx.credential(kind, "second")})
    assert refused == (400, {"error": "Cannot assign multiple Prefect credentials."})
    galaxy = awx.listed("credentials/?name=Ansible+Galaxy")[0]["id"]
    assert awx.refused("POST", path, {"id": galaxy}) == (400, {"error": "Cannot assign a Credential of kind `galaxy`."})
    assert [row["id"] for row in awx.listed(path)] == [first]
    assert awx.refused("POST", path, {"id": 99999})[0] == 400


def test_a_notification_is_told_all_it_needs(awx: AwxLab) -> None:
    hook = {"url": "https://chat.example.com/hook", "headers": {}, "password": "sesame"}
    given = {"name": "x", "organization": awx.organization, "notification_type": "webhook"}
    made = awx.get(
        "notification_templates", awx.make("notification_templates", notification_configuration=hook, **given)
    )
    assert made["notification_configuration"] == {
        "url": "https://chat.example.com/hook",
        "http_method": "POST",
        "disable_ssl_verification": False,
        "username": "",
        "password": "$encrypted$",
        "headers": {},
    }
    path = f"notification_templates/{made['id']}/"
    awx.api.call("PATCH", path, {"notification_configuration": made["notification_configuration"]})
    assert "sesame" in str(awx.api.snapshot()["notification_templates"])


@pytest.mark.parametrize(
    ("configuration", "sentence"),
    [
        ({"url": "x"}, "Missing required fields for Notification Configuration: ['headers']."),
        ({"url": "x", "headers": []}, "Configuration field 'headers' incorrect type, expected object."),
        ({"url": "x", "headers": {}, "http_method": "GET"}, "HTTP method must be either 'POST' or 'PUT'."),
        ({"url": "x", "headers": {}, "uri": "x"}, "'uri' is not a parameter of webhook notifications"),
    ],
)
def test_a_notification_that_awx_refuses(awx: AwxLab, configuration: Body, sentence: str) -> None:
    given = {"name": "x", "organization": awx.organization, "notification_type": "webhook"}
    body = {**given, "notification_configuration": configuration}
    assert awx.refused("POST", "notification_templates/", body) == (400, {"__all__": [sentence]})


@pytest.mark.parametrize("messages", [{"ended": {}}, {"error": {"text": "x"}}, {"error": "x"}])
def test_messages_that_awx_refuses(awx: AwxLab, messages: Body) -> None:
    hook = {"url": "https://chat.example.com/hook", "headers": {}}
    given = {"name": "x", "organization": awx.organization, "notification_type": "webhook"}
    body = {**given, "notification_configuration": hook, "messages": messages}
    assert awx.refused("POST", "notification_templates/", body)[0] == 400
