# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which a task is told what to sign with and whom to believe, once, for every module."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible.module_utils.basic import env_fallback
from ansible_collections.hotpass.prefect.plugins.module_utils.release.keys import SigningKey, load_signing_key
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import ROLES, Trust
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Spec

SIGNING_SPEC = Spec(
    options={
        "signing_key": {"type": "path", "no_log": False},
        "signing_key_name": {"type": "str", "no_log": False},
        "signing_key_passphrase": {
            "type": "str",
            "no_log": True,
            "fallback": (env_fallback, ["HOTPASS_SIGNING_KEY_PASSPHRASE"]),
        },
    },
)
TRUST_SPEC = Spec(
    options={
        "trust": {
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "roles": {"type": "list", "elements": "str", "required": True, "choices": list(ROLES)},
                "public_key": {"type": "str", "required": True, "no_log": False},
            },
        },
    },
)


def signing_key_from_params(params: t.Mapping[str, t.Any]) -> SigningKey | None:
    """The key that a task's arguments name; None when they name none.

    A key without a name is called as the task's trust calls it: AWX keeps keys in files that have a name by chance.

    :raises CollectionError: when it cannot be loaded, or an entry of the trust is none.
    """
    path = params.get("signing_key")
    if path is None:
        return None
    key = load_signing_key(path, params.get("signing_key_passphrase"), params.get("signing_key_name"))
    if params.get("signing_key_name") is not None:
        return key
    known = [trusted.name for trusted in trust_from_params(params).keys if trusted.key_id == key.key_id]
    return dataclasses.replace(key, name=known[0]) if known else key


def trust_from_params(params: t.Mapping[str, t.Any]) -> Trust:
    """The trust that a task's arguments describe; without any the task believes nobody.

    :raises CollectionError: for an entry that is none.
    """
    entries = params.get("trust")
    return Trust() if entries is None else Trust.from_setting(entries)
