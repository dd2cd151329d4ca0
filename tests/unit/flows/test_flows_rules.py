# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule refuses the record it is for, and no sound one; profiles differ by the rules they hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hotpass import rules
from hotpass.profiles import PROFILES, get_profile
from hotpass.records import Record

SOUND = Record(name="Tower", slug="tower", area="Gauteng", sources=("a.xlsx/Cleaned",))

BROKEN = {
    "name_missing": replace(SOUND, name="!!!", slug=""),
    "location_missing": replace(SOUND, area=None),
    "date_unreadable": replace(SOUND, unreadable=frozenset({"date"})),
    "website_unreadable": replace(SOUND, unreadable=frozenset({"website"})),
    "phone_unreadable": replace(SOUND, unreadable=frozenset({"phone"})),
    "email_unreadable": replace(SOUND, unreadable=frozenset({"email"})),
}
ALL_RULES = {rule.reason: rule for profile in PROFILES.values() for rule in profile.rules}


def test_every_rule_has_an_example() -> None:
    assert set(ALL_RULES) == set(BROKEN)


@pytest.mark.parametrize("reason", sorted(BROKEN))
def test_a_rule_finds_its_fault_and_only_that(reason: str) -> None:
    assert [rule.reason for rule in ALL_RULES.values() if rule.broken(BROKEN[reason])] == [reason]
    assert not ALL_RULES[reason].broken(SOUND)


@pytest.mark.parametrize("field", ["area", "address", "airport"])
def test_any_place_is_a_location(field: str) -> None:
    assert not rules.LOCATION_MISSING.broken(replace(SOUND, **{"area": None, field: "somewhere"}))


def test_each_profile_is_stricter_than_the_one_before() -> None:
    general, aviation, strict = (set(get_profile(name).rules) for name in ("general", "aviation", "aviation-strict"))
    assert general < aviation < strict
    assert rules.DATE_UNREADABLE in general
