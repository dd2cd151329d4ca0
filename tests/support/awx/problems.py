# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX answers instead of doing what it was asked."""

from __future__ import annotations

import typing as t

ALL: t.Final = "__all__"
"""The key of a sentence that concerns several fields."""


class Refused(Exception):
    """A request that AWX answers with an error.

    :ivar status: the HTTP status.
    :ivar body: the JSON body, in the form AWX gives it: ``{"field": ["sentence"]}`` or ``{"detail": "sentence"}``.
    """

    def __init__(self, status: int, body: dict[str, t.Any]) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def invalid(field: str, *sentences: str) -> Refused:
    """400, about one field."""
    return Refused(400, {field: list(sentences)})


def forbidden(sentence: str = "You do not have permission to perform this action.") -> Refused:
    """403, as rights and some protected objects are refused."""
    return Refused(403, {"detail": sentence})


def missing() -> Refused:
    """404, for an object that is not there."""
    return Refused(404, {"detail": "Not found."})
