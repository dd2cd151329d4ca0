# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who carries a generation: the promoter that wrote its last transition, or one that goes on from there.

A promoter that died and one that is slow look the same, so whoever runs a promotion again may go on with it. From its
first record on the earlier one is refused; it would otherwise take what the other writes for a failure, and roll it
back.
"""

from __future__ import annotations

import secrets
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Generation

Claim = t.Mapping[str, t.Any]


def take(generation: Generation | None) -> dict[str, t.Any]:
    """A new promoter's claim: to a generation that is under way, or with None to one that it begins."""
    return {"id": secrets.token_hex(8), "after": generation.transitions[-1].sequence if generation else None}


def detail(claim: Claim | None) -> dict[str, t.Any]:
    """What a transition keeps of the claim that it was made with."""
    return {"claim": claim["id"]} if claim else {}


def insist(generation: Generation, claim: Claim | None) -> None:
    """Stop a promoter that somebody else has taken a generation from; without a claim nobody is stopped.

    :raises CollectionError: saying who has.
    """
    last = generation.transitions[-1]
    if not claim or last.detail.get("claim") == claim["id"] or last.sequence == claim["after"]:
        return
    raise CollectionError(
        f"Somebody else goes on with generation {generation.number} of ring {last.ring}: {last.actor.name} made it "
        f"{last.state.value if last.state else last.event.value} at {last.at}. This promoter stops here and leaves it "
        "to them; look at the ring, and run again if it is still wanted."
    )
