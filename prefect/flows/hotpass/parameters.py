# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks what a caller asks of a refinement, and turns it into the settings of one run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from hotpass.errors import HotpassError
from hotpass.profiles import Profile, get_profile


@dataclass(frozen=True)
class RefineConfig:
    """The settings of one refinement, already checked: every path is absolute, `since` is aware and in UTC."""

    input_dir: Path
    output_path: Path
    profile: Profile
    archive: bool
    dist_dir: Path
    backfill: bool
    incremental: bool
    since: datetime | None

    @classmethod
    def build(
        cls,
        input_dir: str | Path = "./data",
        output_path: str | Path = "dist/refined/latest.parquet",
        profile_name: str = "aviation",
        archive: bool = False,
        dist_dir: str | Path = "dist",
        backfill: bool = False,
        incremental: bool = False,
        since: str | date | datetime | None = None,
    ) -> RefineConfig:
        """Return the settings for these parameters of the flow.

        Raises:
            HotpassError: a value has the wrong type, `since` is no date, the profile is unknown, the output is no
                `.parquet` file, `HOTPASS_HOME` is relative, or two parameters contradict each other.
        """
        for label, flag in (("archive", archive), ("backfill", backfill), ("incremental", incremental)):
            if not isinstance(flag, bool):
                raise HotpassError(f"{label} must be true or false, not {flag!r}.")
        moment = parse_since(since)
        if backfill and incremental:
            raise HotpassError("backfill and incremental exclude each other: a replay processes its whole input.")
        if moment and not incremental:
            raise HotpassError(
                f"since is {moment.isoformat()} but incremental is false: set incremental to true to filter by date, "
                "or since to null to process everything."
            )
        output = resolve_path("output_path", output_path)
        if output.suffix != ".parquet":
            raise HotpassError(f"output_path must end in .parquet, found {output_path!s}.")
        return cls(
            input_dir=resolve_path("input_dir", input_dir),
            output_path=output,
            profile=get_profile(profile_name),
            archive=archive,
            dist_dir=resolve_path("dist_dir", dist_dir),
            backfill=backfill,
            incremental=incremental,
            since=moment,
        )


def parse_since(value: Any) -> datetime | None:
    """Return an ISO 8601 date or datetime (text or object) as an aware UTC datetime; without an offset it is UTC.

    Raises:
        HotpassError: the value is anything else, blank text included.
    """
    if value is None:
        return None
    moment: datetime | None = None
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime.combine(value, time())
    elif isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            moment = None
    if moment is not None:
        if moment.tzinfo is None:
            return moment.replace(tzinfo=UTC)
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            pass
    raise HotpassError(
        f"since is not a date: {value!r}; give an ISO date or datetime like 2024-11-01 or 2024-11-01T06:00:00+02:00, "
        "or null for no filter."
    )


def resolve_path(label: str, value: Any) -> Path:
    """Return the path `value` of the parameter `label` as an absolute one; a relative one is below `HOTPASS_HOME`.

    Without `HOTPASS_HOME` relative paths are below the current directory. A worker changes into the flow code
    before it runs a flow, so `HOTPASS_HOME` is what keeps data out of the code.

    Raises:
        HotpassError: `value` is blank or not text, or `HOTPASS_HOME` is a relative path.
    """
    if not isinstance(value, (str, Path)) or not str(value).strip():
        raise HotpassError(f"{label} must be a path, not {value!r}.")
    home = os.environ.get("HOTPASS_HOME", "")
    if home and not Path(home).is_absolute():
        raise HotpassError(f"the environment variable HOTPASS_HOME must be an absolute path, found {home!r}.")
    return Path(os.path.abspath(Path(home or Path.cwd()) / value))
