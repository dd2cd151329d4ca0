# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns what people type into cells into one form per meaning.

Every function takes the text of a cell (or nothing) and returns text, a date, or nothing for a blank cell. Each is
idempotent: normalising its own result changes nothing. Where text can be without
meaning they raise `Unreadable`.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from urllib.parse import urlsplit


class Unreadable(ValueError):
    """The cell holds text that does not mean what its column says."""


_BLANKS = frozenset({"-", "--", "n/a", "#n/a", "nan", "null", "none"})
_LEGAL_FORMS = frozenset({"cc", "inc", "limited", "ltd", "npc", "proprietary", "pty"})
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# Excel shows an empty or mistyped date as 1899 or 1900; no record here can be that old.
_EARLIEST_YEAR = 1950

_PROVINCES = {
    "Eastern Cape": ("ec",),
    "Free State": ("fs", "orangefreestate", "ofs"),
    "Gauteng": ("gp", "gt"),
    "KwaZulu-Natal": ("kzn", "kn", "natal"),
    "Limpopo": ("lp", "limpopoprovince", "northernprovince"),
    "Mpumalanga": ("mp",),
    "North West": ("nw", "northwestprovince"),
    "Northern Cape": ("nc",),
    "Western Cape": ("wc",),
}

_SEVERAL = re.compile(r"[;,|/]|\bor\b", re.IGNORECASE)
_ISO_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?")
_DAY_FIRST = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4})")
_MONTH_NAME = re.compile(r"(\d{1,2})[- ]([A-Za-z]{3,9})\.?[- ,]+(\d{4})")
_EMAIL = re.compile(r"[a-z0-9!#$%&'*+=?^_`{}~.-]+@((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,})")
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})")
_EXTENSION = re.compile(r"\s*(?:x|ext\.?|extension)\s*\d+$", re.IGNORECASE)


def text(value: str | None) -> str | None:
    """Return the text with single spaces, composed accents, no invisible signs; a placeholder like `n/a` is blank."""
    cleaned = _clean(value or "")
    return None if not cleaned or cleaned.lower() in _BLANKS else cleaned


def slug(value: str | None) -> str:
    """Return the words of a name in lower case, without accents or legal forms, joined by `-`; empty when it has none.

    `Andrew's Field & Co (Pty) Ltd` gives `andrews-field-and-co`. Two names with one slug are the same name.
    """
    folded = _fold(_clean(value or "")).replace("&", " and ")
    folded = re.sub("['`\u2019]", "", folded)
    words = re.sub(r"[\W_]+", " ", folded).split()
    while len(words) > 1 and words[-1] in _LEGAL_FORMS:
        words.pop()
    return "-".join(words)


def area(value: str | None) -> str | None:
    """Return a South African province under its official name, however abbreviated; any other area as it is written.

    Raises `Unreadable` for text without a letter or digit.
    """
    cleaned = text(value)
    if cleaned is None:
        return None
    key = slug(cleaned).replace("-", "")
    if not key:
        raise Unreadable(f"not an area: {cleaned!r}")
    return _PROVINCE_OF.get(key, cleaned)


def website(value: str | None) -> str | None:
    """Return host and path of a web address, without scheme, `www.`, query and closing slash: `example.com/school`.

    The first of several addresses counts. Raises `Unreadable` when it has no host name with a dot.
    """
    cleaned = text(value)
    if cleaned is None:
        return None
    first = re.split(r"[;,|\s]", cleaned, maxsplit=1)[0]
    try:
        parts = urlsplit(first if re.match(r"https?://", first, re.IGNORECASE) else f"//{first}")
        host = (parts.hostname or "").encode("idna").decode("ascii").lower().rstrip(".")
        port = parts.port
    except (ValueError, UnicodeError):
        raise Unreadable(f"not a web address: {cleaned!r}") from None
    while host.startswith("www.") and host.count(".") > 1:
        host = host.removeprefix("www.")
    if "@" in parts.netloc or port not in (None, 80, 443) or not _HOST.fullmatch(host):
        raise Unreadable(f"not a web address: {cleaned!r}")
    return f"{host}{parts.path.rstrip('/')}"


