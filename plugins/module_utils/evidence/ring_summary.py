# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``summary.json`` of a promotion, a rollback or a refusal says, made of the raw data beside it and nothing else.

Whoever seals a bundle and whoever verifies it call the same functions, so a claim that the data does not bear out is
found. Times are ISO 8601 in UTC, durations seconds.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import clock, gates, judging, statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain, Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Event, Kind, Record
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import SETTLED, State

LEDGER: t.Final = "data/ledger.json"
DEPLOYMENTS: t.Final = "deployments.json"
RUNS: t.Final = "runs.json"
STATES: t.Final = "states.json"
PROMOTION: t.Final = "promotion"
ROLLBACK: t.Final = "rollback"
REFUSAL: t.Final = "refusal"
KINDS: t.Final = (PROMOTION, ROLLBACK, REFUSAL)
REFUSED: t.Final = "Refused"
"""The state of what was refused before there was a generation of it."""

Json = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Raw:
    """The raw data of a bundle that its summary is made of.

    :param chain: the ring's ledger, verified.
    :param runs: the runs that a permit let through the fence, as the server has them.
    :param deployments: the ring's, as they were read back; None when they were not.
    """

    chain: Chain
    runs: t.Sequence[Json] = ()
    deployments: t.Sequence[Json] | None = None


def ledger_document(chain: Chain) -> Json:
    """The ledger as a bundle keeps it: each record in full, with its digest; what came before them by checkpoint."""
    head = chain.head
    return {
        "solution": chain.solution,
        "ring": chain.ring,
        "head": {"sequence": head.sequence, "digest": head.digest} if head else None,
        "archived": list(chain.segments),
        "records": [{"digest": record.digest, "record": record.to_json()} for record in chain.records],
    }


def chain_of(document: t.Any) -> Chain:
    """The verified ledger that :func:`ledger_document` wrote.

    :raises CollectionError: for a record that was changed, a link that does not hold, a step that no table allows, or a
        document that is none.
    """
    try:
        solution, ring, head = document["solution"], document["ring"], document["head"]
        rows = [(row["digest"], Record.from_json(row["record"])) for row in document["records"]]
        named = (head["sequence"], head["digest"]) if head is not None else None
    except (KeyError, TypeError) as error:
        raise CollectionError(f"{LEDGER} is no ledger: {error!r} is wrong or missing.") from None
    for digest, record in rows:
        if record.digest != digest:
            raise CollectionError(f"{LEDGER}: record {record.sequence} hashes to {record.digest} and not to {digest}.")
    chain = Chain.build(solution, ring, [record for _digest, record in rows])
    if len(chain.records) != len(rows):
        raise CollectionError(f"{LEDGER} holds records that do not belong to its chain.")
    found = (chain.head.sequence, chain.head.digest) if chain.head else None
    if found != named:
        raise CollectionError(f"{LEDGER} names the head {named}, and its last record is {found}.")
    return chain


def kind_of(generation: Generation) -> str:
    """The kind of the bundle of a settled generation: what never wrote to the server is a refusal."""
    if not wrote(generation):
        return REFUSAL
    return ROLLBACK if generation.kind is Kind.ROLLBACK else PROMOTION


def wrote(generation: Generation) -> bool:
    """Whether the server's deployments may have been written to."""
    return any(record.state is State.DEPLOYING for record in generation.transitions)


def end_of(generation: Generation) -> Record | None:
    """The record with which a generation came to its end by itself; None while it is under way or was archived."""
    last = generation.transitions[-1] if generation.transitions else None
    return last if last is not None and last.state in SETTLED else None


def verdict_of(kind: str, state: str) -> str:
    """``pass`` for what became Active, ``refused`` for what wrote nothing, else ``fail``."""
    if state == State.ACTIVE.value:
        return "pass"
    return "refused" if kind == REFUSAL else "fail"


def of_generation(raw: Raw, number: int) -> Json:
    """The summary of a generation that has settled.

    :raises CollectionError: when the ledger has not its records, or it is under way.
    """
    chain = raw.chain
    generation = chain.generation(number)
    last = end_of(generation)
    if last is None or last.state is None:
        raise CollectionError(f"The ledger of ring {chain.ring} has no end of generation {number} in it.")
    kind, state = kind_of(generation), last.state.value
    fold = chain.fold_through(last.sequence)
    active = fold.generations[fold.active] if fold.active else None
    earlier = [other.release for other in chain.verified if other.number < number]
    decisions = approvals(chain, generation)
    return {
        "kind": kind,
        "solution": chain.solution,
        "ring": chain.ring,
        "generation": number,
        "release": generation.release,
        "commit": generation.detail.get("commit"),
        "state": state,
        "verdict": verdict_of(kind, state),
        "reason": last.detail.get("reason") or generation.detail.get("reason"),
        "record": last.digest,
        "ledger_head": _head(chain),
        "previous_release": earlier[-1] if earlier else None,
        "rolls_back": _rolls_back(chain, generation),
        "active": {"generation": active.number, "release": active.release} if active else None,
        "degraded": fold.degraded,
        "held": sorted(_held_by(chain, number)),
        "wrote": wrote(generation),
        "requested_by": generation.requested_by.to_json(),
        "ended_by": last.actor.to_json(),
        "began": generation.requested_at,
        "ended": last.at,
        "seconds": _seconds(generation.requested_at, last.at),
        "passed": passed(generation),
        "gates_asked": _asked(generation),
        "gates": list(gates.verdicts_of(generation).values()),
        "approvals": decisions,
        "separation_of_duties": separation(generation, decisions),
        "permits": permits(chain, generation, raw.runs),
        "deployments": _deployments(raw.deployments, generation.release),
    }


