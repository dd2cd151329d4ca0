# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store in an OCI registry, over the distribution API."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_manifests import (
    EMPTY,
    MANIFEST_TYPE,
    Corrupt,
    Manifest,
    NoStore,
    NotInStore,
    StoreError,
    parsed,
    referrer,
    tag_of,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_referrers import Referrers
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_registry_check import (
    MARK_TYPE,
    collect,
    inspect,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_repository import Repository
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_types import (
    Garbage,
    Report,
    StoreAccess,
    read_part,
)

_TAG = re.compile(r"(release|kept)-([0-9a-f]{64})")


class RegistryStore:
    """A :class:`~...store_types.Store` in a repository of a registry.

    :param address: ``oci://host[:port]/repository``.
    :raises StoreError: when the address, or what is given to be let in, cannot be used.
    """

    def __init__(self, address: str, access: StoreAccess) -> None:
        self.address = address
        self.repository = Repository(address, access)
        self.attached = Referrers(self.repository)

    def has(self, digest: str) -> bool:
        """Whether a manifest or a blob of this name is there; its bytes are hashed when they are read."""
        # In this order: docker-registry answers 500 when asked for a manifest by the name of a blob.
        return self.has_blob(digest) or self.repository.manifest_digest(digest) is not None

    def has_blob(self, digest: str) -> bool:
        """The same of a config or a layer alone."""
        return self.repository.has_blob(digest)

    def holds(self, manifest: Manifest) -> bool:
        """Whether a manifest is there and can be found: a release by its tag, an attachment by its subject."""
        if manifest.subject:
            return self.attached.holds(manifest, manifest.subject.digest)
        return self.repository.manifest_digest(tag_of(manifest)) == manifest.digest

    def read_manifest(self, digest: str) -> bytes:
        """The bytes of a manifest, hashed.

        :raises NotInStore: when it is not there, :class:`Corrupt` when it is not what its name says.
        """
        return self.repository.read_manifest(digest)

    def read_blob(self, digest: str) -> bytes:
        """The bytes of a config or a layer, hashed.

        :raises NotInStore: when it is not there, :class:`Corrupt` when it is not what its name says.
        """
        return self.repository.read_blob(digest)

    def write_blob(self, data: bytes) -> str:
        """Keep some bytes; what is there already is not written again.

        :returns: their digest.
        """
        return self.repository.write_blob(data)

    def write_manifest(self, data: bytes, media_type: str = MANIFEST_TYPE) -> str:
        """Keep a manifest: a release under its tag, an attachment where those of its subject are found.

        :returns: its digest, which is the name of a release.
        :raises NotInStore: when one of its parts, or the subject that it names, is not there.
        """
        if media_type != MANIFEST_TYPE:
            raise StoreError(f"A manifest of the media type {media_type} cannot be kept; allowed is {MANIFEST_TYPE}.")
        manifest = parsed(self.address, digest_of(data), data)
        if manifest.subject is None and self.holds(manifest):
            return manifest.digest
        for part in manifest.parts:
            size = self.repository.blob_size(part.digest)
            if size is None:
                raise NotInStore(self.address, part.digest)
            if size not in (-1, part.size):
                raise Corrupt(self.address, part.digest, f"it has {size} bytes where its manifest says {part.size}")
        if manifest.subject is None:
            self.repository.put_manifest(tag_of(manifest), data)
        else:
            self._expect(manifest.subject.digest)
            self.attached.add(manifest, data, manifest.subject.digest)
        return manifest.digest

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
        attaching = referrer(target, artifact_type, data, media_type, annotations)
        manifest = parsed(self.address, digest_of(attaching), attaching)
        self.write_blob(EMPTY)
        self.write_blob(data)
        self.attached.add(manifest, attaching, subject)
        return manifest.digest

    def referrers(self, subject: str, artifact_type: str | None = None) -> list[Manifest]:
        """The manifests attached to one that is there, read and hashed, in the order of their digests."""
        self._expect(subject)
        found = [self.attached.read(digest, subject) for digest in self.attached.of(subject)]
        # A mark is this store's own, and is seen only by those who ask for it.
        return [
            one
            for one in found
            if artifact_type == one.artifact_type or (artifact_type is None and one.artifact_type != MARK_TYPE)
        ]

    def attachments(self, subject: str, artifact_type: str | None = None) -> list[bytes]:
        """The bytes attached to a manifest that is there, in the order of the manifests that attach them."""
        return [read_part(self, layer) for one in self.referrers(subject, artifact_type) for layer in one.layers]

    def releases(self) -> list[str]:
        """The digests of all releases: those that have their tag.

        :raises NoStore: when the registry does not know the repository.
        """
        return sorted(digest for tag, digest in self.roots().items() if tag.startswith("release-"))

    def roots(self) -> dict[str, str]:
        """What is attached to nothing, by the tag that it has: releases, and what else is kept beside them.

        :raises NoStore: when the registry does not know the repository.
        """
        tags = self.repository.tags()
        if tags is None:
            raise NoStore(self.address)
        return {tag: f"sha256:{found[2]}" for tag in tags if (found := _TAG.fullmatch(tag))}

    def verify(self) -> Report:
        """Read and hash every release, what is attached to it, and all their parts.

        What no tag leads to is not seen: a registry lists no blobs.

        :raises StoreError: when there is no store, or the registry does not answer.
        """
        return inspect(self)

    def collect_garbage(self, keep: t.Collection[str], *, check: bool = False, min_age: float = 3600.0) -> Garbage:
        """Delete releases that are not kept, and what is attached to them; the registry's own collection frees blobs.

        A registry does not say how old something is. So a release is marked first, and deleted by a later run, when
        the mark is old enough and the release is still not kept.

        :param keep: digests of releases: every one that any ring's ledger names.
        :param check: delete and mark nothing, answer what would be.
        :param min_age: seconds that a mark has to be old; 0 deletes at once.
        """
        return collect(self, keep, check=check, min_age=min_age)

    def close(self) -> None:
        """Close the kept-alive connections."""
        self.repository.wire.close()

    def _expect(self, digest: str) -> None:
        if self.repository.manifest_digest(digest) is None:
            raise NotInStore(self.address, digest)
