# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A live server, a proxy before it, and the doors to the modules."""

from __future__ import annotations

import os
import typing as t
import uuid
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.doors import Doors
from tests.support.proxy import Proxy
from tests.support.server import PrefectServer
from tests.support.shapes import Door, MakeDeployment, Unique

GUARD = "tester:open-sesame-8264"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[PrefectServer]:
    """The live server of the whole run: the one at HOTPASS_TEST_API_URL, else one of our own."""
    running = os.environ.get("HOTPASS_TEST_API_URL")
    if running:
        yield PrefectServer(running.rstrip("/"))
        return
    started = PrefectServer.start(tmp_path_factory.mktemp("prefect-server"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def guarded_server(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[PrefectServer]:
    """A second server that asks for Basic authentication and for CSRF tokens."""
    started = PrefectServer.start(
        tmp_path_factory.mktemp("guarded-server"),
        {"PREFECT_SERVER_API_AUTH_STRING": GUARD, "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true"},
    )
    yield started
    started.stop()


@pytest.fixture(autouse=True)
def _no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("PREFECT_"):
            monkeypatch.delenv(name)


@pytest.fixture
def proxy(server: PrefectServer) -> t.Iterator[Proxy]:
    """Stands before the server, counts, and harms requests on demand."""
    with Proxy(server.api_url) as standing:
        yield standing


@pytest.fixture
def session(server: PrefectServer) -> t.Iterator[Session]:
    """A session straight to the server, for what a test prepares and checks: the proxy does not count it."""
    with Session(Connection(server.api_url, retries=10)) as opened:
        yield opened


@pytest.fixture
def doors(proxy: Proxy, tmp_path: Path) -> Doors:
    """All three ways into the modules, through the proxy."""
    return Doors({"api_url": proxy.api_url}, tmp_path)


@pytest.fixture
def door(doors: Doors) -> Door:
    """The quick way into a module, through the proxy: ``door("prefect_work_pool", name=..., check_mode=True)``."""
    return doors.room


@pytest.fixture
def unique() -> Unique:
    """A name that nothing else on the server has: ``unique("pool")``."""
    return lambda stem: f"{stem}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def make_deployment(session: Session, unique: Unique) -> MakeDeployment:
    """Makes a deployment without the code under test; returns the server's row with ``flow_name`` added."""

    def make(flow_name: str | None = None, name: str = "nightly", **fields: t.Any) -> dict[str, t.Any]:
        flow_name = flow_name or unique("flow")
        flow = session.write("POST", "/flows/", {"name": flow_name})
        row = session.write("POST", "/deployments/", {"name": name, "flow_id": flow["id"], **fields})
        return {**row, "flow_name": flow_name}

    return make
