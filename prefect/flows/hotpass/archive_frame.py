# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of a zip file: where its end, its directory and its members lie, and that none lies in another.

`zipfile` is lenient where files are damaged or made to deceive: it searches for an end, shifts offsets, and reads a
directory of any size. What it is given is checked here first. The layout is that of PKWARE's APPNOTE, section 4.3.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from hotpass.archive_members import ArchiveLimits, shown
from hotpass.errors import HotpassError

MAX_DIRECTORY_BYTES_PER_MEMBER = 4096
"""An entry has 46 bytes, the name and a few extra fields; `zipfile` holds the whole directory in memory."""

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_LOCAL = struct.Struct("<4s5H3L2H")
_LONGEST_COMMENT = 0xFFFF


@dataclass(frozen=True)
class Frame:
    """Where the directory of a zip file begins (byte offset), how long it is (bytes), and its number of entries."""

    directory: int
    directory_bytes: int
    members: int


def read_frame(file: BinaryIO, size: int, limits: ArchiveLimits) -> Frame:
    """Return the frame of a zip file of `size` bytes.

    Raises:
        HotpassError: it is no whole zip file, has anything before or behind, is split, or has too large a directory.
    """
    # Also behind the longest comment the locator of zip64, which lies before the end, has to be seen.
    start = max(0, size - _LOCATOR_64.size - _END.size - _LONGEST_COMMENT)
    file.seek(start)
    tail = file.read()
    # The last mark has to be the end's: `zipfile` goes by that one, also where it lies in the comment of a true end.
    at = tail.rfind(b"PK\x05\x06")
    whole = at >= 0 and len(tail) - at >= _END.size
    if not whole or at + _END.size + _END.unpack_from(tail, at)[7] != len(tail):
        raise HotpassError("is no zip file, or is cut short or has something behind its end.")
    end = start + at
    _mark, disk, first_disk, here, members, length, offset, _comment = _END.unpack_from(tail, at)
    if at >= _LOCATOR_64.size and tail[at - _LOCATOR_64.size : at - _LOCATOR_64.size + 4] == b"PK\x06\x07":
        _mark, disk_64, position, disks = _LOCATOR_64.unpack_from(tail, at - _LOCATOR_64.size)
        end -= _LOCATOR_64.size + _END_64.size
        file.seek(max(end, 0))
        record = file.read(_END_64.size)
        if disk_64 or disks > 1 or position != end or record[:4] != b"PK\x06\x06":
            raise HotpassError("has a zip64 end that is not where it has to be.")
        _mark, record_bytes, _made, _need, disk, first_disk, here, members, length, offset = _END_64.unpack(record)
        if record_bytes != _END_64.size - 12:
            raise HotpassError("has a zip64 end of the wrong length.")
    if disk or first_disk or here != members:
        raise HotpassError("is one part of a split archive.")
    if offset + length != end:
        raise HotpassError("is cut short, or has something before its first member or behind its directory.")
    if members > limits.max_members:
        raise HotpassError(f"holds {members} members; max_members is {limits.max_members}.")
    if length > limits.max_members * MAX_DIRECTORY_BYTES_PER_MEMBER:
        raise HotpassError(f"has a directory of {length} bytes, too many for max_members {limits.max_members}.")
    return Frame(offset, length, members)


def check_apart(file: BinaryIO, entries: Sequence[zipfile.ZipInfo], frame: Frame) -> None:
    """Check that the members lie one behind the other before the directory, as many as the end says.

    Raises:
        HotpassError: they do not, or a member's own header contradicts the directory.
    """
    if len(entries) != frame.members:
        raise HotpassError(f"says it holds {frame.members} members, and has {len(entries)}.")
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    if ordered[0].header_offset:
        raise HotpassError("has something before its first member.")
    free_from = 0
    for entry in ordered:
        file.seek(entry.header_offset)
        header = file.read(_LOCAL.size)
        if len(header) < _LOCAL.size or header[:4] != b"PK\x03\x04":
            raise HotpassError(f"member {shown(entry.filename)} is not where the directory says.")
        _mark, _need, flags, method, _time, _date, _crc, _packed, _size, name, extra = _LOCAL.unpack(header)
        end = entry.header_offset + _LOCAL.size + name + extra + entry.compress_size
        if entry.header_offset < free_from or end > frame.directory:
            raise HotpassError(f"member {shown(entry.filename)} overlaps another member or the directory.")
        if flags & 0x1 or method != entry.compress_type:
            raise HotpassError(f"member {shown(entry.filename)} is described differently in the directory.")
        free_from = end
