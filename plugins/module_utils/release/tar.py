# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle of a release: an uncompressed USTAR archive of regular files that has one form only.

Equal files are equal bytes: names are sorted, and owner, group, times and devices are always the same. The reader
takes nothing that the writer would not have written, so every other archive, however well-formed, is refused.
"""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release.ustar import (
    BLOCK,
    END,
    BadBundle,
    check_paths,
    header,
    padding,
    parsed,
)

__all__ = ["BadBundle", "Member", "check_paths", "pack", "unpack"]


class Member(t.NamedTuple):
    """One file of a bundle; its path is relative, with slashes."""

    path: str
    data: bytes
    executable: bool


def pack(members: t.Iterable[Member]) -> bytes:
    """The archive of the files, whatever their order.

    :raises BadBundle: for paths that :func:`check_paths` refuses, and for a path or file that does not fit into USTAR.
    """
    ordered = sorted(members)
    check_paths([member.path for member in ordered])
    parts = []
    for member in ordered:
        parts += [header(member.path, len(member.data), member.executable), member.data]
        parts.append(bytes(padding(len(member.data))))
    return b"".join([*parts, END])


def unpack(archive: bytes) -> list[Member]:
    """The files of an archive that :func:`pack` made, in the order of their paths.

    :raises BadBundle: for any other archive, naming the member at fault.
    """
    members: list[Member] = []
    position = 0
    while archive[position : position + BLOCK].strip(b"\0"):
        path, size, executable = parsed(archive[position : position + BLOCK], position)
        start = position + BLOCK
        position = start + size + padding(size)
        if position > len(archive):
            raise BadBundle(f"The bundle ends within {path!r}; it was cut short.")
        if archive[start + size : position].strip(b"\0"):
            raise BadBundle(f"The bundle has bytes after the end of {path!r} that belong to no file.")
        if members and path <= members[-1].path:
            word = "twice" if path == members[-1].path else f"after {members[-1].path!r}"
            raise BadBundle(f"The bundle has {path!r} {word}; allowed is each path once, in sorted order.")
        members.append(Member(path, archive[start : start + size], executable))
    check_paths([member.path for member in members])
    if archive[position:] != END:
        raise BadBundle("The bundle does not end as a bundle does, with two blocks of zeros and nothing after them.")
    return members
