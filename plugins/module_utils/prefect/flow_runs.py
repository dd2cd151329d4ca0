# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts a run of a deployment, follows a run to its end, and cancels one."""

from __future__ import annotations

import datetime
import typing as t
import uuid

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import following, reading, run_start
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import ansible_diff, same
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.expectations import unmet
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.following import ENDED
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.naming import is_id, listed
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import mask, secrets_in
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.run_rows import SHOWN, artifacts_of, shown
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome

Row = reading.Row
Params = t.Mapping[str, t.Any]

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


def _check_times(params: Params) -> None:
    for option in ("wait_timeout", "wait_sleep"):
        if not params[option] > 0:
            raise CollectionError(f"{option} is {params[option]}; it must be more than 0 seconds.")


def _started(session: Session, params: Params, context: Context) -> Outcome:
    if params["id"] is not None:
        row = _read(session, params["id"])
        return _followed(session, params, context, Outcome(changed=False), row, run_start.deployment_name(session, row))
    deployment = run_start.find_deployment(session, params["deployment"])
    if deployment is None:
        there_is = run_start.what_there_is(session, params["deployment"])
        problem = f"There is no deployment {params['deployment']!r}; {there_is}"
        if not context.check:
            raise CollectionError(problem)
        warning = f"{problem} The prediction holds if an earlier task creates it."
        return _predicted(params, None, None, params["deployment"], [warning])
    title = params["deployment"] if "/" in params["deployment"] else run_start.deployment_name(session, deployment)
    run_start.check_names(session, params["parameters"], params["work_queue"], deployment, title)
    key, attempt = _key(params, deployment), 0
    existing: Row | None = None
    if params["idempotency_key"]:
        existing, attempt = run_start.last_attempt(session, key, deployment["id"])
    if existing is not None and params["rerun"] == "failed" and _is_to_be_run_again(session, params, existing):
        existing = None
    if existing is not None:
        _check_same_request(params, existing, title)
        return _followed(session, params, context, Outcome(changed=False), existing, title)
    key = run_start.attempt_key(key, attempt + 1)
    if context.check:
        return _predicted(params, deployment, key, title, [])
    row, created = _start(session, params, deployment, key)
    outcome = Outcome(changed=created)
    if created:
        context.tell(f"{title}: run {row['name']} started")
        outcome.diff = [ansible_diff(f"flow run of {title}", None, _asked_for(params))]
    return _followed(session, params, context, outcome, row, title)


def _key(params: Params, deployment: Row) -> str:
    """The server holds keys per flow, so the deployment's id makes ours one of the deployment."""
    return f"{deployment['id']}:{run_start.checked_key(params['idempotency_key'] or str(uuid.uuid4()))}"


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
    body: dict[str, t.Any] = {"parameters": params["parameters"] or {}}
    body.update({option: params[option] for option in _OVERRIDES if params[option] is not None})
    if params["work_queue"] is not None:
        body["work_queue_name"] = params["work_queue"]
    when = _scheduled_time(params)
    if when is not None:
        body["state"] = {"type": "SCHEDULED", "state_details": {"scheduled_time": when}}
    return run_start.create(session, deployment["id"], key, body)


def _predicted(
    params: Params, deployment: Row | None, key: str | None, title: str | None, warnings: list[str]
) -> Outcome:
    _scheduled_time(params)
    known = deployment or {}
    row = {
        **dict.fromkeys(SHOWN),
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
            problems = _disappointments(
                params, artifacts_of(session, [row["id"]]) if params["summary_artifact"] else []
            )
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
    return bool(_disappointments(params, artifacts_of(session, [row["id"]])))


def _result(session: Session, params: Params, row: Row, title: str | None) -> dict[str, t.Any]:
    wanted = params["collect_artifacts"] if params["collect_artifacts"] is not None else params["wait"]
    artifacts = artifacts_of(session, [row["id"]]) if (wanted or params["summary_artifact"]) and row.get("id") else []
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
    title = run_start.deployment_name(session, row)
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
    deployment = run_start.find_deployment(session, params["deployment"])
    if deployment is None:
        raise CollectionError(
            f"There is no deployment {params['deployment']!r}; {run_start.what_there_is(session, params['deployment'])}"
        )
    row, _attempt = run_start.last_attempt(session, _key(params, deployment), deployment["id"])
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
