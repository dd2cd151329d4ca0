# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name of the global concurrency limit that a concurrency key stands for, and back.

Prefect accepts a limit's name only if it matches `^[^/%&><]+$`. A key may be any text, so the characters that a name
must not have, control characters (U+0000-1F and U+007F-9F), and `~` itself are written `~XX` for each byte of their
UTF-8 form, in two upper-case hexadecimal digits. Everything else stays: `hotpass/backfill` is `hotpass~2Fbackfill`.
"""

from __future__ import annotations

import re

from hotpass.errors import HotpassError

_ESCAPED = re.compile(r"[/%&><~\x00-\x1f\x7f-\x9f]")
_ESCAPES = re.compile(r"(?:~[0-9A-F]{2})+")


def limit_name(key: str) -> str:
    """Return the name of the global concurrency limit for a concurrency key; different keys give different names.

    Raises:
        HotpassError: the key is empty or no text that can be written as UTF-8.
    """
    if not isinstance(key, str) or not key:
        raise HotpassError(f"concurrency_key must be text that is not empty, found {key!r}.")
    try:
        key.encode()
    except UnicodeEncodeError:
        raise HotpassError(f"concurrency_key {key!r} holds half a character (a lone surrogate).") from None
    return _ESCAPED.sub(lambda found: "".join(f"~{byte:02X}" for byte in found[0].encode()), key)


def key_of(name: str) -> str:
    """Return the concurrency key whose limit has this name: `key_of(limit_name(key)) == key`.

    Raises:
        HotpassError: `limit_name` gives this name to no key.
    """
    try:
        key = _ESCAPES.sub(lambda found: bytes.fromhex(found[0].replace("~", "")).decode(), name)
        if limit_name(key) == name:
            return key
    except (UnicodeError, HotpassError):
        pass
    raise HotpassError(f"{name!r} is the name of no concurrency key's limit; write / as ~2F, and ~ itself as ~7E.")
