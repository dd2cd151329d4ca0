#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: hotpass_artifact
short_description: Build a release from a commit, or fetch one and unpack it
version_added: 0.1.0
author:
  - Hotpass maintainers (@hotpass)
description:
  - A release holds the flows' code, the manifests of every ring, the release's own tests, the locked requirements with
    their bill of materials (CycloneDX 1.6), and what the code says of each flow's parameters.
  - It is an OCI artifact, and its name is the sha256 of its manifest's bytes. The same commit gives the same name,
    whoever builds it, when, where, and with which Python from 3.11 to 3.13.
  - Every overlay is loaded and every flow imported from the files that are released before anything is written, so a
    release that one of the rings could not deploy is never built.
options:
  state:
    description:
      - V(built) makes a release of the commit that is checked out in O(project) and writes it into the store.
      - V(fetched) unpacks O(release) into O(cache_dir), or verifies every file of it that is there.
    type: str
    choices: [built, fetched]
    default: built
  project:
    description: A directory in a work tree of git, which the O(paths) are below.
    type: path
  paths:
    description:
      - Where the project keeps what is released, relative to O(project). A file belongs to the innermost of them.
      - Only what the commit has is taken; symbolic links and submodules are refused.
    type: dict
    default: {}
    suboptions:
      flows:
        description: The directory with the flows' packages.
        type: str
        default: prefect/flows
      manifests:
        description:
          - The directory with the base C(deployments) and the overlays. Only YAML and JSON files are taken from it.
        type: str
        default: prefect
      checks:
        description: The directory with the release's own tests; empty when there are none.
        type: str
        default: prefect/checks
      requirements:
        description:
          - The requirements file of what the flows need, every version pinned with C(==) and hashed.
        type: str
        default: requirements/prefect.txt
      ignore:
        description:
          - Paths below O(paths.manifests) that hold something else. Every other directory there is taken for one of
            manifests, and has to hold good ones.
        type: list
        elements: str
        default: [prefect/automations, prefect/fence]
  solution:
    description: What is released together. Small letters, digits, and single hyphens in between.
    type: str
  flow_python:
    description:
      - A Python that can import the flows; it is asked what parameters they take.
      - It has to have the versions of Prefect and pydantic that the requirements lock, because they make the schemas.
    type: path
  allow_dirty:
    description:
      - Take a work tree that differs from its commit, and mark the release as dirty. Otherwise it is refused, naming
        the files.
    type: bool
    default: false
  compare_to:
    description: Digest of a release in the store, to show which files were added, changed and removed since.
    type: str
  signing_key:
    description:
      - File with the ed25519 private key (PEM, PKCS 8) that signs the provenance of the release. Only its owner may
        read it.
      - The provenance says who built, when, where and with what, and travels with the release. One is attached for each
        key, however often the release is built.
    type: path
  signing_key_name:
    description: Who signs with it. By default the file's name without its ending.
    type: str
  signing_key_passphrase:
    description:
      - What O(signing_key) is encrypted with.
      - If not set, the environment variable E(HOTPASS_SIGNING_KEY_PASSPHRASE) is used.
    type: str
  image:
    description:
      - Also build a container image for workers from the release, with podman or docker, whichever is installed and
        runs. It is not built again while what it is made of stays the same.
    type: dict
    suboptions:
      name:
        description: Name of the image with its tag.
        type: str
        required: true
      base:
        description: An image with a Python, for the Containerfile that is made. Excludes O(image.containerfile).
        type: str
      containerfile:
        description:
          - A Containerfile to use instead. Its context has C(flows/), C(manifests/), C(checks/), C(requirements.txt)
            and, with O(image.fence), C(fence/).
        type: path
      fence:
        description: The directory that holds the fence's package, which workers import when a run starts.
        type: path
      push:
        description: Whether the image is pushed to the registry that its name says. Log in there first.
        type: bool
        default: false
  release:
    description: Digest of the release to fetch, C(sha256:) and 64 hexadecimal digits.
    type: str
  cache_dir:
    description:
      - Where fetched releases are unpacked, each into a read-only directory of its own that must not be written to.
      - A copy there that is not exactly what the release says is put aside and unpacked anew.
    type: path
requirements:
  - git, with O(state=built)
  - croniter, cyclonedx-python-lib, jsonschema, packaging, pydantic, python-dateutil and PyYAML, with O(state=built)
  - securesystemslib and cryptography
  - urllib3 >= 2.2
extends_documentation_fragment:
  - hotpass.prefect.hotpass_store
  - hotpass.prefect.prefect.attributes
seealso:
  - module: hotpass.prefect.hotpass_store
  - module: hotpass.prefect.prefect_deployment
"""

EXAMPLES = r"""
- name: Build the commit that is checked out
  hotpass.prefect.hotpass_artifact:
    store: .hotpass/store
    project: "{{ playbook_dir }}/.."
    solution: hotpass
    flow_python: "{{ ansible_playbook_python }}"
    signing_key: .hotpass/keys/builder.pem
  register: built

- name: What would change against the release that is Active
  hotpass.prefect.hotpass_artifact:
    store: .hotpass/store
    project: "{{ playbook_dir }}/.."
    solution: hotpass
    flow_python: "{{ ansible_playbook_python }}"
    compare_to: sha256:4d7a55b3667dab83debfd6ab4017c87b73ca452ab58c661e9ed82a460764f5d0
  check_mode: true
  diff: true

