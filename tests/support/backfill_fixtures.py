# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fixtures of the tests that backfill a deployment of their own."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.backfill_site import PARAMETERS, MakeSite, Site
from tests.support.doors import Doors
from tests.support.server import PrefectServer
from tests.support.shapes import MakeDeployment, Unique


@pytest.fixture
def make_site(
    server: PrefectServer, session: Session, doors: Doors, make_deployment: MakeDeployment, unique: Unique
) -> MakeSite:
    """Makes a deployment like that of the manifest, with a key and a work pool of its own."""

    def make(**fields: t.Any) -> Site:
        pool, key = unique("pool"), f"{unique('key')}/backfill"
        session.write("POST", "/work_pools/", {"name": pool, "type": "process"})
        given = {
            "work_pool_name": pool,
            "concurrency_limit": 2,
            "parameters": {**PARAMETERS, "concurrency_key": key, **fields.pop("parameters", {})},
            **fields,
        }
        return Site(server, session, doors, make_deployment(name="backfill", **given), key, pool)

    return make


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """One such deployment."""
    return make_site()
