#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hotpass_promotion
short_description: Take a promotion or a rollback from one state to the next
version_added: 0.1.0
description:
  - Appends to the ring's ledger that its generation has reached a state. The work of the state is done by the tasks
    around it; the role P(hotpass.prefect.ring#role) shows the order.
  - O(state=Queued) wins the ring's next generation, or goes on with the one that is under way for the same release, or
    finds the release Active already. Of several promoters one wins, and the others are told who did.
  - A state that the generation has behind it is not written again, so a promotion that died is repaired by running it
    again.
  - A state before which a gate is closed, and one that the table of states does not allow, is refused.
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
  state:
    description: The state to reach.
    type: str
    required: true
    choices:
      - Queued
      - Building
      - Resolving
      - AwaitingApproval
      - Deploying
      - Validating
      - Active
      - RollingBack
      - RolledBack
      - RollbackFailed
      - Failed
      - Rejected
      - Expired
      - Cancelled
  kind:
    description: Whether O(state=Queued) begins a promotion or a rollback.
    type: str
    choices: [promote, rollback]
    default: promote
  release:
    description:
      - The digest, for O(state=Queued).
      - By default a promotion goes on with what is under way, or takes what is Active in O(previous_ring), and a
        rollback goes to the newest release that was Active before and is neither held nor vetoed.
    type: str
  commit:
    description: The commit that O(release) was built from, to be kept with the request.
    type: str
  previous_ring:
    description:
      - The ring that releases come from. A release that was never Active there is refused.
      - Its server is asked; when that cannot be reached, the signed statements in O(store) are.
      - A promotion that is taken up again before its first write asks once more. When its release was taken back there
        meanwhile, it ends as Failed.
    type: dict
    suboptions:
      ring:
        description: Its name.
        type: str
        required: true
      api_url:
        description: Its Prefect API. By default the same as this ring's.
        type: str
      api_key:
        description: Key for it, when it has another server.
        type: str
      auth_string:
        description: User and password for it, when it has another server.
        type: str
      ca_path:
        description: Authorities to trust for it.
        type: path
  generation:
    description: The generation that O(state) is about. By default the one that is under way.
    type: int
  claim:
    description:
      - What O(state=Queued) answered as RV(promotion.claim). When another promoter has taken the generation on since,
        this one is refused, whatever it asks for, so that it does not undo what the other one does.
    type: dict
    suboptions:
      id:
        description: Names the promoter.
        type: str
        required: true
      after:
        description: The number of the record that it goes on from.
        type: int
  gates:
    description: The ring's gates. Needed for O(state=Deploying) and O(state=Active).
    type: list
    elements: str
  approvals_required:
    description: How many different people have to approve, for O(state=Deploying) where O(gates) has C(approval).
    type: int
    default: 1
  approval_seconds:
    description: How long an answer is waited for, in seconds.
    type: int
    default: 604800
  verdicts:
    description: What the gates said since the last step, as RV(hotpass.prefect.hotpass_gate#module:verdict) has it.
    type: list
    elements: dict
  detail:
    description: What else the record shall keep.
    type: dict
  reason:
    description: Why, for people who read the ledger.
    type: str
  permit:
    description: Lets a few runs through the fence before the release is Active. For O(state=Validating).
    type: dict
    suboptions:
      purpose:
        description: What the runs are for.
        type: str
        choices: [rehearsal, smoke, canary]
        default: rehearsal
      max_runs:
        description: How many.
        type: int
        required: true
      seconds:
        description: For how long, in seconds.
        type: int
        required: true
  supersede:
    description: Take the place of a promotion that is under way and has written nothing yet.
    type: bool
    default: false
  hold:
    description:
      - Whether the release that O(state=RolledBack) is about, or that a rollback takes back, may not be promoted into
        this ring again until a person says so.
    type: bool
    default: true
  release_hold:
    description: Let a release return that was rolled back here.
    type: bool
    default: false
  accept_degraded:
    description: Promote into a ring whose last rollback failed.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Win the ring's next generation for what is Active in dev
  hotpass.prefect.hotpass_promotion:
    api_url: http://127.0.0.1:4200/api
    ring: staging
    solution: hotpass
    state: Queued
    previous_ring: {ring: dev}
    store: /var/lib/hotpass/store
    signing_key: /etc/hotpass/promoter.pem
  register: queued

- name: Go on, when the gates before it are open
  hotpass.prefect.hotpass_promotion:
    ring: staging
    solution: hotpass
    state: Deploying
    gates: [tests, health, rehearsal]
    verdicts: "{{ verdicts }}"
    store: /var/lib/hotpass/store
    signing_key: /etc/hotpass/promoter.pem
"""

RETURN = r"""
promotion:
  description: What the ledger says of the generation.
  returned: success
  type: dict
  contains:
    ring:
      description: Name of the ring.
      type: str
    solution:
      description: Name of the solution.
      type: str
    claim:
      description: What every later step of the same promoter is given as O(claim); null when it was given none.
      type: dict
    generation:
      description: Its number.
      type: int
    kind:
      description: C(promote) or C(rollback).
      type: str
    release:
      description: The digest.
      type: str
    state:
      description: Where it is.
      type: str
    since:
      description: Since when.
      type: str
    settled:
      description: Whether it is at an end, good or bad.
      type: bool
    already_active:
      description: Whether O(state=Queued) found the release Active.
      type: bool
    passed:
      description: The states that it went through.
      type: list
      elements: str
    requested_by:
      description: Who asked for it.
      type: dict
    requested_at:
      description: When.
      type: str
    reason:
      description: Why it is where it is, when that was said.
      type: str
    gates:
      description: The last verdict of each gate.
      type: dict
    permit:
      description: The tag that runs carry to pass the fence before the release is Active, and until when; or null.
      type: dict
    active:
      description: The generation and the release that are Active in the ring, or null.
      type: dict
    verified:
      description: The newest generations that ever became Active.
      type: list
      elements: dict
    rolls_back:
      description: The generation that a rollback is from.
      type: int
    details:
      description: What the records of the generation keep beside reasons and verdicts.
      type: dict
api:
  description: How many requests were sent to the server, and how many of them wrote.
  returned: success
  type: dict
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import CONNECTION_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.release import promotion
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring_options import RING_REQUIRES, RING_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_options import STORE_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation, Spec

SPEC = (
    CONNECTION_SPEC
    + RING_SPEC
    + STORE_SPEC
    + Spec(
        options={
            "state": {
                "type": "str",
                "required": True,
                "choices": [
                    "Queued",
                    "Building",
                    "Resolving",
                    "AwaitingApproval",
                    "Deploying",
                    "Validating",
                    "Active",
                    "RollingBack",
                    "RolledBack",
                    "RollbackFailed",
                    "Failed",
                    "Rejected",
                    "Expired",
                    "Cancelled",
                ],
            },
            "kind": {"type": "str", "choices": ["promote", "rollback"], "default": "promote"},
            "release": {"type": "str"},
            "commit": {"type": "str"},
            "previous_ring": {
                "type": "dict",
                "options": {
                    "ring": {"type": "str", "required": True},
                    "api_url": {"type": "str"},
                    "api_key": {"type": "str", "no_log": True},
                    "auth_string": {"type": "str", "no_log": True},
                    "ca_path": {"type": "path"},
                },
            },
            "generation": {"type": "int"},
            "claim": {"type": "dict", "options": {"id": {"type": "str", "required": True}, "after": {"type": "int"}}},
            "gates": {"type": "list", "elements": "str"},
            "approvals_required": {"type": "int", "default": 1},
            "approval_seconds": {"type": "int", "default": 604800},
            "verdicts": {"type": "list", "elements": "dict"},
            "detail": {"type": "dict"},
            "reason": {"type": "str"},
            "permit": {
                "type": "dict",
                "options": {
                    "purpose": {
                        "type": "str",
                        "choices": ["rehearsal", "smoke", "canary"],
                        "default": "rehearsal",
                    },
                    "max_runs": {"type": "int", "required": True},
                    "seconds": {"type": "int", "required": True},
                },
            },
            "supersede": {"type": "bool", "default": False},
            "hold": {"type": "bool", "default": True},
            "release_hold": {"type": "bool", "default": False},
            "accept_degraded": {"type": "bool", "default": False},
        },
    )
)

OPERATION = Operation(spec=SPEC, run=promotion.ensure, requires=RING_REQUIRES)


def main() -> None:
    """The module's entry point."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
