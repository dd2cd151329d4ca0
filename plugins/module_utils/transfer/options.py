# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of ``hotpass_transfer``.

Each state takes a part of them; a site that imports needs no server, and one that verifies nothing but trust.
"""

from __future__ import annotations

from ansible.module_utils.basic import env_fallback
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import CONNECTION_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring_options import RING_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_options import STORE_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Spec
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.import_options import IMPORT_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.return_options import RETURN_SPEC

STATES = ("exported", "verified", "imported")
KINDS = ("releases", "evidence")

# Which wheels a site needs by default: what every x86-64 Linux of the last years takes.
PYTHON = "3.12"
PLATFORMS = ("manylinux_2_28_x86_64",)

EXPORT_SPEC = Spec(
    options={
        "target": {"type": "path"},
        "collection": {"type": "path"},
        "allow_dirty": {"type": "bool", "default": False},
        "releases": {"type": "list", "elements": "str", "default": ["active"]},
        "python": {"type": "str", "default": PYTHON},
        "platforms": {"type": "list", "elements": "str", "default": list(PLATFORMS)},
        "wheels": {"type": "bool", "default": True},
        "base": {"type": "path"},
    },
)

TRANSFER_SPEC = (
    CONNECTION_SPEC
    + RING_SPEC
    + STORE_SPEC
    + EXPORT_SPEC
    + IMPORT_SPEC
    + RETURN_SPEC
    + Spec(
        options={
            "api_url": {"type": "str", "fallback": (env_fallback, ["PREFECT_API_URL"])},
            "ring": {"type": "str"},
            "solution": {"type": "str"},
            "store": {"type": "str", "fallback": (env_fallback, ["HOTPASS_STORE"])},
            "state": {"type": "str", "choices": list(STATES), "required": True},
            "kind": {"type": "str", "choices": list(KINDS)},
            "bundle": {"type": "path"},
            "transfer_dir": {"type": "path"},
            "python_executable": {"type": "path"},
        },
        required_if=(
            ("state", "exported", ("api_url", "ring", "solution", "store", "target", "transfer_dir", "trust")),
            ("state", "verified", ("bundle",)),
            ("state", "imported", ("bundle",)),
        ),
    )
)