def email(value: str | None) -> str | None:
    """Return an e-mail address in lower case; the first of several counts. Raises `Unreadable` for other text."""
    cleaned = text(value)
    if cleaned is None:
        return None
    first = re.split(r"[;,|/\s]", cleaned.lower().removeprefix("mailto:").strip(), maxsplit=1)[0]
    if not _EMAIL.fullmatch(first):
        raise Unreadable(f"not an e-mail address: {cleaned!r}")
    return first


def phone(value: str | None) -> str | None:
    """Return a telephone number as `+` and 8 to 15 digits; the first of several counts.

    A number without a country code is South African: ten digits from 0, or nine when Excel has eaten the zero.
    Raises `Unreadable` for any other text.
    """
    cleaned = text(value)
    if cleaned is None:
        return None
    first = _EXTENSION.sub("", _SEVERAL.split(cleaned, maxsplit=1)[0].strip()).replace("(0)", "")
    bare = re.sub(r"[\s().\-\u2010-\u2015]", "", first)
    if bare.startswith("00"):
        bare = f"+{bare[2:]}"
    digits = bare.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        raise Unreadable(f"not a telephone number: {cleaned!r}")
    if bare.startswith("+"):
        number = digits
    elif len(digits) == 10 and digits.startswith("0"):
        number = f"27{digits[1:]}"
    elif len(digits) == 9 and not digits.startswith("0"):
        number = f"27{digits}"
    elif len(digits) == 11 and digits.startswith("27"):
        number = digits
    else:
        raise Unreadable(f"not a telephone number: {cleaned!r}")
    if not 8 <= len(number) <= 15 or number.startswith("0"):
        raise Unreadable(f"not a telephone number: {cleaned!r}")
    return f"+{number}"


def day(value: str | None) -> date | None:
    """Return the date of a cell: ISO order, day first (`31/12/2024`), or with an English month (`31 Dec 2024`).

    A time of day is dropped. Raises `Unreadable` for other text, impossible dates and years before 1950.
    """
    cleaned = text(value)
    if cleaned is None:
        return None
    numbers: tuple[int, int, int] | None = None
    if match := _ISO_DATE.fullmatch(cleaned):
        numbers = (int(match[1]), int(match[2]), int(match[3]))
    elif match := _DAY_FIRST.fullmatch(cleaned):
        numbers = (int(match[3]), int(match[2]), int(match[1]))
    elif (match := _MONTH_NAME.fullmatch(cleaned)) and match[2][:3].lower() in _MONTHS:
        numbers = (int(match[3]), _MONTHS.index(match[2][:3].lower()) + 1, int(match[1]))
    if numbers is None or numbers[0] < _EARLIEST_YEAR:
        raise Unreadable(f"not a date: {cleaned!r}")
    try:
        return date(*numbers)
    except ValueError:
        raise Unreadable(f"not a date: {cleaned!r}") from None


def _clean(value: str) -> str:
    cleaned = " ".join(value.split())
    if cleaned.isascii() and cleaned.isprintable():
        return cleaned
    visible = "".join(char for char in cleaned if unicodedata.category(char) not in ("Cc", "Cf", "Cs"))
    return " ".join(unicodedata.normalize("NFC", visible).split())


def _fold(value: str) -> str:
    """Lower-case and drop accents until nothing changes: folding one character can make another that folds again."""
    if value.isascii():
        return value.lower()
    while True:
        decomposed = unicodedata.normalize("NFKD", value.casefold())
        folded = unicodedata.normalize("NFC", "".join(char for char in decomposed if not unicodedata.combining(char)))
        if folded == value:
            return folded
        value = folded


_PROVINCE_OF = {
    key: province for province, others in _PROVINCES.items() for key in (slug(province).replace("-", ""), *others)
}
