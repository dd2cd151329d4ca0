# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a bundle on disk: those in it, and those that its reader has already."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import disk
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import archive
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.archive import Member
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import File


class Contents:
    """An open bundle. Its descriptor stays, so that it is one file whatever comes to stand at its path.

    :ivar path: where it is.
    :ivar members: the files in it, in their order.
    :ivar own: where the reader's own copies are of files that are not in it.
    :raises CollectionError: when there is no plain file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.members: dict[str, Member] = {}
        self.own: dict[str, Path] = {}
        try:
            self._descriptor = disk.opened(path)
        except FileNotFoundError:
            raise CollectionError(f"There is no transfer bundle {path}.") from None
        self.size = os.fstat(self._descriptor).st_size

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def find_members(self) -> None:
        """See what is in it.

        :raises CollectionError: when it is no bundle.
        """
        self.members = archive.members(self._descriptor)

    def whole(self, name: str, largest: int) -> bytes:
        """The bytes of a file in it, not hashed.

        :raises CollectionError: when it has more than may be.
        """
        member = self.members[name]
        if member.size > largest:
            raise CollectionError(f"{name} has {member.size} bytes; read as a whole are at most {largest}.")
        return b"".join(archive.chunks(self._descriptor, member))

    def read(self, name: str, wanted: File, largest: int) -> bytes:
        """The bytes of a file, hashed.

        :raises CollectionError: when it has more than may be, or others than wanted.
        """
        if wanted.size > largest:
            raise CollectionError(f"{name} has {wanted.size} bytes; read as a whole are at most {largest}.")
        parts: list[bytes] = []
        self.take(name, wanted, parts.append)
        return b"".join(parts)

    def take(self, name: str, wanted: File, write: t.Callable[[bytes], t.Any]) -> None:
        """Give the bytes of a file, which was verified, to ``write``, piece by piece.

        :raises CollectionError: once all were given, when they are not those that are wanted.
        """
        if self.looked_at(name, write) != wanted:
            where = self.own.get(name, self.path)
            raise CollectionError(f"{name} was changed in {where} after it was verified; import it again.")

    def looked_at(self, name: str, write: t.Callable[[bytes], t.Any] | None = None) -> File:
        """What a file holds now.

        :param write: is given its bytes, piece by piece, before they are known to be the right ones.
        :raises CollectionError: when it cannot be read.
        """
        if name not in self.own:
            return archive.file_of(archive.chunks(self._descriptor, self.members[name]), write)
        path = self.own[name]
        try:
            descriptor = disk.opened(path)
        except FileNotFoundError:
            raise CollectionError(f"There is no file {path}, which the transfer bundle needs as {name}.") from None
        try:
            return archive.file_of(archive.chunks(descriptor, Member(0, os.fstat(descriptor).st_size)), write)
        finally:
            os.close(descriptor)
