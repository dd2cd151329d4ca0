# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The room of ``prefect_deployment``: plans and applies one deployment, or a whole directory of manifests."""

from __future__ import annotations

import dataclasses
import pathlib
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests import desired, load, released
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.flow_code import (
    FlowCode,
    Interpreter,
    read_flows,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.model import Manifest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import plan as plan_
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.deployments import Wanted
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.parameters import check_against_schema
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import secrets_in
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome

# The options that describe one deployment; the rest says how.
INLINE = (
    "name",
    "flow",
    "flow_name",
    "description",
    "tags",
    "work_pool",
    "work_queue",
    "parameters",
    "job_variables",
    "schedule",
    "schedules",
    "concurrency_limit",
    "concurrency_options",
    "global_concurrency_limit",
    "paused",
    "enforce_parameter_schema",
    "labels",
    "version",
    "entrypoint",
    "path",
    "pull_steps",
    "parameter_openapi_schema",
)
_WITH_SUBOPTIONS = ("schedule", "schedules", "concurrency_options")
Params = t.Mapping[str, t.Any]


def ensure(params: Params, context: Context) -> Outcome:
    """Bring one deployment, or those of a directory, to the wanted state.

    :param params: the validated options of ``prefect_deployment``.
    :returns: the plan with one step per deployment; ``rehearsals`` holds what the manifests ask to be rehearsed.
    :raises CollectionError: see :func:`plan.make` and :func:`plan.apply`.
    """
    connection = Connection.from_params(params)
    if params.get("prune") and params.get("flows"):
        raise CollectionError("prune deletes what the whole directory no longer has; it cannot be combined with flows.")
    manifests = _manifests(params)
    code = _flow_code(params, manifests, context)
    entrance = released.Entrance.from_options(params["release"]) if params.get("release") else None
    wanted: dict[str, Wanted] = {}
    absent: list[Wanted] = []
    secrets: set[str] = set()
    problems: list[str] = []
    for manifest in manifests:
        known = code.get(manifest.flow) if manifest.flow else None
        if params["state"] == "absent":
            absent.append(Wanted(desired.flow_name_of(manifest, known), manifest.name))
        elif params.get("manifest_dir"):
            wanted[manifest.id] = desired.from_manifest(manifest, known, params.get("owner"))
            if entrance is not None:
                wanted[manifest.id] = entrance.stand_before(manifest.id, wanted[manifest.id])
        else:
            inline = desired.from_options(manifest, known, params.get("owner"), params.get("unset") or ())
            wanted[manifest.id] = dataclasses.replace(inline, paused_by=_paused_by(params))
        secrets |= _secrets(manifest)
        problems += _rehearsal_problems(manifest, wanted.get(manifest.id))
    if problems:
        raise CollectionError("Nothing was written. " + " ".join(problems), problems=problems)
    with Session(connection) as session:
        try:
            plan = plan_.make(
                session,
                wanted,
                absent,
                params.get("owner"),
                bool(params.get("prune")),
                params["declared_differences"],
            )
            _check_expected(plan, params.get("expected_plan"))
            _tell_declared(plan, context)
            if not context.check:
                plan_.apply(session, plan, params["on_error"], context.tell)
        except CollectionError as error:
            error.details["secrets"] = secrets
            raise
        return Outcome(
            changed=bool(plan.changes),
            result={
                "plan": [step.report() for step in plan.steps],
                "summary": plan.summary(),
                "fingerprint": plan.fingerprint,
                "rehearsals": _rehearsals(manifests, wanted, code),
                "api": {"requests": session.requests, "writes": session.writes},
            },
            diff=[step.diff() for step in plan.changes],
            secrets=secrets,
        )


def _manifests(params: Params) -> list[Manifest]:
    if params.get("manifest_dir"):
        base = params.get("base_dir")
        selection = load.load_selection(
            pathlib.Path(params["manifest_dir"]), params.get("flows"), pathlib.Path(base) if base else None
        )
        return [loaded.manifest for loaded in selection]
    document = {name: params[name] for name in INLINE if params.get(name) is not None}
    document.update({name: _without_none(document[name]) for name in _WITH_SUBOPTIONS if name in document})
    both = sorted(set(params.get("unset") or ()) & document.keys())
    if both:
        raise CollectionError(f"unset and the task's own options both name {', '.join(both)}; give one of the two.")
    return [load.load_inline({"id": params["name"], **document})]


def _paused_by(params: Params) -> str | None:
    if params["paused_by"] is None:
        return None
    if params["paused"] is not True or not params["paused_by"].strip():
        raise CollectionError(
            "paused_by says for whom paused: true pauses; it needs that, and a text that is not blank."
        )
    return str(params["paused_by"])


def _without_none(value: t.Any) -> t.Any:
    """An option without the suboptions that were not given, which Ansible fills with None."""
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value


def _flow_code(params: Params, manifests: t.Sequence[Manifest], context: Context) -> t.Mapping[str, FlowCode]:
    """What the code of the manifests' flows says: as a release kept it, or as an interpreter does when asked."""
    references = [manifest.flow for manifest in manifests if manifest.flow]
    if params.get("flow_code"):
        return released.read_flow_code(pathlib.Path(params["flow_code"]), references)
    if not params.get("flow_python"):
        return {}
    if not params.get("flow_path"):
        raise CollectionError("flow_python needs flow_path, the directory that holds the flows' packages.")
    interpreter = Interpreter(params["flow_python"], params["flow_path"], params.get("flow_cache"))
    return read_flows(references, interpreter, context.run_command)


def _secrets(manifest: Manifest) -> set[str]:
    """The texts of a manifest that no message may quote.

    :raises CollectionError: when the rehearsal holds one, because its parameters are shown.
    """
    if manifest.rehearsal is not None and secrets_in(manifest.rehearsal.parameters):
        raise CollectionError(
            f"{manifest.id}: rehearsal.parameters holds what looks like a secret, and they are shown; "
            "leave it out, and the rehearsal takes the deployment's own."
        )
    holders: list[t.Any] = [manifest.parameters, manifest.job_variables, [*(manifest.pull_steps or ())]]
    holders += [schedule.parameters for schedule in manifest.all_schedules()]
    return {secret for holder in holders for secret in secrets_in(holder)}


def _rehearsal_problems(manifest: Manifest, wanted: Wanted | None) -> list[str]:
    """What would let the rehearsal fail after everything was written."""
    if manifest.rehearsal is None or wanted is None:
        return []
    schema = wanted.fields.get("parameter_openapi_schema")
    found = check_against_schema("rehearsal.parameters", manifest.rehearsal.parameters, schema)
    return [f"{manifest.id}: {problem}" for problem in found]


def _tell_declared(plan: plan_.Plan, context: Context) -> None:
    """A line for each declared difference, so that no play passes over it in silence."""
    for step in plan.steps:
        said = "kept" if step.fate == "keep" else "to be reset" if context.check else "reset"
        for difference in step.declared:
            context.tell(f"declared difference, {said}: {step.full_name}: {difference.sentence()}")


def _check_expected(plan: plan_.Plan, expected: str | None) -> None:
    if expected is not None and plan.fingerprint != expected:
        raise CollectionError(
            "Nothing was written: the plan is no longer the one that expected_plan names, because a manifest, the "
            "flows' code or the server has changed since. Look at the plan again."
        )


def _rehearsals(
    manifests: t.Sequence[Manifest], wanted: t.Mapping[str, Wanted], code: t.Mapping[str, FlowCode]
) -> list[dict[str, t.Any]]:
    """What is to be rehearsed; the key stays the same as long as deployment, code and rehearsal do."""
    rehearsals = []
    for manifest in manifests:
        if manifest.rehearsal is None or manifest.id not in wanted:
            continue
        asked = manifest.rehearsal.model_dump(exclude_none=True)
        known = code.get(manifest.flow) if manifest.flow else None
        identity = [wanted[manifest.id].canonical(), known.sha256 if known else None, asked]
        rehearsals.append(
            {
                "id": manifest.id,
                "deployment": wanted[manifest.id].full_name,
                "idempotency_key": f"rehearsal-{plan_.fingerprint(identity)[:16]}",
                **asked,
            }
        )
    return rehearsals
