# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that every module of a ring takes, beside the connection and the store."""

from __future__ import annotations

from ansible_collections.hotpass.prefect.plugins.module_utils.release.key_options import SIGNING_SPEC, TRUST_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Spec

RING_SPEC = (
    Spec(
        options={
            "ring": {"type": "str", "required": True},
            "solution": {"type": "str", "required": True},
            "actor_user": {"type": "str"},
            "actor_job": {"type": "str"},
            "unsigned": {"type": "str", "choices": ["refuse", "accept"], "default": "refuse"},
            "otlp_endpoint": {"type": "str"},
            "otlp_headers": {"type": "dict", "no_log": True},
        },
    )
    + SIGNING_SPEC
    + TRUST_SPEC
)

# What signing, trusting and reading statements take, beside the connection.
RING_REQUIRES = ("urllib3", "cryptography", "securesystemslib", "jsonschema")
