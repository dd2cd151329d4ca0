# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry that is slow, broken, guarded, or no registry: the store says so, and loses nothing."""

from __future__ import annotations

import itertools
import json
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import (
    INDEX_TYPE,
    Corrupt,
    RegistryStore,
    StoreAccess,
    StoreError,
    open_store,
    release_tag,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_referrers import fallback_tag
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_registry_check import MARK_TYPE

from tests.support import certificates
from tests.support.registry import Registry
from tests.support.registry_front import Front, Harm, TokenService
from tests.support.server import free_port
from tests.support.stores import ENVELOPE, STATEMENT, Sample, read_all, sample

pytestmark = pytest.mark.integration

_NUMBERS = itertools.count()
_USER, _PASSWORD = "promoter", "open-sesame-4711"
# One request in so many fails, and each gets its turn.
_DISTANCE = 7
# bcrypt of the password, cost 5.
_HTPASSWD = f"{_USER}:$2y$05$abcdefghijklmnopqrstuud2L8crwTyOxFi9P3yYYIG5bIITxThTG\n"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Registry]:
    started = Registry.start(tmp_path_factory.mktemp("registry"))
    yield started
    started.stop()


@pytest.fixture
def front(registry: Registry) -> t.Iterator[Front]:
    with Front(registry.host) as standing:
        yield standing


def _open(host: str, repository: str = "", **access: t.Any) -> RegistryStore:
    opened = open_store(f"oci://{host}/{repository or f'team/repo-{next(_NUMBERS)}'}", StoreAccess(**access))
    assert isinstance(opened, RegistryStore)
    return opened


def _story(store: RegistryStore, one: Sample) -> None:
    """What a promotion does to a store."""
    one.write(store)
    store.attach(one.digest, STATEMENT, b"first", ENVELOPE)
    store.attach(one.digest, STATEMENT, b"second", ENVELOPE)
    assert sorted(store.attachments(one.digest)) == [b"first", b"second"]


@pytest.mark.parametrize("harm", ["dropped before", "dropped after", "503 before", "503 after"])
def test_every_request_may_fail(registry: Registry, front: Front, harm: str) -> None:
    one = sample("one")
    straight = _open(registry.host)
    _story(straight, one)
    expected, tags = read_all(straight), straight.repository.tags()
    what, when = harm.split()

    for offset in range(_DISTANCE):
        front.harms = [
            Harm(0 if what == "dropped" else 503, forward=when == "after", skip=offset, every=_DISTANCE, times=1000)
        ]
        name = f"team/harmed-{next(_NUMBERS)}"
        _story(_open(front.host, name), one)

        assert front.harms[0].times < 996
        untouched = _open(registry.host, name)
        assert (read_all(untouched), untouched.repository.tags()) == (expected, tags), offset
        assert untouched.verify().ok


def test_it_gives_up_after_the_retries(front: Front) -> None:
    front.harms = [Harm(503, body=b'{"errors":[{"code":"UNAVAILABLE","message":"in maintenance"}]}', times=10**6)]

    with pytest.raises(StoreError, match=r"answered GET /v2/ with 503: UNAVAILABLE: in maintenance\."):
        _open(front.host, retries=2).releases()

    assert len(front.seen) == 3


def test_it_waits_as_long_as_it_is_asked_to(front: Front) -> None:
    store = _open(front.host)
    sample("one").write(store)
    front.harms = [Harm(429, headers={"Retry-After": "1"}, path="tags")]
    begun = time.monotonic()

    assert len(store.releases()) == 1

    assert time.monotonic() - begun >= 1


def test_nobody_listens() -> None:
    port = free_port()

    with pytest.raises(StoreError, match=rf"the registry http://127.0.0.1:{port} failed: .*refused; is it running"):
        _open(f"127.0.0.1:{port}", retries=0).releases()


def test_no_answer_in_time(front: Front) -> None:
    front.harms = [Harm(200, path="^/v2/$", delay=1.0)]

    with pytest.raises(StoreError, match=r"GET /v2/ of the registry .* failed: no answer within 0\.2 s; is it running"):
        _open(front.host, retries=0, timeout=0.2).releases()


