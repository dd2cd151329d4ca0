#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: prefect_concurrency_limit
short_description: Manage global concurrency limits of Prefect
version_added: 0.1.0
description:
  - Creates, changes and deletes global concurrency limits, which flows and deployments share by name.
  - Only the options that are given are compared and changed. Slots in use are never touched.
  - The limit of one deployment alone is set with M(hotpass.prefect.prefect_deployment).
author:
  - Hotpass maintainers (@hotpass)
options:
  name:
    description:
      - Name of the limit. It cannot be changed.
      - Names that begin with C(deployment:) or C(tag:) belong to the server.
    type: str
    required: true
  limit:
    description: How many slots there are. Needed to create a limit.
    type: int
  active:
    description:
      - Whether the limit holds. The server takes new ones as active.
      - Left alone when not given.
    type: bool
  slot_decay_per_second:
    description: How many slots become free each second, for a limit on a rate; V(0) frees none.
    type: float
  state:
    description: Whether the limit is there.
    type: str
    choices: [present, absent]
    default: present
  force:
    description: Delete a limit that deployments still share. They run without any limit from then on.
    type: bool
    default: false
extends_documentation_fragment:
  - hotpass.prefect.prefect
  - hotpass.prefect.prefect.actiongroup
  - hotpass.prefect.prefect.attributes
"""

EXAMPLES = r"""
- name: Three at a time, whoever they are
  hotpass.prefect.prefect_concurrency_limit:
    api_url: http://127.0.0.1:4200/api
    name: crm-api
    limit: 3

- name: Ten requests a second
  hotpass.prefect.prefect_concurrency_limit:
    name: geocoder
    limit: 10
    slot_decay_per_second: 10
"""

RETURN = r"""
concurrency_limit:
  description: The limit as it is afterwards; null when it is absent.
  returned: success
  type: dict
  contains:
    id:
      description: The server's id; null where check mode predicts a new one.
      type: str
    name:
      description: The name.
      type: str
    limit:
      description: How many slots there are.
      type: int
    active:
      description: Whether the limit holds.
      type: bool
    slot_decay_per_second:
      description: How many slots become free each second.
      type: float
    active_slots:
      description: How many slots are in use.
      type: int
    created:
      description: When it was created.
      type: str
    updated:
      description: When it was last changed.
      type: str
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import concurrency_limits
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import CONNECTION_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation, Spec

SPEC = CONNECTION_SPEC + Spec(
    options={
        "name": {"type": "str", "required": True},
        "limit": {"type": "int"},
        "active": {"type": "bool"},
        "slot_decay_per_second": {"type": "float"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "force": {"type": "bool", "default": False},
    },
)

OPERATION = Operation(spec=SPEC, run=concurrency_limits.ensure)


def main() -> None:
    """The module's entry point."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
