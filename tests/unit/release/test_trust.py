# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a ring believes: what a setting may hold, and that every mistake in it is named."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import keys
from ansible_collections.hotpass.prefect.plugins.module_utils.release.key_options import (
    signing_key_from_params,
    trust_from_params,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust

from tests.support.attesting import Person, person


@pytest.fixture
def alice(tmp_path: Path) -> Person:
    return person(tmp_path, "alice")


@pytest.fixture
def bob(tmp_path: Path) -> Person:
    return person(tmp_path, "bob")


def refusal(entries: t.Any) -> str:
    with pytest.raises(CollectionError) as caught:
        Trust.from_setting(entries)
    return caught.value.message


def test_keys_are_found_by_id_and_role(alice: Person, bob: Person, tmp_path: Path) -> None:
    path = tmp_path / "bob.pub.pem"
    path.write_text(bob.key.public_key, encoding="ascii")
    trust = Trust.from_setting([alice.entry("builder", "promoter"), {**bob.entry("approver"), "public_key": str(path)}])
    found = trust.find(alice.key_id)
    assert found is not None
    assert (found.name, found.roles, found.public_key) == ("alice", {"builder", "promoter"}, alice.key.public_key)
    assert [key.name for key in trust.having(("promoter", "approver"))] == ["alice", "bob"]
    assert [key.key_id for key in trust.having(("approver",))] == [bob.key_id]
    assert trust.find(person(tmp_path, "mallory").key_id) is None
    assert trust.find(alice.key_id.upper()) is None


def test_an_empty_trust_trusts_nobody(alice: Person) -> None:
    assert Trust().find(alice.key_id) is None
    assert Trust.from_setting([]) == Trust()
    assert Trust().having(("builder", "promoter", "approver")) == ()


def test_a_key_tells_its_signatures_from_others(alice: Person, bob: Person) -> None:
    (trusted,) = Trust.from_setting([alice.entry("builder")]).keys
    signature = bytes.fromhex(alice.key.sign(b"bytes").signature)
    assert trusted.made(signature, b"bytes")
    assert not trusted.made(signature, b"bytes ")
    assert not trusted.made(signature[:-1], b"bytes")
    assert not trusted.made(b"", b"bytes")
    assert not trusted.made(bytes.fromhex(bob.key.sign(b"bytes").signature), b"bytes")


@pytest.mark.parametrize("setting", [None, "alice", {"name": "alice"}, 3])
def test_a_setting_that_is_no_list_is_refused(setting: t.Any) -> None:
    assert "allowed is a list of keys with name, roles, public_key" in refusal(setting)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ...}, "trust[1] lacks name"),
        ({"roles": ...}, "trust[1] lacks roles"),
        ({"public_key": ...}, "trust[1] lacks public_key"),
        ({"role": "builder"}, "trust[1] has the unknown field 'role'"),
        ({"name": "bob smith"}, "trust[1].name is 'bob smith'"),
        ({"name": 7}, "trust[1].name is '7'"),
        ({"roles": "approver"}, "trust[1].roles of bob is no list with a role in it"),
        ({"roles": []}, "trust[1].roles of bob is no list with a role in it"),
        ({"roles": ["approver", "admin"]}, "trust[1].roles of bob holds 'admin'; allowed are builder, promoter, appr"),
        ({"roles": ["approver", {}]}, "trust[1].roles of bob holds '{}'"),
        ({"roles": ["approver", "approver"]}, "trust[1].roles of bob names a role twice"),
        ({"public_key": ""}, "trust[1].public_key of bob is empty; allowed is PEM or a path"),
        ({"public_key": None}, "trust[1].public_key of bob is NoneType; allowed is PEM or a path"),
        ({"public_key": "/nowhere/bob.pem"}, "trust[1].public_key of bob: There is no key file /nowhere/bob.pem"),
        ({"public_key": "-----BEGIN PUBLIC KEY-----\nMCow\n"}, "trust[1].public_key of bob holds no public key in PEM"),
        ({"name": "ALICE"}, "The name ALICE stands twice in the ring's trust"),
    ],
)
def test_a_mistake_is_named_with_its_entry_and_field(
    alice: Person, bob: Person, changes: dict[str, t.Any], said: str
) -> None:
    entry = {key: value for key, value in {**bob.entry("approver"), **changes}.items() if value is not ...}
    assert refusal([alice.entry("promoter"), entry]).startswith(said)


def test_an_entry_that_is_no_mapping_is_refused(alice: Person) -> None:
    assert refusal([alice.entry("promoter"), alice.key.public_key]).startswith("trust[1] is str; allowed is a mapping")


def test_one_key_under_two_names_is_refused(alice: Person) -> None:
    twin = {**alice.entry("approver"), "name": "alison"}
    assert refusal([alice.entry("promoter"), twin]).startswith("alice and alison have the same key in the ring's trust")
    crlf = {**twin, "public_key": alice.key.public_key.replace("\n", "\r\n")}
    assert "have the same key" in refusal([alice.entry("promoter"), crlf])


@pytest.mark.parametrize("as_path", [True, False])
def test_a_private_key_is_refused_and_not_quoted(tmp_path: Path, as_path: bool) -> None:
    keys.create_key_pair(tmp_path / "k.pem", "k")
    private = (tmp_path / "k.pem").read_text(encoding="ascii")
    given = str(tmp_path / "k.pem") if as_path else private
    message = refusal([{"name": "k", "roles": ["builder"], "public_key": given}])
    assert message.startswith("trust[0].public_key of k holds a private key, which belongs to its signer alone")
    assert private.splitlines()[1] not in message


def test_a_key_of_another_kind_is_refused() -> None:
    p256 = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54W
K84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
"""
    said = refusal([{"name": "k", "roles": ["builder"], "public_key": p256}])
    assert said == "trust[0].public_key of k holds a key of another kind; allowed is ed25519."


def test_the_options_of_a_task_lead_to_a_key_and_a_trust(alice: Person, tmp_path: Path) -> None:
    keys.create_key_pair(tmp_path / "sealed.pem", "sealed", "giraffe-lane-88")
    given = {
        "signing_key": str(tmp_path / "sealed.pem"),
        "signing_key_passphrase": "giraffe-lane-88",
        "signing_key_name": "ci",
        "trust": [alice.entry("builder")],
    }
    key = signing_key_from_params(given)
    assert key is not None
    assert key.name == "ci"
    assert trust_from_params(given).find(alice.key_id) is not None
    assert signing_key_from_params({"signing_key": None}) is None
    assert trust_from_params({"trust": None}) == Trust()


def test_a_key_without_a_name_is_called_as_the_trust_calls_it(alice: Person, bob: Person, tmp_path: Path) -> None:
    # AWX keeps a key in a file that has a name by chance.
    chance = (tmp_path / "alice.pem").rename(tmp_path / "tmp_x8k2")
    entries = [bob.entry("approver"), alice.entry("promoter")]
    known = signing_key_from_params({"signing_key": str(chance), "trust": entries})
    assert known is not None
    assert (known.name, known.key_id) == ("alice", alice.key_id)
    stranger = signing_key_from_params({"signing_key": str(chance), "trust": entries[:1]})
    assert stranger is not None
    assert stranger.name == "tmp_x8k2"
