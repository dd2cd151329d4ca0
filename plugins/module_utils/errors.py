# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error that every room raises, and both doors turn into a failed task."""

from __future__ import annotations

import typing as t


class CollectionError(Exception):
    """Something a user can act on, said in one sentence.

    :param message: the sentence. It never holds a secret.
    :param details: further keys of the failed result, such as what was and what was not applied.
    """

    def __init__(self, message: str, **details: t.Any) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, t.Any] = details