@pytest.mark.parametrize(
    "harm",
    [
        Harm(200, headers={"Content-Type": "text/html"}, body=b"<html>Log in</html>"),
        Harm(404, body=b'{"detail":"Not Found"}'),
        Harm(405, body=b"no"),
    ],
)
def test_what_is_no_registry_holds_nothing_it_says(front: Front, harm: Harm) -> None:
    harm.times = 10**6
    front.harms = [harm]
    store = _open(front.host)

    for asked in (
        lambda: store.has(f"sha256:{'0' * 64}"),
        store.releases,
        store.verify,
        lambda: store.write_blob(b"x"),
    ):
        with pytest.raises(StoreError, match=rf"At http://{front.host} there is no OCI registry"):
            asked()


def test_pages_of_tags_are_followed(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.hotpass.prefect.plugins.module_utils.release.store_repository._PAGE", 2)
    store = _open(registry.host)
    written = sorted(sample(number).write(store) for number in range(5))

    assert store.releases() == written


def test_a_tag_that_was_moved_is_found(registry: Registry) -> None:
    store = _open(registry.host)
    one, two = sample("one"), sample("two")
    one.write(store)
    two.write(store)

    store.repository.put_manifest(release_tag(one.digest), two.manifest)

    report = store.verify()
    assert [(finding.problem, finding.name) for finding in report.findings] == [("misplaced", one.digest)]
    assert one.write(store) == one.digest
    assert store.verify().ok


def test_an_index_that_others_overwrote_hides_nothing(registry: Registry) -> None:
    store = _open(registry.host)
    release = sample("one").write(store)
    store.attach(release, STATEMENT, b"first", ENVELOPE)
    empty = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": []}).encode()

    store.repository.put_manifest(fallback_tag(release), empty, INDEX_TYPE)
    assert store.attachments(release) == [b"first"]
    store.attach(release, STATEMENT, b"second", ENVELOPE)

    index = json.loads(store.repository.tagged(fallback_tag(release)) or b"")
    assert {line["digest"] for line in index["manifests"]} == {one.digest for one in store.referrers(release)}
    assert {line["artifactType"] for line in index["manifests"]} == {STATEMENT}
    assert len(index["manifests"]) == 2


def test_an_index_that_names_what_is_not_attached_is_refused(registry: Registry) -> None:
    store = _open(registry.host)
    one, two = sample("one"), sample("two")
    release, other = one.write(store), two.write(store)
    line = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": other, "size": len(two.manifest)}
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [line]}

    store.repository.put_manifest(fallback_tag(release), json.dumps(index).encode(), INDEX_TYPE)

    with pytest.raises(Corrupt, match=f"names {other}, which is not attached to it"):
        store.attachments(release)


def test_the_referrers_api_is_used_where_there_is_one(registry: Registry) -> None:
    with Front(registry.host, referrers_api=True) as front:
        store = _open(front.host)
        release = sample("one").write(store)
        first = store.attach(release, STATEMENT, b"first", ENVELOPE)
        store.attach(release, STATEMENT, b"second", ENVELOPE)
        store.attach(release, "application/vnd.example", b"third", "text/plain")
        store.attach(first, STATEMENT, b"on the first", ENVELOPE)

        assert sorted(store.attachments(release, STATEMENT)) == [b"first", b"second"]
        assert store.attachments(first) == [b"on the first"]
        assert store.repository.tags() == [release_tag(release)]
        assert store.verify().attachments == 4
        writes = store.repository.wire.writes
        store.attach(release, STATEMENT, b"first", ENVELOPE)
        assert store.repository.wire.writes == writes
        assert len(store.collect_garbage([], min_age=0).attachments) == 4
        assert store.repository.tags() == []


def test_a_mark_that_is_old_enough_lets_go(registry: Registry) -> None:
    store = _open(registry.host)
    old, young, kept = (sample(name).write(store) for name in ("old", "young", "kept"))
    for release, age in ((old, 7200), (young, 60), (kept, 7200)):
        mark = canonical({"since": int(time.time()) - age})
        store.attach(release, MARK_TYPE, mark, "application/vnd.hotpass.unneeded.v1+json")

    planned = store.collect_garbage([kept], check=True)
    assert len(store.releases()) == 3
    garbage = store.collect_garbage([kept])

    assert planned == garbage
    assert (garbage.releases, garbage.waiting, garbage.marked) == ((old,), (young,), ())
    assert store.releases() == sorted((young, kept))
    # Kept again means that the time begins anew.
    assert store.referrers(kept, MARK_TYPE) == []
    assert store.collect_garbage([]).marked == (kept,)


