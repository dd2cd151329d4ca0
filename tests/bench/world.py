# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deployments that every contender makes, written down in each one's own way.

All of them share one flow, and each has one slugged cron schedule, parameters, a tag and a pull step.
"""

from __future__ import annotations

import json
import sys
import typing as t
from pathlib import Path

POOL = "bench"
FLOW_NAME = "bench-flow"
OWNER = "bench"
_FLOW_FILE = "bench_flows.py"
_ENTRYPOINT = f"{_FLOW_FILE}:run"
_STEP = "prefect.deployments.steps.set_working_directory"
_SLUG = "nightly"

_FLOW = f'''
from prefect import flow


@flow(name="{FLOW_NAME}")
def run(batch: int = 0, source: str = "none") -> str:
    return f"{{batch}} of {{source}}"
'''

_PREFECT_HEAD = """
name: bench
pull:
  - {step}:
      directory: {directory}
deployments:
"""
_PREFECT_ENTRY = """
  - name: {name}
    entrypoint: {entrypoint}
    tags: [bench]
    parameters:
      batch: {batch}
      source: archive
    work_pool:
      name: {pool}
      work_queue_name: default
    schedules:
      - slug: {slug}
        cron: {cron}
        timezone: UTC
        active: true
"""
_MANIFEST = """
id: {name}
name: {name}
flow: bench_flows:run
tags: [bench]
parameters:
  batch: {batch}
  source: archive
work_pool: {pool}
schedules:
  - slug: {slug}
    kind: cron
    value: {cron}
    timezone: UTC
    active: true
pull_steps:
  - {step}:
      directory: {directory}
"""
_URI_PLAYBOOK = """
- name: Deploy with ansible.builtin.uri
  hosts: localhost
  gather_facts: false
  vars_files: [bodies.json]
  tasks:
    - name: Create the flow
      ansible.builtin.uri:
        url: "{{ api_url }}/flows/"
        method: POST
        body_format: json
        body: "{{ flow }}"
        status_code: [200, 201]
      register: made
    - name: Create or update each deployment
      ansible.builtin.uri:
        url: "{{ api_url }}/deployments/"
        method: POST
        body_format: json
        body: "{{ item | combine({'flow_id': made.json.id}) }}"
        status_code: [200, 201]
      loop: "{{ deployments }}"
      loop_control:
        label: "{{ item.name }}"
      register: answer
      until: answer is succeeded
      retries: 5
      delay: 1
"""
_OUR_PLAYBOOK = """
- name: Deploy a directory of manifests
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Deploy
      hotpass.prefect.prefect_deployment: {options}
"""
_START_UP_PLAYBOOK = """
- name: Ask the server for its version
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Ask
      hotpass.prefect.prefect_info:
        kind: server
"""


class World:
    """The inputs of one size, in a directory of their own.

    :param directory: is made; below it are ``flows``, ``manifests``, ``prefect.yaml``, playbooks and ``bodies.json``.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.flows = directory / "flows"
        self.manifests = directory / "manifests"
        self.size = 0
        self._batches: list[int] = []
        self.flows.mkdir(parents=True)
        self.manifests.mkdir()
        (self.flows / _FLOW_FILE).write_text(_FLOW.lstrip())
        self._write("uri.yml", _URI_PLAYBOOK)
        self._write("startup.yml", _START_UP_PLAYBOOK)
        self._write("ours.yml", _OUR_PLAYBOOK.format(options=json.dumps(self.our_options())))

    def grow(self, size: int) -> None:
        """Have this many deployments; the ones that were there stay as they are."""
        for index in range(self.size, size):
            self._batches.append(index)
            self._write_manifest(index)
        self.size = size
        entries = "".join(_PREFECT_ENTRY.lstrip("\n").format(**self._words(index)) for index in range(size))
        self._write("flows/prefect.yaml", _PREFECT_HEAD.format(step=_STEP, directory=self.flows) + entries)
        bodies = {"flow": {"name": FLOW_NAME}, "deployments": [self._body(index) for index in range(size)]}
        self._write("bodies.json", json.dumps(bodies))

    def change_one(self) -> None:
        """Give one manifest another parameter."""
        self._batches[0] += self.size
        self._write_manifest(0)

    def our_options(self) -> dict[str, t.Any]:
        """The options of our module, which inspects the flow and keeps what it learns in the world's directory."""
        return {
            "manifest_dir": str(self.manifests),
            "owner": OWNER,
            "flow_python": sys.executable,
            "flow_path": str(self.flows),
            "flow_cache": str(self.directory / "cache"),
        }

    def differences(self, rows: list[dict[str, t.Any]]) -> list[str]:
        """A sentence for each deployment of the server that is not the one that everybody was to make."""
        found = {row["name"]: row for row in rows}
        wanted = {self._words(index)["name"]: self._body(index) for index in range(self.size)}
        problems = [f"{name} is missing" for name in sorted(wanted.keys() - found.keys())]
        problems += [f"{name} was not asked for" for name in sorted(found.keys() - wanted.keys())]
        for name in sorted(wanted.keys() & found.keys()):
            seen = dict(found[name])
            seen["schedules"] = [
                {
                    "slug": schedule["slug"],
                    "active": schedule["active"],
                    "schedule": {key: schedule["schedule"].get(key) for key in ("cron", "timezone")},
                }
                for schedule in seen["schedules"]
            ]
            # Some contenders spell out what is empty, such as the definitions of a schema that has none.
            schema = seen["parameter_openapi_schema"] or {}
            seen["parameter_openapi_schema"] = {key: value for key, value in schema.items() if value}
            unlike = [key for key, value in wanted[name].items() if seen.get(key) != value]
            if unlike:
                problems.append(f"{name} differs in {', '.join(unlike)}")
        return problems

    def _words(self, index: int) -> dict[str, t.Any]:
        return {
            "name": f"bench-{index:05d}",
            "batch": self._batches[index],
            "cron": f'"{index % 60} {index // 60 % 24} * * *"',
            "slug": _SLUG,
            "pool": POOL,
            "entrypoint": _ENTRYPOINT,
            "step": _STEP,
            "directory": self.flows,
        }

    def _body(self, index: int) -> dict[str, t.Any]:
        words = self._words(index)
        return {
            "name": words["name"],
            "entrypoint": _ENTRYPOINT,
            "tags": ["bench"],
            "parameters": {"batch": words["batch"], "source": "archive"},
            "parameter_openapi_schema": _SCHEMA,
            "enforce_parameter_schema": True,
            "work_pool_name": POOL,
            "work_queue_name": "default",
            "pull_steps": [{_STEP: {"directory": str(self.flows)}}],
            "schedules": [
                {
                    "slug": _SLUG,
                    "active": True,
                    "schedule": {"cron": json.loads(words["cron"]), "timezone": "UTC"},
                }
            ],
        }

    def _write_manifest(self, index: int) -> None:
        words = self._words(index)
        self._write(f"manifests/{words['name']}.yaml", _MANIFEST.format(**words))

    def _write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text.lstrip("\n"))


def _parameter(position: int, name: str, kind: str, default: t.Any) -> dict[str, t.Any]:
    return {"default": default, "position": position, "title": name, "type": kind}


# As Prefect makes it of the flow above; the contenders that inspect the flow are held against it.
_SCHEMA = {
    "title": "Parameters",
    "type": "object",
    "properties": {
        "batch": _parameter(0, "batch", "integer", 0),
        "source": _parameter(1, "source", "string", "none"),
    },
}
