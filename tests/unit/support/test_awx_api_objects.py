# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for AWX: fields, uniqueness, projects and what they find, and what a removal takes along."""

from __future__ import annotations

import typing as t

import pytest

from tests.support.awx_api_lab import URL, AwxLab

pytest_plugins = ["tests.support.awx_api_fixtures"]

Body = dict[str, t.Any]


@pytest.mark.parametrize(
    ("path", "body", "field", "sentence"),
    [
        ("organizations", {}, "name", "This field is required."),
        ("organizations", {"name": ""}, "name", "This field may not be blank."),
        ("organizations", {"name": None}, "name", "This field may not be null."),
        ("organizations", {"name": "x" * 513}, "name", "Ensure this field has no more than 512 characters."),
        ("organizations", {"name": ["x"]}, "name", "Not a valid string."),
        (
            "organizations",
            {"name": "x", "descripton": "y"},
            "descripton",
            "Organization has no field named 'descripton'.",
        ),
        ("organizations", {"name": "x", "max_hosts": "many"}, "max_hosts", "A valid integer is required."),
        ("organizations", {"name": "x", "max_hosts": -1}, "max_hosts", "greater than or equal to 0."),
        ("projects", {"name": "x", "scm_type": "hg"}, "scm_type", '"hg" is not a valid choice.'),
        ("projects", {"name": "x", "scm_clean": "perhaps"}, "scm_clean", "Must be a valid boolean."),
        (
            "projects",
            {"name": "x", "organization": 99999},
            "organization",
            'Invalid pk "99999" - object does not exist.',
        ),
        ("projects", {"name": "x", "organization": "Hotpass"}, "organization", "Expected pk value, received str."),
        ("projects", {"name": "x", "scm_type": "git"}, "scm_url", "SCM URL is required."),
        ("projects", {"name": "x", "scm_update_on_launch": True}, "scm_update_on_launch", "false for manual projects."),
        ("inventories", {"name": "x"}, "organization", "This field is required."),
        ("credential_types", {"name": "x", "kind": "cloud", "inputs": []}, "inputs", "Expected a dictionary of items"),
        ("execution_environments", {"name": "x", "image": "https://a/b"}, "image", "is not valid."),
    ],
)
def test_a_field_that_awx_refuses(awx: AwxLab, path: str, body: Body, field: str, sentence: str) -> None:
    status, found = awx.refused("POST", f"{path}/", body)
    assert (status, list(found)) == (400, [field])
    assert sentence in found[field][0]


def test_all_wrong_fields_are_named_at_once(awx: AwxLab) -> None:
    assert set(awx.refused("POST", "projects/", {"scm_type": "hg"})[1]) == {"name", "scm_type"}


def test_nothing_and_empty_are_told_apart_as_awx_does(awx: AwxLab) -> None:
    number = awx.make("inventories", name="x", organization=awx.organization, kind=None, host_filter=None)
    assert {key: awx.get("inventories", number)[key] for key in ("kind", "host_filter")} == {
        "kind": "",
        "host_filter": None,
    }
    awx.api.call("PATCH", f"organizations/{awx.organization}/", {"description": " lines \n", "default_environment": ""})
    shown = awx.get("organizations", awx.organization)
    assert (shown["description"], shown["default_environment"]) == ("lines", None)


def test_names_are_unique_where_awx_wants_them_to_be(awx: AwxLab) -> None:
    owner = {"organization": awx.organization}
    other = awx.make("organizations", name="Other")
    assert awx.refused("POST", "organizations/", {"name": "Other"})[1] == {
        "name": ["Organization with this Name already exists."]
    }
    assert awx.refused("POST", "inventories/", {"name": "hosts", **owner})[1] == {
        "__all__": ["Inventory with this Name and Organization already exists."]
    }
    assert awx.refused("POST", "projects/", {"name": "code", "scm_type": "", **owner})[1] == {
        "__all__": ["Project with this (name, organization) combination already exists."]
    }
    awx.make("projects", name="code", organization=other)
    twin = awx.make("projects", name="twin", organization=other)
    assert awx.refused("PATCH", f"projects/{twin}/", {"name": "code"})[0] == 400
    awx.api.call("PATCH", f"projects/{twin}/", {"name": "twin", "description": "y"})


