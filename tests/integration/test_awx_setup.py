# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX set up as code: the real modules of ``awx.awx`` against an AWX that refuses what AWX refuses."""

from __future__ import annotations

import copy
import os
import typing as t
from pathlib import Path

import pytest

from tests.support.awx.problems import Refused
from tests.support.awx_api import READ_TOKEN
from tests.support.awx_api_plays import COLLECTION, AwxSite, Data, role_data

pytestmark = pytest.mark.integration

TEMPLATES = role_data("defaults", "main", "job_templates.yml")["awx_setup_job_templates"]
RINGS = role_data("defaults", "main", "rings.yml")["awx_setup_rings"]
WORKFLOWS = role_data("defaults", "main", "workflows.yml")
NODE = {"identifier": "dev", "template": "promote", "ring": "dev"}
RULE = "DTSTART;TZID=UTC:20260101T030000 RRULE:FREQ=HOURLY;INTERVAL=2"


@pytest.fixture
def site(tmp_path: Path) -> t.Iterator[AwxSite]:
    """An AWX of its own; whatever a test runs, no secret is said."""
    if not COLLECTION.is_dir():
        absent = "the collection awx.awx is not in .cache/awx, where make fetches it"
        if os.environ.get("HOTPASS_TEST_REQUIRE_ALL"):
            pytest.fail(absent)
        pytest.skip(absent)
    made = AwxSite(tmp_path)
    with made.api:
        yield made
    assert "Traceback" not in made.output
    assert not [secret for secret in made.secrets if secret in made.output]


def small() -> Data:
    """Data with one of each kind, so that a run is short."""
    named = {template["name"]: template for template in TEMPLATES}
    templates = [{**copy.deepcopy(named[name]), "rings": ["dev"]} for name in ("promote", "drift", "deploy")]
    nodes = [
        {**NODE, "next": ["approval"]},
        {"identifier": "approval", "approval": "approval of dev", "timeout": 3600},
    ]
    return {
        "awx_setup_rings": RINGS[:1],
        "awx_setup_job_templates": templates,
        "awx_setup_workflows": [{"name": "release", "description": "One ring", "nodes": nodes}],
        "awx_setup_schedules": [{**WORKFLOWS["awx_setup_schedules"][0], "rings": ["dev"]}],
    }


def test_everything_is_made_and_a_second_run_writes_nothing(site: AwxSite) -> None:
    before = site.api.snapshot()
    made = site.run()
    assert made.code == 0, made.output
    assert {seen.status for seen in made.writes} <= {200, 201, 202, 204}

    pairs = [(template, ring) for template in TEMPLATES for ring in template["rings"]]
    assert site.names("job_templates") == sorted(f"Hotpass {template['name']} {ring}" for template, ring in pairs)
    for template, ring in pairs:
        name = f"Hotpass {template['name']} {ring}"
        shown = site.find("job_templates", name)
        assert (shown["playbook"], shown["limit"]) == (template["playbook"], ring)
        assert shown["summary_fields"]["inventory"]["name"] == f"Hotpass {ring}"
        survey = site.api.call("GET", f"job_templates/{shown['id']}/survey_spec/")
        assert survey.get("spec", []) == template.get("survey", [])
        assert bool(shown["webhook_service"]) == template.get("webhook", False)
    for ring in RINGS:
        source = site.find("inventory_sources", f"Hotpass {ring['ring']}")
        assert (source["source"], source["source_path"]) == ("scm", ring["source_path"])
        job = site.api.call("POST", f"inventory_sources/{source['id']}/update/")
        for _look in range(2):
            job = site.api.call("GET", f"inventory_updates/{job['id']}/")
        assert job["status"] == "successful", job
    assert _walk(site, "Hotpass release") == [
        "dev: Hotpass promote dev",
        "staging: Hotpass promote staging",
        "production: Hotpass promote production",
        "approval: Hotpass approval of production",
        "production-approved: Hotpass promote production {'awaiting': 'fail'}",
    ]
    scheduled = [
        f"Hotpass {each['name']} {ring}" for each in WORKFLOWS["awx_setup_schedules"] for ring in each["rings"]
    ]
    assert site.names("schedules") == sorted(scheduled)
    # Only what was given secrets for is made, and only that is given to jobs.
    assert site.names("credentials") == ["Hotpass Prefect dev", "Hotpass keys dev"]
    dev = site.find("job_templates", "Hotpass promote dev")
    attached = site.api.call("GET", f"job_templates/{dev['id']}/credentials/")["results"]
    assert sorted(row["name"] for row in attached) == ["Hotpass Prefect dev", "Hotpass keys dev"]
    assert "no job has them" in made.words

    again = site.run()
    assert (again.code, again.changed, again.writes) == (0, 0, []), again.output
    _others_are_as_they_were(before, site.api.snapshot())


