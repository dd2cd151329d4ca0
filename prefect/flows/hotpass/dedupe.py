# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merges the records that describe one organisation.

Records are one organisation when their names have one slug and their areas agree. A record without an area joins
the others of its name when those have at most one area; when they have several it is ambiguous and
stays by itself. The result depends on the set of records only, never on their order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import date
from typing import Any

from hotpass import normalise
from hotpass.records import Record

# One group has one slug; a contact is taken whole; sources and unreadable fields are united instead of chosen.
_FILLED = tuple(item.name for item in fields(Record) if item.name not in ("slug", "contact", "sources", "unreadable"))


def merge_duplicates(records: Iterable[Record]) -> list[Record]:
    """Return one record per organisation, in the order of slug and area.

    The newest record wins, then the one with most known values, then the one whose text sorts first. Values that the
    winner lacks come from the others in that order; a contact is taken whole or not at all.
    """
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    named: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        named[record.slug].append(record)
    for slug, namesakes in named.items():
        areas = {normalise.slug(record.area) for record in namesakes if record.area}
        only = areas.pop() if len(areas) == 1 else ""
        for record in namesakes:
            groups[slug, normalise.slug(record.area) if record.area else only].append(record)
    return [_merge(groups[key]) for key in sorted(groups)]


def _merge(group: list[Record]) -> Record:
    ranked = sorted(group, key=_rank)
    winner = ranked[0]
    taken: dict[str, Any] = {
        name: next((value for record in ranked if (value := getattr(record, name)) is not None), None)
        for name in _FILLED
    }
    return replace(
        winner,
        **taken,
        contact=next((record.contact for record in ranked if record.contact.filled), winner.contact),
        sources=tuple(sorted({source for record in ranked for source in record.sources})),
        unreadable=frozenset().union(*(record.unreadable for record in ranked)),
    )


def _rank(record: Record) -> tuple[Any, ...]:
    """Order the best record first; two records that rank the same are equal."""
    values = [getattr(record, name) for name in _FILLED]
    known = sum(value is not None for value in values) + record.contact.filled
    newest_first = -(record.updated or date.min).toordinal()
    texts = [(value is None, str(value)) for value in (*values, *record.contact.values)]
    return newest_first, -known, texts, record.sources, sorted(record.unreadable)
