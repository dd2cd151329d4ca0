# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run looks like in a task's result, and what it left behind."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, reading
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.reading import Row
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import mask, scrub, secrets_in
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

SHOWN = (
    "id",
    "name",
    "flow_id",
    "deployment_id",
    "state_type",
    "state_name",
    "state_message",
    "parameters",
    "job_variables",
    "tags",
    "labels",
    "idempotency_key",
    "work_pool_name",
    "work_queue_name",
    "created",
    "expected_start_time",
    "start_time",
    "end_time",
    "total_run_time",
)


def shown(row: Row, deployment: str | None) -> dict[str, t.Any]:
    """A run as the module returns it, secrets hidden.

    :param deployment: ``flow/deployment``, where it is known.
    """
    secrets = secrets_in({"parameters": row.get("parameters"), "job_variables": row.get("job_variables")})
    message = (row.get("state") or {}).get("message")
    values = {
        **row,
        "state_message": scrub(message, secrets) if message else None,
        # The server unites a run's tags with the deployment's in no particular order.
        "tags": sorted(row.get("tags") or []),
    }
    whole = {key: values.get(key) for key in SHOWN}
    return t.cast("dict[str, t.Any]", mask({**whole, "deployment": deployment}))


def artifacts_of(session: Session, run_ids: t.Sequence[str], keys: t.Sequence[str] | None = None) -> list[Row]:
    """The artifacts of the runs, in the order of their creation.

    :param keys: only those with these keys.
    """
    found: list[Row] = []
    for start in range(0, len(run_ids), reading.PAGE):
        body = filters.artifacts(flow_run_ids=run_ids[start : start + reading.PAGE], keys=keys)
        found += reading.read_all(session, reading.ARTIFACTS, body)
    return sorted(found, key=lambda artifact: (artifact["created"], artifact["id"]))
