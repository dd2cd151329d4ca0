# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instants as records and statements write them: UTC, to the microsecond, ending in Z."""

from __future__ import annotations

import datetime


def now() -> datetime.datetime:
    """This instant, as this machine sees it."""
    return datetime.datetime.now(datetime.UTC)


def text(instant: datetime.datetime) -> str:
    """``2026-11-22T07:30:00.000000Z``."""
    return instant.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(written: str) -> datetime.datetime:
    """The instant that :func:`text` wrote.

    :raises ValueError: for anything else.
    """
    return datetime.datetime.fromisoformat(written)
