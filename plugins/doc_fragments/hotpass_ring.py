# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that every module of a ring takes."""

from __future__ import annotations


class ModuleDocFragment:
    """Who acts in which ring, whom the ring believes, and where it tells of it."""

    DOCUMENTATION = r"""
options:
  ring:
    description: Name of the ring. Small letters, digits, and single hyphens in between.
    type: str
    required: true
  solution:
    description: What is released together. Small letters, digits, and single hyphens in between.
    type: str
    required: true
  actor_user:
    description:
      - The person in whose name the task runs, for example AWX's C(awx_user_name). By default the user of the process.
    type: str
  actor_job:
    description: The job that the task is part of, for example AWX's C(awx_job_id).
    type: str
  signing_key:
    description:
      - File with the ed25519 private key (PEM, PKCS 8) that signs what this task states. Only its owner may read it.
    type: path
  signing_key_name:
    description:
      - Who signs with it. By default the name that O(trust) has for the key, else the file's name without its ending.
    type: str
  signing_key_passphrase:
    description:
      - What O(signing_key) is encrypted with.
      - If not set, the environment variable E(HOTPASS_SIGNING_KEY_PASSPHRASE) is used.
    type: str
  trust:
    description: The public keys whose statements count in this ring. Without any, none do.
    type: list
    elements: dict
    suboptions:
      name:
        description: Whose key it is.
        type: str
        required: true
      roles:
        description: What its statements count for.
        type: list
        elements: str
        choices: [builder, promoter, approver]
        required: true
      public_key:
        description: The public key as PEM, or the path of a file with it.
        type: str
        required: true
  unsigned:
    description:
      - Whether the ring does without signatures where there are none. V(accept) is for a ring in which nothing can be
        broken.
    type: str
    choices: [refuse, accept]
    default: refuse
  otlp_endpoint:
    description: Where the trace of each settled generation is sent by OTLP over HTTP. Nowhere when not set.
    type: str
  otlp_headers:
    description: Headers to send there.
    type: dict
"""

    ACTIONGROUP = r"""
options: {}
attributes:
  action_group:
    description:
      - Use C(group/hotpass.prefect.prefect) in C(module_defaults) to set the connection options once, and
        C(group/hotpass.prefect.ring) for those of the ring, its keys and its store.
    support: full
    membership:
      - hotpass.prefect.prefect
      - hotpass.prefect.ring
"""
