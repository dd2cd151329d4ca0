# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Envelopes under attack: no changed byte survives, and what is made of any values reads back as they were."""

from __future__ import annotations

import base64
import datetime
import json
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical
from ansible_collections.hotpass.prefect.plugins.module_utils.release.predicates import Malformed
from ansible_collections.hotpass.prefect.plugins.module_utils.release.statements import NotApproved
from cryptography.exceptions import InvalidSignature
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import attesting
from tests.support.attesting import BAD, EARLIER, HOUR, NOW, RELEASE, Cast, documented_function

pytestmark = pytest.mark.property

verify_as_a_stranger = documented_function("verify")

names = st.sampled_from(["alice", "Alice", "ALICE", "bob", "Bob", "carol", "al ice"])
text = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=60)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), text)
details = st.dictionaries(
    st.sampled_from(["rows", "path", "why"]),
    st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=6),
    max_size=3,
)
moments = st.datetimes(
    datetime.datetime(1971, 1, 1),  # noqa: DTZ001
    datetime.datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(datetime.UTC),
)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return attesting.cast(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def envelope(people: Cast) -> bytes:
    return statements.sign(attesting.approval(people.bob, people.alice), people.bob.key)


def meant(envelope: bytes) -> tuple[bytes, list[bytes]]:
    """The signed bytes and the signatures."""
    document = json.loads(envelope)
    return base64.b64decode(document["payload"]), [base64.b64decode(one["sig"]) for one in document["signatures"]]


def refuse_the_changed(people: Cast, envelope: bytes, place: int, mask: int) -> None:
    """Change one byte: we refuse it, and a stranger at least takes it for nothing else than it was.

    He reads some texts that we refuse, such as base64 with other bits behind its end, or another key id, which he does
    not look at.
    """
    changed = envelope[:place] + bytes([envelope[place] ^ mask]) + envelope[place + 1 :]
    with pytest.raises(CollectionError):
        statements.verify(changed, people.trust, "approver")
    try:
        verify_as_a_stranger(changed, people.bob.key.public_key.encode())
    except (ValueError, KeyError, TypeError, AttributeError, InvalidSignature):
        return
    assert meant(changed) == meant(envelope)


@given(place=st.integers(0), mask=st.integers(1, 255))
@settings(deadline=None)
def test_a_changed_byte_of_the_envelope_is_never_believed(people: Cast, envelope: bytes, place: int, mask: int) -> None:
    refuse_the_changed(people, envelope, place % len(envelope), mask)


def test_no_single_flipped_bit_is_believed(people: Cast, envelope: bytes) -> None:
    for place in range(len(envelope)):
        for bit in range(8):
            refuse_the_changed(people, envelope, place, 1 << bit)


@given(place=st.integers(0), mask=st.integers(1, 255), in_signature=st.booleans())
@settings(deadline=None)
def test_a_changed_byte_of_what_is_signed_or_of_the_signature_is_refused(
    people: Cast, envelope: bytes, place: int, mask: int, in_signature: bool
) -> None:
    payload, (signature,) = meant(envelope)
    whole = signature if in_signature else payload
    place %= len(whole)
    changed = whole[:place] + bytes([whole[place] ^ mask]) + whole[place + 1 :]
    document = statements.as_json(envelope)
    if in_signature:
        document["signatures"][0]["sig"] = base64.b64encode(changed).decode()
    else:
        document["payload"] = base64.b64encode(changed).decode()
    forged = canonical(document)
    with pytest.raises(statements.Untrusted, match="The signature of bob does not match"):
        statements.verify(forged, people.trust, "approver")
    with pytest.raises(InvalidSignature, match="no signature in the envelope is of this key"):
        verify_as_a_stranger(forged, people.bob.key.public_key.encode())


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_any_bytes_are_refused_in_a_sentence(people: Cast, data: bytes) -> None:
    for read in (statements.peek, lambda given: statements.verify(given, people.trust, "approver")):
        with pytest.raises(Malformed):
            read(data)


@given(
    document=st.recursive(
        st.one_of(scalars, st.floats()),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from(["payload", "payloadType", "signatures", "sig", "keyid"]), inner),
        ),
    )
)
@settings(deadline=None)
def test_any_json_is_refused_in_a_sentence(people: Cast, document: t.Any) -> None:
    with pytest.raises(Malformed):
        statements.verify(json.dumps(document).encode(), people.trust, "approver")


