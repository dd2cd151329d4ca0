# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may seal a bundle, and what a seal, the list and the document have to say of each other."""

from __future__ import annotations

import base64
import hashlib
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import envelopes
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import reading
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.reading import Transfer

from tests.support import attesting
from tests.support.attesting import Cast
from tests.support.transfer_bundles import body_of, chain_of, forged, joined, pieces, releases_bundle, with_body

SEAL: t.Final = "seal.dsse.json"
Read = t.Callable[..., Transfer]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return attesting.cast(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, people: Cast) -> bytes:
    path = tmp_path_factory.mktemp("bundle") / "home.tar"
    releases_bundle(path, people, chain_of(2))
    return path.read_bytes()


@pytest.fixture
def read(tmp_path: Path, people: Cast) -> Read:
    """Reads some bytes."""

    def verified(data: bytes, trust: Trust = people.trust, **asked: t.Any) -> Transfer:
        path = tmp_path / "home.tar"
        path.write_bytes(data)
        return reading.verified(path, trust, **asked)

    return verified


def with_seal(data: bytes, change: t.Callable[[dict[str, t.Any]], None]) -> bytes:
    """The bundle with another envelope."""
    files = pieces(data)
    envelope = json.loads(body_of(files, SEAL))
    change(envelope)
    return joined(with_body(files, SEAL, canonical(envelope)))


def nothing(_said: dict[str, t.Any]) -> None:
    """Leave the document as it is."""


def test_a_forger_who_changes_nothing_makes_the_same_bundle(people: Cast, good: bytes) -> None:
    assert forged(good, people.alice.key, nothing) == good


def test_the_signer_is_named(people: Cast, good: bytes, read: Read) -> None:
    with read(good) as transfer:
        assert transfer.seal.signer == "alice"
        assert transfer.seal.digest.startswith("sha256:")
    with read(forged(good, people.carol.key, nothing)) as transfer:
        assert transfer.seal.signer == "carol"


@pytest.mark.parametrize("name", ["mallory", "bob", "builder"])
def test_a_bundle_that_was_signed_again_is_named_so(people: Cast, good: bytes, read: Read, name: str) -> None:
    again = forged(good, getattr(people, name).key, nothing)
    with pytest.raises(CollectionError, match="was changed, or was signed again by somebody else") as caught:
        read(again)
    assert "in the ring's trust alice, carol can sign as one" in caught.value.message


def test_without_trust_nobody_is_believed(good: bytes, read: Read) -> None:
    with pytest.raises(CollectionError, match="in the ring's trust nobody can sign as one"):
        read(good, Trust())


def test_the_key_in_the_bundle_proves_nothing(people: Cast, good: bytes, read: Read) -> None:
    def bring(said: dict[str, t.Any]) -> None:
        said["keys"] = [{"name": "mallory", "roles": ["promoter"], "file": "keys/alice.pub"}]

    with pytest.raises(CollectionError, match="signed again by somebody else"):
        read(forged(good, people.mallory.key, bring))


def test_one_more_signature_is_refused(people: Cast, good: bytes, read: Read) -> None:
    for other in (people.mallory, people.carol):
        files = pieces(good)
        twice = envelopes.add_signature(body_of(files, SEAL), other.key)
        with pytest.raises(CollectionError, match="has 2 signatures; allowed is the one of who exported"):
            read(joined(with_body(files, SEAL, twice)))


def test_the_same_signature_twice_is_refused(good: bytes, read: Read) -> None:
    with pytest.raises(CollectionError, match="has 2 signatures"):
        read(with_seal(good, lambda envelope: envelope["signatures"].append(envelope["signatures"][0])))


def test_another_name_for_the_signature_is_refused(people: Cast, good: bytes, read: Read) -> None:
    for key_id in (people.carol.key_id, people.mallory.key_id, ""):
        files = pieces(good)
        envelope = json.loads(body_of(files, SEAL))
        envelope["signatures"][0]["keyid"] = key_id
        with pytest.raises(CollectionError, match="signed again by somebody else"):
            read(joined(with_body(files, SEAL, canonical(envelope))))


