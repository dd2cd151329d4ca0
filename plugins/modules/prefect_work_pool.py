#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: prefect_work_pool
short_description: Manage Prefect work pools
version_added: 0.1.0
description:
  - Creates, changes and deletes work pools. Only the options that are given are compared and changed.
author:
  - Hotpass maintainers (@hotpass)
options:
  name:
    description:
      - Name of the work pool. It cannot be changed.
      - Prefect keeps names that begin with C(prefect) to itself.
    type: str
    required: true
  type:
    description:
      - Type of the infrastructure, such as V(process), V(docker) or V(kubernetes).
      - Needed to create a pool. It cannot be changed afterwards.
    type: str
  description:
    description: What the pool is for.
    type: str
  base_job_template:
    description:
      - The template of the jobs, with C(job_configuration) and C(variables).
      - Left alone when not given; a worker writes the default of its type into an empty one.
      - It holds double braces, which Ansible must not resolve. Read it from a file, as in the examples.
    type: dict
  paused:
    description:
      - Whether the pool hands out no work.
      - Left alone when not given, so that a pause that somebody set in the user interface survives.
    type: bool
  concurrency_limit:
    description: How many runs of the pool may run at a time. Use O(unset) for no limit.
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
    description: Whether the pool is there.
    type: str
    choices: [present, absent]
    default: present
  force:
    description:
      - Delete a pool that deployments still use. They lose their pool and never run again until they get another.
    type: bool
    default: false
seealso:
  - module: hotpass.prefect.prefect_work_queue
extends_documentation_fragment:
  - hotpass.prefect.prefect
  - hotpass.prefect.prefect.actiongroup
  - hotpass.prefect.prefect.attributes
"""

EXAMPLES = r"""
- name: A pool for processes, four at a time
  hotpass.prefect.prefect_work_pool:
    api_url: http://127.0.0.1:4200/api
    name: refinement
    type: process
    concurrency_limit: 4

- name: A pool with its own job template
  hotpass.prefect.prefect_work_pool:
    name: containers
    type: docker
    base_job_template: "{{ lookup('ansible.builtin.file', 'containers.json') | from_json }}"

- name: The same pool without a limit
  hotpass.prefect.prefect_work_pool:
    name: refinement
    unset: [concurrency_limit]

- name: No such pool, even though deployments use it
  hotpass.prefect.prefect_work_pool:
    name: refinement
    state: absent
    force: true
"""

RETURN = r"""
work_pool:
  description: The work pool as it is afterwards, with secrets hidden; null when it is absent.
  returned: success
  type: dict
  contains:
    id:
      description: The server's id; null where check mode predicts a new one.
      type: str
    name:
      description: The name.
      type: str
    type:
      description: Type of the infrastructure.
      type: str
    description:
      description: What the pool is for.
      type: str
    base_job_template:
      description: The template of the jobs.
      type: dict
    is_paused:
      description: Whether the pool hands out no work.
      type: bool
    concurrency_limit:
      description: How many runs may run at a time; null for no limit.
      type: int
    status:
      description: C(READY), C(NOT_READY) or C(PAUSED); null where check mode predicts a new pool.
      type: str
    created:
      description: When it was created.
      type: str
    updated:
      description: When it was last changed.
      type: str
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import work_pools
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import CONNECTION_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation, Spec

SPEC = CONNECTION_SPEC + Spec(
    options={
        "name": {"type": "str", "required": True},
        "type": {"type": "str"},
        "description": {"type": "str"},
        "base_job_template": {"type": "dict"},
        "paused": {"type": "bool"},
        "concurrency_limit": {"type": "int"},
        "unset": {"type": "list", "elements": "str", "choices": ["concurrency_limit", "description"], "default": []},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "force": {"type": "bool", "default": False},
    },
)

OPERATION = Operation(spec=SPEC, run=work_pools.ensure)


def main() -> None:
    """The module's entry point."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