def test_what_differs_is_put_right_and_what_was_made_is_taken_away(site: AwxSite) -> None:
    site.data |= small()
    before = site.api.snapshot()
    made = site.run()
    assert made.code == 0, made.output

    # In the data one question, one rule and one description are others now, and a job template is gone.
    changes = small()
    changes["awx_setup_job_templates"][0]["survey"][0]["question_name"] = "Digest"
    changes["awx_setup_job_templates"][1]["description"] = "Whether {ring} drifts"
    del changes["awx_setup_job_templates"][2]
    changes["awx_setup_schedules"][0]["rrule"] = RULE
    site.data |= {**changes, "awx_setup_prune": True}
    _meddle(site)
    foreseen = site.run("--check")
    assert (foreseen.code, foreseen.writes) == (0, []), foreseen.output
    changed = site.run()
    assert changed.code == 0, changed.output
    nodes = [("POST", "workflow_job_template_nodes/")] * 2
    assert changed.written() == [
        ("PATCH", "inventory_sources/N/"),
        ("PATCH", "job_templates/N/"),
        ("POST", "job_templates/N/survey_spec/"),
        ("PATCH", "job_templates/N/"),
        *[("DELETE", "workflow_job_template_nodes/N/")] * 2,
        *nodes,
        ("POST", "workflow_job_template_nodes/N/create_approval_template/"),
        ("POST", "workflow_job_template_nodes/N/success_nodes/"),
        ("PATCH", "schedules/N/"),
        ("DELETE", "job_templates/N/"),
    ]
    assert foreseen.changed == changed.changed
    promote, drift = (site.find("job_templates", f"Hotpass {name} dev") for name in ("promote", "drift"))
    assert site.names("job_templates") == ["Hotpass drift dev", "Hotpass promote dev"]
    assert drift["description"].startswith("Whether dev drifts (")
    assert (promote["playbook"], promote["survey_enabled"]) == ("playbooks/promote.yml", True)
    assert site.api.call("GET", f"job_templates/{promote['id']}/survey_spec/")["spec"][0]["question_name"] == "Digest"
    assert site.find("inventory_sources", "Hotpass dev")["source_path"] == "inventories/dev/hosts.yml"
    schedule = site.find("schedules", "Hotpass drift dev")
    assert (schedule["rrule"], schedule["enabled"]) == (RULE, True)
    assert _walk(site, "Hotpass release") == ["dev: Hotpass promote dev", "approval: Hotpass approval of dev"]

    # What somebody else has put into it stays, and what that needs.
    alice = site.api.call(
        "POST",
        "credentials/",
        {
            "name": "alice",
            "organization": site.find("organizations", "Hotpass")["id"],
            "credential_type": site.find("credential_types", "Hotpass signing key")["id"],
        },
    )
    gone = site.run("-e", "awx_state=absent")
    assert gone.code == 0, gone.output
    assert {(seen.method, seen.status) for seen in gone.writes} == {("DELETE", 202), ("DELETE", 204)}
    assert (site.names("credential_types"), site.names("organizations")) == (["Hotpass signing key"], ["Hotpass"])
    assert site.names("job_templates") == site.names("projects") == site.names("credentials") == []
    assert "but for what others use or have put into it" in gone.words
    site.api.call("DELETE", f"credentials/{alice['id']}/")
    last = site.run("-e", "awx_state=absent")
    assert last.written() == [("DELETE", "credential_types/N/"), ("DELETE", "organizations/N/")], last.output
    site.settle()
    assert site.api.snapshot() == before
    again = site.run("-e", "awx_state=absent")
    assert (again.code, again.changed, again.writes) == (0, 0, []), again.output