def test_the_registrys_own_collection_takes_what_is_not_needed_alone(tmp_path: Path) -> None:
    registry = Registry.start(tmp_path)
    try:
        store = _open(registry.host)
        _story(store, sample("kept"))
        _story(store, sample("old"))
        _story(store, sample("ledger", artifact_type="application/vnd.hotpass.ledger.v1"))
        kept = sample("kept").digest
        before = read_all(store)[kept]
        gone = digest_of(sample("old").config)
        store.collect_garbage([kept], min_age=0)
        assert registry.blob_file(gone).exists()

        registry.free_blobs()

        assert not registry.blob_file(gone).exists()
        assert read_all(store) == {kept: before}
        report = store.verify()
        assert (report.ok, report.attachments) == (True, 4)
    finally:
        registry.stop()


def test_deleting_may_not_be_allowed(tmp_path: Path) -> None:
    registry = Registry.start(tmp_path, delete=False)
    try:
        store = _open(registry.host)
        release = sample("one").write(store)

        with pytest.raises(StoreError, match=r"does not allow deleting, .*storage\.delete\.enabled"):
            store.collect_garbage([], min_age=0)

        assert store.releases() == [release]
    finally:
        registry.stop()


def test_an_upload_goes_on_where_it_is_told_to(front: Front, registry: Registry) -> None:
    begun = _open(registry.host, "team/relative").repository._request(
        "POST", "/v2/team/relative/blobs/uploads/", body=b"", expected=(202,)
    )
    location = begun.headers["Location"].removeprefix(f"http://{registry.host}")
    front.harms = [Harm(202, method="POST", headers={"Location": location})]
    store = _open(front.host, "team/relative")

    assert store.read_blob(store.write_blob(b"relative")) == b"relative"


def test_blobs_may_lie_elsewhere(registry: Registry, tmp_path: Path) -> None:
    one = sample("one")
    with _guarded(tmp_path) as guarded, Front(guarded.host) as front, Front(registry.host) as elsewhere:
        store = _open(front.host, "team/away", username=_USER, password=_PASSWORD)
        one.write(store)
        straight = _open(registry.host, "team/away")
        one.write(straight)
        digest = digest_of(one.config)
        location = f"http://{elsewhere.host}/v2/team/away/blobs/{digest}"
        front.harms = [Harm(307, method="GET", path="/blobs/", headers={"Location": location})]

        assert store.read_blob(digest) == one.config

        assert [seen.path for seen in elsewhere.seen] == [f"/v2/team/away/blobs/{digest}"]
        assert "Authorization" not in elsewhere.seen[0].headers
        assert "Authorization" in front.seen[-1].headers


def test_sending_in_a_circle_ends(front: Front) -> None:
    digest = f"sha256:{'0' * 64}"
    path = f"/v2/team/circle/blobs/{digest}"
    front.harms = [Harm(307, method="GET", path=path, headers={"Location": path}, times=10**6)]

    with pytest.raises(StoreError, match="sends on to"):
        _open(front.host, "team/circle").read_blob(digest)


def test_a_manifest_without_end_is_not_read(front: Front) -> None:
    store = _open(front.host)
    release = sample("one").write(store)
    front.harms = [Harm(200, method="GET", path="/manifests/", body=b" " * (4 * 1024 * 1024 + 1))]

    with pytest.raises(StoreError, match="is larger than 4194304 bytes"):
        store.read_manifest(release)


