# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time: a lock file that the system itself lets go of when its holder ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

_POLL = 0.1


@contextlib.contextmanager
def locked(path: Path, patience: float, tell: t.Callable[[str], None]) -> t.Iterator[None]:
    """Hold the lock for the length of a ``with`` block.

    The file stays behind: removing it would let two runs lock two files of one name.

    :param patience: seconds to wait for another run.
    :raises CollectionError: when the other run takes longer.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(descriptor, path, patience, tell)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, patience: float, tell: t.Callable[[str], None]) -> None:
    deadline = time.monotonic() + patience
    told = False
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise CollectionError(
                    f"Another run has held {path} for {patience:g} s: wait until it is done, and run again."
                ) from None
        if not told:
            tell(f"waiting for another run that holds {path}")
            told = True
        time.sleep(_POLL)
