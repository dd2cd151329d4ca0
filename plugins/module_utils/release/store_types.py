# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface of a store, and all the types that it speaks of, without the libraries that a store needs."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_manifests import (
    EMPTY,
    EMPTY_TYPE,
    INDEX_TYPE,
    MANIFEST_TYPE,
    RELEASE_TYPE,
    Corrupt,
    Descriptor,
    Manifest,
    NoStore,
    NotInStore,
    StoreError,
    hashed,
    parsed,
)

Problem = t.Literal["corrupt", "missing", "misplaced", "orphaned", "leftover"]


@dataclasses.dataclass(frozen=True)
class StoreAccess:
    """How to be let into a registry; a directory needs nothing of it.

    :param ca_path: file with the certificates of the authorities to trust.
    :param plain_http: whether to speak plain http; None: only to the loopback, and only without ``ca_path``.
    :param timeout: seconds for one request.
    :param retries: how many times a request is sent again.
    """

    ca_path: str | None = None
    username: str | None = None
    password: str | None = dataclasses.field(default=None, repr=False)
    plain_http: bool | None = None
    timeout: float = 60.0
    retries: int = 4


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that a check of a store found.

    :param problem: ``corrupt``, ``missing`` and ``misplaced`` make a store bad; ``orphaned`` (reached by nothing) and
        ``leftover`` (of a write that did not end) only take room.
    :param name: a digest, or a file of the store.
    """

    problem: Problem
    name: str
    detail: str

    @property
    def bad(self) -> bool:
        """Whether something that the store should hold cannot be had from it."""
        return self.problem not in ("orphaned", "leftover")

    def to_json(self) -> dict[str, str]:
        """The finding as a result shows it."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Report:
    """What a check of a whole store found.

    :param releases: how many releases, :param attachments: how many manifests attached to something,
    :param blobs: how many different blobs were read and hashed, manifests included, :param size: their bytes.
    """

    address: str
    releases: int
    attachments: int
    blobs: int
    size: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether everything that the store names is there and hashes to its name."""
        return not any(finding.bad for finding in self.findings)


@dataclasses.dataclass(frozen=True)
class Garbage:
    """What a collection removed, or in check mode would remove.

    :param releases: digests of the releases, :param attachments: of manifests attached to them,
    :param blobs: of what only they reached, :param files: leftovers of writes that did not end,
    :param waiting: digests that no kept release reaches and that are not old enough yet,
    :param marked: those of them that got a mark with the time: a registry does not tell how old something is,
    :param size: bytes of all that is removed, as far as the store tells.
    """

    releases: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()
    blobs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    marked: tuple[str, ...] = ()
    size: int = 0

    @property
    def removed(self) -> tuple[str, ...]:
        """Everything that is removed."""
        return (*self.releases, *self.attachments, *self.blobs, *self.files)


class Store(t.Protocol):
    """Where releases live, and what is attached to them.

    Every byte read is hashed; nothing that does not hash to its name is ever returned. All methods raise
    :class:`Corrupt`, :class:`NotInStore` or another :class:`StoreError`.

    :ivar address: how a user names the store.
    """

    address: str

    def has(self, digest: str) -> bool:
        """Whether a manifest or a blob of this name is there; its bytes are hashed when they are read."""

    def has_blob(self, digest: str) -> bool:
        """The same of a config or a layer alone."""

    def holds(self, manifest: Manifest) -> bool:
        """Whether a manifest is there and can be found: a release by its tag, an attachment by its subject."""

    def read_manifest(self, digest: str) -> bytes:
        """The bytes of a manifest, hashed."""

    def read_blob(self, digest: str) -> bytes:
        """The bytes of a config or a layer, hashed."""

    def write_blob(self, data: bytes) -> str:
        """Keep some bytes; what is there already is not written again.

        :returns: their digest.
        """

    def write_manifest(self, data: bytes, media_type: str = MANIFEST_TYPE) -> str:
        """Keep a manifest whose parts, and subject if it names one, are there already; see :meth:`write_blob`.

        :returns: its digest, which is the name of a release.
        """

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

    def referrers(self, subject: str, artifact_type: str | None = None) -> list[Manifest]:
        """The manifests attached to one that is there, read and hashed, in the order of their digests."""

    def attachments(self, subject: str, artifact_type: str | None = None) -> list[bytes]:
        """The bytes attached to a manifest that is there, in the order of the manifests that attach them."""

    def releases(self) -> list[str]:
        """The digests of all releases, sorted: of the manifests whose artifact type is :data:`RELEASE_TYPE`."""

    def verify(self) -> Report:
        """Read and hash everything; raises nothing for what is bad, but reports it."""

    def collect_garbage(self, keep: t.Collection[str], *, check: bool = False, min_age: float = 3600.0) -> Garbage:
        """Remove what no kept release reaches: releases, what is attached to them, their blobs.

        Manifests that are no releases, such as archives of a ledger, always stay.

        :param keep: digests of releases: every one that any ring's ledger names.
        :param check: remove nothing, answer what would be removed.
        :param min_age: seconds for which nothing new is removed, so that a release which is being written stays.
        """

    def close(self) -> None:
        """Let go of connections."""


def read_part(store: Store, part: Descriptor) -> bytes:
    """A config or a layer, hashed, and of the size that its manifest says.

    :raises Corrupt: when it has another size, and what :meth:`Store.read_blob` raises.
    """
    data = store.read_blob(part.digest)
    if len(data) != part.size:
        raise Corrupt(store.address, part.digest, f"it has {len(data)} bytes where its manifest says {part.size}")
    return data


__all__ = [
    "EMPTY",
    "EMPTY_TYPE",
    "INDEX_TYPE",
    "MANIFEST_TYPE",
    "RELEASE_TYPE",
    "Corrupt",
    "Descriptor",
    "Finding",
    "Garbage",
    "Manifest",
    "NoStore",
    "NotInStore",
    "Problem",
    "Report",
    "Store",
    "StoreAccess",
    "StoreError",
    "hashed",
    "parsed",
    "read_part",
]
