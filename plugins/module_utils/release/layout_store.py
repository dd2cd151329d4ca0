# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store in a directory: an OCI image layout that skopeo and oras read, with no server."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release import store_files as files
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_layout import (
    Layout,
    entry_of,
    has_tag,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_layout_check import collect, inspect
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_manifests import (
    EMPTY,
    MANIFEST_TYPE,
    Corrupt,
    Manifest,
    NotInStore,
    StoreError,
    parsed,
    referrer,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_types import Garbage, Report, read_part


class LayoutStore:
    """A :class:`~...store_types.Store` in a directory.

    Several processes may write it at once; readers never wait. The directory is made by the first write.

    :param root: the directory.
    :param patience: seconds to wait for another writer.
    """

    def __init__(self, root: str, patience: float = 60.0) -> None:
        self._layout = Layout(root, patience)
        self.address = self._layout.address

    def has(self, digest: str) -> bool:
        """Whether a manifest or a blob of this name is there; its bytes are hashed when they are read."""
        return self._layout.has(digest)

    def has_blob(self, digest: str) -> bool:
        """The same of a config or a layer."""
        return self._layout.has(digest)

    def holds(self, manifest: Manifest) -> bool:
        """Whether a manifest is there, and in the index as it should be."""
        return self._layout.has(manifest.digest) and any(has_tag(line, manifest) for line in self._layout.entries())

    def read_manifest(self, digest: str) -> bytes:
        """The bytes of a manifest, hashed.

        :raises NotInStore: when it is not there, :class:`Corrupt` when it is not what its name says.
        """
        return self._layout.read(digest)

    def read_blob(self, digest: str) -> bytes:
        """The bytes of a config or a layer, hashed.

        :raises NotInStore: when it is not there, :class:`Corrupt` when it is not what its name says.
        """
        return self._layout.read(digest)

    def write_blob(self, data: bytes) -> str:
        """Keep some bytes, durably; what is there already is not written again, and what is corrupt is mended.

        :returns: their digest.
        """
        digest = digest_of(data)
        if not self._layout.writable() and self._layout.has(digest):
            self._layout.read(digest)
            return digest
        with self._layout.writing():
            return self._layout.place(data)

    def write_manifest(self, data: bytes, media_type: str = MANIFEST_TYPE) -> str:
        """Keep a manifest and put it into the index.

        :returns: its digest, which is the name of a release.
        :raises NotInStore: when one of its parts, or the subject that it names, is not there.
        """
        if media_type != MANIFEST_TYPE:
            raise StoreError(f"A manifest of the media type {media_type} cannot be kept; allowed is {MANIFEST_TYPE}.")
        manifest = parsed(self.address, digest_of(data), data)
        if not self._layout.writable() and self.holds(manifest):
            self._layout.read(manifest.digest)
            return manifest.digest
        with self._layout.writing():
            self._check_parts(manifest)
            lines = self._layout.entries()
            if manifest.subject and not any(line.descriptor.digest == manifest.subject.digest for line in lines):
                raise NotInStore(self.address, manifest.subject.digest)
            self._layout.place(data)
            if not any(has_tag(line, manifest) for line in lines):
                self._layout.write_index([*(line.raw for line in lines), entry_of(manifest)])
        return manifest.digest

    def _check_parts(self, manifest: Manifest) -> None:
        """See that every part is there, and make it young: no collection may take it before the manifest is there."""
        for part in manifest.parts:
            path = self._layout.path(part.digest)
            files.touch(path)
            try:
                size = os.stat(path).st_size
            except FileNotFoundError:
                raise NotInStore(self.address, part.digest) from None
            if size != part.size:
                raise Corrupt(self.address, part.digest, f"it has {size} bytes where its manifest says {part.size}")

    def attach(
        self,
        subject: str,
        artifact_type: str,
        data: bytes,
        media_type: str,
        annotations: t.Mapping[str, str] | None = None,
    ) -> str:
        """Attach some bytes to a manifest that is there. The same bytes are attached once.

        :returns: the digest of the manifest that attaches them.
        """
        target = parsed(self.address, subject, self.read_manifest(subject)).descriptor
        manifest = referrer(target, artifact_type, data, media_type, annotations)
        self.write_blob(EMPTY)
        self.write_blob(data)
        return self.write_manifest(manifest)

    def referrers(self, subject: str, artifact_type: str | None = None) -> list[Manifest]:
        """The manifests attached to one that is there, read and hashed, in the order of their digests.

        A manifest in the index that cannot be trusted is an error whatever it was attached to, because that cannot
        be known.
        """
        manifests = self._layout.manifests()
        if subject not in manifests:
            raise NotInStore(self.address, subject)
        found = [found for found in manifests.values() if found.subject and found.subject.digest == subject]
        return sorted((one for one in found if artifact_type in (None, one.artifact_type)), key=lambda one: one.digest)

    def attachments(self, subject: str, artifact_type: str | None = None) -> list[bytes]:
        """The bytes attached to a manifest that is there, in the order of the manifests that attach them."""
        return [read_part(self, layer) for one in self.referrers(subject, artifact_type) for layer in one.layers]

    def releases(self) -> list[str]:
        """The digests of all releases: of the manifests in the index whose artifact type is that of a release."""
        return sorted(digest for digest, manifest in self._layout.manifests().items() if manifest.is_release)

    def verify(self) -> Report:
        """Read and hash every file of the store.

        :raises StoreError: when there is no store, or it cannot be read at all.
        """
        return inspect(self._layout)

    def collect_garbage(self, keep: t.Collection[str], *, check: bool = False, min_age: float = 3600.0) -> Garbage:
        """Remove what no kept release reaches, and leftovers of writes that did not end.

        :param keep: digests of releases: every one that any ring's ledger names.
        :param check: remove nothing, answer what would be removed.
        :param min_age: seconds for which nothing new is removed.
        """
        return collect(self._layout, keep, check=check, min_age=min_age)

    def close(self) -> None:
        """There is nothing to let go of."""
