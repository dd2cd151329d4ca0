# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters that a run cannot honour are refused before anything is read."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from hotpass.errors import HotpassError
from hotpass.parameters import RefineConfig, parse_since


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("2024-11-01", datetime(2024, 11, 1, tzinfo=UTC)),
        (" 2024-11-01T06:00:00 ", datetime(2024, 11, 1, 6, tzinfo=UTC)),
        ("2024-11-01T01:00:00+02:00", datetime(2024, 10, 31, 23, tzinfo=UTC)),
        ("2024-11-01T06:00:00Z", datetime(2024, 11, 1, 6, tzinfo=UTC)),
        (date(2024, 11, 1), datetime(2024, 11, 1, tzinfo=UTC)),
        (datetime(2024, 11, 1, tzinfo=timezone(timedelta(hours=2))), datetime(2024, 10, 31, 22, tzinfo=UTC)),
    ],
)
def test_since_is_an_aware_moment_in_utc(value: object, expected: datetime | None) -> None:
    moment = parse_since(value)
    assert moment == expected
    assert moment is None or moment.tzinfo is UTC


def test_since_without_an_offset_is_utc_wherever_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Africa/Johannesburg")
        time.tzset()
        moment = parse_since("2024-11-01")
    time.tzset()
    assert moment == datetime(2024, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "value", ["", "yesterday", "01/11/2024", "2024-13-01", 20241101.0, True, "0001-01-01T00:00+02:00"]
)
def test_a_since_that_is_no_date_is_refused(value: object) -> None:
    with pytest.raises(HotpassError, match=r"since is not a date: .*2024-11-01"):
        parse_since(value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"archive": "yes"}, "archive must be true or false, not 'yes'"),
        ({"backfill": 1}, "backfill must be true or false, not 1"),
        ({"incremental": None}, "incremental must be true or false, not None"),
        ({"backfill": True, "incremental": True}, "backfill and incremental exclude each other"),
        ({"since": "2024-11-01"}, "since is 2024-11-01T00:00:00.* but incremental is false"),
        ({"output_path": "out.xlsx"}, r"output_path must end in \.parquet, found out\.xlsx"),
        ({"output_path": 7}, "output_path must be a path, not 7"),
        ({"input_dir": " "}, "input_dir must be a path, not ' '"),
        (
            {"profile_name": "banking"},
            "unknown profile 'banking'; known profiles are aviation, aviation-strict, general",
        ),
        ({"profile_name": ["aviation"]}, "unknown profile"),
    ],
)
def test_what_cannot_be_honoured_is_refused(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(HotpassError, match=message):
        RefineConfig.build(**parameters)  # type: ignore[arg-type]


def test_relative_paths_are_below_hotpass_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOTPASS_HOME", str(tmp_path))
    config = RefineConfig.build(dist_dir="/elsewhere")
    assert config.input_dir == tmp_path / "data"
    assert config.output_path == tmp_path / "dist/refined/latest.parquet"
    assert config.dist_dir == Path("/elsewhere")


def test_relative_paths_are_below_the_current_directory_without_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOTPASS_HOME", "")
    monkeypatch.chdir(tmp_path)
    assert RefineConfig.build().input_dir == tmp_path / "data"


def test_a_relative_hotpass_home_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTPASS_HOME", "work")
    with pytest.raises(HotpassError, match="HOTPASS_HOME must be an absolute path, found 'work'"):
        RefineConfig.build()
