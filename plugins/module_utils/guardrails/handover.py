# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a slot may have taken to change hands, where readings show that the server was slow."""

from __future__ import annotations

import bisect
import heapq
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import SECOND

if t.TYPE_CHECKING:
    from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.steps import Reading

LONGEST: t.Final = 5 * SECOND
"""The most that a slow reading excuses; beyond it nobody can tell a slow server from one run too many."""


class Handover:
    """The time that a slot may have taken to change hands, at each instant. All in microseconds.

    A server that answers slowly also takes its time between the instant it writes down and the slot. A reading shows
    that only for what happened near it: for a slot that was being taken while the reading was, if it took as long.

    :ivar usual: where no slow reading is near.
    :ivar most: the longest that any slot is given.
    :ivar capped: whether a reading took longer than that.
    """

    def __init__(self, found: t.Iterable[Reading], usual: int, slack: int) -> None:
        """:param slack: how far the clock of the readings may be from the server's."""
        self.usual = usual
        zones = [
            (one.start - (one.end - one.start) - slack, one.end + slack + 1, one.end - one.start)
            for one in found
            if one.end - one.start > max(1, usual)
        ]
        self._instants, self._slowest = _highest(zones)
        slowest = max([usual, *self._slowest])
        self._longest = max(LONGEST, usual)
        self.most = min(slowest, self._longest)
        self.capped = slowest > self._longest

    def near(self, moment: int) -> int:
        """What the slowest reading near an instant took, however long; at least the usual."""
        index = bisect.bisect_right(self._instants, moment) - 1
        return max(self.usual, self._slowest[index] if index >= 0 else 0)

    def given(self, moment: int) -> int:
        """The time that a slot is given which a run began to take at an instant."""
        return min(self.near(moment), self._longest)


def _highest(zones: t.Iterable[tuple[int, int, int]]) -> tuple[list[int], list[int]]:
    """The highest value of all zones ``[start, end)`` at each instant at which it may change; 0 outside of them."""
    rising = sorted(zones)
    edges = sorted({edge for start, end, _value in rising for edge in (start, end)})
    there: list[tuple[int, int]] = []
    values, following = [], 0
    for edge in edges:
        while following < len(rising) and rising[following][0] <= edge:
            _start, end, value = rising[following]
            heapq.heappush(there, (-value, end))
            following += 1
        while there and there[0][1] <= edge:
            heapq.heappop(there)
        values.append(-there[0][0] if there else 0)
    return edges, values
