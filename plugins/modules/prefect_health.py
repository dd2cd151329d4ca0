#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: prefect_health
short_description: Prove that a Prefect server, its scheduler, its workers and its deployments work
version_added: 0.1.0
author:
  - Hotpass maintainers (@hotpass)
description:
  - Makes each check that is asked for, waits where waiting helps, and says what was found and what to do about it.
  - A check that could not be made is an V(error), never a pass.
  - C(/health) alone proves little. A server whose scheduler fails at every loop answers it with V(true).
extends_documentation_fragment:
  - hotpass.prefect.prefect
  - hotpass.prefect.prefect.actiongroup
  - hotpass.prefect.prefect.info_attributes
attributes:
  check_mode:
    details: The check V(scheduler) deploys a probe, and is refused in C(check_mode).
options:
  checks:
    description:
      - What to check, in this order.
      - V(api) is whether the API answers.
      - V(database) is whether the server can use its database.
      - V(version) is whether the server runs O(version), and the same version as O(client_python) has.
      - V(scheduler) is whether a scheduled run appears for a deployment with a schedule. A probe deployment without
        work pool is made for it and removed again; none of its runs can start.
      - V(worker) is whether a worker of O(work_pool) gives signs of life.
      - V(deployments) is whether each of O(deployments) is READY, and has a run ahead of it if its schedule is active.
    type: list
    elements: str
    choices: [api, database, version, scheduler, worker, deployments]
    default: [api, database]
  version:
    description: Version of Prefect that the server has to run, such as V(3.8.8) or V(>=3.8,<4).
    type: str
  client_python:
    description: Python interpreter whose installed Prefect the server has to equal.
    type: path
  work_pool:
    description: Work pool for the check V(worker).
    type: str
  worker:
    description: Name of the worker that has to be alive. By default any worker of O(work_pool) will do.
    type: str
  new_heartbeat:
    description:
      - Whether only a heartbeat counts that arrives while the check waits. A worker that was just restarted, or killed,
        looks alive by its old heartbeat.
    type: bool
    default: false
  deployments:
    description:
      - Deployments for the check V(deployments), as C(flow/deployment), or as the deployment's own name, which then
        stands for every deployment of that name.
    type: list
    elements: str
  wait_timeout:
    description: Seconds that each check may wait for what it wants to see.
    type: float
    default: 60.0
  fail:
    description: Whether the task fails when a check does not pass.
    type: bool
    default: true
seealso:
  - module: hotpass.prefect.prefect_process
"""

EXAMPLES = r"""
- name: The server answers, and its scheduler makes runs
  hotpass.prefect.prefect_health:
    api_url: http://127.0.0.1:4200/api
    checks: [api, database, version, scheduler]
    version: ">=3.8,<4"

- name: Somebody takes the work
  hotpass.prefect.prefect_health:
    api_url: http://127.0.0.1:4200/api
    checks: [worker, deployments]
    work_pool: hotpass-staging-pool
    deployments: [hotpass-refinement-pipeline/hotpass-refinement]
"""

RETURN = r"""
healthy:
  description: Whether every check passed.
  returned: always
  type: bool
checks:
  description: What each check found.
  returned: always
  type: list
  elements: dict
  contains:
    check:
      description: The check.
      type: str
      sample: scheduler
    verdict:
      description: V(fail) is a negative answer, V(error) means that no answer could be had.
      type: str
      choices: [pass, fail, error]
    message:
      description: What was found, in one sentence.
      type: str
      sample: a scheduled run appeared within 3.2 s
    remedy:
      description: What to do about it; empty when it passed.
      type: str
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import CONNECTION_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.health import CHECKS, check_health
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation, Spec

SPEC = CONNECTION_SPEC + Spec(
    options={
        "checks": {"type": "list", "elements": "str", "choices": list(CHECKS), "default": ["api", "database"]},
        "version": {"type": "str"},
        "client_python": {"type": "path"},
        "work_pool": {"type": "str"},
        "worker": {"type": "str"},
        "new_heartbeat": {"type": "bool", "default": False},
        "deployments": {"type": "list", "elements": "str"},
        "wait_timeout": {"type": "float", "default": 60.0},
        "fail": {"type": "bool", "default": True},
    },
)
OPERATION = Operation(spec=SPEC, run=check_health)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
