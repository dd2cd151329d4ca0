# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bundle of a promotion, a rollback or a refusal claims, computed once more from the raw data beside it.

The ledger is folded again from its first record, so every step is one that the table of states allows and every record
is the one that its digest names; the statements, the permits' runs, the outputs of tests and the release's manifest are
held against it.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import ring_summary, ring_violations
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import KEYS
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute import Documents
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.ring_release import (
    MANIFEST,
    SBOM_DIFF,
    STATEMENTS,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.ring_violations import shown
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import same
from ansible_collections.hotpass.prefect.plugins.module_utils.release import gates, trust
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain, Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of

Problems = t.Iterator[str]
Json = dict[str, t.Any]

_SEALED = ("kind", "solution", "ring", "generation", "release", "verdict", "live")
_ASKED = ("action", "release", "reason", "requested_by")
_OUTPUTS = "gates/"


def recompute(documents: Documents) -> list[str]:
    """Sentences on every claim that the raw data do not bear out; none when all of them are borne out.

    What the ring did wrong is such a claim: the bundle has to say it. It is judged twice, by the keys that the bundle
    says the ring believed, and by those that the verifier believes: approvals and the statement of the end have to
    count by both. Provenances and vetoes bear out no claim; those that the ring's keys do not bear out are named in
    the summary.

    :raises CollectionError, KeyError: when raw data that a claim needs are missing, or the ledger is no chain.
    """
    chain = ring_summary.chain_of(documents[ring_summary.LEDGER])
    summary = documents["summary.json"]
    number = documents.predicate["generation"]
    raw = ring_summary.Raw(chain, documents.get(ring_summary.RUNS, []), documents.get(ring_summary.DEPLOYMENTS))
    seen = ring_violations.Seen(
        raw,
        documents.get(ring_summary.STATES, {}),
        {name: documents.raw(name) for name in documents if name.startswith(STATEMENTS)},
        _believed(documents[KEYS]),
    )
    if number is None:
        expected = ring_violations.of_refusal(seen, _asked(summary))
        return [*_claims(summary, expected, documents.predicate), *_release(documents, summary.get("release"))]
    expected = ring_violations.of_generation(seen, number)
    generation = chain.generation(number)
    return [
        *_claims(summary, expected, documents.predicate),
        *_untold(dataclasses.replace(seen, believed=documents.trust), number, expected),
        *_runs(documents, chain, generation),
        *_outputs(documents, generation),
        *_release(documents, generation.release),
    ]


def _believed(keys: t.Any) -> trust.Trust:
    """The keys of a bundle as a ring's trust."""
    return trust.Trust.from_setting([{key: value for key, value in row.items() if key != "key_id"} for row in keys])


def _untold(seen: ring_violations.Seen, number: int, expected: Json) -> Problems:
    """What the verifier's own keys show beside what the bundle says."""
    for violation in ring_violations.violations(seen, number, expected):
        if violation not in expected["violations"]:
            yield f"by the keys that are believed here {violation}"


def _asked(summary: Json) -> Json:
    return {**{key: summary[key] for key in _ASKED}, "at": summary["ended"]}


def _claims(summary: Json, expected: Json, predicate: t.Mapping[str, t.Any]) -> Problems:
    for key in sorted(summary.keys() | expected.keys()):
        if key not in expected:
            yield f"summary.json claims {key}, which nothing bears out"
        elif key not in summary:
            yield f"summary.json does not say {key}, which is {shown(expected[key])}"
        elif not same(summary[key], expected[key]):
            yield f"summary.json says that {key} is {shown(summary[key])}, and by the raw data it is " + shown(
                expected[key]
            )
    for key in _SEALED:
        if predicate.get(key) != expected[key]:
            yield f"the seal says that {key} is {shown(predicate.get(key))}, and by the raw data it is " + shown(
                expected[key]
            )


def _runs(documents: Documents, chain: Chain, generation: Generation) -> Problems:
    """The bundle has the runs that a permit let through, each with its history, and no others."""
    runs = documents.get(ring_summary.RUNS, [])
    permits = {record.detail["tag"] for record in chain.permits(generation.number)}
    for run in runs:
        if permits.isdisjoint(run["tags"]):
            yield f"run {run['id']} has no permit of generation {generation.number}"
    if {run["id"] for run in runs} != documents.get(ring_summary.STATES, {}).keys():
        yield "states.json and runs.json are not about the same runs"


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