def test_check_mode_on_an_empty_awx_writes_nothing(site: AwxSite) -> None:
    site.data |= small()
    before = site.api.snapshot()
    foreseen = site.run("--check")
    assert foreseen.writes == []
    assert site.api.snapshot() == before
    assert foreseen.code == 0, foreseen.output
    assert foreseen.changed > 0


def test_what_comes_with_the_role_is_left_out_for_rings_that_are_not_there_and_that_is_said(site: AwxSite) -> None:
    foreseen = site.run("--check", awx_setup_rings=RINGS[1:2], awx_setup_workflows=[])
    assert (foreseen.code, foreseen.writes) == (0, []), foreseen.output
    assert "would have 7 job templates, 0 workflows and 2 schedules of Hotpass." in foreseen.words
    assert (
        "awx_setup_rings does not have dev, production, so their job templates and schedules are left out."
        in foreseen.words
    )


@pytest.mark.parametrize(
    ("token", "sentence"),
    [
        ("wrong", "Invalid authentication credentials for /api/v2/me/ (HTTP 401)."),
        (READ_TOKEN, "You don't have permission to POST to /api/v2/organizations/ (HTTP 403)."),
    ],
)
def test_who_may_not_is_told_so(site: AwxSite, token: str, sentence: str) -> None:
    site.data |= small()
    before = site.api.snapshot()
    refused = site.run(token=token)
    assert (refused.code, site.api.snapshot()) == (2, before), refused.output
    assert sentence in refused.words
    assert token not in refused.output


def test_what_awx_refuses_is_said_in_its_words(site: AwxSite) -> None:
    site.data |= small()
    refused = site.run(awx_setup_image="https://registry.example.com/hotpass/ee:1.0.0")
    assert refused.code == 2
    assert "Unable to create execution_environment Hotpass" in refused.words
    assert "The image name https://registry.example.com/hotpass/ee:1.0.0 is not valid." in refused.words


def test_an_awx_that_is_away_is_told_apart_from_one_that_refuses(site: AwxSite) -> None:
    site.data |= small()
    site.api.fail("GET", "/api/v2/me/", Refused(503, {"detail": "away"}))
    away = site.run()
    assert (away.code, away.writes) == (2, [])
    assert "HTTP Error 503" in away.words


def test_a_name_that_somebody_else_uses_is_told_before_anything_is_written(site: AwxSite) -> None:
    ours = site.api.call("POST", "organizations/", {"name": "Hotpass"})["id"]
    site.api.call("POST", "projects/", {"name": "Hotpass", "organization": ours})
    site.data |= small()
    refused = site.run()
    assert (refused.code, refused.writes) == (2, []), refused.output
    (sentence,) = refused.errors
    assert "AWX has projects that this playbook did not make, by names that it needs: Hotpass." in sentence
    assert "awx_setup_prefix" in sentence


@pytest.mark.parametrize("missing", ["awx_setup_scm_url", "awx_setup_image"])
def test_what_cannot_be_guessed_has_to_be_given(site: AwxSite, missing: str) -> None:
    refused = site.run(**{missing: ""})
    assert (refused.code, site.api.requests) == (2, [])
    assert f"{missing} is not set" in refused.words


