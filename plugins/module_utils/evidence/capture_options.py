# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which a task says what a rehearsal was, and in which papers people read of it."""

from __future__ import annotations

from ansible_collections.hotpass.prefect.plugins.module_utils.room import Spec

SCREENSHOT = ("required", "optional", "off")

CAPTURE_SPEC = Spec(
    options={
        "deployment": {"type": "str"},
        "run_ids": {"type": "list", "elements": "str", "default": []},
        "limit_samples": {"type": "list", "elements": "dict", "default": []},
        "declared": {"type": "dict"},
        "bounds": {"type": "dict", "default": {}},
        "plan": {"type": "list", "elements": "dict", "default": []},
        "windows": {"type": "list", "elements": "dict", "default": []},
        "ahead": {"type": "int", "default": 0},
        "runtime": {"type": "str", "choices": ["prefect", "local"], "default": "prefect"},
        "stopped_at": {"type": "str"},
        "stopped_because": {"type": "str"},
        "screenshot": {"type": "str", "choices": list(SCREENSHOT), "default": "optional"},
        "command": {"type": "list", "elements": "str", "default": []},
        "work_queue": {"type": "str"},
        "tasks_file": {"type": "path"},
        "log_file": {"type": "path"},
        "plan_file": {"type": "path"},
        "owner": {"type": "str"},
        "uploaded_to": {"type": "str"},
    },
    required_together=(("stopped_at", "stopped_because"),),
    required_if=(
        ("state", "captured", ("deployment", "declared")),
        ("state", "logged", ("tasks_file", "log_file", "plan_file", "owner")),
    ),
)
