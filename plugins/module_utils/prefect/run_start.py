# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts a run of a deployment, once, and finds one by its idempotency key."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, reading
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.naming import full_names, is_id, listed
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.parameters import unknown_parameters
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.reading import Row
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session, quote

# How the keys of attempts after the first end.
_LATER = re.compile(r":try=\d+\Z")


def find_deployment(session: Session, name: str) -> Row | None:
    """The deployment that is named ``flow/deployment``, or by its id; None when there is none.

    :raises CollectionError: for a name that is neither.
    """
    flow, slash, own = name.partition("/")
    if slash and flow and own and "/" not in own:
        row: Row | None = session.get_or_none(f"/deployments/name/{quote(flow)}/{quote(own)}")
    elif is_id(name):
        row = session.get_or_none(f"/deployments/{name}")
    else:
        raise CollectionError(f"deployment is {name!r}; it must be 'flow/deployment', as Prefect shows it, or an id.")
    return row


def find_by_name(session: Session, name: str) -> tuple[Row, str]:
    """The deployment and its full name, by that, by its id, or by its own name where only one deployment has it.

    :raises CollectionError: when there is none, or more than one.
    """
    if "/" in name or is_id(name):
        row = find_deployment(session, name)
        if row is None:
            raise CollectionError(f"There is no deployment {name!r}; {what_there_is(session, name)}")
        return row, name if "/" in name else deployment_name(session, row) or name
    rows = reading.read_all(session, reading.DEPLOYMENTS, filters.deployments(names=[name]))
    titles = full_names(session, rows)
    if not rows:
        raise CollectionError(
            f"There is no deployment {name!r} of any flow: deploy it, or promote a release that has it."
        )
    if len(rows) > 1:
        raise CollectionError(f"There are several deployments {name!r}: {listed(titles)}; name one of them in full.")
    return rows[0], titles[0]


def what_there_is(session: Session, name: str) -> str:
    """The deployments of the flow in the name, or the flows, for a sentence."""
    flow = name.partition("/")[0]
    rows = reading.read_all(session, reading.DEPLOYMENTS, filters.deployments(flow_names=[flow]))
    if rows:
        return f"flow {flow!r} has: {listed(row['name'] for row in rows)}."
    names = [row["name"] for row in reading.read_all(session, reading.FLOWS, filters.flows())]
    return f"no deployment of such a flow either; flows: {listed(names)}."


def deployment_name(session: Session, row: Row) -> str | None:
    """``flow/deployment`` of a deployment's row or of a run's; None for a run without a deployment."""
    if "deployment_id" in row:
        if row["deployment_id"] is None:
            return None
        deployment = session.get_or_none(f"/deployments/{row['deployment_id']}")
        if deployment is None:
            return None
        row = deployment
    flow = session.get_or_none(f"/flows/{row['flow_id']}")
    return f"{flow['name']}/{row['name']}" if flow else None


def check_names(
    session: Session,
    parameters: t.Mapping[str, t.Any] | None,
    queue: str | None,
    deployment: Row,
    title: str | None,
) -> None:
    """Refuse what the server would take and the run would then trip over, or never start.

    :param queue: the work queue that the run is to go to, or None for the deployment's own.
    :raises CollectionError: for a parameter that the flow does not have, or a queue that is not there.
    """
    schema = deployment.get("parameter_openapi_schema") or {}
    # Nobody knows what a flow takes whose deployment came without a schema and does not enforce any.
    known = schema.get("properties") or deployment["enforce_parameter_schema"]
    if parameters and "properties" in schema and known:
        problems = unknown_parameters(parameters, schema)
        if problems:
            raise CollectionError(f"Deployment {title!r}: {' '.join(problems)}")
    pool = deployment.get("work_pool_name")
    if queue is None:
        return
    if pool is None:
        raise CollectionError(f"work_queue is {queue!r}, but deployment {title!r} has no work pool.")
    queues = f"/work_pools/{quote(pool)}/queues"
    if session.get_or_none(f"{queues}/{quote(queue)}") is None:
        rows = session.search(f"{queues}/filter", filters.work_queues())
        raise CollectionError(
            f"There is no work queue {queue!r} in work pool {pool!r}, and the server would make one that nobody polls; "
            f"there are: {listed(row['name'] for row in rows)}."
        )


def by_key(session: Session, key: str, deployment_id: str) -> Row | None:
    """The run of a deployment that was started with the key; None when there is none.

    :raises CollectionError: when a run of another deployment of the flow has the key.
    """
    rows: list[Row] = session.search("/flow_runs/filter", filters.flow_runs(idempotency_keys=[key]))
    for row in rows:
        check_owner(row, deployment_id)
    return rows[0] if rows else None


def checked_key(key: str) -> str:
    """A key that somebody chose.

    :raises CollectionError: when it is that of a later attempt at what another key names.
    """
    if _LATER.search(key):
        raise CollectionError(
            f"idempotency_key is {key!r}, which ends as those of later attempts do; it must not end with ':try=' and a "
            "number."
        )
    return key


def attempt_key(key: str, attempt: int) -> str:
    """The idempotency key of one attempt, counted from 1, at what a key names."""
    return key if attempt == 1 else f"{key}:try={attempt}"


def last_attempt(session: Session, key: str, deployment_id: str) -> tuple[Row | None, int]:
    """The run of the last attempt at what a key names, and which one that was; None and 0 when there is none.

    What became of it is what that run says, and no earlier one.
    """
    row, attempt = None, 0
    while (later := by_key(session, attempt_key(key, attempt + 1), deployment_id)) is not None:
        row, attempt = later, attempt + 1
    return row, attempt


def check_owner(row: Row, deployment_id: str) -> None:
    """The server holds keys per flow: refuse a run that another deployment's key has led to."""
    if row["deployment_id"] != deployment_id:
        raise CollectionError(
            f"The idempotency key is taken by run {row['name']!r} of another deployment ({row['deployment_id']}); "
            "use another key."
        )


def create(session: Session, deployment_id: str, key: str, body: t.Mapping[str, t.Any]) -> tuple[Row, bool]:
    """The run of the key, and whether this very call created it.

    :param body: of the request, without the key.
    """
    sent_again = False

    def settle() -> Row | None:
        nonlocal sent_again
        sent_again = True
        return by_key(session, key, deployment_id)

    path = f"/deployments/{deployment_id}/create_flow_run"
    row: Row = session.write("POST", path, {**body, "idempotency_key": key}, settle=settle)
    # 200 stands for a run that was there: ours if an earlier attempt may have created it, else a rival's.
    created = sent_again or session.status == 201
    check_owner(row, deployment_id)
    return row, created
