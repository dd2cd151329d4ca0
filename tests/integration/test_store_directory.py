# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory store under crashes, full and read-only disks, missing permissions, and other people's files."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release import store_files
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.layout_store import LayoutStore
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import (
    Corrupt,
    NoStore,
    StoreError,
    open_store,
    release_tag,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_layout import Entry

from tests.support.store_processes import WORKS, Ended, Processes
from tests.support.stores import ENVELOPE, STATEMENT, read_all, sample, start_writer

pytestmark = pytest.mark.integration

_OLD = time.time() - 7200


@pytest.fixture(scope="module")
def processes() -> t.Iterator[Processes]:
    with Processes() as started:
        yield started


def _age(root: Path) -> None:
    for path in root.rglob("*"):
        if path.is_file():
            os.utime(path, (_OLD, _OLD))


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A store with a release to keep, an old one, and a leftover."""
    root = tmp_path / "template"
    store = LayoutStore(str(root))
    for name in ("kept", "old"):
        release = sample(name).write(store)
        store.attach(release, STATEMENT, f"of the {name}".encode(), ENVELOPE)
    (root / ".tmp" / "left").write_bytes(b"half")
    _age(root)
    return root


@pytest.mark.parametrize(
    ("work", "name", "into", "steps"),
    [("write", "new", "a store", 40), ("write", "new", "nothing", 60), ("collect", "kept", "a store", 5)],
)
def test_a_crash_at_any_step_leaves_a_good_store(
    processes: Processes, template: Path, tmp_path: Path, work: str, name: str, into: str, steps: int
) -> None:
    kept = sample("kept").digest
    before = read_all(LayoutStore(str(template)))[kept]
    root = tmp_path / "crashing"
    store = LayoutStore(str(root), patience=1)
    for position in itertools.count():
        if into == "a store":
            shutil.copytree(template, root, copy_function=shutil.copy2)

        ended = processes.do(work, str(root), name, kill_at=position)

        assert ended in (Ended(signal.SIGKILL, ""), Ended(0, ""))
        if into == "a store":
            assert read_all(store)[kept] == before, position
        assert _good(store), position
        # Run again, and all is as if there had been no crash.
        WORKS[work](store, name)
        assert store.verify().ok
        if work == "write":
            assert store.attachments(sample(name).digest) == [b"of the new"]
        else:
            assert not (root / ".tmp" / "left").exists()
        if into == "a store":
            assert read_all(store)[kept] == before
        shutil.rmtree(root)
        if not ended.killed:
            assert position > steps
            break


def _good(store: LayoutStore) -> bool:
    """Whether a check finds nothing bad; where the crash came before the store was made there is nothing to find."""
    try:
        return store.verify().ok
    except NoStore:
        return not (Path(store.address) / "oci-layout").exists()


def test_a_collection_takes_nothing_from_writers(template: Path) -> None:
    store = LayoutStore(str(template))
    kept = sample("kept").digest
    writers = [start_writer(str(template), f"writer{number}", 4, kept) for number in range(3)]

    collections = 0
    while any(writer.poll() is None for writer in writers):
        store.collect_garbage([kept])
        collections += 1

    assert [(writer.communicate(timeout=60)[0], writer.returncode) for writer in writers] == [("", 0)] * 3
    assert collections > 3
    report = store.verify()
    # The old one was removed by the first collection.
    assert (report.ok, report.releases, report.attachments) == (True, 1 + 12, 1 + 24)


def test_what_a_crash_left_is_reported_and_collected(template: Path) -> None:
    store = LayoutStore(str(template))
    store.write_blob(b"of a release that never came")
    _age(template)

    report = store.verify()
    assert report.ok
    assert {(finding.problem, finding.name) for finding in report.findings} == {
        ("leftover", ".tmp/left"),
        ("orphaned", digest_of(b"of a release that never came")),
    }
    garbage = store.collect_garbage([sample("kept").digest, sample("old").digest])

    assert (garbage.files, garbage.blobs) == ((".tmp/left",), (digest_of(b"of a release that never came"),))
    assert store.verify().findings == ()


def test_nothing_is_collected_while_anything_is_corrupt(template: Path) -> None:
    store = LayoutStore(str(template))
    (attached,) = store.referrers(sample("kept").digest)
    file = template / "blobs" / "sha256" / attached.digest[7:]
    good = file.read_bytes()
    file.write_bytes(good[:-1])

    # What the damaged one was attached to, and needs, cannot be known.
    with pytest.raises(Corrupt, match=attached.digest):
        store.collect_garbage([sample("kept").digest], min_age=0)

    file.write_bytes(good)
    assert len(store.releases()) == 2
    assert store.verify().ok


def test_whoever_is_at_work_is_not_collected(template: Path) -> None:
    store = LayoutStore(str(template))
    old = sample("old")
    store.write_blob(old.config)

    store.attach(old.digest, STATEMENT, b"promoted again", ENVELOPE)
    garbage = store.collect_garbage([sample("kept").digest])

    assert old.digest in garbage.waiting
    assert garbage.releases == ()
    assert sorted(store.attachments(old.digest)) == [b"of the old", b"promoted again"]


def test_a_blob_written_again_is_young(template: Path) -> None:
    store = LayoutStore(str(template))
    old = sample("old")

    for blob in old.blobs:
        store.write_blob(blob)
    store.collect_garbage([sample("kept").digest])

    assert all(store.has(digest_of(blob)) for blob in old.blobs)
    assert old.write(store) == old.digest
    assert store.verify().ok


def test_a_reader_does_not_take_a_collection_for_damage(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, kept = LayoutStore(str(template)), sample("kept").digest
    entries, collections = store._layout.entries, []

    def overtaken() -> list[Entry]:
        """The index as it was read right before somebody else collects."""
        lines = entries()
        if not collections:
            collections.append(LayoutStore(str(template)).collect_garbage([kept]))
        return lines

    monkeypatch.setattr(store._layout, "entries", overtaken)

    assert store.releases() == [kept]
    assert collections[0].releases == (sample("old").digest,)


def test_a_full_disk_leaves_nothing_half_written(processes: Processes, template: Path) -> None:
    before = read_all(LayoutStore(str(template)))

    # As on a disk that is full, the system refuses to let the file grow.
    ended = processes.do("write big", str(template), "big", largest_file=100_000)

    assert ended.told.startswith(f"The store {template} cannot be written: no room is left on its disk")
    layer = sample("big", size=200_000).layers[0]
    assert not (template / "blobs" / "sha256" / digest_of(layer)[7:]).exists()
    assert sorted(path.name for path in (template / ".tmp").iterdir()) == ["left"]
    assert read_all(LayoutStore(str(template))) == before


@pytest.fixture
def small_disk(tmp_path: Path) -> t.Iterator[Path]:
    """A file system of 64 KiB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(mount)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a file system can only be mounted by root: {done.stderr.strip()}")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_a_disk_that_really_is_full_or_read_only(small_disk: Path) -> None:
    store = LayoutStore(str(small_disk / "store"))
    one = sample("one")
    one.write(store)
    before = read_all(store)

    with pytest.raises(StoreError, match=r"no room is left on its disk.*make room and run again"):
        sample("big", size=200_000).write(store)
    assert read_all(store) == before
    assert store.verify().ok

    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreError, match=r"cannot be written: its file system is read-only.*mount it for writing"):
        sample("two").write(store)
    with pytest.raises(StoreError, match="read-only"):
        store.collect_garbage([], min_age=0)
    # What is there already needs no writing.
    assert one.write(store) == one.digest
    assert read_all(store) == before
    assert store.verify().ok


