# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for AWX: nodes and edges of workflows, schedules, and what they may answer in advance."""

from __future__ import annotations

import typing as t

import pytest

from tests.support.awx_api_lab import AwxLab

pytest_plugins = ["tests.support.awx_api_fixtures"]

RULE = "DTSTART:20260101T020000Z RRULE:FREQ=DAILY;INTERVAL=1"
NODES = "workflow_job_template_nodes"
SURVEY = {
    "name": "",
    "description": "",
    "spec": [
        {"type": "text", "question_name": "Release", "variable": "release", "required": True},
        {"type": "integer", "question_name": "Seconds", "variable": "seconds", "required": False, "max": 60},
    ],
}


@pytest.fixture
def surveyed(awx: AwxLab) -> int:
    """A job template with a survey."""
    template = awx.template(survey_enabled=True)
    awx.api.call("POST", f"job_templates/{template}/survey_spec/", SURVEY)
    return template


def node(awx: AwxLab, flow: int, identifier: str, **fields: t.Any) -> int:
    return awx.make(NODES, workflow_job_template=flow, identifier=identifier, **fields)


def test_nodes_have_a_name_of_their_own_in_their_workflow(awx: AwxLab) -> None:
    flow, other = awx.workflow(), awx.workflow("other")
    node(awx, flow, "one")
    node(awx, other, "one")
    body = {"workflow_job_template": flow, "identifier": "one"}
    assert awx.refused("POST", f"{NODES}/", body) == (
        400,
        {"__all__": ["Workflow job template node with this Identifier and Workflow job template already exists."]},
    )
    unnamed = awx.make(NODES, workflow_job_template=flow)
    assert len(awx.get(NODES, unnamed)["identifier"]) == 36
    assert awx.refused("PATCH", f"{NODES}/{unnamed}/", {"workflow_job_template": other})[0] == 400
    assert awx.refused("POST", f"{NODES}/", {"workflow_job_template": flow, "unified_job_template": flow})[0] == 400


def test_edges_make_no_circle_and_no_second_relation(awx: AwxLab) -> None:
    flow = awx.workflow()
    first, second, third = (node(awx, flow, name) for name in ("first", "second", "third"))
    awx.attach(f"{NODES}/{first}/success_nodes/", second)
    awx.attach(f"{NODES}/{second}/always_nodes/", third)
    assert awx.refused("POST", f"{NODES}/{third}/failure_nodes/", {"id": first})[1] == {"Error": "Cycle detected."}
    assert awx.refused("POST", f"{NODES}/{first}/success_nodes/", {"id": first})[1] == {"Error": "Cycle detected."}
    refused = awx.refused("POST", f"{NODES}/{first}/failure_nodes/", {"id": second})
    assert refused == (400, {"Error": "Relationship not allowed."})
    stranger = node(awx, awx.workflow("other"), "stranger")
    assert awx.refused("POST", f"{NODES}/{first}/success_nodes/", {"id": stranger})[0] == 400
    assert awx.get(NODES, first)["success_nodes"] == [second]
    awx.api.call("DELETE", f"{NODES}/{second}/")
    assert awx.get(NODES, first)["success_nodes"] == []


def test_an_approval_lives_with_its_node(awx: AwxLab) -> None:
    flow = awx.workflow()
    hold = node(awx, flow, "hold")
    path = f"{NODES}/{hold}/create_approval_template/"
    approval = awx.api.call(
        "POST", path, {"name": "Go", "timeout": 60, "identifier": "hold", "workflow_job_template": flow}
    )
    assert awx.get(NODES, hold)["related"]["unified_job_template"] == approval["url"]
    awx.api.call("PATCH", f"workflow_approval_templates/{approval['id']}/", {"timeout": 90})
    assert awx.get("workflow_approval_templates", approval["id"])["timeout"] == 90
    assert awx.refused("GET", f"workflow_approval_templates/{approval['id']}/success_nodes/")[0] == 404
    assert awx.refused("POST", "workflow_approval_templates/", {"name": "x"})[0] == 405
    assert awx.refused("POST", path, {"name": "Go", "time_out": 60})[0] == 400
    second = awx.api.call("POST", path, {"name": "Go on"})
    assert [row["id"] for row in awx.listed("workflow_approval_templates/")] == [second["id"]]
    awx.api.call("DELETE", f"workflow_job_templates/{flow}/")
    assert awx.listed(f"{NODES}/") == awx.listed("workflow_approval_templates/") == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"extra_data": {"realease": "x"}}, "extra_data"),
        ({"extra_data": {"seconds": 61}}, "variables_needed_to_start"),
        ({"limit": "dev"}, "limit"),
        ({"job_type": "check"}, "job_type"),
        ({"inventory": True}, "inventory"),
    ],
)
def test_a_node_answers_only_what_is_asked(awx: AwxLab, surveyed: int, fields: dict[str, t.Any], field: str) -> None:
    body = {"workflow_job_template": awx.workflow(), "unified_job_template": surveyed, **fields}
    status, found = awx.refused("POST", f"{NODES}/", body)
    assert (status, list(found)) == (400, [field])


def test_a_node_may_leave_an_answer_open_and_a_schedule_may_not(awx: AwxLab, surveyed: int) -> None:
    node(awx, awx.workflow(), "open", unified_job_template=surveyed, extra_data={"seconds": 5})
    body = {"name": "s", "unified_job_template": surveyed, "rrule": RULE}
    assert awx.refused("POST", "schedules/", body)[1] == {"variables_needed_to_start": ["'release' value missing"]}
    schedule = awx.make("schedules", extra_data={"release": "x"}, **body)
    assert awx.refused("PATCH", f"schedules/{schedule}/", {"extra_data": {}})[0] == 400


def test_what_is_asked_may_be_answered(awx: AwxLab) -> None:
    template = awx.template(ask_variables_on_launch=True, ask_limit_on_launch=True, ask_credential_on_launch=True)
    flow = awx.workflow()
    given = {"unified_job_template": template, "extra_data": {"any": 1}, "limit": "dev", "job_type": "run"}
    access = awx.credential(awx.credential_type())
    awx.attach(f"{NODES}/{node(awx, flow, 'one', **given)}/credentials/", access)
    path = f"{NODES}/{node(awx, flow, 'two', unified_job_template=awx.template('other'))}/credentials/"
    assert awx.refused("POST", path, {"id": access})[0] == 400


def test_a_variable_of_the_template_may_be_given_as_it_is(awx: AwxLab) -> None:
    template = awx.template(extra_vars='{"level": 3}')
    node(awx, awx.workflow(), "same", unified_job_template=template, extra_data={"level": 3})
    body = {
        "workflow_job_template": awx.workflow("other"),
        "unified_job_template": template,
        "extra_data": {"level": 4},
    }
    assert awx.refused("POST", f"{NODES}/", body)[0] == 400


def test_schedules_have_a_name_of_their_own_at_their_template(awx: AwxLab) -> None:
    template, other = awx.template(), awx.template("other")
    awx.make("schedules", name="s", unified_job_template=template, rrule=RULE)
    awx.make("schedules", name="s", unified_job_template=other, rrule=RULE)
    assert awx.refused("POST", "schedules/", {"name": "s", "unified_job_template": template, "rrule": RULE})[1] == {
        "__all__": ["Schedule with this Unified job template and Name already exists."]
    }
    assert (
        awx.refused("POST", "schedules/", {"name": "t", "unified_job_template": template, "rrule": "daily"})[0] == 400
    )
    manual = awx.make("projects", name="manual")
    assert awx.refused("POST", "schedules/", {"name": "s", "unified_job_template": manual, "rrule": RULE})[0] == 400
