# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ring's ledger as the fence reads it: hash-chained records, and what they say about which release may run.

The writers' own checks are stricter. These are the ones on which a run hangs: nothing is missing, nothing was edited,
and no step was taken that a generation may not take.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hotpass_fence.decision import Pair, Permit, Situation
from hotpass_fence.errors import Refused
from hotpass_fence.release import is_digest, is_whole

GENESIS = f"sha256:{'0' * 64}"
NEXT: Mapping[str, frozenset[str]] = {
    "Queued": frozenset({"Building", "Resolving", "Cancelled", "Superseded"}),
    "Building": frozenset({"AwaitingApproval", "Deploying", "Failed", "Cancelled", "Superseded"}),
    "Resolving": frozenset({"AwaitingApproval", "Deploying", "Failed", "Cancelled", "Superseded"}),
    "AwaitingApproval": frozenset({"Deploying", "Rejected", "Expired", "Failed", "Cancelled", "Superseded"}),
    "Deploying": frozenset({"Validating", "RollingBack"}),
    "Validating": frozenset({"Active", "RollingBack"}),
    "RollingBack": frozenset({"RolledBack", "RollbackFailed"}),
    "RollbackFailed": frozenset({"RollingBack"}),
    # A newer generation ends an Active one; no record of its own does.
    "Active": frozenset(),
}
"""For each state what a record may make of it; the others end a generation."""
SETTLED = frozenset(
    {"Active", "RolledBack", "RollbackFailed", "Superseded", "Failed", "Rejected", "Expired", "Cancelled"}
)
_TRIED = frozenset({"Deploying", "Validating"})
_NAME = re.compile(r"[a-z0-9](?:-?[a-z0-9])*")


class Broken(Refused):
    """The records are no chain, so nothing may be concluded from them."""


@dataclass(frozen=True)
class Record:
    """One record; its fields are those of its JSON document, and its digest that of its canonical form."""

    name: str
    digest: str
    sequence: int
    previous: str
    event: str
    generation: int
    state: str | None
    release: str | None
    detail: Mapping[str, Any]


def prefix(solution: str, ring: str) -> str:
    """How the names of a ledger's variables begin.

    :raises Refused: when one of the two is no name.
    """
    for what, name in (("solution", solution), ("ring", ring)):
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise Refused(f"The pull step's {what} is {str(name)[:100]!r}; allowed are a-z, 0-9 and single hyphens.")
    return f"ring_{ring}_{solution}_"


def read(solution: str, ring: str, variables: Mapping[str, Any]) -> Situation:
    """What the variables of a server say about a ring; those of other ledgers are passed over.

    :param variables: values by names.
    :raises Broken: when there is no record, one is missing, was edited, or may not come where it is.
    """
    begin = prefix(solution, ring)
    name = re.compile(re.escape(begin) + r"\d{8}")
    found = [_record(key, variables[key], solution, ring) for key in sorted(variables) if name.fullmatch(key)]
    if not found:
        raise Broken(f"Ring {ring} of {solution} has no ledger in this Prefect server, so nothing is Active in it.")
    records, start, active = _chain(found)
    return _situation(records[start:], active)


def _record(name: str, value: Any, solution: str, ring: str) -> Record:
    document = value if isinstance(value, dict) else {}
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    sequence, generation = document.get("sequence"), document.get("generation")
    state, release = document.get("state"), document.get("release")
    if (
        (document.get("solution"), document.get("ring")) != (solution, ring)
        or not is_whole(sequence)
        or not name.endswith(f"_{sequence:08d}")
        or not is_whole(generation)
        or not is_digest(document.get("previous"))
        or not isinstance(document.get("event"), str)
        or not (state is None or isinstance(state, str))
        or not (release is None or is_digest(release))
        or not isinstance(document.get("detail"), dict)
    ):
        raise Broken(f"The variable {name} holds no record of ring {ring} of {solution}.")
    digest = f"sha256:{hashlib.sha256(canonical).hexdigest()}"
    return Record(
        name, digest, sequence, document["previous"], document["event"], generation, state, release, document["detail"]
    )  # fmt: skip


