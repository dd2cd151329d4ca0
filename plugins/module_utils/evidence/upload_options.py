# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which a task says where bundles are uploaded to."""

from __future__ import annotations

from ansible.module_utils.basic import env_fallback
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Spec

UPLOAD_SPEC = Spec(
    options={
        "destination": {"type": "str", "fallback": (env_fallback, ["HOTPASS_EVIDENCE_DESTINATION"])},
        "s3_endpoint": {"type": "str", "fallback": (env_fallback, ["HOTPASS_EVIDENCE_S3_ENDPOINT"])},
        "s3_region": {"type": "str"},
        "s3_ca_path": {"type": "path"},
        "s3_access_key": {"type": "str", "no_log": True},
        "s3_secret_key": {"type": "str", "no_log": True},
        "s3_session_token": {"type": "str", "no_log": True},
        "s3_timeout": {"type": "float", "default": 60.0},
    },
    required_together=(("s3_access_key", "s3_secret_key"),),
)
