# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The named sets of rules that `profile_name` chooses from.

A cell that cannot be understood is left empty in the output. A profile with a rule for it refuses the whole record;
without one the record is kept and the summary counts the cleared cell. A date is never cleared, because a
record whose date was lost would slip through `since`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hotpass import rules
from hotpass.errors import HotpassError


@dataclass(frozen=True)
class Profile:
    """A named set of rules; a record that breaks any of them is invalid."""

    name: str
    rules: tuple[rules.Rule, ...]


_BASE = (rules.NAME_MISSING, rules.DATE_UNREADABLE)

PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("general", _BASE),
        Profile("aviation", (*_BASE, rules.LOCATION_MISSING)),
        Profile(
            "aviation-strict",
            (
                *_BASE,
                rules.LOCATION_MISSING,
                rules.WEBSITE_UNREADABLE,
                rules.PHONE_UNREADABLE,
                rules.EMAIL_UNREADABLE,
            ),
        ),
    )
}


def get_profile(name: Any) -> Profile:
    """Return a profile by its name.

    Raises:
        HotpassError: there is no profile of that name; the message lists those there are.
    """
    profile = PROFILES.get(name) if isinstance(name, str) else None
    if profile is None:
        raise HotpassError(f"unknown profile {name!r}; known profiles are {', '.join(sorted(PROFILES))}.")
    return profile
