# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds a release from a commit: the same commit makes the same bytes, whoever builds it, when and where."""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import (
    config,
    requirements,
    sbom,
    sources,
    staging,
    tar,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.artifact import (
    BUNDLE_TYPE,
    CONFIG_TYPE,
    RELEASE_TYPE,
    SBOM_TYPE,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.config import FileEntry, ReleaseConfig
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.sources import Paths
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import (
    MANIFEST_TYPE,
    Descriptor,
    Store,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.room import RunCommand

_TITLE, _REVISION = "org.opencontainers.image.title", "org.opencontainers.image.revision"
_BUNDLE_NAME, _SBOM_NAME = "bundle.tar", "sbom.cdx.json"


@dataclasses.dataclass(frozen=True)
class Project:
    """What a release is built from.

    :param root: the project's directory, in a work tree of git.
    :param solution: the name of what is released together.
    :param flow_python: a Python with what the release requires; it is asked for the flows' parameters.
    """

    root: Path
    paths: Paths
    solution: str
    flow_python: str


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A release that is not in a store yet.

    :param manifest: its bytes, whose digest is the name of the release.
    :param blobs: config, bundle and bill of materials.
    :param differing: what is not as the commit has it, by path; empty unless the release is dirty.
    """

    digest: str
    config: ReleaseConfig
    manifest: bytes
    blobs: tuple[bytes, ...]
    differing: t.Mapping[str, str]

    @property
    def size(self) -> int:
        """The bytes of all its parts."""
        return len(self.manifest) + sum(len(blob) for blob in self.blobs)


def prepare(project: Project, run: RunCommand, allow_dirty: bool = False) -> Prepared:
    """Make a release of the commit that is checked out, in memory.

    :param allow_dirty: take a work tree that differs from its commit, and mark the release.
    :raises CollectionError: see :func:`sources.read`, :func:`requirements.read` and :func:`staging.examine`.
    """
    solution = config.check_solution(project.solution)
    found = sources.read(project.root, project.paths, run, allow_dirty)
    lock = next((member for member in found.members if member.path == config.REQUIREMENTS), None)
    if lock is None:
        raise CollectionError(f"{project.paths.requirements} in {project.root} is no file that could lock versions.")
    locked = requirements.read(lock.data, found.origins[config.REQUIREMENTS])
    versions = requirements.versions(locked)
    shown_as = {
        config.MANIFESTS: str(project.root / project.paths.manifests),
        config.FLOWS: str(project.root / project.paths.flows),
    }
    facts = staging.examine(found.members, shown_as, project.flow_python, versions, run)
    release_config = ReleaseConfig(
        solution=solution,
        commit=found.commit,
        commit_time=found.commit_time,
        dirty=bool(found.differing),
        flows=facts.flows,
        overlays=facts.overlays,
        files={
            member.path: FileEntry(hashlib.sha256(member.data).hexdigest(), len(member.data), member.executable)
            for member in found.members
        },
        requirements=versions,
    )
    materials = sbom.build(solution, found.commit, locked)
    return assemble(release_config, tar.pack(found.members), materials, found.differing)


def assemble(
    release_config: ReleaseConfig, bundle: bytes, materials: bytes, differing: t.Mapping[str, str] | None = None
) -> Prepared:
    """The release that consists of these parts."""
    config_bytes = release_config.to_bytes()
    manifest = canonical(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": RELEASE_TYPE,
            "config": Descriptor.of(config_bytes, CONFIG_TYPE).to_json(),
            "layers": [
                {**Descriptor.of(bundle, BUNDLE_TYPE).to_json(), "annotations": {_TITLE: _BUNDLE_NAME}},
                {**Descriptor.of(materials, SBOM_TYPE).to_json(), "annotations": {_TITLE: _SBOM_NAME}},
            ],
            "annotations": {_TITLE: release_config.solution, _REVISION: release_config.commit},
        }
    )
    return Prepared(
        digest_of(manifest), release_config, manifest, (config_bytes, bundle, materials), dict(differing or {})
    )


def put(store: Store, prepared: Prepared) -> None:
    """Write a prepared release into a store; what is there already is not written again."""
    for blob in prepared.blobs:
        store.write_blob(blob)
    store.write_manifest(prepared.manifest, MANIFEST_TYPE)


def build(store: Store, project: Project, run: RunCommand, allow_dirty: bool = False) -> Prepared:
    """Make a release of the commit that is checked out, and write it into a store; see :func:`prepare`."""
    prepared = prepare(project, run, allow_dirty)
    put(store, prepared)
    return prepared
