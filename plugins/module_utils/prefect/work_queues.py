# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The queues of a work pool."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, reading, resource
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.naming import (
    checked_name,
    counted,
    full_names,
    pool_names,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session, quote
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome

# A priority is compared only where a task gives one: the server moves the other queues of the pool out of its way.
KIND = resource.Kind(
    name="work queue",
    returned="work_queue",
    fields=(
        resource.Field("description", "description", empty=""),
        resource.Field("priority", "priority", least=1),
        resource.Field("paused", "is_paused"),
        resource.Field("concurrency_limit", "concurrency_limit", least=0),
    ),
    filled_in={
        "description": "",
        "priority": None,
        "is_paused": False,
        "concurrency_limit": None,
        "status": None,
        "created": None,
        "updated": None,
    },
)

_DEFAULT = "default"


def ensure(params: dict[str, t.Any], context: Context) -> Outcome:
    """The room of the module ``prefect_work_queue``."""
    pool = checked_name("work pool", params["work_pool"])
    name = checked_name("work queue", params["name"])
    if name == _DEFAULT and params["state"] == "absent":
        raise CollectionError("The queue 'default' cannot be deleted: every work pool keeps one.")
    queues = f"/work_pools/{quote(pool)}/queues"
    title = f"work queue {name!r} of work pool {pool!r}"
    target = resource.Target(title, queues, f"{queues}/{quote(name)}", {"name": name}, {"work_pool_name": pool})
    with Session(Connection.from_params(params)) as session:

        def before_create() -> list[str]:
            return _missing_pool(session, pool, context.check)

        def before_delete(_row: reading.Row) -> None:
            if not params["force"]:
                _refuse_in_use(session, pool, name)

        return resource.ensure(
            session, KIND, target, params, context.check, before_create=before_create, before_delete=before_delete
        )


def _missing_pool(session: Session, pool: str, check: bool) -> list[str]:
    """Refuse a pool that is not there; in check mode an earlier task may be the one that would have created it."""
    if session.get_or_none(f"/work_pools/{quote(pool)}") is not None:
        return []
    problem = f"There is no work pool {pool!r}; there are: {pool_names(session)}."
    if not check:
        raise CollectionError(problem)
    return [f"{problem} The prediction holds if an earlier task creates it."]


def _refuse_in_use(session: Session, pool: str, name: str) -> None:
    rows = reading.read_all(session, reading.DEPLOYMENTS, filters.deployments(work_pools=[pool]))
    bound = [row for row in rows if row["work_queue_name"] == name]
    if bound:
        raise CollectionError(
            f"Work queue {name!r} of work pool {pool!r} still has {counted(full_names(session, bound))}, "
            "which would never run again: move or delete them first, or give force: true."
        )
