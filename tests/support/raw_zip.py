# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zip files written byte by byte, so that they can say what no honest writer would. PKWARE's APPNOTE, section 4.3."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

STORED, DEFLATED = 0, 8
UTF8, ENCRYPTED = 0x800, 0x1


@dataclass(frozen=True)
class Raw:
    """One member; what is None is told truly.

    :ivar mode: of Unix, in the upper half of the external attributes.
    :ivar size: the unpacked size that the headers claim. ``zip64`` puts it into the extra field.
    :ivar local_name: the name in the member's own header; ``local_method`` and ``local_flags`` likewise.
    :ivar at: the offset that the directory claims.
    :ivar spoiled: whether the packed data is damaged.
    """

    name: str | bytes
    data: bytes = b"content"
    method: int = STORED
    flags: int = UTF8
    mode: int = 0o100644
    crc: int | None = None
    size: int | None = None
    zip64: bool = False
    comment: bytes = b""
    local_name: bytes | None = None
    local_method: int | None = None
    local_flags: int | None = None
    at: int | None = None
    spoiled: bool = False

    @property
    def packed(self) -> bytes:
        """The data as it lies in the archive."""
        if self.method != DEFLATED:
            return self.data
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(self.data) + packer.flush()
        return b"\xff" * len(packed) if self.spoiled else packed


def zip_of(
    *members: Raw,
    before: bytes = b"",
    behind: bytes = b"",
    comment: bytes = b"",
    count: int | None = None,
    disk: int = 0,
    directory_shift: int = 0,
) -> bytes:
    """Return a zip file of these members, with bytes before and behind it, and an end that claims what it is told."""
    body, directory = bytearray(before), bytearray()
    for member in members:
        at = len(body) if member.at is None else member.at
        body += _local(member)
        directory += _entry(member, at)
    total = len(members) if count is None else count
    start = len(body) + directory_shift
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", disk, disk, total, total, len(directory), start, len(comment))
    return bytes(body + directory + end + comment + behind)


def with_zip64_end(
    *members: Raw, position: int | None = None, record_bytes: int = 44, mark: bytes = b"PK\x06\x06"
) -> bytes:
    """Return a zip file whose end is that of zip64, at the offset and of the length that its locator claims."""
    plain = zip_of(*members)
    body, end = plain[:-22], plain[-22:]
    fields: Sequence[int] = struct.unpack("<4s4H2LH", end)[1:]
    record = struct.pack("<4sQ2H2L4Q", mark, record_bytes, 45, 45, 0, 0, fields[2], fields[3], fields[4], fields[5])
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(body) if position is None else position, 1)
    hidden = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return body + record + locator + hidden


def _name(member: Raw) -> bytes:
    return member.name if isinstance(member.name, bytes) else member.name.encode()


def _sizes(member: Raw) -> tuple[int, int, int]:
    crc = zlib.crc32(member.data) if member.crc is None else member.crc
    return crc, len(member.packed), len(member.data) if member.size is None else member.size


def _local(member: Raw) -> bytes:
    crc, packed, size = _sizes(member)
    name = _name(member) if member.local_name is None else member.local_name
    flags = member.flags if member.local_flags is None else member.local_flags
    method = member.method if member.local_method is None else member.local_method
    shown, extra = (0xFFFFFFFF, struct.pack("<2H2Q", 1, 16, size, packed)) if member.zip64 else (size, b"")
    small = 0xFFFFFFFF if member.zip64 else packed
    header = struct.pack(
        "<4s5H3L2H", b"PK\x03\x04", 20, flags, method, 0, 0x21, crc, small, shown, len(name), len(extra)
    )
    return header + name + extra + member.packed


def _entry(member: Raw, at: int) -> bytes:
    crc, packed, size = _sizes(member)
    name = _name(member)
    shown, extra = (0xFFFFFFFF, struct.pack("<2HQ", 1, 8, size)) if member.zip64 else (size, b"")
    header = struct.pack(
        "<4s6H3L5H2L",
        b"PK\x01\x02",
        (3 << 8) | 20,
        20,
        member.flags,
        member.method,
        0,
        0x21,
        crc,
        packed,
        shown,
        len(name),
        len(extra),
        len(member.comment),
        0,
        0,
        member.mode << 16,
        at,
    )
    return header + name + extra + member.comment
