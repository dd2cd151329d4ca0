#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hotpass_evidence
short_description: Capture, seal, verify and upload bundles of evidence
version_added: 0.1.0
description:
  - "A bundle is a directory that shows what happened in a ring: a rehearsal of a backfill, a promotion, a rollback, or
    something that was refused. It holds the raw data and the verdicts that follow from them."
  - A sealed bundle is signed, and has a number in the chain of its ring's bundles. Any change of any byte of it is
    found, without a server and without a network.
  - docs/evidence.md of the collection describes the files, and how somebody without this collection checks them.
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
      - V(captured) asks the Prefect server what the runs of a rehearsal did, judges it, and writes both into the
        bundle. It may be done again until the bundle is sealed.
      - V(sealed) writes the lists of hashes, signs the bundle, gives it its number and its name, in this order. After
        an interruption it is done again, and goes on where it was. For the kinds of a ring the bundle is filled first,
        from the ring's ledger. In check mode, for a backfill, it sees whether the bundle could be sealed, so that there
        is a key, O(trust) has it as a promoter's, and the next place in the ring's chain can be taken.
      - V(verified) checks a bundle, or with O(chain) all below a directory, and fails with what is wrong. It needs
        neither a server nor a network.
      - V(uploaded) has a bundle that verifies at O(destination) too, and reads every byte back.
      - V(logged) tells people of a rehearsal in the project's papers. Without O(bundle) it raises a task for one
        that left none, with its O(ring), its O(name) and the O(reason).
    type: str
    choices: [captured, sealed, verified, uploaded, logged]
    required: true
  api_url:
    description:
      - Address of the Prefect API, for example C(http://127.0.0.1:4200/api). It ends in C(/api). Needed to capture and
        to seal.
      - If not set, the environment variable E(PREFECT_API_URL) is used.
    type: str
    required: false
  ring:
    description: Name of the ring. Needed to capture and to seal; else what is verified has to be of this ring.
    type: str
    required: false
  solution:
    description: Name of the solution. Needed to capture and to seal; else what is verified has to be of it.
    type: str
    required: false
  store:
    description:
      - "Where the ring's releases live: a directory, or C(oci://host[:port]/repository). Needed for the kinds of a
        ring."
      - If not set, the environment variable E(HOTPASS_STORE) is used.
    type: str
    required: false
  evidence_dir:
    description: The directory of all bundles. A bundle is at C(<ring>/<kind>/<name>) in it.
    type: path
  kind:
    description: What the bundle is about.
    type: str
    choices: [backfill, promotion, rollback, refusal]
  name:
    description:
      - The moment of the event in UTC, such as V(20261122T073000Z). For the kinds of a ring it is that at which the
        event ended.
    type: str
  generation:
    description: The ring's generation that the bundle is about.
    type: int
  release:
    description: Digest of the release that the bundle is about.
    type: str
  verdict:
    description: What came of it. By default the C(verdict) of the bundle's C(summary.json).
    type: str
    choices: [pass, fail, inconclusive, error, not_exercised, refused]
  live:
    description:
      - Whether everything that the bundle tells of was done for real, on a server. By default what its
        C(metadata.json) says, else V(false).
    type: bool
  live_reason:
    description: Why.
    type: str
    default: ""
  reason:
    description: Why something was refused, or with O(state=logged) why a rehearsal left no bundle.
    type: str
  action:
    description: What was refused, such as V(promote).
    type: str
  documents:
    description: Further files of the bundle by name. Texts are written as they are, everything else as JSON.
    type: dict
    default: {}
  files:
    description: Further files of the bundle by name, each with the path of the file to copy.
    type: dict
    default: {}
  notes:
    description: Sentences on what deviates, for the bundle's C(notes.md).
    type: list
    elements: str
    default: []
  tests_dir:
    description: Directory with what the ring's tests wrote, which the bundle of a promotion takes in.
    type: path
  bundle:
    description: The bundle to verify, to upload or to tell of; with O(chain) a directory of bundles.
    type: path
  chain:
    description:
      - Verify every bundle below O(bundle), and that those of each ring are its whole chain, with none missing, none
        twice, and none in another place.
    type: bool
    default: false
  checkpoint:
    description:
      - One line that RV(evidence.checkpoints) had earlier and that was kept where no sealer can write, such as
        C(hotpass/staging 12 sha256:...). The chain has to hold that bundle, or to begin after it.
      - Without one, somebody with the key of a promoter can write the whole chain anew, or leave off its end.
    type: str
  destination:
    description:
      - "Where to upload to: a directory that is there, or C(s3://bucket/prefix)."
      - If not set, the environment variable E(HOTPASS_EVIDENCE_DESTINATION) is used.
    type: str
  s3_endpoint:
    description:
      - Address of a server that speaks S3, when it is not that of AWS.
      - If not set, the environment variable E(HOTPASS_EVIDENCE_S3_ENDPOINT) is used.
    type: str
  s3_region:
    description: Region of the bucket. By default what boto3 finds.
    type: str
  s3_ca_path:
    description: File with the certificates of the authorities to trust.
    type: path
  s3_access_key:
    description:
      - Access key. Needs O(s3_secret_key). Without it boto3 looks in E(AWS_ACCESS_KEY_ID), in its files, and for the
        role of the machine.
    type: str
  s3_secret_key:
    description: The secret of the access key.
    type: str
  s3_session_token:
    description: Session token of a temporary access key.
    type: str
  s3_timeout:
    description: Seconds to wait for a connection, and for an answer.
    type: float
    default: 60.0
  deployment:
    description: The deployment that was rehearsed, as C(flow/deployment).
    type: str
  run_ids:
    description: The runs of the rehearsal.
    type: list
    elements: str
    default: []
  limit_samples:
    description: What the limits were while the runs were watched, as the backfill returned them.
    type: list
    elements: dict
    default: []
  declared:
    description: What the manifest declares of the deployment's limits, as the guardrail returned it.
    type: dict
  bounds:
    description: What the runs are held against beyond the limits, as the guardrail takes it.
    type: dict
    default: {}
  plan:
    description: The plan of the ring's manifests when the rehearsal began.
    type: list
    elements: dict
    default: []
  windows:
    description: The windows that were asked for.
    type: list
    elements: dict
    default: []
  ahead:
    description: How many runs more than the limit were started, so that the limit was really met.
    type: int
    default: 0
  runtime:
    description: V(local) when the flow ran without a server.
    type: str
    choices: [prefect, local]
    default: prefect
  stopped_at:
    description: The step at which the rehearsal stopped. Needs O(stopped_because).
    type: str
  stopped_because:
    description: Why it stopped.
    type: str
  screenshot:
    description: Whether a picture of the run's page in the Prefect UI is taken, and whether there has to be one.
    type: str
    choices: [required, optional, "off"]
    default: optional
  command:
    description:
      - The command that repeats the rehearsal, as words.
      - With O(state=uploaded) the one to run again after a failure, to which the bundle, the destination and the server
        are added. By default C(playbooks/verify_evidence.yml) with the inventory C(inventories/<ring>).
    type: list
    elements: str
    default: []
  work_queue:
    description: The queue that was asked for in place of the deployment's own.
    type: str
  tasks_file:
    description: The paper with what has to be done, to which a rehearsal that did not pass adds a task.
    type: path
  log_file:
    description: The paper with what was done, to which a rehearsal that passed adds a line.
    type: path
  plan_file:
    description: The paper that links the bundles of rehearsals.
    type: path
  owner:
    description: Whose the task or the line is.
    type: str
  uploaded_to:
    description: Where the bundle was uploaded to.
    type: str
requirements:
  - urllib3 >= 2.2
  - cryptography
  - securesystemslib
  - jsonschema
  - matplotlib (to capture)
  - boto3 (to upload to a bucket)
"""

EXAMPLES = r"""
- name: Seal what a rehearsal left
  hotpass.prefect.hotpass_evidence:
    state: sealed
    api_url: http://127.0.0.1:4200/api
    ring: staging
    solution: hotpass
    evidence_dir: dist
    kind: backfill
    name: 20261122T073000Z
    signing_key: .hotpass/keys/demo-promoter.pem
    trust: "{{ ring_trust }}"

- name: Check a bundle that somebody sent
  hotpass.prefect.hotpass_evidence:
    state: verified
    bundle: dist/staging/backfill/20261122T073000Z
    trust:
      - name: promoter
        roles: [promoter]
        public_key: keys/promoter.pub

- name: Check that no bundle of the ring is missing
  hotpass.prefect.hotpass_evidence:
    state: verified
    bundle: dist/staging
    chain: true
    checkpoint: "{{ lookup('ansible.builtin.file', 'staging.checkpoint') }}"
    trust: "{{ ring_trust }}"

- name: Keep a copy elsewhere
  hotpass.prefect.hotpass_evidence:
    state: uploaded
    bundle: dist/staging/backfill/20261122T073000Z
    destination: s3://evidence/hotpass
    s3_endpoint: https://s3.example.com
    trust: "{{ ring_trust }}"
"""

RETURN = r"""
evidence:
  description: The bundle, or with O(chain) all of them.
  returned: success
  type: dict
  contains:
    path:
      description: Its directory.
      type: str
      sample: /srv/hotpass/dist/staging/backfill/20261122T073000Z
    sealed:
      description: Whether it is sealed.
      returned: with O(state=captured) and O(state=sealed)
      type: bool
    kind:
      description: What it is about.
      returned: with O(state=sealed)
      type: str
    name:
      description: The moment that it is called by.
      returned: with O(state=sealed)
      type: str
    sequence:
      description: Its number in the ring's chain; null when no server was there to give it one.
      returned: with O(state=sealed) of a backfill
      type: int
    previous:
      description: Digest of the seal of the bundle before it.
      returned: with O(state=sealed) of a backfill
      type: str
    seal:
      description: Digest of its seal.
      returned: with O(state=sealed), O(state=verified) and O(state=uploaded)
      type: str
    anchored:
      description: Whether it has a number.
      returned: with O(state=sealed) of a backfill
      type: bool
    verdict:
      description: What came of the event.
      returned: with O(state=sealed) of a backfill
      type: str
    verified:
      description: Whether all of it is as it was sealed, and every verdict follows from the raw data.
      returned: with O(state=verified), when it fails also
      type: bool
    problems:
      description: What is wrong, each sentence with the file.
      returned: with O(state=verified), when it fails also
      type: list
      elements: str
    claims:
      description: What the seal says of the bundle.
      returned: with O(state=verified)
      type: dict
    signers:
      description: Names of the believed keys that sealed it.
      returned: with O(state=verified)
      type: list
      elements: str
    bundles:
      description: The bundles, each with C(path), C(verified), C(problems), C(claims), C(seal) and C(signers).
      returned: with O(chain); with O(state=sealed) of a ring's kind those that were sealed now
      type: list
      elements: dict
    checkpoints:
      description: One line for each ring, with the number and the seal of its newest bundle, for O(checkpoint).
      returned: with O(chain)
      type: list
      elements: str
    unanchored:
      description: Paths of the bundles that have no number.
      returned: with O(chain)
      type: list
      elements: str
    location:
      description: Where the bundle is now as well.
      returned: with O(state=uploaded)
      type: str
    written:
      description: The files that were not there before.
      returned: with O(state=uploaded)
      type: list
      elements: str
    files:
      description: How many files it has.
      returned: with O(state=verified) and O(state=uploaded)
      type: int
    size:
      description: Bytes of all of them.
      returned: with O(state=verified) and O(state=uploaded)
      type: int
summary:
  description: What the rehearsal came to.
  returned: with O(state=captured)
  type: dict
screenshot:
  description: Whether a picture of the run's page was taken, and if not why.
  returned: with O(state=captured)
  type: dict
papers:
  description: The papers that were added to.
  returned: with O(state=logged)
  type: list
  elements: str
api:
  description: How many requests went to the server, and how many of them could have changed something.
  returned: with O(state=sealed) of a ring's kind
  type: dict
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.options import EVIDENCE_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.room import manage
from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring_options import RING_REQUIRES
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation

SPEC = EVIDENCE_SPEC
OPERATION = Operation(spec=SPEC, run=manage, requires=RING_REQUIRES)


def main() -> None:
    """The module's entry point."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
