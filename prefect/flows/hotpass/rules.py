# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that a record is checked by, each with the reason it gives for refusing one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hotpass.records import Record


@dataclass(frozen=True)
class Rule:
    """`reason` names the fault as the summary counts it, `meaning` says it in words, `broken` finds it in a record."""

    reason: str
    meaning: str
    broken: Callable[[Record], bool]


def _unreadable(field: str) -> Callable[[Record], bool]:
    return lambda record: field in record.unreadable


NAME_MISSING = Rule("name_missing", "The organisation has no name.", lambda record: not record.slug)
LOCATION_MISSING = Rule(
    "location_missing",
    "The organisation has no area, no address and no airport.",
    lambda record: record.area is None and record.address is None and record.airport is None,
)
DATE_UNREADABLE = Rule("date_unreadable", "A date column holds text that is no date.", _unreadable("date"))
WEBSITE_UNREADABLE = Rule("website_unreadable", "The website is no web address.", _unreadable("website"))
PHONE_UNREADABLE = Rule("phone_unreadable", "A telephone number cannot be understood.", _unreadable("phone"))
EMAIL_UNREADABLE = Rule("email_unreadable", "An e-mail address cannot be understood.", _unreadable("email"))
