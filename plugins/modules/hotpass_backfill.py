#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hotpass_backfill
short_description: Replay archived inputs, one flow run for each window
version_added: 0.1.0
description:
  - A window is one date and one version. Each window is one flow run of the backfill's deployment, started once under
    an idempotency key, however often the task is carried out. Runs that are in flight are joined, and what is done is
    not run again.
  - At most O(concurrency_limit) runs are submitted and not at their end. The deployment's own limit and the global
    limit of O(concurrency_key) are checked before the first run; a limit that is missing, switched off or another than
    declared lets nothing start. Only a missing global limit is created.
  - The task fails when a window failed, with the account of all of them in its result.
author:
  - Hotpass maintainers (@hotpass)
options:
  deployment:
    description:
      - The deployment, as C(flow/deployment), by its id, or by its own name where only one deployment has it.
      - The default is C(orchestrator.backfill.deployment_name) of O(config), else the name in the manifest of
        O(manifest_dir).
    type: str
  manifest_dir:
    description:
      - Directory of manifests, an overlay for example. With it the deployment's limit is also held against the
        manifest's, as are its parameters, and O(fallback=local) has the flow's parameters.
    type: path
  base_dir:
    description: Where manifests that the overlay extends are; see M(hotpass.prefect.prefect_deployment).
    type: path
  flow:
    description: Id of the manifest in O(manifest_dir).
    type: str
    default: backfill
  config:
    description:
      - Configuration file with C(orchestrator.backfill) and C(pipeline); its name ends in .json, .toml, .yaml or .yml.
      - It is read where the task is carried out. Options count before it, and it before the deployment.
      - An unknown key, and a value that a replay cannot have, is refused before anything is asked of the server.
      - A window in it without C(versions) has the version C(latest).
    type: path
  start_date:
    description: First date of the windows, as YYYY-MM-DD.
    type: str
  end_date:
    description: Last date, included. Without it the first date is the only one.
    type: str
  since:
    description: The same as O(start_date).
    type: str
  until:
    description: The same as O(end_date).
    type: str
  versions:
    description:
      - Versions of each date's archive, as they stand in the archive's name. The pattern's own C(v) is not part of one.
      - The default is that of the first window in O(config), else V(1).
    type: list
    elements: str
  archive_root:
    description: Directory of the archives, as the worker sees it; relative ones are below the worker's home.
    type: str
  restore_root:
    description: Directory for restored inputs and for outputs, as the worker sees it.
    type: str
  archive_pattern:
    description: Path of an archive below O(archive_root), with C({date}) or C({date:%Y%m%d}), and C({version}).
    type: str
  concurrency_limit:
    description:
      - How many windows run at once. V(0) runs those of this call strictly one after another, in the order of their
        dates. Runs that others submit are held by the limits only, and may run beside them.
      - At most what the deployment declares in its parameter of this name for the same key.
    type: int
  concurrency_key:
    description: Names the global limit; C(hotpass/backfill) is the limit C(hotpass~2Fbackfill).
    type: str
  ahead:
    description: Runs to submit beyond O(concurrency_limit), so that a rehearsal really reaches the limit.
    type: int
    default: 0
  batch:
    description: A word that makes the same windows run anew.
    type: str
  rerun:
    description:
      - What to do with a window whose last run failed in an earlier call. V(failed) starts another run for it; V(none)
        reports the failure. In either case it is the last run that counts.
    type: str
    choices: [none, failed]
    default: failed
  on_error:
    description: V(stop) starts no further window once one failed, and waits for those in flight.
    type: str
    choices: [stop, continue]
    default: stop
  work_queue:
    description: Queue of the deployment's work pool for the runs. It has to be there.
    type: str
  tags:
    description: Tags of the runs, beside C(backfill) and those of the deployment.
    type: list
    elements: str
  wait_timeout:
    description:
      - Seconds for all windows together. The runs go on after it, and the next call joins them. With O(fallback=local)
        the window that is running ends, and no other is started.
    type: float
    default: 86400.0
  stall_timeout:
    description: Seconds after which the task gives up when no run is running, begins or ends.
    type: float
    default: 1800.0
  outage_timeout:
    description: Seconds for which the server may be away while runs are followed.
    type: float
    default: 60.0
  poll:
    description: Seconds between two looks at the runs in flight.
    type: float
    default: 0.5
  fallback:
    description:
      - What to do when there is no Prefect server before the first run, which is to say that the connection is refused
        or the host has no address. V(none) fails. V(local) runs the flow code in O(flow_path) here, one window after
        another, without any limit to hold; it needs O(manifest_dir), O(flow_path) and O(home). A server that is only
        slow, or lost later, is an error in either case.
    type: str
    choices: [none, local]
    default: none
  flow_path:
    description: Directory with the flows' code, for O(fallback=local).
    type: path
  python:
    description: Interpreter for O(fallback=local), with the libraries that the flows need.
    type: path
    default: python3
  home:
    description:
      - The worker's home as it is seen here. Archives are looked for below it, and O(fallback=local) works in it.
    type: path
  archives_here:
    description: The directory O(archive_root) as it is seen here, where it is not below O(home).
    type: path
  log_path:
    description: File to which each line of progress is appended, with its time in UTC. Not in check mode.
    type: path
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
"""

EXAMPLES = r"""
- name: Replay the first week of January
  hotpass.prefect.hotpass_backfill:
    api_url: http://127.0.0.1:4200/api
    deployment: hotpass-backfill/hotpass-backfill
    start_date: "2024-01-01"
    end_date: "2024-01-07"
    versions: ["1", "2"]
  register: replay