def _walk(site: AwxSite, name: str) -> list[str]:
    """The nodes of a workflow in the order in which they run, each with what it runs and answers."""
    flow = site.find("workflow_job_templates", name)
    nodes = {
        row["id"]: row
        for row in site.api.call("GET", f"workflow_job_templates/{flow['id']}/workflow_nodes/")["results"]
    }
    followers = {number for row in nodes.values() for number in row["success_nodes"]}
    (first,) = set(nodes) - followers
    walked, ahead = [], [first]
    while ahead:
        row = nodes[ahead.pop()]
        answers = f" {row['extra_data']}" if row["extra_data"] else ""
        walked.append(f"{row['identifier']}: {row['summary_fields']['unified_job_template']['name']}{answers}")
        ahead += row["success_nodes"]
        assert row["failure_nodes"] == row["always_nodes"] == []
    return walked


def _meddle(site: AwxSite) -> None:
    call = site.api.call
    promote = site.find("job_templates", "Hotpass promote dev")["id"]
    call("DELETE", f"job_templates/{promote}/survey_spec/")
    call("PATCH", f"job_templates/{promote}/", {"playbook": "playbooks/rollback.yml", "survey_enabled": False})
    drift = site.find("job_templates", "Hotpass drift dev")["id"]
    call("PATCH", f"job_templates/{drift}/", {"job_tags": "nothing", "ask_forks_on_launch": True})
    flow = site.find("workflow_job_templates", "Hotpass release")["id"]
    nodes = call("GET", f"workflow_job_templates/{flow}/workflow_nodes/")["results"]
    first = next(row for row in nodes if row["identifier"] == "dev")
    for number in first["success_nodes"]:
        call("POST", f"workflow_job_template_nodes/{first['id']}/success_nodes/", {"id": number, "disassociate": True})
    source = site.find("inventory_sources", "Hotpass dev")["id"]
    call("PATCH", f"inventory_sources/{source}/", {"source_path": "inventories/staging/hosts.yml"})
    schedule = site.find("schedules", "Hotpass drift dev")["id"]
    call("PATCH", f"schedules/{schedule}/", {"enabled": False})


def test_nodes_that_run_on_another_answer_or_in_another_way_are_made_anew(site: AwxSite) -> None:
    site.data |= small()
    made = site.run()
    assert made.code == 0, made.output
    call = site.api.call
    flow = site.find("workflow_job_templates", "Hotpass release")["id"]
    reconcile = {"extra_vars": '{"release": "sha256:0"}', "ask_tags_on_launch": True}

    def first() -> Data:
        nodes = call("GET", f"workflow_job_templates/{flow}/workflow_nodes/")["results"]
        return t.cast("Data", next(row for row in nodes if row["identifier"] == "dev"))

    def move(node: Data) -> None:
        (follower,) = node["success_nodes"]
        path = f"workflow_job_template_nodes/{node['id']}"
        call("POST", f"{path}/success_nodes/", {"id": follower, "disassociate": True})
        call("POST", f"{path}/always_nodes/", {"id": follower})

    for meddle in (
        move,
        lambda node: call("PATCH", f"workflow_job_template_nodes/{node['id']}/", {"job_type": "check"}),
        lambda node: call("PATCH", f"workflow_job_template_nodes/{node['id']}/", {"all_parents_must_converge": True}),
    ):
        meddle(first())
        changed = site.run()
        assert (changed.code, changed.changed) == (0, 1), changed.output
        found = first()
        assert len(found["success_nodes"]) == 1
        assert found["always_nodes"] == found["failure_nodes"] == []
        assert (found["job_type"], found["all_parents_must_converge"]) == (None, False)

    call("PATCH", f"workflow_job_templates/{flow}/", reconcile)
    schedule = site.find("schedules", "Hotpass drift dev")["id"]
    call("PATCH", f"schedules/{schedule}/", {"enabled": False})
    changed = site.run()
    assert changed.written() == [("PATCH", "workflow_job_templates/N/"), ("PATCH", "schedules/N/")], changed.output
    again = site.run()
    assert (again.code, again.changed, again.writes) == (0, 0, []), again.output