class _guarded:  # noqa: N801
    """A registry with one user, as a context manager."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        (home / "htpasswd").write_text(_HTPASSWD, encoding="utf-8")
        guard = {"htpasswd": {"realm": "registry of the test", "path": str(home / "htpasswd")}}
        self._registry = Registry.start(home / "registry", settings={"auth": guard})

    def __enter__(self) -> Registry:
        return self._registry

    def __exit__(self, *_exc: object) -> None:
        self._registry.stop()


def test_basic_authentication(tmp_path: Path) -> None:
    with _guarded(tmp_path) as registry:
        _story(_open(registry.host, username=_USER, password=_PASSWORD), sample("one"))

        with pytest.raises(StoreError, match="asks for a user and a password; set store_username") as nobody:
            _open(registry.host).releases()
        with pytest.raises(StoreError, match="the user or the password is wrong") as wrong:
            _open(registry.host, username=_USER, password="not-the-one-815").releases()
        for caught in (nobody, wrong):
            assert _PASSWORD not in str(caught.value)
            assert "not-the-one-815" not in str(caught.value)


def test_a_token_is_fetched_and_widened(tmp_path: Path) -> None:
    with TokenService(tmp_path, f"{_USER}:{_PASSWORD}") as service:
        registry = Registry.start(tmp_path / "registry", settings=service.settings())
        try:
            with Front(registry.host) as front:
                store = _open(front.host, username=_USER, password=_PASSWORD)
                _story(store, sample("one"))
                store.collect_garbage([], min_age=0)
                # The password goes to the token service alone, and one token serves many requests.
                assert all(not s.headers.get("Authorization", "").startswith("Basic") for s in front.seen)
                assert 3 * len(service.seen) < len(front.seen)
            with pytest.raises(StoreError, match="answered with status 401; are store_username and") as wrong:
                _open(registry.host, username=_USER, password="not-the-one-815").releases()
            with pytest.raises(StoreError, match="answered with status 401; set store_username and"):
                _open(registry.host).releases()
            assert "not-the-one-815" not in str(wrong.value)
        finally:
            registry.stop()


def test_the_password_does_not_go_to_strangers(front: Front) -> None:
    challenge = 'Bearer realm="http://registry.example/token",service="s",scope="repository:team/x:pull"'
    front.harms = [Harm(401, headers={"WWW-Authenticate": challenge}, times=10**6)]

    with pytest.raises(StoreError, match="only to an https address, or to the registry's own host") as caught:
        _open(front.host, username=_USER, password=_PASSWORD).releases()

    assert _PASSWORD not in str(caught.value)
    assert all("Authorization" not in seen.headers for seen in front.seen)


def test_forbidden_is_said(front: Front) -> None:
    store = _open(front.host)
    denied = b'{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}'
    front.harms = [Harm(403, method="POST", body=denied)]

    with pytest.raises(StoreError, match=r"refuses POST .*has not the right to do that \(DENIED: requested access"):
        store.write_blob(b"x")


def test_what_a_registry_says_never_shows_the_password(front: Front) -> None:
    challenge = {"WWW-Authenticate": 'Basic realm="r"'}
    echo = json.dumps({"errors": [{"code": "X", "message": f"who is {_USER} with {_PASSWORD}?"}]}).encode()
    front.harms = [Harm(401, headers=challenge), Harm(400, body=echo, times=10**6)]

    with pytest.raises(StoreError) as caught:
        _open(front.host, username=_USER, password=_PASSWORD).write_blob(b"x")

    assert _PASSWORD not in str(caught.value)


def test_tls(registry: Registry, tmp_path: Path) -> None:
    authority, certificate = certificates.make(tmp_path)
    with Front(registry.host, certificate) as front:
        _story(_open(front.host, ca_path=str(authority)), sample("one"))

        with pytest.raises(StoreError, match="name the authority's certificate in store_ca_path"):
            _open(front.host, plain_http=False).releases()
    with pytest.raises(StoreError, match=r"it speaks plain http, which store_plain_http allows|record layer"):
        _open(registry.host, plain_http=False, retries=0).releases()
    with pytest.raises(StoreError, match=r"store_ca_path names .*, and there is no such file"):
        _open(registry.host, ca_path=str(tmp_path / "none.pem"))


def test_a_proxy_of_the_environment(registry: Registry, front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://walter:{_PASSWORD}@{front.host}")
    store = _open(registry.host)

    _story(store, sample("one"))

    assert {seen.path.startswith(f"http://{registry.host}/v2/") for seen in front.seen} == {True}
    assert all("proxy-authorization" in {name.lower() for name in seen.headers} for seen in front.seen)
    front.harms = [Harm(0, times=10**6)]
    with pytest.raises(StoreError) as caught:
        _open(registry.host, retries=0).releases()
    assert _PASSWORD not in str(caught.value)


@pytest.mark.parametrize("status", [404, 405, 501])
def test_ways_to_say_that_there_is_no_referrers_api(registry: Registry, front: Front, status: int) -> None:
    front.harms = [Harm(status, path="/referrers/", body=b"<html>What?</html>", times=10**6)]
    store = _open(front.host, f"team/no-api-{status}")

    _story(store, sample("one"))

    assert len(_open(registry.host, f"team/no-api-{status}").attachments(sample("one").digest)) == 2


def test_https_is_not_left(registry: Registry, tmp_path: Path) -> None:
    authority, certificate = certificates.make(tmp_path)
    with Front(registry.host, certificate) as front:
        store = _open(front.host, ca_path=str(authority))
        front.harms = [Harm(202, method="POST", headers={"Location": f"http://{front.host}/v2/upload"})]

        with pytest.raises(StoreError, match="which is not https; if it stands behind a proxy"):
            store.write_blob(b"x")
