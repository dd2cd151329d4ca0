# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is a Prefect server fit to be deployed to? One answer for each question that is asked."""

from __future__ import annotations

import dataclasses
import json
import time
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.errors import ApiError, Unavailable, Unreachable
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.findings import (
    Finding,
    Ward,
    failed,
    passed,
    until,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.health_of_work import (
    check_deployments,
    check_worker,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.scheduler_probe import check_scheduler
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.versions import parse_version, satisfies
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome

_INSTALLED = "import importlib.metadata as metadata, json; print(json.dumps(metadata.version('prefect')))"


def check_health(params: dict[str, t.Any], context: Context) -> Outcome:
    """Make the checks that are asked for, in their order.

    :raises CollectionError: when one does not pass and ``fail`` is true, or the arguments leave a check without its
        object.
    """
    _insist_on_objects(params, context)
    findings = []
    with Session(Connection.from_params(params)) as session:
        ward = Ward(session, context, params, params["wait_timeout"])
        for check in params["checks"]:
            began = time.monotonic()
            finding = _examine(check, ward)
            context.tell(f"{finding.verdict}: {finding.message} ({time.monotonic() - began:.1f} s)")
            findings.append(finding)
    result = {"healthy": all(f.verdict == "pass" for f in findings), "checks": [f.to_result() for f in findings]}
    if params["fail"] and not result["healthy"]:
        bad = [finding for finding in findings if finding.verdict != "pass"]
        said = " ".join(f"{finding.check} ({finding.verdict}): {finding.message}. {finding.remedy}" for finding in bad)
        raise CollectionError(f"{len(bad)} of {len(findings)} health checks did not pass. {said}", **result)
    return Outcome(changed=False, result=result)


def _insist_on_objects(params: dict[str, t.Any], context: Context) -> None:
    """A check without an object would find nothing wrong; it has to be refused."""
    checks = params["checks"]
    if not checks:
        raise CollectionError("checks is empty, and a server that was asked nothing is not healthy; name at least one.")
    needs = {
        "version": ("version or client_python", params.get("version") or params.get("client_python")),
        "worker": ("work_pool", params.get("work_pool")),
        "deployments": ("deployments with at least one name", params.get("deployments")),
    }
    for check, (what, given) in needs.items():
        if check in checks and not given:
            raise CollectionError(f"The check {check} needs {what}.")
    if context.check and "scheduler" in checks:
        raise CollectionError(
            "The check scheduler deploys a probe, which check mode forbids; leave it out of checks there."
        )
    if not 0 <= params["wait_timeout"] <= 3600:
        raise CollectionError(f"wait_timeout is {params['wait_timeout']}; allowed are 0 to 3600 seconds.")


def _examine(check: str, ward: Ward) -> Finding:
    try:
        return CHECKS[check](ward)
    except CollectionError as error:
        said, _stop, advice = error.message.partition(". ")
        return Finding(check, "error", said.rstrip("."), advice or "Ask again when the server answers.")


def _without_retries(ward: Ward) -> Session:
    """The waiting is done here, by looking again."""
    return Session(dataclasses.replace(ward.session.connection, retries=0))


def _check_api(ward: Ward) -> Finding:
    remedy = "Start the server, or set api_url (PREFECT_API_URL) to its address."

    def look() -> Finding:
        try:
            answer = session.get("/health")
        except (Unreachable, ApiError) as error:
            return failed("api", error.message.partition(". ")[0], remedy)
        if answer is not True:
            return failed("api", f"GET /health was answered with {json.dumps(answer)[:100]} instead of true", remedy)
        return passed("api", f"{ward.session.connection.api_url} answers")

    with _without_retries(ward) as session:
        return until(ward, "the server to answer", look)


def _check_database(ward: Ward) -> Finding:
    def look() -> Finding:
        try:
            session.get("/ready")
        except Unavailable as error:
            return failed("database", f"the server cannot use its database ({error.said})", "Look at the server's log.")
        return passed("database", "the database answers")

    with _without_retries(ward) as session:
        return until(ward, "the server's database", look)


def _check_version(ward: Ward) -> Finding:
    server = str(ward.session.get("/admin/version"))
    wanted = ward.params.get("version")
    if wanted and not satisfies(server, wanted):
        return failed(
            "version",
            f"the server runs Prefect {server}, wanted is {wanted}",
            "Install that version and start the server again, or change version.",
        )
    python = ward.params.get("client_python")
    if python:
        client = _client_version(python, ward)
        if parse_version(client) != parse_version(server):
            return failed(
                "version",
                f"the server runs Prefect {server}, the client of {python} is {client}",
                "Install the same version on both sides and start the server again.",
            )
    return passed("version", f"the server runs Prefect {server}")


def _client_version(python: str, ward: Ward) -> str:
    try:
        answer = ward.context.run_command([python, "-c", _INSTALLED])
        if answer.rc == 0:
            return str(json.loads(answer.stdout))
        reason = answer.stderr.strip().rpartition("\n")[2]
    except OSError as error:
        reason = str(error.strerror)
    raise CollectionError(f"No version of Prefect was found with {python} ({reason}). Install Prefect there.")


CHECKS: dict[str, t.Callable[[Ward], Finding]] = {
    "api": _check_api,
    "database": _check_database,
    "version": _check_version,
    "scheduler": check_scheduler,
    "worker": check_worker,
    "deployments": check_deployments,
}
