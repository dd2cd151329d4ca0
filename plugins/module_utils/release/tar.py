# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle of a release: an uncompressed USTAR archive of regular files that has one form only.

Equal files are equal bytes: names are sorted, and owner, group, times and devices are always the same. The reader
takes nothing that the writer would not have written, so every other archive, however well-formed, is refused.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

_BLOCK = 512
_END = bytes(2 * _BLOCK)
_LONGEST_NAME, _LONGEST_PREFIX = 100, 155
_LARGEST = 8**11 - 1
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


class Member(t.NamedTuple):
    """One file of a bundle; its path is relative, with slashes."""

    path: str
    data: bytes
    executable: bool


class BadBundle(CollectionError):
    """The bytes are no bundle, or the paths cannot be in one."""


def pack(members: t.Iterable[Member]) -> bytes:
    """The archive of the files, whatever their order.

    :raises BadBundle: for paths that :func:`check_paths` refuses, and for a path or file that does not fit into USTAR.
    """
    ordered = sorted(members)
    check_paths([member.path for member in ordered])
    parts = []
    for member in ordered:
        parts += [_header(member.path, len(member.data), member.executable), member.data]
        parts.append(bytes(-len(member.data) % _BLOCK))
    return b"".join([*parts, _END])


def unpack(archive: bytes) -> list[Member]:
    """The files of an archive that :func:`pack` made, in the order of their paths.

    :raises BadBundle: for any other archive, naming the member at fault.
    """
    members: list[Member] = []
    position = 0
    while archive[position : position + _BLOCK].strip(b"\0"):
        block = archive[position : position + _BLOCK]
        path, size, executable = _parsed(block, position)
        start = position + _BLOCK
        position = start + size + (-size % _BLOCK)
        if position > len(archive):
            raise BadBundle(f"The bundle ends within {path!r}; it was cut short.")
        if archive[start + size : position].strip(b"\0"):
            raise BadBundle(f"The bundle has bytes after the end of {path!r} that belong to no file.")
        if members and path <= members[-1].path:
            word = "twice" if path == members[-1].path else f"after {members[-1].path!r}"
            raise BadBundle(f"The bundle has {path!r} {word}; allowed is each path once, in sorted order.")
        members.append(Member(path, archive[start : start + size], executable))
    check_paths([member.path for member in members])
    if archive[position:] != _END:
        raise BadBundle("The bundle does not end as a bundle does, with two blocks of zeros and nothing after them.")
    return members


def check_paths(paths: t.Sequence[str]) -> None:
    """Refuse paths that do not mean the same, or do not stay below their root, on every file system.

    :raises BadBundle: for an absolute path, one that climbs, characters beyond printable ASCII, a path given twice,
        a file in the place of a directory, and two spellings that differ only in case.
    """
    spelled: dict[str, str] = {}
    files: set[str] = set()
    for path in paths:
        if not _PATH.fullmatch(path):
            raise BadBundle(
                f"The path {path[:200]!r} cannot be in a release; allowed are printable ASCII characters other than "
                "the backslash."
            )
        steps = path.split("/")
        if any(step in ("", ".", "..") for step in steps):
            raise BadBundle(f"The path {path[:200]!r} cannot be in a release; allowed are paths below its root.")
        if path in files:
            raise BadBundle(f"The release has the path {path!r} twice.")
        files.add(path)
        for end in range(1, len(steps) + 1):
            part = "/".join(steps[:end])
            other = spelled.setdefault(part.lower(), part)
            if other != part:
                raise BadBundle(
                    f"The release has both {other!r} and {part!r}, which are one path on file systems that do not "
                    "tell upper from lower case; rename one."
                )
    for path in paths:
        above = next((parent for parent in _parents(path) if parent in files), None)
        if above is not None:
            raise BadBundle(f"The release has {above!r} as a file, and {path!r} below it; a path is one or the other.")


def _parents(path: str) -> t.Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _header(path: str, size: int, executable: bool) -> bytes:
    prefix, name = _split(path)
    if size > _LARGEST:
        raise BadBundle(f"The file {path!r} has {size} bytes; a release takes files of at most {_LARGEST}.")
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
    block = b"".join(fields).ljust(_BLOCK, b"\0")
    return block[:148] + f"{sum(block):06o}\0 ".encode() + block[156:]


def _split(path: str) -> tuple[str, str]:
    """A path as USTAR's prefix and name; the shortest prefix that leaves a name that fits."""
    if len(path) <= _LONGEST_NAME:
        return "", path
    cut = path.find("/", len(path) - _LONGEST_NAME - 1)
    if not 0 < cut <= _LONGEST_PREFIX:
        raise BadBundle(
            f"The path {path[:300]!r} is too long for a release; allowed are names of {_LONGEST_NAME} characters "
            f"below directories of {_LONGEST_PREFIX}."
        )
    return path[:cut], path[cut + 1 :]


def _parsed(block: bytes, position: int) -> tuple[str, int, bool]:
    """Path, size and mode of a header that is exactly what the writer makes of them."""
    if len(block) < _BLOCK:
        raise BadBundle(f"The bundle ends within a header, at byte {position}; it was cut short.")
    name, prefix = (_text(block[start:end]) for start, end in ((0, 100), (345, 500)))
    path = f"{prefix}/{name}" if prefix else name
    kind = block[156:157]
    if kind != b"0":
        found = _KINDS.get(kind, f"an entry of type {kind!r}")
        raise BadBundle(f"The bundle has {found} at {path[:200]!r}; allowed are regular files.")
    check_paths([path])
    size = block[124:135]
    octal = size.isdigit() and not set(size) & set(b"89")
    executable = block[100:108] == b"0000755\0"
    if not octal or _header(path, int(size, 8), executable) != block:
        raise BadBundle(
            f"The header of {path!r} in the bundle is not the one that a release has: its mode, owner, time, size or "
            "checksum differs."
        )
    return path, int(size, 8), executable


def _text(field: bytes) -> str:
    return field.rstrip(b"\0").decode("ascii", "backslashreplace")
