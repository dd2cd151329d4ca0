# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The room of ``hotpass_backfill``: windows in, one flow run for each, and an account of all of them out."""

from __future__ import annotations

import contextlib
import functools
import pathlib
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.backfill import entries, guard, local, reporting, settings
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.driving import Driver, Pace
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.entries import Entry
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.keys import fingerprint, run_key
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.progress import Progress
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.sampler import Sampler
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.settings import Settings
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests import load
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.model import Manifest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import run_start
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.errors import NoServer, Unreachable
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.naming import listed
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.reading import Row
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import secrets_in
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome

Params = dict[str, t.Any]

_REMEDY = "Check api_url (PREFECT_API_URL), or allow fallback: local, which runs the same code here without Prefect."


def ensure(params: Params, context: Context) -> Outcome:
    """Run the windows that are not done yet, and wait for all of them.

    :param params: the validated options of ``hotpass_backfill``.
    :raises CollectionError: when a window failed, or the backfill could not begin or go on. Its details hold the same
        as the result of a success, as far as it got.
    """
    config = settings.read_options(params)
    settings.windows_of(params, config)
    manifest = _manifest(params)
    secrets = secrets_in([config.base_config, config.parameters, manifest.parameters if manifest else None])
    connection = Connection.from_params(params)
    with Session(connection) as session:
        try:
            name = params["deployment"] or config.deployment_name or (manifest.name if manifest else None)
            if name is None:
                raise CollectionError(
                    "Name the deployment: deployment, manifest_dir, or deployment_name in the config."
                )
            deployment, title = run_start.find_by_name(session, name)
        except Unreachable as error:
            # A server that is slow, or whose certificate is not trusted, is there all the same.
            if params["fallback"] != "local" or not isinstance(error, NoServer):
                remedy = f" {_REMEDY}" if params["fallback"] != "local" else ""
                raise CollectionError(f"Nothing was run. {error.message}{remedy}", **reporting.nothing()) from None
            with _hidden(secrets):
                outcome = local.without_prefect(params, context, config, manifest, error)
            outcome.secrets = secrets
            return outcome
        declared = deployment.get("parameters") or {}
        secrets |= secrets_in(declared)
        with _hidden(secrets):
            wanted = settings.settle(params, config, declared)
            if manifest is not None:
                guard.check_declared(manifest, deployment, title)
            outcome = _with_prefect(params, context, session, deployment, title, wanted)
    outcome.secrets = secrets
    return outcome


@contextlib.contextmanager
def _hidden(secrets: set[str]) -> t.Iterator[None]:
    """Let no error quote the secrets."""
    try:
        yield
    except CollectionError as error:
        error.details["secrets"] = secrets
        raise


def _with_prefect(
    params: Params, context: Context, session: Session, deployment: Row, title: str, wanted: Settings
) -> Outcome:
    run_start.check_names(session, {**wanted.overrides, "runs": []}, params["work_queue"], deployment, title)
    limits = guard.look(session, wanted, deployment, title)
    progress = Progress(context.tell, None if context.check else params["log_path"])
    sampler = Sampler(session, deployment, wanted.concurrency_key, params["work_queue"])
    print_ = fingerprint(settings.key_parameters(wanted))
    keys = functools.partial(run_key, deployment["id"], print_, wanted.batch)
    driver = Driver(
        session,
        deployment,
        [Entry(number, window, functools.partial(keys, window)) for number, window in enumerate(wanted.windows, 1)],
        _pace(params, wanted),
        progress,
        sampler,
        body=_body(params),
        overrides=wanted.overrides,
    )
    driver.survey()
    outcome = Outcome(changed=False, warnings=list(wanted.warnings))
    todo = [entry for entry in driver.entries if entry.row is None]
    absent = reporting.look_for_archives(params, wanted, todo, outcome, context.check)
    progress.say(_opening(title, wanted, driver, params["ahead"], context.check))

    def report() -> dict[str, t.Any]:
        return {
            **reporting.account(driver.entries, 0.0 if context.check else driver.seconds, "prefect", absent),
            "limit_samples": sampler.samples,
            "deployment": title,
            "stopped": driver.stopped,
            "api": {"requests": session.requests},
        }

    outcome.diff = limits.diff() + reporting.diff_of_runs(title, todo)
    if context.check:
        outcome.changed = bool(todo) or limits.missing
        outcome.result = report()
        return outcome
    try:
        outcome.changed = guard.make(session, limits, wanted)
        driver.drive()
    except CollectionError as error:
        changed = outcome.changed or any(entry.created for entry in driver.entries)
        error.details.update(report(), changed=changed)
        raise
    outcome.changed = outcome.changed or any(entry.created for entry in driver.entries)
    outcome.result = report()
    return reporting.closed(outcome, driver.entries, progress)


def _manifest(params: Params) -> Manifest | None:
    if not params["manifest_dir"]:
        return None
    base = pathlib.Path(params["base_dir"]) if params["base_dir"] else None
    manifests = {
        one.manifest.id: one.manifest for one in load.load_selection(pathlib.Path(params["manifest_dir"]), None, base)
    }
    if params["flow"] not in manifests:
        raise CollectionError(
            f"There is no manifest {params['flow']!r} in {params['manifest_dir']}, so there is no deployment to replay "
            f"archives with; there are: {listed(manifests)}.",
            **reporting.nothing(),
        )
    return manifests[params["flow"]]


def _pace(params: Params, wanted: Settings) -> Pace:
    return Pace(
        in_flight=wanted.at_once + params["ahead"],
        on_error=params["on_error"],
        rerun=params["rerun"],
        poll=params["poll"],
        wait_timeout=params["wait_timeout"],
        stall_timeout=params["stall_timeout"],
        outage_timeout=params["outage_timeout"],
    )


def _body(params: Params) -> dict[str, t.Any]:
    body: dict[str, t.Any] = {"tags": sorted({"backfill", *(params["tags"] or ())})}
    if params["work_queue"] is not None:
        body["work_queue_name"] = params["work_queue"]
    return body


def _opening(title: str, wanted: Settings, driver: Driver, ahead: int, check: bool) -> str:
    figures = entries.metrics(driver.entries, 0.0)
    first, last = wanted.windows[0], wanted.windows[-1]
    more = f" and {ahead} ahead" if ahead else ""
    would = "would run" if check else "to run"
    return (
        f"{title}: {len(wanted.windows)} windows from {first} to {last}: {figures['successful_runs']} done, "
        f"{figures['failed_runs']} failed, {figures['in_flight_runs']} in flight, {figures['not_run']} {would}; at "
        f"most {wanted.at_once} at once{more}, limit {wanted.limit_name}"
    )
