# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The room of ``hotpass_guardrail``: checks the guardrails of a deployment, or restores them."""

from __future__ import annotations

import pathlib
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import restoring
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.declared import Declared
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.judging import judge, judge_declared
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.observation import observe
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.report import Bounds, Report
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.sampling import find_deployment, sample
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests import load
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, reading
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.naming import full_names, listed
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.reading import Row
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import mask
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome

Params = t.Mapping[str, t.Any]

_OF_THE_RING = ("work_pool_limit", "work_queue_limit", "shared_limit_value")


def ensure(params: Params, context: Context) -> Outcome:
    """Check or restore the guardrails of one deployment.

    :raises CollectionError: when a verdict is one of ``fail_on``, with every check that led to it; when the options
        contradict each other; and see :func:`observation.observe` and :func:`restoring.restore`.
    """
    if (params["manifest_dir"] is None) != (params["flow"] is None):
        raise CollectionError("manifest_dir and flow belong together: the directory, and the id of one manifest in it.")
    if params["declared"] is not None:
        given = [name for name in _OF_THE_RING if params[name] is not None]
        if given:
            raise CollectionError(f"{given[0]} belongs to a manifest; in declared it has its own key.")
    bounds = Bounds.from_json(
        {**(params["bounds"] or {}), **{key: params[key] for key in ("exercise", "lineage") if params[key] is not None}}
    )
    with Session(Connection.from_params(params)) as session:
        row, declared = _deployment(session, params)
        if params["state"] == "restored":
            return restoring.restore(session, row, declared, params["reset_slots"], bounds, context.check)
        return _checked(session, params, row, declared, bounds)


def _checked(session: Session, params: Params, row: Row, declared: Declared, bounds: Bounds) -> Outcome:
    documents: dict[str, t.Any] = {}
    if params["observe"]:
        observation = observe(
            session,
            row,
            run_ids=params["run_ids"],
            since=params["since"],
            until=params["until"],
            samples=params["samples"],
            concurrency_key=declared.concurrency_key,
            work_queue=params["work_queue"],
            bounds=bounds,
        )
        documents = observation.to_documents()
        report = judge(observation, declared, bounds=bounds)
    else:
        taken = sample(session, row, declared.concurrency_key, params["work_queue"])
        named = mask({**row, "full_name": full_names(session, [row])[0]})
        report = judge_declared(named, taken, declared)
    result = {
        "verdict": report.verdict,
        "report": report.to_json(),
        "declared": declared.to_json(),
        "bounds": bounds.to_json(),
        "documents": documents,
    }
    if report.verdict in params["fail_on"]:
        raise CollectionError(_sentence(declared, report), changed=False, **result)
    return Outcome(changed=False, result=result)


def _sentence(declared: Declared, report: Report) -> str:
    said = " ".join(check.sentence() for check in report.not_passed())
    return f"The guardrails of {declared.deployment}: {report.verdict}. {said}"


def _deployment(session: Session, params: Params) -> tuple[Row, Declared]:
    """The deployment on the server, and what is declared for it.

    :raises CollectionError: when either cannot be had.
    """
    name = params["deployment"]
    if params["declared"] is not None:
        declared = Declared.from_json({"deployment": name, **params["declared"]})
        return find_deployment(session, name or declared.deployment), declared
    base = params["base_dir"]
    loaded = load.load_selection(
        pathlib.Path(params["manifest_dir"]), [params["flow"]], pathlib.Path(base) if base else None
    )
    manifest = loaded[0].manifest
    if name is None and manifest.flow_name is not None:
        name = f"{manifest.flow_name}/{manifest.name}"
    row = find_deployment(session, name) if name is not None else _only(session, manifest.name)
    declared = Declared.from_manifest(
        manifest,
        deployment=f"{manifest.flow_name}/{manifest.name}" if manifest.flow_name else None,
        **{option: params[option] for option in _OF_THE_RING},
    )
    return row, declared


def _only(session: Session, name: str) -> Row:
    """The only deployment with a name, whatever its flow is called."""
    rows = reading.read_all(session, reading.DEPLOYMENTS, filters.deployments(names=[name]))
    if len(rows) == 1:
        return rows[0]
    if rows:
        raise CollectionError(
            f"{len(rows)} deployments are called {name!r}: {listed(full_names(session, rows))}; give deployment."
        )
    raise CollectionError(f"There is no deployment {name!r}; deploy it first (playbooks/deploy.yml).")
