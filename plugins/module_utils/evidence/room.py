# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The room of ``hotpass_evidence``: capture, seal, verify, upload and log bundles.

What only some states need is imported when they ask for it.
"""

from __future__ import annotations

import getpass
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import uploading
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import SUMMARY, Bundle
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.chain import verify_chain
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.options import RING_KINDS
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.seal import seal
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.sealable import see_sealable
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.verify import Findings, verify
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release.key_options import (
    signing_key_from_params,
    trust_from_params,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Actor
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome

Params = dict[str, t.Any]


def manage(params: Params, context: Context) -> Outcome:
    """Bring a bundle into a state, or see that it is.

    :raises CollectionError: when it cannot be, or does not verify.
    """
    return _WORKS[params["state"]](params, context)


def bundle_from_params(params: Params) -> Bundle:
    """The bundle that a task's arguments name.

    :raises CollectionError: when they name none.
    """
    if not params.get("name"):
        raise CollectionError("The bundle needs a name: the moment of the event in UTC, such as 20261122T073000Z.")
    return Bundle(params["evidence_dir"], params["ring"], params["kind"], params["name"])


def fill(bundle: Bundle, params: Params) -> None:
    """Write what a task's arguments hold into a bundle: documents, files and notes.

    :raises CollectionError: for a name or a content that cannot stand there, or a file that cannot be read.
    """
    for name, content in params["documents"].items():
        bundle.write(name, content)
    for name, path in params["files"].items():
        try:
            data = Path(str(path)).expanduser().read_bytes()
        except OSError as error:
            raise CollectionError(f"{path} cannot be read into the bundle as {name}: {error.strerror}.") from None
        bundle.write(name, data)
    for sentence in params["notes"]:
        bundle.note(sentence)


def _capture(params: Params, context: Context) -> Outcome:
    from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.capture import capture

    return capture(params, context)


def _seal(params: Params, context: Context) -> Outcome:
    if params["kind"] in RING_KINDS:
        from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import ring_sealing

        if not params.get("store"):
            raise CollectionError(f"A bundle of the kind {params['kind']} needs the ring's store; set store.")
        return ring_sealing.seal(params, context)
    bundle = bundle_from_params(params)
    before = bundle.sealed
    if context.check:
        see_sealable(params)
        return Outcome(changed=not before, result={"evidence": {"path": str(bundle.final), "sealed": before}})
    if not before and not bundle.being_sealed:
        fill(bundle, params)
    key = signing_key_from_params(params)
    with Session(Connection.from_params(params)) as session:
        sealed = seal(
            bundle,
            session,
            solution=params["solution"],
            key=key,
            trust=trust_from_params(params),
            actor=_actor(params, key.name if key else None, key.key_id if key else None),
            verdict=_verdict(params, bundle),
            live=_live(params, bundle),
            live_reason=params["live_reason"],
            generation=params.get("generation"),
            release=params.get("release"),
        )
    return Outcome(
        changed=sealed.changed,
        result={"evidence": {**sealed.to_json(), "sealed": True}},
        warnings=list(sealed.warnings),
    )


def _actor(params: Params, name: str | None, key_id: str | None) -> Actor:
    user = params.get("actor_user") or getpass.getuser()
    return Actor(name=name or user, key_id=key_id, user=user, job=params.get("actor_job"))


def _verdict(params: Params, bundle: Bundle) -> str:
    """The verdict that was given, else the one of the summary."""
    found = params.get("verdict")
    if found is None and SUMMARY in bundle.names():
        summary = bundle.document(SUMMARY)
        found = summary.get("verdict") if isinstance(summary, dict) else None
    if not isinstance(found, str):
        raise CollectionError(f"The bundle {bundle.directory} has no verdict; give one, or write it into {SUMMARY}.")
    return found


def _live(params: Params, bundle: Bundle) -> bool:
    """Whether all of it was done for real; never assumed."""
    found = params.get("live")
    if found is None and "metadata.json" in bundle.names():
        metadata = bundle.document("metadata.json")
        found = metadata.get("live") if isinstance(metadata, dict) else None
    return found is True


def _verify(params: Params, _context: Context) -> Outcome:
    trust = trust_from_params(params)
    directory = Path(params["bundle"]).expanduser().absolute()
    if not params["chain"]:
        if params.get("checkpoint"):
            raise CollectionError(
                "checkpoint is for a whole chain; set chain: true, and bundle to the directory of it."
            )
        findings = verify(directory, trust)
        _belongs(findings, params)
        try:
            findings.insist()
        except CollectionError as error:
            error.details["evidence"] = findings.to_json()
            raise
        return Outcome(changed=False, result={"evidence": findings.to_json()})
    chain = verify_chain(
        directory,
        trust,
        solution=params.get("solution"),
        ring=params.get("ring"),
        checkpoint=params.get("checkpoint"),
    )
    result = chain.to_json()
    if chain.problems:
        more = f" And {len(chain.problems) - 1} more." if len(chain.problems) > 1 else ""
        raise CollectionError(
            f"The bundles below {directory} are no whole chain: {chain.problems[0]}{more}",
            evidence=result,
            problems=list(chain.problems),
        )
    return Outcome(changed=False, result={"evidence": result})


def _belongs(findings: Findings, params: Params) -> None:
    """Insist that a bundle is of the ring and the solution that it was asked for, when any were."""
    for option in ("ring", "solution"):
        wanted = params.get(option)
        if findings.predicate is not None and wanted and findings.predicate[option] != wanted:
            raise CollectionError(
                f"The bundle {findings.directory} is of {option} {findings.predicate[option]}, not of {wanted}."
            )


def _log(params: Params, context: Context) -> Outcome:
    from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.papers import log

    return log(params, context)


def _upload(params: Params, context: Context) -> Outcome:
    return uploading.upload(params, trust_from_params(params), context.check)


_WORKS: dict[str, t.Callable[[Params, Context], Outcome]] = {
    "captured": _capture,
    "sealed": _seal,
    "verified": _verify,
    "uploaded": _upload,
    "logged": _log,
}
