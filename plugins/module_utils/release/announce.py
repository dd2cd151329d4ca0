# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the outside what happens in a ring: a Prefect event ``hotpass.ring.*`` for each step; see docs/events.md.

Nothing here decides anything. What cannot be told becomes a warning, and never an error.
"""

from __future__ import annotations

import datetime
import re
import typing as t
import uuid

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import events
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain, Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Event, Record
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

PREFIX = "hotpass.ring."
# An older event is not sent again: the server may have dropped it for its age, and would alert once more.
TELL_AGAIN = datetime.timedelta(hours=24)

_NAMESPACE = uuid.UUID("7d1c3b1e-52b7-5e4b-9c1d-6a0f4e6a4c55")
_TOLD = frozenset({Event.TRANSITION, Event.PERMIT, Event.APPROVAL, Event.VETO, Event.HOLD})
_TOLD_OF_DETAIL = ("decision", "purpose", "max_runs", "expires", "held", "rolls_back", "reason")
_REASON = 300
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def event_name(what: State | Event) -> str:
    """The name of the event for a state or a record: ``AwaitingApproval`` is ``hotpass.ring.awaiting-approval``."""
    return PREFIX + _CAPITAL.sub("-", what.value).lower()


def events_of(chain: Chain, record: Record) -> list[events.Event]:
    """The events that one record of the chain makes: none, its own, or its own and those of other generations.

    A generation that becomes Active ends another one, and a rollback takes the one it rolls back with it; neither
    has a record of its own. The ids are made from the record's digest, so that they are the same whoever tells them.
    """
    return _events_of(chain, [record])


def announce(session: Session, chain: Chain, records: t.Iterable[Record]) -> list[str]:
    """Tell what was just appended to the chain, in one request.

    :returns: warnings: none, or one sentence.
    """
    try:
        events.send(session, _in_order(_events_of(chain, records)))
    except CollectionError as error:
        return [_warning(chain, error)]
    return []


def ensure(session: Session, chain: Chain) -> list[str]:
    """Tell what a promoter that died may have left untold; reads only, when nothing is missing.

    Looks at the latest 50 events of the last 24 hours.

    :returns: warnings: none, or one sentence.
    """
    begin = datetime.datetime.now(datetime.UTC) - TELL_AGAIN
    recent = [record for record in chain.records if datetime.datetime.fromisoformat(record.at) >= begin]
    told = _events_of(chain, recent[-events.MOST :])[-events.MOST :]
    try:
        arrived = events.arrived(session, told)
        events.send(session, _in_order(event for event in told if event["id"] not in arrived))
    except CollectionError as error:
        return [_warning(chain, error)]
    return []


def _events_of(chain: Chain, records: t.Iterable[Record]) -> list[events.Event]:
    """The events of some records, given in their order."""
    archived = chain.checkpoint.through if chain.checkpoint else 0
    ordered = [record for record in records if record.sequence > archived]
    if not ordered:
        return []
    asked = {record.sequence for record in ordered}
    told: list[events.Event] = []
    fold = chain.fold_through(ordered[0].sequence - 1)
    for record in chain.records:
        if not ordered[0].sequence <= record.sequence <= ordered[-1].sequence:
            continue
        before = {number: generation.state for number, generation in fold.generations.items()}
        fold.step(record)
        if record.sequence not in asked or record.event not in _TOLD:
            continue
        told.append(_event(record, record.state or record.event, fold.generations.get(record.generation)))
        for number, other in fold.generations.items():
            if number != record.generation and other.state is not before.get(number):
                told.append(_event(record, other.state, other, derived=True))
    return told


def _in_order(told: t.Iterable[events.Event]) -> list[events.Event]:
    """The events of one request, each with the one before it as what it follows.

    Else the server shows two of them to its automations at a time, in any order: one that waits for the end of a
    deployment may see the end before the beginning, and alert; and where its database is SQLite, the two may lock each
    other out until the server drops one. Nothing follows an event of another request: the server would hold it back for
    a quarter of an hour when that one was lost, or was seen before the server was started anew.
    """
    ordered: list[events.Event] = []
    for event in told:
        ordered.append({**event, "follows": ordered[-1]["id"]} if ordered else event)
    return ordered


def _warning(chain: Chain, error: CollectionError) -> str:
    return (
        f"The events of ring {chain.ring} of {chain.solution} could not be told, and alerts may be missing; the ledger "
        f"is not concerned: {error.message}"
    )


def _event(record: Record, what: State | Event, generation: Generation | None, derived: bool = False) -> events.Event:
    """One event of a record.

    :param generation: the one that the event is about, as it is after the record.
    :param derived: the event is about another generation than the record.
    """
    name = event_name(what)
    number = generation.number if generation else record.generation
    release = generation.release if generation else record.release
    payload: dict[str, t.Any] = {
        "solution": record.solution,
        "ring": record.ring,
        "generation": number,
        "kind": generation.kind.value if generation else None,
        "release": release,
        "actor": record.actor.name,
        "sequence": record.sequence,
        "record": record.digest,
    }
    if derived:
        payload["because_of_generation"] = record.generation
    else:
        release = payload["release"] = record.release or release
        payload.update({key: record.detail[key] for key in _TOLD_OF_DETAIL if key in record.detail})
        if "reason" in payload:
            payload["reason"] = str(payload["reason"])[:_REASON]
    related = [_related("solution", record.solution)]
    if number:
        related.append(_related("generation", f"{record.solution}.{record.ring}.{number}"))
    if release:
        related.append(_related("release", release))
    return {
        "id": str(uuid.uuid5(_NAMESPACE, f"{record.digest}/{name}/{number}" if derived else record.digest)),
        "occurred": record.at,
        "event": name,
        "resource": {
            "prefect.resource.id": f"{PREFIX}{record.ring}",
            "prefect.resource.name": f"{record.solution} in ring {record.ring}",
            "hotpass.ring": record.ring,
            "hotpass.solution": record.solution,
            "hotpass.generation": str(number),
        },
        "related": related,
        "payload": payload,
    }


def _related(role: str, name: str) -> dict[str, str]:
    return {"prefect.resource.id": f"hotpass.{role}.{name}", "prefect.resource.role": role}
