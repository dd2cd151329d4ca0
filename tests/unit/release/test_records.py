# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a record may be, and that reading one back is as strict as writing it."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import (
    GENESIS,
    LARGEST,
    Actor,
    Event,
    Kind,
    Record,
    check_name,
    describe,
    new_token,
    now,
    variable_name,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

RELEASE = digest_of(b"a release")
FIELDS: dict[str, t.Any] = {
    "solution": "hotpass",
    "ring": "dev",
    "sequence": 1,
    "generation": 1,
    "kind": Kind.PROMOTE,
    "event": Event.TRANSITION,
    "state": State.QUEUED,
    "release": RELEASE,
    "previous": GENESIS,
    "at": "2026-11-22T07:30:00.000001Z",
    "actor": Actor("ada"),
    "token": "0123456789abcdef",
    "detail": {},
}
PERMIT = {"purpose": "smoke", "tag": "smoke-1", "max_runs": 1, "expires": "2026-11-22T08:00:00Z"}
POINT = {"through": 1, "digest": RELEASE, "segment": RELEASE, "part": 1, "parts": 1, "summary": {"last": 0}}


def record(**fields: t.Any) -> Record:
    return Record(**{**FIELDS, **fields})


def of(event: Event, detail: dict[str, t.Any], **fields: t.Any) -> Record:
    return record(event=event, kind=None, state=None, detail=detail, **fields)


def test_a_record_is_read_back_as_it_was_written() -> None:
    written = record(actor=Actor("ada", key_id="ab12", user="7", job="42"), detail={"note": "ümlaut", "n": [1, None]})
    read = Record.from_json(written.to_json())
    assert read == written
    assert read.digest == digest_of(canonical(written.to_json()))


def test_its_digest_is_that_of_all_its_fields() -> None:
    others = {
        "solution": "other",
        "ring": "prod",
        "sequence": 2,
        "generation": 2,
        "kind": Kind.ROLLBACK,
        "state": State.BUILDING,
        "release": None,
        "previous": RELEASE,
        "at": now(),
        "actor": Actor("bob"),
        "token": new_token(),
        "detail": {"note": 1},
    }
    assert others.keys() | {"event"} == FIELDS.keys()
    digests = {record(**{name: value}).digest for name, value in others.items()}
    assert len(digests | {record().digest}) == len(others) + 1


def test_what_is_not_known_of_an_actor_is_left_out() -> None:
    assert Actor("ada", job="42").to_json() == {"name": "ada", "job": "42"}


def test_the_variable_says_ring_solution_and_place() -> None:
    assert record(ring="dev-1", sequence=42).variable == "ring_dev-1_hotpass_00000042"
    assert variable_name("a", "b", 1) == "ring_b_a_00000001"


@pytest.mark.parametrize("name", ["hotpass", "a", "0", "dev-1", "a" * 64])
def test_names(name: str) -> None:
    assert check_name(name, "The ring") == name


