# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a schedule fires: what Prefect takes, checked as Prefect checks it, and what it takes but would never fire."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import math
import re
import typing as t
import zoneinfo

from ansible_collections.hotpass.prefect.plugins.module_utils import third_party_manifests as third_party

KINDS = ("cron", "interval", "rrule")
UNITS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
DEFAULT_SLUG = "default"

CRON = "a cron expression with 5 to 7 fields, such as 0 6 * * *"
INTERVAL = f"a number of seconds above 0 without quotes, or a mapping of {', '.join(UNITS)}"
RRULE = "an RFC 5545 rule, such as FREQ=DAILY;BYHOUR=6;BYMINUTE=0"
ANCHOR = "an ISO 8601 date and time, such as 2025-01-06T00:00:00Z, in the years 1970 to 2199"
TIMEZONE = "an IANA time zone, such as Africa/Johannesburg"

_LONGEST_CRON = 1_000
_LONGEST_RRULE = 6_500  # Prefect's own limit, in characters.
_LONGEST_INTERVAL = 100 * 366 * 86_400  # Beyond it the server's date arithmetic overflows.
_SHORTEST_INTERVAL = 1e-6  # One microsecond: anything shorter becomes zero on the server.
_HASHED = re.compile(r"(?:^|,)[hr]", re.IGNORECASE)
_SUNDAY_7 = re.compile(r"(?<![0-9/#])0*7(?![0-9])")
_CRON_START = datetime.datetime(1970, 1, 1)  # noqa: DTZ001  croniter counts in the schedule's own wall clock.
_CRON_YEARS = 130  # Cron's year field ends in 2099.

Problems = t.Iterator[tuple[tuple[str, ...], str]]


@dataclasses.dataclass(frozen=True)
class Schedule:
    """One schedule of a deployment, in one form for every way to write it.

    Exactly one of ``cron``, ``interval_seconds`` and ``rrule`` is set, as ``kind`` says.

    :param slug: names the schedule within its deployment.
    :param timezone: an IANA name, or None where none was declared; Prefect then means UTC.
    :param anchor_date: aware; None for a schedule without one, and for every kind but ``interval``.
    :param active: the schedule row's own switch, or None where it was not declared.
    :param parameters: laid over the deployment's parameters.
    """

    slug: str
    kind: t.Literal["cron", "interval", "rrule"]
    cron: str | None = None
    interval_seconds: float | None = None
    rrule: str | None = None
    timezone: str | None = None
    anchor_date: datetime.datetime | None = None
    active: bool | None = None
    parameters: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    max_scheduled_runs: int | None = None
    day_or: bool = True

    @property
    def value(self) -> str | float:
        """What the schedule's kind is about: the expression, the seconds, or the rule."""
        for value in (self.cron, self.interval_seconds, self.rrule):
            if value is not None:
                return value
        raise ValueError(f"the schedule {self.slug} has no value")


def check(entry: t.Mapping[str, t.Any]) -> Problems:
    """What is wrong with when a declared schedule fires, as pairs of a path within it and what is allowed there.

    Values of a wrong type that the model refuses by itself are passed over.
    """
    kind = entry.get("kind", "cron")
    timezone = entry.get("timezone")
    anchor = entry.get("anchor_date")
    if isinstance(timezone, str) and timezone not in _timezones():
        yield ("timezone",), TIMEZONE if _timezones() else "nothing: this host has no time zones, install tzdata"
    if not isinstance(kind, str):
        return
    kind = kind.lower()
    if kind not in KINDS:
        yield ("kind",), ", ".join(KINDS)
        return
    if anchor is not None and kind != "interval":
        yield ("anchor_date",), "anchor_date only with kind interval"
    elif isinstance(anchor, str) and parse_anchor(anchor) is None:
        yield ("anchor_date",), ANCHOR
    if "day_or" in entry and kind != "cron":
        yield ("day_or",), "day_or only with kind cron"
    if "value" in entry:
        yield from _check_value(kind, entry)


def _check_value(kind: str, entry: t.Mapping[str, t.Any]) -> Problems:
    value = entry["value"]
    if kind == "interval":
        yield from _check_interval(value)
        return
    allowed = CRON if kind == "cron" else RRULE
    if isinstance(value, str):
        if kind == "cron":
            allowed = _check_cron(value.strip(), entry.get("day_or") is not False)
        else:
            timezone = entry.get("timezone")
            allowed = _check_rrule(value.strip(), timezone if isinstance(timezone, str) else "UTC")
    if allowed:
        yield ("value",), allowed


@functools.lru_cache(maxsize=4096)
def _check_cron(text: str, day_or: bool) -> str:
    fields = text.split()
    if len(text) > _LONGEST_CRON or not text.isascii() or not third_party.croniter.is_valid(text):
        return CRON
    if any(_HASHED.search(field) for field in fields):
        return "a cron expression without random (R) and hashed (H) fields, which Prefect refuses"
    if len(fields) > 2 and "w" in fields[2].lower():
        return "a cron expression without nearest weekdays (W), which Prefect does not know"
    if len(fields) > 5 and _SUNDAY_7.search(fields[4]):
        return "0 for Sunday in a cron expression with 6 or 7 fields: Prefect knows no 7 there"
    try:
        third_party.croniter(text, _CRON_START, day_or=day_or, max_years_between_matches=_CRON_YEARS).get_next(
            datetime.datetime
        )
    except ValueError:
        return "a cron expression that matches some day of the calendar"
    return ""


