# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a ring did that it ought not to have done, and whether its runs were real ones: part of every ring's summary.

A bundle in which something of the kind is found is sealed all the same, with the verdict ``fail``: what was done wrong
is what evidence is for. Whoever verifies it finds the same by the same functions.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import recompute_approvals, ring_summary
from ansible_collections.hotpass.prefect.plugins.module_utils.release import clock, gates, predicates, statements, trust
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain, Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.judging import CLOCK_SKEW
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Record
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

FAIL: t.Final = "fail"

Json = dict[str, t.Any]
Sentences = t.Iterator[str]

_ROLES: t.Final[t.Mapping[str, tuple[str, ...]]] = {
    predicates.PROVENANCE: (trust.BUILDER,),
    predicates.PROMOTION: (trust.PROMOTER,),
    predicates.ROLLBACK: (trust.PROMOTER,),
    predicates.APPROVAL: (trust.APPROVER,),
    predicates.VETO: (trust.PROMOTER, trust.APPROVER),
    predicates.EVIDENCE: (trust.PROMOTER,),
}
# What a worker of Prefect 3 puts on a run that it takes.
_WORKER = "prefect.worker.name"
_LIVE = "read from the ring's Prefect server, its ledger and its store"


@dataclasses.dataclass(frozen=True)
class Seen:
    """What breaches are looked for in, beside what every summary is made of.

    :param raw: what every summary is made of.
    :param states: the histories of its runs by their ids, oldest state first.
    :param statements: the envelopes of the bundle by the names of their files.
    :param believed: whom the ring believed when the bundle was sealed; None for a ring that does without signatures,
        of which nothing signed is judged.
    """

    raw: ring_summary.Raw
    states: t.Mapping[str, t.Sequence[Json]] = dataclasses.field(default_factory=dict)
    statements: t.Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    believed: trust.Trust | None = None


def of_generation(seen: Seen, number: int) -> Json:
    """The whole summary of a generation that has settled: its verdict is ``fail`` when there are violations.

    :raises CollectionError: when the ledger has not its records, or it is under way.
    """
    facts = ring_summary.of_generation(seen.raw, number)
    found = violations(seen, number, facts)
    reasons = _not_live(seen)
    return {
        **facts,
        "verdict": FAIL if found else facts["verdict"],
        "violations": found,
        "unbelieved": unbelieved(seen),
        "live": not reasons,
        "live_reason": "; ".join(reasons) or _LIVE,
    }


def of_refusal(seen: Seen, asked: t.Mapping[str, t.Any]) -> Json:
    """The whole summary of what was refused without a generation; ``asked`` as in :mod:`ring_summary`."""
    facts = ring_summary.of_refusal(seen.raw, asked)
    return {**facts, "unbelieved": unbelieved(seen), "live": True, "live_reason": _LIVE}


def violations(seen: Seen, number: int, facts: Json) -> list[str]:
    """A sentence on each breach; which approvals and statements count depends on who is believed.

    :param facts: the summary of the generation, as :func:`ring_summary.of_generation` makes it.
    :raises CollectionError: for an envelope that holds no statement.
    """
    chain = seen.raw.chain
    generation = chain.generation(number)
    found = [*_gates(generation, facts), *_runs(seen, generation)]
    if seen.believed is not None:
        found += recompute_approvals.problems(chain, generation, seen.believed)
        found += _statements(seen, seen.believed, generation, facts)
    return found


def unbelieved(seen: Seen) -> list[Json]:
    """The statements of the bundle that nobody with the role for it signed, each with ``file`` and ``why``.

    Anybody who can write to the store can put one there. They are kept, and count for nothing.
    """
    found = []
    for name, envelope in sorted(seen.statements.items() if seen.believed is not None else ()):
        why = _why_not(envelope, t.cast("trust.Trust", seen.believed))
        if why is not None:
            found.append({"file": name, "why": why})
    return found


def _why_not(envelope: bytes, believed: trust.Trust) -> str | None:
    try:
        statements.verify(envelope, believed, _ROLES[str(statements.peek(envelope)["predicateType"])])
    except CollectionError as error:
        return error.message
    return None


def _gates(generation: Generation, facts: Json) -> Sentences:
    """Nothing becomes Active, or is written, past a gate that does not say pass."""
    known = gates.verdicts_of(generation)
    asked = set(facts["gates_asked"]) | set(known)
    if facts["wrote"] and not asked >= set(gates.ALWAYS):
        yield f"generation {generation.number} wrote to the server without the gates {', '.join(gates.ALWAYS)}"
    for name in sorted(asked):
        before = gates.GATES[name].before if name in gates.GATES else State.ACTIVE
        reached = facts["wrote"] if before is State.DEPLOYING else facts["state"] == State.ACTIVE.value
        verdict = known[name]["verdict"] if name in known else "not asked"
        if reached and verdict != "pass":
            yield f"generation {generation.number} passed the gate {name}, which says {verdict}"