def of_refusal(raw: Raw, asked: t.Mapping[str, t.Any]) -> Json:
    """The summary of what was refused without a generation.

    :param asked: ``action``, ``release``, ``reason``, ``requested_by`` and ``at``, as whoever was refused gave them.
    """
    chain = raw.chain
    release = asked["release"]
    active, under_way = chain.active, chain.under_way
    return {
        "kind": REFUSAL,
        "solution": chain.solution,
        "ring": chain.ring,
        "generation": None,
        "release": release,
        "state": REFUSED,
        "verdict": "refused",
        "action": asked["action"],
        "reason": asked["reason"],
        "requested_by": asked["requested_by"],
        "ended": asked["at"],
        "ledger_head": _head(chain),
        "active": {"generation": active.number, "release": active.release} if active else None,
        "under_way": {"generation": under_way.number, "state": under_way.state.value} if under_way else None,
        "degraded": chain.degraded,
        "held": release in chain.holds,
        "vetoed_here": release in chain.vetoes,
    }


def passed(generation: Generation) -> list[Json]:
    """The states of a generation in their order, each with who took it there and how long it stayed."""
    ends: list[str | None] = [record.at for record in generation.transitions[1:]]
    return [
        {
            "state": record.state.value if record.state else None,
            "at": record.at,
            "by": record.actor.name,
            "seconds": _seconds(record.at, end) if end else None,
        }
        for record, end in zip(generation.transitions, [*ends, None], strict=True)
    ]


def approvals(chain: Chain, generation: Generation) -> list[Json]:
    """The answers that a generation was given, as their statements say; whether to believe them is judged elsewhere.

    :raises CollectionError: when a record of one holds no statement.
    """
    found = []
    for record in chain.approvals(generation.number):
        said = statements.peek(canonical(record.detail["envelope"]))["predicate"]
        approver = said["approver"]
        found.append(
            {
                "decision": said["decision"],
                "name": approver["name"],
                "key_id": approver["keyId"],
                "user": approver.get("user"),
                "decided_at": said["decidedAt"],
                "expires_at": said["expiresAt"],
                "comment": said["comment"],
                "change_reference": said["changeReference"],
                "record": record.sequence,
            }
        )
    return found


def separation(generation: Generation, decisions: t.Sequence[Json]) -> Json:
    """Whether those who approved are others than the one who asked, and how many different people they are.

    ``separate`` is null where nobody approved. Names are compared as people read them.
    """
    asker = generation.requested_by
    yes = [decision for decision in decisions if decision["decision"] == "approve"]
    asked = {judging.comparable(name) for name in (asker.name, asker.user) if name}
    own = [
        decision
        for decision in yes
        if decision["key_id"] == asker.key_id
        or not asked.isdisjoint(judging.comparable(name) for name in (decision["name"], decision["user"]) if name)
    ]
    people = {judging.comparable(decision["user"] or decision["name"]) for decision in yes}
    keys = {decision["key_id"] for decision in yes}
    return {
        "asked_for": "approval" in _asked(generation)
        or any(record.state is State.AWAITING_APPROVAL for record in generation.transitions),
        "requester": asker.name,
        "approvers": sorted({decision["name"] for decision in yes}),
        "distinct": min(len(people), len(keys)),
        "separate": not own if yes else None,
    }


def permits(chain: Chain, generation: Generation, runs: t.Sequence[Json]) -> list[Json]:
    """The permits of a generation, each with the ids of the runs that carry its tag."""
    return [
        {
            "tag": record.detail["tag"],
            "purpose": record.detail["purpose"],
            "max_runs": record.detail["max_runs"],
            "given": record.at,
            "expires": record.detail["expires"],
            "runs": sorted(str(run["id"]) for run in runs if record.detail["tag"] in (run.get("tags") or ())),
        }
        for record in chain.permits(generation.number)
    ]


def _head(chain: Chain) -> str | None:
    return chain.head.digest if chain.head else None


def _deployments(rows: t.Sequence[Json] | None, release: str | None) -> Json | None:
    if rows is None:
        return None
    return {"total": len(rows), "of_the_release": sum(row.get("version") == release for row in rows)}


def _rolls_back(chain: Chain, generation: Generation) -> Json | None:
    if generation.rolls_back is None:
        return None
    return {"generation": generation.rolls_back, "release": chain.generation(generation.rolls_back).release}


def _held_by(chain: Chain, number: int) -> t.Iterator[str]:
    """The releases that are held since what the generation did to the ring."""
    for record in chain.records:
        if record.event is Event.HOLD and record.generation == number and record.detail["held"] and record.release:
            yield record.release


def _asked(generation: Generation) -> list[str]:
    """The gates of the ring, as they stood when the generation began to write; empty when it never did."""
    for record in generation.transitions:
        if record.state is State.DEPLOYING:
            return list(record.detail.get("asked", ()))
    return []


def _seconds(begin: str, end: str) -> float:
    return round((clock.parse(end) - clock.parse(begin)).total_seconds(), 3)