def test_a_project_finds_its_playbooks_when_it_was_updated(awx: AwxLab) -> None:
    # AWX goes by the words of a line, so that an inventory in YAML looks like a playbook to it.
    found = awx.api.call("GET", f"projects/{awx.project}/playbooks/")
    assert found == ["inventories/dev/hosts.yml", "more/all.yaml", "site.yml"]
    shown = awx.get("projects", awx.project)
    assert (shown["status"], len(shown["scm_revision"])) == ("successful", 40)
    fresh = awx.make("projects", name="fresh", scm_type="git", scm_url=URL)
    assert awx.get("projects", fresh)["summary_fields"]["current_update"]["status"] == "running"
    refused = awx.refused(
        "POST", "job_templates/", {"name": "x", "project": fresh, "playbook": "site.yml", "inventory": 1}
    )
    assert refused[0] == 400
    awx.finish_updates()
    awx.template("x", project=fresh)


def test_a_project_of_an_unknown_repository_fails_to_update(awx: AwxLab) -> None:
    lost = awx.make("projects", name="lost", scm_type="git", scm_url="https://git.example.com/nothing.git")
    awx.finish_updates()
    (job,) = awx.listed("project_updates/?name=lost")
    assert (job["status"], job["failed"]) == ("failed", True)
    assert "not found" in job["result_traceback"]
    assert awx.get("projects", lost)["status"] == "failed"


def test_a_changed_address_updates_a_project_and_a_changed_text_does_not(awx: AwxLab) -> None:
    before = len(awx.listed("project_updates/"))
    awx.api.call("PATCH", f"projects/{awx.project}/", {"description": "y", "scm_url": URL})
    assert len(awx.listed("project_updates/")) == before
    awx.api.call("PATCH", f"projects/{awx.project}/", {"scm_branch": "other"})
    assert len(awx.listed("project_updates/")) == before + 1


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"playbook": "roles/one/tasks/main.yml"}, "playbook", "Playbook not found for project."),
        ({"playbook": "values.yml"}, "playbook", "Playbook not found for project."),
        ({"playbook": ""}, "playbook", "Must select playbook for project."),
        ({"project": None}, "project", "Job Templates must have a project assigned."),
        ({"inventory": None}, "inventory", "You must either set a default value or ask to prompt on launch."),
        ({"scm_branch": "x"}, "scm_branch", "Project does not allow overriding branch."),
        ({"webhook_service": "gitea"}, "webhook_service", '"gitea" is not a valid choice.'),
        ({"extra_vars": "- a"}, "extra_vars", "Input type `list` is not a dictionary"),
        ({"verbosity": 6}, "verbosity", '"6" is not a valid choice.'),
        ({"job_type": "scan"}, "job_type", '"scan" is not a valid choice.'),
    ],
)
def test_a_job_template_that_awx_refuses(awx: AwxLab, fields: Body, field: str, sentence: str) -> None:
    given = {"name": "x", "project": awx.project, "playbook": "site.yml", "inventory": awx.inventory, **fields}
    assert awx.refused("POST", "job_templates/", given) == (400, {field: [sentence]})


def test_a_job_template_belongs_where_its_project_does(awx: AwxLab) -> None:
    other = awx.make("organizations", name="Other")
    template = awx.template(organization=other)
    assert awx.get("job_templates", template)["organization"] == awx.organization


def test_a_webhook_has_a_key_and_an_address(awx: AwxLab) -> None:
    template = awx.template(webhook_service="github")
    shown = awx.get("job_templates", template)
    assert shown["related"]["webhook_receiver"] == f"/api/v2/job_templates/{template}/github/"
    assert "webhook_key" not in shown
    key = awx.api.call("GET", f"job_templates/{template}/webhook_key/")["webhook_key"]
    assert len(key) == 50
    assert awx.api.call("POST", f"job_templates/{template}/webhook_key/")["webhook_key"] != key


def test_an_inventory_source_reads_a_file_of_its_project(awx: AwxLab) -> None:
    given = {"inventory": awx.inventory, "source": "scm"}
    body = {"name": "x", **given}
    assert awx.refused("POST", "inventory_sources/", body)[1] == {
        "source_project": ["Project required for scm type sources."]
    }
    for name, path, status in (("here", "inventories/dev/hosts.yml", "successful"), ("gone", "nowhere.yml", "failed")):
        source = awx.make("inventory_sources", name=name, source_project=awx.project, source_path=path, **given)
        job = awx.api.call("POST", f"inventory_sources/{source}/update/")
        awx.get("inventory_updates", job["id"])
        assert awx.get("inventory_updates", job["id"])["status"] == status


