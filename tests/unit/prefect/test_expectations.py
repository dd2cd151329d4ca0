# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a summary has to show, and that nothing unclear passes."""

from __future__ import annotations

import math
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.expectations import unmet


@pytest.mark.parametrize(
    ("found", "checks"),
    [
        (1, {"min": 1}),
        (1, {"max": 1}),
        (2.5, {"min": 2, "max": 3}),
        (True, {"equals": True}),
        (3, {"equals": 3.0}),
        ("ok", {"equals": "ok"}),
        (None, {"equals": None}),
    ],
)
def test_met(found: t.Any, checks: dict[str, t.Any]) -> None:
    assert unmet({"field": found}, {"field": checks}) == []


@pytest.mark.parametrize(
    ("found", "checks"),
    [
        (0, {"min": 1}),
        (2, {"max": 1}),
        (4, {"min": 2, "max": 3}),
        (True, {"min": 1}),
        ("5", {"min": 1}),
        (None, {"min": 1}),
        (math.nan, {"min": 0}),
        (math.inf, {"min": 0}),
        (1, {"equals": True}),
        (0, {"equals": None}),
        (5, {}),
        (5, {"minimum": 1}),
        (5, {"min": 1, "equal": 4}),
    ],
)
def test_unmet(found: t.Any, checks: dict[str, t.Any]) -> None:
    assert len(unmet({"field": found}, {"field": checks})) == 1


def test_a_field_that_is_not_there_is_unmet() -> None:
    assert unmet({"other": 1}, {"field": {"min": 1}}) == ["field is not in the summary, which has other."]
    assert unmet({}, {"field": {"min": 1}}) == ["field is not in the summary, which has nothing."]
