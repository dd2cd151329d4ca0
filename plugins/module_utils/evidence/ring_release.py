# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bundle holds of a release: its manifest, its statements, and how it differs from the one Active before it."""

from __future__ import annotations

import difflib
import json
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import Bundle
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import mask
from ansible_collections.hotpass.prefect.plugins.module_utils.release import artifact, predicates, statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring import Ring
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_types import Store, StoreError
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party_manifests import yaml

MANIFEST: t.Final = "data/manifest.json"
STATEMENTS: t.Final = "data/statements/"
SBOM_DIFF: t.Final = "sbom-diff.json"
MANIFESTS_DIFF: t.Final = "manifests.diff"

_OUTCOMES = (predicates.PROMOTION, predicates.ROLLBACK)
Json = dict[str, t.Any]


def found(ring: Ring, digest: str | None) -> artifact.Release | None:
    """A release in the ring's store; None when it is not there, or is no release."""
    if digest is None:
        return None
    try:
        return artifact.find(ring.store, digest) if ring.store.has(digest) else None
    except (StoreError, artifact.NotARelease):
        return None


def write_manifest(ring: Ring, bundle: Bundle, release: str) -> None:
    """Write the release's OCI manifest, byte for byte: it hashes to the release."""
    bundle.write(MANIFEST, ring.store.read_manifest(release))


def write_statements(ring: Ring, bundle: Bundle, release: str, generation: Generation | None) -> None:
    """Write every envelope that has to do with the event: of the release, of its end in this ring, of its approvals.

    They are written as they are; nothing is judged here.
    """
    envelopes = ring.statements(release) if ring.store.has(release) else []
    kept = [envelope for envelope in envelopes if _concerns(ring, envelope, release, generation)]
    if generation is not None:
        recorded = [canonical(record.detail["envelope"]) for record in ring.chain.approvals(generation.number)]
        kept += [envelope for envelope in recorded if envelope not in kept]
    counts: dict[str, int] = {}
    for envelope in kept:
        kind = predicates.kind_of(str(statements.peek(envelope)["predicateType"]))
        counts[kind] = counts.get(kind, 0) + 1
        bundle.write(f"{STATEMENTS}{kind}-{counts[kind]}.dsse.json", envelope)


def _concerns(ring: Ring, envelope: bytes, release: str, generation: Generation | None) -> bool:
    try:
        said = statements.peek(envelope)
    except statements.Malformed:
        # Somebody attached what is no statement; it permits and prevents nothing.
        return False
    if statements.release_of(said) != release:
        return False
    predicate = said["predicate"]
    if said["predicateType"] in (predicates.PROVENANCE, predicates.VETO):
        return True
    here = (predicate["ring"], predicate["solution"]) == (ring.name, ring.solution)
    return here and (generation is None or predicate["generation"] == generation.number)


def sbom_diff(store: Store, before: artifact.Release, after: artifact.Release) -> Json:
    """What the newer release needs that the older one did not, what no more, and what in another version.

    ``sbom`` and ``previous_sbom`` are the digests that the two releases' manifests name.
    """
    older, newer = _components(store, before), _components(store, after)
    return {
        "previous_release": before.digest,
        "release": after.digest,
        "previous_sbom": before.sbom.digest,
        "sbom": after.sbom.digest,
        "added": [{"name": name, "versions": newer[name]} for name in sorted(newer.keys() - older.keys())],
        "removed": [{"name": name, "versions": older[name]} for name in sorted(older.keys() - newer.keys())],
        "changed": [
            {"name": name, "before": older[name], "after": newer[name]}
            for name in sorted(older.keys() & newer.keys())
            if older[name] != newer[name]
        ],
        "unchanged": sum(older[name] == newer[name] for name in older.keys() & newer.keys()),
    }


def _components(store: Store, release: artifact.Release) -> dict[str, list[str]]:
    try:
        document = json.loads(artifact.read_sbom(store, release))
        rows = [(str(row["name"]), str(row.get("version", ""))) for row in document.get("components", ())]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise CollectionError(f"The bill of materials of {release.digest} is no CycloneDX document.") from None
    versions: dict[str, list[str]] = {}
    for name, version in sorted(rows):
        versions.setdefault(name, []).append(version)
    return versions


def manifests_diff(store: Store, before: artifact.Release, after: artifact.Release) -> str:
    """The difference of the two releases' manifests as ``diff -u`` shows it, secrets hidden; empty without any.

    Each manifest is shown as JSON, so that order and comments make no difference.
    """
    older, newer = _manifests(store, before), _manifests(store, after)
    lines: list[str] = []
    for name in sorted(older.keys() | newer.keys()):
        lines += difflib.unified_diff(
            older.get(name, "").splitlines(),
            newer.get(name, "").splitlines(),
            f"{name}  {before.digest}",
            f"{name}  {after.digest}",
            lineterm="",
        )
    return "".join(f"{line}\n" for line in lines)


def _manifests(store: Store, release: artifact.Release) -> dict[str, str]:
    return {
        member.path: _shown(member.path, member.data)
        for member in artifact.read_files(store, release)
        if member.path.startswith("manifests/")
    }


def _shown(path: str, data: bytes) -> str:
    try:
        return json.dumps(mask(yaml.safe_load(data)), indent=2, sort_keys=True, ensure_ascii=False, default=str)
    except (yaml.YAMLError, ValueError, TypeError):
        raise CollectionError(f"{path} of a release is no manifest.") from None
