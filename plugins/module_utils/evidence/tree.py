# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads every file of a bundle once, and says what has no place in one."""

from __future__ import annotations

import os
import stat
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import check_file_name

LARGEST: t.Final = 1024 * 1024 * 1024
"""Bytes of all files of a bundle together; more is not read."""

Strange = tuple[str, str]


def read_tree(directory: Path) -> tuple[dict[str, bytes], list[Strange]]:
    """The bytes of every plain file, by name; and what else there is, as pairs of a name and what is wrong with it.

    No link is followed, and nothing is waited for. What is judged later are these bytes, not the files.

    :raises CollectionError: when there is no such directory.
    """
    try:
        if not stat.S_ISDIR(os.lstat(directory).st_mode):
            raise CollectionError(f"The bundle {directory} is no directory, and a link to one is not taken either.")
    except OSError as error:
        raise CollectionError(f"There is no bundle at {directory} ({error.strerror}).") from None
    files: dict[str, bytes] = {}
    strange: list[Strange] = []
    _read(directory, "", files, strange, LARGEST)
    return files, strange


def _read(directory: Path, prefix: str, files: dict[str, bytes], strange: list[Strange], room: int) -> int:
    """What is left of the room."""
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError as error:
        strange.append((prefix.rstrip("/") or ".", f"cannot be read ({error.strerror})"))
        return room
    if not entries and prefix:
        strange.append((prefix.rstrip("/"), "is an empty directory, which no manifest lists"))
    for entry in entries:
        name = f"{prefix}{entry.name}"
        shown = name.encode("utf-8", "backslashreplace").decode()
        try:
            check_file_name(name)
            if entry.is_symlink():
                strange.append((shown, "is a link"))
            elif entry.is_dir(follow_symlinks=False):
                room = _read(Path(entry.path), f"{name}/", files, strange, room)
            elif not entry.is_file(follow_symlinks=False):
                strange.append((shown, "is no plain file"))
            else:
                files[name] = _bytes(entry.path, room)
                room -= len(files[name])
        except CollectionError as error:
            strange.append((shown, error.message.rstrip(".")))
        except OSError as error:
            strange.append((shown, f"cannot be read ({error.strerror})"))
    return room


def _bytes(path: str, room: int) -> bytes:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if os.fstat(file.fileno()).st_size > room:
            raise CollectionError(f"makes the bundle larger than {LARGEST} bytes, which none is")
        return file.read(room + 1)
