#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: prefect_deployment
short_description: Manage Prefect deployments, one or a directory of manifests
version_added: 0.1.0
description:
  - Plans and applies one deployment given by options, or all manifests of a directory in one task.
  - The plan is complete before the first write, and everything that can be refused is refused then.
  - Only what differs is written. A second run sends no write at all, which matters on Prefect, where any write to a
    deployment drops its scheduled runs until the scheduler makes them anew.
  - After the writes the server is read again and held against the plan.
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
      - V(present) creates or updates.
      - V(absent) deletes the deployment that O(name) and O(flow) or O(flow_name) name. A global concurrency limit that
        it shares with others survives.
    type: str
    choices: [present, absent]
    default: present
  manifest_dir:
    description:
      - A directory of manifests to plan and apply as a whole. Selecting the directory above C(deployments/) means that
        one, the base.
      - What a manifest does not name goes back to Prefect's default, except C(paused) and the C(active) of a schedule,
        which stay as people have toggled them in the UI.
    type: path
  flows:
    description:
      - The ids of the manifests to apply; all of the directory when not given. An unknown id is an error.
    type: list
    elements: str
  base_dir:
    description:
      - Where manifests named by C(extends) are looked for. By default C(deployments) beside O(manifest_dir).
    type: path
  owner:
    description:
      - Who manages these deployments, for example C(hotpass/staging). Kept on each as the label
        C(hotpass.prefect/owner).
      - A deployment that bears another owner's label is refused, never taken over.
    type: str
  prune:
    description:
      - Also delete the deployments that bear O(owner)'s label and that O(manifest_dir) no longer has, and nothing else.
      - Cannot be combined with O(flows), which would leave open what the directory has.
    type: bool
    default: false
  on_error:
    description:
      - What to do when a write fails. V(stop) leaves the rest of the plan alone, V(continue) carries on with the other
        deployments. Either way the task fails, and says what was and what was not applied.
    type: str
    choices: [stop, continue]
    default: stop
  expected_plan:
    description:
      - The RV(fingerprint) of a plan that was shown before. If the plan would be another one now, nothing is written.
    type: str
  declared_differences:
    description:
      - What becomes of a date that M(hotpass.prefect.hotpass_resume) made a deployment's default, which its labels say.
        V(reset) puts back what the manifest says, as for anything else that differs; V(keep) takes it for wanted, so
        that the plan has what else differs, and nothing more.
      - Either way RV(plan[].declared) names it.
    type: str
    choices: [reset, keep]
    default: reset
  flow_python:
    description:
      - A Python that can import the flows. It is asked for each flow's name on the server and its parameter schema, and
        the answer is cached until the code or the interpreter's packages change.
      - Without it every manifest has to declare C(flow_name), and parameter schemas are left alone.
    type: path
  flow_path:
    description: The directory that holds the flows' packages. Needed with O(flow_python).
    type: path
  flow_cache:
    description:
      - Where the answers of O(flow_python) are kept; by default C(hotpass.prefect) in the user's cache directory.
    type: path
  flow_code:
    description:
      - A file with what the flows' code says, as M(hotpass.prefect.hotpass_artifact) leaves it beside a fetched
        release. It takes the place of O(flow_python).
    type: path
  release:
    description:
      - The release that O(manifest_dir) was fetched from. The deployments get its digest as their version, and one
        pull step, the fence, which lets a run into the release only while the ring's ledger says so.
      - A manifest whose C(pull_steps) has anything but C(prefect.deployments.steps.set_working_directory) is refused.
    type: dict
    suboptions:
      ring:
        description: Name of the ring.
        type: str
        required: true
      solution:
        description: Name of the solution.
        type: str
        required: true
      generation:
        description: The ring's generation that these deployments belong to.
        type: int
        required: true
      release:
        description: The release's digest.
        type: str
        required: true
      store:
        description: Where workers fetch the release, unless their C(HOTPASS_STORE) says otherwise.
        type: str
        required: true
  unset:
    description:
      - Fields to put back to nothing, which an option cannot express because an option that is null was not given.
    type: list
    elements: str
    choices:
      - concurrency_limit
      - concurrency_options
      - description
      - entrypoint
      - global_concurrency_limit
      - path
      - version
      - work_pool
  name:
    description: Name of the deployment. Together with the flow it identifies it, and it cannot be changed.
    type: str
  flow:
    description: The flow as C(package.module:function).
    type: str
  flow_name:
    description: The flow's name on the server, when its code cannot be asked.
    type: str
  description:
    description: What people read in the UI. An empty text is the same as none.
    type: str
  tags:
    description: Tags; order and duplicates do not matter.
    type: list
    elements: str
  labels:
    description:
      - Labels; values are text, numbers or booleans. Labels that others gave the deployment stay.
    type: dict
  version:
    description: A version to show.
    type: str
  work_pool:
    description: Name of the work pool, which has to exist.
    type: str
  work_queue:
    description: Name of the queue in O(work_pool); C(default) when not given.
    type: str
  parameters:
    description:
      - Parameters of every run, as a whole. A name that the flow does not have is refused.
    type: dict
  job_variables:
    description: Overrides of the work pool's variables, as a whole.
    type: dict
  enforce_parameter_schema:
    description: Whether the server refuses parameters that do not fit the flow.
    type: bool
  parameter_openapi_schema:
    description: The parameters' schema, when the code cannot be asked.
    type: dict
  entrypoint:
    description: Where a worker finds the flow, as C(path/to/file.py:function). By default made from O(flow).
    type: str
  path:
    description: The directory that O(entrypoint) is relative to, where no pull step says so.
    type: str
  pull_steps:
    description: What a worker does to get at the code, one step after the other.
    type: list
    elements: dict
  paused:
    description: Whether schedules make no runs. Left alone when not given.
    type: bool
  paused_by:
    description:
      - For whom O(paused=true) pauses, kept in the label C(hotpass.prefect/paused-by). A manifest that says nothing of
        C(paused) then unpauses the deployment when it is next applied, as it does with no other pause.
      - A deployment that is paused already stays as it is, without the label.
    type: str
  concurrency_limit:
    description:
      - How many runs may be at work at once, by a limit of this deployment's own.
      - Excludes O(global_concurrency_limit).
    type: int
  global_concurrency_limit:
    description:
      - Name of an existing global limit that the deployment shares with others. It is never changed or deleted here.
    type: str
  concurrency_options:
    description: What happens to a run that finds the limit reached.
    type: dict
    suboptions:
      collision_strategy:
        description: Wait, or be cancelled.
        type: str
        choices: [ENQUEUE, CANCEL_NEW]
        required: true
      grace_period_seconds:
        description: How long a run may take to start before its slot is taken back, 60 to 86400 seconds.
        type: int
  schedule:
    description: The one schedule of the deployment; its slug is C(default). Excludes O(schedules).
    type: dict
    suboptions:
      kind:
        description: What O(schedule.value) is; C(cron) when not given.
        type: str
        choices: [cron, interval, rrule]
      value:
        description:
          - A cron expression, a number of seconds or a mapping of C(weeks), C(days), C(hours), C(minutes) and
            C(seconds), or a recurrence rule.
        type: raw
        required: true
      timezone:
        description: Name of a time zone; C(UTC) when not given.
        type: str
      anchor_date:
        description: When an interval begins, as an ISO 8601 date. When not given the server's own is kept.
        type: str
      active:
        description: V(false) pauses the deployment, V(true) unpauses it. Left alone when not given.
        type: bool
  schedules:
    description: All schedules of the deployment. One that is not listed is removed. Excludes O(schedule).
    type: list
    elements: dict
    suboptions:
      slug:
        description: Names the schedule within its deployment.
        type: str
        required: true
      kind:
        description: What O(schedules[].value) is; C(cron) when not given.
        type: str
        choices: [cron, interval, rrule]
      value:
        description:
          - A cron expression, a number of seconds or a mapping of C(weeks), C(days), C(hours), C(minutes) and
            C(seconds), or a recurrence rule.
        type: raw
        required: true
      timezone:
        description: Name of a time zone; C(UTC) when not given.
        type: str
      anchor_date:
        description: When an interval begins, as an ISO 8601 date. When not given the server's own is kept.
        type: str
      day_or:
        description: Whether a cron expression's day of month and day of week are joined by "or".
        type: bool
      active:
        description: Whether this schedule makes runs. Left alone when not given.
        type: bool
      parameters:
        description: Parameters of the runs that this schedule makes.
        type: dict
      max_scheduled_runs:
        description: How many runs to have scheduled ahead, 1 to 50.
        type: int
