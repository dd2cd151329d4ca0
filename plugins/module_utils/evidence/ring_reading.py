# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bundle holds of the ring's server: the deployments after the end, and the runs that a permit let through.

Everything is read in bulk, and secrets are hidden before anything is written down.
"""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, reading
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.deployments import OWNER_LABEL
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.naming import full_names
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import mask, scrub, secrets_in
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

Rows = list[reading.Row]


def deployments(session: Session, flow_names: t.Collection[str]) -> Rows:
    """Every deployment of some flows, with ``flow_name``, as the server has them."""
    if not flow_names:
        return []
    rows = reading.read_all(session, reading.DEPLOYMENTS, filters.deployments(flow_names=sorted(flow_names)))
    for row, name in zip(rows, full_names(session, rows) if rows else (), strict=True):
        row["flow_name"] = name.partition("/")[0]
    return sorted(rows, key=lambda row: (str(row["flow_name"]), str(row["name"])))


def owned(rows: Rows, owner: str) -> Rows:
    """Those of them that belong to an owner, such as ``hotpass/dev``."""
    return [row for row in rows if (row.get("labels") or {}).get(OWNER_LABEL) == owner]


def permitted_runs(session: Session, tags: t.Sequence[str], flow_names: t.Collection[str], strangers: set[str]) -> Rows:
    """The runs of some flows that carry the tag of a permit; one request for each permit.

    :param strangers: ids of deployments that are another ring's: another solution may have a permit of the same name.
    """
    found: dict[str, reading.Row] = {}
    for tag in tags:
        body = filters.flow_runs(tags=[tag], flow_names=sorted(flow_names))
        for row in reading.read_all(session, reading.FLOW_RUNS, body):
            if row.get("deployment_id") not in strangers:
                found[row["id"]] = row
    return [found[run_id] for run_id in sorted(found)]


def histories(session: Session, runs: Rows) -> dict[str, Rows]:
    """The states of each run by its id, oldest first; one request a run, which is all that the server offers."""
    states = {}
    for run in runs:
        rows = session.get("/flow_run_states/", {"flow_run_id": run["id"]})
        states[run["id"]] = sorted(rows, key=lambda row: str(row["timestamp"]))
    return states


def shown_runs(runs: Rows) -> Rows:
    """Runs without secrets; their tags are sorted, because the server gives them in no order."""
    return [
        {**mask(_scrubbed(run, _secrets(run))), "tags": sorted(run.get("tags") or [])}  #
        for run in runs
    ]


def shown_states(states: t.Mapping[str, Rows], runs: Rows) -> dict[str, Rows]:
    """Histories without secrets, those of the runs' parameters included."""
    secrets = {run["id"]: _secrets(run) for run in runs}
    return {run_id: mask(_scrubbed(rows, secrets[run_id])) for run_id, rows in states.items()}


def _secrets(run: reading.Row) -> set[str]:
    return secrets_in({"parameters": run.get("parameters"), "job_variables": run.get("job_variables")})


def _scrubbed(value: t.Any, secrets: set[str]) -> t.Any:
    """The value with the secrets out of its messages; what holds them by name is masked."""
    if isinstance(value, dict):
        return {
            key: scrub(item, secrets) if key == "message" and isinstance(item, str) else _scrubbed(item, secrets)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_scrubbed(item, secrets) for item in value]
    return value
