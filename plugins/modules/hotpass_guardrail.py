#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hotpass_guardrail
short_description: Prove from observed runs that the limits of a deployment hold
version_added: 0.1.0
description:
  - Holds the guardrails that a manifest declares against what the server has, and against what the runs did, the
    maximum of runs at once from their state history, the limit in force at each instant, queue waits, leaked slots
    and stale holders.
  - The verdict is C(pass), C(fail), C(not_exercised) or C(error). A guardrail that was never reached is
    C(not_exercised), never a pass, and what cannot be told is an C(error).
  - With O(state=restored) it makes the global limit what is declared again, and the deployment's own limit hold again.
    The values of the deployment, that of its limit included, are restored by applying its manifest with
    M(hotpass.prefect.prefect_deployment).
author:
  - Hotpass maintainers (@hotpass)
extends_documentation_fragment:
  - hotpass.prefect.prefect
  - hotpass.prefect.prefect.actiongroup
  - hotpass.prefect.prefect.attributes
requirements:
  - croniter >= 6.0
  - jsonschema >= 4.20
  - pydantic >= 2.10
  - python-dateutil >= 2.9
  - PyYAML >= 6.0
options:
  state:
    description:
      - V(checked) reads only, and fails with a verdict that O(fail_on) names.
      - V(restored) makes the global limit that the concurrency key names what is declared, active and without decay,
        and the limit of the deployment's own active and without decay. A limit that it shares is left alone.
    type: str
    choices: [checked, restored]
    default: checked
  deployment:
    description:
      - The deployment, as C(flow/deployment) or by its id. With a manifest it may be left out where only one
        deployment has the manifest's name.
    type: str
  manifest_dir:
    description: Directory of manifests that declares the guardrails, together with O(flow).
    type: path
  base_dir:
    description: Where the manifests that others extend lie; else the C(deployments) beside O(manifest_dir).
    type: path
  flow:
    description: Id of the manifest.
    type: str
  declared:
    description:
      - What is declared, without a manifest, C(concurrency_limit) and where they are meant C(deployment),
        C(collision_strategy), C(concurrency_key), C(global_limit), C(shared_limit), C(parameters) (by paths such as
        C(parameters.pipeline.backfill)), C(work_pool), C(work_queue), C(work_pool_limit) and C(work_queue_limit).
      - RV(declared) of an earlier task can be given as it is.
    type: dict
  work_pool_limit:
    description: The concurrency limit that the work pool is to have; it must have none without this option.
    type: int
  work_queue_limit:
    description: The concurrency limit that the work queue is to have; it must have none without this option.
    type: int
  work_queue:
    description:
      - The queue of the deployment's work pool whose limit is looked at; else the one that all of O(run_ids) went into,
        else the deployment's.
    type: str
  shared_limit_value:
    description: The value of the manifest's C(global_concurrency_limit), which is declared where that limit is made.
    type: int
  observe:
    description: Whether to look at runs. Without it only the declared values are checked.
    type: bool
    default: true
  run_ids:
    description:
      - The runs to judge. Every other run that may have met one of them at a limit is read too.
    type: list
    elements: str
  since:
    description:
      - Begin of the time to look at, in ISO 8601 with its offset; else when the first of O(run_ids) was created.
    type: str
  until:
    description: End of the time to look at; else now.
    type: str
  samples:
    description:
      - Readings of the limits that were taken while the runs went on, as M(hotpass.prefect.hotpass_backfill) returns.
      - Prefect keeps no history of a limit, so that without them nobody can tell which one was in force, and the
        verdict is C(error) once a run held a slot.
    type: list
    elements: dict
    default: []
  bounds:
    description:
      - How much is too much, in seconds, C(max_wait_seconds) (3600), C(p95_wait_seconds) (1800), C(stuck_seconds)
        (120), C(leak_seconds) (330), C(pending_seconds) (600), C(running_seconds) (86400), C(heartbeat_seconds) (90),
        C(clock_slack_seconds) (2), C(handover_seconds) (1) and C(sample_gap_seconds) (60).
      - C(max_queued) (200) is a number of runs.
    type: dict
    default: {}
  exercise:
    description: The limits that have to be reached for a pass, at least one; else V(deployment).
    type: list
    elements: str
    choices: [deployment, global, work_pool, work_queue]
  lineage:
    description:
      - Whether runs have to emit lineage events; else V(off). The flows of this collection emit none, so that
        V(required) fails.
    type: str
    choices: ["off", optional, required]
  fail_on:
    description: The verdicts with which the task fails.
    type: list
    elements: str
    choices: [fail, error, not_exercised]
    default: [fail, error]
  reset_slots:
    description:
      - With O(state=restored), give back the slots that are taken while no run holds one, as after a restart of the
        server. Refused while a run of the deployment, or of another with the same limit or key, is pending, runs, or
        waits in its process for its next try, and while a lease may still live.
    type: bool
    default: false
