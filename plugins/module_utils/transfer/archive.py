# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one file of a transfer bundle: which files are where in it. Nothing is read that a writer would not have written.

The format is that of a release's bundle (``release/ustar.py``), read in pieces from the disk.
"""

from __future__ import annotations

import hashlib
import os
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ustar import BLOCK, END, header, padding, parsed
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import File

CHUNK: t.Final = 1024 * 1024
WHAT: t.Final = "transfer bundle"
MOST: t.Final = 100_000
"""Files of one bundle; more are not looked at."""


class Member(t.NamedTuple):
    """Where a file is: its first byte, and how many it has."""

    offset: int
    size: int


def members(descriptor: int) -> dict[str, Member]:
    """The files of an archive, in their order. Their bytes are not looked at.

    :param descriptor: of a plain file.
    :raises CollectionError: for an archive that was cut short or goes on, and for anything that the format has not.
    """
    size = os.fstat(descriptor).st_size
    found: dict[str, Member] = {}
    position, last = 0, "its beginning"
    while True:
        block = read_at(descriptor, position, BLOCK)
        if not block.strip(b"\0"):
            break
        path, length, executable = parsed(block, position, WHAT)
        start = position + BLOCK
        position = start + length + padding(length)
        if position > size:
            raise CollectionError(
                f"The bundle ends within {path!r}: it has {size} bytes and takes {position} up to there; it was cut "
                "short."
            )
        if executable:
            raise CollectionError(f"The bundle has {path!r} as a program; allowed are files with the mode 0644.")
        if len(found) >= MOST:
            raise CollectionError(f"The bundle has more than {MOST} files, which none has.")
        if path in found:
            raise CollectionError(f"The bundle has {path!r} twice.")
        if read_at(descriptor, start + length, padding(length)).strip(b"\0"):
            raise CollectionError(f"The bundle has bytes after the end of {path!r} that belong to no file.")
        found[path] = Member(start, length)
        last = repr(path)
    rest = read_at(descriptor, position, len(END) + 1)
    if len(rest) < len(END):
        raise CollectionError(f"The bundle ends after {last} without its end mark; it was cut short.")
    if rest != END:
        raise CollectionError(
            f"The bundle goes on after its end ({size - position - len(END)} bytes); allowed are two blocks of zeros "
            "and nothing after them."
        )
    return found


def read_at(descriptor: int, position: int, length: int) -> bytes:
    """Some bytes; fewer only where the file ends."""
    parts = []
    while length:
        part = _pread(descriptor, length, position)
        if not part:
            break
        parts.append(part)
        position += len(part)
        length -= len(part)
    return b"".join(parts)


def chunks(descriptor: int, member: Member) -> t.Iterator[bytes]:
    """The bytes of a file in pieces; fewer than it should have when the file on disk has been cut since."""
    position, left = member
    while left:
        part = _pread(descriptor, min(left, CHUNK), position)
        if not part:
            return
        yield part
        position += len(part)
        left -= len(part)


def file_of(pieces: t.Iterable[bytes], write: t.Callable[[bytes], t.Any] | None = None) -> File:
    """What pieces hold together.

    :param write: is given each piece as well.
    """
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
        if write is not None:
            write(piece)
    return File(digest.hexdigest(), size)


def before(name: str, size: int) -> bytes:
    """What stands before a file in the archive."""
    return header(name, size, what=WHAT)


def after(size: int) -> bytes:
    """What stands after a file in the archive."""
    return bytes(padding(size))


def _pread(descriptor: int, length: int, position: int) -> bytes:
    try:
        return os.pread(descriptor, length, position)
    except OSError as error:
        raise CollectionError(f"The bundle cannot be read at byte {position}: {error.strerror}.") from None
