# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The headers of USTAR archives that have one form only: regular files, the same owner, times and devices always."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

BLOCK: t.Final = 512
END: t.Final = bytes(2 * BLOCK)
"""What an archive ends with."""
LARGEST: t.Final = 8**11 - 1
"""Bytes of the largest file that the format holds."""

_LONGEST_NAME, _LONGEST_PREFIX = 100, 155
# Printable ASCII without the backslash: other letters are spelled differently by different file systems.
_PATH = re.compile(r"[ -\[\]-~]+")
_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"5": "a directory entry",
    b"6": "a FIFO",
}


class BadBundle(CollectionError):
    """The bytes are no bundle, or the paths cannot be in one."""


class Header(t.NamedTuple):
    """What a header says of the file after it."""

    path: str
    size: int
    executable: bool


def padding(size: int) -> int:
    """How many zeros follow a file of so many bytes."""
    return -size % BLOCK


def check_paths(paths: t.Sequence[str], what: str = "release") -> None:
    """Refuse paths that do not mean the same, or do not stay below their root, on every file system.

    :param what: they are in.
    :raises BadBundle: for an absolute path, one that climbs, characters beyond printable ASCII, a path given twice,
        a file in the place of a directory, and two spellings that differ only in case.
    """
    spelled: dict[str, str] = {}
    files: set[str] = set()
    for path in paths:
        if not _PATH.fullmatch(path):
            raise BadBundle(
                f"The path {path[:200]!r} cannot be in a {what}; allowed are printable ASCII characters other than "
                "the backslash."
            )
        steps = path.split("/")
        if any(step in ("", ".", "..") for step in steps):
            raise BadBundle(f"The path {path[:200]!r} cannot be in a {what}; allowed are paths below its root.")
        if path in files:
            raise BadBundle(f"The {what} has the path {path!r} twice.")
        files.add(path)
        for end in range(1, len(steps) + 1):
            part = "/".join(steps[:end])
            other = spelled.setdefault(part.lower(), part)
            if other != part:
                raise BadBundle(
                    f"The {what} has both {other!r} and {part!r}, which are one path on file systems that do not "
                    "tell upper from lower case; rename one."
                )
    for path in paths:
        above = next((parent for parent in _parents(path) if parent in files), None)
        if above is not None:
            raise BadBundle(f"The {what} has {above!r} as a file, and {path!r} below it; a path is one or the other.")


def header(path: str, size: int, executable: bool = False, what: str = "release") -> bytes:
    """The block before a file.

    :raises BadBundle: for a path or a size that does not fit into one.
    """
    prefix, name = _split(path, what)
    if size > LARGEST:
        raise BadBundle(f"The file {path!r} has {size} bytes; a {what} takes files of at most {LARGEST}.")
    fields = (
        name.encode().ljust(_LONGEST_NAME, b"\0"),
        b"0000755\0" if executable else b"0000644\0",
        b"0000000\0" * 2,  # owner and group
        f"{size:011o}\0".encode(),
        b"00000000000\0",  # time of change
        b" " * 8,  # counts as spaces in the checksum that takes its place
        b"0".ljust(_LONGEST_NAME + 1, b"\0"),  # a regular file, which links to nothing
        b"ustar\x0000".ljust(8 + 32 + 32, b"\0"),  # without names of owner and group
        bytes(8 + 8),  # no device
        prefix.encode().ljust(_LONGEST_PREFIX, b"\0"),
    )
    block = b"".join(fields).ljust(BLOCK, b"\0")
    return block[:148] + f"{sum(block):06o}\0 ".encode() + block[156:]


def parsed(block: bytes, position: int, what: str = "release") -> Header:
    """What a header says that is exactly the one that :func:`header` makes.

    :param position: of the block in the archive, for the sentence when it is cut short.
    :raises BadBundle: for any other, naming the path.
    """
    if len(block) < BLOCK:
        raise BadBundle(f"The bundle ends within a header, at byte {position}; it was cut short.")
    # What is no name is not shown: any file may have been taken for a bundle.
    if block[257:262] != b"ustar":
        raise BadBundle(f"The bundle is no tar file, or was damaged: there is no header at byte {position}.")
    name, prefix = (_text(block[start:end]) for start, end in ((0, 100), (345, 500)))
    path = f"{prefix}/{name}" if prefix else name
    kind = block[156:157]
    if kind != b"0":
        found = _KINDS.get(kind, f"an entry of type {kind!r}")
        raise BadBundle(f"The bundle has {found} at {path[:200]!r}; allowed are regular files.")
    check_paths([path], what)
    size = block[124:135]
    octal = size.isdigit() and not set(size) & set(b"89")
    executable = block[100:108] == b"0000755\0"
    if not octal or header(path, int(size, 8), executable, what) != block:
        raise BadBundle(
            f"The header of {path!r} in the bundle is not the one that a {what} has: its mode, owner, time, size or "
            "checksum differs."
        )
    return Header(path, int(size, 8), executable)


def _parents(path: str) -> t.Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _split(path: str, what: str) -> tuple[str, str]:
    """A path as USTAR's prefix and name; the shortest prefix that leaves a name that fits."""
    if len(path) <= _LONGEST_NAME:
        return "", path
    cut = path.find("/", len(path) - _LONGEST_NAME - 1)
    if not 0 < cut <= _LONGEST_PREFIX:
        raise BadBundle(
            f"The path {path[:300]!r} is too long for a {what}; allowed are names of {_LONGEST_NAME} characters "
            f"below directories of {_LONGEST_PREFIX}."
        )
    return path[:cut], path[cut + 1 :]


def _text(field: bytes) -> str:
    return field.rstrip(b"\0").decode("ascii", "backslashreplace")
