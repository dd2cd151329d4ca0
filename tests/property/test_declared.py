# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Laws of declared differences: one is never drift, and it never hides anything else."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import declared
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import differing, same
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.deployments import Wanted, canonical_row
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.strategies import texts, values, words

pytestmark = pytest.mark.property

Row = dict[str, t.Any]
NAMES = ("since", "incremental")
other_words = words.filter(lambda word: word not in NAMES)
others = st.dictionaries(other_words, values, max_size=3)
both = st.fixed_dictionaries({}, optional={"since": st.none() | texts, "incremental": st.booleans()})
parameters = st.builds(lambda one, two: {**one, **two}, others, both)
labels = st.dictionaries(words.map("team/{}".format), texts | st.integers(0, 9) | st.booleans(), max_size=3)
manifests = st.fixed_dictionaries(
    {"parameters": parameters, "labels": labels, "description": texts, "tags": st.lists(words, max_size=3)}
)
# What a person may do to a deployment: each change names a field and what it becomes, or for a mapping gets on top.
changes = st.fixed_dictionaries(
    {}, optional={"parameters": others, "labels": labels, "description": texts, "tags": st.lists(words, max_size=3)}
)
dates = st.dates().map(lambda day: day.isoformat())


def row_of(fields: Row) -> Row:
    """The server's row of a deployment with these fields."""
    return {"id": "d", "paused": False, "schedules": [], "enforce_parameter_schema": True, **fields}


def changed(row: Row, change: Row) -> Row:
    """The row after somebody has changed it."""
    merged = {key: {**row[key], **value} if isinstance(value, dict) else value for key, value in change.items()}
    return {**row, **merged}


def resumed(row: Row, since: str) -> Row:
    """The row after its runs were made to go on from a date."""
    before = {name: row["parameters"][name] for name in NAMES if name in row["parameters"]}
    said = declared.Resumed(since, "ada", "2026-01-31T10:20:30Z", before)
    return changed(row, {"parameters": said.values, "labels": said.labels()})


def wanted_of(fields: Row) -> Wanted:
    return Wanted("flow", "d", fields, exact_labels=True)


def drift(wanted: Wanted, row: Row) -> dict[str, t.Any]:
    """What differs beside what is declared: the values of each field, of each key of a mapping, as they are."""
    target = declared.kept(wanted, row)
    before, after = canonical_row(row, {}, target), target.canonical()
    found: dict[str, t.Any] = {}
    for field in differing(before, after):
        if isinstance(after[field], dict):
            keys = before[field].keys() | after[field].keys()
            pairs = {key: (before[field].get(key), after[field].get(key)) for key in keys}
            here = {key: key in before[field] for key in keys}
            there = {key: key in after[field] for key in keys}
            found[field] = {
                key: pair for key, pair in pairs.items() if here[key] != there[key] or not same(pair[0], pair[1])
            }
        else:
            found[field] = (before[field], after[field])
    return found


@given(manifests, dates, changes)
def test_it_hides_nothing_and_is_no_drift(manifest: Row, since: str, change: Row) -> None:
    wanted, row = wanted_of(manifest), row_of(manifest)
    assert drift(wanted, resumed(row, since)) == {}
    assert drift(wanted, changed(resumed(row, since), change)) == drift(wanted, changed(row, change))


@given(manifests, dates)
def test_each_value_that_differs_is_named(manifest: Row, since: str) -> None:
    row = resumed(row_of(manifest), since)
    named = {difference.field: difference.value for difference in declared.differences(wanted_of(manifest), row)}
    differ = {
        f"parameters.{name}": value
        for name, value in declared.values(since).items()
        if name not in manifest["parameters"] or not same(manifest["parameters"][name], value)
    }
    assert named == differ


@given(manifests, dates, both)
def test_a_declared_value_that_is_changed_by_hand_is_drift(manifest: Row, since: str, by_hand: Row) -> None:
    row = resumed(row_of(manifest), since)
    after = changed(row, {"parameters": by_hand})
    moved = {name for name in by_hand if not same(by_hand[name], row["parameters"][name])}
    assert drift(wanted_of(manifest), after).get("parameters", {}).keys() == moved
    named = {difference.field for difference in declared.differences(wanted_of(manifest), after)}
    assert not named & {f"parameters.{name}" for name in moved}


@given(manifests, dates, st.sampled_from(["since", "by", "at", "before"]), texts | st.none() | st.integers(0, 9))
def test_a_label_that_is_gone_or_says_something_else_is_drift(
    manifest: Row, since: str, part: str, value: t.Any
) -> None:
    row = resumed(row_of(manifest), since)
    key = f"{declared.PREFIX}{part}"
    assume(value != row["labels"][key])
    rest = {name: label for name, label in row["labels"].items() if name != key}
    after = {**row, "labels": rest if value is None else {**rest, key: value}}
    # Who it was, when, and what was before is taken at its word; the date has to be the parameter's.
    assume(part == "since" or declared.read(after["labels"]) is None)
    assert drift(wanted_of(manifest), after)
