# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the next run of a schedule, as the server has it, is too far away to be expected among its runs already."""

from __future__ import annotations

import datetime
import re
import typing as t
import zoneinfo

HORIZON_DAYS = 30

# Counting such a rule through from its start, years ago, would take minutes; its next run is near in practice.
_DENSE = re.compile(r"FREQ=(SECONDLY|MINUTELY)", re.IGNORECASE)
_RRULE_START = datetime.datetime(2020, 1, 1)  # noqa: DTZ001  Prefect lays rules without a DTSTART there.


def far_schedules(row: t.Mapping[str, t.Any], now: datetime.datetime) -> int:
    """How many active schedules a deployment has, if the next run of every one is beyond the horizon; else 0.

    A schedule counts as near when its next run cannot be told: it has ended, it cannot be read, or the library that
    reads it is missing here. So doubt asks for a run rather than for none.
    """
    active = [entry.get("schedule") or {} for entry in row.get("schedules") or [] if entry.get("active")]
    return len(active) if active and all(_is_far(schedule, now) for schedule in active) else 0


def _is_far(schedule: t.Mapping[str, t.Any], now: datetime.datetime) -> bool:
    try:
        wait = _until_next(schedule, now)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return False
    return wait is not None and wait > datetime.timedelta(days=HORIZON_DAYS)


def _until_next(schedule: t.Mapping[str, t.Any], now: datetime.datetime) -> datetime.timedelta | None:
    # Only who has a deployment without runs pays for these imports.
    from ansible_collections.hotpass.prefect.plugins.module_utils import third_party_manifests as third_party

    if schedule.get("interval"):
        interval = datetime.timedelta(seconds=float(schedule["interval"]))
        anchor = datetime.datetime.fromisoformat(schedule["anchor_date"])
        return interval - (now - anchor) % interval
    zone = zoneinfo.ZoneInfo(schedule.get("timezone") or "UTC")
    # Wall clock: an hour of summer time is nothing against the horizon.
    clock = now.astimezone(zone).replace(tzinfo=None)
    if schedule.get("cron"):
        times = third_party.croniter(schedule["cron"], clock, day_or=schedule.get("day_or", True))
        return times.get_next(datetime.datetime) - clock
    if _DENSE.search(schedule["rrule"]):
        return None
    rule = third_party.dateutil_rrule.rrulestr(schedule["rrule"], dtstart=_RRULE_START, ignoretz=True)
    following = rule.after(clock)
    return None if following is None else following - clock
