# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: what has to be created, updated and deleted so that the server has the wanted deployments; and applying it.

A plan is made from a few bulk reads and is complete before the first write: whatever can be refused is refused then.
Applying it writes one deployment after another, and ends with a bulk read that holds the server against the plan.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import declared as declared_
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import deployments, filters, pausing, reading
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import (
    ansible_diff,
    differing,
    field_changes,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.deployments import (
    OWNER_LABEL,
    Overtaken,
    Row,
    Wanted,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.errors import ApiError, Unreachable
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.parameters import (
    check_job_variables,
    check_parameters,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import mask
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.room import say_nothing

Action = t.Literal["create", "update", "delete", "unchanged"]
_DONE: dict[Action, str] = {"create": "created", "update": "updated", "delete": "deleted", "unchanged": "unchanged"}


@dataclasses.dataclass(frozen=True)
class Step:
    """What happens to one deployment.

    :param id: of its manifest, or its full name where no manifest names it any more.
    :param before: the managed fields as the server has them, None when it has no such deployment.
    :param after: the managed fields as they shall be, None when the deployment shall go.
    :param declared: what of it differs from the manifest because somebody declared so.
    :param fate: what becomes of that: applying the plan resets it, or leaves it.
    """

    id: str
    action: Action
    full_name: str
    before: dict[str, t.Any] | None
    after: dict[str, t.Any] | None
    wanted: Wanted | None = None
    row: Row | None = None
    declared: tuple[declared_.Difference, ...] = ()
    fate: declared_.Fate = "reset"

    def report(self) -> dict[str, t.Any]:
        """The step as modules return it: secrets hidden, a long schema as one line."""
        changes = {}
        if self.action == "update":
            changes = field_changes(_readable(self.before or {}), _readable(self.after or {}))
        return {
            "id": self.id,
            "deployment": self.full_name,
            "deployment_id": self.row["id"] if self.row else None,
            "work_pool": (self.after or self.before or {}).get("work_pool"),
            "action": self.action,
            "changes": changes,
            "declared": [{**mask(dataclasses.asdict(difference)), "fate": self.fate} for difference in self.declared],
        }

    def diff(self) -> dict[str, t.Any]:
        """The step as one entry of Ansible's diff."""
        before, after = self.before, self.after
        if self.action == "update":
            changed = differing(before or {}, after or {})
            before = {name: (before or {}).get(name) for name in changed}
            after = {name: (after or {})[name] for name in changed}
        return ansible_diff(
            f"deployment {self.full_name}",
            None if before is None else _readable(before),
            None if after is None else _readable(after),
        )


@dataclasses.dataclass(frozen=True)
class Server:
    """What a plan needs to know of the server, read in bulk.

    :param rows: deployments by flow name and name.
    :param flows: by name.
    :param flow_names: by id.
    :param pools: by name.
    :param limits: global concurrency limits by name; read only when one is wanted.
    """

    rows: dict[tuple[str, str], Row]
    flows: dict[str, Row]
    flow_names: dict[str, str]
    pools: dict[str, Row]
    limits: dict[str, Row]

    def flow_labels(self, flow_name: str) -> t.Mapping[str, t.Any]:
        """The labels that the server copies from a flow onto its deployments."""
        return self.flows.get(flow_name, {}).get("labels") or {}


@dataclasses.dataclass(frozen=True)
class Plan:
    """All steps, in the order in which they are applied."""

    steps: tuple[Step, ...]
    server: Server = dataclasses.field(repr=False)

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that write."""
        return tuple(step for step in self.steps if step.action != "unchanged")

    @property
    def fingerprint(self) -> str:
        """A sha256 over all that the plan would do: two plans that have it in common are the same plan."""
        return fingerprint([(step.full_name, step.action, step.before, step.after) for step in self.steps])

    def summary(self) -> dict[str, int]:
        """How many deployments were, or would be, created, updated, deleted and left alone.

        The keys are participles: a mapping's ``update`` is a method wherever templates look it up.
        """
        return {_DONE[action]: sum(step.action == action for step in self.steps) for action in _DONE}


def _read(session: Session, wanted: t.Sequence[Wanted], everything: bool) -> Server:
    flow_names = sorted({item.flow_name for item in wanted})
    deployment_filter = filters.deployments(names=sorted({item.name for item in wanted}), flow_names=flow_names)
    rows = reading.read_all(session, reading.DEPLOYMENTS, filters.deployments() if everything else deployment_filter)
    flow_filter = filters.flows() if everything else filters.flows(names=flow_names)
    flows = reading.read_all(session, reading.FLOWS, flow_filter)
    names = {flow["id"]: flow["name"] for flow in flows}
    by_name = {(names[row["flow_id"]], row["name"]): row for row in rows if row["flow_id"] in names}
    pools_wanted = sorted({pool for item in wanted if (pool := _pool_of(item, by_name))})
    pools = (
        reading.read_all(session, reading.WORK_POOLS, filters.work_pools(names=pools_wanted)) if pools_wanted else []
    )
    shared = any(item.fields.get("global_concurrency_limit") for item in wanted)
    limits = reading.read_all(session, reading.CONCURRENCY_LIMITS, filters.concurrency_limits()) if shared else []
    return Server(
        rows=by_name,
        flows={flow["name"]: flow for flow in flows},
        flow_names=names,
        pools={pool["name"]: pool for pool in pools},
        limits={limit["name"]: limit for limit in limits},
    )


def _pool_of(wanted: Wanted, rows: t.Mapping[tuple[str, str], Row]) -> str | None:
    """The pool whose template the job variables have to fit: the wanted one, else the one that the deployment is in."""
    pool: str | None = wanted.fields.get("work_pool")
    row = rows.get((wanted.flow_name, wanted.name))
    if "work_pool" not in wanted.fields and row and wanted.fields.get("job_variables"):
        pool = row.get("work_pool_name")
    return pool


def make(
    session: Session,
    wanted: t.Mapping[str, Wanted],
    absent: t.Sequence[Wanted] = (),
    owner: str | None = None,
    prune: bool = False,
    declared: declared_.Fate = "reset",
) -> Plan:
    """Compare the wanted deployments with the server.

    :param wanted: by manifest id.
    :param absent: deployments that shall not be there.
    :param owner: who manages the wanted ones; a deployment of another owner is never touched.
    :param prune: delete the owner's deployments that are not wanted.
    :param declared: whether differences that were declared are reset, or kept, so that they are no change.
    :raises CollectionError: when something wanted cannot be had, with every problem at once.
    """
    if prune and not owner:
        raise CollectionError("prune needs owner: without it nothing tells whose deployments may be deleted.")
    server = _read(session, [*wanted.values(), *absent], everything=prune)
    problems = _problems(server, wanted, owner) + _foreign(server, {item.full_name: item for item in absent}, owner)
    if problems:
        raise CollectionError("Nothing was written. " + " ".join(problems), problems=problems)
    steps = [_step(server, manifest_id, item, declared) for manifest_id, item in sorted(wanted.items())]
    kept = {(item.flow_name, item.name) for item in wanted.values()}
    for item in absent:
        row = server.rows.get((item.flow_name, item.name))
        if row is None:
            steps.append(Step(item.name, "unchanged", item.full_name, None, None))
        else:
            steps.append(_deletion(server, item.name, item.full_name, row))
    if prune:
        for (flow_name, name), row in sorted(server.rows.items()):
            held_by = deployments.owner_of(row, server.flow_labels(flow_name))
            if (flow_name, name) not in kept and held_by == owner:
                steps.append(_deletion(server, f"{flow_name}/{name}", f"{flow_name}/{name}", row))
    return Plan(tuple(steps), server)


def _step(server: Server, manifest_id: str, wanted: Wanted, fate: declared_.Fate) -> Step:
    row = server.rows.get((wanted.flow_name, wanted.name))
    differences = declared_.differences(wanted, row)
    if fate == "keep":
        wanted = declared_.kept(wanted, row)
    wanted = pausing.settled(wanted, row)
    if row is None:
        wanted = dataclasses.replace(wanted, fields={**wanted.on_create, **wanted.fields})
    after = wanted.canonical()
    if row is None:
        return Step(manifest_id, "create", wanted.full_name, None, after, wanted)
    seen = deployments.canonical_row(row, server.flow_labels(wanted.flow_name), wanted)
    before = {name: seen[name] for name in after}
    left_behind = server.limits.get(deployments.own_limit_name(row))
    if left_behind and wanted.fields.get("global_concurrency_limit") and "concurrency_limit" in before:
        # An earlier change to a shared limit was cut off before it deleted the deployment's own.
        before["concurrency_limit"] = left_behind["limit"]
    action: Action = "update" if differing(before, after) else "unchanged"
    return Step(manifest_id, action, wanted.full_name, before, after, wanted, row, differences, fate)


def _deletion(server: Server, step_id: str, full_name: str, row: Row) -> Step:
    labels = server.flow_labels(server.flow_names[row["flow_id"]])
    return Step(step_id, "delete", full_name, deployments.canonical_row(row, labels), None, None, row)


def _problems(server: Server, wanted: t.Mapping[str, Wanted], owner: str | None) -> list[str]:
    problems = []
    names: dict[str, str] = {}
    for manifest_id, item in sorted(wanted.items()):
        if item.full_name in names:
            problems.append(f"{manifest_id}: {item.full_name} is also what {names[item.full_name]} is called.")
        names[item.full_name] = manifest_id
        row = server.rows.get((item.flow_name, item.name))
        pool = item.fields.get("work_pool")
        if pool and pool not in server.pools:
            problems.append(
                f"{manifest_id}: work_pool names {pool!r}, which the server does not have; create it first."
            )
        limit = item.fields.get("global_concurrency_limit")
        if limit and limit not in server.limits:
            problems.append(
                f"{manifest_id}: global_concurrency_limit names {limit!r}, which the server does not have; "
                "create it first."
            )
        problems.extend(f"{manifest_id}: {problem}" for problem in check_parameters(item, row))
        template = server.pools.get(_pool_of(item, server.rows) or "")
        if template is not None:
            problems.extend(f"{manifest_id}: {problem}" for problem in check_job_variables(item, template))
    return problems + _foreign(server, wanted, owner)


def _foreign(server: Server, items: t.Mapping[str, Wanted], owner: str | None) -> list[str]:
    """A sentence for each deployment that somebody else manages."""
    problems = []
    for label, item in sorted(items.items()):
        row = server.rows.get((item.flow_name, item.name))
        held_by = deployments.owner_of(row, server.flow_labels(item.flow_name)) if row else None
        if held_by is not None and held_by != owner:
            problems.append(
                f"{label}: {item.full_name} is managed by {held_by!r}, and this task's owner is {owner!r}; "
                f"remove the label {OWNER_LABEL} from it to hand it over."
            )
    return problems


def apply(
    session: Session,
    plan: Plan,
    on_error: str = "stop",
    tell: t.Callable[[str], None] = say_nothing,
) -> None:
    """Write the plan's changes, and hold the server against it.

    :param on_error: ``stop`` at the first deployment that fails, or ``continue`` with the others.
    :raises CollectionError: when a write failed or did not take effect. ``applied`` has what is as planned,
        ``partly_applied`` what was begun and is not, ``not_applied`` what is as it was.
    """
    tried: list[Step] = []
    failed: dict[str, str] = {}
    flow_ids = {name: flow["id"] for name, flow in plan.server.flows.items()}
    for step in plan.changes:
        if failed and on_error == "stop":
            break
        tried.append(step)
        try:
            _write(session, plan.server, step, flow_ids)
        except (ApiError, Unreachable, Overtaken) as error:
            failed[step.full_name] = error.message
            tell(f"failed   {step.full_name}: {error.message}")
        else:
            tell(f"{_DONE[step.action]}  {step.full_name}")
    fates = _fates(session, tried, failed)
    if failed:
        _raise_report(plan, fates, failed)


Fate = t.Literal["applied", "partly", "untouched"]


def _raise_report(plan: Plan, fates: dict[str, Fate], failed: dict[str, str]) -> t.NoReturn:
    names = [step.full_name for step in plan.changes]
    applied = [name for name in names if fates.get(name) == "applied"]
    partly = [name for name in names if fates.get(name) == "partly"]
    raise CollectionError(
        f"{len(applied)} of {len(names)} changes were applied. "
        + " ".join(f"{name}: {message}" for name, message in failed.items()),
        applied=applied,
        partly_applied=partly,
        not_applied=[name for name in names if name not in applied and name not in partly],
        failed_deployments=failed,
        changed=bool(applied or partly),
    )


def _write(session: Session, server: Server, step: Step, flow_ids: dict[str, str]) -> None:
    if step.action == "delete":
        deployments.delete(session, t.cast("Row", step.row))
        return
    wanted = t.cast("Wanted", step.wanted)
    limit = wanted.fields.get("global_concurrency_limit")
    limit_id = server.limits[limit]["id"] if limit else None
    if step.row is not None:
        changed = differing(step.before or {}, step.after or {})
        left_behind = deployments.own_limit_name(step.row) in server.limits
        labels = server.flow_labels(wanted.flow_name)
        deployments.update(session, wanted, step.row, changed, labels, limit_id, left_behind)
        return
    if wanted.flow_name not in flow_ids:
        # Creating a flow that exists answers with that flow, so this needs no look before it.
        flow_ids[wanted.flow_name] = session.write("POST", "/flows/", {"name": wanted.flow_name})["id"]
    deployments.create(session, wanted, flow_ids[wanted.flow_name], limit_id)


def _fates(session: Session, tried: t.Sequence[Step], failed: dict[str, str]) -> dict[str, Fate]:
    """What became of each step that was tried, read back in bulk; what is not as planned is added to ``failed``."""
    if not tried:
        return {}
    try:
        server = _read(session, [_identity(step) for step in tried], everything=False)
    except CollectionError as error:
        for step in tried:
            failed.setdefault(step.full_name, f"it was written and could not be read back: {error.message}")
        return {step.full_name: "partly" for step in tried}
    fates: dict[str, Fate] = {}
    for step in tried:
        identity = _identity(step)
        row = server.rows.get((identity.flow_name, identity.name))
        labels = server.flow_labels(identity.flow_name)
        unlike = _unlike_plan(step, row, labels)
        if unlike is None and step.full_name not in failed:
            fates[step.full_name] = "applied"
            continue
        untouched = _is_as_before(step, row, labels) and step.full_name in failed
        fates[step.full_name] = "untouched" if untouched else "partly"
        if unlike is not None:
            failed.setdefault(step.full_name, f"{unlike}; is somebody else at work on it?")
    return fates


def _identity(step: Step) -> Wanted:
    if step.wanted is not None:
        return step.wanted
    flow_name, _slash, name = step.full_name.partition("/")
    return Wanted(flow_name, name)


def _unlike_plan(step: Step, row: Row | None, flow_labels: t.Mapping[str, t.Any]) -> str | None:
    """In what the server differs from the step that was written; None when it does not."""
    if step.wanted is None:
        return None if row is None else "it was deleted and is still there"
    if row is None:
        return "it was written and is not there"
    unlike = differing(deployments.canonical_row(row, flow_labels, step.wanted), step.after or {})
    return f"the server shows other values than were written for {', '.join(sorted(unlike))}" if unlike else None


def _is_as_before(step: Step, row: Row | None, flow_labels: t.Mapping[str, t.Any]) -> bool:
    if row is None or step.row is None:
        return row is None and step.row is None
    return not differing(deployments.canonical_row(row, flow_labels, step.wanted), step.before or {})


def fingerprint(value: t.Any) -> str:
    """The sha256 of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _readable(fields: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The fields for people: a parameter schema is as long as all the rest, so names and a fingerprint stand for it."""
    shown = dict(fields)
    schema = shown.get("parameter_openapi_schema")
    if schema is not None:
        names = ", ".join(schema.get("properties") or {}) or "none"
        shown["parameter_openapi_schema"] = f"{names} (sha256 {fingerprint(schema)[:12]})"
    return shown
