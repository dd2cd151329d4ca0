# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: PT009, PT027  a worker's environment has unittest and no pytest
"""One form per meaning: what people type into cells, and what it becomes."""

from __future__ import annotations

import unittest
from datetime import date

from hotpass import normalise


class NormaliseTest(unittest.TestCase):
    """Each function on what it is for, on blanks, and on what it must not take."""

    def test_names_that_mean_the_same_have_one_slug(self) -> None:
        self.assertEqual(normalise.slug("Andrew's Field & Co (Pty) Ltd"), "andrews-field-and-co")
        self.assertEqual(normalise.slug("ANDREWS  FIELD and Co"), normalise.slug("Andrew's Field & Co (Pty) Ltd"))
        self.assertEqual(normalise.slug("Aéroport"), "aeroport")

    def test_placeholders_are_blank(self) -> None:
        for placeholder in ("", "  ", "-", "n/a", "NaN", None):
            with self.subTest(placeholder=placeholder):
                self.assertIsNone(normalise.text(placeholder))
        self.assertEqual(normalise.text("  Cape   Town "), "Cape Town")

    def test_provinces_have_their_official_names(self) -> None:
        for written in ("kzn", "KwaZulu Natal", "Natal"):
            with self.subTest(written=written):
                self.assertEqual(normalise.area(written), "KwaZulu-Natal")
        self.assertEqual(normalise.area("Nairobi County"), "Nairobi County")

    def test_telephone_numbers_are_international(self) -> None:
        for written in ("011 555 0100", "+27 11 555 0100", "0027115550100", "115550100"):
            with self.subTest(written=written):
                self.assertEqual(normalise.phone(written), "+27115550100")

    def test_web_addresses_lose_what_says_nothing(self) -> None:
        self.assertEqual(normalise.website("HTTPS://www.Airfield.Example/school/?from=mail"), "airfield.example/school")

    def test_dates_are_read_in_three_orders(self) -> None:
        for written in ("2024-12-31", "31/12/2024", "31 Dec 2024", "2024-12-31T23:59:00"):
            with self.subTest(written=written):
                self.assertEqual(normalise.day(written), date(2024, 12, 31))

    def test_what_has_no_meaning_is_refused(self) -> None:
        cases = (
            (normalise.phone, "call us"),
            (normalise.email, "nobody at example"),
            (normalise.website, "our page"),
            (normalise.day, "31/31/2024"),
            (normalise.day, "1900-01-01"),
            (normalise.area, "???"),
        )
        for function, written in cases:
            with self.subTest(function=function.__name__, written=written), self.assertRaises(normalise.Unreadable):
                function(written)

    def test_normalising_twice_changes_nothing(self) -> None:
        for function, written in (
            (normalise.phone, "(011) 555-0100 ext 4"),
            (normalise.email, "Mailto:Tower@Airfield.Example"),
            (normalise.website, "www.airfield.example/"),
            (normalise.area, "gp"),
        ):
            once = function(written)
            with self.subTest(function=function.__name__):
                self.assertIsNotNone(once)
                self.assertEqual(function(once), once)
