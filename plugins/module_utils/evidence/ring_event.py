# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects what the bundle of a promotion, a rollback or a refusal holds: from the ledger, the store and the server."""

from __future__ import annotations

import dataclasses
import json
import shlex
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import (
    ring_reading,
    ring_release,
    ring_summary,
    ring_violations,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import (
    COMMANDS,
    METADATA,
    SUMMARY,
    Bundle,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import mask
from ansible_collections.hotpass.prefect.plugins.module_utils.release import artifact, clock, gates
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain, Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Kind
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring import Ring
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

PLAN: t.Final = "plan.json"

Json = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Refusal:
    """What was refused without a generation.

    :param action: what was asked for: ``promote``, ``rollback`` or another action of the ring.
    :param release: its digest, where one was named or found.
    :param reason: the sentence that whoever asked was given.
    :param at: when, as the ledger writes instants.
    """

    action: str
    release: str | None
    reason: str
    at: str


def collect(
    ring: Ring,
    bundle: Bundle,
    params: t.Mapping[str, t.Any],
    chain: Chain,
    event: int | Refusal,
    *,
    signed: bool = True,
) -> Json:
    """Fill the bundle of one event, all but its seal.

    :param params: ``documents`` with ``plan``, what was planned; ``tests_dir``, below which the outputs of tests are,
        by generation.
    :param chain: the ledger, with the records of the generation in it.
    :param event: the number of a generation that has settled, or what was refused without one.
    :param signed: whether the bundle will be; in one that is not, nothing signed is judged.
    :returns: the summary.
    :raises CollectionError: when the server or the store does not answer. What they do not have is noted.
    """
    bundle.write(ring_summary.LEDGER, ring_summary.ledger_document(chain))
    if isinstance(event, Refusal):
        summary = _refusal(ring, bundle, chain, event, signed)
    else:
        summary = _generation(ring, bundle, params, chain, chain.generation(event), signed)
    documents = params.get("documents") or {}
    if isinstance(event, Refusal) or event == params.get("generation"):
        _documents(bundle, documents)
    bundle.write(SUMMARY, summary)
    bundle.write(COMMANDS, _commands(bundle, summary))
    bundle.write(METADATA, _metadata(ring, summary))
    _notes(bundle, summary)
    return summary


def _refusal(ring: Ring, bundle: Bundle, chain: Chain, event: Refusal, signed: bool) -> Json:
    if event.release is not None:
        if ring_release.found(ring, event.release) is not None:
            ring_release.write_manifest(ring, bundle, event.release)
        ring_release.write_statements(ring, bundle, event.release, None)
    asked = {**dataclasses.asdict(event), "requested_by": ring.actor().to_json()}
    return ring_violations.of_refusal(_seen(ring, bundle, ring_summary.Raw(chain), {}, signed), asked)


def _generation(
    ring: Ring,
    bundle: Bundle,
    params: t.Mapping[str, t.Any],
    chain: Chain,
    generation: Generation,
    signed: bool,
) -> Json:
    release, before = generation.release, _before(chain, generation)
    flows: set[str] = set()
    if release is not None:
        ring_release.write_statements(ring, bundle, release, generation)
        flows = _release(ring, bundle, release, before, generation.kind)
    wrote = ring_summary.wrote(generation)
    tags = [record.detail["tag"] for record in chain.permits(generation.number)]
    deployments = runs = None
    states: dict[str, list[Json]] = {}
    if wrote and flows:
        there = ring_reading.deployments(ring.session, flows)
        own = ring_reading.owned(there, f"{ring.solution}/{ring.name}")
        deployments = [mask(row) for row in own]
        bundle.write(ring_summary.DEPLOYMENTS, deployments)
        strangers = {row["id"] for row in there} - {row["id"] for row in own}
        found = ring_reading.permitted_runs(ring.session, tags, flows, strangers)
        states = ring_reading.shown_states(ring_reading.histories(ring.session, found), found)
        runs = ring_reading.shown_runs(found)
        bundle.write(ring_summary.RUNS, runs)
        bundle.write(ring_summary.STATES, states)
    _outputs(bundle, params.get("tests_dir"), generation)
    raw = ring_summary.Raw(chain, runs or [], deployments)
    return ring_violations.of_generation(_seen(ring, bundle, raw, states, signed), generation.number)


def _seen(
    ring: Ring, bundle: Bundle, raw: ring_summary.Raw, states: t.Mapping[str, list[Json]], signed: bool
) -> ring_violations.Seen:
    files = [name for name in bundle.names() if name.startswith(ring_release.STATEMENTS)]
    envelopes = {name: bundle.read(name) for name in files}
    return ring_violations.Seen(raw, states, envelopes, ring.trust if signed else None)


def _before(chain: Chain, generation: Generation) -> str | None:
    """The release that was Active before a generation became so, or would have."""
    earlier = [other.release for other in chain.verified if other.number < generation.number]
    return earlier[-1] if earlier else None


def _release(ring: Ring, bundle: Bundle, digest: str, before: str | None, kind: Kind) -> set[str]:
    """Write what the store tells of the release; returns the names of the flows of it and of the one before.

    A rollback fetches no release: what it changed is in its plan, and how the two differ in the evidence of the
    promotion that it takes back.
    """
    after, earlier = ring_release.found(ring, digest), ring_release.found(ring, before)
    if after is None:
        bundle.note(f"{digest} is not in the store {ring.store.address}, or is no release, so its manifest is missing.")
    else:
        ring_release.write_manifest(ring, bundle, digest)
    if before is not None and earlier is None:
        bundle.note(f"{before}, which was Active before, is not in the store {ring.store.address} any more.")
    if after is not None and earlier is not None and before != digest:
        bundle.write(ring_release.SBOM_DIFF, ring_release.sbom_diff(ring.store, earlier, after))
        if kind is Kind.PROMOTE:
            bundle.write(ring_release.MANIFESTS_DIFF, ring_release.manifests_diff(ring.store, earlier, after))
    return _flows(after) | _flows(earlier)


def _flows(release: artifact.Release | None) -> set[str]:
    return {code.name for code in release.config.flows.values()} if release is not None else set()


def _outputs(bundle: Bundle, directory: str | None, generation: Generation) -> None:
    """Copy the outputs of tests that the ledger names; one that is another now, or elsewhere, is noted."""
    verdict = gates.verdicts_of(generation).get("tests", {})
    for name, output in sorted((verdict.get("detail") or {}).items()):
        if not isinstance(output, dict) or "output" not in output:
            continue
        file = Path(directory or ".").expanduser() / str(generation.number) / f"tests-{name}.log"
        try:
            data = file.read_bytes() if directory else b""
        except OSError:
            data = b""
        if digest_of(data) == output["output"]:
            bundle.write(f"gates/tests-{name}.log", data)
        else:
            bundle.note(f"The output of the test {name} is not on this controller; its sha256 is {output['output']}.")


def _documents(bundle: Bundle, documents: t.Mapping[str, t.Any]) -> None:
    for name, document in documents.items():
        if name != "plan":
            raise CollectionError(f"documents has {str(name)[:60]!r}; allowed is plan.")
        if document:
            bundle.write(PLAN, mask(document))


def _metadata(ring: Ring, summary: Json) -> Json:
    """Who, when and what; sealing adds what it knows itself."""
    return {
        "what": f"{summary['kind']} in ring {ring.name} of {ring.solution}",
        "state": summary["state"],
        "began": summary.get("began", summary["ended"]),
        "ended": summary["ended"],
        "collected_at": clock.text(clock.now()),
        "collected_by": ring.actor().to_json(),
        "requested_by": summary["requested_by"],
        "server": mask(ring.session.connection.api_url),
        "store": mask(ring.store.address),
        "screenshot": False,
        "screenshot_reason": "a ring's bundle shows no page of the Prefect UI",
    }


def _commands(bundle: Bundle, summary: Json) -> str:
    """What a person runs to do it again, to look at the ring, and to verify the bundle."""
    inventory = f"-i inventories/{bundle.ring}"
    release = f" -e release={summary['release']}" if summary["release"] else ""
    lines = ["#!/bin/sh", "# From the checkout of the solution, with the inventory of the ring.", "set -eu", ""]
    if summary.get("rolls_back") or summary.get("action") == "rollback":
        again = f"ansible-playbook playbooks/rollback.yml {inventory}{release} -e {_reason(summary)}"
    elif summary.get("action") == "veto":
        again = f"ansible-playbook playbooks/veto.yml {inventory}{release} -e {_reason(summary)}"
    else:
        again = f"ansible-playbook playbooks/promote.yml {inventory}{release}"
    number = summary["generation"]
    lines += [
        "# What was asked for:",
        f"# {again}",
        "",
        "# What the ring's ledger says:",
        f"ansible-playbook playbooks/status.yml {inventory} -e history={max(5, number or 5)}",
        "",
        "# Whether this bundle is whole and every claim of it follows from its raw data; no server is asked:",
        f'ansible-playbook playbooks/verify_evidence.yml {inventory} -e bundle="$(cd "$(dirname "$0")" && pwd)"',
        "",
    ]
    return "\n".join(lines)


def _reason(summary: Json) -> str:
    """The reason as one word of a shell that Ansible reads as variables."""
    return shlex.quote(json.dumps({"reason": summary["reason"] or ""}))


def _notes(bundle: Bundle, summary: Json) -> None:
    number, state, reason = summary["generation"], summary["state"], summary["reason"] or "no reason was given"
    if number is None:
        bundle.note(f"Refused, and no generation was begun: {reason}")
    elif state != State.ACTIVE.value:
        bundle.note(f"Generation {number} ended as {state}: {reason}")
    for violation in summary.get("violations", ()):
        bundle.note(f"Violation: {violation}.")
    if not summary["live"]:
        bundle.note(f"Not live: {summary['live_reason']}.")
    for statement in summary["unbelieved"]:
        bundle.note(f"{statement['file']} counts for nothing: {statement['why']}")
    if summary["degraded"]:
        bundle.note("The ring was degraded: a rollback had failed, and nothing had put it right.")
    for digest in summary["held"] if isinstance(summary["held"], list) else ():
        bundle.note(f"{digest} is held in the ring because of it.")
    deployments = summary.get("deployments")
    if state == State.ACTIVE.value and deployments and deployments["total"] != deployments["of_the_release"]:
        bundle.note(
            f"Only {deployments['of_the_release']} of {deployments['total']} deployments were of the release when they "
            "were read back: the bundle was sealed late, or somebody changed them."
        )
