# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories to work in: one that is gone afterwards, and one that nobody else writes in meanwhile."""

from __future__ import annotations

import contextlib
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import disk


@contextlib.contextmanager
def workspace() -> t.Iterator[Path]:
    """An empty directory, which is gone afterwards with all that is in it.

    :raises CollectionError: when it cannot be made.
    """
    try:
        directory = tempfile.TemporaryDirectory(prefix="hotpass-", ignore_cleanup_errors=True)
    except OSError as error:
        # Without a file name it is Python's own search for a directory that failed; it names those that it tried.
        where = f" in {Path(str(error.filename)).parent}" if error.filename else ""
        raise CollectionError(f"Temporary files cannot be written{where}: {error.strerror}.") from None
    with directory as name:
        yield Path(name)


@contextlib.contextmanager
def alone_in(directory: Path) -> t.Iterator[None]:
    """A directory, made when it is not there, that nobody else imports into meanwhile.

    :raises CollectionError: when it cannot be made or opened, is a link, or was removed while it was waited for.
    """
    with contextlib.ExitStack() as stack:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            held = stack.enter_context(disk.locked(directory))
        except OSError as error:
            link = " (it is a link)" if directory.is_symlink() else ""
            raise CollectionError(f"{directory} cannot be made, or opened: {error.strerror}{link}.") from None
        if not held:
            raise CollectionError(f"{directory} was removed while it was waited for; run again.")
        yield
