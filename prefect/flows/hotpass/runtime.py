# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses, once at import, between the real Prefect runtime and plain functions.

`HOTPASS_ENABLE_PREFECT_RUNTIME` set to exactly `1` gives Prefect's `flow` and `task`, the run's logger, and artifacts
on the server. Anything else gives decorators that change nothing and ordinary logging, and Prefect is never imported.
Both modes offer the same five names: `flow`, `task`, `get_logger`, `publish` and `slot`.
"""

from __future__ import annotations

import os

PREFECT_ENABLED = os.environ.get("HOTPASS_ENABLE_PREFECT_RUNTIME") == "1"

if PREFECT_ENABLED:
    from hotpass._runtime_prefect import flow, get_logger, publish, slot, task
else:
    from hotpass._runtime_plain import flow, get_logger, publish, slot, task

__all__ = ["PREFECT_ENABLED", "flow", "get_logger", "publish", "slot", "task"]
