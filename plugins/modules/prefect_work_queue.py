#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: prefect_work_queue
short_description: Manage the work queues of a Prefect work pool
version_added: 0.1.0
description:
  - Creates, changes and deletes queues of a work pool. Only the options that are given are compared and changed.
author:
  - Hotpass maintainers (@hotpass)
options:
  work_pool:
    description: Name of the work pool. It has to be there; in check mode a missing one is a warning.
    type: str
    required: true
  name:
    description: Name of the queue. It cannot be changed, and the queue V(default) cannot be deleted.
    type: str
    required: true
  description:
    description: What the queue is for; an empty text clears it.
    type: str
  priority:
    description:
      - Queues with smaller numbers are served first; V(1) is the first.
      - The server gives each queue of a pool a number of its own and moves the others up when a number is taken, so
        give each queue another number, and write the queues in ascending order.
    type: int
  paused:
    description:
      - Whether the queue hands out no work.
      - Left alone when not given, so that a pause that somebody set in the user interface survives.
    type: bool
  concurrency_limit:
    description: How many runs of the queue may run at a time. Use O(unset) for no limit.
    type: int
  unset:
    description:
      - Options to clear. Ansible cannot tell an empty value from one that is not given.
      - An option cannot be both cleared and given.
    type: list
    elements: str
    choices: [concurrency_limit, description]
    default: []
  state:
    description: Whether the queue is there.
    type: str
    choices: [present, absent]
    default: present
  force:
    description:
      - Delete a queue that deployments still use. They lose queue and pool and never run again until they get another.
    type: bool
    default: false
seealso:
  - module: hotpass.prefect.prefect_work_pool
extends_documentation_fragment:
  - hotpass.prefect.prefect
  - hotpass.prefect.prefect.actiongroup
  - hotpass.prefect.prefect.attributes
"""

EXAMPLES = r"""
- name: Urgent work first
  hotpass.prefect.prefect_work_queue:
    api_url: http://127.0.0.1:4200/api
    work_pool: refinement
    name: urgent
    priority: 1

- name: Backfills last, two at a time
  hotpass.prefect.prefect_work_queue:
    work_pool: refinement
    name: backfill
    priority: 10
    concurrency_limit: 2
"""

RETURN = r"""
work_queue:
  description: The queue as it is afterwards; null when it is absent.
  returned: success
  type: dict
  contains:
    id:
      description: The server's id; null where check mode predicts a new one.
      type: str
    name:
      description: The name.
      type: str
    work_pool_name:
      description: The work pool.
      type: str
    description:
      description: What the queue is for.
      type: str
    priority:
      description: Its rank; null where check mode predicts a new queue without one.
      type: int
    is_paused:
      description: Whether the queue hands out no work.
      type: bool
    concurrency_limit:
      description: How many runs may run at a time; null for no limit.
      type: int
    status:
      description: C(READY), C(NOT_READY) or C(PAUSED); null where check mode predicts a new queue.
      type: str
    created:
      description: When it was created.
      type: str
    updated:
      description: When it was last changed.
      type: str
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import work_queues
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import CONNECTION_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation, Spec

SPEC = CONNECTION_SPEC + Spec(
    options={
        "work_pool": {"type": "str", "required": True},
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "priority": {"type": "int"},
        "paused": {"type": "bool"},
        "concurrency_limit": {"type": "int"},
        "unset": {"type": "list", "elements": "str", "choices": ["concurrency_limit", "description"], "default": []},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "force": {"type": "bool", "default": False},
    },
)

OPERATION = Operation(spec=SPEC, run=work_queues.ensure)


def main() -> None:
    """The module's entry point."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