def _check_interval(value: t.Any) -> Problems:
    if isinstance(value, dict):
        units = [unit for unit in value if unit not in UNITS]
        bad = [unit for unit in UNITS if unit in value and not (_is_number(value[unit]) and value[unit] >= 0)]
        for unit in units:
            yield ("value", str(unit)), ", ".join(UNITS)
        for unit in bad:
            yield ("value", unit), "a number from 0"
        if units or bad:
            return
    elif not _is_number(value):
        yield ("value",), INTERVAL
        return
    if not _SHORTEST_INTERVAL <= interval_seconds(value) <= _LONGEST_INTERVAL:
        yield ("value",), f"an interval above 0 and of at most {_LONGEST_INTERVAL} seconds"


def interval_seconds(value: t.Any) -> float:
    """The seconds of a checked interval: a number of seconds, or a mapping of units to numbers."""
    try:
        if isinstance(value, dict):
            return float(sum(UNITS[unit] * number for unit, number in value.items()))
        return float(value)
    except OverflowError:
        return math.inf


def _is_number(value: t.Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)


def parse_anchor(text: str) -> datetime.datetime | None:
    """The instant that an ISO 8601 text names, UTC where it names no offset; None where it is none."""
    try:
        anchor = datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if not 1970 <= anchor.year < 2200:
        return None
    return anchor if anchor.tzinfo else anchor.replace(tzinfo=datetime.UTC)


@functools.lru_cache(maxsize=1)
def _timezones() -> frozenset[str]:
    # "localtime" is a file of this host in some time zone databases; the server refuses it.
    return frozenset(name for name in zoneinfo.available_timezones() if "localtime" not in name)


_RRULE_START = datetime.datetime(2020, 1, 1)  # noqa: DTZ001  Prefect lays rules without a DTSTART there.
_MIXED_UNTIL = "an UNTIL without Z beside a DTSTART without Z or none: the server's scheduler stumbles over a mixture"
_RULE_RANGES = {"BYMONTH": 12, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53}
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@functools.lru_cache(maxsize=4096)
def _check_rrule(text: str, timezone: str) -> str:
    if len(text) > _LONGEST_RRULE:
        return f"a rule of at most {_LONGEST_RRULE} characters"
    if any("COUNT=" in line and "UNTIL=" in line for line in text.upper().split()):
        return "COUNT or UNTIL, not both, as RFC 5545 says"
    try:
        third_party.dateutil_rrule.rrulestr(text, dtstart=_RRULE_START)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return _MIXED_UNTIL if "UNTIL values" in str(error) else RRULE
    lines = [_rule_line(line) for line in text.upper().split()]
    names = [name for name, _parameters, _value in lines]
    if not {"RRULE", "RDATE"} & set(names):
        return "a rule with an RRULE or an RDATE, so that it fires"
    for name, parameters, value in lines:
        if name in ("RRULE", "EXRULE"):
            wrong = _check_rule(value, "DTSTART" in names, timezone)
        else:
            wrong = _check_dates(parameters, value, timezone)
        if wrong:
            return wrong
    return ""


def _rule_line(line: str) -> tuple[str, str, str]:
    if ":" not in line:
        return "RRULE", "", line
    head, value = line.split(":", 1)
    name, _separator, parameters = head.partition(";")
    return name, parameters, value


def _check_rule(rule: str, anchored: bool, timezone: str) -> str:
    parts = dict(part.split("=", 1) for part in rule.split(";"))
    for name in ("INTERVAL", "COUNT"):
        if name in parts and not 1 <= int(parts[name]) <= 1_000_000:
            return f"an {name} from 1 to 1000000" if name == "INTERVAL" else f"a {name} from 1 to 1000000"
    for name, highest in _RULE_RANGES.items():
        lowest = 1 if name == "BYMONTH" else -highest
        numbers = [int(number) for number in parts[name].split(",")] if name in parts else []
        if not all(lowest <= number <= highest and number for number in numbers):
            return f"a {name} of {'' if lowest == 1 else 'plus or minus '}1 to {highest}"
    if "BYMONTH" in parts and "BYMONTHDAY" in parts:
        days = [abs(int(day)) for day in parts["BYMONTHDAY"].split(",")]
        if min(days) > max(_MONTH_DAYS[int(month) - 1] for month in parts["BYMONTH"].split(",")):
            return "a rule that matches some day of the calendar"
    if not anchored and parts["FREQ"] in ("MINUTELY", "SECONDLY"):
        return f"a DTSTART with FREQ={parts['FREQ']}, because the server would invent another one at every write"
    if not anchored and "COUNT" in parts:
        return "a DTSTART with COUNT, because the server would count from 2020-01-01"
    if parts.get("UNTIL", "").endswith("Z") and timezone != "UTC":
        return f"an UNTIL in the wall clock of {timezone}, without Z: Prefect reads it so"
    return ""


def _check_dates(parameters: str, value: str, timezone: str) -> str:
    if value.endswith("Z") and timezone != "UTC":
        return f"dates in the wall clock of {timezone}, without Z: Prefect reads them so"
    for parameter in parameters.split(";"):
        name, _separator, zone = parameter.partition("=")
        if name == "TZID" and zone != timezone.upper():
            return f"no TZID but that of the timezone field ({timezone}): Prefect reads every date in it"
    return ""
