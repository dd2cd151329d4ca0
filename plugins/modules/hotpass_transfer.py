#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hotpass_transfer
short_description: Export, verify and import what travels to a site without a network
version_added: 0.1.0
description:
  - "A transfer bundle is one file. To a site it brings all that the site needs: the collection, wheels, releases with
    their statements, public keys, and the ledger of the ring that exports. Back home it brings evidence."
  - It is sealed by a promoter of the ring that exports. All of it is verified before any of it is used, by keys that
    did not come with it.
  - docs/air-gap.md of the collection describes the journey, and how somebody without this collection begins.
author:
  - Hotpass maintainers (@hotpass)
extends_documentation_fragment:
  - hotpass.prefect.prefect
  - hotpass.prefect.hotpass_ring.actiongroup
  - hotpass.prefect.prefect.attributes
  - hotpass.prefect.hotpass_ring
  - hotpass.prefect.hotpass_store
options:
  state:
    description:
      - V(exported) writes a bundle of the O(kind). The same releases, ledger, collection and wheels give the same
        bytes, and a bundle that is there already is left alone. In check mode nothing is fetched and nothing is
        written.
      - V(verified) checks every byte of O(bundle), changes nothing, and fails with what is wrong.
      - V(imported) does the same, and only then brings in what O(bundle) holds.
    type: str
    choices: [exported, verified, imported]
    required: true
  kind:
    description:
      - "What to export or to import: V(releases) for a site, or V(evidence) of a site's ring, for home. By default
        V(releases)."
      - A bundle of the other kind is not imported. Whoever is believed for the evidence that they send could otherwise
        send programs.
      - A bundle is verified whichever it is, unless one is named.
    type: str
    choices: [releases, evidence]
  bundle:
    description: The bundle to verify or to import.
    type: path
  transfer_dir:
    description:
      - Where the ring keeps what belongs to transfers. When it exports, wheels that were fetched before are in its
        directory C(cache); each is hashed before it is used.
    type: path
  python_executable:
    description:
      - Path of a Python that has Ansible, to build the collection, and pip, to fetch wheels. By default the one that
        runs the task.
    type: path
  target:
    description:
      - Where to write the bundle. A directory, in which it is called after solution, ring, number of the ledger's last
        record, Python and platform; or a file that ends in C(.tar). Needed to export.
      - The bundle's sha256 is written beside it, as V(sha256sum --check) reads it, and C(bootstrap.py), with which a
        site begins.
    type: path
  collection:
    description:
      - Root of the collection to bring, a checkout or an installed one. Needed to export releases.
      - An installed one has to be as it was installed. Of a checkout, C(ansible-galaxy collection build) takes what
        C(galaxy.yml) names. In a work tree of git that has to be what its commit has; see O(allow_dirty).
    type: path
  allow_dirty:
    description:
      - Take a checkout at O(collection) whose files differ from its commit, and warn of them. Otherwise it is refused,
        naming the first. Only what travels counts, also when git does not know it, or ignores it, and when it is
        missing. Which files can be executed is taken from the commit.
    type: bool
    default: false
  releases:
    description:
      - Which releases to bring, with all statements that are attached to them in O(store). Digests, or
      - V(active), what is Active in the ring;
      - V(rollback), that and what a rollback would bring back;
      - V(all), everything that was ever Active in the ring and is not held there.
      - A release that no promoter whom the ring trusts says of that it became Active there is refused, and so is one
        without a builder's statement.
    type: list
    elements: str
    default: [active]
  python:
    description: For which Python to bring wheels.
    type: str
    default: "3.12"
  platforms:
    description:
      - For which platform to bring wheels, as tags of PEP 600 and PEP 656. A wheel for an older C library runs with a
        newer one and is taken as well.
      - A host has to take all of them, so they are of one machine. Write one bundle for each machine.
    type: list
    elements: str
    default: [manylinux_2_28_x86_64]
  wheels:
    description:
      - Whether to bring the wheels that C(requirements/runtime.txt) and C(requirements/prefect.txt) of the collection
        lock. V(false) is for a site that has them already, or that has an index of its own.
    type: bool
    default: true
  base:
    description:
      - For O(kind=releases), the receipt of the site, which came home with its evidence. Wheels, parts of releases and
        the collection that it names are left out, and only that site can use the bundle.
      - For O(kind=evidence), the C(<ring>-evidence.json) that home wrote in its O(transfer_dir) when it imported. The
        bundles of evidence that home has are left out.
    type: path
  evidence_dir:
    description:
      - The directory of all bundles of evidence. With O(kind=evidence) those of the ring are taken from there,
        verified, as a whole chain; when evidence is imported they are put there. Needed for evidence.
    type: path
  checkpoint:
    description:
      - Of the newest bundle of evidence that is not in O(evidence_dir) any more, when old ones are kept elsewhere, such
        as C(hotpass/staging 12 sha256:...). Without one the chain has to begin with its first bundle.
    type: str
  other_ledger:
    description:
      - Whether to import evidence with a ledger that does not hold the record which was imported last, or one that the
        evidence names. That is so when the site has a new Prefect server. The chain of evidence has to be whole anyway.
    type: bool
    default: false
  keys_dir:
    description:
      - Where to put the public keys that come with releases. Nobody believes them before O(trust) names them. A file
        that is there with another key in it is refused. Needed to import releases.
    type: path
  environments:
    description:
      - The directory that C(bootstrap.py) installed into. A new environment is made beside the one that runs, and
        C(current) leads to it when it is whole. Without it no program of the site is changed.
    type: path
  bootstrap:
    description: Path of C(bootstrap.py), which makes environments. Needed with O(environments).
    type: path
  allow_older:
    description:
      - Whether O(bundle) may end with an older record of a ledger than the one that was imported last. Its releases
        are brought in then; the environment, the collection and wheels that are kept, the ledger and the heads in the
        receipt stay as they are.
      - The same goes for a bundle that was imported before, when a newer one was imported after it.
      - A bundle whose ledger contradicts the one that was imported last is always refused.
    type: bool
    default: false
  other_platform:
    description:
      - Whether the wheels in O(bundle) may be for another Python or another platform than this one. They are kept for
        other hosts then, and no environment is made of them. A file that is kept already is left alone, also when the
        bundle has another one under its name.
    type: bool
    default: false
  api_url:
    description:
      - Address of the Prefect API, for example C(http://127.0.0.1:4200/api). It ends in C(/api). Needed to export.
      - If not set, the environment variable E(PREFECT_API_URL) is used.
    type: str
    required: false
  ring:
    description: Name of the ring. Needed to export.
    type: str
    required: false
  solution:
    description: Name of the solution. Needed to export.
    type: str
    required: false
  store:
    description:
      - "Where the ring's releases live: a directory, or C(oci://host[:port]/repository) for an OCI registry. Needed to
        export."
      - If not set, the environment variable E(HOTPASS_STORE) is used.
    type: str
    required: false
requirements:
  - urllib3 >= 2.2
  - cryptography
  - securesystemslib
  - jsonschema
  - packaging
"""

EXAMPLES = r"""
- name: What runs in staging, for a site
  hotpass.prefect.hotpass_transfer:
    state: exported
    api_url: http://127.0.0.1:4200/api
    ring: staging
    solution: hotpass
    store: .hotpass/store
    trust: "{{ ring_trust }}"
    signing_key: keys/alice.pem
    collection: .
    transfer_dir: .hotpass/transfer
    target: dist/transfer
    platforms: [manylinux_2_28_x86_64]

- name: Only what the site lacks
  hotpass.prefect.hotpass_transfer:
    state: exported
    base: receipts/site-a.json
    api_url: http://127.0.0.1:4200/api
    ring: staging
    solution: hotpass
    store: .hotpass/store
    trust: "{{ ring_trust }}"
    signing_key: keys/alice.pem
    collection: .
    transfer_dir: .hotpass/transfer
    target: dist/transfer

- name: Bring in what came to the site
  hotpass.prefect.hotpass_transfer:
    state: imported
    bundle: /media/stick/hotpass-staging-41-py3.12-manylinux_2_28_x86_64.tar
    trust: "{{ ring_trust }}"
    solution: hotpass
    store: /srv/hotpass/store
    transfer_dir: /srv/hotpass/transfer
    keys_dir: /srv/hotpass/keys/transferred

- name: The evidence of a site, for home
  hotpass.prefect.hotpass_transfer:
    state: exported
    kind: evidence
    api_url: http://127.0.0.1:4200/api
    ring: production
    solution: hotpass
    store: .hotpass/store
    trust: "{{ ring_trust }}"
    signing_key: keys/site.pem
    transfer_dir: .hotpass/transfer
    evidence_dir: dist
    target: /media/stick

- name: The evidence of a site, at home
  hotpass.prefect.hotpass_transfer:
    state: imported
    kind: evidence
    bundle: /media/stick/hotpass-production-evidence-41.tar
    ring: production
    solution: hotpass
    store: .hotpass/store
    trust: "{{ ring_trust }}"
    transfer_dir: .hotpass/transfer
    evidence_dir: dist
"""

RETURN = r"""
transfer:
  description: The bundle.
  returned: success
  type: dict
  contains:
    path:
      description: Where it is, or in check mode would be.
      type: str
      sample: dist/transfer/hotpass-staging-41-py3.12-manylinux_2_28_x86_64.tar
    sha256:
      description: Of the file. Null in check mode when wheels would be fetched first.
      type: str
    size:
      description: Bytes of the file. In check mode without the wheels that would be fetched.
      type: int
      sample: 165283840
    seal:
      description: Digest of its seal, which names the bundle. Null as RV(transfer.sha256).
      type: str
    kind:
      description: C(releases) or C(evidence).
      type: str
    solution:
      description: Whose releases.
      type: str
    ring:
      description: The ring that exported.
      type: str
    collection:
      description: Name and version of the collection in it.
      type: dict
      sample:
        name: hotpass.prefect
        version: 0.1.0
    heads:
      description: The last record of the ledger of each ring in it, and what is Active there.
      type: dict
      sample:
        staging:
          sequence: 41
          digest: sha256:4d7a55b3667dab83debfd6ab4017c87b73ca452ab58c661e9ed82a460764f5d0
          generation: 6
          release: sha256:015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862
          state: Active
    base:
      description: Digest of the receipt that a delta is for; null for a full bundle.
      type: str
    files:
      description: How many files are in it, without its own three.
      type: int
      sample: 169
    omitted:
      description: How many files a delta leaves out, and their bytes.
      type: dict
      sample:
        files: 141
        size: 163112204
    public_keys:
      description: The public keys in it, each with its name and its roles.
      type: list
      elements: dict
    python:
      description: For which Python its wheels are.
      type: str
    platforms:
      description: For which platform its wheels are.
      type: list
      elements: str
    releases:
      description:
        - "When releases are exported: each with its C(digest), the C(generation) that made it Active, whether it is
          C(active), and its C(commit)."
      type: list
      elements: dict
    wheels:
      description:
        - "When releases are exported: how many wheels are in the bundle and the site's receipt together, their bytes,
          and what check mode would fetch."
      type: dict
      sample:
        files: 134
        size: 161418347
        to_fetch: []
    signer:
      description: Who sealed it, as O(trust) calls them.
      returned: with O(state=verified) and O(state=imported)
      type: str
      sample: alice
    written:
      description: What was brought in, or in check mode would be, by the part of the import.
      returned: when releases are imported
      type: dict
      sample:
        receipt:
          - "bundle sha256:015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
    relations:
      description: How each head that it brings stands to the one that was imported last.
      returned: when releases are imported
      type: dict
      sample:
        staging: newer
    evidence:
      description: "Of a bundle of evidence: which bundles of evidence are in it."
      returned: with evidence
      type: dict
      contains:
        path:
          description: The directory of the ring's bundles here.
          type: str
        bundles:
          description: When it is exported, those that are in it, as C(<kind>/<moment>).
          type: list
          elements: str
        imported:
          description: When it is imported, those that were not here before.
          type: list
          elements: str
        unchanged:
          description: How many of them were here before, file for file.
          type: int
        checkpoint:
          description: The checkpoint of the whole chain. It is the same at the site and at home.
          type: str
          sample: hotpass/production 12 sha256:6f1c7a3e0c1f0d7a8f3d3c5f0f9a4d2b1e8c7b6a594837261504f3e2d1c0b9a8
        kept:
          description: The file at home that says how far the evidence was imported, for O(base) at the site.
          type: str
    active:
      description:
        - What the ledger that came home says is Active at the site, with C(release), C(generation) and C(since).
          Whether a believed promoter signed that is C(stated). Null when nothing became Active yet.
      returned: when evidence is imported
      type: dict
    said:
      description: The same as a sentence.
      returned: when evidence is imported
      type: str
      sample: "production at the site: sha256:015a... Active since 2026-11-22T09:14:03.120000Z, generation 4"
    statements:
      description: The files of those signed statements that were not with their releases in O(store) before.
      returned: when evidence is imported
      type: list
      elements: str
    receipt:
      description: The file that the site's receipt is kept in, for O(base) of the next export; null when none came.
      returned: when evidence is imported
      type: str
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring_options import RING_REQUIRES
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.options import TRANSFER_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.room import manage

SPEC = TRANSFER_SPEC
OPERATION = Operation(spec=SPEC, run=manage, requires=(*RING_REQUIRES, "packaging"))


def main() -> None:
    """The module's entry point."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
