# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects AWX keeps: creation, change and removal, with the checks that concern every kind."""

from __future__ import annotations

import copy
import itertools
import typing as t

from tests.support.awx.fields import cleaned
from tests.support.awx.kind import UNIFIED, Kind
from tests.support.awx.kinds import KINDS, RUNNABLE
from tests.support.awx.problems import ALL, Refused, missing

Row = dict[str, t.Any]
_SHOWN_ONLY: t.Final = {"id", "type", "url", "related", "summary_fields", "created", "modified"}
# How often an inventory that is being deleted is still seen.
_LOOKS: t.Final = 2
_ROLE_WORDS: t.Final = {"adhoc": "Ad Hoc", "approval": "Approve"}


class Rules(t.Protocol):
    """What else AWX checks and does when objects of a kind are written."""

    def check(self, state: State, path: str, row: Row, given: Row, before: Row | None) -> None:
        """Refuse or complete ``row``, which is what would be kept; ``given`` are the fields that were sent."""

    def written(self, state: State, path: str, row: Row, before: Row | None) -> None:
        """Do what follows from ``row`` being kept."""

    def removable(self, state: State, path: str, row: Row) -> None:
        """Refuse a removal."""

    def removed(self, state: State, path: str, row: Row) -> None:
        """Do what follows from ``row`` being gone."""


