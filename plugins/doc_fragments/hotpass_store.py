# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which a task names a store."""

from __future__ import annotations


class ModuleDocFragment:
    """Where releases live, and how to be let in."""

    DOCUMENTATION = r"""
options:
  store:
    description:
      - "Where releases live: a directory, or C(oci://host[:port]/repository) for an OCI registry."
      - If not set, the environment variable E(HOTPASS_STORE) is used.
    type: str
    required: true
  store_ca_path:
    description:
      - File with the certificates of the authorities to trust when O(store) is a registry.
      - If not set, the environment variable E(HOTPASS_STORE_CA_PATH) is used, and otherwise the system's store.
    type: path
  store_username:
    description:
      - User of the registry. Needs O(store_password).
      - If not set, the environment variable E(HOTPASS_STORE_USERNAME) is used.
    type: str
  store_password:
    description:
      - Password or access token of the user. It is sent to the registry, and to the token service that the registry
        names if that speaks https or is on the registry's own host.
      - If not set, the environment variable E(HOTPASS_STORE_PASSWORD) is used.
    type: str
  store_plain_http:
    description:
      - Whether the registry is spoken to without TLS, password included.
      - If not set, only a registry on the loopback is, and that only without O(store_ca_path).
    type: bool
"""