def test_base64_in_another_form_is_refused(good: bytes, read: Read) -> None:
    def spaced(envelope: dict[str, t.Any]) -> None:
        envelope["payload"] += "\n"

    def url_safe(envelope: dict[str, t.Any]) -> None:
        signature = base64.b64decode(envelope["signatures"][0]["sig"])
        envelope["signatures"][0]["sig"] = base64.urlsafe_b64encode(signature).decode().rstrip("=")

    for change in (spaced, url_safe):
        with pytest.raises(CollectionError, match="no base64 in its one standard form"):
            read(with_seal(good, change))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"payload":"","payload":"","payloadType":"","signatures":[]}',
        b"[" * 100_000,
        b'{"payload":"","payloadType":"application/vnd.in-toto+json","signatures":[]}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_envelope_is_refused(good: bytes, read: Read, data: bytes) -> None:
    with pytest.raises(CollectionError, match=r"seal\.dsse\.json is no seal: "):
        read(joined(with_body(pieces(good), SEAL, data)))


def test_a_statement_of_another_kind_is_no_seal(people: Cast, good: bytes, read: Read) -> None:
    for kind, (statement, signer, _role) in attesting.every_kind(people).items():
        if kind in ("promotion", "rollback", "evidence"):
            assert signer is people.alice
            sealed = with_body(pieces(good), SEAL, envelopes.sign(statement, signer.key))
            with pytest.raises(CollectionError, match=f"holds a {kind} statement; allowed is a transfer statement"):
                read(joined(sealed))


def test_the_valid_seal_of_another_bundle_is_refused(tmp_path: Path, people: Cast, good: bytes, read: Read) -> None:
    releases_bundle(tmp_path / "other.tar", people, chain_of(3))
    other = body_of(pieces((tmp_path / "other.tar").read_bytes()), SEAL)
    with pytest.raises(CollectionError, match=r"SHA256SUMS has the sha256 .* or the seal is of another bundle"):
        read(joined(with_body(pieces(good), SEAL, other)))


def test_the_list_is_the_one_list(people: Cast, good: bytes, read: Read) -> None:
    """Each of these has a seal by alice, as if her export had a fault."""
    listing = body_of(pieces(good), "SHA256SUMS").decode().splitlines(keepends=True)
    for lines, said in (
        (listing[1:], "SHA256SUMS has the line"),
        (listing[::-1], "SHA256SUMS has the line"),
        ([*listing, listing[-1]], "SHA256SUMS has"),
        ([listing[0], *listing], "SHA256SUMS has the line"),
        ([line.replace("  ", " *") for line in listing], "SHA256SUMS has the line"),
        ([line.upper() for line in listing], "SHA256SUMS has the line"),
        (["# comment\n", *listing], "SHA256SUMS has the line"),
        ([*listing, "\n"], "SHA256SUMS has"),
        ([*listing[:-1], listing[-1].rstrip("\n")], "SHA256SUMS has"),
        ([*listing, f"{'0' * 64}  wheels/z-1-py3-none-any.whl\n"], "SHA256SUMS has"),
    ):
        data = "".join(lines).encode()
        files = with_body(pieces(good), "SHA256SUMS", data)
        statement = envelopes.peek(body_of(files, SEAL))
        statement["subject"] = [{"name": "SHA256SUMS", "digest": {"sha256": hashlib.sha256(data).hexdigest()}}]
        with pytest.raises(CollectionError) as caught:
            read(joined(with_body(files, SEAL, envelopes.sign(statement, people.alice.key))))
        assert said in caught.value.message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("solution", "coldpass"),
        ("kind", "evidence"),
        ("base", {"receipt": f"sha256:{'0' * 64}", "heads": {}}),
    ],
)
def test_the_seal_and_the_document_say_the_same(
    people: Cast, good: bytes, read: Read, field: str, value: t.Any
) -> None:
    with pytest.raises(CollectionError, match=rf"transfer\.json says of {field} something else than seal\.dsse\.json"):
        read(forged(good, people.alice.key, nothing, **{field: value}))


def test_another_bundle_than_asked_for_is_refused(good: bytes, read: Read) -> None:
    with pytest.raises(CollectionError, match="It is of the kind releases; asked for is evidence"):
        read(good, kind="evidence")
    with pytest.raises(CollectionError, match="It is of the solution hotpass; asked for is coldpass"):
        read(good, solution="coldpass")
    with read(good, kind="releases", solution="hotpass") as transfer:
        assert transfer.document.kind == "releases"