def _statements(seen: Seen, believed: trust.Trust, generation: Generation, facts: Json) -> Sentences:
    """What a promoter says of the end of the generation is what the ledger says, and one says that it became Active."""
    told = False
    for name, envelope in sorted(seen.statements.items()):
        said = statements.peek(envelope)
        if said["predicateType"] not in (predicates.PROMOTION, predicates.ROLLBACK):
            continue
        if _why_not(envelope, believed) is not None:
            continue
        predicate = said["predicate"]
        problems = list(_outcome(name, predicate, statements.release_of(said), seen.raw.chain, generation))
        yield from problems
        told = told or (not problems and predicate["ledgerRecord"] == facts["record"])
    if not told and facts["state"] == State.ACTIVE.value and facts["ended_by"].get("key_id"):
        yield f"no statement that is believed says that generation {generation.number} became Active"


def _outcome(name: str, said: Json, release: str, chain: Chain, generation: Generation) -> Sentences:
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
            yield f"{name} says that {key} is {shown(said[key])}, and by the ledger it is {shown(value)}"
    verdicts = {gate["name"]: gate["verdict"] for gate in said["gates"]}
    known = {gate: entry["verdict"] for gate, entry in gates.verdicts_of(generation).items()}
    if end is generation.transitions[-1] and verdicts != known:
        yield f"{name} says that the gates said {shown(verdicts)}, and by the ledger they said {shown(known)}"


def _runs(seen: Seen, generation: Generation) -> Sentences:
    """The runs that began before the release was Active kept to their permit, and did what the gate says."""
    raw = seen.raw
    permits = {record.detail["tag"]: record for record in raw.chain.permits(generation.number)}
    used = dict.fromkeys(permits, 0)
    for run in raw.runs:
        tags = [tag for tag in run["tags"] if tag in permits]
        if len(tags) > 1:
            yield f"run {run['id']} has several permits of generation {generation.number}"
        started = run.get("start_time")
        if len(tags) != 1 or not started:
            # What carries the tag and never began has not come through the fence.
            continue
        used[tags[0]] += 1
        permit = permits[tags[0]]
        if not clock.parse(permit.at) - CLOCK_SKEW <= clock.parse(started) <= clock.parse(permit.detail["expires"]):
            yield f"run {run['id']} began at {started}, when its permit {tags[0]} did not hold"
    for tag, count in used.items():
        if count > permits[tag].detail["max_runs"]:
            yield f"{count} runs entered by the permit {tag}, which is for {permits[tag].detail['max_runs']}"
    yield from _rehearsed(seen, generation, permits.values())


def _rehearsed(seen: Seen, generation: Generation, permits: t.Iterable[Record]) -> Sentences:
    rehearsal = gates.verdicts_of(generation).get("rehearsal", {})
    passed = rehearsal.get("verdict") == "pass"
    named = sorted(((rehearsal.get("detail") or {}).get("runs") or {}).values())
    if passed and not named and any(record.detail["purpose"] == "rehearsal" for record in permits):
        yield "the gate rehearsal says pass, a permit was given for its runs, and it names none"
    known = {run["id"] for run in seen.raw.runs}
    for run_id in named:
        states = seen.states.get(run_id) or [{}]
        last = states[-1].get("type")
        if run_id not in known:
            yield f"the gate rehearsal names run {run_id}, which is not in runs.json"
        elif passed and last != "COMPLETED":
            yield f"the gate rehearsal says pass, and its run {run_id} ended as {last}"


def _not_live(seen: Seen) -> list[str]:
    """Why a run that is said to have completed was not carried out by a worker; nothing when all of them were."""
    reasons = []
    for run in seen.raw.runs:
        kinds = {state.get("type") for state in seen.states.get(run["id"], ())}
        if "COMPLETED" not in kinds:
            continue
        if not (run.get("labels") or {}).get(_WORKER):
            reasons.append(f"run {run['id']} completed and has no worker's name on it")
        elif not {"PENDING", "RUNNING"} <= kinds:
            reasons.append(f"run {run['id']} completed and was never both pending and running")
    return reasons


def shown(value: t.Any) -> str:
    """A value in a sentence, cut when it is long."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
