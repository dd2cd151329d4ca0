# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases unpacked on a worker: proved at every start, never mended in place, safe for two at once."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hotpass_fence.cache import Unpacked, prove, provide
from hotpass_fence.errors import Damaged, Refused
from hotpass_fence.release import Blob
from hotpass_fence.sources import Directory, Source

from tests.support.fence_releases import SOLUTION, blob_file, bundle_of, flip, flow_files, make_release


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def release(store: Path) -> str:
    return make_release(store)


@pytest.fixture
def enter(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Unpacked]:
    """Provide a release, in the working directory of a run of its own."""
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")

    def provided(digest: str) -> Unpacked:
        return provide(tmp_path / "cache", digest, SOLUTION, lambda: contextlib.nullcontext(Directory(str(store))))

    return provided


def place_of(tmp_path: Path, release: str) -> Path:
    return tmp_path / "cache" / release.replace(":", "-")


def contents(tree: Path) -> dict[str, bytes]:
    return {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def test_the_tree_is_the_release_and_nobody_writes_in_it(
    tmp_path: Path, store: Path, release: str, enter: Callable[[str], Unpacked]
) -> None:
    first = enter(release)
    assert first == Unpacked(place_of(tmp_path, release) / "tree", fetched=True)
    assert contents(first.tree) == flow_files("one")
    for path in [first.tree.parent, *first.tree.parent.rglob("*")]:
        executable = path.is_dir() or path.suffix == ".sh"
        assert stat.S_IMODE(path.lstat().st_mode) == (0o555 if executable else 0o444), path
    # Nothing but the cache is needed from then on.
    blob_file(store, release).unlink()
    assert enter(release) == Unpacked(first.tree)
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [place_of(tmp_path, release).name]


def test_the_mask_of_the_user_changes_nothing(release: str, enter: Callable[[str], Unpacked]) -> None:
    mask = os.umask(0o077)
    try:
        enter(release)
        assert enter(release).warning == ""
    finally:
        os.umask(mask)


def damages() -> dict[str, tuple[Callable[[Path], object], str]]:
    flows = Path("tree/flows/tiny")
    return {
        "flipped bit": (
            lambda p: flip(p / flows / "flow.py"),
            "'flows/tiny/flow.py' has other bytes than in the release",
        ),
        "longer file": (
            lambda p: (p / flows / "__init__.py").write_bytes(b"#"),
            "'flows/tiny/__init__.py' has other bytes than in the release",
        ),
        "missing file": (lambda p: (p / flows / "words.py").unlink(), "it lacks 'flows/tiny/words.py'"),
        "planted module": (
            lambda p: (p / flows / "json.py").write_bytes(b""),
            "it has 'flows/tiny/json.py', which is not in the release",
        ),
        "planted bytecode": (
            lambda p: (p / flows / "__pycache__").mkdir(),
            "it has 'flows/tiny/__pycache__', which is not in the release",
        ),
        "planted at the top": (lambda p: (p / "tree" / "sitecustomize.py").touch(), "it has 'sitecustomize.py'"),
        "planted beside the tree": (lambda p: (p / "x").touch(), "it has 'x', which is not in the release"),
        "link instead of a file": (
            lambda p: ((p / flows / "words.py").rename(p.parent / "w"), (p / flows / "words.py").symlink_to("/w")),
            "it has 'flows/tiny/words.py', which is not in the release",
        ),
        "link instead of a directory": (
            lambda p: ((p / flows).rename(p.parent / "f"), (p / flows).symlink_to(p.parent / "f")),
            "it has 'flows/tiny', which is not in the release",
        ),
        "pipe instead of a file": (
            lambda p: ((p / flows / "words.py").unlink(), os.mkfifo(p / flows / "words.py")),
            "it has 'flows/tiny/words.py', which is not in the release",
        ),
        "file instead of a directory": (
            lambda p: ((p / "tree" / "flows").rename(p.parent / "f"), (p / "tree" / "flows").touch()),
            "it has 'flows', which is not in the release",
        ),
        "no tree": (lambda p: (p / "tree").rename(p.parent / "t"), "it lacks 'tree'"),
        "no longer executable": (
            lambda p: (p / "tree/checks/run.sh").chmod(0o444),
            "'checks/run.sh' has another type or mode than in the release",
        ),
        "other config": (lambda p: flip(p / "config.json"), "config.json is not that of the release"),
        "other manifest": (lambda p: flip(p / "manifest.json"), "manifest.json is not that of the release"),
        "no manifest": (lambda p: (p / "manifest.json").unlink(), "'manifest.json' cannot be read: No such file"),
        "no config": (lambda p: (p / "config.json").unlink(), "'config.json' cannot be read: No such file"),
        "pipe instead of the manifest": (
            lambda p: ((p / "manifest.json").unlink(), os.mkfifo(p / "manifest.json")),
            "manifest.json is not that of the release",
        ),
    }


@pytest.mark.parametrize("damage", damages())
def test_what_is_damaged_is_seen_and_left_alone(
    tmp_path: Path, release: str, enter: Callable[[str], Unpacked], damage: str
) -> None:
    enter(release)
    place = place_of(tmp_path, release)
    for directory in [place, *(path for path in place.rglob("*") if path.is_dir())]:
        directory.chmod(0o755)
    for file in (place / "tree").rglob("*.py"):
        file.chmod(0o644)
    act, said = damages()[damage]
    act(place)
    with pytest.raises(Damaged) as damaged:
        prove(place, release, SOLUTION)
    assert said in str(damaged.value)
    before = sorted((path, path.lstat()) for path in place.rglob("*"))

    own = enter(release)
    assert own.warning == (
        f"The cached release {place} is damaged: {damaged.value}. This run gets a copy of its own; remove the "
        "directory when no run is at work."
    )
    assert own.fetched
    assert own.tree.is_relative_to(tmp_path / "run")
    assert contents(own.tree) == flow_files("one")
    after = sorted((path, path.lstat()) for path in place.rglob("*"))
    assert [(path, found.st_mtime_ns, found.st_ino) for path, found in after] == [
        (path, found.st_mtime_ns, found.st_ino) for path, found in before
    ]


def test_a_damaged_cache_without_a_store_lets_nothing_run(
    tmp_path: Path, store: Path, release: str, enter: Callable[[str], Unpacked]
) -> None:
    enter(release)
    blob_file(store, release).unlink()
    flip(place_of(tmp_path, release) / "tree/flows/tiny/flow.py")
    with pytest.raises(Refused, match=f"has no blob {release}"):
        enter(release)


def test_a_release_of_another_solution_is_refused(
    store: Path, enter: Callable[[str], Unpacked], tmp_path: Path
) -> None:
    other = make_release(store, solution="other")
    with pytest.raises(Refused, match="The release is one of 'other', not of 'etl'"):
        enter(other)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_bad_blob_leaves_nothing_behind(
    tmp_path: Path, store: Path, release: str, enter: Callable[[str], Unpacked]
) -> None:
    for blob in (release, bundle_of(store, release)):
        file = blob_file(store, blob)
        good = file.read_bytes()
        flip(file)
        with pytest.raises(Refused, match=f"The blob {blob} in the store {store} is damaged"):
            enter(release)
        file.write_bytes(good[:-1])
        with pytest.raises(Refused, match="is damaged"):
            enter(release)
        file.write_bytes(good)
        assert list((tmp_path / "cache").iterdir()) == []
    assert enter(release).fetched


def test_runs_that_come_at_once_each_get_the_whole_release(tmp_path: Path, store: Path, release: str) -> None:
    together = threading.Barrier(8)
    found: list[Unpacked] = []

    class Slow(Directory):
        def blob(self, blob: Blob) -> bytes:
            # The first blob is the config: all have found the cache empty by then.
            with contextlib.suppress(threading.BrokenBarrierError):
                together.wait(5)
            return super().blob(blob)

    def start() -> None:
        source: Source = Slow(str(store))
        found.append(provide(tmp_path / "cache", release, SOLUTION, lambda: contextlib.nullcontext(source)))

    threads = [threading.Thread(target=start) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    place = place_of(tmp_path, release)
    assert found == [Unpacked(place / "tree", fetched=True)] * 8
    prove(place, release, SOLUTION)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [place.name]


def test_what_killed_starts_left_is_removed_after_a_day(
    tmp_path: Path, release: str, enter: Callable[[str], Unpacked]
) -> None:
    old, young = tmp_path / "cache" / "incoming-old", tmp_path / "cache" / "incoming-young"
    for left in (old, young):
        (left / "tree").mkdir(parents=True)
        (left / "tree").chmod(0o555)
    os.utime(old, (time.time() - 90_000,) * 2)
    enter(release)
    assert not old.exists()
    assert young.exists()


def test_what_cannot_be_swept_stops_no_run(
    tmp_path: Path, release: str, enter: Callable[[str], Unpacked], monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign, own = tmp_path / "cache" / "incoming-foreign", tmp_path / "cache" / "incoming-own"
    for left in (foreign, own):
        left.mkdir(parents=True)
        os.utime(left, (time.time() - 90_000,) * 2)
    really = os.chmod

    def refuse(path: str | Path, mode: int, **options: bool) -> None:
        # As the kernel answers where another user owns it.
        if Path(path) == foreign:
            raise PermissionError(errno.EPERM, "Operation not permitted", str(path))
        really(path, mode, **options)

    monkeypatch.setattr(os, "chmod", refuse)
    assert enter(release) == Unpacked(place_of(tmp_path, release) / "tree", fetched=True)
    assert foreign.exists()
    assert not own.exists()


def test_a_cache_that_cannot_be_written_is_refused(
    tmp_path: Path, store: Path, release: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Refused, match=r"The cache .*/file/cache cannot be used: Not a directory"):
        provide(tmp_path / "file" / "cache", release, SOLUTION, lambda: contextlib.nullcontext(Directory(str(store))))
