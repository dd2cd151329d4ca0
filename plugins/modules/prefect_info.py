#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: prefect_info
short_description: Read the objects of a Prefect server
version_added: 0.1.0
description:
  - Reads every object of one kind, or those that the options choose, however many there are.
  - The objects are returned as the server has them, with secrets hidden.
  - An option that does not apply to O(kind) is an error, and an empty list chooses nothing, except for O(tags).
author:
  - Hotpass maintainers (@hotpass)
options:
  kind:
    description:
      - What to read.
      - V(server) returns one object with the versions, and whether the server is healthy and ready.
      - V(deployments) carry C(flow_name) too, and in C(concurrency_limit) the number of slots that the server keeps
        elsewhere.
      - V(work_queues) and V(workers) carry C(work_pool_name) too.
    type: str
    required: true
    choices:
      - artifacts
      - automations
      - concurrency_limits
      - deployments
      - flow_runs
      - flows
      - server
      - variables
      - work_pools
      - work_queues
      - workers
  ids:
    description: Ids, for O(kind=deployments), O(kind=flow_runs) and O(kind=flows).
    type: list
    elements: str
  names:
    description:
      - Names, for O(kind=automations), O(kind=concurrency_limits), O(kind=deployments), O(kind=flows),
        O(kind=variables), O(kind=work_pools) and O(kind=work_queues).
      - A deployment's own name, without its flow.
    type: list
    elements: str
  name_like:
    description: A part of the name, for O(kind=variables).
    type: str
  flow_names:
    description: Names of flows, for O(kind=deployments) and O(kind=flow_runs).
    type: list
    elements: str
  work_pools:
    description:
      - Names of work pools, for O(kind=deployments), O(kind=flow_runs), O(kind=work_queues) and O(kind=workers).
      - For the last two each has to be there.
    type: list
    elements: str
  tags:
    description: Tags that an object must all have, for O(kind=deployments) and O(kind=flow_runs).
    type: list
    elements: str
  states:
    description: Types of state, for O(kind=flow_runs).
    type: list
    elements: str
    choices: [SCHEDULED, PENDING, RUNNING, COMPLETED, FAILED, CANCELLED, CRASHED, PAUSED, CANCELLING]
  statuses:
    description: Whether a worker has been heard of lately, for O(kind=workers).
    type: list
    elements: str
    choices: [ONLINE, OFFLINE]
  deployment_ids:
    description: Ids of deployments, for O(kind=flow_runs).
    type: list
    elements: str
  flow_run_ids:
    description: Ids of flow runs, for O(kind=artifacts).
    type: list
    elements: str
  idempotency_keys:
    description:
      - Keys as the server has them, for O(kind=flow_runs).
      - M(hotpass.prefect.prefect_flow_run) puts the deployment's id and a colon in front.
    type: list
    elements: str
  keys:
    description: Keys, for O(kind=artifacts).
    type: list
    elements: str
  query:
    description: A JMESPath expression, asked of the list of objects. Needs the library C(jmespath) where the task runs.
    type: str
extends_documentation_fragment:
  - hotpass.prefect.prefect
  - hotpass.prefect.prefect.actiongroup
  - hotpass.prefect.prefect.info_attributes
"""

EXAMPLES = r"""
- name: Every deployment of two flows
  hotpass.prefect.prefect_info:
    api_url: http://127.0.0.1:4200/api
    kind: deployments
    flow_names: [refinement-pipeline, backfill]
  register: deployments

- name: Workers that are alive
  hotpass.prefect.prefect_info:
    kind: workers
    work_pools: [refinement]
    statuses: [ONLINE]
    query: "[].{name: name, heard: last_heartbeat_time}"
  register: workers

- name: Which version runs
  hotpass.prefect.prefect_info:
    kind: server
    query: "[0].version"
  register: server
"""

RETURN = r"""
objects:
  description: The objects, secrets hidden.
  returned: success, without O(query)
  type: list
  elements: dict
  sample:
    - id: 0d6f6a52-3a2c-4d5e-9f5d-9b7f4a3f6a01
      name: refinement
      flow_name: refinement-pipeline
      work_pool_name: refinement
      concurrency_limit: 1
result:
  description: What O(query) answers.
  returned: success, with O(query)
  type: raw
  sample: 3.8.8
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import info
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import CONNECTION_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation, Spec

SPEC = CONNECTION_SPEC + Spec(
    options={
        "kind": {"type": "str", "required": True, "choices": sorted(info.READERS)},
        "ids": {"type": "list", "elements": "str"},
        "names": {"type": "list", "elements": "str"},
        "name_like": {"type": "str"},
        "flow_names": {"type": "list", "elements": "str"},
        "work_pools": {"type": "list", "elements": "str"},
        "tags": {"type": "list", "elements": "str"},
        "states": {
            "type": "list",
            "elements": "str",
            "choices": [
                "SCHEDULED",
                "PENDING",
                "RUNNING",
                "COMPLETED",
                "FAILED",
                "CANCELLED",
                "CRASHED",
                "PAUSED",
                "CANCELLING",
            ],
        },
        "statuses": {"type": "list", "elements": "str", "choices": ["ONLINE", "OFFLINE"]},
        "deployment_ids": {"type": "list", "elements": "str"},
        "flow_run_ids": {"type": "list", "elements": "str"},
        "idempotency_keys": {"type": "list", "elements": "str", "no_log": False},
        "keys": {"type": "list", "elements": "str", "no_log": False},
        "query": {"type": "str"},
    },
)

OPERATION = Operation(spec=SPEC, run=info.read)


def main() -> None:
    """The module's entry point."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
