#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: prefect_flow_run
short_description: Start, follow and cancel flow runs of Prefect
version_added: 0.1.0
description:
  - Starts a run of a deployment, waits for its end when asked to, and returns the run and its artifacts.
  - With O(idempotency_key) the run is started once, however often the task is carried out.
  - Without a key every task starts a run. A start whose answer was lost is still never doubled.
author:
  - Hotpass maintainers (@hotpass)
options:
  state:
    description:
      - V(started) starts a run of O(deployment), or with O(id) finds one that was started before.
      - V(cancelled) ends a run, chosen by O(id), or by O(deployment) and O(idempotency_key). A run that has ended
        already stays as it is.
    type: str
    choices: [started, cancelled]
    default: started
  deployment:
    description:
      - The deployment, as C(flow/deployment) or by its id.
      - In check mode a missing one is a warning, because an earlier task may create it.
    type: str
  id:
    description: Id of a run that exists.
    type: str
  parameters:
    description:
      - Parameters of the run, laid over those of the deployment.
      - A name that the deployment's parameter schema does not have is refused.
    type: dict
  name:
    description: Name of the run. The server makes one up when it is not given.
    type: str
  tags:
    description: Tags of the run, beside those of the deployment.
    type: list
    elements: str
  labels:
    description: Labels of the run; values are texts, numbers or booleans.
    type: dict
  idempotency_key:
    description:
      - Names the run. When the deployment has a run of this key already, no other is started.
      - The server holds keys per flow; the module prefixes the deployment's id, so that deployments of one flow do not
        share them.
      - The same key with other parameters is refused. A key must not end with C(:try=) and a number, as those do that
        later attempts get.
    type: str
  rerun:
    description:
      - What to do when the last run of O(idempotency_key) has ended otherwise than O(accept_states) allows, or without
        what O(expect) asks for. V(failed) starts another run; V(never) reports the one there is.
    type: str
    choices: [never, failed]
    default: never
  work_queue:
    description: Queue of the deployment's work pool, instead of the deployment's own. It has to be there.
    type: str
  job_variables:
    description: Job variables of the run, laid over those of the deployment.
    type: dict
  scheduled_time:
    description: When to start, as ISO 8601 with an offset. The default is at once.
    type: str
  wait:
    description:
      - Wait until the run ends, and fail when it ends otherwise than O(accept_states) allows.
      - Changes of state are shown as they happen when the task is carried out on the controller itself.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait at most.
    type: float
    default: 1800.0
  wait_sleep:
    description: Seconds between two looks at the run.
    type: float
    default: 2.0
  accept_states:
    description: How a run may end for the task to succeed, with O(wait) and O(state=started).
    type: list
    elements: str
    choices: [COMPLETED, FAILED, CRASHED, CANCELLED]
    default: [COMPLETED]
  on_timeout:
    description:
      - What to do with a run that has not ended after O(wait_timeout). The task fails in either case, and says what the
        run is waiting for.
    type: str
    choices: [leave, cancel]
    default: leave
  summary_artifact:
    description:
      - Key of the artifact in which the run sums itself up, as a mapping. With O(wait) a run without it fails the task.
    type: str
  expect:
    description:
      - What O(summary_artifact) has to show, by the names of its fields, each with C(min), C(max) or C(equals).
        With O(wait) a run that shows anything else, or nothing, fails the task.
    type: dict
  collect_artifacts:
    description: Whether to return the run's artifacts. The default is that of O(wait).
    type: bool
attributes:
  idempotent:
    description: A second run with the same options writes nothing.
    support: partial
    details: With O(idempotency_key), O(id) or O(state=cancelled). Without them each task starts a run.
extends_documentation_fragment:
  - hotpass.prefect.prefect
  - hotpass.prefect.prefect.actiongroup
  - hotpass.prefect.prefect.attributes
"""

EXAMPLES = r"""
- name: Run the refinement and wait for it
  hotpass.prefect.prefect_flow_run:
    api_url: http://127.0.0.1:4200/api
    deployment: refinement-pipeline/refinement
    parameters:
      incremental: false
    wait: true
    wait_timeout: 600
  register: rehearsal

