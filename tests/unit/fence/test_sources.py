# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of stores that the fence takes, and what it reads from a directory."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hotpass_fence.errors import Refused
from hotpass_fence.release import Blob, digest_of
from hotpass_fence.sources import Directory, open_source


@pytest.mark.parametrize(
    "address",
    [
        "oci://",
        "oci:///etl",
        "oci://host",
        "oci://host/",
        "oci://host:port/etl",
        "oci://host:99999/etl",
        "oci://host/Etl",
        "oci://host/../etl",
        "oci://host/etl?x=1",
        "oci://host/etl:latest",
        "https://host/etl",
        "file:///srv/store",
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(Refused, match="allowed"), open_source(address, {}):
        pytest.fail("it was opened")


def test_a_password_in_an_address_is_refused_and_not_shown() -> None:
    with pytest.raises(Refused) as refused, open_source("oci://me:sesame@host/etl", {}):
        pytest.fail("it was opened")
    assert str(refused.value) == "The store is 'oci://host/etl'; allowed is oci://host[:port]/repository."


@pytest.mark.parametrize(
    ("host", "setting", "scheme"),
    [
        ("registry.example.com", None, "https"),
        ("registry.example.com:5000", "0", "https"),
        ("registry.example.com", "1", "http"),
        ("localhost", None, "http"),
        ("localhost:5000", "0", "https"),
        ("127.0.0.1:5000", None, "http"),
        ("127.1.2.3", "", "http"),
        ("[::1]:5000", None, "http"),
        ("128.0.0.1", None, "https"),
        ("localhost.example.com", None, "https"),
    ],
)
def test_only_this_machine_is_spoken_to_in_plain_http_unless_told(host: str, setting: str | None, scheme: str) -> None:
    environment = {} if setting is None else {"HOTPASS_STORE_PLAIN_HTTP": setting}
    with open_source(f"oci://{host}/team/etl", environment) as source:
        assert source._url == f"{scheme}://{host}/v2/team/etl"  # type: ignore[attr-defined]


def test_certificates_to_trust_have_to_be_there(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    for name in ("missing.pem", "empty.pem"):
        environment = {"HOTPASS_STORE_CA_PATH": str(tmp_path / name)}
        with pytest.raises(Refused, match=f"{name}, which holds no certificates"):
            open_source("oci://localhost/etl", environment).__enter__()


def test_a_setting_that_is_neither_yes_nor_no_is_refused() -> None:
    with pytest.raises(Refused, match="HOTPASS_STORE_PLAIN_HTTP is 'yes'; allowed are 0 and 1"):
        open_source("oci://localhost/etl", {"HOTPASS_STORE_PLAIN_HTTP": "yes"}).__enter__()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "blobs" / "sha256").mkdir(parents=True)
    (tmp_path / "blobs" / "sha256" / hashlib.sha256(b"abc").hexdigest()).write_bytes(b"abc")
    return tmp_path


def test_a_directory_gives_what_was_asked_for(store: Path) -> None:
    source = Directory(str(store))
    assert source.blob(Blob(digest_of(b"abc"), 3)) == b"abc"
    assert source.manifest(digest_of(b"abc")) == b"abc"


def test_what_is_damaged_or_missing_is_named(store: Path) -> None:
    source = Directory(str(store))
    digest = digest_of(b"abc")
    with pytest.raises(Refused, match=f"The store {store} has no blob {digest_of(b'x')}"):
        source.manifest(digest_of(b"x"))
    for size in (2, 4):
        with pytest.raises(Refused, match=f"The blob {digest} in the store {store} is damaged: its bytes are others"):
            source.blob(Blob(digest, size))
    for bad in (b"abd", b"ab", b"abcd", b""):
        (store / "blobs" / digest.replace(":", "/")).write_bytes(bad)
        with pytest.raises(Refused, match=f"The blob {digest} in the store {store} is damaged"):
            source.blob(Blob(digest, 3))
    (store / "blobs" / digest.replace(":", "/")).unlink()
    (store / "blobs" / digest.replace(":", "/")).mkdir()
    with pytest.raises(Refused, match=f"The blob {digest} in the store {store} cannot be read: Is a directory"):
        source.blob(Blob(digest, 3))
