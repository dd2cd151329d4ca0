# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are there whole or not at all, also after the power has failed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

TEMPORARY = ".writing-"
_ATTEMPTS = 100


def opened(path: Path) -> int:
    """A descriptor of a plain file, to read it. No link is followed at its end, and nothing is waited for.

    :raises FileNotFoundError: when there is nothing.
    :raises CollectionError: when it is something else, or cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        link = " (it is a link)" if error.errno == errno.ELOOP else ""
        raise CollectionError(f"{path} cannot be read: {error.strerror}{link}.") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise CollectionError(f"{path} cannot be read: it is no plain file.")
    return descriptor


def read_file(path: Path, largest: int) -> bytes:
    """The bytes of a plain file.

    :param largest: how many it may have.
    :raises FileNotFoundError: when there is nothing.
    :raises CollectionError: when it is something else, has more, or cannot be read.
    """
    with open(opened(path), "rb") as file:
        try:
            data = file.read(largest + 1)
        except OSError as error:
            raise CollectionError(f"{path} cannot be read: {error.strerror}.") from None
    if len(data) > largest:
        raise CollectionError(f"{path} has more than {largest} bytes, which is not read.")
    return data


def write_file(path: Path, data: bytes) -> None:
    """Write a file beside its place, bring it to the disk, and put it there; directories above it are made.

    :raises CollectionError: when it cannot be written.
    """
    with written(path) as file:
        file.write(data)


@contextlib.contextmanager
def written(path: Path) -> t.Iterator[t.BinaryIO]:
    """A new file beside its place, which is brought to the disk and put there when all went well.

    Directories above it are made. An ``OSError`` inside counts as one of writing.

    :raises CollectionError: when it cannot be written; what was at the place before is still there then.
    """
    fresh = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(fresh, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)
        sync_directory(path.parent)
    except OSError as error:
        raise CollectionError(f"{path} cannot be written: {error.strerror}.") from None


def sync_directory(path: Path) -> None:
    """Bring to the disk which files a directory has."""
    opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def sync_tree(path: Path) -> None:
    """Bring to the disk which files a directory and those below it have."""
    for where, _below, _files in os.walk(path):
        sync_directory(Path(where))


@contextlib.contextmanager
def locked(path: Path, wait: bool = True) -> t.Iterator[bool]:
    """Hold a directory against everybody else who asks; the hold ends with the process.

    :param wait: for whoever holds it.
    :return: whether it is held; not when it is not there (any more), or with ``wait=False`` somebody else holds it.
    """
    for _attempt in range(_ATTEMPTS):
        try:
            opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            yield False
            return
        try:
            try:
                fcntl.flock(opened, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            # It may have got another name, or given way to a new one, while it was waited for.
            if _same(opened, path):
                yield True
                return
        finally:
            os.close(opened)
    raise CollectionError(f"The directory {path} is replaced again and again; only one may write there at a time.")


def _same(opened: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(opened), os.lstat(path))
    except FileNotFoundError:
        return False
