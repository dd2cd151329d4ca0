# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores a window's archive into an empty directory. Whether that takes the place of another is the caller's."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hotpass.archive_frame import check_apart, read_frame
from hotpass.archive_members import ArchiveLimits, Member, check_members
from hotpass.errors import HotpassError

RATIO_FREE_BYTES = 1024**2
"""Up to here a ratio says nothing: a small file of one repeated character packs well and harms nobody."""

_CHUNK = 1024**2
# What zipfile raises for content it cannot read, beside its own error.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    UnicodeError,
    ValueError,
    OverflowError,
    struct.error,
)


@dataclass(frozen=True)
class Restored:
    """What was restored: the sha256 (hex) of the archive's bytes, and the files and bytes that were written."""

    archive_sha256: str
    files: int
    total_bytes: int


def restore(archive: Path, root: Path, directory: Path, limits: ArchiveLimits) -> Restored:
    """Write the content of a zip archive that lies below `root` into the empty `directory`.

    Modes, owners and times that the archive names are not taken over. Archives within the archive are plain files.

    Raises:
        HotpassError: the archive cannot be read, lies outside of `root`, is damaged, or holds what may not be
            restored; the message names it and the member. What the directory holds then is of no use.
    """
    with _opened(archive, root) as file:
        before = os.fstat(file.fileno())
        try:
            if before.st_size > limits.max_archive_bytes:
                raise HotpassError(f"is {before.st_size} bytes; max_archive_bytes is {limits.max_archive_bytes}.")
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            files, written = _extract(file, before.st_size, directory, limits)
            after = os.fstat(file.fileno())
            if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                raise HotpassError("has changed while it was read.")
        except HotpassError as error:
            raise HotpassError(f"archive {archive} {error}") from None
        except OSError as error:
            raise HotpassError(f"archive {archive} cannot be restored to {directory}: {error.strerror}.") from None
    return Restored(digest, files, written)


@contextmanager
def _opened(archive: Path, root: Path) -> Iterator[io.BufferedReader]:
    try:
        real = archive.resolve(strict=True)
        if not real.is_relative_to(root.resolve(strict=True)):
            raise HotpassError(f"archive {archive} is a link to {real}, outside of archive_root {root}.")
        # A named pipe without a writer would block the opening.
        descriptor = os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except (OSError, RuntimeError) as error:
        raise HotpassError(f"archive {archive} cannot be read: {getattr(error, 'strerror', error)}.") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise HotpassError(f"archive {archive} is no regular file.")
    with os.fdopen(descriptor, "rb") as file:
        yield file


def _extract(file: io.BufferedReader, size: int, directory: Path, limits: ArchiveLimits) -> tuple[int, int]:
    """Write every member below the directory; return the number of files and the bytes written."""
    frame = read_frame(file, size, limits)
    try:
        opened = zipfile.ZipFile(file)
    except _UNREADABLE as error:
        raise HotpassError(f"has a damaged directory: {_said(error)}.") from None
    with opened as source:
        members = check_members(source.infolist(), limits)
        check_apart(file, source.infolist(), frame)
        written = 0
        for member in members:
            path = directory.joinpath(*member.parts)
            if member.is_directory:
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            left = min(limits.max_total_bytes - written, size * limits.max_ratio + RATIO_FREE_BYTES - written)
            written += _write(source, member, path, limits, left)
    return sum(not member.is_directory for member in members), written


def _write(source: zipfile.ZipFile, member: Member, path: Path, limits: ArchiveLimits, left: int) -> int:
    """Write one file, counting the bytes that really come out; return how many they are."""
    by_ratio = max(member.info.compress_size * limits.max_ratio, RATIO_FREE_BYTES)
    written = 0
    try:
        with source.open(member.info) as content, path.open("xb") as file:
            while chunk := content.read(_CHUNK):
                written += len(chunk)
                if written > limits.max_member_bytes:
                    raise HotpassError(f"member {member.label} is larger than max_member_bytes.")
                if written > by_ratio:
                    raise HotpassError(
                        f"member {member.label} unpacks to more than {limits.max_ratio} times its size (max_ratio)."
                    )
                if written > left:
                    raise HotpassError(f"member {member.label} goes beyond max_total_bytes or max_ratio of the whole.")
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except HotpassError:
        raise
    except _UNREADABLE as error:
        raise HotpassError(f"member {member.label} is damaged: {_said(error)}.") from None
    if written != member.info.file_size:
        raise HotpassError(
            f"member {member.label} says it is {member.info.file_size} bytes, and {written} came out of it."
        )
    return written


def _said(error: Exception) -> str:
    return (str(error).rstrip(".") or type(error).__name__).replace("\n", " ")