notes:
  - The deployment's flow is created on the server when it is not there yet.
seealso:
  - module: hotpass.prefect.prefect_info
  - module: hotpass.prefect.prefect_work_pool
  - module: hotpass.prefect.prefect_concurrency_limit
"""

EXAMPLES = r"""
- name: Show what applying the staging overlay would change
  hotpass.prefect.prefect_deployment:
    manifest_dir: prefect/staging
    owner: hotpass/staging
    flow_python: "{{ ansible_playbook_python }}"
    flow_path: prefect/flows
  check_mode: true
  diff: true

- name: Apply two manifests of an overlay
  hotpass.prefect.prefect_deployment:
    manifest_dir: prefect/prod
    flows: [refinement, backfill]
    owner: hotpass/production
    flow_python: "{{ ansible_playbook_python }}"
    flow_path: prefect/flows

- name: One nightly deployment, without a manifest
  hotpass.prefect.prefect_deployment:
    name: nightly
    flow: reports.nightly:build
    flow_name: build-report
    work_pool: reports
    schedule:
      kind: cron
      value: "0 2 * * *"
      timezone: Africa/Johannesburg
    concurrency_limit: 1

- name: No limit any more
  hotpass.prefect.prefect_deployment:
    name: nightly
    flow_name: build-report
    unset: [concurrency_limit]

