# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements: what each says, who may sign it, and which envelopes are believed."""

from __future__ import annotations

import base64
import datetime
import json
import re
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Actor
from ansible_collections.hotpass.prefect.plugins.module_utils.release.statements import Malformed, Untrusted
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from tests.support import attesting
from tests.support.attesting import COMMIT, EARLIER, RECORD, RELEASE, Cast

KINDS = ("provenance", "promotion", "rollback", "approval", "veto")


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return attesting.cast(tmp_path_factory.mktemp("keys"))


def untrusted(envelope: bytes, trust: Trust, role: t.Any, threshold: int = 1) -> str:
    with pytest.raises(Untrusted) as caught:
        statements.verify(envelope, trust, role, threshold)
    return caught.value.message


def malformed(envelope: bytes, trust: Trust) -> str:
    for read in (statements.peek, statements.as_json, lambda data: statements.verify(data, trust, "promoter")):
        with pytest.raises(CollectionError) as caught:
            read(envelope)
    return caught.value.message


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_signed_read_and_verified(people: Cast, kind: str) -> None:
    statement, signer, role = attesting.every_kind(people)[kind]
    envelope = statements.sign(statement, signer.key)
    verified = statements.verify(envelope, people.trust, role)
    assert verified.statement == statements.peek(envelope) == statement
    assert [key.name for key in verified.signers] == [signer.name]
    assert verified.digest == digest_of(envelope)
    assert verified.predicate == statement["predicate"]
    assert verified.predicate_type == statement["predicateType"]
    assert f"sha256:{statement['subject'][0]['digest']['sha256']}" == verified.release
    assert canonical(statements.as_json(envelope)) == envelope
    assert canonical(json.loads(envelope)) == envelope
    assert json.loads(envelope)["payloadType"] == "application/vnd.in-toto+json"


@pytest.mark.parametrize("kind", KINDS)
def test_signing_again_gives_the_same_bytes(people: Cast, kind: str) -> None:
    statement, signer, _role = attesting.every_kind(people)[kind]
    assert statements.sign(statement, signer.key) == statements.sign(json.loads(canonical(statement)), signer.key)


def test_a_promotion_says_all_there_is_to_say(people: Cast) -> None:
    statement = attesting.promotion(people.alice, approvals=[RECORD])
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"] == [{"name": "hotpass", "digest": {"sha256": RELEASE.removeprefix("sha256:")}}]
    assert statement["predicateType"] == "https://example.com/hotpass/prefect/promotion/v1"
    assert statement["predicate"] == {
        "solution": "hotpass",
        "ring": "prod",
        "generation": 7,
        "kind": "promote",
        "release": RELEASE,
        "previousRelease": EARLIER,
        "ledgerRecord": RECORD,
        "requestedBy": {"name": "alice", "keyId": people.alice.key_id, "user": "alice.user"},
        "requestedAt": "2026-11-22T07:30:00.000000Z",
        "activeAt": "2026-11-22T08:30:00.000000Z",
        "commit": COMMIT,
        "gates": [
            {
                "name": "tests",
                "verdict": "pass",
                "startedAt": "2026-11-22T07:30:00.000000Z",
                "finishedAt": "2026-11-22T08:30:00.000000Z",
                "detail": {"passed": 12},
            },
            {"name": "health", "verdict": "pass"},
        ],
        "approvals": [RECORD],
        "result": "Active",
    }


