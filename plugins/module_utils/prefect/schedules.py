# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schedules of a deployment: how they are sent, and how one that came back is compared with the one wanted."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

Row = t.Mapping[str, t.Any]

_DEFAULT_TIMEZONE = "UTC"


@dataclasses.dataclass(frozen=True)
class Schedule:
    """One wanted schedule of a deployment.

    :param slug: its name within the deployment.
    :param kind: ``cron``, ``interval`` (``value`` in seconds) or ``rrule``.
    :param anchor_date: of an interval; None leaves it to the server, which takes the time of the first write.
    :param active: None leaves it to whoever toggles it in the UI.
    :param max_scheduled_runs: None for the server's default.
    """

    slug: str
    kind: t.Literal["cron", "interval", "rrule"]
    value: str | float
    timezone: str | None = None
    anchor_date: dt.datetime | None = None
    day_or: bool = True
    active: bool | None = None
    parameters: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    max_scheduled_runs: int | None = None

    def canonical(self) -> dict[str, t.Any]:
        """The managed fields, in the form that :func:`canonical_row` gives a row of the server."""
        fields: dict[str, t.Any] = {
            "kind": self.kind,
            "value": self._canonical_value(),
            "timezone": self.timezone or _DEFAULT_TIMEZONE,
            "parameters": dict(self.parameters),
            "max_scheduled_runs": self.max_scheduled_runs,
        }
        if self.kind == "cron":
            fields["day_or"] = self.day_or
        if self.anchor_date is not None:
            fields["anchor_date"] = _instant(self.anchor_date)
        if self.active is not None:
            fields["active"] = self.active
        return fields

    def _canonical_value(self) -> str | float:
        if self.kind == "interval":
            return _seconds(self.value)
        text = str(self.value).strip()
        return _canonical_rrule(text, keep_start=True) if self.kind == "rrule" else text

    def to_body(self, current: Row | None = None) -> dict[str, t.Any]:
        """The request body that creates or replaces this schedule.

        :param current: the server's row, whose values stay where this schedule manages none.
        """
        timezone = self.timezone or _DEFAULT_TIMEZONE
        schedule: dict[str, t.Any]
        if self.kind == "cron":
            schedule = {"cron": str(self.value).strip(), "timezone": timezone, "day_or": self.day_or}
        elif self.kind == "rrule":
            schedule = {"rrule": str(self.value).strip(), "timezone": timezone}
        else:
            schedule = {"interval": _seconds(self.value), "timezone": timezone}
            anchor = (
                self.anchor_date.isoformat()
                if self.anchor_date
                else ((current or {}).get("schedule") or {}).get("anchor_date")
            )
            if anchor:
                schedule["anchor_date"] = anchor
        active = self.active if self.active is not None else (current or {}).get("active", True)
        body: dict[str, t.Any] = {
            "slug": self.slug,
            "schedule": schedule,
            "active": active,
            "parameters": dict(self.parameters),
        }
        if self.max_scheduled_runs is not None:
            body["max_scheduled_runs"] = self.max_scheduled_runs
        return body


def key_of(row: Row) -> str:
    """What names a schedule within its deployment: its slug, or its id where somebody made it without one."""
    return row.get("slug") or f"id:{row['id']}"


def canonical_row(row: Row, like: Schedule | None) -> dict[str, t.Any]:
    """A schedule as the server has it, comparable with :meth:`Schedule.canonical` of ``like``.

    The server fills in what was not given: an interval's anchor, a recurrence rule's start. What ``like`` leaves to the
    server is left out here, so that it never counts as a difference.
    """
    schedule = row["schedule"]
    fields: dict[str, t.Any] = {
        "timezone": schedule.get("timezone") or _DEFAULT_TIMEZONE,
        "parameters": dict(row.get("parameters") or {}),
        "max_scheduled_runs": row.get("max_scheduled_runs"),
    }
    if "cron" in schedule:
        fields.update(kind="cron", value=schedule["cron"].strip(), day_or=schedule.get("day_or", True))
    elif "interval" in schedule:
        fields.update(kind="interval", value=_seconds(schedule["interval"]))
    else:
        keep_start = like is None or like.kind != "rrule" or "DTSTART" in str(like.value).upper()
        fields.update(kind="rrule", value=_canonical_rrule(schedule["rrule"], keep_start))
    if schedule.get("anchor_date") and (like is None or like.anchor_date is not None):
        fields["anchor_date"] = _instant(dt.datetime.fromisoformat(schedule["anchor_date"]))
    if like is None or like.active is not None:
        fields["active"] = bool(row.get("active", True))
    return fields


def row_to_body(row: Row) -> dict[str, t.Any]:
    """The request body that creates a schedule just like this row of the server."""
    body = {"schedule": row["schedule"], "active": row["active"], "parameters": dict(row.get("parameters") or {})}
    for key in ("slug", "max_scheduled_runs"):
        if row.get(key) is not None:
            body[key] = row[key]
    return body


def _canonical_rrule(text: str, keep_start: bool) -> str:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    if not keep_start:
        lines = [line for line in lines if not line.upper().startswith("DTSTART")]
    return "\n".join(line[6:] if line.upper().startswith("RRULE:") else line for line in lines)


def _seconds(value: str | float) -> float:
    """Seconds to the microsecond: the server keeps no more, and rounds a half otherwise than Python does."""
    return dt.timedelta(seconds=float(value)).total_seconds()


def _instant(moment: dt.datetime) -> str:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return aware.astimezone(dt.UTC).isoformat()