- name: And gone
  hotpass.prefect.prefect_deployment:
    name: nightly
    flow_name: build-report
    state: absent
"""

RETURN = r"""
plan:
  description:
    - One step per deployment. Secrets are hidden, and a parameter schema is shown as its names and a fingerprint.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the manifest, or the deployment's name where there is none.
      type: str
      sample: refinement
    deployment:
      description: The deployment as C(flow/name).
      type: str
      sample: hotpass-refinement-pipeline/hotpass-refinement
    deployment_id:
      description: The deployment's id before the task ran; null when it was not there.
      type: str
    work_pool:
      description: The work pool that the deployment shall have, or has; null where it is not managed.
      type: str
    action:
      description: V(create), V(update), V(delete) or V(unchanged).
      type: str
      sample: update
    changes:
      description: For an update, what each field is and shall be.
      type: dict
      sample: {tags: {before: [], after: [hotpass]}}
    declared:
      description: What differs from the manifest because somebody declared so, beside what else does.
      type: list
      elements: dict
      contains:
        field:
          description: The field.
          type: str
          sample: parameters.since
        value:
          description: What the server has.
          type: raw
          sample: "2024-11-01"
        manifest:
          description: What the manifest says; null also where it says nothing.
          type: raw
        by:
          description: Who declared it.
          type: str
        at:
          description: When, as an ISO 8601 time.
          type: str
        fate:
          description: V(reset) or V(keep), as O(declared_differences) says.
          type: str
summary:
  description: How many deployments were, or in check mode would be, created, updated, deleted and left alone.
  returned: success
  type: dict
  sample: {created: 1, updated: 0, deleted: 0, unchanged: 1}
fingerprint:
  description: A sha256 over the whole plan, for O(expected_plan).
  returned: success
  type: str
rehearsals:
  description: What the manifests ask to be rehearsed after they are applied.
  returned: success
  type: list
  elements: dict
  contains:
    deployment:
      description: The deployment as C(flow/name).
      type: str
    idempotency_key:
      description: Stays the same as long as the deployment, the flows' code and the rehearsal do.
      type: str
    parameters:
      description: Parameters of the bounded run.
      type: dict
    id:
      description: Id of the manifest.
      type: str
    summary:
      description: Key of the artifact in which the run leaves its summary.
      type: str
    timeout:
      description: Seconds until the run has to be through.
      type: float
    expect:
      description: What the run's summary has to show.
      type: dict
api:
  description: How many requests were sent, and how many of them could have changed something.
  returned: success
  type: dict
  sample: {requests: 3, writes: 0}
applied:
  description: The deployments whose change was applied, as the server shows when it is read back.
  returned: when a write failed
  type: list
  elements: str
failed_deployments:
  description: What went wrong, by deployment.
  returned: when a write failed
  type: dict
partly_applied:
  description: The deployments of which something was written, and which are not as planned. Run again to finish them.
  returned: when a write failed
  type: list
  elements: str
