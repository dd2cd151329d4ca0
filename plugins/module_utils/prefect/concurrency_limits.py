# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Global concurrency limits."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, reading, resource
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.naming import (
    checked_name,
    counted,
    full_names,
    is_id,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session, quote
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome

# Slots in use and slots denied belong to the runs, not to a task.
KIND = resource.Kind(
    name="global concurrency limit",
    returned="concurrency_limit",
    fields=(
        resource.Field("limit", "limit", needed=True, least=0),
        resource.Field("active", "active"),
        resource.Field(
            "slot_decay_per_second", "slot_decay_per_second", least=0, equal=lambda a, b: float(a) == float(b)
        ),
    ),
    filled_in={
        "limit": None,
        "active": True,
        "slot_decay_per_second": 0.0,
        "active_slots": 0,
        "created": None,
        "updated": None,
    },
)

_OWNED = {"deployment:": "prefect_deployment manages the limit of a deployment", "tag:": "it is a tag's own limit"}


def ensure(params: dict[str, t.Any], context: Context) -> Outcome:
    """The room of the module ``prefect_concurrency_limit``."""
    name = _checked(params["name"])
    path = "/v2/concurrency_limits/"
    target = resource.Target(f"global concurrency limit {name!r}", path, path + quote(name), {"name": name})
    with Session(Connection.from_params(params)) as session:

        def before_delete(_row: reading.Row) -> None:
            if not params["force"]:
                _refuse_in_use(session, name)

        return resource.ensure(session, KIND, target, params, context.check, before_delete=before_delete)


def _checked(name: str) -> str:
    checked_name(KIND.name, name)
    for prefix, owner in _OWNED.items():
        if name.startswith(prefix):
            raise CollectionError(f"{name!r} is a name that the server gives out itself: {owner}.")
    if is_id(name):
        raise CollectionError(f"{name!r} cannot be the name of a {KIND.name}: the server would take it for an id.")
    return name


def _refuse_in_use(session: Session, name: str) -> None:
    rows = reading.read_all(session, reading.DEPLOYMENTS, filters.deployments())
    bound = [row for row in rows if (row["global_concurrency_limit"] or {}).get("name") == name]
    if bound:
        raise CollectionError(
            f"Global concurrency limit {name!r} still limits {counted(full_names(session, bound))}, which would run "
            "without any limit: give them another one first, or give force: true."
        )
