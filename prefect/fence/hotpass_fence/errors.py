# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a run does not start."""

from __future__ import annotations


class Refused(Exception):
    """The run may not start; the text is one sentence that says why and, where there is something, what to do."""


class Damaged(Exception):
    """A directory of the cache does not hold what it is named after; the text says what is wrong in it."""