def _chain(records: Sequence[Record]) -> tuple[Sequence[Record], int, Pair | None]:
    """The linked records, the index of the first that counts, and what was Active before that one."""
    for index in range(len(records) - 1, 0, -1):
        before, record = records[index - 1], records[index]
        if record.sequence != before.sequence + 1:
            # A compaction that was interrupted has left records from before its checkpoint behind.
            records = records[index:]
            break
        if record.previous != before.digest:
            raise Broken(f"The record {record.name} does not follow {before.name}: one of the two was edited.")
    first = records[0]
    points = _checkpoints(records)
    for through, digest in points:
        known = first.previous if through == first.sequence - 1 else digest
        if through >= first.sequence:
            known = records[through - first.sequence].digest
        if known != digest:
            raise Broken(f"A checkpoint stands for another record {through} than there is before {first.name}.")
    if first.sequence == 1:
        if first.previous != GENESIS:
            raise Broken(f"The record {first.name} is the first, and names one before it.")
        return records, 0, None
    through, digest = min(((t, d) for t, d in points if t >= first.sequence - 1), default=(0, ""))
    if not through:
        raise Broken(f"A record is missing before {first.name}, and no checkpoint stands for it.")
    return records, through - first.sequence + 1, _active_of(points[through, digest], first)


def _checkpoints(records: Iterable[Record]) -> dict[tuple[int, str], list[Mapping[str, Any]]]:
    """The summaries of the complete checkpoints, in their parts, by what they stand for."""
    parts: dict[tuple[Any, ...], dict[int, Mapping[str, Any]]] = {}
    for record in records:
        if record.event != "checkpoint":
            continue
        detail = record.detail
        numbers = [detail.get(key) for key in ("through", "part", "parts")]
        if not all(is_whole(number) for number in numbers) or not isinstance(detail.get("summary"), dict):
            raise Broken(f"The record {record.name} is no checkpoint.")
        if not 0 < detail["through"] < record.sequence:
            raise Broken(f"The record {record.name} is a checkpoint for records that come after it.")
        key = (detail["through"], detail.get("digest"), detail.get("segment"), detail["parts"])
        parts.setdefault(key, {}).setdefault(detail["part"], detail["summary"])
    return {key[:2]: [found[n] for n in sorted(found)] for key, found in parts.items() if len(found) == key[3]}


def _active_of(summary: Iterable[Mapping[str, Any]], first: Record) -> Pair | None:
    rows = {}
    active = None
    try:
        for part in summary:
            active = part.get("active", active)
            rows.update({row["number"]: row["release"] for row in part.get("generations", [])})
        if active is None:
            return None
        if is_whole(active) and is_digest(rows[active]):
            return Pair(active, rows[active])
    except (TypeError, KeyError, AttributeError):
        pass
    raise Broken(f"The checkpoint before {first.name} does not say what was Active.")


def _situation(records: Sequence[Record], active: Pair | None) -> Situation:
    """Follow the records; ``active`` is what was Active before them."""
    last: Record | None = None
    release: str | None = None
    permits: list[Permit] = []
    for record in records:
        if record.event == "permit":
            permits.append(_permit(record))
        if record.event != "transition":
            continue
        state = record.state or ""
        settled = last is None or last.state in SETTLED
        if state == "Queued":
            legal = settled and (last is None or record.generation == last.generation + 1)
            release, permits = None, []
        else:
            # Of a generation that began before the first record only this is seen: a failed rollback is tried again.
            before = last.state if last else "RollbackFailed"
            legal = state in NEXT.get(before or "", ()) and (last is None or record.generation == last.generation)
        if not legal:
            now = f"generation {last.generation} is {last.state}" if last else "nothing is under way"
            raise Broken(f"The record {record.name} says {state} of generation {record.generation}, but {now}.")
        release = record.release or release
        last = record
        if state == "Active":
            if release is None:
                raise Broken(f"The record {record.name} says Active of no release.")
            active = Pair(record.generation, release)
    if last is None or last.state in SETTLED or release is None:
        return Situation(active)
    open_to = tuple(permits) if last.state in _TRIED else ()
    return Situation(active, Pair(last.generation, release), open_to)


def _permit(record: Record) -> Permit:
    detail = record.detail
    try:
        expires = datetime.fromisoformat(detail["expires"])
        if expires.tzinfo is None or not is_whole(detail["max_runs"]):
            raise ValueError
        return Permit(str(detail["purpose"]), str(detail["tag"]), detail["max_runs"], expires)
    except (KeyError, TypeError, ValueError) as error:
        raise Broken(f"The record {record.name} is no permit.") from error
