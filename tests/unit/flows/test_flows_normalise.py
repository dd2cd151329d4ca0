# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One form per meaning: what each function makes of what people type."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from hotpass import normalise


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        (" \t\u00a0 ", None),
        ("n/a", None),
        ("NULL", None),
        ("-", None),
        ("  Alexander\n Bay ", "Alexander Bay"),
        ("Zero\u200bwidth", "Zerowidth"),
        ("Cafe\u0301", "Caf\u00e9"),
    ],
)
def test_text(value: str | None, expected: str | None) -> None:
    assert normalise.text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        ("!!!", ""),
        ("Andrew's Field & Co (Pty) Ltd", "andrews-field-and-co"),
        ("ANDREW\u2019S  FIELD and Co", "andrews-field-and-co"),
        ("Flight School CC", "flight-school"),
        ("CC", "cc"),
        ("S\u00e3o Jos\u00e9", "sao-jose"),
        ("Stra\u00dfe_7", "strasse-7"),
        ("50 \u3390", "50-hz"),
    ],
)
def test_slug(value: str | None, expected: str) -> None:
    assert normalise.slug(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("KZN", "KwaZulu-Natal"),
        ("kwazulu natal", "KwaZulu-Natal"),
        ("Orange-Free-State", "Free State"),
        ("Gauteng", "Gauteng"),
        ("Cabo-Delgado", "Cabo-Delgado"),
    ],
)
def test_area(value: str | None, expected: str | None) -> None:
    assert normalise.area(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("HTTPS://WWW.Faab.Example/", "faab.example"),
        ("faab.example:443/School/Fees/?page=1#top", "faab.example/School/Fees"),
        ("a.example; b.example", "a.example"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("www.example", "www.example"),
    ],
)
def test_website(value: str | None, expected: str | None) -> None:
    assert normalise.website(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("mailto:Tower@FAAB.Example", "tower@faab.example"),
        ("a@b.example / c@d.example", "a@b.example"),
    ],
)
def test_email(value: str | None, expected: str | None) -> None:
    assert normalise.email(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("011 123 4567", "+27111234567"),
        ("(011) 123-4567 x12", "+27111234567"),
        ("+27 (0)11 123 4567", "+27111234567"),
        ("0027111234567", "+27111234567"),
        ("27111234567", "+27111234567"),
        ("111234567", "+27111234567"),
        ("011 123 4567 / 012 123 4567", "+27111234567"),
        ("+264 61 123 456", "+26461123456"),
    ],
)
def test_phone(value: str | None, expected: str | None) -> None:
    assert normalise.phone(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("2024-11-01", date(2024, 11, 1)),
        ("2024-11-01 12:30:00", date(2024, 11, 1)),
        ("2024/3/5", date(2024, 3, 5)),
        ("05/03/2024", date(2024, 3, 5)),
        ("31 Dec 2024", date(2024, 12, 31)),
        ("1-September-2024", date(2024, 9, 1)),
    ],
)
def test_day(value: str | None, expected: date | None) -> None:
    assert normalise.day(value) == expected


@pytest.mark.parametrize(
    ("convert", "value"),
    [
        (normalise.area, "???"),
        (normalise.website, "see brochure"),
        (normalise.website, "tower@faab.example"),
        (normalise.website, "http://[bad"),
        (normalise.website, "faab.example:99"),
        (normalise.email, "faab.example"),
        (normalise.email, "a@b"),
        (normalise.phone, "call the tower"),
        (normalise.phone, "12345"),
        (normalise.phone, "+1234567890123456"),
        (normalise.phone, "+0271112345"),
        (normalise.day, "soon"),
        (normalise.day, "2024-02-30"),
        (normalise.day, "31/31/2024"),
        (normalise.day, "1899-12-30 00:00:00"),
        (normalise.day, "1 Foo 2024"),
    ],
)
def test_text_without_meaning_is_refused(convert: Callable[[str], object], value: str) -> None:
    with pytest.raises(normalise.Unreadable):
        convert(value)
