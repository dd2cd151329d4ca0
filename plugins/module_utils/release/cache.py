# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's cache of unpacked releases: a read-only tree for each digest, verified at every use."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.config import FileEntry
from ansible_collections.hotpass.prefect.plugins.module_utils.release.tar import Member

FLOW_CODE: t.Final = "flow-code.json"
_FILE, _EXECUTABLE, _DIRECTORY = 0o444, 0o555, 0o555


@dataclasses.dataclass(frozen=True)
class Held:
    """A release in the cache.

    :param path: its verified tree.
    :param beside: the files beside the tree, by their names.
    :param fresh: whether the tree was written now.
    :param damaged: where the tree that was there before has gone, when it was not what it had to be.
    """

    path: Path
    beside: t.Mapping[str, Path]
    fresh: bool
    damaged: Path | None


def look(cache_dir: Path, digest: str, files: t.Mapping[str, FileEntry], beside: t.Mapping[str, bytes]) -> Held | None:
    """The release in the cache, if it is there as :func:`hold` would leave it; None otherwise. Nothing is written."""
    path = _place(cache_dir, digest)
    kept = _places_beside(path, beside)
    try:
        whole = fault(path, files) is None and all(_has(file, beside[one]) for one, file in kept.items())
    except OSError:
        return None
    return Held(path, kept, fresh=False, damaged=None) if whole else None


def hold(
    cache_dir: Path,
    digest: str,
    files: t.Mapping[str, FileEntry],
    beside: t.Mapping[str, bytes],
    read: t.Callable[[], t.Sequence[Member]],
) -> Held:
    """Bring a release into the cache, or verify that it is there.

    :param files: every file that the tree has to have, and no other.
    :param beside: what to keep beside the tree, as ``<tree>.<name>``.
    :param read: reads the files, verified, when they have to be written.
    :raises CollectionError: when the cache cannot be written.
    """
    path = _place(cache_dir, digest)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent / f".{path.name}.lock"):
            damaged = None
            fresh = not os.path.lexists(path)
            if not fresh and fault(path, files) is not None:
                damaged = _put_aside(path)
                fresh = True
            if fresh:
                _write_tree(path, read())
            kept = _places_beside(path, beside)
            for one, file in kept.items():
                _keep(file, beside[one])
            return Held(path, kept, fresh, damaged)
    except OSError as error:
        where = error.filename or path.parent
        raise CollectionError(f"The cache of releases cannot be used: {where}: {error.strerror}.") from None


def _place(cache_dir: Path, digest: str) -> Path:
    return Path(os.path.abspath(cache_dir)) / digest.replace(":", "-")


def _places_beside(path: Path, beside: t.Iterable[str]) -> dict[str, Path]:
    return {one: path.with_name(f"{path.name}.{one}") for one in beside}


def fault(path: Path, files: t.Mapping[str, FileEntry]) -> str | None:
    """In which way a tree is not exactly these files, read-only; None when it is."""
    missing = set(files)
    directories = {"/".join(file.split("/")[:end]) for file in files for end in range(1, file.count("/") + 1)}
    waiting = [("", path)]
    while waiting:
        inside, directory = waiting.pop()
        if not _is(directory.lstat(), stat.S_ISDIR, _DIRECTORY):
            return f"{inside or path.name} is no directory that only can be read"
        for entry in os.scandir(directory):
            name = f"{inside}/{entry.name}" if inside else entry.name
            if name in directories:
                waiting.append((name, Path(entry.path)))
            elif name not in files:
                return f"{name} does not belong there"
            elif not _matches(entry.path, files[name]):
                return f"{name} has been changed"
            missing.discard(name)
    return f"{min(missing)} is missing" if missing else None


def _is(status: os.stat_result, kind: t.Callable[[int], bool], mode: int) -> bool:
    return kind(status.st_mode) and stat.S_IMODE(status.st_mode) == mode


def _matches(file: str, entry: FileEntry) -> bool:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    with open(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not _is(status, stat.S_ISREG, _EXECUTABLE if entry.executable else _FILE) or status.st_size != entry.size:
            return False
        return hashlib.sha256(stream.read()).hexdigest() == entry.sha256


def _write_tree(path: Path, members: t.Sequence[Member]) -> None:
    """Write the files into a directory of another name, durably, and give it its own at the end."""
    for leftover in path.parent.glob(f".{path.name}.*.part"):
        _remove(leftover)
    part = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    try:
        directories = {part}
        for member in members:
            file = part / member.path
            file.parent.mkdir(parents=True, exist_ok=True)
            directories |= {part / above for above in Path(member.path).parents}
            _write(file, member.data, _EXECUTABLE if member.executable else _FILE)
        for directory in sorted(directories, reverse=True):
            directory.chmod(_DIRECTORY)
            _sync(directory)
        part.rename(path)
        _sync(path.parent)
    except BaseException:
        _remove(part)
        raise


def _keep(file: Path, data: bytes) -> None:
    """Bring a file beside the tree to these bytes; one that has them is left alone."""
    with contextlib.suppress(OSError):
        if _has(file, data):
            return
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=".part")
    os.close(handle)
    try:
        _write(Path(name), data, _FILE)
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise
    _sync(file.parent)


def _has(file: Path, data: bytes) -> bool:
    return not file.is_symlink() and file.read_bytes() == data


def _write(file: Path, data: bytes, mode: int) -> None:
    with file.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fchmod(stream.fileno(), mode)
        os.fsync(stream.fileno())


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_aside(path: Path) -> Path:
    """Keep a damaged tree for a person to look at; only the last one, so that they cannot fill the disk."""
    aside = path.with_name(f"{path.name}.damaged")
    if os.path.lexists(aside):
        _remove(aside)
    path.rename(aside)
    return aside


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    path.chmod(0o700)
    for directory, names, _files in os.walk(path):
        for name in names:
            below = Path(directory, name)
            if not below.is_symlink():
                below.chmod(0o700)
    shutil.rmtree(path)


@contextlib.contextmanager
def _locked(file: Path) -> t.Iterator[None]:
    """Wait until no other process works on this release; the system lets go for a process that ends."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
