# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role is told of a generation, so that it can go on with it."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release import clock, gates
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Record
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring import Ring
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import SETTLED


def open_permit(ring: Ring, number: int) -> Record | None:
    """The newest permit of a generation, if it has a minute left."""
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=1)
    for record in reversed(ring.chain.permits(number)):
        if clock.parse(record.detail["expires"]) > soon:
            return record
    return None


def describe(ring: Ring, generation: Generation) -> dict[str, t.Any]:
    """What a role needs to know of a generation to go on with it."""
    active = ring.chain.active
    permit = open_permit(ring, generation.number)
    return {
        "generation": generation.number,
        "kind": generation.kind.value,
        "release": generation.release,
        "state": generation.state.value,
        "since": generation.since,
        "settled": generation.state in SETTLED,
        "already_active": False,
        "passed": [record.state.value for record in generation.transitions if record.state is not None],
        "requested_by": generation.requested_by.to_json(),
        "requested_at": generation.requested_at,
        "reason": generation.last_detail.get("reason"),
        "gates": gates.verdicts_of(generation),
        "permit": {"tag": permit.detail["tag"], "expires": permit.detail["expires"]} if permit else None,
        "active": {"generation": active.number, "release": active.release} if active else None,
        "verified": [
            {"generation": earlier.number, "release": earlier.release} for earlier in ring.chain.verified[-5:]
        ],
        "rolls_back": generation.rolls_back,
        "details": _details(generation),
    }


def _details(generation: Generation) -> dict[str, t.Any]:
    """What the records of a generation keep beside reasons and verdicts, the newest of each key."""
    found: dict[str, t.Any] = {}
    for record in generation.transitions:
        found.update({key: value for key, value in record.detail.items() if key not in ("gates", "reason", "claim")})
    return found
