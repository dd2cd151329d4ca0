#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hotpass_ring_info
short_description: Read a ring's ledger
version_added: 0.1.0
description:
  - Reads the whole ledger of a ring, verifies its chain, and says what is Active, what is under way and what was.
author:
  - Hotpass maintainers (@hotpass)
extends_documentation_fragment:
  - hotpass.prefect.prefect
  - hotpass.prefect.prefect.actiongroup
  - hotpass.prefect.prefect.info_attributes
  - hotpass.prefect.hotpass_store
options:
  store:
    description:
      - Where the ring's releases live, and with them the archived part of a long ledger. When it is given, the ledger
        is verified from its first record on, and O(history) and O(record) reach as far back.
      - If not set, the environment variable E(HOTPASS_STORE) is used.
    type: str
    required: false
  ring:
    description: Name of the ring.
    type: str
    required: true
  solution:
    description: Name of the solution.
    type: str
    required: true
  history:
    description: Also return this many generations, 0 or more, the newest first.
    type: int
  record:
    description: Also return the record with this number in full.
    type: int
"""

EXAMPLES = r"""
- name: What runs in staging
  hotpass.prefect.hotpass_ring_info:
    api_url: http://127.0.0.1:4200/api
    ring: staging
    solution: hotpass
    history: 10
  register: staging
"""

RETURN = r"""
status:
  description: The ring in a few fields.
  returned: success
  type: dict
  contains:
    active:
      description: The generation that is Active, or null.
      type: dict
    under_way:
      description: The generation that is under way, or null.
      type: dict
    last:
      description: The newest generation, or null.
      type: dict
    degraded:
      description: Whether the last rollback failed, and nothing became Active since.
      type: bool
    generations:
      description: How many there were.
      type: int
    records:
      description: How many records the ledger has.
      type: int
    head:
      description: Digest of the newest record, which stands for the whole ledger.
      type: str
    last_at:
      description: When it was written.
      type: str
    named:
      description:
        - Every digest in the store that the ledger still needs, for O(hotpass.prefect.hotpass_store#module:keep).
      type: list
      elements: str
    holds:
      description: The releases that are held here, each with the reason.
      type: dict
    vetoes:
      description: The releases that are vetoed here, each with the reason.
      type: dict
history:
  description: Generations, the newest first.
  returned: with O(history)
  type: list
  elements: dict
record:
  description: The record, and its digest.
  returned: with O(record)
  type: dict
"""

from ansible.module_utils.basic import env_fallback
from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import CONNECTION_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.release import ring_info
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_options import STORE_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation, Spec

SPEC = (
    CONNECTION_SPEC
    + STORE_SPEC
    + Spec(
        options={
            "store": {"type": "str", "fallback": (env_fallback, ["HOTPASS_STORE"])},
            "ring": {"type": "str", "required": True},
            "solution": {"type": "str", "required": True},
            "history": {"type": "int"},
            "record": {"type": "int"},
        },
    )
)

OPERATION = Operation(spec=SPEC, run=ring_info.read)


def main() -> None:
    """The module's entry point."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
