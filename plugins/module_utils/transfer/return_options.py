# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which ``hotpass_transfer`` sends evidence home, and takes it in there."""

from __future__ import annotations

from ansible_collections.hotpass.prefect.plugins.module_utils.room import Spec

RETURN_SPEC = Spec(
    options={
        "evidence_dir": {"type": "path"},
        "checkpoint": {"type": "str"},
        "other_ledger": {"type": "bool", "default": False},
    },
)
