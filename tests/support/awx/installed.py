# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every AWX has when it was just installed."""

from __future__ import annotations

import typing as t

from tests.support.awx.fields import cleaned
from tests.support.awx.kinds import KINDS
from tests.support.awx.state import State


def _field(key: str, label: str, **more: t.Any) -> dict[str, t.Any]:
    return {"id": key, "label": label, "type": "string", **more}


_SECRET: t.Final = {"secret": True}
_KEY: t.Final = {"format": "ssh_private_key", "secret": True, "multiline": True}
_LOGIN: t.Final = (_field("username", "Username"), _field("password", "Password", **_SECRET))
_SSH_KEY: t.Final = (
    _field("ssh_key_data", "SSH Private Key", **_KEY),
    _field("ssh_key_unlock", "Passphrase", **_SECRET),
)
_URL: t.Final = _field("url", "Galaxy Server URL")
_TOKEN: t.Final = _field("token", "Token", **_SECRET)
_TYPES: t.Final = (
    ("Machine", "ssh", "ssh", (*_LOGIN, *_SSH_KEY)),
    ("Source Control", "scm", "scm", (*_LOGIN, *_SSH_KEY)),
    ("Vault", "vault", "vault", (_field("vault_password", "Password", **_SECRET), _field("vault_id", "Identifier"))),
    ("Network", "net", "net", (*_LOGIN, *_SSH_KEY)),
    ("Container Registry", "registry", "registry", (_field("host", "URL"), *_LOGIN)),
    ("GitHub Personal Access Token", "token", "github_token", (_TOKEN,)),
    ("GitLab Personal Access Token", "token", "gitlab_token", (_TOKEN,)),
    ("GPG Public Key", "cryptography", "gpg_public_key", (_field("gpg_public_key", "Key", multiline=True),)),
    (
        "Ansible Galaxy/Automation Hub API Token",
        "galaxy",
        "galaxy_api_token",
        (_URL, _field("auth_url", "Auth URL"), _TOKEN),
    ),
)


def install(state: State) -> None:
    """Put it there: an administrator, an organization, the managed credential types and environments."""
    _keep(state, "users", username="admin", is_superuser=True)
    organization = _keep(state, "organizations", name="Default", description="The default organization")
    for group in ("controlplane", "default"):
        _keep(state, "instance_groups", name=group)
    kinds = {
        name: _keep(
            state,
            "credential_types",
            name=name,
            kind=kind,
            namespace=namespace,
            managed=True,
            inputs={"fields": list(fields)},
        )
        for name, kind, namespace, fields in _TYPES
    }
    galaxy = _keep(
        state,
        "credentials",
        name="Ansible Galaxy",
        credential_type=kinds["Ansible Galaxy/Automation Hub API Token"],
        inputs={"url": "https://galaxy.ansible.com/"},
        managed=True,
    )
    state.members[("organizations", organization, "galaxy_credentials")] = [galaxy]
    for name, image, managed in (
        ("AWX EE (latest)", "quay.io/ansible/awx-ee:latest", False),
        ("Control Plane Execution Environment", "quay.io/ansible/awx-ee:24.6.1", True),
    ):
        _keep(state, "execution_environments", name=name, image=image, managed=managed)


def _keep(state: State, path: str, **values: t.Any) -> int:
    defaults = cleaned(KINDS[path].fields, {}, state.has, partial=True)
    empty = {key: field.default for key, field in KINDS[path].fields.items()}
    return int(state.keep(path, {**empty, **defaults, **values})["id"])
