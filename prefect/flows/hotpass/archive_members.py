# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the members of an archive may be: plain files and directories, each with one plain name, within limits.

Everything here is decided from what the archive says of itself, before a byte is written. What it may be lying about,
above all sizes, is counted again while it is written (`hotpass.archives`).
"""

from __future__ import annotations

import re
import stat
import unicodedata
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from hotpass.errors import HotpassError

MAX_NAME_BYTES = 255
"""Of one part of a name: what Linux file systems take."""
MAX_PATH_BYTES = 1024
"""Of a whole name."""
MAX_DEPTH = 16
"""Parts of a name."""

_METHODS = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflated"}
# Ordinary, strong (PKWARE), and encrypted central directory.
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_PATCH = 0x20
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
}


@dataclass(frozen=True)
class ArchiveLimits:
    """How much one archive may be, in bytes and members; `base_config.archive` of the flow replaces single values.

    `max_archive_bytes` is the archive file itself, `max_member_bytes` one file of it unpacked, `max_total_bytes` all
    of them. `max_ratio` is the most bytes unpacked for each byte packed, of a member and of the whole.
    """

    max_archive_bytes: int = 512 * 1024**2
    max_members: int = 1000
    max_member_bytes: int = 256 * 1024**2
    max_total_bytes: int = 1024**3
    max_ratio: int = 200

    @classmethod
    def build(cls, values: Any) -> ArchiveLimits:
        """Return the limits with those of a mapping in place of the defaults; None gives the defaults.

        Raises:
            HotpassError: the mapping has another key, or a value that is no whole number from 1.
        """
        known = [field.name for field in fields(cls)]
        if values is None:
            return cls()
        if not isinstance(values, Mapping):
            raise HotpassError(f"base_config.archive must map limits to numbers, found {values!r}.")
        for name, value in values.items():
            if name not in known:
                raise HotpassError(f"base_config.archive has no limit {name!r}; known are {', '.join(known)}.")
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise HotpassError(f"base_config.archive.{name} must be a whole number from 1, found {value!r}.")
        return cls(**values)


@dataclass(frozen=True)
class Member:
    """One member of an archive: its entry in the archive, the parts of its name, and whether it is a directory."""

    info: zipfile.ZipInfo
    parts: tuple[str, ...]
    is_directory: bool

    @property
    def label(self) -> str:
        """The name as messages show it."""
        return shown(self.info.filename)


def check_members(entries: Sequence[zipfile.ZipInfo], limits: ArchiveLimits) -> list[Member]:
    """Return the members in the archive's order, when every one of them may be restored.

    Raises:
        HotpassError: one of them may not, two of them would be one file on some file system, or all together are too
            many or too large; the message begins with the member and is to be put behind the archive's path.
    """
    if len(entries) > limits.max_members:
        raise HotpassError(f"holds {len(entries)} members; max_members is {limits.max_members}.")
    members = [_member(entry) for entry in entries]
    if all(member.is_directory for member in members):
        raise HotpassError("holds no file.")
    _check_collisions(members)
    for member in members:
        if member.info.file_size > limits.max_member_bytes:
            raise HotpassError(
                f"member {member.label} says it is {member.info.file_size} bytes; max_member_bytes is "
                f"{limits.max_member_bytes}."
            )
    total = sum(member.info.file_size for member in members)
    if total > limits.max_total_bytes:
        raise HotpassError(f"says it unpacks to {total} bytes; max_total_bytes is {limits.max_total_bytes}.")
    return members


def shown(name: str) -> str:
    """Return a member's name as messages show it: quoted, in ASCII, and not longer than a line."""
    text = ascii(name)
    return text if len(text) <= 100 else f"{text[:80]}... ({len(name)} characters)"


def _member(entry: zipfile.ZipInfo) -> Member:
    name = entry.filename
    if reason := _fault_of_entry(entry) or _fault_of_name(name):
        raise HotpassError(f"member {shown(entry.orig_filename)} {reason}.")
    is_directory = name.endswith("/")
    return Member(entry, tuple(name.removesuffix("/").split("/")), is_directory)


def _fault_of_entry(entry: zipfile.ZipInfo) -> str | None:
    """Return why a member may not be restored whatever its name is, or None."""
    if entry.orig_filename != entry.filename:
        return f"has a second name, {shown(entry.filename)}"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if entry.flag_bits & _PATCH:
        return "is a patch of another file"
    if entry.compress_type not in _METHODS:
        return (
            f"is compressed by the method {entry.compress_type}, which is not supported; allowed are "
            + " and ".join(f"{number} ({name})" for number, name in _METHODS.items())
        )
    # The upper half holds the mode of Unix, whatever system the entry says it comes from.
    kind = stat.S_IFMT(entry.external_attr >> 16)
    named_directory = entry.filename.endswith("/")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return f"is {_KINDS.get(kind, f'of the unknown kind {kind:#o}')}; only files and directories are restored"
    if (kind == stat.S_IFDIR and not named_directory) or (kind == stat.S_IFREG and named_directory):
        return "is a file by its name and a directory by its mode, or the other way round"
    if named_directory and (entry.file_size or entry.compress_size):
        return "is a directory with content"
    return None


def _fault_of_name(name: str) -> str | None:
    """Return why a name may not be written below the target, or None. A `/` at its end marks a directory."""
    if _CONTROL.search(name):
        return "has a control character in its name"
    if "\\" in name:
        return "has a backslash in its name"
    if name.startswith("/"):
        return "has an absolute name"
    if re.match("[A-Za-z]:", name):
        return "has a drive letter in its name"
    parts = name.removesuffix("/").split("/")
    if ".." in parts:
        return "leaves the target by '..' in its name"
    if "" in parts or "." in parts:
        return "has an empty part or '.' in its name"
    if len(name.encode(errors="surrogatepass")) > MAX_PATH_BYTES:
        return f"has a name of more than {MAX_PATH_BYTES} bytes"
    if any(len(part.encode(errors="surrogatepass")) > MAX_NAME_BYTES for part in parts):
        return f"has a part of more than {MAX_NAME_BYTES} bytes in its name"
    if len(parts) > MAX_DEPTH:
        return f"lies more than {MAX_DEPTH} directories deep"
    return None


def _check_collisions(members: Sequence[Member]) -> None:
    """Refuse two members that are one file, or a file and a directory, where case or Unicode's form does not count."""
    spelled: dict[tuple[str, ...], tuple[str, ...]] = {}
    directories: dict[tuple[str, ...], Member] = {}
    listed: dict[tuple[str, ...], Member] = {}
    for member in members:
        key = tuple(_folded(part) for part in member.parts)
        if other := listed.get(key):
            how = "occurs twice" if other.parts == member.parts else f"differs from {other.label} only in case or form"
            raise HotpassError(f"member {member.label} {how}.")
        listed[key] = member
        for depth in range(1, len(key) + 1):
            first = spelled.setdefault(key[:depth], member.parts[:depth])
            if first != member.parts[:depth]:
                raise HotpassError(
                    f"member {member.label} lies in a directory that differs from {shown('/'.join(first))} only in "
                    "case or form."
                )
            if depth < len(key):
                directories.setdefault(key[:depth], member)
    for key, member in listed.items():
        if not member.is_directory and key in directories:
            raise HotpassError(f"member {member.label} is a file, and the directory of {directories[key].label}.")


def _folded(part: str) -> str:
    """Return what two names share that some file system takes for one: no case, one form, no dots or blanks behind."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", part).casefold()).rstrip(". ")
