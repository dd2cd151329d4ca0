# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Laws of plan and apply, searched for exceptions on a live server with whatever manifests hypothesis makes up."""

from __future__ import annotations

import typing as t
import uuid

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.desired import from_manifest
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.load import load_inline
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import plan as plan_
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.deployments import Wanted
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from hypothesis import HealthCheck, given, settings

from tests.support.server import PrefectServer
from tests.support.strategies import manifests

pytestmark = [pytest.mark.integration, pytest.mark.property]

Document = dict[str, t.Any]
# Numbers that no JSON number on the server's side holds exactly are the server's affair, not the plan's.
_LAWFUL = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.fixture(scope="module")
def pool_and_limit(server: PrefectServer) -> tuple[str, str]:
    pool, limit = f"pool-{uuid.uuid4().hex[:8]}", f"limit-{uuid.uuid4().hex[:8]}"
    with Session(Connection(server.api_url, retries=10)) as session:
        session.write("POST", "/work_pools/", {"name": pool, "type": "process"})
        session.write("POST", "/v2/concurrency_limits/", {"name": limit, "limit": 3})
    return pool, limit


def wanted(document: Document, flow_name: str, pool: str, limit: str) -> Wanted:
    """What the manifest asks for, with names that the server has and a schema that fits any parameters."""
    names = {"work_pool": pool, "global_concurrency_limit": limit}
    known = {key: names[key] for key in document if key in names and document[key] is not None}
    if document.get("work_queue") is not None:
        known["work_queue"] = "slow"
    document = {**document, **known, "id": "d", "flow_name": flow_name, "name": "d", "parameter_openapi_schema": {}}
    return from_manifest(load_inline(document), None, "hotpass/laws")


@_LAWFUL
@given(first=manifests, second=manifests)
def test_any_manifest_leads_to_any_other_and_then_nothing_is_left_to_write(
    server: PrefectServer, pool_and_limit: tuple[str, str], first: Document, second: Document
) -> None:
    flow_name = f"flow-{uuid.uuid4().hex[:8]}"
    with Session(Connection(server.api_url, retries=10)) as session:
        for document in (first, second):
            target = wanted(document, flow_name, *pool_and_limit)
            plan_.apply(session, plan_.make(session, {"d": target}, owner="hotpass/laws"))
            before = session.writes
            again = plan_.make(session, {"d": target}, owner="hotpass/laws")
            plan_.apply(session, again)
            assert [step.action for step in again.steps] == ["unchanged"], again.steps[0].report()["changes"]
            assert session.writes == before
        limit = session.get(f"/v2/concurrency_limits/{pool_and_limit[1]}")
        assert limit["limit"] == 3
        plan_.apply(session, plan_.make(session, {}, absent=[target], owner="hotpass/laws"))
        assert session.get(f"/v2/concurrency_limits/{pool_and_limit[1]}")["limit"] == 3
