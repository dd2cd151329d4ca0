# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which schedules are asked for a run ahead."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.next_run import far_schedules

NOW = datetime.datetime(2026, 1, 10, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("schedule", "far"),
    [
        ({"cron": "0 0 25 8 *", "timezone": "Africa/Johannesburg"}, True),
        ({"cron": "0 0 8 2 *"}, False),
        ({"cron": "0 0 10 2 *"}, True),
        ({"cron": "0 6 * * *"}, False),
        ({"interval": 86400.0 * 365, "anchor_date": "2026-01-01T00:00:00Z"}, True),
        ({"interval": 86400.0 * 365, "anchor_date": "2026-01-20T00:00:00Z"}, False),
        ({"interval": 86400.0 * 365, "anchor_date": "2030-01-15T00:00:00Z"}, False),
        ({"rrule": "FREQ=YEARLY;BYMONTH=8;BYMONTHDAY=25"}, True),
        ({"rrule": "DTSTART:20200125T000000Z\nFREQ=YEARLY"}, False),
        ({"rrule": "FREQ=DAILY;UNTIL=20250101T000000"}, False),
        ({"rrule": "DTSTART:19700101T000000\nFREQ=SECONDLY"}, False),
        ({"cron": "nonsense"}, False),
        ({"cron": "0 0 25 8 *", "timezone": "No/Where"}, False),
        ({}, False),
    ],
)
def test_far_is_what_fires_next_beyond_the_horizon(schedule: dict[str, t.Any], far: bool) -> None:
    assert far_schedules({"schedules": [{"active": True, "schedule": schedule}]}, NOW) == int(far)


def test_one_near_schedule_is_enough_to_ask() -> None:
    far = {"active": True, "schedule": {"cron": "0 0 25 8 *"}}
    near = {"active": True, "schedule": {"cron": "0 6 * * *"}}
    assert far_schedules({"schedules": [far, far]}, NOW) == 2
    assert far_schedules({"schedules": [far, near]}, NOW) == 0
    assert far_schedules({"schedules": [far, {**near, "active": False}]}, NOW) == 1
    assert far_schedules({"schedules": []}, NOW) == 0
