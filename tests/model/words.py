# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model's world in words, for the traces."""

from __future__ import annotations

from tests.model.fences import NOTHING, Pair
from tests.model.ledger import APPROVED, STATES, Step


def letter(digest: int) -> str:
    """A release for a sentence."""
    return chr(ord("a") + digest - 1)


def say(pair: Pair) -> str:
    """A pair for a sentence."""
    return f"{pair[0]}/{letter(pair[1])}" if pair != NOTHING else "nothing"


def say_step(step: Step) -> str:
    """A record for a sentence."""
    about = f"generation {step.number}"
    if step.event == "queue":
        return f"{about}, a {step.kind} to {letter(step.digest)}, as Queued"
    if step.event == "move":
        return f"{about} {STATES[step.value].value}"
    if step.event == "permit":
        return f"a permit for {about}"
    return f"the {'approval' if step.value == APPROVED else 'rejection'} of {about}"
