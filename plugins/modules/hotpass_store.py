#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: hotpass_store
short_description: Check a store of releases, copy a release to another, or collect what no ring needs
version_added: 0.1.0
description:
  - A store keeps releases, and the statements attached to them, by the sha256 of their bytes. It is a directory in the
    OCI image layout, or a repository of an OCI registry.
  - Every byte that is read is hashed. What does not hash to its name is never used, and the message names it.
author:
  - Hotpass maintainers (@hotpass)
options:
  state:
    description:
      - V(verified) reads and hashes the whole store, changes nothing, and fails if anything is bad.
      - V(copied) has O(release), its parts, and everything attached to it in the store O(to) as well, byte for byte.
        What is there already is not written again.
      - V(collected) removes the releases that O(keep) does not name, what is attached to them, and in a directory also
        what nothing reaches. A registry's own collection frees the room afterwards.
    type: str
    choices: [verified, copied, collected]
    default: verified
  release:
    description: Digest of the release to copy, C(sha256:) and 64 hexadecimal digits.
    type: str
  to:
    description: The store to copy to, as in O(store).
    type: str
  to_ca_path:
    description: As O(store_ca_path), for O(to).
    type: path
  to_username:
    description:
      - As O(store_username), for O(to). The user of O(store) is not taken for it.
      - If not set, the environment variable E(HOTPASS_STORE_TO_USERNAME) is used.
    type: str
  to_password:
    description:
      - As O(store_password), for O(to). The password of O(store) is never sent there.
      - If not set, the environment variable E(HOTPASS_STORE_TO_PASSWORD) is used.
    type: str
  to_plain_http:
    description: As O(store_plain_http), for O(to).
    type: bool
  keep:
    description:
      - "Digests of what to keep: every one that the ledger of any ring names, whatever its state, as
        RV(hotpass.prefect.hotpass_ring_info#module:status.named) has them for each ring."
      - An empty list keeps none. A digest that the store does not have is no error.
    type: list
    elements: str
  min_age:
    description:
      - Seconds for which nothing new is removed, so that a release which is being written, or is not in a ledger yet,
        stays.
      - A registry does not tell how old something is. There a release that is not kept is marked first, and deleted by
        a later run, when its mark is this old and it is still not kept. V(0) deletes at once.
    type: int
    default: 3600
requirements:
  - urllib3 >= 2.2
extends_documentation_fragment:
  - hotpass.prefect.hotpass_store
  - hotpass.prefect.prefect.attributes
"""

EXAMPLES = r"""
- name: Is everything there, and what its name says
  hotpass.prefect.hotpass_store:
    store: .hotpass/store

- name: Bring a release to the registry of the site
  hotpass.prefect.hotpass_store:
    store: .hotpass/store
    state: copied
    release: sha256:4d7a55b3667dab83debfd6ab4017c87b73ca452ab58c661e9ed82a460764f5d0
    to: oci://registry.example:5000/hotpass/releases
    to_ca_path: /etc/ssl/certs/site.pem
    to_username: promoter
    to_password: "{{ vault_registry_password }}"

- name: What would be removed
  hotpass.prefect.hotpass_store:
    store: .hotpass/store
    state: collected
    keep: "{{ ledger.status.named }}"
  check_mode: true
  diff: true
"""

RETURN = r"""
counts:
  description: How many there are of what was read and hashed.
  returned: with O(state=verified)
  type: dict
  contains:
    releases:
      description: Releases.
      type: int
    attachments:
      description: Manifests attached to something.
      type: int
    blobs:
      description: Different blobs, the manifests among them.
      type: int
  sample:
    releases: 12
    attachments: 31
    blobs: 97
size:
  description:
    - Bytes that were hashed, written or removed.
    - Of what goes from a registry only the releases' own manifests are counted.
  returned: success
  type: int
  sample: 5242880
findings:
  description:
    - What is not as it should be, when the task fails also.
    - C(corrupt), C(missing) and C(misplaced) are bad; C(orphaned) and C(leftover) only take room.
  returned: with O(state=verified)
  type: list
  elements: dict
  contains:
    problem:
      description: One of C(corrupt), C(missing), C(misplaced), C(orphaned) and C(leftover).
      type: str
    name:
      description: A digest, or a file of the store.
      type: str
    detail:
      description: What is wrong with it.
      type: str
  sample:
    - problem: orphaned
      name: sha256:015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862
      detail: nothing in index.json reaches it
release:
  description: The release, whose digest is the same in both stores.
  returned: with O(state=copied)
  type: str
  sample: sha256:4d7a55b3667dab83debfd6ab4017c87b73ca452ab58c661e9ed82a460764f5d0
written:
  description: Digests of what O(to) lacked.
  returned: with O(state=copied)
  type: list
  elements: str
present:
  description: Digests of what O(to) had.
  returned: with O(state=copied)
  type: list
  elements: str
attachments:
  description: How many manifests are attached to the release, directly or not.
  returned: with O(state=copied)
  type: int
  sample: 3
removed:
  description: What was removed, or in check mode would be.
  returned: with O(state=collected)
  type: dict
  contains:
    releases:
      description: Digests of releases.
      type: list
      elements: str
    attachments:
      description: Digests of manifests that were attached to them.
      type: list
      elements: str
    blobs:
      description: Digests of what nothing reaches any more. Empty for a registry, whose own collection removes them.
      type: list
      elements: str
    files:
      description: Leftovers of writes that did not end.
      type: list
      elements: str
waiting:
  description: Digests that no kept release reaches and that are not old enough yet.
  returned: with O(state=collected)
  type: list
  elements: str
marked:
  description: Those of them that a registry marked now.
  returned: with O(state=collected)
  type: list
  elements: str
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_room import STORE_MODULE_SPEC, manage
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation

SPEC = STORE_MODULE_SPEC
OPERATION = Operation(spec=SPEC, run=manage)


def main() -> None:
    """The module's entry point."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
