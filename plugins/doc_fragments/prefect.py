# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that every module of the collection takes."""

from __future__ import annotations


class ModuleDocFragment:
    """Connection options, and what the modules have in common."""

    DOCUMENTATION = r"""
options:
  api_url:
    description:
      - Address of the Prefect API, for example C(http://127.0.0.1:4200/api). It ends in C(/api).
      - If not set, the environment variable E(PREFECT_API_URL) is used.
    type: str
    required: true
  api_key:
    description:
      - API key of Prefect Cloud, sent as a Bearer token. Excludes O(auth_string).
      - If not set, the environment variable E(PREFECT_API_KEY) is used.
    type: str
  auth_string:
    description:
      - User and password of a self-hosted server, as C(user:password), sent as Basic authentication.
      - If not set, the environment variable E(PREFECT_API_AUTH_STRING) is used.
    type: str
  validate_certs:
    description: Whether the server's TLS certificate is checked.
    type: bool
    default: true
  ca_path:
    description:
      - File with the certificates of the authorities to trust.
      - If not set, the environment variable E(PREFECT_API_SSL_CERT_FILE) is used, and otherwise the system's store.
    type: path
  custom_headers:
    description: Headers to send with every request, for a gateway in front of the server.
    type: dict
  timeout:
    description: Seconds to wait for the answer to one request.
    type: float
    default: 60.0
  retries:
    description:
      - How often a request is sent again after a dropped connection or an answer of 408, 429 or 5xx, waiting longer
        each time, or as long as the server asks for with C(Retry-After).
      - A write that may have taken effect is read back before it is sent again.
    type: int
    default: 6
requirements:
  - urllib3 >= 2.2
notes:
  - A task that runs on the controller itself is carried out inside the controller's process; set the variable
    C(prefect_in_process) to V(false) to have the module shipped as Ansible usually does.
"""

    ACTIONGROUP = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/hotpass.prefect.prefect) in C(module_defaults) to set the connection options once.
    support: full
    membership:
      - hotpass.prefect.prefect
"""

    ATTRIBUTES = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
  diff_mode:
    description: Returns what has changed, or would have to in C(check_mode).
    support: full
  idempotent:
    description: A second run with the same options writes nothing.
    support: full
"""

    INFO_ATTRIBUTES = r"""
options: {}
attributes:
  check_mode:
    description: Reads only, in C(check_mode) too.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: N/A
  idempotent:
    description: Changes nothing.
    support: full
"""
