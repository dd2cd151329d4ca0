# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small releases, made with the collection's own code, and what the fence needs around them."""

from __future__ import annotations

import hashlib
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.release import artifact
from ansible_collections.hotpass.prefect.plugins.module_utils.release.config import FileEntry, ReleaseConfig
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import (
    MANIFEST_TYPE,
    Descriptor,
    Store,
    open_store,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.tar import Member, pack

SOLUTION = "etl"
FLOW = """\
from __future__ import annotations

import prefect

from tiny.words import WORD


@prefect.flow
def say() -> str:
    prefect.get_run_logger().info("the release says %s", WORD)
    return WORD
"""


def flow_files(word: str) -> dict[str, bytes]:
    """The files of a release whose flow ``tiny/flow.py:say`` logs a word, so that its log tells which release ran."""
    return {
        "flows/tiny/__init__.py": b"",
        "flows/tiny/flow.py": FLOW.encode(),
        "flows/tiny/words.py": f'from __future__ import annotations\n\nWORD = "{word}"\n'.encode(),
        "checks/run.sh": b"#!/bin/sh\nexit 0\n",
        "requirements.txt": b"",
    }


def entries(files: t.Mapping[str, bytes]) -> dict[str, FileEntry]:
    """What a config lists of some files; scripts can be executed."""
    return {
        path: FileEntry(hashlib.sha256(data).hexdigest(), len(data), path.endswith(".sh"))
        for path, data in files.items()
    }


def put_release(store: Store, files: t.Mapping[str, bytes], solution: str = SOLUTION) -> str:
    """Write a release with these files into a store, and return its digest; the collection itself can read it."""
    bundle = pack([Member(path, files[path], entry.executable) for path, entry in entries(files).items()])
    config = ReleaseConfig(solution, "0" * 40, "2026-01-31T10:20:30Z", False, {}, (), entries(files), {}).to_bytes()
    layers = [(bundle, artifact.BUNDLE_TYPE), (b"{}", artifact.SBOM_TYPE)]
    for data, _media_type in [(config, ""), *layers]:
        store.write_blob(data)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": artifact.RELEASE_TYPE,
        "config": Descriptor.of(config, artifact.CONFIG_TYPE).to_json(),
        "layers": [Descriptor.of(data, media_type).to_json() for data, media_type in layers],
    }
    digest = store.write_manifest(canonical(manifest), MANIFEST_TYPE)
    artifact.read_files(store, artifact.find(store, digest))
    return digest


def make_release(directory: Path, word: str = "one", solution: str = SOLUTION) -> str:
    """Write a release into the store in a directory, and return its digest."""
    return put_release(open_store(str(directory)), flow_files(word), solution)


def blob_file(directory: Path, digest: str) -> Path:
    """Where the store in a directory keeps a blob."""
    return directory / "blobs" / digest.replace(":", "/")


def bundle_of(directory: Path, release: str) -> str:
    """The digest of a release's bundle."""
    return artifact.find(open_store(str(directory)), release).bundle.digest


def flip(path: Path, position: int = -1) -> None:
    """Change one bit of a file, in the middle unless told otherwise; it may be read-only."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if position < 0 else position] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
