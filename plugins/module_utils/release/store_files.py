# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are there whole or not at all, and errors of the file system in one sentence."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
import typing as t
import uuid

from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_manifests import StoreError

_POLL = 0.01
_CHUNK = 1024 * 1024
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextlib.contextmanager
def told(root: str, doing: str) -> t.Iterator[None]:
    """Turn errors of the file system into one sentence.

    :param doing: such as ``be written``.
    :raises StoreError: instead of an ``OSError``.
    """
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename and os.fspath(error.filename) != root else ""
        if error.errno in _FULL:
            raise StoreError(
                f"The store {root} cannot {doing}: no room is left on its disk{where}; nothing was half written, so "
                "make room and run again."
            ) from None
        if error.errno == errno.EROFS:
            raise StoreError(
                f"The store {root} cannot {doing}: its file system is read-only{where}; name a store that can be "
                "written, or mount it for writing."
            ) from None
        if error.errno in (errno.EACCES, errno.EPERM):
            raise StoreError(
                f"The store {root} cannot {doing}: the user with id {os.geteuid()} lacks the permission{where}."
            ) from None
        reason = error.strerror or str(error)
        raise StoreError(f"The store {root} cannot {doing}: {reason}{where}.") from None


@contextlib.contextmanager
def locked(path: str, patience: float) -> t.Iterator[None]:
    """Hold a lock that every writer of a store takes; the system lets go of it when its holder ends.

    :param patience: seconds to wait for another writer.
    :raises StoreError: when the other one takes longer.
    """
    # Writers of one store may be several users: who may write the directory may take the lock.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StoreError(
                        f"Another process has held {path} for {patience:g} s: wait until it is done, and run again."
                    ) from None
                time.sleep(_POLL)
        yield
    finally:
        os.close(descriptor)


def read(path: str) -> bytes:
    """The bytes of a plain file.

    :raises OSError: FileNotFoundError also for what is there and is no plain file, which could block for ever.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise FileNotFoundError(errno.ENOENT, "is no plain file", path)
    with open(path, "rb") as file:
        return file.read()


def write_durably(path: str, data: bytes, workdir: str) -> None:
    """Put a file in place, whole and on disk; a reader sees what was there before, or all of it.

    :param workdir: a directory of the same file system, where the file is until it is whole.
    """
    temporary = os.path.join(workdir, uuid.uuid4().hex)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view[:_CHUNK]) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_directory(os.path.dirname(path))


def sync_directory(path: str) -> None:
    """Put the names of a directory on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directories(path: str) -> None:
    """Make a directory and those above it, each on disk before the next."""
    parent = os.path.dirname(path)
    if not os.path.isdir(path):
        if parent != path:
            make_directories(parent)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path)
        sync_directory(parent)


def touch(path: str) -> bool:
    """Make a file young, so that no collection takes it; False when that cannot be, or it is gone."""
    try:
        os.utime(path)
    except OSError:
        return False
    return True


def age(path: str) -> float:
    """How many seconds ago a file was written or touched; 0 for one that is gone."""
    try:
        return time.time() - os.stat(path).st_mtime
    except FileNotFoundError:
        return 0.0
