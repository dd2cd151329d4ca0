# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a release from a store and unpacking it: nothing that is not exactly the release is ever handed out."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import shutil
import stat
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import artifact, building, cache, tar
from ansible_collections.hotpass.prefect.plugins.module_utils.release.config import FileEntry
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import (
    Corrupt,
    NotInStore,
    Store,
    open_store,
)

from tests.support import projects

FILES = {
    "checks/run.sh": b"#!/bin/sh\n",
    "flows/lab/nightly.py": b"x = 1\n",
    "flows/lab/deep/er/__init__.py": b"",
    "manifests/deployments/nightly.yaml": b"name: nightly\n",
    "requirements.txt": b"",
}
RELEASE = projects.release(FILES)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = open_store(str(tmp_path / "store"))
    building.put(opened, RELEASE)
    return opened


@pytest.fixture
def cached(store: Store, tmp_path: Path) -> t.Callable[[], artifact.Unpacked]:
    return lambda: artifact.fetch(store, RELEASE.digest, tmp_path / "cache")


def tree(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def unlock(path: Path) -> None:
    """Give back the rights that an unprivileged user would need to do harm."""
    for place in (path, *path.rglob("*")):
        if not place.is_symlink():
            place.chmod(0o755 if place.is_dir() else 0o644)


def test_a_release_is_read_as_it_was_built(store: Store) -> None:
    found = artifact.find(store, RELEASE.digest)
    assert (found.config, found.size) == (RELEASE.config, RELEASE.size)
    assert artifact.read(store, RELEASE.digest) == RELEASE.config
    assert {member.path: member.data for member in artifact.read_files(store, found)} == FILES
    assert artifact.read_sbom(store, found) == b"{}"
    manifest = json.loads(store.read_manifest(RELEASE.digest))
    assert manifest["artifactType"] == "application/vnd.hotpass.release.v1"
    assert [layer["mediaType"] for layer in manifest["layers"]] == [artifact.BUNDLE_TYPE, artifact.SBOM_TYPE]


def test_it_is_unpacked_once_and_read_only(cached: t.Callable[[], artifact.Unpacked], tmp_path: Path) -> None:
    first = cached()
    assert first.path == tmp_path / "cache" / RELEASE.digest.replace(":", "-")
    assert (first.fresh, first.damaged, first.digest, first.config) == (True, None, RELEASE.digest, RELEASE.config)
    assert tree(first.path) == FILES
    modes = {stat.S_IMODE(place.lstat().st_mode) for place in (first.path, *first.path.rglob("*"))}
    assert modes == {0o444, 0o555}
    assert os.access(first.path / "checks/run.sh", os.X_OK)
    inode = first.path.stat().st_ino
    again = cached()
    assert (again.fresh, again.path.stat().st_ino) == (False, inode)
    assert {file.name for file in first.path.parent.iterdir()} == {
        first.path.name,
        first.flow_code.name,
        f".{first.path.name}.lock",
    }


def test_what_the_flows_say_stands_beside_it(cached: t.Callable[[], artifact.Unpacked]) -> None:
    file = cached().flow_code
    assert json.loads(file.read_bytes()) == {
        name: dataclasses.asdict(code) for name, code in RELEASE.config.flows.items()
    }
    file.chmod(0o644)
    file.write_text("{}")
    assert json.loads(cached().flow_code.read_bytes()).keys() == RELEASE.config.flows.keys()
    file.unlink()
    file.symlink_to("/dev/null")
    assert json.loads(cached().flow_code.read_bytes()).keys() == RELEASE.config.flows.keys()
    assert not file.is_symlink()


def _append(path: Path) -> None:
    with (path / "flows/lab/nightly.py").open("a") as file:
        file.write("y = 2\n")


def _flip(path: Path) -> None:
    (path / "flows/lab/nightly.py").write_bytes(b"x = 2\n")


def _add_compiled(path: Path) -> None:
    (path / "flows/lab/__pycache__").mkdir()
    (path / "flows/lab/__pycache__/nightly.cpython-312.pyc").write_bytes(b"")


def _replace_by_link(path: Path) -> None:
    good = path.parent / "good.py"
    (path / "flows/lab/nightly.py").rename(good)
    (path / "flows/lab/nightly.py").symlink_to(good)


def _replace_directory_by_link(path: Path) -> None:
    (path / "flows/lab").rename(path.parent / "lab")
    (path / "flows/lab").symlink_to(path.parent / "lab")


def _replace_tree_by_link(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to(path.with_name("moved"))


def _replace_tree_by_file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_bytes(b"")


def _replace_by_fifo(path: Path) -> None:
    (path / "flows/lab/nightly.py").unlink()
    os.mkfifo(path / "flows/lab/nightly.py")


HARMS: dict[str, t.Callable[[Path], object]] = {
    "longer": _append,
    "other bytes": _flip,
    "gone": lambda path: (path / "requirements.txt").unlink(),
    "a directory gone": lambda path: shutil.rmtree(path / "manifests"),
    "added": lambda path: (path / "flows/lab/sitecustomize.py").write_bytes(b""),
    "compiled": _add_compiled,
    "an empty directory added": lambda path: (path / "flows/new").mkdir(),
    "a link in place of a file": _replace_by_link,
    "a link in place of a directory": _replace_directory_by_link,
    "a link in place of the tree": _replace_tree_by_link,
    "a file in place of the tree": _replace_tree_by_file,
    "a pipe in place of a file": _replace_by_fifo,
    "writable": lambda path: (path / "requirements.txt").chmod(0o644),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_copy_that_was_touched_is_put_aside(
    harm: str, cached: t.Callable[[], artifact.Unpacked], store: Store
) -> None:
    first = cached()
    unlock(first.path)
    HARMS[harm](first.path)
    assert artifact.cached(artifact.find(store, RELEASE.digest), first.path.parent) is None
    mended = cached()
    assert mended.fresh
    assert mended.damaged == first.path.with_name(f"{first.path.name}.damaged")
    assert os.path.lexists(str(mended.damaged))
    assert tree(mended.path) == FILES
    assert cached().fresh is False
    assert artifact.cached(artifact.find(store, RELEASE.digest), first.path.parent) is not None


def test_an_executable_that_lost_its_mode_is_put_aside(cached: t.Callable[[], artifact.Unpacked]) -> None:
    first = cached()
    (first.path / "checks/run.sh").chmod(0o444)
    assert cached().damaged is not None


def test_damaged_copies_do_not_pile_up(cached: t.Callable[[], artifact.Unpacked]) -> None:
    for _round in range(3):
        unpacked = cached()
        unlock(unpacked.path)
    assert len([file for file in unpacked.path.parent.iterdir() if "damaged" in file.name]) == 1


def test_a_fetch_that_was_killed_leaves_nothing_in_the_way(
    cached: t.Callable[[], artifact.Unpacked], tmp_path: Path
) -> None:
    leftover = tmp_path / "cache" / f".{RELEASE.digest.replace(':', '-')}.abcd.part"
    projects.write(leftover, {"flows/half.py": "x"})
    (leftover / "flows").chmod(0o555)
    leftover.chmod(0o555)
    assert tree(cached().path) == FILES
    assert not leftover.exists()


def test_looking_writes_nothing(store: Store, tmp_path: Path) -> None:
    assert artifact.cached(artifact.find(store, RELEASE.digest), tmp_path / "none") is None
    assert not (tmp_path / "none").exists()


def _fetch(arguments: tuple[str, str]) -> tuple[bool, bool]:
    unpacked = artifact.fetch(open_store(arguments[0]), RELEASE.digest, Path(arguments[1]))
    return unpacked.fresh, tree(unpacked.path) == FILES


@pytest.mark.usefixtures("store")
def test_many_at_once_unpack_it_once(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        found = pool.map(_fetch, [(str(tmp_path / "store"), str(tmp_path / "cache"))] * 24, chunksize=1)
    assert [fresh for fresh, _whole in found].count(True) == 1
    assert all(whole for _fresh, whole in found)


def test_a_cache_that_cannot_be_written_is_said(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CollectionError, match="The cache of releases cannot be used"):
        artifact.fetch(store, RELEASE.digest, tmp_path / "file" / "cache")


def test_a_flipped_bit_in_the_store_is_refused(store: Store, tmp_path: Path) -> None:
    found = artifact.find(store, RELEASE.digest)
    blob = tmp_path / "store" / "blobs" / "sha256" / found.bundle.digest.removeprefix("sha256:")
    data = bytearray(blob.read_bytes())
    data[600] ^= 1
    blob.chmod(0o644)
    blob.write_bytes(data)
    with pytest.raises(Corrupt, match=found.bundle.digest):
        artifact.fetch(store, RELEASE.digest, tmp_path / "cache")
    assert not [file for file in (tmp_path / "cache").iterdir() if not file.name.endswith(".lock")]


def test_what_is_not_there_or_no_digest_is_said(store: Store) -> None:
    with pytest.raises(NotInStore):
        artifact.read(store, f"sha256:{'0' * 64}")
    with pytest.raises(CollectionError, match="The release is 'latest'; allowed is sha256:"):
        artifact.read(store, "latest")


def put(store: Store, prepared: building.Prepared, **changes: t.Any) -> str:
    """Write a release whose manifest was changed; its digest is that of the changed one."""
    for blob in prepared.blobs:
        store.write_blob(blob)
    document = {**json.loads(prepared.manifest), **changes}
    return store.write_manifest(canonical({key: value for key, value in document.items() if value is not None}))


@pytest.mark.parametrize(
    "changes",
    [
        {"artifactType": "application/vnd.other"},
        {"artifactType": None},
        {"layers": []},
        {"layers": list(reversed(json.loads(RELEASE.manifest)["layers"]))},
        {"layers": json.loads(RELEASE.manifest)["layers"][:1]},
        {"config": {**json.loads(RELEASE.manifest)["config"], "mediaType": "application/json"}},
        {"config": json.loads(RELEASE.manifest)["layers"][1]},
    ],
)
def test_another_artifact_is_no_release(store: Store, changes: dict[str, t.Any]) -> None:
    digest = put(store, RELEASE, **changes)
    with pytest.raises(artifact.NotARelease, match=digest):
        artifact.read(store, digest)


@pytest.mark.parametrize(
    ("bundle", "said"),
    [
        ({**FILES, "flows/lab/extra.py": b""}, "flows/lab/extra.py, which its config does not name"),
        ({path: data for path, data in FILES.items() if path != "requirements.txt"}, "lacks requirements.txt"),
        ({**FILES, "requirements.txt": b"other"}, "requirements.txt in the bundle"),
    ],
)
def test_a_bundle_that_is_not_what_the_config_says_is_refused(
    store: Store, tmp_path: Path, bundle: dict[str, bytes], said: str
) -> None:
    members = [tar.Member(path, data, path.startswith("checks/")) for path, data in bundle.items()]
    prepared = building.assemble(RELEASE.config, tar.pack(members), b"{}")
    building.put(store, prepared)
    with pytest.raises(artifact.NotARelease, match=said):
        artifact.fetch(store, prepared.digest, tmp_path / "cache")


def test_a_mode_that_is_not_what_the_config_says_is_refused(store: Store, tmp_path: Path) -> None:
    members = [tar.Member(path, data, False) for path, data in FILES.items()]
    prepared = building.assemble(RELEASE.config, tar.pack(members), b"{}")
    building.put(store, prepared)
    with pytest.raises(artifact.NotARelease, match="the file that its config names"):
        artifact.fetch(store, prepared.digest, tmp_path / "cache")


def test_a_tree_without_files_has_no_fault(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir(mode=0o555)
    assert cache.fault(tmp_path / "tree", {}) is None
    assert cache.fault(tmp_path / "tree", {"a/b": FileEntry("0" * 64, 0, False)}) == "a/b is missing"
