# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Canonical JSON and digests: the one way in which releases, records and statements get their names."""

from __future__ import annotations

import hashlib
import json
import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LARGEST = 2**53 - 1


def canonical(document: t.Any) -> bytes:
    """A JSON document as the one sequence of bytes that means it: keys sorted, no spaces, UTF-8.

    For what is hashed or signed here this is RFC 8785: floats, whose text differs between writers, are refused, and so
    is an integer that a reader may not keep exactly.

    :raises ValueError: for a float, a large integer, or a key that is no ASCII text.
    """
    _check(document)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def read_canonical(data: bytes, what: str, largest: int) -> t.Any:
    """A JSON document that is written as :func:`canonical` writes it, so that nobody can read it in two ways.

    :param largest: bytes that it may have.
    :raises CollectionError: for anything else, naming ``what``.
    """
    if len(data) > largest:
        raise CollectionError(f"{what} has {len(data)} bytes; allowed are {largest}.")
    try:
        document = json.loads(data)
        same = canonical(document) == data
    except (ValueError, RecursionError):
        raise CollectionError(f"{what} is no JSON of the kind that is signed here (UTF-8, no fractions).") from None
    if not same:
        raise CollectionError(f"{what} is not written canonically: keys sorted and once each, no spaces, UTF-8.")
    return document


def digest_of(data: bytes) -> str:
    """The name of some bytes: ``sha256:`` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def is_digest(text: t.Any) -> bool:
    """Whether a value is a digest of the only kind that is used here."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def check_digest(text: t.Any, what: str = "The digest") -> str:
    """The digest itself.

    :raises CollectionError: when it is none, naming ``what``.
    """
    if not is_digest(text):
        raise CollectionError(f"{what} is {str(text)[:100]!r}; allowed is sha256: and 64 hexadecimal digits.")
    return str(text)


def _check(value: t.Any) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise ValueError(f"key {key!r} is no ASCII text")
            _check(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check(item)
    elif isinstance(value, float):
        raise ValueError(f"{value!r} is a float, whose text is not the same everywhere")
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST:
        raise ValueError(f"{value} is too large to be kept exactly everywhere")
    elif value is not None and not isinstance(value, (str, int)):
        raise ValueError(f"{type(value).__name__} is no JSON")
