# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases: what one is made of, how it is read from a store, and unpacked into a cache; ``building`` makes them.

A release is an OCI image manifest with the config document, the bundle of files and the bill of materials. Its name is
the sha256 of the manifest's bytes, and every byte of it follows from the commit: who built it, when and where is said
beside it, in a statement.
"""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import cache, config, tar
from ansible_collections.hotpass.prefect.plugins.module_utils.release.config import FileEntry, ReleaseConfig
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import check_digest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import (
    RELEASE_TYPE,
    Descriptor,
    Manifest,
    Store,
    read_part,
)

CONFIG_TYPE: t.Final = "application/vnd.hotpass.release.config.v1+json"
BUNDLE_TYPE: t.Final = "application/vnd.hotpass.release.bundle.v1.tar"
SBOM_TYPE: t.Final = "application/vnd.cyclonedx+json"


class NotARelease(CollectionError):
    """A manifest that is no release, or one whose parts contradict each other."""


@dataclasses.dataclass(frozen=True)
class Release:
    """A release in a store, hashed and understood.

    :param size: the bytes of all its parts.
    """

    digest: str
    config: ReleaseConfig
    bundle: Descriptor
    sbom: Descriptor
    size: int


@dataclasses.dataclass(frozen=True)
class Unpacked:
    """A release on disk, every file of it verified.

    :param path: the directory with ``flows/``, ``manifests/`` and the rest; it must not be written to.
    :param flow_code: a file beside it with what ``config.flows`` says, as ``prefect_deployment`` reads it.
    :param fresh: whether it was unpacked now.
    :param damaged: where the copy that was there before has gone, when it was not what the release says.
    """

    path: Path
    config: ReleaseConfig
    digest: str
    flow_code: Path
    fresh: bool
    damaged: Path | None = None


def find(store: Store, digest: str) -> Release:
    """A release in a store. Manifest and config are hashed; the bundle is not read.

    :raises CollectionError: when the store does not have it, and when it is no release.
    """
    data = store.read_manifest(check_digest(digest, "The release"))
    try:
        manifest = Manifest.parse(data)
    except ValueError as error:
        raise NotARelease(f"{digest} in the store {store.address} is no release: {error}.") from None
    if manifest.artifact_type != RELEASE_TYPE:
        raise NotARelease(
            f"{digest} in the store {store.address} is no release: its type is {manifest.artifact_type!r}."
        )
    layers = [layer.media_type for layer in manifest.layers]
    if manifest.config.media_type != CONFIG_TYPE or layers != [BUNDLE_TYPE, SBOM_TYPE] or manifest.subject:
        raise NotARelease(f"{digest} in the store {store.address} has not the parts of a release.")
    release_config = ReleaseConfig.from_bytes(read_part(store, manifest.config))
    size = len(data) + sum(part.size for part in manifest.parts)
    return Release(digest, release_config, manifest.layers[0], manifest.layers[1], size)


def read(store: Store, digest: str) -> ReleaseConfig:
    """What a release in a store says of itself; see :func:`find`."""
    return find(store, digest).config


def read_files(store: Store, release: Release) -> tuple[tar.Member, ...]:
    """The files of a release, each held against its config.

    :raises CollectionError: when the bundle has another file, lacks one, or one of them differs.
    """
    members = tuple(tar.unpack(read_part(store, release.bundle)))
    expected = dict(release.config.files)
    for member in members:
        entry = expected.pop(member.path, None)
        if entry is None:
            raise NotARelease(f"The bundle of {release.digest} has {member.path}, which its config does not name.")
        if entry != FileEntry(hashlib.sha256(member.data).hexdigest(), len(member.data), member.executable):
            raise NotARelease(f"{member.path} in the bundle of {release.digest} is not the file that its config names.")
    if expected:
        raise NotARelease(f"The bundle of {release.digest} lacks {min(expected)}, which its config names.")
    return members


def read_sbom(store: Store, release: Release) -> bytes:
    """The bill of materials of a release: CycloneDX 1.6 in JSON."""
    return read_part(store, release.sbom)


def fetch(store: Store, digest: str, cache_dir: Path) -> Unpacked:
    """The release on disk: unpacked into ``<cache_dir>/sha256-<hex>``, or verified there when it was before.

    A copy that is not exactly what the release says is put aside and unpacked anew. Processes that fetch at the same
    time wait for each other.

    :raises CollectionError: see :func:`find` and :func:`read_files`, and when the cache cannot be written.
    """
    release = find(store, digest)
    held = cache.hold(
        Path(cache_dir),
        digest,
        release.config.files,
        _beside(release.config),
        lambda: read_files(store, release),
    )
    return Unpacked(held.path, release.config, digest, held.beside[cache.FLOW_CODE], held.fresh, held.damaged)


def cached(release: Release, cache_dir: Path) -> Unpacked | None:
    """The release on disk, when it is unpacked there and is exactly what it has to be. Nothing is written."""
    held = cache.look(Path(cache_dir), release.digest, release.config.files, _beside(release.config))
    if held is None:
        return None
    return Unpacked(held.path, release.config, release.digest, held.beside[cache.FLOW_CODE], held.fresh)


def _beside(release_config: ReleaseConfig) -> dict[str, bytes]:
    return {cache.FLOW_CODE: config.to_bytes(release_config.to_json()["flows"])}


__all__ = [
    "BUNDLE_TYPE",
    "CONFIG_TYPE",
    "RELEASE_TYPE",
    "SBOM_TYPE",
    "FileEntry",
    "NotARelease",
    "Release",
    "ReleaseConfig",
    "Unpacked",
    "cached",
    "fetch",
    "find",
    "read",
    "read_files",
    "read_sbom",
]
