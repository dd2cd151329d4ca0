# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are there whole or not at all, also after the power has failed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

TEMPORARY = ".writing-"
_ATTEMPTS = 100


def write_file(path: Path, data: bytes) -> None:
    """Write a file beside its place, bring it to the disk, and put it there; directories above it are made.

    :raises CollectionError: when it cannot be written.
    """
    fresh = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(fresh, "xb") as file:
                file.write(data)
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
