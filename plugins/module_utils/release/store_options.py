# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a task names a store: the options, once, for every module that needs one."""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.basic import env_fallback
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import Store, StoreAccess, open_store
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Spec

STORE_SPEC = Spec(
    options={
        "store": {"type": "str", "required": True, "fallback": (env_fallback, ["HOTPASS_STORE"])},
        "store_ca_path": {"type": "path", "fallback": (env_fallback, ["HOTPASS_STORE_CA_PATH"])},
        "store_username": {"type": "str", "fallback": (env_fallback, ["HOTPASS_STORE_USERNAME"])},
        "store_password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["HOTPASS_STORE_PASSWORD"])},
        "store_plain_http": {"type": "bool"},
    }
)

# Another store's options never take over what the first one has: its password is meant for one registry.
TARGET_SPEC = Spec(
    options={
        "to": {"type": "str"},
        "to_ca_path": {"type": "path"},
        "to_username": {"type": "str", "fallback": (env_fallback, ["HOTPASS_STORE_TO_USERNAME"])},
        "to_password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["HOTPASS_STORE_TO_PASSWORD"])},
        "to_plain_http": {"type": "bool"},
    },
)


def store_from_params(params: t.Mapping[str, t.Any]) -> Store:
    """The store that a task's validated arguments name; nothing is read or made yet.

    :raises StoreError: when the address is none, or the other options do not fit together.
    """
    return _store(params, "store", "store_")


def target_from_params(params: t.Mapping[str, t.Any]) -> Store:
    """The store to copy to; see :func:`store_from_params`."""
    return _store(params, "to", "to_")


def _store(params: t.Mapping[str, t.Any], name: str, prefix: str) -> Store:
    address = str(params[name])
    access = StoreAccess(
        ca_path=params.get(f"{prefix}ca_path") or None,
        username=params.get(f"{prefix}username") or None,
        password=params.get(f"{prefix}password") or None,
        plain_http=params.get(f"{prefix}plain_http"),
    )
    return open_store(address if "://" in address else os.path.expanduser(address), access)
