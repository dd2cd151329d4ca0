# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which ``hotpass_transfer`` imports a transfer bundle."""

from __future__ import annotations

from ansible_collections.hotpass.prefect.plugins.module_utils.room import Spec

IMPORT_SPEC = Spec(
    options={
        "keys_dir": {"type": "path", "no_log": False},
        "environments": {"type": "path"},
        "bootstrap": {"type": "path"},
        "allow_older": {"type": "bool", "default": False},
        "other_platform": {"type": "bool", "default": False},
    },
    required_by={"environments": ("bootstrap",)},
)
