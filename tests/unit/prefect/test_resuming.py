# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one form of a date that runs go on from, and the labels that carry it."""

from __future__ import annotations

import datetime as dt

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import declared
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.deployments import Wanted
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.resuming import checked_since

NOW = dt.datetime(2026, 1, 31, 10, 20, 30, tzinfo=dt.UTC)
SAID = declared.Resumed("2024-11-01", "ada", "2026-01-31T10:20:30Z", {"since": None})


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2024-11-01", "2024-11-01"),
        (" 20241101\n", "2024-11-01"),
        ("2026-01-31", "2026-01-31"),
        ("2024-11-01T06:00:00+02:00", "2024-11-01T04:00:00+00:00"),
        ("2024-11-01 04:00", "2024-11-01T04:00:00+00:00"),
        ("2026-01-31T10:20:30Z", "2026-01-31T10:20:30+00:00"),
        ("2026-01-31T23:00:00+14:00", "2026-01-31T09:00:00+00:00"),
    ],
)
def test_a_date_has_one_form(text: str, form: str) -> None:
    assert checked_since(text, NOW) == form
    assert checked_since(form, NOW) == form


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no date"),
        ("yesterday", "no date"),
        ("2024-02-30", "no date"),
        ("2024-11", "no date"),
        ("01.11.2024", "no date"),
        ("0001-01-01T00:00:00+14:00", "no date"),
        ("2026-02-01", "in the future"),
        ("2026-01-31T10:20:31Z", "in the future"),
        ("2026-01-31T10:20:30-00:01", "in the future"),
    ],
)
def test_what_is_no_date_or_is_to_come_is_refused(text: str, why: str) -> None:
    with pytest.raises(CollectionError, match=why):
        checked_since(text, NOW)


def test_the_labels_carry_it_and_nothing_less_declares_anything() -> None:
    labels = SAID.labels()
    assert declared.read({**labels, "team": "data"}) == SAID
    assert declared.without({**labels, "team": "data"}) == {"team": "data"}
    for lacking in labels:
        assert declared.read({key: value for key, value in labels.items() if key != lacking}) is None
    for before in ("", "null", "[]", "{", '{"profile": "general"}'):
        assert declared.read({**labels, f"{declared.PREFIX}before": before}) is None
    assert declared.read(None) is None


def test_a_task_that_does_not_manage_parameters_has_no_part_in_it() -> None:
    row = {"labels": SAID.labels(), "parameters": SAID.values}
    only_tags = Wanted("flow", "nightly", {"tags": []})
    assert declared.kept(only_tags, row) is only_tags
    assert declared.differences(only_tags, row) == ()
    some = Wanted("flow", "nightly", {"parameters": {"profile": "general"}})
    assert declared.kept(some, row).fields == {"parameters": {"profile": "general", **SAID.values}}
    assert declared.kept(some, None) is some


def test_a_difference_is_one_sentence() -> None:
    wanted = Wanted("flow", "nightly", {"parameters": {"since": "2023-01-01", "incremental": True}})
    [difference] = declared.differences(wanted, {"labels": SAID.labels(), "parameters": SAID.values})
    assert difference.sentence() == (
        'parameters.since is "2024-11-01" where the manifest says "2023-01-01", declared by ada at 2026-01-31T10:20:30Z'
    )
