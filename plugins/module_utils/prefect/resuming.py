# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The room of ``hotpass_resume``: one run from a date, and the date as the deployment's default until it is reset."""

from __future__ import annotations

import contextlib
import datetime as dt
import getpass
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import declared, deployments, flow_runs
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import plan as plan_
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import same
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.deployments import Row, Wanted
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.naming import listed
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.parameters import check_against_schema
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.schedules import key_of
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session, quote
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome

Params = t.Mapping[str, t.Any]

# What a run is started with that nobody is asked for here.
_RUN: t.Mapping[str, t.Any] = {
    "state": "started",
    "id": None,
    "wait": True,
    "name": None,
    "tags": None,
    "labels": None,
    "work_queue": None,
    "job_variables": None,
    "scheduled_time": None,
    "accept_states": ["COMPLETED"],
    "on_timeout": "leave",
    "expect": None,
    "collect_artifacts": None,
}


def ensure(params: dict[str, t.Any], context: Context) -> Outcome:
    """Resume a deployment from a date, or reset the one from which it was resumed.

    :param params: the validated options of ``hotpass_resume``.
    :raises CollectionError: before the first write when the date or the deployment does not do; later when the run
        fails, which leaves the deployment's default as it was, or when somebody else writes to the deployment.
    """
    flow_name, slash, name = params["deployment"].partition("/")
    if not (flow_name and slash and name) or "/" in name:
        raise CollectionError(f"deployment is {params['deployment']!r}; it must be 'flow/deployment'.")
    if params["state"] == "reset":
        return _reset(params, context)
    since = checked_since(params["since"], dt.datetime.now(dt.UTC))
    with Session(Connection.from_params(params)) as session:
        _check(params, _find(session, params["deployment"]), since)
    outcome = _run(params, since, context)
    if not params["persist"]:
        return outcome
    with _accounted(outcome, context), Session(Connection.from_params(params)) as session:
        row = _find(session, params["deployment"])
        # The run may have taken hours.
        _check(params, row, since, ran=True)
        parameters, labels = _persisted(params, row, since)
        _write(session, params, row, parameters, labels, outcome, context)
    return outcome


@contextlib.contextmanager
def _accounted(outcome: Outcome, context: Context) -> t.Iterator[None]:
    """Let an error bear what the outcome holds so far, and name the run if there has been one."""
    try:
        yield
    except CollectionError as error:
        error.details = {**outcome.result, **error.details}
        error.details["changed"] = error.details.get("changed", False) or outcome.changed
        run = outcome.result["flow_run"]
        if run is not None and not context.check:
            error.message = (
                f"Run {run['name']!r} ended {run['state_name']}, but the date was not made the deployment's default: "
                f"{error.message}"
            )
        raise


def checked_since(text: str, now: dt.datetime) -> str:
    """The date in its one form: a day as ``YYYY-MM-DD``, a time in UTC, which is also what a time without offset is.

    :raises CollectionError: when it is none, or is in the future.
    """
    day: dt.date | None = None
    moment: dt.datetime | None = None
    try:
        day = dt.date.fromisoformat(text.strip())
    except ValueError:
        try:
            moment = dt.datetime.fromisoformat(text.strip())
            moment = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
        except (ValueError, OverflowError):
            raise CollectionError(
                f"since is {text!r}, which is no date; give one like 2024-11-01 or 2024-11-01T06:00:00+02:00."
            ) from None
    if (day and day > now.date()) or (moment and moment > now):
        raise CollectionError(
            f"since is {text!r}, which is in the future: it is {now:%Y-%m-%d %H:%M} UTC, and no record is newer."
        )
    return (day or t.cast("dt.datetime", moment)).isoformat()


def _find(session: Session, full_name: str) -> Row:
    flow_name, _slash, name = full_name.partition("/")
    row: Row | None = session.get_or_none(f"/deployments/name/{quote(flow_name)}/{quote(name)}")
    if row is None:
        raise CollectionError(f"There is no deployment {full_name!r} on the server; deploy it first.")
    return row


