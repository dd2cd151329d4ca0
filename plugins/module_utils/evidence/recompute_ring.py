# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bundle of a promotion, a rollback or a refusal claims, computed once more from the raw data beside it.

The ledger is folded again from its first record, so every step is one that the table of states allows and every record
is the one that its digest names; the statements, the permits' runs, the outputs of tests and the release's manifest are
held against it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import recompute_approvals, ring_summary
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute import Documents
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.ring_release import (
    MANIFEST,
    SBOM_DIFF,
    STATEMENTS,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import same
from ansible_collections.hotpass.prefect.plugins.module_utils.release import clock, gates, predicates, statements, trust
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain, Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.judging import CLOCK_SKEW
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Record
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

Problems = t.Iterator[str]
Json = dict[str, t.Any]

_SEALED = ("kind", "solution", "ring", "generation", "release", "verdict")
_ASKED = ("action", "release", "reason", "requested_by")
_OUTPUTS = "gates/"
_ROLES: t.Final[t.Mapping[str, tuple[str, ...]]] = {
    predicates.PROVENANCE: (trust.BUILDER,),
    predicates.PROMOTION: (trust.PROMOTER,),
    predicates.ROLLBACK: (trust.PROMOTER,),
    predicates.APPROVAL: (trust.APPROVER,),
    predicates.VETO: (trust.PROMOTER, trust.APPROVER),
}


def recompute(documents: Documents) -> list[str]:
    """Sentences on every claim that the raw data do not bear out; none when all of them are borne out.

    :raises CollectionError, KeyError: when raw data that a claim needs are missing, or the ledger is no chain.
    """
    chain = ring_summary.chain_of(documents[ring_summary.LEDGER])
    summary = documents["summary.json"]
    number = documents.predicate["generation"]
    if number is None:
        expected = ring_summary.of_refusal(ring_summary.Raw(chain), _asked(summary))
        return [*_claims(summary, expected, documents.predicate), *_release(documents, summary.get("release"))]
    raw = ring_summary.Raw(chain, documents.get(ring_summary.RUNS, []), documents.get(ring_summary.DEPLOYMENTS))
    expected = ring_summary.of_generation(raw, number)
    generation = chain.generation(number)
    return [
        *_claims(summary, expected, documents.predicate),
        *_gates(generation, expected),
        *recompute_approvals.problems(chain, generation, documents.trust),
        *_statements(documents, chain, generation, expected),
        *_runs(documents, chain, generation),
        *_outputs(documents, generation),
        *_release(documents, generation.release),
    ]


def _asked(summary: Json) -> Json:
    return {**{key: summary[key] for key in _ASKED}, "at": summary["ended"]}


def _claims(summary: Json, expected: Json, predicate: t.Mapping[str, t.Any]) -> Problems:
    for key in sorted(summary.keys() | expected.keys()):
        if key not in expected:
            yield f"summary.json claims {key}, which nothing bears out"
        elif key not in summary:
            yield f"summary.json does not say {key}, which is {_shown(expected[key])}"
        elif not same(summary[key], expected[key]):
            yield f"summary.json says that {key} is {_shown(summary[key])}, and by the raw data it is " + _shown(
                expected[key]
            )
    for key in _SEALED:
        if predicate.get(key) != expected[key]:
            yield f"the seal says that {key} is {_shown(predicate.get(key))}, and by the raw data it is " + _shown(
                expected[key]
            )


def _gates(generation: Generation, expected: Json) -> Problems:
    """Nothing becomes Active, or is written, past a gate that does not say pass."""
    known = gates.verdicts_of(generation)
    asked = set(expected["gates_asked"]) | set(known)
    if expected["wrote"] and not asked >= set(gates.ALWAYS):
        yield f"generation {generation.number} wrote to the server without the gates {', '.join(gates.ALWAYS)}"
    for name in sorted(asked):
        before = gates.GATES[name].before if name in gates.GATES else State.ACTIVE
        reached = expected["wrote"] if before is State.DEPLOYING else expected["state"] == State.ACTIVE.value
        verdict = known[name]["verdict"] if name in known else "not asked"
        if reached and verdict != "pass":
            yield f"generation {generation.number} passed the gate {name}, which says {verdict}"


def _statements(documents: Documents, chain: Chain, generation: Generation, expected: Json) -> Problems:
    """Every statement in the bundle is trusted and says what the ledger says; the end of the generation has one."""
    told = False
    for name in sorted(documents):
        if not name.startswith(STATEMENTS):
            continue
        envelope = documents.raw(name)
        said = statements.peek(envelope)
        kind = str(said["predicateType"])
        if kind == predicates.APPROVAL:
            # Who may approve is judged with the approvals; one that does not count is kept and not believed.
            continue
        try:
            statements.verify(envelope, documents.trust, _ROLES[kind])
        except CollectionError as error:
            if kind in (predicates.PROMOTION, predicates.ROLLBACK):
                yield f"{name} cannot be believed: {error.message}"
            continue
        if kind in (predicates.PROMOTION, predicates.ROLLBACK):
            predicate = said["predicate"]
            problems = list(_outcome(name, predicate, statements.release_of(said), chain, generation))
            yield from problems
            told = told or (not problems and predicate["ledgerRecord"] == expected["record"])
    if not told and expected["state"] == State.ACTIVE.value and expected["ended_by"].get("key_id"):
        yield f"no statement in the bundle says that generation {generation.number} became Active"


def _outcome(name: str, said: Json, release: str, chain: Chain, generation: Generation) -> Problems:
    ends = {record.digest: record for record in generation.transitions}
    end: Record | None = ends.get(said["ledgerRecord"])
    if end is None:
        yield f"{name} is about a record that generation {generation.number} does not have"
        return
    earlier = [other.release for other in chain.verified if other.number < generation.number]
    wanted: Json = {
        "solution": chain.solution,
        "ring": chain.ring,
        "generation": generation.number,
        "release": generation.release,
        "kind": generation.kind.value,
        "result": end.state.value if end.state else None,
        "requestedAt": generation.requested_at,
        "activeAt": end.at if end.state is State.ACTIVE else None,
        "previousRelease": earlier[-1] if earlier else None,
        "approvals": [digest_of(canonical(record.detail["envelope"])) for record in chain.approvals(generation.number)],
    }
    if release != generation.release:
        yield f"{name} is about the release {release}, and generation {generation.number} about {generation.release}"
    for key, value in wanted.items():
        if said[key] != value:
            yield f"{name} says that {key} is {_shown(said[key])}, and by the ledger it is {_shown(value)}"
    verdicts = {gate["name"]: gate["verdict"] for gate in said["gates"]}
    known = {gate: entry["verdict"] for gate, entry in gates.verdicts_of(generation).items()}
    if end is generation.transitions[-1] and verdicts != known:
        yield f"{name} says that the gates said {_shown(verdicts)}, and by the ledger they said {_shown(known)}"


def _runs(documents: Documents, chain: Chain, generation: Generation) -> Problems:
    """The runs that entered before the release was Active had a permit, kept to it, and did what the gate says."""
    runs = documents.get(ring_summary.RUNS, [])
    states = documents.get(ring_summary.STATES, {})
    permits = {record.detail["tag"]: record for record in chain.permits(generation.number)}
    used = dict.fromkeys(permits, 0)
    for run in runs:
        tags = [tag for tag in run["tags"] if tag in permits]
        if len(tags) != 1:
            how_many = "several permits" if tags else "no permit"
            yield f"run {run['id']} has {how_many} of generation {generation.number}"
            continue
        used[tags[0]] += 1
        started = run.get("start_time")
        permit = permits[tags[0]]
        if started and not (
            clock.parse(permit.at) - CLOCK_SKEW <= clock.parse(started) <= clock.parse(permit.detail["expires"])
        ):
            yield f"run {run['id']} began at {started}, when its permit {tags[0]} did not hold"
    for tag, count in used.items():
        if count > permits[tag].detail["max_runs"]:
            yield f"{count} runs entered by the permit {tag}, which is for {permits[tag].detail['max_runs']}"
    known = {run["id"]: run for run in runs}
    if known.keys() != states.keys():
        yield "states.json and runs.json are not about the same runs"
    rehearsal = gates.verdicts_of(generation).get("rehearsal", {})
    for run_id in sorted((rehearsal.get("detail") or {}).get("runs", {}).values()):
        last = states.get(run_id, [{}])[-1].get("type")
        if run_id not in known:
            yield f"the gate rehearsal names run {run_id}, which is not in runs.json"
        elif rehearsal["verdict"] == "pass" and last != "COMPLETED":
            yield f"the gate rehearsal says pass, and its run {run_id} ended as {last}"


def _outputs(documents: Documents, generation: Generation) -> Problems:
    """The outputs of tests are those whose sha256 the ledger has."""
    tests = gates.verdicts_of(generation).get("tests", {}).get("detail") or {}
    wanted = {
        f"{_OUTPUTS}tests-{name}.log": output["output"]
        for name, output in tests.items()
        if isinstance(output, dict) and "output" in output
    }
    for name in sorted(documents):
        if not name.startswith(_OUTPUTS):
            continue
        if name not in wanted:
            yield f"{name} is the output of no test that the ledger knows"
        elif digest_of(documents.raw(name)) != wanted[name]:
            yield f"{name} is not the output that the ledger names"


def _release(documents: Documents, release: str | None) -> Problems:
    if MANIFEST in documents:
        found = digest_of(documents.raw(MANIFEST))
        if found != release:
            yield f"{MANIFEST} hashes to {found}, and the release is {release}"
    if SBOM_DIFF not in documents:
        return
    diff = documents[SBOM_DIFF]
    layers = [layer["digest"] for layer in documents[MANIFEST]["layers"]] if MANIFEST in documents else []
    if diff["release"] != release or diff["sbom"] not in layers:
        yield f"{SBOM_DIFF} is about another release than {release}"


def _shown(value: t.Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
