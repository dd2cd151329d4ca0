#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: hotpass_key
short_description: Keep a pair of ed25519 keys to sign statements with
version_added: 0.1.0
author:
  - Hotpass maintainers (@hotpass)
description:
  - Makes a pair of keys for a demonstration, or for the first set-up of a ring, and tells the public half.
  - A key that is there is kept, whatever its age, and never overwritten. It has to be an ed25519 key that only its
    owner can read, and O(passphrase) has to fit.
  - The private half stays in its file; it is in no result, diff or message.
  - Where people have keys already, or a vault makes them, this module is not needed; any ed25519 key in PEM (PKCS#8)
    does, such as C(openssl genpkey -algorithm ed25519) makes.
options:
  path:
    description:
      - File of the private half, PEM (PKCS#8), readable by its owner alone.
      - It is written whole or not at all, and its directory is made if it is missing. The file system has to know
        hard links.
    type: path
    required: true
  name:
    description:
      - Who signs with it, for messages and for the ring's trust.
      - Up to 100 letters, digits and C(. _ @ + -).
    type: str
    required: true
  state:
    description: The only state there is; a key that is no longer wanted is taken out of every ring's trust first.
    type: str
    choices: [present]
    default: present
  passphrase:
    description:
      - Encrypts the private half. Without it the file's permissions are all that guards the key.
      - A key that is there is not encrypted anew; one with another passphrase is an error.
    type: str
  public_path:
    description:
      - File to keep the public half in, readable by everybody.
      - Another public key there is replaced; any other file is an error.
    type: path
requirements:
  - cryptography >= 44
  - securesystemslib >= 1.3
notes:
  - Who can read the private file can sign as its owner. Make each person's key on that person's machine.
extends_documentation_fragment:
  - hotpass.prefect.prefect.attributes
seealso:
  - name: Statements
    description: What is signed, and how anybody can verify it.
    link: https://example.com/hotpass/prefect/docs/statements.md
"""

EXAMPLES = r"""
- name: A key for the demonstration
  hotpass.prefect.hotpass_key:
    name: builder
    path: "{{ playbook_dir }}/../.hotpass/keys/builder.pem"
    public_path: "{{ playbook_dir }}/../.hotpass/keys/builder.pub.pem"
  register: builder

- name: A key that a stolen file alone does not give away
  hotpass.prefect.hotpass_key:
    name: alice@example.com
    path: ~/.config/hotpass/alice.pem
    passphrase: "{{ vault_alice_passphrase }}"

- name: What a ring's settings say of it
  ansible.builtin.debug:
    msg:
      ring_trust:
        - name: "{{ builder.name }}"
          roles: [builder]
          public_key: "{{ builder.public_key }}"
"""

RETURN = r"""
name:
  description: Who signs with the key.
  returned: success
  type: str
  sample: builder
path:
  description: File of the private half.
  returned: success
  type: str
  sample: /home/me/project/.hotpass/keys/builder.pem
key_id:
  description: Name of the public half, 64 hexadecimal digits; null in check mode when the key would be a new one.
  returned: success
  type: str
  sample: 4e4bff0a01e9edf1cd5b6a8b0a4b6b0f5e35fa2c7ae5e5b0c1a30cc0d7c0a3b2
public_key:
  description: The public half as PEM; null in check mode when the key would be a new one.
  returned: success
  type: str
  sample: |
    -----BEGIN PUBLIC KEY-----
    MCowBQYDK2VwAyEAOTddOERIPR31LNG/xjP17728/PLindlwvqPgU8uuj2k=
    -----END PUBLIC KEY-----
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.release import key_pair
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation, Spec

SPEC = Spec(
    options={
        "path": {"type": "path", "required": True},
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present"], "default": "present"},
        "passphrase": {"type": "str", "no_log": True},
        "public_path": {"type": "path"},
    },
)
OPERATION = Operation(spec=SPEC, run=key_pair.ensure, requires=("cryptography", "securesystemslib"))


def main() -> None:
    """The module's entry point."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
