# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence fetches from a live registry: open, guarded, behind TLS, and damaged."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import StoreAccess, open_store
from hotpass_fence.cache import provide
from hotpass_fence.errors import Refused
from hotpass_fence.sources import open_source

from tests.support import certificates
from tests.support.fence_releases import SOLUTION, flow_files, put_release
from tests.support.registry import Registry
from tests.support.registry_front import Front, Harm, TokenService
from tests.support.server import free_port

pytestmark = pytest.mark.integration

USER, PASSWORD = "worker", "open-sesame-5512"
# bcrypt of the password, cost 5.
HTPASSWD = f"{USER}:$2b$05$hotpassfencetestworkeesNQo.3qh5vs1FK4/8fMvcTWqDiN0unW\n"
LOGIN = {"HOTPASS_STORE_USERNAME": USER, "HOTPASS_STORE_PASSWORD": PASSWORD}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Registry]:
    started = Registry.start(tmp_path_factory.mktemp("registry"))
    yield started
    started.stop()


def put(host: str, access: StoreAccess | None = None, word: str = "one") -> str:
    return put_release(open_store(f"oci://{host}/team/etl", access), flow_files(word))


def fetch(cache: Path, host: str, release: str, **environment: str) -> dict[str, bytes]:
    """The files of the release, as a run would have them that finds the cache empty."""
    given = provide(cache, release, SOLUTION, lambda: open_source(f"oci://{host}/team/etl", environment))
    return {str(path.relative_to(given.tree)): path.read_bytes() for path in given.tree.rglob("*") if path.is_file()}


def test_a_release_is_fetched_by_its_digest_with_three_requests(registry: Registry, tmp_path: Path) -> None:
    release = put(registry.host)
    with Front(registry.host) as front:
        assert fetch(tmp_path / "cache", front.host, release) == flow_files("one")
        assert [seen.path.split("/")[4] for seen in front.seen] == ["manifests", "blobs", "blobs"]
        assert fetch(tmp_path / "cache", front.host, release) == flow_files("one")
        assert len(front.seen) == 3


def test_a_flipped_bit_in_any_blob_is_refused_with_its_name(registry: Registry, tmp_path: Path) -> None:
    release = put(registry.host, word="flipped")
    with Front(registry.host) as front:
        fetch(tmp_path / "good", front.host, release)
        digests = [seen.path.rpartition("/")[2] for seen in front.seen]
    for digest in digests:
        file = registry.blob_file(digest)
        good = file.read_bytes()
        for bad in (bytes([good[0] ^ 1]) + good[1:], good[:-1], good + b"x"):
            file.write_bytes(bad)
            with pytest.raises(Refused) as refused:
                fetch(tmp_path / "bad", registry.host, release)
            assert digest in str(refused.value)
        file.write_bytes(good)
    assert fetch(tmp_path / "bad", registry.host, release) == flow_files("flipped")


def test_what_is_not_there_and_who_does_not_answer_is_named(registry: Registry, tmp_path: Path) -> None:
    absent = f"sha256:{'0' * 64}"
    with pytest.raises(Refused, match=f"The store oci://{registry.host}/team/etl has no blob {absent}"):
        fetch(tmp_path, registry.host, absent)
    host = f"127.0.0.1:{free_port()}"
    with pytest.raises(Refused, match=rf"{absent} cannot be fetched from the store oci://{host}/team/etl: .*refused"):
        fetch(tmp_path, host, absent)
    with Front(registry.host) as front:
        front.harms = [Harm(500), Harm(302, headers={"Location": "/loop"}, times=99)]
        with pytest.raises(Refused, match=r"answered the request for sha256:0+ with status 500"):
            fetch(tmp_path, front.host, absent)
        with pytest.raises(Refused, match=r"cannot be fetched from the store .*: Exceeded maximum allowed redirects"):
            fetch(tmp_path, front.host, absent)


def test_a_name_and_password_are_sent_to_who_asks_for_them(tmp_path: Path) -> None:
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    guard = {"htpasswd": {"realm": "registry of the test", "path": str(tmp_path / "htpasswd")}}
    registry = Registry.start(tmp_path / "registry", settings={"auth": guard})
    try:
        release = put(registry.host, StoreAccess(username=USER, password=PASSWORD))
        assert fetch(tmp_path / "cache", registry.host, release, **LOGIN) == flow_files("one")
        for wrong in ({}, {**LOGIN, "HOTPASS_STORE_PASSWORD": "not-the-one-815"}):
            with pytest.raises(
                Refused, match=r"does not let this worker read sha256:.* \(401\); set HOTPASS_STORE_USER"
            ) as e:
                fetch(tmp_path / "other", registry.host, release, **wrong)
            assert "not-the-one" not in str(e.value)
        with Front(registry.host) as front, Front(registry.host) as elsewhere:
            # A registry may send a client elsewhere for the bytes; the password stays at home.
            front.harms = [
                Harm(307, path="/blobs/", skip=1, headers={"Location": f"http://{elsewhere.host}/v2/team/etl/blobs/x"})
            ]
            with pytest.raises(Refused):
                fetch(tmp_path / "other", front.host, release, **LOGIN)
            assert [name for name in elsewhere.seen[0].headers if name.lower() == "authorization"] == []
    finally:
        registry.stop()


def test_a_token_is_fetched_where_the_registry_says(tmp_path: Path) -> None:
    with TokenService(tmp_path, f"{USER}:{PASSWORD}") as service:
        registry = Registry.start(tmp_path / "registry", settings=service.settings())
        try:
            release = put(registry.host, StoreAccess(username=USER, password=PASSWORD))
            service.seen.clear()
            assert fetch(tmp_path / "cache", registry.host, release, **LOGIN) == flow_files("one")
            assert len(service.seen) == 1
            for wrong in ({}, {**LOGIN, "HOTPASS_STORE_PASSWORD": "not-the-one-815"}):
                with pytest.raises(
                    Refused, match=r"does not let this worker read it: 127\.0\.0\.1 gave no token \(401\)"
                ):
                    fetch(tmp_path / "other", registry.host, release, **wrong)
        finally:
            registry.stop()


def test_a_login_page_without_tls_gets_no_password(registry: Registry, tmp_path: Path) -> None:
    authority, certificate = certificates.make(tmp_path / "tls")
    challenge = {"WWW-Authenticate": 'Bearer realm="http://registry.example.com/token",service="x"'}
    with Front(registry.host, certificate) as front, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(authority))
        front.harms = [Harm(401, headers=challenge)]
        with pytest.raises(
            Refused, match=r"asks to log in at 'http://registry\.example\.com/token', which is no https"
        ):
            fetch(tmp_path, front.host, f"sha256:{'0' * 64}", HOTPASS_STORE_PLAIN_HTTP="0", **LOGIN)


def test_tls_is_checked_against_the_authorities_of_the_environment(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = put(registry.host)
    authority, certificate = certificates.make(tmp_path / "tls")
    with Front(registry.host, certificate) as front:
        with pytest.raises(Refused, match="CERTIFICATE_VERIFY_FAILED"):
            fetch(tmp_path / "cache", front.host, release, HOTPASS_STORE_PLAIN_HTTP="0")
        given = fetch(tmp_path / "given", front.host, release, HOTPASS_STORE_CA_PATH=str(authority))
        assert given == flow_files("one")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert fetch(tmp_path / "cache", front.host, release, HOTPASS_STORE_PLAIN_HTTP="0") == flow_files("one")
