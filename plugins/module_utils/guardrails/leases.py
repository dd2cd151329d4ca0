# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the slot of a key may stay taken after its holder died, by what the flow's parameters say."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.declared import at_path

_LEASE: t.Final = "base_config.slot.lease_seconds"
_LIVES: t.Final = range(60, 86_401)
_REAPING: t.Final = 30
"""Seconds within which the server's reaper comes round to a lease that has run out."""


def leak_seconds(bound: float, parameters: t.Iterable[t.Any]) -> float:
    """How long more slots of a key may be taken than runs hold: a bound, or as long as the longest lease lives.

    :param parameters: of the deployments and runs that take slots of the key. A value that the flow refuses is no
        lease.
    """
    found = (value for one in parameters for value in at_path(one, _LEASE))
    # True would be the number 1.
    leases = (value for value in found if isinstance(value, int) and not isinstance(value, bool) and value in _LIVES)
    return max([bound, *(value + _REAPING for value in leases)])
