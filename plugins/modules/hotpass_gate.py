#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hotpass_gate
short_description: Ask one gate of the promotion that is under way in a ring
version_added: 0.1.0
description:
  - Asks one gate, and answers with a verdict in the form in which the ledger keeps it. Only C(pass) opens a gate.
  - It writes nothing to the server and nothing to the ledger; M(hotpass.prefect.hotpass_promotion) does, with the next
    state.
  - V(tests) runs the ring's commands, in check mode too.
author:
  - Hotpass maintainers (@hotpass)
extends_documentation_fragment:
  - hotpass.prefect.prefect
  - hotpass.prefect.hotpass_ring.actiongroup
  - hotpass.prefect.prefect.info_attributes
  - hotpass.prefect.hotpass_ring
  - hotpass.prefect.hotpass_store
requirements:
  - cryptography >= 44
  - jsonschema >= 4.20
  - securesystemslib >= 1.3
options:
  gate:
    description:
      - V(release) reads and hashes every byte of the release, and asks who built it, whether it was built from a
        commit, and whether anybody vetoed it.
      - V(tests) runs O(tests) in the verified bytes of the release, without anything of the caller's environment.
      - V(approval) counts the signed decisions in the ledger.
      - V(soak) watches the ring's health until O(soak_seconds) after validation began.
    type: str
    required: true
    choices: [approval, release, soak, tests]
  generation:
    description: The generation to ask about. It has to be under way, and is the one that is by default.
    type: int
  allow_dirty:
    description: Whether a release may have changes that no commit has.
    type: bool
    default: false
  tests:
    description: The commands, in their order; the first that does not end with 0 closes the gate.
    type: list
    elements: dict
    suboptions:
      name:
        description: What the command is called in the ledger, and its output's file.
        type: str
        required: true
      argv:
        description: The command and its arguments. No shell is involved. It starts in the unpacked release.
        type: list
        elements: str
        required: true
      timeout:
        description: Seconds that it may take.
        type: int
        default: 600
      env:
        description: Environment variables, beside a C(PYTHONPATH) with the release's flows.
        type: dict
  output_dir:
    description: Where the output of the commands is kept. Needed for O(gate=tests).
    type: path
  cache_dir:
    description: Where releases are unpacked. Needed for O(gate=tests).
    type: path
  path:
    description: The C(PATH) of the commands.
    type: str
    default: /usr/local/bin:/usr/bin:/bin
  approvals_required:
    description: How many different people have to approve.
    type: int
    default: 1
  approval_seconds:
    description: How long an answer is waited for, in seconds.
    type: int
    default: 604800
  soak_seconds:
    description: How long the ring has to stay healthy, in seconds.
    type: int
    default: 0
  deployments:
    description: Full names of the deployments that O(gate=soak) watches beside the server.
    type: list
    elements: str
    default: []
  fail:
    description: Whether a gate that stays closed fails the task.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Run the release's own tests in its verified bytes
  hotpass.prefect.hotpass_gate:
    api_url: http://127.0.0.1:4200/api
    ring: dev
    solution: hotpass
    gate: tests
    store: /var/lib/hotpass/store
    cache_dir: /var/cache/hotpass
    output_dir: dist/dev
    tests:
      - name: automated
        argv: [python3, -m, unittest, discover, -s, checks/automated, -t, checks]
  register: tests
"""

RETURN = r"""
verdict:
  description: What the gate said.
  returned: always
  type: dict
  contains:
    name:
      description: The gate.
      type: str
    verdict:
      description: C(pass), C(fail), C(inconclusive) or C(error).
      type: str
    startedAt:
      description: When it was asked.
      type: str
    finishedAt:
      description: When it answered.
      type: str
    detail:
      description: What it saw.
      type: dict
message:
  description: Why it did not pass, or with what reservation it did.
  returned: success
  type: str
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import CONNECTION_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.release import asking
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring_options import RING_REQUIRES, RING_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_options import STORE_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation, Spec

SPEC = (
    CONNECTION_SPEC
    + RING_SPEC
    + STORE_SPEC
    + Spec(
        options={
            "gate": {"type": "str", "required": True, "choices": ["approval", "release", "soak", "tests"]},
            "generation": {"type": "int"},
            "allow_dirty": {"type": "bool", "default": False},
            "tests": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "argv": {"type": "list", "elements": "str", "required": True},
                    "timeout": {"type": "int", "default": 600},
                    "env": {"type": "dict"},
                },
            },
            "output_dir": {"type": "path"},
            "cache_dir": {"type": "path"},
            "path": {"type": "str", "default": "/usr/local/bin:/usr/bin:/bin"},
            "approvals_required": {"type": "int", "default": 1},
            "approval_seconds": {"type": "int", "default": 604800},
            "soak_seconds": {"type": "int", "default": 0},
            "deployments": {"type": "list", "elements": "str", "default": []},
            "fail": {"type": "bool", "default": True},
        },
        required_if=(("gate", "tests", ("output_dir", "cache_dir")),),
    )
)

OPERATION = Operation(spec=SPEC, run=asking.ask, requires=RING_REQUIRES)


def main() -> None:
    """The module's entry point."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
