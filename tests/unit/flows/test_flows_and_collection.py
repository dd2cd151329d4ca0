# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the flow and the collection each have a copy of is the same on both sides: names, paths, dates and versions."""

from __future__ import annotations

import datetime
import inspect
import json
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill import archive_pattern as theirs
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill import config, pipeline_keys
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill import windows as their_windows
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import limit_names
from hypothesis import given
from hypothesis import strategies as st

from hotpass import limits, windows
from hotpass.archive_pattern import DEFAULT_PATTERN, ArchivePattern
from hotpass.backfill_parameters import BackfillConfig
from hotpass.errors import HotpassError
from hotpass.parameters import RefineConfig

_AWKWARD = st.text(st.sampled_from("~/%&><2FaE\x00\x7f\x85é☃\ud800"), max_size=10)
_FIELDS = ("{date}", "{date:%Y%m%d}", "{date:%n}", "{date:{version}}", "{date!r}", "{date.x}")
_OTHERS = ("{version}", "{version:>9}", "{version[0]}", "{}", "{0}", "{name}", "{{", "}}", "{", "}", "C:", "..", "//")
_PIECES = st.sampled_from([*"/.\\av:-\x00é", *_FIELDS, *_OTHERS])
_VERSIONS = ["1", "v1", "1.0-rc_1", "x" * 64, "x" * 65, "", "1.", "-1", "é", "1\n", "a/b", ".."]


def flow(function, *arguments):
    try:
        return function(*arguments)
    except HotpassError:
        return None


def collection(function, *arguments):
    try:
        return function(*arguments)
    except CollectionError:
        return None


@given(st.one_of(st.text(max_size=20), _AWKWARD))
def test_names_of_limits(text: str) -> None:
    assert flow(limits.limit_name, text) == collection(limit_names.limit_name, text)
    assert flow(limits.key_of, text) == collection(limit_names.key_of, text)


@given(st.lists(_PIECES, max_size=8).map("".join), st.dates(), st.sampled_from(["1", "v1", "2024.01-a_b"]))
def test_paths_of_archives(pattern: str, day: datetime.date, version: str) -> None:
    ours = flow(lambda: ArchivePattern.parse(pattern).path_of(day, version))
    assert ours == collection(theirs.archive_path, pattern, their_windows.Window(day, version))


def test_defaults() -> None:
    assert theirs.DEFAULT_PATTERN == DEFAULT_PATTERN
    assert their_windows.DEFAULT_VERSIONS == windows.DEFAULT_VERSIONS
    assert their_windows.MAX_WINDOWS <= windows.MAX_WINDOWS


def test_versions() -> None:
    for version in _VERSIONS:
        ours = flow(windows.parse_version, "version", version)
        assert (ours is None) == (collection(their_windows.checked_versions, "version", [version]) is None), version


def test_days() -> None:
    for text in ("2024-01-31", "2024-02-30", "20240131", "2024-W01-1", "2024-1-1", "2024-01-01\n", "", "٢٠٢٤-01-01"):
        assert flow(windows.parse_day, "day", text) == collection(their_windows.parse_date, "day", text), text


def test_the_pipelines_keys() -> None:
    keys = set(inspect.signature(RefineConfig.build).parameters)
    assert {*pipeline_keys.RULES, *pipeline_keys.OF_THE_WINDOW} == keys


@pytest.mark.parametrize("key", [*pipeline_keys.RULES, *pipeline_keys.OF_THE_WINDOW, "nonsense"])
def test_what_the_pipeline_may_be_told(key: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    # Which profiles there are is up to the release whose flow runs.
    for value in (None, True, False, 0, 1, "", " ", "aviation", [], {}):
        told = {"pipeline": {key: value}}
        file.write_text(json.dumps(told))
        takes_base = flow(lambda: BackfillConfig.build(since="2024-01-01", base_config=told)) is not None  # noqa: B023
        takes_own = flow(lambda: BackfillConfig.build(since="2024-01-01", parameters=told)) is not None  # noqa: B023
        read = collection(config.read_config, str(file)) is not None
        assert (takes_base, takes_own) == (read, read), value
