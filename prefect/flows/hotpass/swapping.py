# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting a directory in place whole, and letting one run at a time do so.

Beside the directory `NAME` lie, hidden: `.NAME.lock`, which stays; `.NAME~new-*`, a directory in the making or one
that was replaced; and `.NAME.old`, the one before while it is replaced in two steps. Whoever holds the lock clears
away what a run that died has left. No name of a window has a `~`, so what begins with `.NAME~` is never another's.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from hotpass.errors import HotpassError

LOCK_TIMEOUT_SECONDS = 600.0
"""How long a run waits for another one that restores or refines the same window."""

_POLL_SECONDS = 0.2
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


@contextmanager
def held(target: Path, timeout: float = LOCK_TIMEOUT_SECONDS) -> Iterator[None]:
    """Hold the lock of a target directory, waiting up to `timeout` seconds; the system frees it when a process dies.

    Raises:
        HotpassError: another run holds it for longer, or the lock file cannot be opened.
    """
    path = target.with_name(f".{target.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise HotpassError(f"the lock {path} cannot be opened: {error.strerror}.") from None
    try:
        _lock(descriptor, path, timeout)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise HotpassError(
                    f"another run of this window has held {path} for {timeout:.0f} s; wait for it or end it."
                ) from None
            time.sleep(_POLL_SECONDS)
        except OSError as error:
            raise HotpassError(f"the lock {path} cannot be taken: {error.strerror}.") from None
        else:
            return


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Give an empty directory beside the target, and clear it away when it was not swapped in.

    The caller holds the target's lock. What runs that died have left is cleared away first.

    Raises:
        HotpassError: the directory cannot be made, or the target is something else than a directory.
    """
    _recover(target)
    try:
        path = Path(mkdtemp(prefix=_prefix(target), dir=target.parent))
        path.chmod(0o755)
    except OSError as error:
        raise HotpassError(f"nothing can be written beside {target}: {error.strerror}.") from None
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def swap_in(new: Path, target: Path) -> None:
    """Put the finished directory `new` in the place of the target, old or new and never a mix at any instant.

    Where the system cannot exchange two names at once, there is an instant without a target; a run that dies in it
    leaves the old one as `.NAME.old`, and the next run puts it back.

    Raises:
        HotpassError: the file system refuses; the old target is in place.
    """
    try:
        for directory, _names, _files in os.walk(new):
            _sync_directory(Path(directory))
        if not os.path.lexists(target):
            new.rename(target)
        elif not _exchange(new, target):
            old = target.with_name(f".{target.name}.old")
            target.rename(old)
            try:
                new.rename(target)
            except OSError:
                old.rename(target)
                raise
            shutil.rmtree(old, ignore_errors=True)
        _sync_directory(target.parent)
    except OSError as error:
        raise HotpassError(f"{target} cannot be replaced: {error.strerror}.") from None


def _recover(target: Path) -> None:
    if os.path.lexists(target) and (target.is_symlink() or not target.is_dir()):
        raise HotpassError(f"{target} is in the way: it is no directory.")
    old = target.with_name(f".{target.name}.old")
    try:
        if old.is_dir() and not target.exists():
            old.rename(target)
    except OSError as error:
        raise HotpassError(f"{old} cannot be put back as {target}: {error.strerror}.") from None
    shutil.rmtree(old, ignore_errors=True)
    prefix = _prefix(target)
    for path in target.parent.iterdir():
        if path.name.startswith(prefix):
            shutil.rmtree(path, ignore_errors=True)


def _prefix(target: Path) -> str:
    """Return how the names of directories in the making for this target begin, and no other name beside it."""
    return f".{target.name}~new-"


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step; return whether the system and the file system can."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number), str(other))


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
