# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a ring's records mean, written down a second time and plainly, to hold the real chain against."""

from __future__ import annotations

import dataclasses
import datetime

from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Draft, Event, Kind
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import SETTLED, State, allowed


@dataclasses.dataclass
class RingOracle:
    """The ring after the records taken so far.

    :ivar states: of each generation by its number; ``releases`` and ``kinds`` likewise.
    :ivar rolls_back: for each rollback, the generation that it takes back.
    :ivar active: number of the last generation that became Active; 0 for none.
    :ivar expiries: of the permits of the last generation.
    """

    states: dict[int, State] = dataclasses.field(default_factory=dict)
    releases: dict[int, str | None] = dataclasses.field(default_factory=dict)
    kinds: dict[int, Kind | None] = dataclasses.field(default_factory=dict)
    rolls_back: dict[int, int] = dataclasses.field(default_factory=dict)
    active: int = 0
    verified: list[int] = dataclasses.field(default_factory=list)
    holds: set[str | None] = dataclasses.field(default_factory=set)
    vetoes: set[str | None] = dataclasses.field(default_factory=set)
    expiries: list[datetime.datetime] = dataclasses.field(default_factory=list)

    @property
    def last(self) -> int:
        """Number of the latest generation; 0 for none."""
        return len(self.states)

    @property
    def under_way(self) -> int:
        """Number of the generation that is not settled; 0 for none."""
        return self.last if self.last and self.states[self.last] not in SETTLED else 0

    def permitted(self, now: datetime.datetime) -> bool:
        """Whether the generation under way has a permit that has not expired."""
        return any(now < expires for expires in self.expiries)

    def allows(self, draft: Draft) -> bool:
        """Whether a record may come next."""
        number = draft.generation
        if draft.event in (Event.PERMIT, Event.APPROVAL):
            return number == self.under_way and draft.release == self.releases[number]
        if draft.event is not Event.TRANSITION:
            return number <= self.last
        if draft.state is State.QUEUED:
            target = draft.detail.get("rolls_back")
            fits = target is None or self.states[target] in (State.ACTIVE, State.ROLLBACK_FAILED)
            return fits and not self.under_way and number == self.last + 1
        if number != self.last or draft.state is None or self.states[number] is State.ACTIVE:
            return False
        return allowed(self.states[number], draft.state)

    def take(self, draft: Draft) -> None:
        """Take a record in that is allowed."""
        number, state, release = draft.generation, draft.state, draft.release
        if draft.event is Event.HOLD:
            (self.holds.add if draft.detail["held"] else self.holds.discard)(release)
        elif draft.event is Event.VETO:
            self.vetoes.add(release)
        elif draft.event is Event.PERMIT:
            self.expiries.append(datetime.datetime.fromisoformat(draft.detail["expires"]))
        if draft.event is not Event.TRANSITION or state is None:
            return
        if state is State.QUEUED:
            self.releases[number], self.kinds[number] = release, draft.kind
            self.expiries = []
            if "rolls_back" in draft.detail:
                self.rolls_back[number] = draft.detail["rolls_back"]
        self.states[number] = state
        target = self.rolls_back.get(number)
        if target is not None:
            follows = {
                State.DEPLOYING: State.ROLLING_BACK,
                State.ROLLING_BACK: State.ROLLING_BACK,
                State.ACTIVE: State.ROLLED_BACK,
                State.ROLLED_BACK: State.ROLLBACK_FAILED,
                State.ROLLBACK_FAILED: State.ROLLBACK_FAILED,
            }
            self.states[target] = follows.get(state, self.states[target])
        if state is State.ACTIVE:
            if self.active and self.states[self.active] is State.ACTIVE:
                self.states[self.active] = State.SUPERSEDED
            self.active = number
            self.verified.append(number)