def test_what_is_being_updated_is_not_deleted(awx: AwxLab) -> None:
    awx.api.call("POST", f"projects/{awx.project}/update/")
    for path in (f"projects/{awx.project}/", f"organizations/{awx.organization}/"):
        status, body = awx.refused("DELETE", path)
        assert (status, body["error"]) == (409, "Resource is being used by running jobs.")
    awx.finish_updates()
    awx.api.call("DELETE", f"projects/{awx.project}/")


def test_a_removal_takes_along_what_awx_takes_along(awx: AwxLab) -> None:
    template = awx.template()
    awx.make("teams", name="team", organization=awx.organization)
    awx.make(
        "schedules",
        name="s",
        unified_job_template=template,
        rrule="DTSTART:20260101T020000Z RRULE:FREQ=DAILY;INTERVAL=1",
    )
    awx.make("inventory_sources", name="i", inventory=awx.inventory, source="scm", source_project=awx.project)
    awx.api.call("DELETE", f"projects/{awx.project}/")
    assert awx.get("job_templates", template)["project"] is None
    assert awx.listed("inventory_sources/") == []
    awx.api.call("DELETE", f"organizations/{awx.organization}/")
    assert awx.listed("teams/") == []
    assert awx.get("job_templates", template)["organization"] is None
    assert awx.get("inventories", awx.inventory)["organization"] is None
    awx.api.call("DELETE", f"job_templates/{template}/")
    assert awx.listed("schedules/") == []


def test_an_inventory_is_deleted_in_awxs_own_time(awx: AwxLab) -> None:
    template = awx.template()
    awx.api.call("DELETE", f"inventories/{awx.inventory}/")
    assert awx.get("job_templates", template)["inventory"] is None
    assert awx.refused("DELETE", f"inventories/{awx.inventory}/")[0] == 400
    assert awx.refused("POST", "inventories/", {"name": "hosts", "organization": awx.organization})[0] == 400
    assert [row["pending_deletion"] for row in awx.listed("inventories/")] == [True]
    while awx.listed("inventories/"):
        pass
    awx.make("inventories", name="hosts", organization=awx.organization)


def test_a_label_lives_as_long_as_something_carries_it(awx: AwxLab) -> None:
    label = awx.make("labels", name="ours", organization=awx.organization)
    assert awx.refused("DELETE", f"labels/{label}/")[0] == 405
    first, second = awx.template("first"), awx.template("second")
    for template in (first, second):
        awx.attach(f"job_templates/{template}/labels/", label)
    awx.api.call("POST", f"job_templates/{first}/labels/", {"id": label, "disassociate": True})
    assert len(awx.listed("labels/")) == 1
    awx.api.call("DELETE", f"job_templates/{second}/")
    assert awx.listed("labels/") == []


def test_what_is_attached_keeps_its_order_and_is_forgotten_when_it_goes(awx: AwxLab) -> None:
    kind = awx.listed("credential_types/?namespace=galaxy_api_token")[0]["id"]
    path = f"organizations/{awx.organization}/galaxy_credentials/"
    second, first = awx.credential(kind, "second"), awx.credential(kind, "first")
    for number in (first, second):
        awx.attach(path, number)
    assert [row["id"] for row in awx.listed(path)] == [first, second]
    awx.api.call("DELETE", f"credentials/{first}/")
    assert [row["id"] for row in awx.listed(path)] == [second]
    assert awx.refused("POST", path, {"id": awx.credential(awx.credential_type())})[0] == 400
    assert awx.refused("POST", path, {"ids": [1]})[0] == 400


def test_roles_are_granted_and_taken(awx: AwxLab) -> None:
    flow = awx.workflow()
    roles = awx.get("workflow_job_templates", flow)["summary_fields"]["object_roles"]
    assert set(roles) == {"admin_role", "execute_role", "read_role", "approval_role"}
    path = f"roles/{roles['approval_role']['id']}/teams/"
    team = awx.make("teams", name="release", organization=awx.organization)
    awx.attach(path, team)
    assert [row["name"] for row in awx.listed(path)] == ["release"]
    awx.api.call("POST", path, {"id": team, "disassociate": True})
    assert awx.listed(path) == []
    awx.api.call("DELETE", f"workflow_job_templates/{flow}/")
    assert awx.refused("GET", path)[0] == 404
