# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of limits, patterns of archives, and windows: what they allow, and that nothing gets around them."""

from __future__ import annotations

import re
import string
from datetime import date, timedelta
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpass.archive_pattern import DEFAULT_PATTERN, MAX_PATH_BYTES, ArchivePattern
from hotpass.errors import HotpassError
from hotpass.limits import key_of, limit_name
from hotpass.windows import MAX_WINDOWS, Window, windows_of

DAY = date(2024, 1, 2)
# What Prefect's server accepts as the name of a limit.
LEGAL = re.compile(r"^[^/%&><]+$")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("hotpass/backfill", "hotpass~2Fbackfill"),
        ("plain key", "plain key"),
        ("~/%&><", "~7E~2F~25~26~3E~3C"),
        ("a\tb\x7f\x85", "a~09b~7F~C2~85"),
        ("Ünïcode ☃", "Ünïcode ☃"),
        ("~2F", "~7E2F"),
    ],
)
def test_keys_and_names_of_limits(key: str, name: str) -> None:
    assert limit_name(key) == name
    assert key_of(name) == key


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_every_key_has_a_legal_name_and_comes_back(key: str) -> None:
    name = limit_name(key)
    assert LEGAL.search(name)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", name)
    assert key_of(name) == key


@given(st.text(st.sampled_from("~2F5eE/%aA\x00☃"), max_size=12))
def test_every_name_is_that_of_one_key_or_of_none(name: str) -> None:
    try:
        key = key_of(name)
    except HotpassError:
        return
    assert limit_name(key) == name


@pytest.mark.parametrize("key", ["", None, 7, "\ud800"])
def test_a_key_that_is_none_is_refused(key: object) -> None:
    with pytest.raises(HotpassError, match="concurrency_key"):
        limit_name(key)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "a/b", "~2f", "~2", "~", "~41", "~C3", "a%b"])
def test_a_name_of_no_key_is_refused(name: str) -> None:
    with pytest.raises(HotpassError, match="is the name of no concurrency key's limit"):
        key_of(name)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (DEFAULT_PATTERN, "hotpass-inputs-20240102-v3.zip"),
        ("{date}.zip", "2024-01-02.zip"),
        ("{date:}/{version}.zip", "2024-01-02/3.zip"),
        ("{date:%Y/%m}/{{{date:%d}}}-{version}..zip", "2024/01/{02}-3..zip"),
        ("{version}{version}{date:%j}", "33002"),
        ("v%Y {date}", "v%Y 2024-01-02"),
    ],
)
def test_patterns(pattern: str, path: str) -> None:
    assert ArchivePattern.parse(pattern).path_of(DAY, "3") == path


@pytest.mark.parametrize(
    "pattern",
    [
        "{date.__class__}",
        "{date.year}{date}",
        "{version.__init__.__globals__}{date}",
        "{version[0]}{date}",
        "{date!r}",
        "{version!s}{date}",
        "{version:>10}{date}",
        "{date:{version}}",
        "{}{date}",
        "{0}{date}",
        "{name}{date}",
        "{ date}",
        "{version}.zip",
        "plain.zip",
        "{date",
        "date}",
        "",
        None,
        b"{date}",
    ],
)
def test_a_pattern_reaches_nothing_but_date_and_version(pattern: object) -> None:
    with pytest.raises(HotpassError, match="archive_pattern"):
        ArchivePattern.parse(pattern)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pattern", "version", "reason"),
    [
        ("/{date}", "1", "is absolute"),
        ("../{date}", "1", r"has the part '\.\.'"),
        ("a/../{date}", "1", r"has the part '\.\.'"),
        ("./{date}", "1", r"has the part '\.'"),
        ("a//{date}", "1", "has the part ''"),
        ("{date}/", "1", "has the part ''"),
        ("C:{date}", "1", "begins with a drive letter"),
        ("a\\{date}", "1", "holds a backslash"),
        ("{date}\x00", "1", "holds a control character"),
        ("{date:%n}", "1", "holds a control character"),
        ("{date}/{version}", "..", r"has the part '\.\.'"),
        ("{version}/{date}", "", "is absolute"),
        ("{date}-{version}", "x" * MAX_PATH_BYTES, "is longer than 1024 bytes"),
        ("{date}\ud800", "1", "half a character"),
    ],
)
def test_a_path_stays_below_the_root(pattern: str, version: str, reason: str) -> None:
    with pytest.raises(HotpassError, match=reason):
        ArchivePattern.parse(pattern).path_of(DAY, version)


