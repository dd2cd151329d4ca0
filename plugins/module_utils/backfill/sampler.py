# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readings of the limits while runs go on, few enough for a backfill of a day."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import sampling
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.reading import Row
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

Sample = dict[str, t.Any]

PAUSE, SHORTEST_PAUSE = 2.0, 0.25
# Whoever judges the samples takes a longer silence for one in which anything may have happened.
LONGEST_GAP = 30.0
# They move without anything having changed.
_RESTLESS = frozenset({"at", "took_seconds", "updated", "last_heartbeat_time"})


class Sampler:
    """Takes a reading every two seconds, and soon after something has happened.

    :ivar samples: the first and the last of every stretch of readings that are alike, and one for each half minute.
    """

    def __init__(self, session: Session, deployment: Row, concurrency_key: str, work_queue: str | None = None) -> None:
        self.samples: list[Sample] = []
        self._session = session
        self._deployment = deployment
        self._key = concurrency_key
        self._queue = work_queue
        self._last = -PAUSE
        self._happened = False
        self._replaceable_until = 0.0

    def happened(self) -> None:
        """A run began or ended, so the next reading shall not wait."""
        self._happened = True

    def take(self, at_once: bool = False) -> None:
        """Take a reading, if it is time for one."""
        pause = SHORTEST_PAUSE if self._happened else PAUSE
        if not at_once and time.monotonic() < self._last + pause:
            return
        reading = sampling.sample(self._session, self._deployment, self._key, self._queue)
        self._last, self._happened = time.monotonic(), False
        alike = bool(self.samples) and _calm(self.samples[-1]) == _calm(reading)
        if alike and self._last < self._replaceable_until:
            self.samples[-1] = reading
            return
        self.samples.append(reading)
        # The first of a stretch stays, and so does the last one before each long gap.
        self._replaceable_until = self._last + LONGEST_GAP - PAUSE if alike else 0.0


def _calm(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {key: _calm(item) for key, item in value.items() if key not in _RESTLESS}
    if isinstance(value, list):
        return [_calm(item) for item in value]
    return value
