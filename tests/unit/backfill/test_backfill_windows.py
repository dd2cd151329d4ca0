# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dates, versions and ranges as windows, and the keys of their runs."""

from __future__ import annotations

import datetime as dt

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.keys import checked_batch, fingerprint, run_key
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.windows import (
    MAX_WINDOWS,
    Range,
    Window,
    checked_range,
    checked_versions,
    expand,
    parse_date,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

JAN = [dt.date(2024, 1, day) for day in range(1, 32)]


def test_a_range_includes_both_ends_and_runs_by_date() -> None:
    windows = expand([Range(JAN[1], JAN[2], ("2", "1")), Range(JAN[0], JAN[1], ("1",))])
    assert [str(window) for window in windows] == [
        "2024-01-01 1",
        "2024-01-02 2",
        "2024-01-02 1",
        "2024-01-03 2",
        "2024-01-03 1",
    ]
    assert windows[0].to_json() == {"run_date": "2024-01-01", "version": "1"}


def test_so_many_windows_are_the_most() -> None:
    start = dt.date(2000, 1, 1)
    assert len(expand([Range(start, start + dt.timedelta(days=MAX_WINDOWS - 1), ("1",))])) == MAX_WINDOWS
    with pytest.raises(CollectionError, match=f"make {MAX_WINDOWS + 1} windows; at most {MAX_WINDOWS} are allowed"):
        expand([Range(start, start + dt.timedelta(days=MAX_WINDOWS), ("1",))])
    # Refused by counting, not by making them.
    with pytest.raises(CollectionError, match="make 3652059000 windows"):
        expand([Range(dt.date.min, dt.date.max, tuple(map(str, range(1000))))])


@pytest.mark.parametrize(
    "text",
    ["2024-1-1", "20240101", "2024-02-30", "2024-W01-1", "2024-01-01T00:00", "", "\u0662024-01-01", "2024-01-01\n"],
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(CollectionError, match=r"since is .*; allowed is a date such as 2024-01-31"):
        parse_date("since", text)


@pytest.mark.parametrize("version", ["", "a/b", "..", "1.", ".1", "a" * 65, "\u0661", "a b", "v1\n", "-1", "1+2"])
def test_what_is_no_version(version: str) -> None:
    with pytest.raises(CollectionError, match="versions has "):
        checked_versions("versions", [version])


def test_versions_are_taken_as_they_are_and_once() -> None:
    assert checked_versions("versions", ["v1", "1", "v1", "2024.1_a-b"]) == ("v1", "1", "2024.1_a-b")
    assert checked_versions("versions", []) == ("1",)


def test_a_range_does_not_run_backwards() -> None:
    with pytest.raises(CollectionError, match="is 2024-01-02 to 2024-01-01; the last date must not lie before"):
        checked_range("since to until", JAN[1], JAN[0], ("1",))


def test_keys_tell_windows_attempts_batches_and_parameters_apart() -> None:
    one, two = Window(JAN[0], "1"), Window(JAN[0], "2")
    print_ = fingerprint({"archive_root": "a"})
    assert run_key("id", print_, None, one) == f"id:backfill:2024-01-01:1:{print_}"
    assert run_key("id", print_, "b", one) == f"id:backfill:2024-01-01:1:{print_}:b"
    assert run_key("id", print_, None, one, 2) == f"id:backfill:2024-01-01:1:{print_}:try=2"
    keys = {
        run_key(deployment, shown, batch, window, attempt)
        for deployment in ("id", "other")
        for shown in (print_, fingerprint({"archive_root": "b"}))
        for batch in (None, "b", "2")
        for window in (one, two)
        for attempt in (1, 2, 3)
    }
    assert len(keys) == 2 * 2 * 3 * 2 * 3
    with pytest.raises(CollectionError, match="batch is 'try=2'"):
        checked_batch("try=2")


def test_a_fingerprint_is_of_what_a_run_does_and_not_of_the_order_of_keys() -> None:
    base = {"archive_root": "a", "parameters": {"pipeline": {"backfill": True, "x": 1}}}
    print_ = fingerprint(base)
    assert len(print_) == 12
    assert print_ == fingerprint({"parameters": {"pipeline": {"x": 1, "backfill": True}}, "archive_root": "a"})
    for unused in ("runs", "since", "until", "versions", "concurrency_limit", "concurrency_key"):
        assert fingerprint({**base, unused: "anything"}) == print_
    assert fingerprint({**base, "parameters": {"pipeline": {"backfill": True, "x": 2}}}) != print_
    assert fingerprint({**base, "parameters": {"pipeline": {"backfill": True, "x": "1"}}}) != print_
