# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments: what of them can be managed, how they are read, compared and written.

Every rule here stands for a trap of the server's API; docs/adr/0006-writing-deployments.md lists them.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import schedules as schedules_
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import same
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.schedules import Schedule
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session, quote

Row = dict[str, t.Any]

OWNER_LABEL = "hotpass.prefect/owner"

# What the server calls a field that this collection calls otherwise.
_API_NAMES = {"work_pool": "work_pool_name", "work_queue": "work_queue_name"}
_LIMITS = ("concurrency_limit", "global_concurrency_limit")
_PLACE = {"work_pool", "work_queue"}
_TEXTS = ("description", "version", "path", "entrypoint")
# The values of a deployment that nobody has set anything on.
DEFAULTS: t.Mapping[str, t.Any] = {
    **dict.fromkeys(_TEXTS),
    "tags": [],
    "parameters": {},
    "job_variables": {},
    "pull_steps": [],
    "enforce_parameter_schema": True,
    "work_pool": None,
    "work_queue": None,
    "concurrency_limit": None,
    "concurrency_options": None,
    "global_concurrency_limit": None,
}


class Overtaken(CollectionError):
    """The server changed between the plan and the write."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """One deployment as it shall be.

    :param flow_name: the server's name of the flow.
    :param fields: the managed fields, by this collection's names; what is not in it stays as the server has it.
    :param schedules: all schedules the deployment shall have, or None to leave them alone.
    :param exact_labels: whether labels beyond the wanted ones are removed.
    :param on_create: fields that count only when there is no such deployment yet.
    :param paused_by: for whom the deployment is paused, where it is not paused already.
    """

    flow_name: str
    name: str
    fields: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    schedules: tuple[Schedule, ...] | None = None
    exact_labels: bool = False
    on_create: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    paused_by: str | None = None

    @property
    def full_name(self) -> str:
        """``flow/deployment``, as Prefect writes it."""
        return f"{self.flow_name}/{self.name}"

    def canonical(self) -> dict[str, t.Any]:
        """The managed fields in the form in which they are compared."""
        fields = {name: canonical_value(name, value) for name, value in self.fields.items()}
        if fields.get("work_pool") and not fields.get("work_queue"):
            fields["work_queue"] = "default"
        if self.schedules is not None:
            fields["schedules"] = {schedule.slug: schedule.canonical() for schedule in self.schedules}
        return fields


def canonical_value(name: str, value: t.Any) -> t.Any:
    """A field's value with everything that the server treats as equal made equal."""
    if name in _TEXTS or name in ("work_pool", "work_queue"):
        return value or None
    if name == "tags":
        return sorted(set(value or []))
    if name in ("parameters", "job_variables", "labels"):
        return dict(value or {})
    if name == "pull_steps":
        return list(value or [])
    if name == "parameter_openapi_schema":
        # Prefect's own tools leave these out when they are empty.
        trimmed = {key: item for key, item in (value or {}).items() if item or key not in ("definitions", "required")}
        return trimmed or {"type": "object", "properties": {}}
    if name == "concurrency_options" and value:
        return {"grace_period_seconds": None, **value}
    return value


def canonical_row(row: Row, flow_labels: t.Mapping[str, t.Any], wanted: Wanted | None = None) -> dict[str, t.Any]:
    """A deployment as the server has it, in the form of :meth:`Wanted.canonical`.

    :param flow_labels: the labels of its flow, which the server copies onto the deployment.
    """
    fields = {name: canonical_value(name, row.get(_API_NAMES.get(name, name))) for name in DEFAULTS}
    # The server answers null for concurrency_limit, always; both kinds of limit are read from the one it is bound to.
    fields.update(dict.fromkeys(_LIMITS))
    if not fields["work_pool"]:
        # A deployment that was taken out of its pool goes on naming the queue it had there.
        fields["work_queue"] = None
    fields["paused"] = row["paused"]
    fields["parameter_openapi_schema"] = canonical_value(
        "parameter_openapi_schema", row.get("parameter_openapi_schema")
    )
    limit = row.get("global_concurrency_limit")
    if limit:
        own = limit["name"] == own_limit_name(row)
        fields["concurrency_limit" if own else "global_concurrency_limit"] = limit["limit"] if own else limit["name"]
    wanted_labels = (wanted.fields.get("labels") if wanted else None) or {}
    labels = own_labels(row, flow_labels)
    if wanted is not None and not wanted.exact_labels:
        labels = {key: value for key, value in labels.items() if key in wanted_labels}
    fields["labels"] = labels
    like = {schedule.slug: schedule for schedule in (wanted.schedules or ())} if wanted else {}
    fields["schedules"] = {
        schedules_.key_of(schedule): schedules_.canonical_row(schedule, like.get(schedules_.key_of(schedule)))
        for schedule in sorted(row.get("schedules") or [], key=schedules_.key_of)
    }
    return fields


