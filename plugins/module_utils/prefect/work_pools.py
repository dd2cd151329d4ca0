# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work pools."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, reading, resource
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.naming import (
    checked_name,
    counted,
    full_names,
    listed,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session, quote
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome

KIND = resource.Kind(
    name="work pool",
    returned="work_pool",
    fields=(
        resource.Field("type", "type", needed=True, fixed=True),
        resource.Field("description", "description"),
        resource.Field("base_job_template", "base_job_template"),
        resource.Field("paused", "is_paused"),
        resource.Field("concurrency_limit", "concurrency_limit", least=0),
    ),
    filled_in={
        "type": None,
        "description": None,
        "base_job_template": {},
        "is_paused": False,
        "concurrency_limit": None,
        "status": None,
        "created": None,
        "updated": None,
    },
)

_PLACEHOLDER = re.compile(r"{{\s*([\w.\-\[\]$]+)\s*}}")


def ensure(params: dict[str, t.Any], context: Context) -> Outcome:
    """The room of the module ``prefect_work_pool``."""
    name = checked_name("work pool", params["name"])
    if name.lower().startswith("prefect"):
        raise CollectionError(
            f"{name!r} cannot be managed: Prefect keeps work pools whose names begin with it to itself."
        )
    _check_template(params["base_job_template"])
    target = resource.Target(f"work pool {name!r}", "/work_pools/", f"/work_pools/{quote(name)}", {"name": name})
    with Session(Connection.from_params(params)) as session:

        def before_delete(_row: reading.Row) -> None:
            if not params["force"]:
                _refuse_in_use(session, name)

        return resource.ensure(session, KIND, target, params, context.check, before_delete=before_delete)


def _refuse_in_use(session: Session, name: str) -> None:
    rows = reading.read_all(session, reading.DEPLOYMENTS, filters.deployments(work_pools=[name]))
    if rows:
        raise CollectionError(
            f"Work pool {name!r} still has {counted(full_names(session, rows))}, which would "
            "never run again: move or delete them first, or give force: true."
        )


def _check_template(template: dict[str, t.Any] | None) -> None:
    """Refuse what the server would refuse, so that check mode sees it too."""
    if template is None:
        return
    if not template:
        raise CollectionError(
            "base_job_template is empty, and a worker would write its own into it: leave the option out to let it."
        )
    if not template.get("job_configuration") or not template.get("variables"):
        raise CollectionError("base_job_template must hold both job_configuration and variables.")
    used = set(_PLACEHOLDER.findall(json.dumps(template["job_configuration"])))
    unknown = used - set(template["variables"].get("properties") or {})
    if unknown:
        raise CollectionError(
            f"base_job_template.job_configuration uses {listed(unknown)}, which base_job_template.variables.properties "
            "does not declare."
        )
