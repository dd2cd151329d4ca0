# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The windows of a backfill, one (date, version) each, expanded from ranges of dates, in the order of their runs."""

from __future__ import annotations

import dataclasses
import datetime
import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

# Ten years of days. More is a slip of the pen, and would fill the server with runs.
MAX_WINDOWS = 4000
DEFAULT_VERSIONS = ("1",)

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
# A version becomes part of the names of files and directories, and of an idempotency key.
_VERSION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?\Z")
VERSION_RULE = "at most 64 letters, digits, '.', '_' and '-' (ASCII), with a letter or digit at either end"


@dataclasses.dataclass(frozen=True)
class Window:
    """What one flow run replays."""

    run_date: datetime.date
    version: str

    @property
    def date(self) -> str:
        """The date as ISO 8601."""
        return self.run_date.isoformat()

    def to_json(self) -> dict[str, str]:
        """The window as the flow's parameter ``runs`` has it."""
        return {"run_date": self.date, "version": self.version}

    def __str__(self) -> str:
        return f"{self.date} {self.version}"


@dataclasses.dataclass(frozen=True)
class Range:
    """Dates from first to last, both included, each with every version."""

    first: datetime.date
    last: datetime.date
    versions: tuple[str, ...]


def parse_date(what: str, text: str) -> datetime.date:
    """A date as YYYY-MM-DD.

    :param what: names the option in the sentence.
    :raises CollectionError: when it is none.
    """
    if _DATE.match(text):
        try:
            return datetime.date.fromisoformat(text)
        except ValueError:
            pass
    raise CollectionError(f"{what} is {text!r}; allowed is a date such as 2024-01-31.")


def checked_versions(what: str, versions: t.Sequence[str]) -> tuple[str, ...]:
    """The versions, each once, in their order; without any, those that the flow takes then, too.

    :raises CollectionError: for one that cannot be part of a file's name. The pattern's own ``v`` is not stripped.
    """
    for version in versions:
        if not _VERSION.match(version):
            raise CollectionError(f"{what} has {version!r}; allowed is {VERSION_RULE}.")
    return tuple(dict.fromkeys(versions)) or DEFAULT_VERSIONS


def checked_range(what: str, first: datetime.date, last: datetime.date, versions: tuple[str, ...]) -> Range:
    """The dates from first to last with the versions.

    :param what: names both options in the sentence.
    :raises CollectionError: when the last lies before the first.
    """
    if last < first:
        raise CollectionError(f"{what} is {first} to {last}; the last date must not lie before the first.")
    return Range(first, last, versions)


def expand(ranges: t.Iterable[Range]) -> list[Window]:
    """Every window of the ranges once, by date; those of one date in the order in which the ranges have them.

    :raises CollectionError: when there are more than ``MAX_WINDOWS``, before any of them is made.
    """
    ranges = list(ranges)
    asked = sum(((one.last - one.first).days + 1) * len(one.versions) for one in ranges)
    if asked > MAX_WINDOWS:
        raise CollectionError(
            f"The dates and versions make {asked} windows; at most {MAX_WINDOWS} are allowed: split the backfill."
        )
    windows = {
        Window(one.first + datetime.timedelta(days=day), version): None
        for one in ranges
        for day in range((one.last - one.first).days + 1)
        for version in one.versions
    }
    return sorted(windows, key=lambda window: window.run_date)
