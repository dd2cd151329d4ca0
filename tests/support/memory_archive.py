# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of a store as the compaction of a ledger needs, in memory."""

from __future__ import annotations

from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of


class MemoryArchive:
    """Keeps bytes under their digest."""

    address = "memory"

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def read_blob(self, digest: str) -> bytes:
        """The bytes of a digest."""
        return self._blobs[digest]

    read_manifest = read_blob

    def write_blob(self, data: bytes) -> str:
        """Keep some bytes."""
        self._blobs[digest_of(data)] = data
        return digest_of(data)

    def write_manifest(self, data: bytes, media_type: str = "") -> str:  # noqa: ARG002
        """Keep the bytes of a manifest."""
        return self.write_blob(data)
