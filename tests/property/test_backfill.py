# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for any windows, patterns and keys; the flow's own copies have to agree."""

from __future__ import annotations

import datetime as dt

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.archive_pattern import (
    DEFAULT_PATTERN,
    archive_path,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.windows import (
    DEFAULT_VERSIONS,
    Range,
    Window,
    checked_versions,
    expand,
    parse_date,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import limit_names
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.naming import checked_name
from hypothesis import given
from hypothesis import strategies as st

from hotpass import archive_pattern, limits, windows
from hotpass.errors import HotpassError

pytestmark = pytest.mark.property

_DATES = st.dates(dt.date(1999, 12, 20), dt.date(2000, 1, 10))
_VERSIONS = st.lists(st.sampled_from(["1", "2", "v1", "latest", "2024.1"]), min_size=1, max_size=3, unique=True)
_RANGES = st.builds(
    lambda one, two, versions: Range(min(one, two), max(one, two), tuple(versions)), _DATES, _DATES, _VERSIONS
)
_PIECES = st.sampled_from(
    [
        "{date}",
        "{date:%Y%m%d}",
        "{date:%Y/%m}",
        "{version}",
        "/",
        "a",
        ".",
        "..",
        "{{",
        "}}",
        "{",
        "}",
        "\\",
        "\0",
        "%",
        "{date!r}",
        "{date.year}",
        "{version:>9}",
        "{0}",
        "{}",
        "{date:{version}}",
        "C:",
        "\u00e9",
        "\ud800",
        "-v",
        ".zip",
    ]
)
_PATTERNS = st.lists(_PIECES, max_size=7).map("".join) | st.just(DEFAULT_PATTERN) | st.text(max_size=12)


@given(st.lists(_RANGES, max_size=4))
def test_windows_are_exactly_what_the_ranges_name_once_and_by_date(ranges: list[Range]) -> None:
    found = expand(ranges)
    named = {
        (one.first + dt.timedelta(days=day), version)
        for one in ranges
        for day in range((one.last - one.first).days + 1)
        for version in one.versions
    }
    assert len(found) == len(named)
    assert {(window.run_date, window.version) for window in found} == named
    assert [window.run_date for window in found] == sorted(window.run_date for window in found)


@given(_DATES, _DATES, _VERSIONS)
def test_the_flow_expands_a_range_to_the_same_windows(one: dt.date, two: dt.date, versions: list[str]) -> None:
    first, last = min(one, two), max(one, two)
    ours = [window.to_json() for window in expand([Range(first, last, tuple(versions))])]
    theirs = windows.windows_of(None, first.isoformat(), last.isoformat(), versions)
    assert ours == [{"run_date": one.day.isoformat(), "version": one.version} for one in theirs]
    assert windows.windows_of(ours) == theirs
    assert DEFAULT_VERSIONS == windows.DEFAULT_VERSIONS


@given(st.text(max_size=12) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", fullmatch=True))
def test_both_sides_take_the_same_dates_and_versions(text: str) -> None:
    assert _taken(lambda: str(parse_date("x", text))) == _taken(lambda: str(windows.parse_day("x", text)))
    assert _taken(lambda: checked_versions("x", [text])[0]) == _taken(lambda: windows.parse_version("x", text))


@given(_PATTERNS, _DATES, st.sampled_from(["1", "v1", "2024.1"]))
def test_both_sides_read_a_pattern_alike_and_no_path_leaves_the_root(pattern: str, day: dt.date, version: str) -> None:
    ours = _taken(lambda: archive_path(pattern, Window(day, version)))
    theirs = _taken(lambda: archive_pattern.ArchivePattern.parse(pattern).path_of(day, version))
    assert ours == theirs
    if ours is not None:
        assert not ours.startswith("/")
        assert not set(ours.split("/")) & {"", ".", ".."}
    assert DEFAULT_PATTERN == archive_pattern.DEFAULT_PATTERN


@given(st.text(max_size=20))
def test_a_key_and_its_name_are_one_to_one_and_both_sides_agree(key: str) -> None:
    name = _taken(lambda: limit_names.limit_name(key))
    assert name == _taken(lambda: limits.limit_name(key))
    if name is None:
        return
    assert limit_names.key_of(name) == limits.key_of(name) == key
    assert not set(name) & set("/%&><")


@given(st.text(alphabet="~2Ff7E/aC3\u00e9", max_size=8))
def test_a_name_that_no_key_has_is_refused_by_both(name: str) -> None:
    ours = _taken(lambda: limit_names.key_of(name))
    assert ours == _taken(lambda: limits.key_of(name))
    if ours is not None:
        assert limit_names.limit_name(ours) == name


def test_the_default_key() -> None:
    assert limit_names.limit_name("hotpass/backfill") == "hotpass~2Fbackfill"
    assert checked_name("limit", limit_names.limit_name("a\n<b>%&~\x7f")) == "a~0A~3Cb~3E~25~26~7E~7F"


def _taken(act: object) -> str | None:
    """What it returns; None when it refuses."""
    assert callable(act)
    try:
        return str(act())
    except (CollectionError, HotpassError):
        return None
