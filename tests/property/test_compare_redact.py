# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing and hiding, for any JSON value."""

from __future__ import annotations

import copy
import json
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import ansible_diff, differing, same
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import mask, scrub, secrets_in
from hypothesis import assume, given
from hypothesis import strategies as st

pytestmark = pytest.mark.property

SECRET_KEYS = ["password", "API_TOKEN", "credentials", "auth_string"]
PLAIN_KEYS = ["a", "b", "name", "type", "default", "properties", "title", "anyOf"]

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5)
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(PLAIN_KEYS + SECRET_KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(PLAIN_KEYS + SECRET_KEYS), values, max_size=5)
# Long enough, and so odd that no other text holds one by chance.
secrets = st.integers(0, 999).map(lambda number: f"s3cr3t-{number:03d}-x")


def canonical(value: t.Any) -> str:
    """JSON keeps 1, 1.0 and true apart, and the order of keys does not count."""
    return json.dumps(value, sort_keys=True)


@given(values, values)
def test_same_is_equality_of_the_json_text(left: t.Any, right: t.Any) -> None:
    # The only two numbers that are equal and are written differently.
    assume("-0.0" not in canonical([left, right]))
    assert same(left, right) is (canonical(left) == canonical(right))


@given(values)
def test_a_value_survives_the_trip_to_the_server(value: t.Any) -> None:
    assert same(value, json.loads(json.dumps(value)))


@given(objects, objects)
def test_writing_what_differs_makes_the_wanted_true(before: dict[str, t.Any], wanted: dict[str, t.Any]) -> None:
    changes = differing(before, wanted)
    assert changes.keys() <= wanted.keys()
    assert differing({**before, **changes}, wanted) == {}


@st.composite
def planted(draw: st.DrawFn) -> tuple[dict[str, t.Any], str]:
    """An object with one secret somewhere below a secret-looking key, where no schema word excuses it."""
    secret = draw(secrets)
    leaf: t.Any = secret
    for _level in range(draw(st.integers(0, 3))):
        leaf = [leaf] if draw(st.booleans()) else {draw(st.sampled_from(["a", "b", "default", "properties"])): leaf}
    below: dict[str, t.Any] = {draw(st.sampled_from(SECRET_KEYS)): leaf}
    for _level in range(draw(st.integers(0, 3))):
        key = draw(st.sampled_from(PLAIN_KEYS))
        below = {**draw(objects), key: [below] if draw(st.booleans()) else below}
    return below, secret


@given(planted(), objects)
def test_a_planted_secret_is_never_shown(case: tuple[dict[str, t.Any], str], other: dict[str, t.Any]) -> None:
    value, secret = case
    assert secret not in canonical(mask(value))
    assert secret in secrets_in(value)
    assert secret not in scrub(canonical(value), secrets_in(value))
    for before, after in ((value, other), (other, value), (value, None), (None, value), (value, value)):
        assert secret not in canonical(ansible_diff("x", before, after))


@given(values)
def test_masking_twice_is_masking_once_and_changes_nothing_else(value: t.Any) -> None:
    original = copy.deepcopy(value)
    once = mask(value)
    assert same(value, original)
    assert same(mask(once), once)


@given(objects, objects)
def test_the_diff_differs_where_the_objects_do(before: dict[str, t.Any], after: dict[str, t.Any]) -> None:
    diff = ansible_diff("x", before, after)
    for key in after:
        assert (diff["before"][key] == diff["after"][key]) or key in differing(before, after)
        if key in before and not same(before[key], after[key]):
            assert not same(diff["before"][key], diff["after"][key])