- name: An image for workers too
  hotpass.prefect.hotpass_artifact:
    store: oci://registry.example:5000/hotpass/releases
    project: "{{ playbook_dir }}/.."
    solution: hotpass
    flow_python: "{{ ansible_playbook_python }}"
    image:
      name: registry.example:5000/hotpass/worker:latest
      base: registry.example:5000/library/python:3.12-slim
      fence: "{{ playbook_dir }}/../prefect/fence"
      push: true

- name: Have its files here
  hotpass.prefect.hotpass_artifact:
    state: fetched
    store: .hotpass/store
    release: "{{ built.release }}"
    cache_dir: .hotpass/cache
  register: fetched

- name: Plan what the ring would get of it
  hotpass.prefect.prefect_deployment:
    api_url: http://127.0.0.1:4200/api
    manifest_dir: "{{ fetched.manifests }}/staging"
    flow_code: "{{ fetched.flow_code }}"
  check_mode: true
"""

RETURN = r"""
release:
  description: The digest, which is the name of the release.
  returned: success
  type: str
  sample: sha256:4d7a55b3667dab83debfd6ab4017c87b73ca452ab58c661e9ed82a460764f5d0
existed:
  description: Whether the store had it, or with O(state=fetched) the cache.
  returned: success
  type: bool
  sample: false
solution:
  description: What is released together.
  returned: success
  type: str
  sample: hotpass
commit:
  description: The commit it was built from.
  returned: success
  type: str
  sample: 9b1f0e2d3c4b5a69788796a5b4c3d2e1f0a9b8c7
commit_time:
  description: When that was committed, in UTC.
  returned: success
  type: str
  sample: "2026-11-20T08:30:00Z"
dirty:
  description: Whether files differed from the commit.
  returned: success
  type: bool
  sample: false
differing:
  description: For each file that differed, how.
  returned: with O(state=built)
  type: dict
  sample: {prefect/flows/hotpass/rules.py: changed}
flows:
  description: The flows that the manifests name.
  returned: success
  type: list
  elements: str
  sample: ["hotpass.orchestration:refinement_pipeline_flow"]
overlays:
  description: The directories of manifests in it.
  returned: success
  type: list
  elements: str
  sample: [deployments, dev, prod, staging]
files:
  description: How many files it holds.
  returned: success
  type: int
  sample: 31
files_changed:
  description: Which files were added, changed and removed since O(compare_to).
  returned: with O(compare_to)
  type: dict
  sample: {added: [], changed: [flows/hotpass/rules.py], removed: []}
size:
  description: Bytes of all its parts.
  returned: with O(state=built)
  type: int
  sample: 521217
signed_by:
  description: Who signed its provenance; nothing without O(signing_key).
  returned: with O(state=built)
  type: str
  sample: builder
image:
  description: The container image.
  returned: with O(image)
  type: dict
  contains:
    engine:
      description: C(podman) or C(docker).
      type: str
    name:
      description: Its name.
      type: str
    id:
      description: Its id; nothing in check mode when it is not there yet.
      type: str
    pushed:
      description: Its digest in the registry; nothing when it was not pushed.
      type: str
path:
  description: The directory with the files of the release.
  returned: with O(state=fetched); in check mode only when it is there
  type: str
  sample: /srv/hotpass/.hotpass/cache/sha256-4d7a55b3667dab83debfd6ab4017c87b73ca452ab58c661e9ed82a460764f5d0
flow_path:
  description: The directory with the flows' packages.
  returned: with O(state=fetched); in check mode only when it is there
  type: str
manifests:
  description: The directory with the base and the overlays.
  returned: with O(state=fetched); in check mode only when it is there
  type: str
flow_code:
  description: The file with what the code says of each flow.
  returned: with O(state=fetched); in check mode only when it is there
  type: str
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.release import build_task
from ansible_collections.hotpass.prefect.plugins.module_utils.release.key_options import SIGNING_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_options import STORE_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation, Spec

SPEC = (
    STORE_SPEC
    + SIGNING_SPEC
    + Spec(
        options={
            "state": {"type": "str", "choices": ["built", "fetched"], "default": "built"},
            "project": {"type": "path"},
            "paths": {
                "type": "dict",
                "default": {},
                "apply_defaults": True,
                "options": {
                    "flows": {"type": "str", "default": "prefect/flows"},
                    "manifests": {"type": "str", "default": "prefect"},
                    "checks": {"type": "str", "default": "prefect/checks"},
                    "requirements": {"type": "str", "default": "requirements/prefect.txt"},
                    "ignore": {
                        "type": "list",
                        "elements": "str",
                        "default": ["prefect/automations", "prefect/fence"],
                    },
                },
            },
            "solution": {"type": "str"},
            "flow_python": {"type": "path"},
            "allow_dirty": {"type": "bool", "default": False},
            "compare_to": {"type": "str"},
            "image": {
                "type": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "base": {"type": "str"},
                    "containerfile": {"type": "path"},
                    "fence": {"type": "path"},
                    "push": {"type": "bool", "default": False},
                },
                "mutually_exclusive": [("base", "containerfile")],
                "required_one_of": [("base", "containerfile")],
            },
            "release": {"type": "str"},
            "cache_dir": {"type": "path"},
        },
        required_if=(
            ("state", "built", ("project", "solution", "flow_python")),
            ("state", "fetched", ("release", "cache_dir")),
        ),
    )
)
OPERATION = Operation(
    spec=SPEC,
    run=build_task.ensure,
    requires=(
        "urllib3",
        "PyYAML",
        "pydantic",
        "croniter",
        "python-dateutil",
        "jsonschema",
        "securesystemslib",
        "cryptography",
    ),
)


def main() -> None:
    """The module's entry point."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
