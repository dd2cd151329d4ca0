# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases unpacked on this machine, one directory for each digest, read-only and proved anew at every start.

``<root>/sha256-<hex>/`` holds ``manifest.json``, ``config.json`` and ``tree/``. The digest names the manifest, the
manifest names the config, and the config names every file below ``tree``: a start needs no store, and believes nothing
that it has not hashed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from hotpass_fence.errors import Damaged, Refused
from hotpass_fence.release import File, digest_of, parents, parse_config, parse_manifest, unpack
from hotpass_fence.sources import Source

_TREE, _MANIFEST, _CONFIG = "tree", "manifest.json", "config.json"
_INCOMING = "incoming-"
# A start that has not ended after so many seconds left its half of a directory behind.
_ABANDONED = 24 * 3600.0


@dataclass(frozen=True)
class Unpacked:
    """A release that can be run.

    :param tree: its root; what is in it has been hashed just now.
    :param fetched: whether it came from the store, and not from the cache.
    :param warning: what a person should know and do, else empty.
    """

    tree: Path
    fetched: bool = False
    warning: str = ""


def provide(
    root: Path, release: str, solution: str, open_store: Callable[[], AbstractContextManager[Source]]
) -> Unpacked:
    """The release of a digest, unpacked and proved; from the cache where it has it, else from the store.

    A damaged directory is not mended, because other runs may be importing from it: this run gets a copy of its own, in
    its working directory, which Prefect's worker removes after the run.

    :param root: the cache; it is made when it does not exist.
    :param open_store: opens the store; called only when it is needed.
    :raises Refused: when neither has the release in good order.
    """
    place = root / release.replace(":", "-")
    try:
        if not place.exists():
            _fetch(place, release, solution, open_store)
            fetched = True
        else:
            fetched = False
        prove(place, release, solution)
        return Unpacked(place / _TREE, fetched)
    except Damaged as damage:
        warning = (
            f"The cached release {place} is damaged: {damage}. This run gets a copy of its own; remove the directory "
            "when no run is at work."
        )
    except OSError as error:
        raise Refused(f"The cache {root} cannot be used: {error.strerror or error}.") from error
    try:
        own = Path(tempfile.mkdtemp(prefix="release-", dir=Path.cwd()))
        with open_store() as source:
            _write(own, release, solution, source)
        prove(own, release, solution)
    except (OSError, Damaged) as error:
        raise Refused(f"{warning} That copy cannot be made: {error}.") from error
    return Unpacked(own / _TREE, True, warning)


def prove(place: Path, release: str, solution: str) -> dict[str, File]:
    """Hash everything in a directory of the cache, and return the files it has to hold.

    :raises Damaged: for a byte, a file or a directory too few, too many or different.
    """
    manifest = _bytes(place / _MANIFEST)
    if digest_of(manifest) != release:
        raise Damaged(f"{_MANIFEST} is not that of the release")
    config = _bytes(place / _CONFIG)
    if digest_of(config) != parse_manifest(manifest).config.digest:
        raise Damaged(f"{_CONFIG} is not that of the release")
    files = parse_config(config, solution)
    _compare(place, {_MANIFEST, _CONFIG}, {_TREE})
    directories: dict[str, tuple[set[str], set[str]]] = {"": (set(), set())}
    for path in files:
        for above in parents(path):
            directories.setdefault(above, (set(), set()))
    for kind, names in ((0, files), (1, directories)):
        for path in names:
            if path:
                above, _slash, name = path.rpartition("/")
                directories[above][kind].add(name)
    for path, (within, below) in directories.items():
        _compare(place / _TREE / path, within, below, path)
    for path, wanted in files.items():
        _check(place / _TREE / path, path, wanted)
    return files


def _compare(directory: Path, files: set[str], directories: set[str], shown: str = "") -> None:
    """Raise Damaged unless a directory holds exactly these names, each a plain file or a real directory."""
    left, below = set(files), set(directories)
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                path = f"{shown}/{entry.name}".removeprefix("/")
                if entry.name in below and entry.is_dir(follow_symlinks=False):
                    below.remove(entry.name)
                elif entry.name in left and entry.is_file(follow_symlinks=False):
                    left.remove(entry.name)
                else:
                    raise Damaged(f"it has {path!r}, which is not in the release")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Damaged(f"{shown or directory.name!r} is no directory") from error
    for name in sorted(left | below):
        raise Damaged(f"it lacks {f'{shown}/{name}'.removeprefix('/')!r}")


def _check(place: Path, path: str, wanted: File) -> None:
    descriptor = _open(place)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or bool(found.st_mode & stat.S_IXUSR) != wanted.executable:
            raise Damaged(f"{path!r} has another type or mode than in the release")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            same = found.st_size == wanted.size and hashlib.file_digest(file, "sha256").hexdigest() == wanted.sha256
    finally:
        os.close(descriptor)
    if not same:
        raise Damaged(f"{path!r} has other bytes than in the release")


def _bytes(place: Path) -> bytes:
    with os.fdopen(_open(place), "rb") as file:
        return file.read()


def _open(place: Path) -> int:
    try:
        # Without blocking, because somebody may have put a pipe there.
        return os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Damaged(f"{place.name!r} cannot be read: {error.strerror}") from error


def _fetch(place: Path, release: str, solution: str, open_store: Callable[[], AbstractContextManager[Source]]) -> None:
    """Put a release into the cache whole, or not at all; another run that does the same may be first."""
    place.parent.mkdir(parents=True, exist_ok=True)
    _sweep(place.parent)
    incoming = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=place.parent))
    try:
        with open_store() as source:
            _write(incoming, release, solution, source)
        # A crash of the machine must not leave a name without its bytes; file by file it takes ten times as long.
        os.sync()
        try:
            os.rename(incoming, place)
        except OSError:
            if not place.is_dir():
                raise
    finally:
        _remove(incoming)


def _write(place: Path, release: str, solution: str, source: Source) -> None:
    manifest = source.manifest(release)
    parts = parse_manifest(manifest)
    config = source.blob(parts.config)
    files = parse_config(config, solution)
    contents: dict[str, bytes] = {_MANIFEST: manifest, _CONFIG: config}
    contents |= {f"{_TREE}/{path}": data for path, data in unpack(source.blob(parts.bundle), files).items()}
    directories = _make_directories(place, files)
    for path, data in contents.items():
        executable = path.startswith(f"{_TREE}/") and files[path.removeprefix(f"{_TREE}/")].executable
        with open(place / path, "xb") as file:
            file.write(data)
            os.fchmod(file.fileno(), 0o555 if executable else 0o444)
    # Deepest first: what is above has to be writable until then.
    for directory in reversed(directories):
        directory.chmod(0o555)


def _make_directories(place: Path, files: Mapping[str, File]) -> list[Path]:
    """Make the directories of a release, and return them, those above before those below."""
    names = {above for path in files for above in parents(path)}
    directories = [place, place / _TREE, *(place / _TREE / name for name in sorted(names))]
    for directory in directories[1:]:
        directory.mkdir()
    return directories


def _sweep(root: Path) -> None:
    """Remove what starts that were killed left half done, as far as this user may."""
    for place in root.glob(f"{_INCOMING}*"):
        with suppress(OSError):
            if time.time() - place.lstat().st_mtime > _ABANDONED:
                _remove(place)


def _remove(place: Path) -> None:
    if place.is_dir():
        for directory, _names, _files in os.walk(place):
            os.chmod(directory, 0o755)
        shutil.rmtree(place, ignore_errors=True)
