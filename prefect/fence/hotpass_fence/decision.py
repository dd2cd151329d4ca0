# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fence decides. It is a function of its arguments alone, so that the model check can call it too."""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Pair:
    """A generation of a ring, and the digest of its release."""

    generation: int
    release: str

    def __str__(self) -> str:
        return f"generation {self.generation} ({self.release})"


@dataclass(frozen=True)
class Permit:
    """Lets some runs of the generation under way start.

    :param tag: what a run has to carry.
    :param max_runs: how many of the runs with the tag, in order of their creation.
    :param expires: from when on it counts no more.
    """

    purpose: str
    tag: str
    max_runs: int
    expires: datetime


@dataclass(frozen=True)
class Situation:
    """What a ring's ledger says at one moment.

    :param active: of the last record that says Active.
    :param under_way: the generation that is not settled yet, if there is one.
    :param permits: those of the generation under way, as long as its release may be tried: while it is Deploying or
        Validating.
    """

    active: Pair | None
    under_way: Pair | None = None
    permits: tuple[Permit, ...] = ()


class Outcome(enum.Enum):
    """What becomes of a run."""

    RUN = "run"
    PUT_OFF = "put off"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Decision:
    """What becomes of a run, and why, in one sentence."""

    outcome: Outcome
    reason: str


def decide(
    own: Pair, situation: Situation, tags: Collection[str], now: datetime, rank: Callable[[str], int]
) -> Decision:
    """What becomes of a run whose deployment names ``own``.

    :param tags: the run's.
    :param rank: how many runs carry a tag up to this one, itself included, in order of their creation. It is called
        only where a permit hangs on it.
    """
    if own == situation.active:
        return Decision(Outcome.RUN, f"{own} is Active.")
    if own == situation.under_way:
        return _before_active(own, situation.permits, tags, now, rank)
    active = f"Active is {situation.active}" if situation.active else "the ring has no Active release"
    coming = f", and under way is {situation.under_way}" if situation.under_way else ""
    return Decision(
        Outcome.REFUSE,
        f"The deployment names {own}, but {active}{coming}; reconcile the ring, so that its deployments name what is "
        "Active.",
    )


def _before_active(
    own: Pair, permits: Collection[Permit], tags: Collection[str], now: datetime, rank: Callable[[str], int]
) -> Decision:
    why = "it carries the tag of no permit"
    for permit in permits:
        if permit.tag not in tags:
            continue
        if now >= permit.expires:
            why = f"the permit for {permit.purpose} expired at {permit.expires.isoformat()}"
        elif (place := rank(permit.tag)) > permit.max_runs:
            why = f"the permit for {permit.purpose} is for {permit.max_runs} runs, and this one is number {place}"
        else:
            return Decision(Outcome.RUN, f"{own} is not Active yet, and has a permit for {permit.purpose}.")
    return Decision(Outcome.PUT_OFF, f"{own} is not Active yet, and the run has to wait for it: {why}.")
