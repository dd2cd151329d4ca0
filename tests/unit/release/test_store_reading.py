# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store reads from others: manifests, descriptors, addresses, challenges."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import (
    EMPTY,
    EMPTY_TYPE,
    Descriptor,
    Manifest,
    StoreAccess,
    StoreError,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_auth import Authentication, challenges
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_manifests import referrer
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_referrers import fallback_tag, own_tag
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_repository import split_address

from tests.support.stores import sample

_DIGEST = f"sha256:{'ab' * 32}"


def _changed(path: str, value: t.Any) -> bytes:
    document = json.loads(sample("one").manifest)
    place = document
    *above, last = path.split(".")
    for key in above:
        place = place[int(key) if key.isdigit() else key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("schemaVersion", 1, "is no OCI image manifest"),
        ("mediaType", None, "its mediaType is not"),
        ("mediaType", "application/vnd.oci.image.index.v1+json", "its mediaType is not"),
        ("layers", None, "no list of layers"),
        ("layers", {}, "no list of layers"),
        ("config", None, "a descriptor is no mapping"),
        ("config.digest", "sha512:00", "a descriptor's digest is not sha256"),
        ("config.size", -1, "size is no number of bytes"),
        ("config.size", True, "size is no number of bytes"),
        ("config.size", "7", "size is no number of bytes"),
        ("layers.0.mediaType", "", "a descriptor has no mediaType"),
        ("subject", "sha256:00", "a descriptor is no mapping"),
        ("artifactType", 7, "artifactType is no text"),
        ("annotations", {"a": 1}, "annotations are no mapping of texts"),
    ],
)
def test_what_is_no_manifest(path: str, value: t.Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Manifest.parse(_changed(path, value))


@pytest.mark.parametrize("data", [b"", b"\xff", b"[" * 100_000, b'{"a":1,"a":2}', b" " * (4 * 1024 * 1024 + 1)])
def test_what_is_no_json(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"it is|a key is there twice|at most"):
        Manifest.parse(data)


def test_an_attachment_has_the_form_of_the_specification() -> None:
    subject = Descriptor.of(sample("one").manifest, "application/vnd.oci.image.manifest.v1+json")

    data = referrer(subject, "application/vnd.example", b"{}", "application/json", {"key": "value"})

    assert data == referrer(subject, "application/vnd.example", b"{}", "application/json", {"key": "value"})
    document = json.loads(data)
    assert document["config"] == {
        "mediaType": EMPTY_TYPE,
        "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "size": len(EMPTY),
    }
    manifest = Manifest.parse(data)
    assert (manifest.subject, manifest.artifact_type, manifest.is_release) == (
        subject,
        "application/vnd.example",
        False,
    )
    assert manifest.annotations == {"key": "value"}


def test_tags_are_short_enough_and_never_clash() -> None:
    tag = own_tag(_DIGEST, sample("one").digest)

    assert len(tag) <= 128
    assert tag != own_tag(sample("one").digest, _DIGEST)
    assert fallback_tag(_DIGEST) == f"sha256-{'ab' * 32}"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Basic realm="a, b"', {"basic": {"realm": "a, b"}}),
        (
            'Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push"',
            {"bearer": {"realm": "https://auth.example/token", "service": "reg", "scope": "repository:a/b:pull,push"}},
        ),
        (
            'Basic realm="x", Bearer realm=y,service="z"',
            {"basic": {"realm": "x"}, "bearer": {"realm": "y", "service": "z"}},
        ),
        ('BASIC Realm = "quoted \\"word\\""', {"basic": {"realm": 'quoted "word"'}}),
        ("Negotiate", {"negotiate": {}}),
        ("", {}),
        ('realm="nobody"', {}),
    ],
)
def test_challenges_are_read(header: str, expected: dict[str, dict[str, str]]) -> None:
    assert challenges(header) == expected


@pytest.mark.parametrize(
    ("base", "realm", "allowed"),
    [
        ("https://registry.example", "https://auth.example/token", True),
        ("https://registry.example", "http://registry.example/token", False),
        ("https://registry.example", "http://auth.example/token", False),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5001/token", True),
        ("http://127.0.0.1:5000", "http://auth.example/token", False),
        ("https://registry.example", "ftp://auth.example/token", False),
        ("https://registry.example", "/token", False),
        ("https://registry.example", "https://u:p@auth.example/token", False),
        ("https://registry.example", "", False),
    ],
)
def test_where_the_password_may_go(base: str, realm: str, allowed: bool) -> None:
    asked: list[tuple[str, t.Mapping[str, str]]] = []

    def ask(url: str, headers: t.Mapping[str, str]) -> tuple[int, t.Any]:
        asked.append((url, headers))
        return 200, {"access_token": "of-a-token-service"}

    authentication = Authentication(base, StoreAccess(username="u", password="open-sesame-4711"))
    challenge = f'Bearer realm="{realm}",service="s",scope="repository:a:pull"'
    if allowed:
        assert authentication.answer(challenge, ask)
        assert authentication.header == "Bearer of-a-token-service"
        assert asked[0][0].endswith("?service=s&scope=repository%3Aa%3Apull")
        assert asked[0][1]["Authorization"].startswith("Basic ")
    else:
        with pytest.raises(StoreError, match="only to an https address, or to the registry's own host"):
            authentication.answer(challenge, ask)
        assert asked == []


def test_a_wrong_password_is_offered_once() -> None:
    authentication = Authentication("https://registry.example", StoreAccess(username="u", password="wrong"))

    def ask(_url: str, _headers: t.Mapping[str, str]) -> tuple[int, t.Any]:
        raise AssertionError("there is no token service")

    assert authentication.answer('Basic realm="r"', ask)
    assert not authentication.answer('Basic realm="r"', ask)
    assert not Authentication("https://registry.example", StoreAccess()).answer('Basic realm="r"', ask)


@pytest.mark.parametrize(
    ("address", "access", "expected"),
    [
        ("oci://registry.example/team/hotpass", {}, ("https://registry.example", "team/hotpass")),
        ("oci://registry.example:5000/a", {"plain_http": True}, ("http://registry.example:5000", "a")),
        ("oci://127.0.0.1:5000/a", {}, ("http://127.0.0.1:5000", "a")),
        ("oci://localhost/a", {}, ("http://localhost", "a")),
        ("oci://[::1]:5000/a", {}, ("http://[::1]:5000", "a")),
        ("oci://127.0.0.1:5000/a", {"ca_path": "/ca.pem"}, ("https://127.0.0.1:5000", "a")),
        ("oci://127.0.0.1:5000/a", {"plain_http": False}, ("https://127.0.0.1:5000", "a")),
    ],
)
def test_addresses(address: str, access: dict[str, t.Any], expected: tuple[str, str]) -> None:
    assert split_address(address, StoreAccess(**access)) == expected


@pytest.mark.parametrize(
    "address",
    [
        "oci://",
        "oci:///a",
        "oci://registry.example",
        "oci://registry.example/",
        "oci://registry.example/UPPER",
        "oci://registry.example/a:tag",
        "oci://registry.example/a@sha256:00",
        "oci://registry.example/a/../b",
        "oci://registry.example:port/a",
        "oci://registry.example/a?x=y",
    ],
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(StoreError, match=r"allowed is oci://host\[:port\]/repository"):
        split_address(address, StoreAccess())