@pytest.mark.parametrize("name", ["", "Dev", "a_b", "-a", "a-", "a--b", "a b", "ä", "a" * 65, "dev\n", None, 1])
def test_no_names(name: t.Any) -> None:
    with pytest.raises(CollectionError, match=r"The ring is .*; allowed are lower case letters"):
        check_name(name, "The ring")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"solution": "a_b"}, "The solution is 'a_b'"),
        ({"ring": ""}, "The ring is ''"),
        ({"sequence": 0}, "sequence is 0; it must be a whole number from 1 on"),
        ({"sequence": True}, "sequence is True"),
        ({"sequence": 10**8}, "sequence is 100000000"),
        ({"generation": -1}, "generation is -1"),
        ({"generation": 1.0}, "generation is 1.0"),
        ({"generation": 0}, "transition Queued needs the number of a generation"),
        ({"release": "sha256:abc"}, "The record's release is 'sha256:abc'"),
        ({"previous": None}, "The digest of the record before is 'None'"),
        ({"at": "2026-11-22T07:30:00Z"}, "time is '2026-11-22T07:30:00Z'"),
        ({"at": "2026-13-22T07:30:00.000000Z"}, "time is '2026-13-22"),
        ({"at": "2026-11-22T07:30:00.000000+00:00"}, "time is"),
        ({"at": 5}, "time is 5"),
        ({"token": "abc"}, "token must be 16 to 64 hexadecimal digits"),
        ({"token": None}, "token must be"),
        ({"kind": None}, "has a kind and a state when it is a transition"),
        ({"state": None}, "has a kind and a state when it is a transition"),
        ({"event": Event.HOLD, "detail": {"held": True, "reason": "bad"}}, "has a kind and a state when"),
        ({"detail": []}, "must be a JSON object, not list"),
        ({"detail": {"x": 1.5}}, "cannot be written down: 1.5 is a float"),
        ({"detail": {"x": 2**53}}, "too large to be kept exactly"),
        ({"detail": {"x": {"ä": 1}}}, "is no ASCII text"),
        ({"detail": {"x": "\ud800"}}, "cannot be written down"),
        ({"detail": {"x": object()}}, "object is no JSON"),
        ({"detail": {"x": "a\0b"}}, "holds a NUL character"),
        ({"detail": {"rolls_back": 0}}, "The rolls_back of a record of transition is '0'"),
        ({"detail": {"x": "a" * LARGEST}}, f"{LARGEST} fit into a Prefect variable"),
        ({"detail": {"x": "ä" * (LARGEST // 2)}}, f"{LARGEST} fit into a Prefect variable"),
    ],
)
def test_what_no_record_can_say(fields: dict[str, t.Any], said: str) -> None:
    with pytest.raises(CollectionError, match=said.replace("(", r"\(").replace("+", r"\+")):
        record(**fields)


def test_text_that_only_looks_like_a_nul_is_text() -> None:
    assert record(detail={"x": "\\u0000"}).detail == {"x": "\\u0000"}


def test_a_record_fills_the_variable_to_the_byte() -> None:
    room = LARGEST - record(detail={"x": ""}).size
    assert record(detail={"x": "a" * room}).size == LARGEST
    with pytest.raises(CollectionError, match=f"of {LARGEST + 1} bytes"):
        record(detail={"x": "a" * (room + 1)})


@pytest.mark.parametrize(
    ("event", "detail"),
    [
        (Event.PERMIT, PERMIT),
        (Event.PERMIT, {**PERMIT, "expires": "2026-11-22T08:00:00.123456+00:00", "more": 1}),
        (Event.APPROVAL, {"decision": "approve", "envelope": {"payload": "x"}}),
        (Event.APPROVAL, {"decision": "reject", "envelope": {"payload": "x"}}),
        (Event.VETO, {"reason": "leaks"}),
        (Event.VETO, {"reason": "leaks", "envelope": {"payload": "x"}}),
        (Event.HOLD, {"held": False, "reason": "mended"}),
        (Event.CHECKPOINT, POINT),
    ],
)
def test_details(event: Event, detail: dict[str, t.Any]) -> None:
    assert Record.from_json(of(event, detail).to_json()).detail == detail


@pytest.mark.parametrize(
    ("event", "detail", "key"),
    [
        *((Event.PERMIT, {name: PERMIT[name] for name in PERMIT if name != gone}, gone) for gone in PERMIT),
        (Event.PERMIT, {**PERMIT, "max_runs": 0}, "max_runs"),
        (Event.PERMIT, {**PERMIT, "max_runs": True}, "max_runs"),
        (Event.PERMIT, {**PERMIT, "tag": " "}, "tag"),
        (Event.PERMIT, {**PERMIT, "expires": "2026-11-22T08:00:00"}, "expires"),
        (Event.PERMIT, {**PERMIT, "expires": "2026-11-22T08:00:00+02:00"}, "expires"),
        (Event.PERMIT, {**PERMIT, "expires": "2026-11-32T08:00:00Z"}, "expires"),
        (Event.APPROVAL, {"decision": "yes", "envelope": {"payload": "x"}}, "decision"),
        (Event.APPROVAL, {"decision": "approve"}, "envelope"),
        (Event.APPROVAL, {"decision": "approve", "envelope": {}}, "envelope"),
        (Event.VETO, {}, "reason"),
        (Event.VETO, {"reason": "leaks", "envelope": "x"}, "envelope"),
        (Event.HOLD, {"held": "yes", "reason": "bad"}, "held"),
        (Event.HOLD, {"held": True}, "reason"),
        *((Event.CHECKPOINT, {name: POINT[name] for name in POINT if name != gone}, gone) for gone in POINT),
    ],
)
def test_details_that_miss_something(event: Event, detail: dict[str, t.Any], key: str) -> None:
    with pytest.raises(CollectionError, match=f"The {key} of a record of {event.value} is .*; it must be"):
        of(event, detail)


@pytest.mark.parametrize("detail", [{**POINT, "more": 1}, {**POINT, "part": 2}])
def test_checkpoints_say_nothing_else(detail: dict[str, t.Any]) -> None:
    with pytest.raises(CollectionError, match="A checkpoint is part"):
        of(Event.CHECKPOINT, detail, generation=0, release=None)


@pytest.mark.parametrize("event", [Event.PERMIT, Event.APPROVAL, Event.VETO, Event.HOLD])
def test_some_records_are_about_a_release(event: Event) -> None:
    detail = {**PERMIT, "decision": "approve", "envelope": {"a": 1}, "reason": "r", "held": True}
    with pytest.raises(CollectionError, match=f"A record of {event.value} needs the digest of a release"):
        of(event, detail, release=None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"more": 1}, "has the unknown key more"),
        ({"kind": "PROMOTE"}, "kind is 'PROMOTE'; allowed are promote, rollback"),
        ({"state": "queued"}, "state is 'queued'; allowed are Queued"),
        ({"event": None}, "event is 'None'; allowed are transition"),
        ({"kind": []}, "kind is"),
        ({"actor": "ada"}, "The actor is ada; it must have a name"),
        ({"actor": {}}, "it must have a name"),
        ({"actor": {"name": "ada", "mail": "x"}}, "it must have a name, and only"),
        ({"actor": {"name": "ada", "job": None}}, "it must have a name, and only"),
        ({"actor": {"name": ""}}, "The actor's name is ''"),
        ({"actor": {"name": "a\nb"}}, "printable text"),
        ({"actor": {"name": "a" * 101}}, "1 to 100 characters"),
        ({"actor": {"name": "ada", "user": 5}}, "The actor's user is '5'"),
    ],
)
def test_what_is_not_read_as_a_record(change: dict[str, t.Any], said: str) -> None:
    with pytest.raises(CollectionError, match=said):
        Record.from_json({**record().to_json(), **change})


@pytest.mark.parametrize("key", FIELDS)
def test_every_key_has_to_be_there(key: str) -> None:
    document = record().to_json()
    del document[key]
    with pytest.raises(CollectionError, match=f"The record lacks {key}"):
        Record.from_json(document)


@pytest.mark.parametrize("document", [None, [], "x", 5])
def test_what_is_no_object_is_no_record(document: t.Any) -> None:
    with pytest.raises(CollectionError, match="A record must be a JSON object"):
        Record.from_json(document)


def test_records_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        record().sequence = 2  # type: ignore[misc]


def test_a_record_in_a_sentence() -> None:
    assert describe(record()) == (
        f"record 1 (promote Queued of generation 1, release {RELEASE[:19]}) by ada at 2026-11-22T07:30:00.000001Z"
    )
    hold = of(Event.HOLD, {"held": True, "reason": "bad"}, generation=0)
    assert describe(hold).startswith(f"record 1 (hold, release {RELEASE[:19]}) by ada")


def test_moments_and_tokens_are_ones() -> None:
    assert record(at=now(), token=new_token())
    assert new_token() != new_token()
