# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release taken from one store to another, byte for byte, with all that is attached to it."""

from __future__ import annotations

import dataclasses

from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import check_digest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_manifests import (
    Corrupt,
    Descriptor,
    Manifest,
    parsed,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_types import Store, read_part


@dataclasses.dataclass(frozen=True)
class Copied:
    """What a copy did, or in check mode would do.

    :param release: its digest, the same in both stores.
    :param written: digests of manifests and blobs that the target lacked, :param present: that it had,
    :param attachments: how many manifests are attached, directly or not, :param size: bytes written.
    """

    release: str
    written: tuple[str, ...]
    present: tuple[str, ...]
    attachments: int
    size: int


class _Copying:
    def __init__(self, source: Store, target: Store, check: bool) -> None:
        self._source = source
        self._target = target
        self._check = check
        self.written: dict[str, int] = {}
        self.present: dict[str, int] = {}
        self.attachments: set[str] = set()

    def manifest(self, digest: str) -> None:
        """Copy a manifest after its parts, and what is attached to it after it."""
        data = self._source.read_manifest(digest)
        manifest = parsed(self._source.address, digest, data)
        for part in manifest.parts:
            if part.digest not in self.written and part.digest not in self.present:
                self._part(part)
        if self._has(manifest):
            self.present[digest] = len(data)
        else:
            if not self._check:
                self._target.write_manifest(data)
            self.written[digest] = len(data)
        for attached in self._source.referrers(digest):
            if attached.digest not in self.attachments:
                self.attachments.add(attached.digest)
                self.manifest(attached.digest)

    def _has(self, manifest: Manifest) -> bool:
        """Whether the target has a manifest; one that is corrupt there counts as lacking."""
        if not self._target.holds(manifest):
            return False
        try:
            self._target.read_manifest(manifest.digest)
        except Corrupt:
            return False
        return True

    def _part(self, part: Descriptor) -> None:
        if self._target.has_blob(part.digest):
            try:
                read_part(self._target, part)
            except Corrupt:
                # The right bytes mend a directory; a registry keeps what it has, and the look after that says so.
                pass
            else:
                self.present[part.digest] = part.size
                return
            if not self._check:
                self._target.write_blob(read_part(self._source, part))
                read_part(self._target, part)
        else:
            data = read_part(self._source, part)
            if not self._check:
                self._target.write_blob(data)
        self.written[part.digest] = part.size


def copy(source: Store, target: Store, release: str, *, check: bool = False) -> Copied:
    """Copy a release, its parts, and everything attached to it.

    Every byte is hashed on the way; what the target has already is read and hashed there, and not written again.

    :param check: write nothing, answer what would be written.
    :raises NotInStore: when the source lacks something, :class:`Corrupt` when either store's bytes are not what their
        name says.
    """
    copying = _Copying(source, target, check)
    copying.manifest(check_digest(release, "The release to copy"))
    return Copied(
        release=release,
        written=tuple(sorted(copying.written)),
        present=tuple(sorted(copying.present)),
        attachments=len(copying.attachments),
        size=sum(copying.written.values()),
    )
