# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error that the Hotpass flows raise for a fault in their input, parameters or environment."""

from __future__ import annotations


class HotpassError(ValueError):
    """One clear sentence: what was wrong, where, and what is allowed or what to do."""


class SlotError(HotpassError):
    """No slot of a concurrency limit can be had, so that what it guards must not run."""