@given(
    generation=st.integers(1, 2**53 - 1),
    requested_at=moments,
    active_at=moments,
    details=st.lists(details, max_size=4),
    user=text,
)
@settings(deadline=None)
def test_what_is_signed_reads_back_as_it_was(
    people: Cast,
    generation: int,
    requested_at: datetime.datetime,
    active_at: datetime.datetime,
    details: list[dict[str, t.Any]],
    user: str,
) -> None:
    gates = [{"name": f"gate-{n}", "verdict": "pass", "detail": detail} for n, detail in enumerate(details)]
    statement = attesting.promotion(
        people.alice,
        generation=generation,
        requested_at=requested_at,
        active_at=active_at,
        gates=gates,
        requested_by={"name": "alice", "user": user},
    )
    envelope = statements.sign(statement, people.alice.key)
    read = statements.verify(envelope, people.trust, "promoter").statement
    assert read == statement == verify_as_a_stranger(envelope, people.alice.key.public_key.encode())
    predicate = read["predicate"]
    assert (predicate["generation"], predicate["gates"]) == (generation, gates)
    assert datetime.datetime.fromisoformat(predicate["requestedAt"]) == requested_at
    assert predicate["requestedBy"] == {"name": "alice", "user": user}


@given(
    signer=st.sampled_from(["alice", "bob", "carol", "builder", "mallory"]),
    approver=st.sampled_from(["bob", "carol"]),
    asker=names,
    asker_key=st.sampled_from([None, "alice", "bob", "carol"]),
    asker_user=st.none() | names,
    said=st.tuples(st.sampled_from(["prod", "staging"]), st.integers(6, 8), st.sampled_from([RELEASE, EARLIER, BAD])),
    minutes=st.integers(-20, 80),
)
@settings(max_examples=400, deadline=None)
def test_an_approval_counts_exactly_when_every_rule_holds(
    people: Cast,
    signer: str,
    approver: str,
    asker: str,
    asker_key: str | None,
    asker_user: str | None,
    said: tuple[str, int, str],
    minutes: int,
) -> None:
    requested_by = {"name": asker, "key_id": asker_key and getattr(people, asker_key).key_id, "user": asker_user}
    ring, generation, release = said
    statement = attesting.approval(
        getattr(people, approver), requested_by, ring=ring, generation=generation, release=release
    )
    envelope = statements.sign(statement, getattr(people, signer).key)
    try:
        decided = statements.check_approval(
            statements.verify(envelope, people.trust, "approver"),
            solution="hotpass",
            ring="prod",
            generation=7,
            release=RELEASE,
            requested_by=requested_by,
            now=NOW + minutes * HOUR / 60,
        )
    except (statements.Untrusted, NotApproved):
        decided = ""
    himself = approver in {asker.lower(), (asker_user or "").lower(), asker_key}
    counts = signer == approver and said == ("prod", 7, RELEASE) and -5 <= minutes < 60 and not himself
    assert decided == ("approve" if counts else "")


@given(st.permutations(range(6)), st.lists(st.integers(0, 5), max_size=4))
@settings(deadline=None)
def test_the_order_and_number_of_statements_mean_nothing(people: Cast, order: list[int], more: list[int]) -> None:
    story = [
        attesting.promotion(people.alice, generation=1, release=EARLIER),
        attesting.promotion(people.alice, generation=2, release=BAD, result="Failed", active_at=None),
        attesting.promotion(people.alice, generation=3, release=BAD),
        attesting.rollback(people.alice, generation=4, rolled_back_generation=3, rolled_back_release=BAD),
        attesting.promotion(people.alice, generation=5, release=RELEASE),
        attesting.promotion(people.alice, generation=6, release=BAD, result="RolledBack", active_at=None),
    ]
    envelopes = [statements.sign(story[number], people.alice.key) for number in (*order, *more)]
    assert statements.previous_active(envelopes, people.trust, "prod", "hotpass") == (RELEASE, 5)
