# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules: which recurrence rules AWX takes."""

from __future__ import annotations

import re
import typing as t
import zoneinfo

from dateutil import rrule

from tests.support.awx.problems import invalid

_START: t.Final = re.compile(r"DTSTART(?:;[^:]+)?:[0-9]+T[0-9]+Z?")
_NAIVE: t.Final = re.compile(r"DTSTART:[0-9]+T[0-9]+(?!\d)(?!Z)")
_RULE: t.Final = re.compile(r"(?:EXRULE|RRULE):[^\s]*", re.IGNORECASE)
_ZONE: t.Final = re.compile(r"DTSTART;TZID=([^:]+):([0-9]+T[0-9]+)(Z?)")
_MOST_TIMES: t.Final = 999


def check(value: str) -> None:
    """Refuse what AWX does not run.

    :raises Refused: (400) with every wrong part, a sentence each.
    """
    problems: list[str] = []
    starts = _START.findall(value)
    if not starts:
        problems.append("Valid DTSTART required in rrule. Value should start with: DTSTART:YYYYMMDDTHHMMSSZ")
    if _NAIVE.search(value):
        problems.append("DTSTART cannot be a naive datetime.  Specify ;TZINFO= or YYYYMMDDTHHMMSSZZ.")
    if len(starts) > 1:
        problems.append("Multiple DTSTART is not supported.")
    if "rrule:" not in value.lower():
        problems.append("One or more rule required in rrule.")
    for word in ("EXDATE", "RDATE"):
        if f"{word.lower()}:" in value.lower():
            raise invalid("rrule", f"{word} not allowed in rrule.")
    for rule in _RULE.findall(value):
        problems += _rule_problems(rule)
    try:
        if not problems:
            _parse(value)
    except (ValueError, TypeError, zoneinfo.ZoneInfoNotFoundError) as problem:
        problems.append(f"rrule parsing failed validation: {problem}")
    if problems:
        raise invalid("rrule", *problems)


def _rule_problems(rule: str) -> list[str]:
    problems = []
    if "interval" not in rule.lower():
        problems.append(f"INTERVAL required in rrule: {rule}")
    elif "secondly" in rule.lower():
        problems.append(f"SECONDLY is not supported: {rule}")
    if re.search(r"BYDAY=[0-9]+[a-zA-Z]{2}", rule):
        problems.append(f"BYDAY with numeric prefix not supported: {rule}")
    if "COUNT" in rule and "UNTIL" in rule:
        problems.append(f"RRULE may not contain both COUNT and UNTIL: {rule}")
    count = re.search(r"COUNT=([0-9]+)", rule)
    if count and int(count[1]) > _MOST_TIMES:
        problems.append(f"COUNT > {_MOST_TIMES} is unsupported: {rule}")
    return problems


def _parse(value: str) -> None:
    zone = _ZONE.search(value)
    if zone:
        try:
            zoneinfo.ZoneInfo(zone[1])
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            raise ValueError("A valid TZID must be provided (e.g., America/New_York)") from None
        if zone[3]:
            raise ValueError("a DTSTART with TZID cannot be in UTC")
        # With the zone known to exist, the wall clock time alone says whether the rules can be read.
        value = value.replace(zone[0], f"DTSTART:{zone[2]}Z")
    rrule.rrulestr("\n".join(value.split()), forceset=True, tzinfos={"UTC": zoneinfo.ZoneInfo("UTC")})
