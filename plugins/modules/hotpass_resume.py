#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hotpass_resume
short_description: Let a deployment's incremental runs go on from a date
version_added: 0.1.0
description:
  - Starts one run of a deployment from a date on, with the parameters C(since) and C(incremental), and follows it to
    its end. The same deployment, date and O(batch) have one run, however often the task is carried out.
  - With O(persist) the date then becomes the deployment's default, so that its scheduled runs go on from it. Labels of
    the deployment say since when, by whom, and what was there before, which makes it a declared difference and no
    drift; see O(hotpass.prefect.prefect_deployment#module:declared_differences).
  - Everything that can be refused is refused before the first write.
author:
  - Hotpass maintainers (@hotpass)
extends_documentation_fragment:
  - hotpass.prefect.prefect
  - hotpass.prefect.prefect.actiongroup
  - hotpass.prefect.prefect.attributes
requirements:
  - jsonschema >= 4.20
options:
  state:
    description:
      - V(resumed) starts the run. V(reset) puts back the default that was there before O(persist), and nothing else;
        what somebody has changed by hand since then stays.
    type: str
    choices: [resumed, reset]
    default: resumed
  deployment:
    description: The deployment, as C(flow/deployment).
    type: str
    required: true
  since:
    description:
      - An ISO 8601 date, or a time, which is in UTC unless it has an offset. It must not be in the future.
      - Needed with O(state=resumed).
    type: str
  persist:
    description: Whether the date becomes the deployment's default once the run has succeeded.
    type: bool
    default: false
  batch:
    description: Any text; another one starts another run from the same date.
    type: str
  rerun:
    description: Whether a run that has failed is followed by another one (V(failed)), or reported again (V(never)).
    type: str
    choices: [never, failed]
    default: never
  summary_artifact:
    description:
      - Key of the artifact in which the run leaves its summary. When it is given, a run that leaves none has failed.
    type: str
  wait_timeout:
    description: Seconds to wait for the run's end. A run that takes longer goes on, and the task fails.
    type: float
    default: 1800.0
  wait_sleep:
    description: Seconds between two looks at the run.
    type: float
    default: 2.0
  actor_user:
    description:
      - The person in whose name the task runs, for example AWX's C(awx_user_name). By default the user of the process.
    type: str
  actor_job:
    description: The job that the task is part of, for example AWX's C(awx_job_id).
    type: str
seealso:
  - module: hotpass.prefect.prefect_deployment
  - module: hotpass.prefect.prefect_flow_run
"""

EXAMPLES = r"""
- name: Refine what is new since November, and go on from there
  hotpass.prefect.hotpass_resume:
    api_url: http://127.0.0.1:4200/api
    deployment: hotpass-refinement-pipeline/hotpass-refinement
    since: "2024-11-01"
    persist: true
    summary_artifact: hotpass-refinement-summary

- name: Back to what the manifest says
  hotpass.prefect.hotpass_resume:
    api_url: http://127.0.0.1:4200/api
    deployment: hotpass-refinement-pipeline/hotpass-refinement
    state: reset
"""

RETURN = r"""
flow_run:
  description: The run, as RV(hotpass.prefect.prefect_flow_run#module:flow_run) has it; null with O(state=reset).
  returned: success, or when the run failed
  type: dict
summary:
  description: The content of O(summary_artifact), or null.
  returned: success, or when the run failed
  type: dict
artifacts:
  description: The run's artifacts.
  returned: success, or when the run failed
  type: list
  elements: dict
resumed:
  description: The date that is the deployment's default from now on; null unless the task made it that, or found it so.
  returned: success
  type: dict
  contains:
    since:
      description: The date.
      type: str
      sample: "2024-11-01"
    by:
      description: Who made it the default.
      type: str
      sample: ada
    at:
      description: When, as an ISO 8601 time.
      type: str
      sample: "2026-01-31T10:20:30Z"
before:
  description: As RV(resumed), the date that was the deployment's default before O(persist) or O(state=reset).
  returned: success
  type: dict
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import resuming
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import CONNECTION_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation, Spec

SPEC = CONNECTION_SPEC + Spec(
    options={
        "state": {"type": "str", "choices": ["resumed", "reset"], "default": "resumed"},
        "deployment": {"type": "str", "required": True},
        "since": {"type": "str"},
        "persist": {"type": "bool", "default": False},
        "batch": {"type": "str"},
        "rerun": {"type": "str", "choices": ["never", "failed"], "default": "never"},
        "summary_artifact": {"type": "str"},
        "wait_timeout": {"type": "float", "default": 1800.0},
        "wait_sleep": {"type": "float", "default": 2.0},
        "actor_user": {"type": "str"},
        "actor_job": {"type": "str"},
    },
    required_if=(("state", "resumed", ("since",)),),
)

OPERATION = Operation(spec=SPEC, run=resuming.ensure, requires=("urllib3", "jsonschema"))


def main() -> None:
    """The module's entry point."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