not_applied:
  description: The deployments that are as they were.
  returned: when a write failed
  type: list
  elements: str
problems:
  description:
    - Every reason why nothing was written, one sentence each; where a manifest or an option is refused, a mapping with
      C(file), C(line), C(field), C(found), C(allowed) and C(message).
  returned: when the plan was refused
  type: list
  elements: raw
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.manifests import deploy
from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import CONNECTION_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation, Spec

_KIND = {"type": "str", "choices": ["cron", "interval", "rrule"]}
_SCHEDULE = {
    "kind": _KIND,
    "value": {"type": "raw", "required": True},
    "timezone": {"type": "str"},
    "anchor_date": {"type": "str"},
    "active": {"type": "bool"},
}

SPEC = CONNECTION_SPEC + Spec(
    options={
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "manifest_dir": {"type": "path"},
        "flows": {"type": "list", "elements": "str"},
        "base_dir": {"type": "path"},
        "owner": {"type": "str"},
        "prune": {"type": "bool", "default": False},
        "on_error": {"type": "str", "choices": ["stop", "continue"], "default": "stop"},
        "expected_plan": {"type": "str"},
        "declared_differences": {"type": "str", "choices": ["reset", "keep"], "default": "reset"},
        "flow_python": {"type": "path"},
        "flow_path": {"type": "path"},
        "flow_cache": {"type": "path"},
        "flow_code": {"type": "path"},
        "release": {
            "type": "dict",
            "options": {
                "ring": {"type": "str", "required": True},
                "solution": {"type": "str", "required": True},
                "generation": {"type": "int", "required": True},
                "release": {"type": "str", "required": True},
                "store": {"type": "str", "required": True},
            },
        },
        "unset": {
            "type": "list",
            "elements": "str",
            "choices": [
                "concurrency_limit",
                "concurrency_options",
                "description",
                "entrypoint",
                "global_concurrency_limit",
                "path",
                "version",
                "work_pool",
            ],
        },
        "name": {"type": "str"},
        "flow": {"type": "str"},
        "flow_name": {"type": "str"},
        "description": {"type": "str"},
        "tags": {"type": "list", "elements": "str"},
        "labels": {"type": "dict"},
        "version": {"type": "str"},
        "work_pool": {"type": "str"},
        "work_queue": {"type": "str"},
        "parameters": {"type": "dict"},
        "job_variables": {"type": "dict"},
        "enforce_parameter_schema": {"type": "bool"},
        "parameter_openapi_schema": {"type": "dict"},
        "entrypoint": {"type": "str"},
        "path": {"type": "str"},
        "pull_steps": {"type": "list", "elements": "dict"},
        "paused": {"type": "bool"},
        "paused_by": {"type": "str"},
        "concurrency_limit": {"type": "int"},
        "global_concurrency_limit": {"type": "str"},
        "concurrency_options": {
            "type": "dict",
            "options": {
                "collision_strategy": {"type": "str", "choices": ["ENQUEUE", "CANCEL_NEW"], "required": True},
                "grace_period_seconds": {"type": "int"},
            },
        },
        "schedule": {"type": "dict", "options": _SCHEDULE},
        "schedules": {
            "type": "list",
            "elements": "dict",
            "options": {
                **_SCHEDULE,
                "slug": {"type": "str", "required": True},
                "day_or": {"type": "bool"},
                "parameters": {"type": "dict"},
                "max_scheduled_runs": {"type": "int"},
            },
        },
    },
    required_one_of=(("manifest_dir", "name"),),
    mutually_exclusive=(
        *(("manifest_dir", name) for name in (*deploy.INLINE, "unset", "paused_by")),
        ("schedule", "schedules"),
        ("concurrency_limit", "global_concurrency_limit"),
        ("flow_code", "flow_python"),
    ),
    required_by={
        "flows": ("manifest_dir",),
        "base_dir": ("manifest_dir",),
        "flow_python": ("flow_path",),
        "release": ("manifest_dir",),
    },
    required_if=(("prune", True, ("manifest_dir", "owner")), ("state", "absent", ("name",))),
)
OPERATION = Operation(
    spec=SPEC,
    run=deploy.ensure,
    requires=("urllib3", "pydantic", "PyYAML", "croniter", "python-dateutil", "jsonschema"),
)


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
