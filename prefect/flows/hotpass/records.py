# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes one record per organisation row, with the best of its contacts and its airport from the detail sheets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import TypeVar

from hotpass import normalise
from hotpass.shapes import SHAPES, SheetShape
from hotpass.workbooks import Row, Workbook

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Contact:
    """How to reach one organisation. The four belong to one another, so they are only ever taken together."""

    name: str | None = None
    role: str | None = None
    phone: str | None = None
    email: str | None = None

    @property
    def values(self) -> tuple[str | None, ...]:
        """The four, in their order."""
        return self.name, self.role, self.phone, self.email

    @property
    def filled(self) -> int:
        """How many of the four are known."""
        return sum(value is not None for value in self.values)


@dataclass(frozen=True, slots=True)
class Record:
    """One organisation as one sheet knows it, every value normalised.

    `slug` identifies the name, `updated` is the latest date of the row and its contacts, `sources` names the sheets it
    comes from (`workbook/sheet`), and `unreadable` the fields whose cell held text that could not be understood.
    """

    name: str | None = None
    slug: str = ""
    area: str | None = None
    address: str | None = None
    airport: str | None = None
    category: str | None = None
    status: str | None = None
    website: str | None = None
    planes: str | None = None
    description: str | None = None
    notes: str | None = None
    contact: Contact = Contact()
    updated: date | None = None
    sources: tuple[str, ...] = ()
    unreadable: frozenset[str] = frozenset()


@dataclass(slots=True)
class DetailCount:
    """The rows of one detail sheet: all, those `flagged` as not to be used, those `unmatched` with any organisation."""

    rows: int = 0
    flagged: int = 0
    unmatched: int = 0


@dataclass(slots=True)
class Extract:
    """All records of all workbooks, records per sheet (`workbook/sheet`), and what became of the detail rows."""

    records: list[Record] = field(default_factory=list)
    per_sheet: dict[str, int] = field(default_factory=dict)
    details: dict[str, DetailCount] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Detail:
    """The part of a detail row that its organisation takes over."""

    contact: Contact
    airport: str | None
    updated: date | None
    unreadable: frozenset[str]


def extract(workbooks: Iterable[Workbook]) -> Extract:
    """Return the records of the workbooks. Every filled row of an organisation sheet is one record, no row is two."""
    result = Extract()
    for workbook in workbooks:
        for sheet, rows in workbook.sheets.items():
            shape = SHAPES[sheet]
            if shape.parent:
                continue
            details = _details_of(workbook, shape, rows, result.details)
            source = f"{workbook.name}/{sheet}"
            result.per_sheet[source] = len(rows)
            result.records += [_record(shape, row, details.get(_key(shape, row), []), source) for row in rows]
    return result


def _details_of(
    workbook: Workbook, parent: SheetShape, parent_rows: list[Row], counts: dict[str, DetailCount]
) -> Mapping[str, list[_Detail]]:
    """Return the details of a sheet's organisations by their key, and count those that cannot be used."""
    keys = {_key(parent, row) for row in parent_rows} - {""}
    # Of several organisations with one name the smallest key wins, so that the order of rows does not matter.
    ordered = sorted(parent_rows, key=partial(_key, parent), reverse=True)
    by_name = {slug: _key(parent, row) for row in ordered if (slug := _slug(parent, row))}
    found: dict[str, list[_Detail]] = defaultdict(list)
    for sheet, rows in workbook.sheets.items():
        shape = SHAPES[sheet]
        if shape.parent != parent.sheet:
            continue
        count = counts[f"{workbook.name}/{sheet}"] = DetailCount(rows=len(rows))
        for row in rows:
            key = _key(shape, row)
            if key not in keys:
                key = by_name.get(_slug(shape, row), "")
            if _flagged(shape, row):
                count.flagged += 1
            elif key not in keys:
                count.unmatched += 1
            else:
                found[key].append(_detail(shape, row))
    return found


def _key(shape: SheetShape, row: Row) -> str:
    """Return what identifies a row within its workbook: its id, else its name; empty when it has neither."""
    columns = shape.fields.get("key", ())
    identity = normalise.text(row[columns[0]]) if columns else None
    if identity:
        return f"id:{identity.casefold()}"
    slug = _slug(shape, row)
    return f"name:{slug}" if slug else ""


def _slug(shape: SheetShape, row: Row) -> str:
    return normalise.slug(row[shape.fields["name"][0]])


def _flagged(shape: SheetShape, row: Row) -> bool:
    value = normalise.text(row[shape.flag]) if shape.flag else None
    return value is not None and value.lower() not in ("0", "false", "no", "n")


def _record(shape: SheetShape, row: Row, details: list[_Detail], source: str) -> Record:
    reader = _Reader(shape, row)
    own = _detail(shape, row)
    # The best contact wins by what it holds and then by its text, never by its place in the sheet.
    best = max((own, *details), key=lambda detail: (detail.contact.filled, _ordered(detail.contact.values)))
    airports = sorted(detail.airport for detail in details if detail.airport)
    name = reader.read("name", normalise.text)
    return Record(
        name=name,
        slug=normalise.slug(name),
        area=reader.read("area", normalise.area),
        address=reader.read("address", normalise.text),
        airport=airports[0] if airports else None,
        category=reader.read("category", normalise.text),
        status=reader.read("status", normalise.text),
        website=reader.read("website", normalise.website),
        planes=reader.read("planes", normalise.text),
        description=reader.read("description", normalise.text),
        notes=reader.read("notes", normalise.text),
        contact=best.contact,
        updated=max((detail.updated for detail in (own, *details) if detail.updated), default=None),
        sources=(source,),
        unreadable=frozenset(reader.unreadable).union(own.unreadable, *(detail.unreadable for detail in details)),
    )


def _detail(shape: SheetShape, row: Row) -> _Detail:
    reader = _Reader(shape, row)
    parts = [normalise.text(row[column]) for column in shape.fields.get("contact_name", ())]
    contact = Contact(
        name=" ".join(part for part in parts if part) or None,
        role=reader.read("contact_role", normalise.text),
        phone=reader.read("phone", normalise.phone),
        email=reader.read("email", normalise.email),
    )
    days = [reader.read_column("date", column, normalise.day) for column in shape.dates]
    return _Detail(
        contact=contact,
        airport=reader.read("airport", normalise.text),
        updated=max((day for day in days if day), default=None),
        unreadable=frozenset(reader.unreadable),
    )


class _Reader:
    """Reads the fields of one row, and remembers which of them held text that could not be understood."""

    def __init__(self, shape: SheetShape, row: Row) -> None:
        self.unreadable: set[str] = set()
        self._shape = shape
        self._row = row

    def read(self, name: str, convert: Callable[[str | None], _Value | None]) -> _Value | None:
        """Return the first readable value among the columns of a field; nothing for a field the sheet does not have."""
        values = [self.read_column(name, column, convert) for column in self._shape.fields.get(name, ())]
        return next((value for value in values if value is not None), None)

    def read_column(self, name: str, column: str, convert: Callable[[str | None], _Value | None]) -> _Value | None:
        try:
            return convert(self._row[column])
        except normalise.Unreadable:
            self.unreadable.add(name)
            return None


def _ordered(values: Iterable[str | None]) -> tuple[tuple[bool, str], ...]:
    return tuple((value is not None, value or "") for value in values)