def _others_are_as_they_were(before: dict[str, list[Data]], after: dict[str, list[Data]]) -> None:
    for path, rows in before.items():
        assert [row for row in rows if row not in after[path]] == [], path


@pytest.mark.parametrize(
    ("data", "change", "sentence"),
    [
        (
            "awx_setup_job_templates",
            {"asks": ["limit"]},
            "awx_setup_job_templates.asks. Supported parameters include: ask",
        ),
        ("awx_setup_job_templates", {"job_type": "dry"}, "value of job_type must be one of: run, check, got: dry"),
        ("awx_setup_schedules", {"enable": False}, "awx_setup_schedules.enable. Supported parameters include:"),
        ("awx_setup_workflows", {"nodes": [{"identifier": "dev", "template": "promote"}]}, "template, ring"),
        (
            "awx_setup_workflows",
            {"nodes": [NODE, {**NODE, "identifier": "prod", "ring": "prod"}]},
            "In the workflow release node prod runs promote prod, and the job templates are only promote dev,",
        ),
        (
            "awx_setup_workflows",
            {"nodes": [{**NODE, "template": "approve"}, {**NODE, "identifier": "second", "template": "aprove"}]},
            "node dev runs approve dev, node second runs aprove dev, and the job templates are only promote dev,",
        ),
        (
            "awx_setup_workflows",
            {"nodes": [{**NODE, "next": ["aproval"]}, {"identifier": "approval", "approval": "approval of dev"}]},
            "In the workflow release aproval follows dev, and its nodes are only dev, approval.",
        ),
        (
            "awx_setup_workflows",
            {"nodes": [NODE, {**NODE, "template": "drift"}]},
            "In the workflow release several nodes have one identifier, and each needs its own: dev, dev.",
        ),
        (
            "awx_setup_workflows",
            {
                "nodes": [
                    {**NODE, "next": ["approval"]},
                    {"identifier": "approval", "approval": "of dev", "next": ["dev"]},
                ]
            },
            "In the workflow release what follows dev, approval leads back in a circle.",
        ),
        (
            "awx_setup_rings",
            {},
            "node production-approved runs promote production, and the job templates are only promote dev, rollback",
        ),
        (
            "awx_setup_job_templates",
            {"credentials": ["Prefect {ring}", "kyes {ring}", "store"]},
            "In the ring dev promote has the credential kyes dev, and awx_setup_credentials has only Prefect dev,",
        ),
        (
            "awx_setup_job_templates",
            {"rings": ["dev", "dve"]},
            "awx_setup_job_templates has promote in dve, and awx_setup_rings has only dev, staging, production.",
        ),
        (
            "awx_setup_schedules",
            {"rings": ["dve"]},
            "awx_setup_schedules has drift in dve, and awx_setup_rings has only dev, staging, production.",
        ),
        (
            "awx_setup_schedules",
            {"template": "promot"},
            "The schedule drift runs promot dev, and the job templates are only promote dev,",
        ),
        ("awx_setup_schedules", {"template": "approve"}, "The schedule drift runs approve dev, and the job"),
        (
            "awx_setup_job_templates",
            {"name": "drift"},
            "Several job templates would be called Hotpass drift dev in AWX, and each needs its own name.",
        ),
    ],
)
def test_what_is_misspelt_is_told_before_awx_is_asked(site: AwxSite, data: str, change: Data, sentence: str) -> None:
    (one, *others) = small()[data]
    refused = site.run(**{data: [{**one, **change}, *others]})
    assert (refused.code, site.api.requests) == (2, [])
    assert sentence in refused.words