def test_a_provenance_is_slsa_s() -> None:
    statement = attesting.provenance(source="https://robot:hush-hush@git.example.com/hotpass.git")
    assert "hush-hush" not in json.dumps(statement)
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["predicate"] == {
        "buildDefinition": {
            "buildType": "https://example.com/hotpass/prefect/build/v1",
            "externalParameters": {
                "solution": "hotpass",
                "commit": COMMIT,
                "dirty": False,
                "source": "https://git.example.com/hotpass.git",
            },
            "internalParameters": {"user": "builder", "host": "build-host"},
            "resolvedDependencies": [
                {
                    "name": "hotpass",
                    "digest": {"gitCommit": COMMIT},
                    "uri": f"git+https://git.example.com/hotpass.git@{COMMIT}",
                },
                {"uri": "pkg:pypi/numpy@2.1.0"},
                {"uri": "pkg:pypi/ruamel-yaml@0.18.6"},
            ],
        },
        "runDetails": {
            "builder": {
                "id": "https://example.com/hotpass/prefect/builders/local",
                "version": {"python": "3.12.3"},
            },
            "metadata": {
                "invocationId": "build-17",
                "startedOn": "2026-11-22T07:30:00.000000Z",
                "finishedOn": "2026-11-22T08:30:00.000000Z",
            },
        },
    }


def test_who_acts_may_be_the_ledger_s_actor_or_its_json(people: Cast) -> None:
    actor = Actor(name="alice", key_id=people.alice.key_id, user="alice.user", job="4711")
    by_actor, by_json = (attesting.veto(people.carol, by=who) for who in (actor, actor.to_json()))
    assert by_actor == by_json
    said = {"name": "alice", "keyId": people.alice.key_id, "user": "alice.user", "job": "4711"}
    assert by_actor["predicate"]["by"] == said
    with pytest.raises(Malformed, match=r"not valid at predicate\.by; allowed: additionalProperties"):
        attesting.veto(people.carol, by={"name": "alice", "email": "x"})


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (datetime.datetime(2026, 1, 2, 3, 4, 5, 6, datetime.UTC), "2026-01-02T03:04:05.000006Z"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z"),
        ("2026-01-02T05:04:05.5+02:00", "2026-01-02T03:04:05.500000Z"),
    ],
)
def test_moments_are_written_in_one_way(moment: t.Any, written: str) -> None:
    assert statements.instant(moment) == written


@pytest.mark.parametrize("moment", ["yesterday", "2026-01-02T03:04:05", datetime.datetime(2026, 1, 2), 7, None, ""])  # noqa: DTZ001
def test_a_moment_without_time_zone_or_sense_is_refused(people: Cast, moment: t.Any) -> None:
    with pytest.raises(Malformed, match=r"at is .*; allowed is a moment in ISO-8601 with its time zone"):
        attesting.veto(people.carol, at=moment)


def test_a_signer_needs_trust_and_the_role(people: Cast) -> None:
    statement = attesting.promotion(people.alice)
    by_alice = statements.sign(statement, people.alice.key)
    able = "in the ring's trust alice, carol can sign as one."
    assert untrusted(by_alice, people.trust, "approver") == (
        "The statement lacks the signature of an approver (alice, who signed, has not the role approver); "
        "in the ring's trust bob, carol can sign as one."
    )
    by_mallory = statements.sign(statement, people.mallory.key)
    assert untrusted(by_mallory, people.trust, "promoter") == (
        f"The statement lacks the signature of a promoter (key {people.mallory.key_id[:16]}, which signed, is not in "
        f"the ring's trust); {able}"
    )
    assert untrusted(by_alice, Trust(), "promoter").endswith("in the ring's trust nobody can sign as one.")
    assert statements.verify(by_alice, people.trust, ("approver", "promoter")).signers[0].name == "alice"


def test_an_unknown_role_or_threshold_is_refused_at_once(people: Cast) -> None:
    envelope = statements.sign(attesting.promotion(people.alice), people.alice.key)
    for role, threshold, said in (
        ("admin", 1, "The role asked for is admin; allowed are builder, promoter, approver."),
        ((), 1, "The role asked for is empty; allowed are"),
        (("promoter", "admin"), 1, "The role asked for is promoter, admin; allowed are"),
        ("promoter", 0, "The number of signatures asked for is 0; allowed is 1 or more."),
        ("promoter", -1, "The number of signatures asked for is -1; allowed is 1 or more."),
    ):
        with pytest.raises(CollectionError, match=re.escape(said)):
            statements.verify(envelope, people.trust, role, threshold)
    assert statements.verify(envelope, people.trust, ("builder", "promoter", "approver")).signers
    with pytest.raises(CollectionError, match="at least one key"):
        statements.sign(attesting.promotion(people.alice))