def _check(params: Params, row: Row, since: str, *, ran: bool = False) -> None:
    """Refuse what would start a run that cannot go on from the date, or schedule runs that do not.

    :param ran: whether the run is over, and only the deployment's default is left to do.
    """
    title = params["deployment"]
    if row["paused"]:
        fate = "That starts no other run" if ran else "Nothing was started"
        raise CollectionError(f"Deployment {title!r} is paused; find out why, unpause it, and run again. {fate}.")
    values = declared.values(since)
    schema = row.get("parameter_openapi_schema") or {}
    has = schema.get("properties") or {}
    lacking = [name for name in values if name not in has]
    if lacking:
        raise CollectionError(
            f"Deployment {title!r} cannot go on from a date: its flow has no parameter {' and no '.join(lacking)}; "
            f"it has {listed(has, most=20)}."
        )
    problems = check_against_schema("parameters", values, schema)
    if problems:
        raise CollectionError(f"Deployment {title!r}: {' '.join(problems)}")
    if not params["persist"]:
        return
    own = [key_of(schedule) for schedule in row["schedules"] if set(schedule.get("parameters") or {}) & values.keys()]
    if own:
        raise CollectionError(
            f"Deployment {title!r} cannot have the date as its default: the parameters of its schedules {listed(own)} "
            f"name {' or '.join(values)} themselves, so their runs would not go on from it."
        )


def _run(params: Params, since: str, context: Context) -> Outcome:
    """The one run of this deployment, date and batch, followed to its end."""
    batch = params["batch"]
    asked = {name: params[name] for name in params if name not in ("state", "since", "persist", "batch")}
    asked.update(_RUN)
    asked["parameters"] = declared.values(since)
    asked["idempotency_key"] = f"resume:{since}" + (f":{batch}" if batch else "")
    try:
        outcome = flow_runs.ensure(asked, context)
    except CollectionError as error:
        if params["persist"]:
            error.message += " The date was not made the deployment's default."
        raise
    outcome.result.update(resumed=None, before=None)
    return outcome


def _persisted(params: Params, row: Row, since: str) -> tuple[Row, Row]:
    """The deployment's parameters with the date as default, and the labels that say who made it that."""
    has = row.get("parameters") or {}
    values = declared.values(since)
    earlier = declared.read(row.get("labels"))
    if earlier is not None and earlier.since == since:
        resumed = earlier
    else:
        resumed = declared.Resumed(
            since=since,
            by=_who(params),
            at=f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}",
            before=earlier.before if earlier else {name: has[name] for name in values if name in has},
        )
    return {**has, **values}, t.cast("Row", resumed.labels())


def _who(params: Params) -> str:
    user = params["actor_user"] or getpass.getuser()
    return f"{user} (job {params['actor_job']})" if params["actor_job"] else user


def _reset(params: Params, context: Context) -> Outcome:
    """Put back what was there before, unless somebody has changed it since: that is not what was declared."""
    with Session(Connection.from_params(params)) as session:
        row = _find(session, params["deployment"])
        parameters = dict(row.get("parameters") or {})
        resumed = declared.read(row.get("labels"))
        if resumed is not None:
            still = [name for name, value in resumed.values.items() if same(parameters.get(name), value)]
            parameters = {name: value for name, value in parameters.items() if name not in still}
            parameters.update({name: resumed.before[name] for name in still if name in resumed.before})
        outcome = Outcome(changed=False, result={"flow_run": None, "artifacts": [], "summary": None})
        outcome.result.update(resumed=None, before=None)
        with _accounted(outcome, context):
            _write(session, params, row, parameters, {}, outcome, context)
    return outcome


def _write(
    session: Session,
    params: Params,
    row: Row,
    parameters: Row,
    labels: Row,
    outcome: Outcome,
    context: Context,
) -> None:
    """Give the deployment these parameters and labels in one request, read them back, and say so in the outcome.

    :param labels: those of the declaration; the deployment's others stay.
    """
    flow_name, _slash, name = params["deployment"].partition("/")
    own = deployments.own_labels(row, session.get(f"/flows/{row['flow_id']}")["labels"])
    fields = {"parameters": parameters, "labels": {**declared.without(own), **labels}}
    wanted = Wanted(flow_name, name, fields, exact_labels=True)
    plan = plan_.make(session, {name: wanted}, owner=own.get(deployments.OWNER_LABEL))
    if not context.check:
        plan_.apply(session, plan, tell=context.tell)
    outcome.changed = outcome.changed or bool(plan.changes)
    outcome.diff += [step.diff() for step in plan.changes]
    outcome.result.update(resumed=_shown(declared.read(labels)), before=_shown(declared.read(row.get("labels"))))


def _shown(resumed: declared.Resumed | None) -> dict[str, str] | None:
    return None if resumed is None else {"since": resumed.since, "by": resumed.by, "at": resumed.at}
