# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An OCI image layout on disk: its three kinds of files, and how they are changed.

``oci-layout`` and ``index.json`` carry no hash of their own. So both are checked strictly, and what the index says of a
manifest is believed only as far as the manifest, which is hashed, says the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release import store_files as files
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import check_digest, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_manifests import (
    INDEX_TYPE,
    MANIFEST_TYPE,
    Corrupt,
    Descriptor,
    Manifest,
    NoStore,
    NotInStore,
    StoreError,
    hashed,
    parse_json,
    parsed,
    release_tag,
    tag_of,
)

REF_NAME = "org.opencontainers.image.ref.name"
_MARKER = "oci-layout"
_INDEX = "index.json"
_LOCK = ".lock"
_WORK = ".tmp"
_VERSION = "1.0.0"
_OURS = frozenset({_MARKER, _INDEX, _LOCK, _WORK, "blobs"})
_HEX = re.compile(r"[0-9a-f]{64}")


class Entry(t.NamedTuple):
    """One line of the index: what it says, and as it stands there."""

    descriptor: Descriptor
    raw: dict[str, t.Any]


class Layout:
    """A directory in the OCI image layout.

    :param root: its path.
    :param patience: seconds to wait for another writer.
    """

    def __init__(self, root: str, patience: float = 60.0) -> None:
        self.address = os.path.abspath(root)
        self._patience = patience
        self._blobs = os.path.join(self.address, "blobs", "sha256")
        self._work = os.path.join(self.address, _WORK)

    def path(self, digest: str) -> str:
        """Where a blob is, or would be."""
        return os.path.join(self._blobs, check_digest(digest).removeprefix("sha256:"))

    def has(self, digest: str) -> bool:
        """Whether there is a blob of this name."""
        return os.path.isfile(self.path(digest))

    def read(self, digest: str) -> bytes:
        """The bytes of a blob, hashed.

        :raises NotInStore: when there is none, :class:`Corrupt` when they are others.
        """
        self.check_marker()
        return self.read_unmarked(digest)

    def read_unmarked(self, digest: str) -> bytes:
        """The same, of a directory whose marker was looked at before."""
        with files.told(self.address, "be read"):
            try:
                data = files.read(self.path(digest))
            except FileNotFoundError:
                raise NotInStore(self.address, digest) from None
        return hashed(self.address, digest, data)

    def size(self, digest: str) -> int:
        """How many bytes a blob has; 0 when it is not there."""
        try:
            return os.stat(self.path(digest)).st_size
        except FileNotFoundError:
            return 0

    def check_marker(self) -> None:
        """See that the directory says that it is a layout of the version that is known.

        :raises NoStore: when nothing was ever written there, :class:`Corrupt` when it says something else.
        """
        with files.told(self.address, "be read"):
            try:
                data = files.read(os.path.join(self.address, _MARKER))
            except (FileNotFoundError, NotADirectoryError):
                if not self.blob_names():
                    raise NoStore(self.address) from None
                raise Corrupt(self.address, _MARKER, "it is missing") from None
        try:
            document = parse_json(data)
        except ValueError as error:
            raise Corrupt(self.address, _MARKER, str(error)) from None
        if not isinstance(document, dict) or document.get("imageLayoutVersion") != _VERSION:
            raise Corrupt(self.address, _MARKER, f"it does not say imageLayoutVersion {_VERSION}")

    def entries(self) -> list[Entry]:
        """The lines of the index, in their order.

        :raises Corrupt: when it is no index.
        """
        self.check_marker()
        with files.told(self.address, "be read"):
            try:
                data = files.read(os.path.join(self.address, _INDEX))
            except FileNotFoundError:
                raise Corrupt(self.address, _INDEX, "it is missing") from None
        try:
            return _entries(parse_json(data))
        except ValueError as error:
            raise Corrupt(self.address, _INDEX, str(error)) from None

    def manifest(self, entry: Entry) -> Manifest:
        """The manifest that a line of the index names, hashed, if both say the same of it.

        :raises Corrupt: otherwise.
        """
        said = entry.descriptor
        try:
            data = self.read(said.digest)
        except NotInStore:
            raise Corrupt(self.address, _INDEX, f"it names {said.digest}, which is not there") from None
        if said.media_type != MANIFEST_TYPE:
            raise StoreError(
                f"{said.digest} in the store {self.address} is of the media type {said.media_type}; "
                f"allowed is {MANIFEST_TYPE}."
            )
        found = parsed(self.address, said.digest, data)
        if said.size != found.descriptor.size:
            raise Corrupt(self.address, _INDEX, f"the size that it says for {said.digest} is not the manifest's")
        if said.artifact_type not in (None, found.artifact_type):
            raise Corrupt(
                self.address, _INDEX, f"the artifactType that it says for {said.digest} is not the manifest's"
            )
        return found

    def manifests(self) -> dict[str, Manifest]:
        """Every manifest that the index names, by digest."""
        entries = self.entries()
        while True:
            try:
                return {entry.descriptor.digest: self.manifest(entry) for entry in entries}
            except Corrupt:
                # A collection takes a manifest out of the index first, and only then its bytes.
                seen, entries = entries, self.entries()
                if entries == seen:
                    raise

    def blob_names(self) -> list[str]:
        """The names of the files that lie where blobs do, sorted; some may be none."""
        with files.told(self.address, "be read"):
            try:
                return sorted(os.listdir(self._blobs))
            except (FileNotFoundError, NotADirectoryError):
                return []

    def leftovers(self) -> list[str]:
        """Files, relative to the store, that no reader looks at: of writes that did not end, or put there by others."""
        with files.told(self.address, "be read"):
            found = [name for name in os.listdir(self.address) if name not in _OURS]
            if os.path.isdir(self._work):
                found += [os.path.join(_WORK, name) for name in os.listdir(self._work)]
            found += [
                os.path.join("blobs", name)
                for name in os.listdir(os.path.join(self.address, "blobs"))
                if name != "sha256"
            ]
        found += [os.path.join("blobs", "sha256", name) for name in self.blob_names() if not _HEX.fullmatch(name)]
        return sorted(found)

    def digests(self) -> list[str]:
        """The digests of all blobs that are there, sorted."""
        return [f"sha256:{name}" for name in self.blob_names() if _HEX.fullmatch(name)]

    def writable(self) -> bool:
        """Whether the store could be written; one that is not there yet counts as such."""
        return os.access(self.address, os.W_OK | os.X_OK) or not os.path.exists(self.address)

    @contextlib.contextmanager
    def writing(self) -> t.Iterator[None]:
        """Be the only one who changes the store; makes it when it is not there.

        :raises StoreError: when that cannot be, or another writer takes too long.
        """
        with files.told(self.address, "be written"):
            files.make_directories(self.address)
            self._refuse_foreign()
            with self.holding():
                self._make()
                yield

    @contextlib.contextmanager
    def holding(self) -> t.Iterator[None]:
        """Keep everybody else from changing a store that is there.

        :raises StoreError: when another writer takes too long.
        """
        with files.locked(os.path.join(self.address, _LOCK), self._patience):
            yield

    def _refuse_foreign(self) -> None:
        if os.path.exists(os.path.join(self.address, _MARKER)):
            return
        others = sorted(set(os.listdir(self.address)) - _OURS)
        if others:
            raise StoreError(
                f"The directory {self.address} is no store and holds {others[0]}; name an empty or a new directory."
            )

    def _make(self) -> None:
        marker = os.path.join(self.address, _MARKER)
        if os.path.exists(marker):
            self.check_marker()
            files.make_directories(self._work)
            return
        if self.blob_names():
            raise Corrupt(self.address, _MARKER, "it is missing")
        files.make_directories(self._work)
        files.make_directories(self._blobs)
        # The marker is last: a directory that has it has everything.
        self.write_index([])
        files.write_durably(marker, json.dumps({"imageLayoutVersion": _VERSION}).encode(), self._work)

    def place(self, data: bytes) -> str:
        """Have a blob, whole and on disk; one that is there is made young instead. Call it while :meth:`writing`.

        :returns: its digest.
        """
        digest = digest_of(data)
        path = self.path(digest)
        try:
            there = files.read(path) == data
        except FileNotFoundError:
            there = False
        if not (there and files.touch(path)):
            files.write_durably(path, data, self._work)
        return digest

    def write_index(self, entries: t.Iterable[dict[str, t.Any]]) -> None:
        """Put another index in place. Call it while :meth:`writing`."""
        document = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": list(entries)}
        data = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        files.write_durably(os.path.join(self.address, _INDEX), data, self._work)

    def remove(self, names: t.Iterable[str]) -> None:
        """Remove files, named relative to the store. Call it while :meth:`writing`."""
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.address, name))
        files.sync_directory(self._blobs)


