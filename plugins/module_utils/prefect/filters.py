# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bodies of Prefect's filter requests.

The server ignores a filter key that it does not know and then matches everything, so no other file writes one: each
function here takes keywords, and Python refuses an unknown one. tests/integration/test_filters.py holds every key
against the server's own schema.
"""

from __future__ import annotations

import typing as t

Body = dict[str, t.Any]
Names = t.Optional[t.Sequence[str]]  # noqa: UP045  ansible-test's pylint refuses | outside annotations


def _any(**criteria: Names) -> Body:
    """``{key: {"any_": [...]}}`` for each criterion that is given; an empty list matches nothing, as it should."""
    return {key: {"any_": list(values)} for key, values in criteria.items() if values is not None}


def _body(**parts: Body) -> Body:
    return {name: part for name, part in parts.items() if part}


def deployments(
    *, ids: Names = None, names: Names = None, flow_names: Names = None, work_pools: Names = None, tags: Names = None
) -> Body:
    """Deployments by id, name, flow, work pool, or carrying all of the tags."""
    own = _any(id=ids, name=names)
    if tags is not None:
        own["tags"] = {"all_": list(tags)}
    return _body(deployments=own, flows=_any(name=flow_names), work_pools=_any(name=work_pools))


def flows(*, ids: Names = None, names: Names = None) -> Body:
    """Flows by id or name."""
    return _body(flows=_any(id=ids, name=names))


def work_pools(*, names: Names = None) -> Body:
    """Work pools by name."""
    return _body(work_pools=_any(name=names))


def work_queues(*, names: Names = None) -> Body:
    """The work queues of one pool (the pool is in the path), by name."""
    return _body(work_queues=_any(name=names))


def workers(*, statuses: Names = None) -> Body:
    """The workers of one pool (the pool is in the path), by status ``ONLINE`` or ``OFFLINE``."""
    return _body(workers=_any(status=statuses))


def concurrency_limits() -> Body:
    """All global concurrency limits: the server has no filter for them."""
    return {}


def variables(*, names: Names = None, name_like: str | None = None) -> Body:
    """Variables by name, or whose name holds a text."""
    own = _any(name=names)
    if name_like is not None:
        own.setdefault("name", {})["like_"] = name_like
    return _body(variables=own)


def flow_runs(
    *,
    ids: Names = None,
    deployment_ids: Names = None,
    states: Names = None,
    tags: Names = None,
    idempotency_keys: Names = None,
    flow_names: Names = None,
    work_pools: Names = None,
    ended_after: str | None = None,
) -> Body:
    """Flow runs by id, deployment, state type, idempotency key, flow, work pool, or carrying all of the tags.

    :param ended_after: only those that ended at this instant (ISO 8601) or later.
    """
    own = _any(id=ids, deployment_id=deployment_ids, idempotency_key=idempotency_keys)
    if states is not None:
        own["state"] = {"type": {"any_": list(states)}}
    if tags is not None:
        own["tags"] = {"all_": list(tags)}
    if ended_after is not None:
        own["end_time"] = {"after_": ended_after}
    return _body(flow_runs=own, flows=_any(name=flow_names), work_pools=_any(name=work_pools))


def artifacts(*, flow_run_ids: Names = None, keys: Names = None) -> Body:
    """Artifacts by the flow run that made them, or by key."""
    return _body(artifacts=_any(flow_run_id=flow_run_ids, key=keys))


def automations(*, names: Names = None) -> Body:
    """Automations by name."""
    return _body(automations=_any(name=names))