def test_a_signature_is_not_taken_from_one_statement_to_another(people: Cast) -> None:
    real = statements.as_json(statements.sign(attesting.promotion(people.alice), people.alice.key))
    forged = attesting.promotion(people.alice, generation=8)
    envelope = canonical({**real, "payload": base64.b64encode(canonical(forged)).decode()})
    assert untrusted(envelope, people.trust, "promoter").startswith(
        "The signature of alice does not match the statement"
    )


def test_a_false_signature_spoils_an_envelope_that_others_signed(people: Cast) -> None:
    statement = attesting.promotion(people.alice)
    document = statements.as_json(statements.sign(statement, people.alice.key, people.carol.key))
    for entry in document["signatures"]:
        if entry["keyid"] == people.carol.key_id:
            entry["sig"] = base64.b64encode(b"\0" * 64).decode()
    assert untrusted(canonical(document), people.trust, "promoter").startswith("The signature of carol does not match")


def test_a_stranger_s_signature_beside_a_trusted_one_is_passed_over(people: Cast) -> None:
    envelope = statements.sign(attesting.promotion(people.alice), people.mallory.key, people.alice.key)
    assert [key.name for key in statements.verify(envelope, people.trust, "promoter").signers] == ["alice"]


def test_several_keys_can_be_asked_for(people: Cast) -> None:
    statement = attesting.approval(people.bob, people.alice)
    once = statements.sign(statement, people.bob.key)
    message = untrusted(once, people.trust, "approver", 2)
    assert message.startswith("The statement has 1 of 2 signatures of an approver; in the ring's trust bob, carol")
    twice = statements.add_signature(once, people.carol.key)
    assert twice == statements.sign(statement, people.carol.key, people.bob.key)
    verified = statements.verify(twice, people.trust, "approver", 2)
    assert [key.name for key in verified.signers] == ["bob", "carol"]
    assert statements.add_signature(twice, people.bob.key) == twice
    with pytest.raises(Untrusted, match="has 2 of 3 signatures"):
        statements.verify(twice, people.trust, "approver", 3)


def test_signatures_of_one_key_count_once(people: Cast) -> None:
    statement = attesting.approval(people.bob, people.alice)
    document = statements.as_json(statements.sign(statement, people.bob.key))
    doubled = canonical({**document, "signatures": document["signatures"] * 2})
    assert untrusted(doubled, people.trust, "approver", 2).startswith("The statement has 1 of 2 signatures")
    assert len(statements.verify(doubled, people.trust, "approver").signers) == 1
    assert statements.sign(statement, people.bob.key, people.bob.key) == canonical(document)


def test_add_signature_looks_at_what_it_signs(people: Cast) -> None:
    good = statements.as_json(statements.sign(attesting.promotion(people.alice), people.alice.key))
    for payload in (b"{}", b"not json", canonical({"_type": "https://in-toto.io/Statement/v1"})):
        envelope = canonical({**good, "payload": base64.b64encode(payload).decode()})
        with pytest.raises(Malformed):
            statements.add_signature(envelope, people.bob.key)


