# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of a ring: where its records are kept, and how the next one is written by exactly one.

docs/adr/0010-ledger.md says why it lives in the ring's Prefect server, and what it does not protect against.
"""

from __future__ import annotations

import re
import time
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, reading
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.errors import Conflict, NotFound
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Broken, Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import (
    TAG,
    Draft,
    Record,
    check_name,
    describe,
    variable_prefix,
)

_READINGS = 3
_PLACE = re.compile(r"[0-9]{8}")


class Lost(CollectionError):
    """Somebody else has changed the ring, so the record that was asked for does not stand.

    :ivar winner: the record that stands in its place, or the latest one.
    """

    def __init__(self, record: Record, winner: Record) -> None:
        super().__init__(
            f"Somebody else changed ring {record.ring} of {record.solution} first: {describe(winner)} stands, and "
            f"{describe(record)} was not written. Look at the ring, and run again if it is still wanted."
        )
        self.winner = winner


class Ledger(t.Protocol):
    """The records of one ring of one solution."""

    @property
    def solution(self) -> str:
        """Whose releases."""

    @property
    def ring(self) -> str:
        """Into which ring."""

    def read(self) -> Chain:
        """All of it, verified.

        :raises Broken: when it is no chain.
        """

    def append(self, chain: Chain, draft: Draft) -> Chain:
        """Write the record that comes after those of a chain, if nobody else has written one.

        Nothing is sent when the draft may not come next. The chain that is returned ends with the new record.

        :raises Lost: when somebody has; :class:`Broken` when the draft may not come next.
        """

    def prune(self, chain: Chain) -> Chain:
        """Delete the records that the chain's latest checkpoint stands for, oldest first. It may be done again."""


class PrefectLedger:
    """A ledger in the variables of a Prefect server.

    :param session: to the server that the ring deploys to.
    :raises CollectionError: when the solution or the ring has no proper name.
    """

    def __init__(
        self, session: Session, solution: str, ring: str, sleep: t.Callable[[float], None] = time.sleep
    ) -> None:
        self.solution = check_name(solution, "The solution")
        self.ring = check_name(ring, "The ring")
        self._session = session
        self._sleep = sleep
        self._prefix = variable_prefix(solution, ring)

    def read(self) -> Chain:
        """All of it, verified; one request for each 200 records.

        What is broken is read again: it may have been about to be mended, or the server about to answer with all of it.

        :raises Broken: when it is no chain.
        """
        for number in range(1, _READINGS):
            try:
                return self._read_once()
            except Broken:
                self._sleep(0.1 * number)
        return self._read_once()

    def append(self, chain: Chain, draft: Draft) -> Chain:
        """Write the next record with one POST, which the server takes from exactly one writer.

        An answer that leaves open whether it took effect is settled by the record's token.

        :raises Lost: when somebody else has written one; :class:`Broken` when the draft may not come next.
        """
        record = chain.next(draft)
        extended = chain.extended(record)
        found = self._post(record)
        if found.token != record.token:
            raise Lost(record, found)
        # The place may have been free because its record was archived and deleted while this chain grew old. Records go
        # oldest first, so as long as the one before is there, nothing after it was ever deleted.
        if chain.head is not None and self._is_there(chain.head):
            return extended
        current = self.read()
        if any(other.token == record.token for other in current.records):
            return extended
        if current.checkpoint is not None and record.sequence <= current.checkpoint.through:
            self._delete(record.variable)
        if current.head is None:
            raise Broken(f"{record.variable} was deleted as soon as it was written.", record.variable)
        raise Lost(record, current.head)

    def prune(self, chain: Chain) -> Chain:
        """Delete the records that the chain's latest checkpoint stands for, oldest first. It may be done again."""
        through = chain.checkpoint.through if chain.checkpoint else 0
        for row in self._rows() if through else ():
            if self._record(row).sequence <= through:
                self._delete(row["name"])
        return self.read()

    def _read_once(self) -> Chain:
        return Chain.build(self.solution, self.ring, [self._record(row) for row in self._rows()])

    def _rows(self) -> list[reading.Row]:
        """The variables of this ledger, oldest first. The server's filter matches more than it says."""
        rows = reading.read_all(self._session, reading.VARIABLES, filters.variables(name_like=self._prefix))
        return sorted((row for row in rows if row["name"].startswith(self._prefix)), key=lambda row: str(row["name"]))

    def _record(self, row: reading.Row) -> Record:
        name = row["name"]
        if not _PLACE.fullmatch(name.removeprefix(self._prefix)):
            raise Broken(
                f"The variable {name} is none of the ledger's, and the names that begin with {self._prefix} are the "
                f"ledger's alone; allowed after that are 8 digits.",
                name,
            )
        try:
            record = Record.from_json(row["value"])
        except CollectionError as error:
            raise Broken(f"The variable {name} holds no record of a ledger: {error.message}", name) from None
        if record.variable != name:
            raise Broken(f"The variable {name} holds the record that belongs into {record.variable}.", name)
        return record

    def _post(self, record: Record) -> Record:
        """The record that stands in this one's place once the POST is answered: its own, or another's."""
        body = {"name": record.variable, "value": record.to_json(), "tags": [TAG]}

        def settle() -> reading.Row | None:
            try:
                return self._row(record.variable)
            except CollectionError as error:
                error.message += f" Whether {record.variable} was written is not known; run again to see."
                error.args = (error.message,)
                raise

        try:
            row = self._session.write("POST", "/variables/", body, settle=settle)
        except Conflict:
            row = self._row(record.variable)
            if row is None:
                raise
        return self._record(row)

    def _is_there(self, record: Record) -> bool:
        row = self._row(record.variable)
        return row is not None and self._record(row).digest == record.digest

    def _row(self, name: str) -> reading.Row | None:
        row: reading.Row | None = self._session.get_or_none(f"/variables/name/{name}")
        return row

    def _delete(self, name: str) -> None:
        try:
            self._session.write("DELETE", f"/variables/name/{name}")
        except NotFound:
            return
