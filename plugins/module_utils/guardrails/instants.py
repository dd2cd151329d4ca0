# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instants as whole microseconds, which compare exactly and sort fast."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

SECOND: t.Final = 1_000_000
"""Microseconds in a second."""

_EPOCH: t.Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND: t.Final = datetime.timedelta(microseconds=1)


def instant(text: t.Any, where: str) -> int:
    """Microseconds since 1970-01-01 UTC of an ISO 8601 instant with its offset.

    :param where: what holds it, for the sentence.
    :raises CollectionError: when it is no such instant.
    """
    try:
        moment = datetime.datetime.fromisoformat(text)
        return (moment - _EPOCH) // _MICROSECOND
    except (TypeError, ValueError):
        raise CollectionError(
            f"{where} is {text!r}; it must be an instant with its offset, such as 2026-01-31T06:00:00Z."
        ) from None


def written(moment: int) -> str:
    """``2026-01-31T06:00:00.000000Z``."""
    return (_EPOCH + datetime.timedelta(microseconds=moment)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def now() -> int:
    """This instant, as the clock of this machine has it."""
    return (datetime.datetime.now(datetime.UTC) - _EPOCH) // _MICROSECOND


def seconds(duration: int) -> float:
    """A duration in microseconds as seconds."""
    return duration / SECOND
