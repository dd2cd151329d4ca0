# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for AWX over HTTP: who is let in, what is counted, lists and what they are filtered by."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.awx.problems import Refused
from tests.support.awx_api import READ_TOKEN, TOKEN, AwxApi
from tests.support.awx_api_lab import URL, AwxLab

pytest_plugins = ["tests.support.awx_api_fixtures"]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def served(awx: AwxLab) -> t.Iterator[AwxApi]:
    with awx.api as api:
        yield api


def ask(api: AwxApi, method: str, path: str, body: object = None, token: str = TOKEN) -> tuple[int, t.Any, t.Any]:
    """Status, body and headers."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{api.url}{path}", data=data, headers=headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            content = answer.read()
            return answer.status, json.loads(content) if content else None, answer.headers
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read()), refused.headers


def test_it_says_that_it_is_awx_and_which(served: AwxApi) -> None:
    status, body, headers = ask(served, "GET", "/api/v2/ping/", token="")
    assert (status, body["version"]) == (200, "24.6.1")
    assert (headers["X-API-Product-Name"], headers["X-API-Product-Version"]) == ("AWX", "24.6.1")


@pytest.mark.parametrize("token", ["", "wrong"])
def test_without_a_token_nobody_is_let_in(served: AwxApi, token: str) -> None:
    assert ask(served, "GET", "/api/v2/organizations/", token=token)[0] == 401
    assert ask(served, "POST", "/api/v2/organizations/", {"name": "x"}, token=token)[0] == 401


def test_a_token_to_read_does_not_write(served: AwxApi) -> None:
    assert ask(served, "GET", "/api/v2/organizations/", token=READ_TOKEN)[0] == 200
    status, body, _headers = ask(served, "POST", "/api/v2/organizations/", {"name": "x"}, token=READ_TOKEN)
    assert (status, body) == (403, {"detail": "You do not have permission to perform this action."})


def test_requests_are_counted_with_what_they_sent(served: AwxApi) -> None:
    served.forget_requests()
    ask(served, "GET", "/api/v2/organizations/?name=x")
    ask(served, "POST", "/api/v2/organizations/", {"name": "x"})
    ask(served, "POST", "/api/v2/organizations/", {"name": "x"})
    assert [(seen.method, seen.path, seen.status) for seen in served.requests] == [
        ("GET", "/api/v2/organizations/?name=x", 200),
        ("POST", "/api/v2/organizations/", 201),
        ("POST", "/api/v2/organizations/", 400),
    ]
    assert [seen.body for seen in served.writes] == [{"name": "x"}, {"name": "x"}]
    listed = ask(served, "GET", "/requests/")[1]
    assert [seen["status"] for seen in listed] == [200, 201, 400]


def test_what_is_not_there_or_not_allowed(served: AwxApi) -> None:
    assert ask(served, "GET", "/api/v2/nothing/")[0] == 404
    assert ask(served, "GET", "/api/v2/projects/99999/")[:2] == (404, {"detail": "Not found."})
    assert ask(served, "GET", "/api/v2/projects/other++Nobody/")[0] == 404
    status, body, _headers = ask(served, "PUT", "/api/v2/organizations/1/", {})
    assert status in (404, 405)
    assert ask(served, "POST", "/api/v2/unified_job_templates/", {})[1] == {"detail": 'Method "POST" not allowed.'}
    assert ask(served, "POST", "/api/v2/organizations/", ["x"])[0] == 400
    assert body


def test_a_fault_is_answered_once(served: AwxApi) -> None:
    served.fail("GET", "/api/v2/organizations/", Refused(503, {"detail": "away"}))
    assert ask(served, "GET", "/api/v2/organizations/")[0] == 503
    assert ask(served, "GET", "/api/v2/organizations/")[0] == 200


def test_lists_have_pages_that_lead_to_each_other(awx: AwxLab) -> None:
    for number in range(30):
        awx.make("labels", name=f"label {number:02}", organization=awx.organization)
    first = awx.api.call("GET", "labels/?order_by=name")
    assert (first["count"], len(first["results"]), first["previous"]) == (30, 25, None)
    second = awx.api.call("GET", first["next"].removeprefix("/api/v2/"))
    assert [row["name"] for row in second["results"]] == [f"label {number}" for number in range(25, 30)]
    assert (second["next"], second["previous"]) == (None, "/api/v2/labels/?order_by=name&page=1")
    assert awx.refused("GET", "labels/?page=9") == (404, {"detail": "Invalid page."})
    assert len(awx.listed("labels/?page_size=200")) == 30


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("name=code", ["code"]),
        ("organization__name=Hotpass", ["code"]),
        ("name__in=code,other", ["code", "other"]),
        ("name__startswith=co", ["code"]),
        ("name__icontains=OD", ["code"]),
        ("not__name=code", ["other"]),
        ("or__name=code&or__name=other", ["code", "other"]),
        ("organization=null", ["other"]),
        ("organization__isnull=true", ["other"]),
        ("scm_update_on_launch=false&scm_type=git", ["code"]),
    ],
)
def test_lists_are_filtered(awx: AwxLab, query: str, names: list[str]) -> None:
    awx.make("projects", name="other", scm_type="")
    assert [row["name"] for row in awx.listed(f"projects/?{query}")] == names


def test_a_filter_by_a_field_that_there_is_not_is_refused(awx: AwxLab) -> None:
    assert awx.refused("GET", "projects/?nmae=x") == (400, {"detail": "Project has no field named 'nmae'"})


def test_an_object_is_found_by_its_named_url(awx: AwxLab) -> None:
    assert awx.api.call("GET", "projects/code++Hotpass/")["id"] == awx.project
    assert awx.api.call("GET", "organizations/Hotpass/")["id"] == awx.organization


def test_what_can_be_run_is_listed_together(awx: AwxLab) -> None:
    awx.template()
    awx.workflow()
    found = {row["name"]: row["type"] for row in awx.listed("unified_job_templates/")}
    assert found == {"code": "project", "run": "job_template", "flow": "workflow_job_template"}
    assert [row["name"] for row in awx.listed("unified_job_templates/?type=job_template")] == ["run"]
    assert awx.listed("unified_job_templates/?type=workflow_approval&name=flow") == []


def test_it_runs_by_hand() -> None:
    command = [sys.executable, "-m", "tests.support.awx_api", "--port", "0", "--url", URL]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("http://127.0.0.1:")
            address = line.split()[0]
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"{address}/api/v2/ping/", timeout=60) as answer:
                assert json.load(answer)["version"] == "24.6.1"
        finally:
            process.terminate()