- name: What a configuration file asks for, and which archives are not there
  hotpass.prefect.hotpass_backfill:
    manifest_dir: prefect/prod
    config: configs/prod.json
    archives_here: /mnt/archives
  check_mode: true

- name: At a site without a server
  hotpass.prefect.hotpass_backfill:
    manifest_dir: prefect/prod
    since: "2024-01-01"
    until: "2024-01-03"
    fallback: local
    flow_path: prefect/flows
    home: /srv/hotpass
"""

RETURN = r"""
outcome:
  description: >-
    C(completed), C(failed), C(incomplete) in check mode and when windows are open, or C(not_begun). Also returned when
    the task fails.
  returned: always
  type: str
runtime:
  description: C(prefect) or C(local).
  returned: when the backfill began
  type: str
release:
  description: Always null, because no release vouches for the code that ran.
  returned: with O(fallback=local), when the windows ran here
  type: str
code:
  description: The directory of the flow code that ran.
  returned: with O(fallback=local), when the windows ran here
  type: str
deployment:
  description: The deployment as C(flow/deployment).
  returned: when the backfill began
  type: str
windows:
  description: The windows in their order.
  returned: when the backfill began
  type: list
  elements: dict
runs:
  description: One entry for each window, in the same order.
  returned: always
  type: list
  elements: dict
  contains:
    run_date:
      description: The date.
      type: str
    version:
      description: The version.
      type: str
    fate:
      description: C(completed), C(failed), C(in_flight), or C(not_run).
      type: str
    reason:
      description: Why it counts as failed.
      type: str
    id:
      description: Id of the flow run.
      type: str
    name:
      description: Its name.
      type: str
    state_type:
      description: Type of its state.
      type: str
    state_name:
      description: Name of its state.
      type: str
    state_message:
      description: What the state says.
      type: str
    attempt:
      description: Which run of the window it is, counted from 1.
      type: int
    created:
      description: Whether this call started it.
      type: bool
    earlier:
      description: Whether it had ended before this call.
      type: bool
    started:
      description: When it started.
      type: str
    ended:
      description: When it ended.
      type: str
    run_time:
      description: Seconds that it was running.
      type: float
    records:
      description: Records written.
      type: int
    summary:
      description: What the flow says of itself, as its artifact C(hotpass-backfill-summary).
      type: dict
run_ids:
  description: The ids of the runs, in the order of the windows.
  returned: always
  type: list
  elements: str
metrics:
  description: The figures of all windows together.
  returned: when the backfill began
  type: dict
  sample: {total_runs: 14, successful_runs: 14, failed_runs: 0, total_records: 11368, wall_seconds: 93.4}
limit_samples:
  description: Readings of the limits while the runs went on; the first and the last of each stretch that are alike.
  returned: when the backfill began
  type: list
  elements: dict
missing_archives:
  description: >-
    The archives that the windows still to run will not find, each with a hint where there is one; null when they cannot
    be seen from here.
  returned: when the backfill began
  type: list
  elements: dict
stopped:
  description: Whether windows were left out because one failed.
  returned: when the backfill began
  type: bool
api:
  description: How many requests were made.
  returned: when the backfill began
  type: dict
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.backfill import room
from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import CONNECTION_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation, Spec

SPEC = CONNECTION_SPEC + Spec(
    options={
        "deployment": {"type": "str"},
        "manifest_dir": {"type": "path"},
        "base_dir": {"type": "path"},
        "flow": {"type": "str", "default": "backfill"},
        "config": {"type": "path"},
        "start_date": {"type": "str"},
        "end_date": {"type": "str"},
        "since": {"type": "str"},
        "until": {"type": "str"},
        "versions": {"type": "list", "elements": "str"},
        "archive_root": {"type": "str"},
        "restore_root": {"type": "str"},
        "archive_pattern": {"type": "str"},
        "concurrency_limit": {"type": "int"},
        "concurrency_key": {"type": "str", "no_log": False},
        "ahead": {"type": "int", "default": 0},
        "batch": {"type": "str"},
        "rerun": {"type": "str", "choices": ["none", "failed"], "default": "failed"},
        "on_error": {"type": "str", "choices": ["stop", "continue"], "default": "stop"},
        "work_queue": {"type": "str"},
        "tags": {"type": "list", "elements": "str"},
        "wait_timeout": {"type": "float", "default": 86400.0},
        "stall_timeout": {"type": "float", "default": 1800.0},
        "outage_timeout": {"type": "float", "default": 60.0},
        "poll": {"type": "float", "default": 0.5},
        "fallback": {"type": "str", "choices": ["none", "local"], "default": "none"},
        "flow_path": {"type": "path"},
        "python": {"type": "path", "default": "python3"},
        "home": {"type": "path"},
        "archives_here": {"type": "path"},
        "log_path": {"type": "path"},
    },
)

OPERATION = Operation(
    spec=SPEC, run=room.ensure, requires=("urllib3", "pydantic", "PyYAML", "croniter", "python-dateutil", "jsonschema")
)


def main() -> None:
    """The module's entry point."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