- name: Once per release, however often the play runs
  hotpass.prefect.prefect_flow_run:
    deployment: refinement-pipeline/refinement
    idempotency_key: "rehearsal-{{ release }}"

- name: End that run
  hotpass.prefect.prefect_flow_run:
    state: cancelled
    id: "{{ rehearsal.flow_run.id }}"
    wait: true
"""

RETURN = r"""
flow_run:
  description: The run, with secrets hidden. Also returned when the run does not end as it should.
  returned: when there is a run, and in check mode
  type: dict
  contains:
    id:
      description: The server's id; null where check mode predicts a run.
      type: str
    name:
      description: The name.
      type: str
    flow_id:
      description: Id of the flow.
      type: str
    deployment_id:
      description: Id of the deployment.
      type: str
    deployment:
      description: The deployment as C(flow/deployment).
      type: str
    state_type:
      description: Type of the state, such as C(COMPLETED).
      type: str
    state_name:
      description: Name of the state, such as C(Late).
      type: str
    state_message:
      description: What the state says.
      type: str
    parameters:
      description: All parameters of the run.
      type: dict
    job_variables:
      description: The job variables of the run itself.
      type: dict
    tags:
      description: All tags of the run.
      type: list
      elements: str
    labels:
      description: All labels of the run.
      type: dict
    idempotency_key:
      description: The key as the server has it, with the deployment's id in front.
      type: str
    work_pool_name:
      description: The work pool.
      type: str
    work_queue_name:
      description: The work queue.
      type: str
    created:
      description: When the run was created.
      type: str
    expected_start_time:
      description: When it should start.
      type: str
    start_time:
      description: When it started; null before.
      type: str
    end_time:
      description: When it ended; null before.
      type: str
    total_run_time:
      description: Seconds that it was running.
      type: float
summary:
  description: The content of O(summary_artifact); null when there is none.
  returned: with RV(flow_run)
  type: dict
  sample: {records_in: 931, records_out: 812}
artifacts:
  description: The artifacts of the run in the order of their creation; empty where O(collect_artifacts) is false.
  returned: with RV(flow_run)
  type: list
  elements: dict
  contains:
    id:
      description: The server's id.
      type: str
    key:
      description: The key; null for one without.
      type: str
    type:
      description: Type of the content, such as C(markdown) or C(table).
      type: str
    description:
      description: What it shows.
      type: str
    data:
      description: The content.
      type: raw
    created:
      description: When it was created.
      type: str
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import flow_runs
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import CONNECTION_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation, Spec

SPEC = CONNECTION_SPEC + Spec(
    options={
        "state": {"type": "str", "choices": ["started", "cancelled"], "default": "started"},
        "deployment": {"type": "str"},
        "id": {"type": "str"},
        "parameters": {"type": "dict"},
        "name": {"type": "str"},
        "tags": {"type": "list", "elements": "str"},
        "labels": {"type": "dict"},
        "idempotency_key": {"type": "str", "no_log": False},
        "rerun": {"type": "str", "choices": ["never", "failed"], "default": "never"},
        "work_queue": {"type": "str"},
        "job_variables": {"type": "dict"},
        "scheduled_time": {"type": "str"},
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "float", "default": 1800.0},
        "wait_sleep": {"type": "float", "default": 2.0},
        "accept_states": {
            "type": "list",
            "elements": "str",
            "choices": ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"],
            "default": ["COMPLETED"],
        },
        "on_timeout": {"type": "str", "choices": ["leave", "cancel"], "default": "leave"},
        "summary_artifact": {"type": "str"},
        "expect": {"type": "dict"},
        "collect_artifacts": {"type": "bool"},
    },
    required_by={"expect": ("summary_artifact",)},
    required_one_of=(("deployment", "id"),),
    mutually_exclusive=(
        ("id", "deployment"),
        ("id", "parameters"),
        ("id", "name"),
        ("id", "tags"),
        ("id", "labels"),
        ("id", "idempotency_key"),
        ("id", "work_queue"),
        ("id", "job_variables"),
        ("id", "scheduled_time"),
    ),
)

OPERATION = Operation(spec=SPEC, run=flow_runs.ensure)


def main() -> None:
    """The module's entry point."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
