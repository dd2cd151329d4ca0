# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of states: whole, and drawn as it is."""

from __future__ import annotations

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import (
    BEFORE_WRITES,
    SETTLED,
    START,
    TABLE,
    State,
    allowed,
    following,
)

from tests.tools.write_diagram import BEGIN, DOCUMENT, END, diagram, written


def test_no_step_is_named_twice_and_each_has_a_label() -> None:
    steps = [(step.before, step.after) for step in TABLE]
    assert len(set(steps)) == len(steps)
    assert all(step.label for step in TABLE)
    assert all(before is not after for before, after in steps)


def test_every_state_can_be_reached_from_the_first() -> None:
    reached, added = {START}, True
    while added:
        more = {after for state in reached for after in following(state)} - reached
        reached |= more
        added = bool(more)
    assert reached == set(State)


@pytest.mark.parametrize("state", sorted(set(State) - SETTLED))
def test_what_is_under_way_can_always_go_on(state: State) -> None:
    assert following(state)


@pytest.mark.parametrize("state", State)
def test_a_generation_begins_queued_and_nowhere_else(state: State) -> None:
    assert allowed(None, state) is (state is State.QUEUED)
    assert not allowed(state, State.QUEUED)


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("after", State)
def test_what_is_allowed_is_what_the_table_says(before: State, after: State) -> None:
    assert allowed(before, after) is any((step.before, step.after) == (before, after) for step in TABLE)
    assert (after in following(before)) is allowed(before, after)


@pytest.mark.parametrize("state", sorted(BEFORE_WRITES))
def test_only_before_the_first_write_may_a_generation_simply_end(state: State) -> None:
    assert State.CANCELLED in following(state)
    assert State.SUPERSEDED in following(state)


@pytest.mark.parametrize("state", [State.DEPLOYING, State.VALIDATING, State.ROLLING_BACK])
def test_after_the_first_write_a_generation_becomes_active_or_is_taken_back(state: State) -> None:
    ends = {after for after in following(state) if after in SETTLED}
    assert ends <= {State.ACTIVE, State.ROLLED_BACK, State.ROLLBACK_FAILED}


def test_the_diagram_in_the_docs_is_current() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == written(text), "run tests/tools/write_diagram.py"


def test_the_diagram_shows_every_step() -> None:
    lines = diagram().splitlines()
    for step in TABLE:
        assert lines.count(f"    {step.before.value} --> {step.after.value}: {step.label}") == 1
    assert f"    {State.REJECTED.value} --> [*]" in lines
    assert f"    {State.ACTIVE.value} --> [*]" not in lines


def test_a_missing_step_would_be_noticed() -> None:
    assert diagram(TABLE[1:]) != diagram()


def test_every_state_has_a_line_in_the_docs() -> None:
    rows = DOCUMENT.read_text(encoding="utf-8").splitlines()
    for state in State:
        assert sum(row.startswith(f"| {state.value} | ") for row in rows) == 1, state


@pytest.mark.parametrize("text", ["", BEGIN, END, END + BEGIN, BEGIN + END + END, BEGIN + BEGIN + END])
def test_a_document_without_its_marks_is_not_written(text: str) -> None:
    with pytest.raises(ValueError, match="once and in this order"):
        written(text)
