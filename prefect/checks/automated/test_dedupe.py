# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: PT009  a worker's environment has unittest and no pytest
"""Which records are one organisation, and what of each is kept."""

from __future__ import annotations

import itertools
import unittest
from datetime import date

from hotpass.dedupe import merge_duplicates
from hotpass.normalise import slug
from hotpass.records import Contact, Record


def record(name: str, area: str | None = None, **fields: object) -> Record:
    """A record as it is after extraction."""
    return Record(name=name, slug=slug(name), area=area, **fields)  # type: ignore[arg-type]


class DedupeTest(unittest.TestCase):
    """Merging by name and area, the newest first."""

    def test_the_newest_wins_and_the_others_fill_its_gaps(self) -> None:
        old = record("Tower", "Gauteng", updated=date(2024, 1, 1), status="closed", website="tower.example")
        new = record("TOWER", "Gauteng", updated=date(2025, 1, 1), status="open")
        [merged] = merge_duplicates([old, new])
        self.assertEqual((merged.status, merged.website, merged.updated), ("open", "tower.example", date(2025, 1, 1)))

    def test_a_contact_is_taken_whole_or_not_at_all(self) -> None:
        full = record("Tower", contact=Contact(role="desk", phone="+27115550100"))
        newer = record("Tower", updated=date(2025, 1, 1), contact=Contact(email="tower@airfield.example"))
        [merged] = merge_duplicates([full, newer])
        self.assertEqual(merged.contact, newer.contact)

    def test_namesakes_in_other_areas_stay_apart(self) -> None:
        here, there, unknown = record("Tower", "Gauteng"), record("Tower", "Limpopo"), record("Tower")
        self.assertEqual(len(merge_duplicates([here, there, unknown])), 3)
        self.assertEqual(len(merge_duplicates([here, unknown])), 1)

    def test_the_order_of_records_does_not_matter(self) -> None:
        records = [
            record("Tower", "Gauteng", updated=date(2024, 1, 1), sources=("a",)),
            record("Tower", None, website="tower.example", sources=("b",)),
            record("Mast", "Gauteng", sources=("a",)),
            record("Tower", "Gauteng", status="open", sources=("c",)),
        ]
        expected = merge_duplicates(records)
        self.assertEqual([one.slug for one in expected], ["mast", "tower"])
        for order in itertools.permutations(records):
            self.assertEqual(merge_duplicates(order), expected)
