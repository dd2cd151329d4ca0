# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts a run of a deployment, follows a run to its end, and cancels one."""

from __future__ import annotations

import datetime
import typing as t
import uuid

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, following, reading
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import ansible_diff, same
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.expectations import unmet
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.following import ENDED
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.naming import is_id, listed
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.parameters import unknown_parameters
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import mask, scrub, secrets_in
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session, quote
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome

Row = reading.Row
Params = t.Mapping[str, t.Any]

_SHOWN = (
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
_OVERRIDES = ("name", "tags", "labels", "job_variables")
_TEMPLATED = "__prefect_kind"


def ensure(params: dict[str, t.Any], context: Context) -> Outcome:
    """The room of the module ``prefect_flow_run``."""
    _check_times(params)
    secrets = secrets_in({"parameters": params["parameters"], "job_variables": params["job_variables"]})
    with Session(Connection.from_params(params)) as session:
        try:
            outcome = (_cancelled if params["state"] == "cancelled" else _started)(session, params, context)
        except CollectionError as error:
            error.details["secrets"] = secrets
            raise
    outcome.secrets = secrets
    return outcome


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
    whole = {key: values.get(key) for key in _SHOWN}
    return t.cast("dict[str, t.Any]", mask({**whole, "deployment": deployment}))


def _check_times(params: Params) -> None:
    for option in ("wait_timeout", "wait_sleep"):
        if not params[option] > 0:
            raise CollectionError(f"{option} is {params[option]}; it must be more than 0 seconds.")


def _started(session: Session, params: Params, context: Context) -> Outcome:
    if params["id"] is not None:
        row = _read(session, params["id"])
        return _followed(session, params, context, Outcome(changed=False), row, _deployment_name(session, row))
    deployment = _find_deployment(session, params["deployment"])
    if deployment is None:
        problem = f"There is no deployment {params['deployment']!r}; {_what_there_is(session, params['deployment'])}"
        if not context.check:
            raise CollectionError(problem)
        warning = f"{problem} The prediction holds if an earlier task creates it."
        return _predicted(params, None, None, params["deployment"], [warning])
    title = params["deployment"] if "/" in params["deployment"] else _deployment_name(session, deployment)
    _check_names(session, params, deployment, title)
    key = _key(params, deployment)
    existing = _by_key(session, key, deployment["id"]) if params["idempotency_key"] else None
    attempt = 1
    while existing is not None and params["rerun"] == "failed" and _is_to_be_run_again(session, params, existing):
        attempt += 1
        existing = _by_key(session, f"{key}:{attempt}", deployment["id"])
    key = key if attempt == 1 else f"{key}:{attempt}"
    if existing is not None:
        _check_same_request(params, existing, title)
        return _followed(session, params, context, Outcome(changed=False), existing, title)
    if context.check:
        return _predicted(params, deployment, key, title, [])
    row, created = _start(session, params, deployment, key)
    outcome = Outcome(changed=created)
    if created:
        context.tell(f"{title}: run {row['name']} started")
        outcome.diff = [ansible_diff(f"flow run of {title}", None, _asked_for(params))]
    return _followed(session, params, context, outcome, row, title)


def _find_deployment(session: Session, name: str) -> Row | None:
    flow, slash, own = name.partition("/")
    if slash and flow and own and "/" not in own:
        row: Row | None = session.get_or_none(f"/deployments/name/{quote(flow)}/{quote(own)}")
    elif is_id(name):
        row = session.get_or_none(f"/deployments/{name}")
    else:
        raise CollectionError(f"deployment is {name!r}; it must be 'flow/deployment', as Prefect shows it, or an id.")
    return row


def _what_there_is(session: Session, name: str) -> str:
    flow = name.partition("/")[0]
    rows = reading.read_all(session, reading.DEPLOYMENTS, filters.deployments(flow_names=[flow]))
    if rows:
        return f"flow {flow!r} has: {listed(row['name'] for row in rows)}."
    names = [row["name"] for row in reading.read_all(session, reading.FLOWS, filters.flows())]
    return f"no deployment of such a flow either; flows: {listed(names)}."


def _deployment_name(session: Session, row: Row) -> str | None:
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


def _check_names(session: Session, params: Params, deployment: Row, title: str | None) -> None:
    """Refuse what the server would take and the run would then trip over, or never start."""
    schema = deployment.get("parameter_openapi_schema") or {}
    # Nobody knows what a flow takes whose deployment came without a schema and does not enforce any.
    known = schema.get("properties") or deployment["enforce_parameter_schema"]
    if params["parameters"] and "properties" in schema and known:
        problems = unknown_parameters(params["parameters"], schema)
        if problems:
            raise CollectionError(f"Deployment {title!r}: {' '.join(problems)}")
    queue, pool = params["work_queue"], deployment.get("work_pool_name")
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


def _key(params: Params, deployment: Row) -> str:
    """The server holds keys per flow, so the deployment's id makes ours one of the deployment."""
    return f"{deployment['id']}:{params['idempotency_key'] or uuid.uuid4()}"


def _by_key(session: Session, key: str, deployment_id: str) -> Row | None:
    rows: list[Row] = session.search("/flow_runs/filter", filters.flow_runs(idempotency_keys=[key]))
    for row in rows:
        _check_owner(row, deployment_id)
    return rows[0] if rows else None


def _check_owner(row: Row, deployment_id: str) -> None:
    if row["deployment_id"] != deployment_id:
        raise CollectionError(
            f"The idempotency key is taken by run {row['name']!r} of another deployment ({row['deployment_id']}); "
            "use another key."
        )


def _check_same_request(params: Params, row: Row, title: str | None) -> None:
    """A key names one request: its run must not pass for a run with other parameters."""
    given: dict[str, t.Any] = params["parameters"] or {}
    has: dict[str, t.Any] = row.get("parameters") or {}
    other = [
        name
        for name, value in given.items()
        if not (isinstance(value, dict) and _TEMPLATED in value) and not (name in has and same(has[name], value))
    ]
    if other:
        raise CollectionError(
            f"idempotency_key {params['idempotency_key']!r} already started run {row['name']!r} of {title!r} with "
            f"other values of {listed(other)}; use another key for another run.",
            flow_run=shown(row, title),
        )


def _asked_for(params: Params) -> dict[str, t.Any]:
    """The options that shape the run, as the diff shows them."""
    options = ("parameters", *_OVERRIDES, "work_queue", "scheduled_time", "idempotency_key")
    return {"state": "started", **{option: params[option] for option in options if params[option] is not None}}


def _scheduled_time(params: Params) -> str | None:
    text = params["scheduled_time"]
    if text is None:
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise CollectionError(
            f"scheduled_time is {text!r}; it must be a date and time with its offset, such as "
            "2026-01-31T06:00:00+01:00."
        )
    return moment.isoformat()


def _start(session: Session, params: Params, deployment: Row, key: str) -> tuple[Row, bool]:
    """The run, and whether this very call created it."""
    body: dict[str, t.Any] = {"parameters": params["parameters"] or {}, "idempotency_key": key}
    body.update({option: params[option] for option in _OVERRIDES if params[option] is not None})
    if params["work_queue"] is not None:
        body["work_queue_name"] = params["work_queue"]
    when = _scheduled_time(params)
    if when is not None:
        body["state"] = {"type": "SCHEDULED", "state_details": {"scheduled_time": when}}
    sent_again = False

    def settle() -> Row | None:
        nonlocal sent_again
        sent_again = True
        return _by_key(session, key, deployment["id"])

    row: Row = session.write("POST", f"/deployments/{deployment['id']}/create_flow_run", body, settle=settle)
    # 200 stands for a run that was there: ours if an earlier attempt may have created it, else a rival's.
    created = sent_again or session.status == 201
    _check_owner(row, deployment["id"])
    return row, created


def _predicted(
    params: Params, deployment: Row | None, key: str | None, title: str | None, warnings: list[str]
) -> Outcome:
    _scheduled_time(params)
    known = deployment or {}
    row = {
        **dict.fromkeys(_SHOWN),
        "name": params["name"],
        "flow_id": known.get("flow_id"),
        "deployment_id": known.get("id"),
        "state_type": "SCHEDULED",
        "state_name": "Scheduled",
        "parameters": {**(known.get("parameters") or {}), **(params["parameters"] or {})},
        "job_variables": params["job_variables"] or {},
        "tags": sorted({*(known.get("tags") or []), *(params["tags"] or [])}),
        "labels": params["labels"] or {},
        "idempotency_key": key if params["idempotency_key"] else None,
        "work_pool_name": known.get("work_pool_name"),
        "work_queue_name": params["work_queue"] or known.get("work_queue_name"),
    }
    return Outcome(
        changed=True,
        result={"flow_run": shown(row, title), "artifacts": [], "summary": None},
        diff=[ansible_diff(f"flow run of {title}", None, _asked_for(params))],
        warnings=warnings,
    )


def _followed(
    session: Session, params: Params, context: Context, outcome: Outcome, row: Row, title: str | None
) -> Outcome:
    """The outcome with the run in it, after its end where the task waits for it."""
    if params["wait"] and not context.check:
        try:
            row, in_time = following.follow(
                session, row, title, params["wait_timeout"], params["wait_sleep"], context.tell
            )
        except CollectionError as error:
            error.details.update(changed=outcome.changed, flow_run=shown(row, title), artifacts=[])
            raise
        if not in_time:
            raise _too_late(session, params, row, title, outcome.changed)
        if params["state"] == "started" and row["state_type"] not in params["accept_states"]:
            said = shown(row, title)["state_message"]
            accepted = ", ".join(params["accept_states"])
            sentence = f"Run {row['name']!r} of {title!r} ended {row['state_name']}, not {accepted}"
            raise _failure(
                session, params, row, title, f"{sentence}: {said}" if said else f"{sentence}.", outcome.changed
            )
        if params["state"] == "started":
            problems = _disappointments(params, _artifacts(session, row) if params["summary_artifact"] else [])
            if problems:
                sentence = f"Run {row['name']!r} of {title!r} ended {row['state_name']}, but {' '.join(problems)}"
                raise _failure(session, params, row, title, sentence, outcome.changed)
    outcome.result = _result(session, params, row, title)
    return outcome


def _too_late(session: Session, params: Params, row: Row, title: str | None, changed: bool) -> CollectionError:
    reason = following.waits_for(session, row)
    fate = "it goes on"
    if params["on_timeout"] == "cancel" and params["state"] == "started":
        row, cancelled = _cancel(session, row)
        changed = changed or cancelled
        fate = f"it was told to stop and is now {row['state_name']}"
    sentence = f"Run {row['name']!r} of {title!r} did not end within {params['wait_timeout']:g} s: {reason}; {fate}."
    return _failure(session, params, row, title, sentence, changed)


def _failure(
    session: Session, params: Params, row: Row, title: str | None, sentence: str, changed: bool
) -> CollectionError:
    return CollectionError(sentence, changed=changed, **_result(session, params, row, title))


def _artifacts(session: Session, row: Row) -> list[Row]:
    artifacts = reading.read_all(session, reading.ARTIFACTS, filters.artifacts(flow_run_ids=[row["id"]]))
    return sorted(artifacts, key=lambda artifact: (artifact["created"], artifact["id"]))


def _summary(params: Params, artifacts: t.Sequence[Row]) -> t.Any:
    """The content of the artifact that sums up the run; None when there is none that can be read as a mapping."""
    found = [artifact["data"] for artifact in artifacts if artifact["key"] == params["summary_artifact"]]
    return found[-1] if found and isinstance(found[-1], dict) else None


def _disappointments(params: Params, artifacts: t.Sequence[Row]) -> list[str]:
    """What the run's summary lacks of what is expected of it."""
    if not params["summary_artifact"]:
        return []
    summary = _summary(params, artifacts)
    if summary is None:
        return [f"it left no artifact {params['summary_artifact']!r} with a mapping in it."]
    return unmet(summary, params["expect"] or {})


def _is_to_be_run_again(session: Session, params: Params, row: Row) -> bool:
    if row["state_type"] not in ENDED:
        return False
    if row["state_type"] not in params["accept_states"]:
        return True
    return bool(_disappointments(params, _artifacts(session, row)))


def _result(session: Session, params: Params, row: Row, title: str | None) -> dict[str, t.Any]:
    wanted = params["collect_artifacts"] if params["collect_artifacts"] is not None else params["wait"]
    artifacts = _artifacts(session, row) if (wanted or params["summary_artifact"]) and row.get("id") else []
    keys = ("id", "key", "type", "description", "data", "created")
    return {
        "flow_run": shown(row, title),
        "artifacts": [mask({key: artifact[key] for key in keys}) for artifact in artifacts],
        "summary": mask(_summary(params, artifacts)),
    }


def _read(session: Session, run_id: str) -> Row:
    if not is_id(run_id):
        raise CollectionError(f"id is {run_id!r}, which is no flow run's id.")
    row: Row | None = session.get_or_none(f"/flow_runs/{run_id}")
    if row is None:
        raise CollectionError(f"There is no flow run with the id {run_id}.")
    return row


def _cancelled(session: Session, params: Params, context: Context) -> Outcome:
    row = _run_to_cancel(session, params)
    title = _deployment_name(session, row)
    if row["state_type"] in ENDED or (row["state_type"] == "CANCELLING" and not params["wait"]):
        return Outcome(changed=False, result=_result(session, params, row, title))
    if row["state_type"] == "CANCELLING":
        return _followed(session, params, context, Outcome(changed=False), row, title)
    before = {"state": row["state_name"]}
    if context.check:
        changed, row = True, {**row, "state_type": "CANCELLED", "state_name": "Cancelled"}
    else:
        row, changed = _cancel(session, row)
        context.tell(f"{title}: run {row['name']} is {row['state_name']}")
    outcome = Outcome(changed=changed)
    if changed:
        outcome.diff = [ansible_diff(f"flow run {row['name']!r} of {title}", before, {"state": "Cancelled"})]
    return _followed(session, params, context, outcome, row, title)


def _run_to_cancel(session: Session, params: Params) -> Row:
    if params["id"] is not None:
        return _read(session, params["id"])
    if params["deployment"] is None or params["idempotency_key"] is None:
        raise CollectionError("state: cancelled needs id, or deployment and idempotency_key.")
    deployment = _find_deployment(session, params["deployment"])
    if deployment is None:
        raise CollectionError(
            f"There is no deployment {params['deployment']!r}; {_what_there_is(session, params['deployment'])}"
        )
    key, attempt = _key(params, deployment), 1
    row = following_row = _by_key(session, key, deployment["id"])
    while following_row is not None:
        row, attempt = following_row, attempt + 1
        following_row = _by_key(session, f"{key}:{attempt}", deployment["id"])
    if row is None:
        raise CollectionError(
            f"No run of {params['deployment']!r} was started with the idempotency_key {params['idempotency_key']!r}."
        )
    return row


def _cancel(session: Session, row: Row) -> tuple[Row, bool]:
    """Ask for the run's end, and say whether that changed anything.

    The server cancels at once a run that has no process yet, and hands any other to its worker.
    """
    answer = session.write("POST", f"/flow_runs/{row['id']}/set_state", {"state": {"type": "CANCELLING"}})
    after: Row = session.get(f"/flow_runs/{row['id']}")
    if after["state_type"] not in ("CANCELLING", *ENDED):
        reason = (answer.get("details") or {}).get("reason") or "no reason given"
        raise CollectionError(
            f"The server does not cancel run {row['name']!r}, which is {after['state_name']}: {reason}."
        )
    return after, after["state_type"] in ("CANCELLING", "CANCELLED")
