# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of ``hotpass_evidence``.

Each state takes a part of them; what a bundle is made of is the same for every kind.
"""

from __future__ import annotations

from ansible.module_utils.basic import env_fallback
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import KINDS
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.capture_options import CAPTURE_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.upload_options import UPLOAD_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import CONNECTION_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.release.predicates import BUNDLE_VERDICTS
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring_options import RING_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_options import STORE_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Spec

STATES = ("captured", "sealed", "verified", "uploaded", "logged")
RING_KINDS = ("promotion", "rollback", "refusal")

EVIDENCE_SPEC = (
    CONNECTION_SPEC
    + RING_SPEC
    + STORE_SPEC
    + CAPTURE_SPEC
    + UPLOAD_SPEC
    + Spec(
        options={
            # A bundle is verified and uploaded without a server, and a backfill needs no store.
            "api_url": {"type": "str", "fallback": (env_fallback, ["PREFECT_API_URL"])},
            "ring": {"type": "str"},
            "solution": {"type": "str"},
            "store": {"type": "str", "fallback": (env_fallback, ["HOTPASS_STORE"])},
            "state": {"type": "str", "choices": list(STATES), "required": True},
            "evidence_dir": {"type": "path"},
            "kind": {"type": "str", "choices": list(KINDS)},
            "name": {"type": "str"},
            "generation": {"type": "int"},
            "release": {"type": "str"},
            "verdict": {"type": "str", "choices": list(BUNDLE_VERDICTS)},
            "live": {"type": "bool"},
            "live_reason": {"type": "str", "default": ""},
            "reason": {"type": "str"},
            "action": {"type": "str"},
            "documents": {"type": "dict", "default": {}},
            "files": {"type": "dict", "default": {}},
            "notes": {"type": "list", "elements": "str", "default": []},
            "tests_dir": {"type": "path"},
            "bundle": {"type": "path"},
            "chain": {"type": "bool", "default": False},
            "checkpoint": {"type": "str"},
        },
        required_if=(
            ("state", "captured", ("api_url", "ring", "solution", "evidence_dir", "kind", "name")),
            ("state", "sealed", ("api_url", "ring", "solution", "evidence_dir", "kind")),
            ("state", "verified", ("bundle",)),
            ("state", "uploaded", ("bundle", "destination")),
        ),
    )
)
