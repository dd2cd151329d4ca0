# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing JSON values, and showing differences without secrets."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import (
    ansible_diff,
    differing,
    field_changes,
    same,
)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, 1, True),
        (1, 1.0, False),
        (1, True, False),
        (0, False, False),
        (1.0, 1.0, True),
        (None, None, True),
        (None, "", False),
        (None, {}, False),
        ("", [], False),
        ([], (), True),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": None}, {}, False),
        ({"a": {"b": [1, {"c": True}]}}, {"a": {"b": [1, {"c": 1}]}}, False),
        ("1", 1, False),
        (10**30, 10**30, True),
    ],
)
def test_same_keeps_json_types_apart(one: t.Any, other: t.Any, equal: bool) -> None:
    assert same(one, other) is equal
    assert same(other, one) is equal  # the other way round


def test_differing_looks_at_wanted_keys_only() -> None:
    before = {"a": 1, "b": 2, "unmanaged": 3}
    assert differing(before, {"a": 1, "b": 2.0, "new": None}) == {"b": 2.0, "new": None}
    assert differing(before, {}) == {}


def test_field_changes_show_both_sides() -> None:
    assert field_changes({"a": 1}, {"a": 2, "b": None}) == {
        "a": {"before": 1, "after": 2},
        "b": {"before": None, "after": None},
    }


def test_a_secret_that_changes_does_not_look_unchanged() -> None:
    before = {"env": {"TOKEN": "old-secret", "KEPT_PASSWORD": "same", "LEVEL": "debug"}}
    after = {"env": {"TOKEN": "new-secret", "KEPT_PASSWORD": "same", "LEVEL": "info"}}
    shown = field_changes(before, after)["env"]
    assert shown["before"] == {"TOKEN": "(secret)", "KEPT_PASSWORD": "(secret)", "LEVEL": "debug"}
    assert shown["after"] == {"TOKEN": "(secret, changed)", "KEPT_PASSWORD": "(secret)", "LEVEL": "info"}


@pytest.mark.parametrize("before", [{}, {"tokens": ["a-secret"]}, {"tokens": None}, {"tokens": "text"}])
def test_a_new_secret_is_marked_whatever_was_there(before: dict[str, t.Any]) -> None:
    diff = ansible_diff("thing", before, {"tokens": ["a-secret", "b-secret"]})
    assert "a-secret" not in str(diff)
    assert diff["after"]["tokens"] == ["(secret, changed)"] * 2


def test_the_diff_of_a_new_and_of_a_removed_object() -> None:
    assert ansible_diff("pool 'x'", None, {"name": "x", "password": "p4ss"}) == {
        "before_header": "pool 'x'",
        "after_header": "pool 'x'",
        "before": {},
        "after": {"name": "x", "password": "(secret)"},
    }
    assert ansible_diff("pool 'x'", {"name": "x"}, None)["after"] == {}


def test_the_diff_leaves_out_what_is_not_managed() -> None:
    diff = ansible_diff("thing", {"a": 1, "unmanaged": 2}, {"a": 3})
    assert (diff["before"], diff["after"]) == ({"a": 1}, {"a": 3})


def test_a_password_that_changes_inside_an_address_is_seen() -> None:
    changes = field_changes({"url": "x://u:zebra@h"}, {"url": "x://u:tiger@h"})
    assert changes["url"]["before"] != changes["url"]["after"]
    assert not any(secret in str(changes) for secret in ("zebra", "tiger"))
