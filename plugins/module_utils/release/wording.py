# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text of people and programs, made fit for a record: it is kept for good, signed, and shown in many places."""

from __future__ import annotations

_LONGEST = 600


def recordable(text: object, longest: int = _LONGEST) -> str:
    """The text on one line, without control characters and surrogates, cut where it is too long; empty when blank."""
    kept = "".join(letter if letter.isprintable() else " " for letter in str(text))
    line = " ".join(kept.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
