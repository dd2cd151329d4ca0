# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every law of a store, held against both kinds: a directory, and a live registry."""

from __future__ import annotations

import itertools
import json
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import (
    MANIFEST_TYPE,
    Corrupt,
    NoStore,
    NotInStore,
    RegistryStore,
    Store,
    StoreError,
    open_store,
    release_tag,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_copy import copy

from tests.support.registry import Registry, need
from tests.support.stores import ENVELOPE, STATEMENT, read_all, sample, start_writer

pytestmark = pytest.mark.integration

_NUMBERS = itertools.count()
_LACKING = f"sha256:{'0' * 64}"
_WRITERS = 8
_EACH = 4


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Registry]:
    started = Registry.start(tmp_path_factory.mktemp("registry"))
    yield started
    started.stop()


@pytest.fixture(params=["directory", "registry"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place where no store is yet."""
    if request.param == "directory":
        return str(tmp_path / "somewhere" / "store")
    host = request.getfixturevalue("registry").host
    return f"oci://{host}/team/store-{next(_NUMBERS)}"


@pytest.fixture
def store(address: str) -> t.Iterator[Store]:
    opened = open_store(address)
    yield opened
    opened.close()


def skopeo(*arguments: str) -> str:
    """What skopeo prints."""
    done = subprocess.run([need("skopeo"), *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def image(store: Store, digest: str) -> str:
    """A release as skopeo names it."""
    if isinstance(store, RegistryStore):
        return f"docker://{store.address.removeprefix('oci://')}:{release_tag(digest)}"
    return f"oci:{store.address}:{release_tag(digest)}"


def test_what_is_written_is_read(store: Store) -> None:
    one = sample("one")

    assert one.write(store) == one.digest

    assert store.read_manifest(one.digest) == one.manifest
    assert [store.read_blob(digest_of(blob)) for blob in one.blobs] == list(one.blobs)
    assert store.releases() == [one.digest]
    assert all(store.has(digest_of(data)) for data in (one.manifest, *one.blobs))
    assert store.verify().ok


def test_a_place_without_a_store_holds_nothing(store: Store) -> None:
    assert not store.has(_LACKING)
    for reading in (store.read_manifest, store.read_blob, store.referrers, store.attachments):
        with pytest.raises(NotInStore):
            reading(_LACKING)
    for looking in (store.releases, store.verify):
        with pytest.raises(NoStore, match="There is no store at"):
            looking()
    with pytest.raises(NoStore):
        store.collect_garbage([])


def test_what_is_not_there_is_named(store: Store) -> None:
    sample("one").write(store)

    for reading in (store.read_manifest, store.read_blob, store.referrers, store.attachments):
        with pytest.raises(NotInStore, match=_LACKING) as caught:
            reading(_LACKING)
        assert caught.value.blob == _LACKING
    with pytest.raises(NotInStore, match=_LACKING):
        store.attach(_LACKING, STATEMENT, b"{}", ENVELOPE)
    assert not store.has(_LACKING)


def test_a_digest_is_never_a_path(store: Store) -> None:
    sample("one").write(store)

    for bad in ("../../etc/passwd", "sha256:../index.json", "sha512:" + "0" * 128, "", "latest"):
        for asked in (store.has, store.read_manifest, store.read_blob):
            with pytest.raises(Exception, match="sha256: and 64 hexadecimal digits"):
                asked(bad)


def test_a_manifest_waits_for_its_parts(store: Store) -> None:
    one = sample("one")
    store.write_blob(one.config)

    with pytest.raises(NotInStore) as caught:
        store.write_manifest(one.manifest)

    assert caught.value.blob in {digest_of(layer) for layer in one.layers}
    assert not store.has(one.digest)


def test_a_manifest_that_lies_of_a_size_is_refused(store: Store) -> None:
    one = sample("one")
    document = json.loads(one.manifest)
    document["layers"][0]["size"] += 1
    for blob in one.blobs:
        store.write_blob(blob)

    with pytest.raises(Corrupt, match="bytes where its manifest says"):
        store.write_manifest(canonical(document))


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"no json", MANIFEST_TYPE),
        (b"{}", MANIFEST_TYPE),
        (b'{"schemaVersion":2,"schemaVersion":2}', MANIFEST_TYPE),
        (sample("one").manifest, "application/vnd.docker.distribution.manifest.v2+json"),
    ],
)
def test_what_is_no_manifest_is_refused(store: Store, data: bytes, media_type: str) -> None:
    with pytest.raises(StoreError, match="manifest"):
        store.write_manifest(data, media_type)


def test_attachments_are_found_by_subject_and_kind(store: Store) -> None:
    one, two = sample("one").write(store), sample("two").write(store)

    first = store.attach(one, STATEMENT, b"first", ENVELOPE, {"in-toto.io/predicate-type": "https://example.com/p"})
    second = store.attach(one, STATEMENT, b"second", ENVELOPE)
    other = store.attach(one, "application/vnd.example", b"other", "text/plain")
    deeper = store.attach(first, STATEMENT, b"on the first", ENVELOPE)

    assert sorted(store.attachments(one, STATEMENT)) == [b"first", b"second"]
    assert sorted(store.attachments(one)) == [b"first", b"other", b"second"]
    assert [found.digest for found in store.referrers(one)] == sorted((first, second, other))
    assert store.attachments(first) == [b"on the first"]
    assert store.attachments(two) == []
    assert store.releases() == sorted((one, two))
    assert {found.digest: found.annotations for found in store.referrers(one)}[first] == {
        "in-toto.io/predicate-type": "https://example.com/p"
    }
    assert store.verify().attachments == 4
    assert deeper not in {found.digest for found in store.referrers(one)}


def test_writing_again_writes_nothing(store: Store, address: str) -> None:
    one = sample("one")
    release = one.write(store)
    attached = store.attach(release, STATEMENT, b"said", ENVELOPE)
    before = _written(store, address)

    assert one.write(store) == release
    assert store.attach(release, STATEMENT, b"said", ENVELOPE) == attached

    assert _written(store, address) == before
    assert store.attachments(release) == [b"said"]


def _written(store: Store, address: str) -> object:
    """Changes when something is written: the requests that a registry got, or the files' inodes."""
    if isinstance(store, RegistryStore):
        return store.repository.wire.writes
    return sorted((str(path), path.stat().st_ino) for path in Path(address).rglob("*"))


def test_other_manifests_are_kept_and_are_no_releases(store: Store) -> None:
    release = sample("one").write(store)
    archive = sample("archive", artifact_type="application/vnd.hotpass.ledger.v1").write(store)

    assert store.releases() == [release]
    garbage = store.collect_garbage([], min_age=0)

    assert garbage.releases == (release,)
    assert store.read_manifest(archive)
    report = store.verify()
    assert (report.ok, report.releases) == (True, 0)


def test_the_kept_stays_and_the_rest_goes(store: Store) -> None:
    old, kept = sample("old"), sample("kept")
    old.write(store)
    kept.write(store)
    on_old = store.attach(old.digest, STATEMENT, b"of the old", ENVELOPE)
    deeper = store.attach(on_old, STATEMENT, b"on that", ENVELOPE)
    store.attach(kept.digest, STATEMENT, b"of the kept", ENVELOPE)

    planned = store.collect_garbage([kept.digest, _LACKING], check=True, min_age=0)
    assert store.releases() == sorted((old.digest, kept.digest))
    done = store.collect_garbage([kept.digest, _LACKING], min_age=0)

    assert planned == done
    assert done.releases == (old.digest,)
    assert sorted(done.attachments) == sorted((on_old, deeper))
    assert store.releases() == [kept.digest]
    assert store.attachments(kept.digest) == [b"of the kept"]
    assert [store.read_blob(digest_of(blob)) for blob in kept.blobs] == list(kept.blobs)
    with pytest.raises(NotInStore):
        store.read_manifest(old.digest)
    assert store.verify().ok
    assert store.collect_garbage([kept.digest], min_age=0).removed == ()


def test_what_is_new_waits(store: Store) -> None:
    release = sample("one").write(store)

    for _round in range(2):
        garbage = store.collect_garbage([])
        assert garbage.removed == ()
        assert release in garbage.waiting

    assert store.releases() == [release]
    assert store.attachments(release) == []


def test_a_copy_keeps_the_digest_and_writes_nothing_twice(store: Store, registry: Registry, tmp_path: Path) -> None:
    one = sample("one")
    release = one.write(store)
    first = store.attach(release, STATEMENT, b"first", ENVELOPE)
    store.attach(first, STATEMENT, b"on the first", ENVELOPE)
    sample("other").write(store)

    for target in (open_store(f"oci://{registry.host}/copies-{next(_NUMBERS)}"), open_store(str(tmp_path / "copy"))):
        planned = copy(store, target, release, check=True)
        assert not target.has(release)
        done = copy(store, target, release)
        again = copy(store, target, release)

        assert planned == done
        assert (done.present, again.written, again.present) == ((), (), done.written)
        assert target.releases() == [release]
        assert read_all(target)[release] == read_all(store)[release]
        assert target.attachments(first) == [b"on the first"]
        assert target.verify().ok
        target.close()


def test_a_copy_of_what_is_not_there_writes_nothing(store: Store, tmp_path: Path) -> None:
    sample("one").write(store)
    target = tmp_path / "target"

    with pytest.raises(NotInStore, match=_LACKING):
        copy(store, open_store(str(target)), _LACKING)

    assert not target.exists()


def test_many_processes_lose_nothing(store: Store, address: str) -> None:
    shared = sample("shared").write(store)

    writers = [start_writer(address, f"writer{number}", _EACH, shared) for number in range(_WRITERS)]
    told = [(writer.communicate(timeout=240)[0], writer.returncode) for writer in writers]

    assert told == [("", 0)] * _WRITERS
    labels = [f"writer{number}-{each}" for number in range(_WRITERS) for each in range(_EACH)]
    expected = {sample(label).digest: [f"of {label}".encode()] for label in labels}
    everything = read_all(store)
    assert {digest: told["attachments"] for digest, told in everything.items() if digest != shared} == expected
    assert sorted(everything[shared]["attachments"]) == sorted(f"shared, of {label}".encode() for label in labels)
    report = store.verify()
    assert (report.findings, report.releases, report.attachments) == ((), len(labels) + 1, 2 * len(labels))


def test_skopeo_reads_what_is_written(store: Store) -> None:
    one = sample("one")
    one.write(store)
    store.attach(one.digest, STATEMENT, b"said", ENVELOPE)

    raw = skopeo("inspect", "--raw", "--tls-verify=false", image(store, one.digest))

    assert raw.encode() == one.manifest


def test_skopeo_copies_and_the_digest_stays(store: Store, registry: Registry, tmp_path: Path) -> None:
    one = sample("one")
    one.write(store)
    in_registry = open_store(f"oci://{registry.host}/skopeo-{next(_NUMBERS)}")
    in_directory = open_store(str(tmp_path / "skopeo"))

    for target in (in_registry, in_directory):
        skopeo(
            "copy",
            "--preserve-digests",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
            image(store, one.digest),
            image(target, one.digest),
        )

        assert target.releases() == [one.digest]
        assert target.read_manifest(one.digest) == one.manifest
        assert [target.read_blob(digest_of(blob)) for blob in one.blobs] == list(one.blobs)
        assert target.verify().ok
        target.attach(one.digest, STATEMENT, b"said later", ENVELOPE)
        assert target.attachments(one.digest) == [b"said later"]