_PIECES = st.sampled_from(
    [*"/.\\a: ", "..", "{date}", "{date:%Y}", "{date:%d/%m}", "{version}", "{{", "}}", "{", "}", "!r", ":"]
)


@given(st.lists(_PIECES, max_size=8).map("".join), st.sampled_from(["1", "..", "/", "a/b", "\\", "{date}", "~"]))
def test_whatever_the_pattern_the_path_is_relative_and_below(pattern: str, version: str) -> None:
    try:
        path = ArchivePattern.parse(pattern).path_of(DAY, version)
    except HotpassError:
        return
    parts = path.split("/")
    assert not PurePosixPath(path).is_absolute()
    assert not {"", ".", ".."} & set(parts)
    assert "\\" not in path


def test_a_range_is_every_day_times_every_version() -> None:
    assert windows_of([], "2024-02-28", "2024-03-01", ["1", "2"]) == [
        Window(date(2024, 2, 28) + timedelta(days=days), version) for days in range(3) for version in "12"
    ]
    assert windows_of(None, "2024-01-02") == [Window(DAY, "1")]
    assert windows_of(None, "2024-01-02", "2024-01-02", ["b", "a", "b"]) == [Window(DAY, "b"), Window(DAY, "a")]


def test_runs_are_taken_once_each_in_their_order() -> None:
    runs = [{"run_date": day, "version": "1"} for day in ("2024-01-02", "2024-01-01", "2024-01-02")]
    assert [window.name for window in windows_of(runs)] == ["2024-01-02--1", "2024-01-01--1"]


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(0, 40), st.lists(st.sampled_from("abc"), max_size=5))
def test_a_range_has_no_window_twice_and_misses_none(first: date, more: int, versions: list[str]) -> None:
    last = first + timedelta(days=more)
    windows = windows_of(None, first.isoformat(), last.isoformat(), versions or None)
    assert len(set(windows)) == len(windows) == (more + 1) * len(set(versions or ["1"]))
    assert min(windows).day == first
    assert max(windows).day == last


RUN = {"run_date": "2024-01-01", "version": "1"}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((None,), "no windows are given"),
        (([],), "no windows are given"),
        (([], None, "2024-01-01"), "no windows are given"),
        (([RUN], "2024-01-01"), "runs names the windows one by one"),
        (([RUN], None, None, ["1"]), "runs names the windows one by one"),
        (({"run_date": "2024-01-01"},), "runs must be a list"),
        ((["2024-01-01"],), r"runs\[0\] must have exactly run_date and version, found '2024-01-01'"),
        (([RUN, {**RUN, "x": 1}],), r"runs\[1\] must have exactly run_date and version, found \['run_date', 'vers"),
        (([{**RUN, "run_date": "20240101"}],), r"runs\[0\]\.run_date is no date: '20240101'"),
        (([{**RUN, "run_date": "2024-02-30"}],), "is no date: '2024-02-30'"),
        (([{**RUN, "version": 1}],), r"runs\[0\]\.version holds no version: 1"),
        (([{**RUN, "version": ""}],), "holds no version: ''"),
        (([{**RUN, "version": "../1"}],), "holds no version"),
        (([{**RUN, "version": "1."}],), "holds no version"),
        (([{**RUN, "version": "1\n"}],), "holds no version"),
        (([{**RUN, "version": "é"}],), "holds no version"),
        (([{**RUN, "version": "x" * 65}],), "holds no version"),
        ((None, "2024-01-02", "2024-01-01"), "until 2024-01-01 is before since 2024-01-02"),
        ((None, "yesterday"), "since is no date: 'yesterday'"),
        ((None, "2024-01-01", "2024-W01-1"), "until is no date"),
        ((None, "٢٠٢٤-01-01"), "since is no date"),
        ((None, "2024-01-01", None, []), "versions must be a list of at least one version"),
        ((None, "2024-01-01", None, "12"), "versions must be a list"),
        ((None, "0001-01-01", "9999-12-31"), f"at most {MAX_WINDOWS}"),
    ],
)
def test_windows_that_are_none_are_refused(arguments: tuple[object, ...], reason: str) -> None:
    with pytest.raises(HotpassError, match=reason):
        windows_of(*arguments)  # type: ignore[arg-type]


def test_a_version_may_hold_what_file_names_hold_everywhere() -> None:
    allowed = string.ascii_letters + string.digits
    assert windows_of(None, "2024-01-01", None, [allowed, "1.0-rc_1", "x" * 64])[1].name == "2024-01-01--1.0-rc_1"