class State:
    """Everything there is in one AWX.

    :ivar rows: collection, then id, to the object.
    :ivar members: (collection, id, sub-collection) to the ids that are attached there, in order.
    :ivar roles: id of a role to (collection, id, name of the role).
    """

    def __init__(self, rules: Rules) -> None:
        self.rows: dict[str, dict[int, Row]] = {path: {} for path in KINDS}
        self.members: dict[tuple[str, int, str], list[int]] = {}
        self.roles: dict[int, tuple[str, int, str]] = {}
        self._rules = rules
        self._leaving: dict[int, int] = {}
        self._ids = itertools.count(1)

    def find(self, path: str, number: int) -> Row:
        """:raises Refused: (404) when there is none."""
        for collection in _collections(path):
            if number in self.rows[collection]:
                return self.rows[collection][number]
        raise missing()

    def has(self, path: str, number: int) -> bool:
        """Whether ``find`` would find one."""
        return any(number in self.rows[collection] for collection in _collections(path))

    def where(self, path: str, **values: t.Any) -> list[Row]:
        """The objects that have these values, by id."""
        rows = (row for collection in _collections(path) for row in self.rows[collection].values())
        return [row for row in rows if all(row.get(key) == value for key, value in values.items())]

    def create(self, path: str, body: Row) -> Row:
        """Keep a new object.

        :raises Refused: (400, 403) when AWX would not.
        """
        kind = KINDS[path]
        self._check_known(kind, body)
        row = cleaned(kind.fields, body, self.has, partial=False)
        self._rules.check(self, path, row, body, None)
        self._check_unique(kind, row, None)
        return self.keep(path, row)

    def keep(self, path: str, row: Row) -> Row:
        """Keep an object as it is, given an id and roles."""
        kind = KINDS[path]
        row = {"id": next(self._ids), "type": kind.type, **row}
        self.rows[path][row["id"]] = row
        for role in kind.roles:
            self.roles[next(self._ids)] = (path, row["id"], role)
        self._rules.written(self, path, row, None)
        return row

    def change(self, path: str, number: int, body: Row) -> Row:
        """Change some fields of an object.

        :raises Refused: (400, 403, 404) when AWX would not.
        """
        kind = KINDS[path]
        before = self.find(path, number)
        self._check_known(kind, body)
        row = {**before, **cleaned(kind.fields, body, self.has, partial=True)}
        self._rules.check(self, path, row, body, before)
        self._check_unique(kind, row, number)
        earlier = copy.deepcopy(before)
        before.update(row)
        self._rules.written(self, path, before, earlier)
        return before

    def remove(self, path: str, number: int) -> None:
        """Remove an object; what points at it is removed too or forgets it, as in AWX.

        :raises Refused: (403, 404, 405, 409) when AWX would not.
        """
        row = self.find(path, number)
        self._rules.removable(self, path, row)
        if path == "inventories":
            # AWX takes an inventory away in its own time; what runs on it forgets it at once.
            row["pending_deletion"] = True
            self._leaving[number] = _LOOKS
            for template in self.where("job_templates", inventory=number):
                template["inventory"] = None
        else:
            self._drop(path, number)

    def look(self) -> None:
        """Let time pass: what is being taken away goes after some looks."""
        for number in list(self._leaving):
            self._leaving[number] -= 1
            if not self._leaving[number]:
                del self._leaving[number]
                self._drop("inventories", number)

    def _drop(self, path: str, number: int) -> None:
        gone = self.rows[path].pop(number)
        for role in [role for role, (owner, whose, _word) in self.roles.items() if (owner, whose) == (path, number)]:
            del self.roles[role]
            self.members.pop(("roles", role, "users"), None)
            self.members.pop(("roles", role, "teams"), None)
        labels = self.members.get((path, number, "labels"), [])
        for key in [key for key in self.members if key[:2] == (path, number)]:
            del self.members[key]
        for (owner, _whose, sub), attached in self.members.items():
            target = sub if owner == "roles" else KINDS[owner].associations[sub]
            if target == path and number in attached:
                attached.remove(number)
        for label in labels:
            self.drop_unused_label(label)
        self._forget(path, number)
        self._rules.removed(self, path, gone)

    def _forget(self, path: str, number: int) -> None:
        targets = {path, UNIFIED} if path in RUNNABLE else {path}
        for collection, rows in self.rows.items():
            for key, field in KINDS[collection].fields.items():
                if field.target not in targets:
                    continue
                for row in [row for row in rows.values() if row.get(key) == number]:
                    if field.gone == "null":
                        row[key] = None
                    elif row["id"] in rows:
                        self._drop(collection, row["id"])

    def drop_unused_label(self, label: int) -> None:
        """A label exists as long as something carries it."""
        used = any(sub == "labels" and label in attached for (_p, _n, sub), attached in self.members.items())
        if not used and label in self.rows["labels"]:
            self._drop("labels", label)

    def role_name(self, role: int) -> str:
        """How a role is called."""
        word = self.roles[role][2]
        return _ROLE_WORDS.get(word, word.replace("_", " ").title())

    @staticmethod
    def _check_known(kind: Kind, body: Row) -> None:
        # AWX itself ignores what it does not know. Here it is refused, so that a misspelt field is found.
        unknown = sorted(set(body) - set(kind.fields) - set(kind.read_only) - _SHOWN_ONLY)
        if unknown:
            raise Refused(400, {field: [f"{kind.label} has no field named '{field}'."] for field in unknown})

    def _check_unique(self, kind: Kind, row: Row, number: int | None) -> None:
        for group in kind.unique:
            values = {key: row.get(key) for key in group}
            # Two empty links are two different unknowns to the database; a soft check compares them.
            if not kind.soft and any(value is None for value in values.values()):
                continue
            if any(other["id"] != number for other in self.where(kind.path, **values)):
                raise _taken(kind, group)


def _taken(kind: Kind, group: tuple[str, ...]) -> Refused:
    if kind.soft:
        return Refused(400, {ALL: [f"{kind.label} with this ({', '.join(group)}) combination already exists."]})
    words = [key.replace("_", " ").capitalize() for key in group]
    sentence = f"{kind.label} with this {' and '.join([', '.join(words[:-1]), words[-1]] if words[1:] else words)}"
    return Refused(400, {ALL if words[1:] else group[0]: [f"{sentence} already exists."]})


def _collections(path: str) -> tuple[str, ...]:
    return RUNNABLE if path == UNIFIED else (path,)
