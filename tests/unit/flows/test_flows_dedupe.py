# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which records are one organisation, and what the merged record holds."""

from __future__ import annotations

from datetime import date

from hotpass.dedupe import merge_duplicates
from hotpass.normalise import slug
from hotpass.records import Contact, Record


def record(name: str = "Tower", **values: object) -> Record:
    return Record(**{"name": name, "slug": slug(name), "sources": ("a.xlsx/Cleaned",), **values})  # type: ignore[arg-type]


def test_the_newest_wins_and_takes_what_it_lacks() -> None:
    new = record(updated=date(2025, 1, 1), website="new.example", sources=("b.xlsx/Organisation",))
    old = record("TOWER (Pty) Ltd", updated=date(2024, 1, 1), website="old.example", area="Gauteng", notes="old")
    [merged] = merge_duplicates([old, new])
    assert (merged.name, merged.website, merged.updated) == ("Tower", "new.example", date(2025, 1, 1))
    assert (merged.area, merged.notes) == ("Gauteng", "old")
    assert merged.sources == ("a.xlsx/Cleaned", "b.xlsx/Organisation")


def test_a_dated_record_wins_over_one_without_and_then_the_fuller_one() -> None:
    [merged] = merge_duplicates(
        [record(status="none", notes="x", planes="2"), record(status="dated", updated=date(2024, 1, 1))]
    )
    assert merged.status == "dated"
    [merged] = merge_duplicates([record(status="a"), record(status="b", notes="fuller")])
    assert merged.status == "b"


def test_a_contact_is_never_mixed_from_two() -> None:
    new = record(updated=date(2025, 1, 1), contact=Contact(phone="+27111234567"))
    old = record(updated=date(2024, 1, 1), contact=Contact(name="Chief", email="a@tower.example"))
    [merged] = merge_duplicates([old, new])
    assert merged.contact == Contact(phone="+27111234567")
    [merged] = merge_duplicates([old, record(updated=date(2025, 1, 1))])
    assert merged.contact == old.contact


def test_one_name_in_two_areas_is_two_organisations() -> None:
    east, west, either = record(area="Eastern Cape"), record(area="Western Cape"), record(notes="which?")
    assert merge_duplicates([west, either, east]) == [either, east, west]


def test_areas_are_compared_by_their_words() -> None:
    assert len(merge_duplicates([record(area="Cabo-Delgado"), record(area="Cabo Delgado"), record()])) == 1


def test_nothing_gives_nothing() -> None:
    assert merge_duplicates([]) == []
