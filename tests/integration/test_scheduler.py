# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The locked Prefect really schedules.

Combinations of libraries exist with which the server answers ``/health`` and its scheduler fails at every loop; see the
comment in requirements/prefect.in.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.shapes import MakeDeployment

pytestmark = pytest.mark.integration

LOCK = Path(__file__).resolve().parents[2] / "requirements" / "prefect.txt"
PATIENCE = 180.0


def test_the_server_runs_the_locked_version(session: Session) -> None:
    locked = re.search(r"^prefect==([^ ;\\]+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    assert locked is not None
    assert session.get("/admin/version") == locked[1]


def test_a_scheduled_run_appears(session: Session, make_deployment: MakeDeployment) -> None:
    schedule = {"schedule": {"cron": "0 6 * * *", "timezone": "UTC"}, "slug": "daily"}
    deployment = make_deployment(schedules=[schedule])
    deadline = time.monotonic() + PATIENCE
    runs = []
    while not runs:
        assert time.monotonic() < deadline, f"no scheduled run within {PATIENCE:g} s: the scheduler does not work"
        time.sleep(0.5)
        body = filters.flow_runs(deployment_ids=[deployment["id"]], states=["SCHEDULED"])
        runs = session.search("/flow_runs/filter", body)
    assert {run["auto_scheduled"] for run in runs} == {True}
    assert {run["expected_start_time"][11:16] for run in runs} == {"06:00"}
