# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bundle was made with."""

from __future__ import annotations

import platform
import typing as t

from ansible.module_utils.ansible_release import __version__ as ansible_core
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

COLLECTION: t.Final = "0.1.0"


def versions(session: Session | None) -> dict[str, t.Any]:
    """The versions of the collection, of ansible-core, of Python, and of the Prefect server when it answers."""
    return {
        "collection": COLLECTION,
        "ansible_core": ansible_core,
        "python": platform.python_version(),
        "prefect_server": _server(session),
    }


def _server(session: Session | None) -> str | None:
    try:
        return None if session is None else str(session.get("/admin/version"))
    except CollectionError:
        return None
