# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The windows of a backfill: which days, and which version of each day's archived input."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from hotpass.errors import HotpassError

MAX_WINDOWS = 10_000
"""More than 27 years of days; a range that is larger is a slip of the pen."""

DEFAULT_VERSIONS = ("1",)

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# It becomes part of file names, on file systems that may drop a dot at the end or know no case but ASCII's.
_VERSION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")


@dataclass(frozen=True, order=True)
class Window:
    """One day and one version of its archived input."""

    day: date
    version: str

    @property
    def name(self) -> str:
        """`YYYY-MM-DD--<version>`, the name of the directory it is restored to."""
        return f"{self.day.isoformat()}--{self.version}"


def windows_of(
    runs: Sequence[Mapping[str, str]] | None,
    since: str | None = None,
    until: str | None = None,
    versions: Sequence[str] | None = None,
) -> list[Window]:
    """Return the windows that a caller names one by one or as a range of days, each once, in the order given.

    `runs` has entries of exactly `run_date` (YYYY-MM-DD) and `version`. `since` and `until` (YYYY-MM-DD, both
    inclusive; without `until` it is the one day) give every day times every one of `versions` (without: `1`).

    Raises:
        HotpassError: both or neither way is used, a value is no date or no version, `until` is before `since`, or
            there are more than `MAX_WINDOWS`.
    """
    if runs is not None and not isinstance(runs, (list, tuple)):
        raise HotpassError(f"runs must be a list of entries with run_date and version, found {runs!r}.")
    if runs and (since is not None or until is not None or versions is not None):
        raise HotpassError("runs names the windows one by one, so since, until and versions must not be given too.")
    if runs:
        return _unique(_window(number, entry) for number, entry in enumerate(runs))
    if since is None:
        raise HotpassError(
            "no windows are given: name them in runs, for instance [{'run_date': '2024-01-01', 'version': '1'}], or "
            "give since and until, for instance 2024-01-01 and 2024-01-07."
        )
    first = parse_day("since", since)
    last = first if until is None else parse_day("until", until)
    if last < first:
        raise HotpassError(f"until {last} is before since {first}.")
    if versions is not None and (isinstance(versions, str) or not isinstance(versions, Sequence) or not versions):
        raise HotpassError(f"versions must be a list of at least one version, found {versions!r}.")
    checked = [parse_version("versions", version) for version in versions or DEFAULT_VERSIONS]
    days = (last - first).days + 1
    if days * len(checked) > MAX_WINDOWS:
        raise HotpassError(f"since {first} until {last} are {days * len(checked)} windows; at most {MAX_WINDOWS}.")
    return _unique(Window(first + timedelta(days=n), version) for n in range(days) for version in checked)


def parse_day(label: str, value: Any) -> date:
    """Return the day that a text YYYY-MM-DD names.

    Raises:
        HotpassError: it is anything else, or there is no such day.
    """
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise HotpassError(f"{label} is no date: {value!r}; give one like 2024-01-31.")


def parse_version(label: str, value: Any) -> str:
    """Return a version as it is.

    Raises:
        HotpassError: it is no text of 1 to 64 ASCII letters, digits, `.`, `_` and `-` with a letter or digit at
            either end.
    """
    if isinstance(value, str) and _VERSION.fullmatch(value):
        return value
    raise HotpassError(
        f"{label} holds no version: {value!r}; give text like '1' of at most 64 letters, digits, '.', '_' and '-' "
        "(ASCII) that begins and ends with a letter or digit."
    )


def _window(number: int, entry: Any) -> Window:
    if not isinstance(entry, Mapping) or set(entry) != {"run_date", "version"}:
        found = sorted(map(str, entry)) if isinstance(entry, Mapping) else entry
        raise HotpassError(f"runs[{number}] must have exactly run_date and version, found {found!r}.")
    return Window(
        parse_day(f"runs[{number}].run_date", entry["run_date"]),
        parse_version(f"runs[{number}].version", entry["version"]),
    )


def _unique(windows: Iterable[Window]) -> list[Window]:
    unique = list(dict.fromkeys(windows))
    if len(unique) > MAX_WINDOWS:
        raise HotpassError(f"runs holds {len(unique)} windows; at most {MAX_WINDOWS}.")
    return unique