seealso:
  - module: hotpass.prefect.hotpass_backfill
  - module: hotpass.prefect.prefect_concurrency_limit
"""

EXAMPLES = r"""
- name: Does the server have what the manifest declares?
  hotpass.prefect.hotpass_guardrail:
    api_url: http://127.0.0.1:4200/api
    manifest_dir: prefect/staging
    flow: backfill
    observe: false

- name: Did the limits hold while the rehearsal ran, and were they reached?
  hotpass.prefect.hotpass_guardrail:
    api_url: http://127.0.0.1:4200/api
    manifest_dir: prefect/staging
    flow: backfill
    run_ids: "{{ backfill.runs | map(attribute='flow_run_id') }}"
    samples: "{{ backfill.limit_samples }}"
    fail_on: [fail, error, not_exercised]

- name: The limits as they are declared, and no slot taken by nobody
  hotpass.prefect.hotpass_guardrail:
    api_url: http://127.0.0.1:4200/api
    manifest_dir: prefect/staging
    flow: backfill
    state: restored
    reset_slots: true
"""

RETURN = r"""
verdict:
  description: The worst of the checks that count.
  returned: with O(state=checked), on failure too
  type: str
  sample: pass
report:
  description: The verdict, the checks and the figures.
  returned: with O(state=checked), on failure too
  type: dict
  contains:
    verdict:
      description: As RV(verdict).
      type: str
    checks:
      description:
        - Each with C(name), C(verdict), C(found), C(allowed), C(witnesses) (ids of runs), C(remedy), and whether it
          C(counts).
      type: list
      elements: dict
    figures:
      description: Numbers for a summary.
      type: dict
declared:
  description: What the checks held the server against.
  returned: with O(state=checked), on failure too
  type: dict
bounds:
  description: The bounds that were used.
  returned: with O(state=checked), on failure too
  type: dict
documents:
  description:
    - What was observed, C(deployment), C(runs), C(states), C(work_pool) and C(concurrency). The report can be made
      again from it without a server. Empty without O(observe).
  returned: with O(state=checked), on failure too
  type: dict
deployment_limit:
  description: The limit of the deployment's own; null where it has none or shares one.
  returned: with O(state=restored)
  type: dict
concurrency_limit:
  description: The global limit; null where no key is declared.
  returned: with O(state=restored)
  type: dict
slots_reset:
  description: How many slots were given back, by the name of their limit.
  returned: with O(state=restored)
  type: dict
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import task
from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import CONNECTION_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation, Spec

SPEC = CONNECTION_SPEC + Spec(
    options={
        "state": {"type": "str", "choices": ["checked", "restored"], "default": "checked"},
        "deployment": {"type": "str"},
        "manifest_dir": {"type": "path"},
        "base_dir": {"type": "path"},
        "flow": {"type": "str"},
        "declared": {"type": "dict"},
        "work_pool_limit": {"type": "int"},
        "work_queue_limit": {"type": "int"},
        "work_queue": {"type": "str"},
        "shared_limit_value": {"type": "int"},
        "observe": {"type": "bool", "default": True},
        "run_ids": {"type": "list", "elements": "str"},
        "since": {"type": "str"},
        "until": {"type": "str"},
        "samples": {"type": "list", "elements": "dict", "default": []},
        "bounds": {"type": "dict", "default": {}},
        "exercise": {
            "type": "list",
            "elements": "str",
            "choices": ["deployment", "global", "work_pool", "work_queue"],
        },
        "lineage": {"type": "str", "choices": ["off", "optional", "required"]},
        "fail_on": {
            "type": "list",
            "elements": "str",
            "choices": ["fail", "error", "not_exercised"],
            "default": ["fail", "error"],
        },
        "reset_slots": {"type": "bool", "default": False},
    },
    mutually_exclusive=(("manifest_dir", "declared"),),
    required_one_of=(("manifest_dir", "declared"),),
)

OPERATION = Operation(
    spec=SPEC, run=task.ensure, requires=("urllib3", "pydantic", "PyYAML", "croniter", "python-dateutil", "jsonschema")
)


def main() -> None:
    """The module's entry point."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
