# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of a ring's bundles: one Prefect variable for each of the newest, which exactly one sealer can make.

docs/adr/0015-evidence.md says why it is kept there and what it does not protect against.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, reading
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.errors import Conflict, NotFound
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import is_digest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import check_name

KEPT: t.Final = 50
"""So many entries stay on the server; each older one is named by the bundle after it."""
TAG: t.Final = "hotpass-evidence"

_PLACE = re.compile(r"[0-9]{8}")
_LAST = 10**8 - 1


@dataclasses.dataclass(frozen=True)
class Entry:
    """One bundle in the chain.

    :param sequence: its number, from 1.
    :param previous: digest of the seal of the bundle before it; None for the first.
    :param seal: digest of its own.
    :param state: how the promotion or rollback ended that it is about; None for others.
    :param at: when it was sealed, by the sealer's clock.
    """

    sequence: int
    previous: str | None
    seal: str
    kind: str
    name: str
    generation: int | None
    state: str | None
    verdict: str
    at: str

    def to_json(self) -> dict[str, t.Any]:
        """What the variable holds."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: t.Any) -> Entry:
        """The entry that a variable holds.

        :raises CollectionError: when it holds none.
        """
        fields = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(value, dict) or value.keys() != fields:
            raise CollectionError(f"an entry has exactly {', '.join(sorted(fields))}")
        texts = [value[name] for name in ("kind", "name", "verdict", "at")]
        numbers = [value["sequence"], 1 if value["generation"] is None else value["generation"]]
        digests = [value["seal"]] + ([] if value["previous"] is None else [value["previous"]])
        if not (
            all(isinstance(text, str) for text in texts)
            and all(isinstance(number, int) and not isinstance(number, bool) and number > 0 for number in numbers)
            and all(map(is_digest, digests))
            and isinstance(value["state"], (str, type(None)))
        ):
            raise CollectionError("one of its fields is of another type")
        return cls(**value)


@dataclasses.dataclass(frozen=True)
class Reading:
    """What the server says of a chain.

    :param entries: the newest ones that hold each other, oldest first.
    :param stray: variables that are none of these: what is left of trimmed or contested places.
    :param problems: sentences on what was deleted or edited among the newest :data:`KEPT`.
    """

    entries: tuple[Entry, ...] = ()
    stray: t.Mapping[int, Entry | None] = dataclasses.field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def head(self) -> Entry | None:
        """The newest entry."""
        return self.entries[-1] if self.entries else None

    def has(self, sequence: int, seal: str) -> bool:
        """Whether a bundle has its place."""
        return any((entry.sequence, entry.seal) == (sequence, seal) for entry in self.entries)

    def stands(self, sequence: int, seal: str) -> bool:
        """Whether a bundle has its place, or an entry says so that the newest ones do not lead to."""
        entry = self.stray.get(sequence)
        return self.has(sequence, seal) or (entry is not None and entry.seal == seal)


class Log:
    """The chain of one ring of one solution.

    :raises CollectionError: when either has no proper name.
    """

    def __init__(self, session: Session, solution: str, ring: str) -> None:
        self._session = session
        self._solution = check_name(solution, "The solution")
        self._ring = check_name(ring, "The ring")
        # Names have no underscore, so no chain's prefix is the beginning of another's.
        self._prefix = f"evidence_{ring}_{solution}_"

    def read(self) -> Reading:
        """The chain, in one request."""
        rows = reading.read_all(self._session, reading.VARIABLES, filters.variables(name_like=self._prefix))
        found: dict[int, Entry | None] = {}
        for row in rows:
            place = row["name"].removeprefix(self._prefix)
            if row["name"].startswith(self._prefix) and _PLACE.fullmatch(place):
                found[int(place)] = _entry(row, int(place))
        return self._chained(found)

    def append(self, entry: Entry) -> bool:
        """Give a bundle its place with one POST, which the server takes from exactly one sealer.

        An answer that leaves open whether it took effect is settled by the digest of the seal, which no other has.

        :return: whether it has the place; not when another bundle has.
        :raises CollectionError: when what stands in the place is no entry.
        """
        name = self.variable(entry.sequence)
        body = {"name": name, "value": entry.to_json(), "tags": [TAG]}
        try:
            row = self._session.write("POST", "/variables/", body, settle=lambda: self._row(name))
        except Conflict:
            row = self._row(name)
            if row is None:
                return False
        standing = _entry(row, entry.sequence)
        if standing is None:
            raise CollectionError(
                f"The variable {name} holds no entry of the chain of evidence, and its name belongs to the chain; "
                "delete it, and run again."
            )
        return standing.seal == entry.seal

    def is_there(self, entry: Entry) -> bool:
        """Whether an entry that was read still stands."""
        row = self._row(self.variable(entry.sequence))
        return row is not None and _entry(row, entry.sequence) == entry

    def delete(self, sequence: int) -> None:
        """Delete what stands in a place, if anything does."""
        try:
            self._session.write("DELETE", f"/variables/name/{self.variable(sequence)}")
        except NotFound:
            return

    def trim(self, seen: Reading, head: int) -> None:
        """Delete what is older than the newest :data:`KEPT`, oldest first. It may be done again.

        :param head: the number of the newest bundle.
        """
        for sequence in sorted({entry.sequence for entry in seen.entries} | set(seen.stray)):
            if sequence <= head - KEPT:
                self.delete(sequence)

    def variable(self, sequence: int) -> str:
        """The variable of a place."""
        if sequence > _LAST:
            raise CollectionError(f"The chain of evidence ends with {self._prefix}{_LAST}; delete that variable.")
        return f"{self._prefix}{sequence:08d}"

    def _row(self, name: str) -> reading.Row | None:
        row: reading.Row | None = self._session.get_or_none(f"/variables/name/{name}")
        return row

    def _chained(self, found: dict[int, Entry | None]) -> Reading:
        good = {sequence: entry for sequence, entry in found.items() if entry is not None}
        if not good:
            return Reading(stray=found, problems=tuple(self._no_entry(sequence) for sequence in sorted(found)))
        head = max(good)
        chain = [good[head]]
        while (before := good.get(chain[0].sequence - 1)) is not None and before.seal == chain[0].previous:
            chain.insert(0, before)
        stray = {sequence: entry for sequence, entry in found.items() if sequence < chain[0].sequence or entry is None}
        problems = [self._no_entry(sequence) for sequence, entry in sorted(found.items()) if entry is None]
        newest = [sequence for sequence in stray if sequence > head - KEPT]
        if newest and not problems:
            first = self.variable(chain[0].sequence)
            problems.append(
                f"{first} names a bundle before it that {self.variable(chain[0].sequence - 1)} does not have: an entry "
                "was deleted or edited."
            )
        return Reading(tuple(chain), stray, tuple(problems))

    def _no_entry(self, sequence: int) -> str:
        return f"The variable {self.variable(sequence)} holds no entry of the chain of evidence."


def read(session: Session, solution: str, ring: str) -> Reading:
    """What the server says of a ring's chain, in one request."""
    return Log(session, solution, ring).read()


def _entry(row: reading.Row, place: int) -> Entry | None:
    try:
        entry = Entry.from_json(row["value"])
    except CollectionError:
        return None
    return entry if entry.sequence == place else None