def own_limit_name(row: Row) -> str:
    """What the server calls the limit that it made for this deployment alone."""
    return f"deployment:{row['id']}"


def own_labels(row: Row, flow_labels: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The labels that somebody gave the deployment: not the server's, and not those of its flow."""
    return {
        key: value
        for key, value in (row.get("labels") or {}).items()
        if not key.startswith("prefect.") and not (key in flow_labels and same(flow_labels[key], value))
    }


def owner_of(row: Row, flow_labels: t.Mapping[str, t.Any]) -> str | None:
    """Who manages this deployment, or None when nobody has said so."""
    return own_labels(row, flow_labels).get(OWNER_LABEL)


def create(session: Session, wanted: Wanted, flow_id: str, limit_id: str | None) -> Row:
    """Create a deployment.

    The server drops ``max_scheduled_runs`` from the schedules of this request, so schedules that name it are added by a
    second one.
    """
    fields = wanted.canonical()
    body: dict[str, t.Any] = {"name": wanted.name, "flow_id": flow_id, **_plain_fields(fields, fields.get("work_pool"))}
    if fields.get("concurrency_limit") is not None:
        body["concurrency_limit"] = fields["concurrency_limit"]
    if limit_id is not None:
        body["global_concurrency_limit_id"] = limit_id
    if fields.get("labels"):
        body["labels"] = fields["labels"]
    plain, with_maximum = _by_maximum([schedule.to_body() for schedule in wanted.schedules or ()])
    body["schedules"] = plain
    sent_again = False

    def settle() -> None:
        nonlocal sent_again
        sent_again = True

    row: Row = session.write("POST", "/deployments/", body, settle=settle)
    if session.status == 200 and not sent_again:
        raise Overtaken(
            "somebody else created it after the plan was made, and it has been overwritten; look at it, then run again."
        )
    _add_schedules(session, row["id"], with_maximum)
    return row


def update(
    session: Session,
    wanted: Wanted,
    row: Row,
    changed: t.Collection[str],
    flow_labels: t.Mapping[str, t.Any],
    limit_id: str | None,
    left_behind: bool = False,
) -> None:
    """Write the changed fields of an existing deployment, each through the route that does it without harm.

    :param changed: the names of the fields that differ.
    :param limit_id: of the shared limit that is wanted, if one is.
    :param left_behind: whether the deployment's own limit is there though a shared one is bound.
    """
    fields = wanted.canonical()
    pool = fields.get("work_pool", row.get("work_pool_name"))
    sent = set(changed) | (_PLACE & fields.keys() if _PLACE & set(changed) else set())
    body = _plain_fields({name: fields[name] for name in sent}, pool)
    limits = _limit_fields(fields, row, changed, limit_id)
    if "labels" in changed:
        _write_anew(session, wanted, row, body, flow_labels, replace_schedules="schedules" in changed)
        if limits:
            session.write("PATCH", f"/deployments/{row['id']}", limits)
    else:
        if body or limits:
            session.write("PATCH", f"/deployments/{row['id']}", {**body, **limits})
        if "schedules" in changed:
            _sync_schedules(session, wanted.schedules or (), row)
    # Only now: in the other order the deployment would have no limit at all for a moment.
    if limits.get("global_concurrency_limit_id") and (left_behind or _has_own_limit(row)):
        session.write("DELETE", f"/v2/concurrency_limits/{quote(own_limit_name(row))}")


def delete(session: Session, row: Row) -> None:
    """Delete a deployment, and spare a limit that it shares with others.

    The server deletes any limit that a deployment is bound to along with it, so a shared one is detached first.
    """
    if row.get("global_concurrency_limit") and not _has_own_limit(row):
        session.write("PATCH", f"/deployments/{row['id']}", {"global_concurrency_limit_id": None})
    session.write("DELETE", f"/deployments/{row['id']}")


def _has_own_limit(row: Row) -> bool:
    limit = row.get("global_concurrency_limit")
    return limit is not None and limit["name"] == own_limit_name(row)


def _plain_fields(fields: t.Mapping[str, t.Any], pool: str | None) -> dict[str, t.Any]:
    """The fields that are sent as they are, by the server's names.

    :param pool: the work pool of the deployment as it shall be.
    """
    special = {"labels", "schedules", *_LIMITS}
    body = {_API_NAMES.get(name, name): value for name, value in fields.items() if name not in special}
    if body.keys() & {"work_pool_name", "work_queue_name"}:
        body.update(_place(pool, fields.get("work_queue")))
        if not pool:
            body.pop("work_queue_name", None)
    return body


def _place(pool: str | None, queue: str | None) -> dict[str, t.Any]:
    """Pool and queue are always sent together: either alone would move the deployment somewhere else."""
    return {"work_pool_name": pool, "work_queue_name": queue or "default"} if pool else {"work_pool_name": None}


def _limit_fields(
    fields: t.Mapping[str, t.Any], row: Row, changed: t.Collection[str], limit_id: str | None
) -> dict[str, t.Any]:
    """The concurrency part of a PATCH.

    ``concurrency_limit`` alone would overwrite or delete the limit that is bound, so a shared one is unbound in the
    same request.
    """
    if not set(changed) & set(_LIMITS):
        return {}
    if limit_id is not None:
        return {"global_concurrency_limit_id": limit_id}
    body: dict[str, t.Any] = {}
    if row.get("global_concurrency_limit") and not _has_own_limit(row):
        body["global_concurrency_limit_id"] = None
        if fields.get("concurrency_limit") is None:
            return body
    body["concurrency_limit"] = fields.get("concurrency_limit")
    return body


def _write_anew(
    session: Session,
    wanted: Wanted,
    row: Row,
    body: dict[str, t.Any],
    flow_labels: t.Mapping[str, t.Any],
    replace_schedules: bool,
) -> None:
    """Labels can only be changed by posting the deployment again, which resets whatever is not sent along."""
    fields = wanted.canonical()
    labels = {} if wanted.exact_labels else own_labels(row, flow_labels)
    labels.update(fields["labels"])
    current = {schedules_.key_of(schedule): schedule for schedule in row.get("schedules") or []}
    if replace_schedules:
        bodies = [schedule.to_body(current.get(schedule.slug)) for schedule in wanted.schedules or ()]
    else:
        bodies = [schedules_.row_to_body(schedule) for schedule in current.values()]
    plain, with_maximum = _by_maximum(bodies)
    whole = {
        "name": row["name"],
        "flow_id": row["flow_id"],
        "parameters": row.get("parameters") or {},
        "enforce_parameter_schema": row["enforce_parameter_schema"],
        "paused": row["paused"],
        **body,
        "labels": labels,
        "schedules": plain,
    }
    if "work_pool_name" not in whole and row.get("work_pool_name"):
        whole["work_pool_name"] = row["work_pool_name"]
        whole["work_queue_name"] = row["work_queue_name"]
    session.write("POST", "/deployments/", whole)
    if whole.get("work_pool_name", "") is None:
        session.write("PATCH", f"/deployments/{row['id']}", {"work_pool_name": None})
    _add_schedules(session, row["id"], with_maximum)


def _sync_schedules(session: Session, wanted: t.Sequence[Schedule], row: Row) -> None:
    """Add, change and remove schedules one by one, so that untouched ones keep their ids and their runs."""
    path = f"/deployments/{row['id']}/schedules"
    current = {schedules_.key_of(schedule): schedule for schedule in row.get("schedules") or []}
    for key in sorted(current.keys() - {schedule.slug for schedule in wanted}):
        session.write("DELETE", f"{path}/{current[key]['id']}")
    for schedule in sorted(wanted, key=lambda item: item.slug):
        existing = current.get(schedule.slug)
        if existing is None:
            _add_schedules(session, row["id"], [schedule.to_body()])
            continue
        if same(schedules_.canonical_row(existing, schedule), schedule.canonical()):
            continue
        if existing.get("max_scheduled_runs") is not None and schedule.max_scheduled_runs is None:
            # The server ignores a null here, so the schedule is made anew.
            session.write("DELETE", f"{path}/{existing['id']}")
            _add_schedules(session, row["id"], [schedule.to_body(existing)])
            continue
        body = schedule.to_body(existing)
        del body["slug"]
        session.write("PATCH", f"{path}/{existing['id']}", body)


def _add_schedules(session: Session, deployment_id: str, bodies: list[dict[str, t.Any]]) -> None:
    if not bodies:
        return
    path = f"/deployments/{deployment_id}/schedules"
    slugs = {body.get("slug") for body in bodies}

    def settle() -> t.Any | None:
        rows = [row for row in session.get(path) if row["slug"] in slugs]
        return rows if len(rows) == len(bodies) else None

    session.write("POST", path, bodies, settle=settle)


def _by_maximum(bodies: list[dict[str, t.Any]]) -> tuple[list[dict[str, t.Any]], list[dict[str, t.Any]]]:
    with_maximum = [body for body in bodies if "max_scheduled_runs" in body]
    return [body for body in bodies if "max_scheduled_runs" not in body], with_maximum
