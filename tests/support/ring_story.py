# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells what happened in a ring, as a chain of records that no server has seen."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Actor, Draft, Event, Kind, Record
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

ADA = Actor("ada")
UP: t.Final = (State.QUEUED, State.RESOLVING, State.DEPLOYING, State.VALIDATING, State.ACTIVE)


def release_of(name: str) -> str:
    """The digest of a release that is only a name."""
    return digest_of(name.encode())


class RingStory:
    """A ring, one record after the other.

    :param begin: when the first record is written; each later one follows after a second. By default a minute ago.
    :param live: each record is written when it is told instead.
    :ivar chain: what the ledger says so far.
    """

    def __init__(
        self,
        solution: str = "hotpass",
        ring: str = "dev",
        begin: datetime.datetime | None = None,
        *,
        live: bool = False,
    ) -> None:
        self._live = live
        self.chain = Chain.build(solution, ring)
        self._clock = begin or datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=1)

    def add(self, draft: Draft) -> Record:
        """Append one record."""
        if self._live:
            # The server tells two moments apart when there are some milliseconds between them.
            self._clock = max(datetime.datetime.now(datetime.UTC), self._clock + datetime.timedelta(seconds=0.1))
        else:
            self._clock += datetime.timedelta(seconds=1)
        at = self._clock.isoformat(timespec="microseconds").replace("+00:00", "Z")
        record = self.chain.next(draft, at=at)
        self.chain = self.chain.extended(record)
        return record

    def go(
        self,
        release: str,
        *states: State,
        kind: Kind = Kind.PROMOTE,
        rolls_back: int | None = None,
        actor: Actor = ADA,
        **detail: t.Any,
    ) -> list[Record]:
        """Take the generation under way, or a new one, through some states.

        :param release: its name, see :func:`release_of`.
        :param rolls_back: makes it a rollback of that generation.
        :param detail: of the last of the records.
        """
        kind = Kind.ROLLBACK if rolls_back is not None else kind
        written = []
        for state in states:
            number = self.chain.last_generation + (state is State.QUEUED)
            told = {"rolls_back": rolls_back} if state is State.QUEUED and rolls_back is not None else {}
            told.update(detail if state is states[-1] else {})
            draft = Draft(Event.TRANSITION, number, actor, kind, state, release_of(release), told)
            written.append(self.add(draft))
        return written

    def say(self, event: Event, release: str, generation: int = 0, **detail: t.Any) -> Record:
        """Append a permit, an approval, a veto or a hold."""
        return self.add(Draft(event, generation, ADA, release=release_of(release), detail=detail))