def test_envelopes_that_are_written_otherwise_are_refused(people: Cast) -> None:
    good = statements.sign(attesting.promotion(people.alice), people.alice.key)
    document = json.loads(good)
    signature = document["signatures"][0]
    text = good.decode()
    not_canonical = (
        json.dumps(document).encode(),
        good + b"\n",
        b"\xef\xbb\xbf" + good,
        text.encode("utf-16"),
        text.replace('{"payload"', '{"payload":"","payload"').encode(),
        text.replace("payloadType", "payload\\u0054ype").encode(),
    )
    for envelope in not_canonical:
        assert "is not written canonically" in malformed(envelope, people.trust)
    for envelope in (b"", b"\xff", b"[1.5]", b"NaN", b"[" * 100_000, b"1" * 5000, good[:-1]):
        assert "is no JSON of the kind that is signed here" in malformed(envelope, people.trust)
    wrong: tuple[tuple[t.Any, str], ...] = (
        ([], "is none of DSSE"),
        ({**document, "more": 1}, "is none of DSSE"),
        ({"payload": document["payload"], "signatures": []}, "is none of DSSE"),
        ({**document, "payloadType": "text/plain"}, "holds 'text/plain'; allowed is application/vnd.in-toto+json"),
        ({**document, "signatures": []}, "a list of 1 to 50 signatures"),
        ({**document, "signatures": {}}, "a list of 1 to 50 signatures"),
        ({**document, "signatures": [signature] * 51}, "a list of 1 to 50 signatures"),
        ({**document, "signatures": [{**signature, "cert": ""}]}, "takes keyid and sig, nothing else"),
        ({**document, "signatures": [{"sig": signature["sig"]}]}, "takes keyid and sig, nothing else"),
        ({**document, "signatures": [{**signature, "keyid": 7}]}, "takes keyid and sig, nothing else"),
        ({**document, "signatures": [{**signature, "sig": "AAAA"}]}, "has 3 bytes; one of ed25519 has 64"),
        ({**document, "signatures": [{**signature, "sig": None}]}, "is no base64 in its one standard form"),
        ({**document, "payload": document["payload"] + "="}, "is no base64 in its one standard form"),
        ({**document, "payload": "e30\n="}, "is no base64 in its one standard form"),
        ({**document, "payload": "e31="}, "is no base64 in its one standard form"),
        ({**document, "payload": "_-8="}, "is no base64 in its one standard form"),
    )
    for changed, said in wrong:
        assert said in malformed(canonical(changed), people.trust)
    assert "allowed are 4194304" in malformed(b" " * (4 * 1024 * 1024 + 1), people.trust)


def test_signed_nonsense_is_refused_too(people: Cast) -> None:
    statement = attesting.promotion(people.alice)
    nonsense = (
        b"{}",
        json.dumps(statement).encode(),
        canonical(statement).replace(b'"kind"', b'"kind":"promote","kind"'),
        canonical(attesting.changed(statement, "predicate.generation", "7")),
        canonical(attesting.changed(statement, "predicateType", "https://example.com/other/v1")),
    )
    for payload in nonsense:
        envelope = Envelope(payload, statements.PAYLOAD_TYPE, {})
        signature = people.alice.key.sign(envelope.pae())
        envelope.signatures = {signature.keyid: signature}
        with pytest.raises(Malformed):
            statements.verify(canonical(envelope.to_dict()), people.trust, "promoter")


def test_securesystemslib_takes_our_envelopes(people: Cast) -> None:
    envelope = statements.sign(attesting.approval(people.bob, people.alice), people.bob.key, people.carol.key)
    public = [
        SSlibKey.from_crypto(load_pem_public_key(who.key.public_key.encode())) for who in (people.bob, people.carol)
    ]
    accepted = Envelope.from_dict(json.loads(envelope)).verify(public, 2)
    assert set(accepted) == {people.bob.key_id, people.carol.key_id}


def test_no_private_key_is_in_an_envelope(tmp_path: Path) -> None:
    someone = attesting.person(tmp_path, "someone")
    envelope = statements.sign(attesting.veto(someone), someone.key).decode()
    private = (tmp_path / "someone.pem").read_text(encoding="ascii").splitlines()[1]
    assert private not in envelope
    assert re.fullmatch(r"[0-9a-f]{64}", json.loads(envelope)["signatures"][0]["keyid"])


def test_an_approval_fits_into_a_record_of_the_ledger(people: Cast) -> None:
    statement = attesting.approval(people.bob, people.alice, comment="é" * 400, change_reference="C" * 200)
    assert len(statements.sign(statement, people.bob.key)) < 4000
    with pytest.raises(Malformed, match=r"predicate\.comment; allowed: maxLength 400"):
        attesting.approval(people.bob, people.alice, comment="x" * 401)