def entry_of(manifest: Manifest) -> dict[str, t.Any]:
    """The line of the index for a manifest; one that is attached to nothing has the tag that other tools find it by."""
    annotations = {} if manifest.subject else {REF_NAME: tag_of(manifest)}
    said = manifest.descriptor
    return Descriptor(said.media_type, said.digest, said.size, manifest.artifact_type, annotations).to_json()


def has_tag(entry: Entry, manifest: Manifest) -> bool:
    """Whether a line of the index is a manifest's, with the tag that it has to have, if any."""
    if entry.descriptor.digest != manifest.digest:
        return False
    return manifest.subject is not None or entry.descriptor.annotations.get(REF_NAME) == tag_of(manifest)


def _entries(document: t.Any) -> list[Entry]:
    if not isinstance(document, dict) or document.get("schemaVersion") != 2:
        raise ValueError("it is no OCI image index")
    if document.get("mediaType", INDEX_TYPE) != INDEX_TYPE:
        raise ValueError(f"its mediaType is not {INDEX_TYPE}")
    lines = document.get("manifests")
    if not isinstance(lines, list):
        raise ValueError("it has no list of manifests")
    found = [Entry(Descriptor.from_json(line), line) for line in lines]
    for entry in found:
        tag = entry.descriptor.annotations.get(REF_NAME, "")
        if tag.startswith("release-") and tag != release_tag(entry.descriptor.digest):
            raise ValueError(f"the tag {tag} names {entry.descriptor.digest}")
    return found
