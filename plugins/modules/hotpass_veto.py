#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hotpass_veto
short_description: Recall a release, in every ring or in some
version_added: 0.1.0
description:
  - Signs a statement that travels with the release to every ring and site, and appends a record to this ring's ledger.
  - A vetoed release is not promoted any more, and a promotion of it that is under way stops before its next write.
  - What is Active goes on running, and the role P(hotpass.prefect.ring#role) is what takes it back.
  - A veto is for good. A mended solution is another release.
author:
  - Hotpass maintainers (@hotpass)
extends_documentation_fragment:
  - hotpass.prefect.prefect
  - hotpass.prefect.hotpass_ring.actiongroup
  - hotpass.prefect.prefect.attributes
  - hotpass.prefect.hotpass_ring
  - hotpass.prefect.hotpass_store
requirements:
  - cryptography >= 44
  - jsonschema >= 4.20
  - securesystemslib >= 1.3
options:
  release:
    description: The digest.
    type: str
    required: true
  rings:
    description: The rings that may not have it; all of them by default.
    type: list
    elements: str
  reason:
    description: Why. Everybody who tries to promote the release reads it.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Nobody promotes this one
  hotpass.prefect.hotpass_veto:
    api_url: http://127.0.0.1:4200/api
    ring: staging
    solution: hotpass
    release: sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef
    reason: Loses records with an empty name
    store: /var/lib/hotpass/store
    signing_key: ~/keys/release-manager.pem
    trust: "{{ ring_trust }}"
"""

RETURN = r"""
release:
  description: The digest.
  returned: success
  type: str
rings:
  description: The rings that may not have it, or C(*) for all.
  returned: success
  type: raw
travels:
  description: Whether a signed statement goes with the release. Without a key the veto counts in this ring alone.
  returned: success
  type: bool
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import CONNECTION_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.release import vetoes
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring_options import RING_REQUIRES, RING_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_options import STORE_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation, Spec

SPEC = (
    CONNECTION_SPEC
    + RING_SPEC
    + STORE_SPEC
    + Spec(
        options={
            "release": {"type": "str", "required": True},
            "rings": {"type": "list", "elements": "str"},
            "reason": {"type": "str", "required": True},
        },
    )
)

OPERATION = Operation(spec=SPEC, run=vetoes.veto, requires=RING_REQUIRES)


def main() -> None:
    """The module's entry point."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
