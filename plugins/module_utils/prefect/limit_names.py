# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any text as the name of a global concurrency limit, and back.

Prefect's names match ``^[^/%&><]+$``, so the key ``hotpass/backfill`` cannot be one. The characters ``/ % & > <``, the
tilde that marks the escape, and control characters are written ``~XX``, two upper-case hexadecimal digits for each byte
of UTF-8; everything else stays: ``hotpass~2Fbackfill``. The flow's own copy is ``hotpass.limits``.
"""

from __future__ import annotations

import re

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

_ESCAPED = re.compile("[/%&><~\x00-\x1f\x7f-\x9f]")
_BYTES = re.compile("(?:~[0-9A-F]{2})+")


def limit_name(key: str) -> str:
    """The name of the global concurrency limit that stands for a key.

    :raises CollectionError: for an empty key, and for half of a character, which no name can hold.
    """
    if not key:
        raise CollectionError("A concurrency key is empty; allowed is any text of one character or more.")
    try:
        key.encode()
    except UnicodeEncodeError:
        raise CollectionError(f"The concurrency key {key!r} holds a character that UTF-8 does not have.") from None
    return _ESCAPED.sub(lambda found: "".join(f"~{byte:02X}" for byte in found[0].encode()), key)


def key_of(name: str) -> str:
    """The key that a name stands for.

    :raises CollectionError: when no key has this name.
    """
    try:
        key = _BYTES.sub(lambda found: bytes.fromhex(found[0].replace("~", "")).decode(), name)
        if limit_name(key) == name:
            return key
    except (CollectionError, UnicodeDecodeError):
        pass
    raise CollectionError(
        f"{name!r} is the name of no concurrency key; allowed is what a key becomes, such as 'hotpass~2Fbackfill'."
    )
