# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every filter key that the code can send, held against the server's own schema.

The server ignores a key that it does not know and then matches everything, so a typing error here would fail open.
"""

from __future__ import annotations

import inspect
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.server import PrefectServer

pytestmark = pytest.mark.integration

PATHS = {
    "deployments": "/deployments/filter",
    "flows": "/flows/filter",
    "work_pools": "/work_pools/filter",
    "work_queues": "/work_pools/{work_pool_name}/queues/filter",
    "workers": "/work_pools/{work_pool_name}/workers/filter",
    "concurrency_limits": "/v2/concurrency_limits/filter",
    "variables": "/variables/filter",
    "flow_runs": "/flow_runs/filter",
    "artifacts": "/artifacts/filter",
    "automations": "/automations/filter",
}
SAMPLES: dict[str, t.Any] = {
    "states": ["COMPLETED"],
    "statuses": ["ONLINE"],
    "name_like": "what_nobody_has",
    "ended_after": "2999-01-01T00:00:00Z",
}
UUID = "0d6f6a52-3a2c-4d5e-9f5d-9b7f4a3f6a01"


def functions() -> dict[str, t.Callable[..., filters.Body]]:
    return {
        name: function
        for name, function in inspect.getmembers(filters, inspect.isfunction)
        if not name.startswith("_") and function.__module__ == filters.__name__
    }


def every_keyword(function: t.Callable[..., filters.Body]) -> dict[str, t.Any]:
    names = inspect.signature(function).parameters
    return {name: SAMPLES.get(name, [UUID] if name.endswith("ids") else ["what-nobody-has"]) for name in names}


@pytest.fixture(scope="module")
def schema(server: PrefectServer) -> dict[str, t.Any]:
    from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection

    with Session(Connection(server.api_url.removesuffix("/api"))) as outside:
        found: dict[str, t.Any] = outside.get("/openapi.json")
        return found


def properties(schema: dict[str, t.Any], node: dict[str, t.Any]) -> dict[str, t.Any]:
    """The properties that a schema node allows, through references and alternatives."""
    if "$ref" in node:
        node = schema["components"]["schemas"][node["$ref"].rsplit("/", 1)[-1]]
    found: dict[str, t.Any] = dict(node.get("properties") or {})
    for part in (*node.get("anyOf", ()), *node.get("allOf", ())):
        found.update(properties(schema, part))
    return found


def unknown_keys(schema: dict[str, t.Any], node: dict[str, t.Any], body: dict[str, t.Any], where: str) -> list[str]:
    allowed = properties(schema, node)
    problems = [f"{where}.{key}" for key in body if key not in allowed]
    for key, value in body.items():
        if isinstance(value, dict) and key in allowed:
            problems += unknown_keys(schema, allowed[key], value, f"{where}.{key}")
    return problems


def body_schema(schema: dict[str, t.Any], path: str) -> dict[str, t.Any]:
    paths = {key.removeprefix("/api"): value for key, value in schema["paths"].items()}
    found: dict[str, t.Any] = paths[path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return found


def test_each_function_has_its_path() -> None:
    assert set(functions()) == set(PATHS)


@pytest.mark.parametrize("name", sorted(PATHS))
def test_the_server_knows_every_key(schema: dict[str, t.Any], name: str) -> None:
    function = functions()[name]
    body = function(**every_keyword(function))
    node = body_schema(schema, PATHS[name])
    assert unknown_keys(schema, node, {**body, "limit": 1, "offset": 0}, name) == []
    # The check itself sees a key that the server would ignore.
    assert unknown_keys(schema, node, {"typo": {}}, name) == [f"{name}.typo"]


@pytest.mark.parametrize("name", sorted(PATHS))
def test_each_keyword_reaches_the_body(name: str) -> None:
    function = functions()[name]
    for keyword, value in every_keyword(function).items():
        assert function(**{keyword: value}) != {}, f"{name} drops {keyword}"
    assert function() == {}


@pytest.mark.parametrize("name", sorted(set(PATHS) - {"work_queues", "workers"}))
def test_the_server_takes_each_keyword_and_empty_lists_match_nothing(session: Session, name: str) -> None:
    function = functions()[name]
    session.write("POST", "/flows/", {"name": "filters"})
    for keyword, value in every_keyword(function).items():
        found = session.search(PATHS[name], function(**{keyword: value}))
        # Only the states name something that other tests make.
        assert found == [] or keyword == "states"
        if isinstance(value, list) and keyword != "tags":
            assert session.search(PATHS[name], function(**{keyword: []})) == []


@pytest.mark.parametrize("name", sorted(PATHS))
def test_an_unknown_keyword_is_a_mistake_in_python(name: str) -> None:
    with pytest.raises(TypeError):
        functions()[name](bogus=["x"])