@pytest.fixture
def open_directory() -> t.Iterator[Path]:
    """A directory that every user can get to."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def test_without_permission(processes: Processes, open_directory: Path) -> None:
    root = open_directory / "store"
    store = LayoutStore(str(root))
    WORKS["write"](store, "one")
    release = sample("one").digest
    # Root may do everything, so another user does it then.
    user = 65534 if os.geteuid() == 0 else None
    places = [path for path in (root, *root.rglob("*")) if path.is_dir()]
    for place in places:
        place.chmod(0o555)
    blob = root / "blobs" / "sha256" / release[7:]

    assert processes.do("read", str(root), "", user=user).told == ""
    # What is there already needs no writing.
    assert processes.do("write", str(root), "one", user=user).told == ""
    refused = processes.do("write", str(root), "two", user=user).told
    assert refused.startswith(f"The store {root} cannot be written: the user with id {user or os.geteuid()} lacks the")
    blob.chmod(0)
    assert f"The store {root} cannot be read" in processes.do("read", str(root), "", user=user).told

    blob.chmod(0o644)
    for place in places:
        place.chmod(0o755)
    assert store.verify().ok
    assert store.releases() == [release]


def test_another_writer_that_hangs(template: Path) -> None:
    with (
        store_files.locked(str(template / ".lock"), 1),
        pytest.raises(StoreError, match=r"Another process has held .*\.lock for 0\.05 s: wait until it is done"),
    ):
        LayoutStore(str(template), patience=0.05).write_blob(b"x")


def test_a_directory_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")

    with pytest.raises(StoreError, match=r"is no store and holds thesis\.txt; name an empty or a new directory"):
        LayoutStore(str(tmp_path)).write_blob(b"x")

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_store_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "store"
    file.write_bytes(b"")

    with pytest.raises(StoreError, match=r"cannot be written: (Not a directory|File exists)"):
        LayoutStore(str(file)).write_blob(b"x")
    with pytest.raises(NoStore):
        LayoutStore(str(file)).releases()


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("oci-layout", None, "oci-layout in the store .* it is missing"),
        ("oci-layout", b'{"imageLayoutVersion": "2.0.0"}', "does not say imageLayoutVersion 1.0.0"),
        ("index.json", None, "index.json in the store .* it is missing"),
        ("index.json", b"", "index.json .* is no JSON"),
        ("index.json", b"[]", "is no OCI image index"),
        ("index.json", b'{"schemaVersion":2,"manifests":{}}', "no list of manifests"),
        ("index.json", b'{"schemaVersion":2,"manifests":[],"manifests":[]}', "a key is there twice"),
    ],
)
def test_files_without_a_hash_are_checked(template: Path, name: str, content: bytes | None, fault: str) -> None:
    store = LayoutStore(str(template))
    file = template / name
    file.unlink()
    if content is not None:
        file.write_bytes(content)

    for asked in (store.releases, lambda: store.attach(sample("kept").digest, STATEMENT, b"x", ENVELOPE)):
        with pytest.raises(Corrupt, match=fault):
            asked()
    report = store.verify()
    assert not report.ok
    assert name in {finding.name for finding in report.findings}


def test_an_entry_that_lies_is_refused(template: Path) -> None:
    store = LayoutStore(str(template))
    kept = sample("kept").digest
    good = json.loads((template / "index.json").read_bytes())
    lies = {
        "size": 1,
        "artifactType": "application/vnd.other",
        "digest": f"sha256:{'0' * 64}",
        "annotations": {"org.opencontainers.image.ref.name": release_tag(f"sha256:{'1' * 64}")},
    }
    for key, lie in lies.items():
        index = json.loads(json.dumps(good))
        for line in index["manifests"]:
            if line["digest"] == kept:
                line[key] = lie
        (template / "index.json").write_text(json.dumps(index), encoding="utf-8")

        with pytest.raises(Corrupt, match=r"index\.json"):
            store.releases()
        assert not store.verify().ok


def test_an_entry_that_lost_its_tag_is_found_and_mended(template: Path) -> None:
    store = LayoutStore(str(template))
    index = json.loads((template / "index.json").read_bytes())
    for line in index["manifests"]:
        line.pop("annotations", None)
    (template / "index.json").write_text(json.dumps(index), encoding="utf-8")

    assert {finding.problem for finding in store.verify().findings if finding.bad} == {"misplaced"}
    for name in ("kept", "old"):
        sample(name).write(store)

    assert store.verify().ok


def test_what_a_pipe_or_a_directory_pretends_is_missing(template: Path) -> None:
    store = LayoutStore(str(template))
    one = sample("kept")
    blob = template / "blobs" / "sha256" / digest_of(one.config)[7:]
    blob.unlink()
    os.mkfifo(blob)

    with pytest.raises(StoreError, match=digest_of(one.config)):
        store.read_blob(digest_of(one.config))
    assert digest_of(one.config) in {finding.name for finding in store.verify().findings if finding.bad}


def test_an_address_is_a_path_or_a_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_store("store").address == str(tmp_path / "store")
    for address in ("", " ", "https://registry.example/x", "file:///store"):
        with pytest.raises(StoreError, match=r"allowed is a directory, or oci://host\[:port\]/repository"):
            open_store(address)
