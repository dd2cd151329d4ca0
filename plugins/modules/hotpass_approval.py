#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hotpass_approval
short_description: Approve or reject the promotion that waits for it in a ring
version_added: 0.1.0
description:
  - Signs a statement over the digest, the ring and the generation, and appends it to the ring's ledger. The promotion
    goes on, or ends, when it is run again.
  - A decision that would not count is refused. That is one by the requester, whether by key, by name or by user; one
    with a key that the ring does not trust as an approver; and one about another release or generation than the one
    that waits.
  - Giving the same decision again with the same key changes nothing.
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
  decision:
    description: What is decided.
    type: str
    choices: [approve, reject]
    default: approve
  release:
    description: The digest that the approver has in mind. The decision is refused when another one waits.
    type: str
  generation:
    description: The generation that the approver has in mind. The decision is refused when another one waits.
    type: int
  comment:
    description: Why. It is kept with the statement.
    type: str
    default: ""
  change_reference:
    description: The change that this is part of, for example a ticket's number.
    type: str
  valid_seconds:
    description: For how long the decision counts, in seconds.
    type: int
    default: 86400
"""

EXAMPLES = r"""
- name: Approve what waits in production
  hotpass.prefect.hotpass_approval:
    api_url: https://prefect.example.com/api
    ring: production
    solution: hotpass
    decision: approve
    comment: Figures of the staging rehearsal checked
    change_reference: CHG-1024
    store: oci://registry.example.com/hotpass/releases
    signing_key: ~/keys/release-manager.pem
    trust: "{{ ring_trust }}"
"""

RETURN = r"""
promotion:
  description: The generation that was decided about, as M(hotpass.prefect.hotpass_promotion) returns it.
  returned: success
  type: dict
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import CONNECTION_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.release import approvals
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring_options import RING_REQUIRES, RING_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_options import STORE_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation, Spec

SPEC = (
    CONNECTION_SPEC
    + RING_SPEC
    + STORE_SPEC
    + Spec(
        options={
            "decision": {"type": "str", "choices": ["approve", "reject"], "default": "approve"},
            "release": {"type": "str"},
            "generation": {"type": "int"},
            "comment": {"type": "str", "default": ""},
            "change_reference": {"type": "str"},
            "valid_seconds": {"type": "int", "default": 86400},
        },
    )
)

OPERATION = Operation(spec=SPEC, run=approvals.decide, requires=RING_REQUIRES)


def main() -> None:
    """The module's entry point."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
