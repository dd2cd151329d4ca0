# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small releases for the tests of stores, and a process that writes them."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import (
    MANIFEST_TYPE,
    RELEASE_TYPE,
    Descriptor,
    Store,
    open_store,
    parsed,
    read_part,
)

ROOT = Path(__file__).resolve().parents[2]
CONFIG_TYPE = "application/vnd.hotpass.release.config.v1+json"
BUNDLE_TYPE = "application/vnd.hotpass.release.bundle.v1.tar"
STATEMENT = "application/vnd.hotpass.statement.v1"
ENVELOPE = "application/vnd.dsse.envelope.v1+json"


@dataclasses.dataclass(frozen=True)
class Sample:
    """A release as bytes.

    :param digest: of the manifest.
    """

    config: bytes
    layers: tuple[bytes, ...]
    manifest: bytes

    @property
    def digest(self) -> str:
        """The release's name."""
        return digest_of(self.manifest)

    @property
    def blobs(self) -> tuple[bytes, ...]:
        """The parts."""
        return (self.config, *self.layers)

    def write(self, store: Store) -> str:
        """Put the release into a store."""
        for blob in self.blobs:
            store.write_blob(blob)
        return store.write_manifest(self.manifest)


def sample(seed: int | str, *, size: int = 2000, artifact_type: str = RELEASE_TYPE) -> Sample:
    """A release that differs from those of other seeds in every part but one layer, which all share."""
    config = canonical({"schema": 1, "seed": seed})
    layers = ((f"bundle of {seed}\n".encode() * size)[:size], b"shared by all\n")
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": artifact_type,
        "config": Descriptor.of(config, CONFIG_TYPE).to_json(),
        "layers": [Descriptor.of(layer, BUNDLE_TYPE).to_json() for layer in layers],
    }
    return Sample(config, layers, canonical(document))


def read_all(store: Store) -> dict[str, t.Any]:
    """Everything that a store's users can read of its releases."""
    told: dict[str, t.Any] = {}
    for release in store.releases():
        data = store.read_manifest(release)
        manifest = parsed(store.address, release, data)
        told[release] = {
            "manifest": data,
            "parts": [read_part(store, part) for part in manifest.parts],
            "referrers": [one.digest for one in store.referrers(release)],
            "attachments": store.attachments(release),
        }
    return told


def start_writer(address: str, name: str, count: int, shared: str) -> subprocess.Popen[str]:
    """A process of its own that writes releases, each with an attachment, and attaches to one that all share.

    :param name: makes its releases and attachments its own.
    :param shared: digest of a release that is there.
    """
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "collections")))}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.stores", address, name, str(count), shared],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _write(address: str, name: str, count: int, shared: str) -> None:
    store = open_store(address)
    for number in range(count):
        label = f"{name}-{number}"
        release = sample(label).write(store)
        store.attach(release, STATEMENT, f"of {label}".encode(), ENVELOPE)
        store.attach(shared, STATEMENT, f"shared, of {label}".encode(), ENVELOPE)


if __name__ == "__main__":
    _write(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
