# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a registry finds what is attached to a manifest.

Registries with the referrers API of the OCI 1.1 specification know. For the others the specification has clients keep
an index under the tag ``sha256-<digest>``, which two clients at once overwrite for each other: tags have no
compare-and-swap. So every attachment also gets a tag of its own, made from both digests, which nobody else writes. The
tags are what is believed; the index is for other tools, and every attaching mends it from the tags.
"""

from __future__ import annotations

import base64
import json
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import is_digest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_manifests import (
    INDEX_TYPE,
    Corrupt,
    Descriptor,
    Manifest,
    NotInStore,
    StoreError,
    parse_json,
    parsed,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_repository import Repository, index_digests

_TRIES = 20


def own_tag(subject: str, attachment: str) -> str:
    """The tag that says that a manifest is attached to another: both digests in base32, within the 128 characters."""
    return f"{_stem(subject)}{_short(attachment)}"


def fallback_tag(subject: str) -> str:
    """The tag of the index that the specification has for registries without the referrers API."""
    return subject.replace(":", "-")


def _short(digest: str) -> str:
    return base64.b32encode(bytes.fromhex(digest.removeprefix("sha256:"))).decode().rstrip("=").lower()


def _stem(subject: str) -> str:
    return f"attached-{_short(subject)}-"


def _long(short: str) -> str | None:
    try:
        return f"sha256:{base64.b32decode(short.upper() + '=' * (-len(short) % 8)).hex()}"
    except ValueError:
        return None


class Referrers:
    """What is attached to the manifests of a repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._api: bool | None = None

    def of(self, subject: str) -> list[str]:
        """The digests of what is attached to a manifest, sorted; it need not be there itself."""
        if self._api is not False:
            said = self._repository.referrers(subject)
            self._api = said is not None
            if said is not None:
                return sorted(set(said))
        return sorted(self._from_tags(subject) | set(self._listed(subject)))

    def holds(self, manifest: Manifest, subject: str) -> bool:
        """Whether an attachment is there and can be found."""
        if self._has_api(subject):
            return manifest.digest in self.of(subject)
        return self._repository.manifest_digest(own_tag(subject, manifest.digest)) == manifest.digest

    def add(self, manifest: Manifest, data: bytes, subject: str) -> None:
        """Attach a manifest; what is there is not written again."""
        there = self.holds(manifest, subject)
        api = self._has_api(subject)
        if not there:
            self._repository.put_manifest(manifest.digest if api else own_tag(subject, manifest.digest), data)
        if not api:
            self._mend(subject, {manifest.digest: manifest})

    def forget(self, subject: str, gone: t.Collection[str]) -> None:
        """Take attachments that are deleted out of the index of a manifest that stays."""
        if not self._has_api(subject):
            self._mend(subject, {}, frozenset(gone))

    def drop(self, subject: str) -> None:
        """Delete the index of a manifest that is being deleted."""
        if not self._has_api(subject):
            digest = self._repository.manifest_digest(fallback_tag(subject))
            if digest is not None:
                self._repository.delete_manifest(digest)

    def _has_api(self, subject: str) -> bool:
        if self._api is None:
            self._api = self._repository.referrers(subject) is not None
        return self._api

    def _from_tags(self, subject: str) -> set[str]:
        stem = _stem(subject)
        tags = self._repository.tags() or []
        found = (_long(tag.removeprefix(stem)) for tag in tags if tag.startswith(stem))
        return {digest for digest in found if is_digest(digest)}  # type: ignore[misc]

    def _listed(self, subject: str) -> list[str]:
        data = self._repository.tagged(fallback_tag(subject))
        return [] if data is None else index_digests(self._repository.address, _what(subject), data)

    def _mend(self, subject: str, known: t.Mapping[str, Manifest], gone: t.AbstractSet[str] = frozenset()) -> None:
        """Have the index list all attachments, also when others write it at the same time.

        Read, merge, write, read again until nothing is lacking. Somebody who has read before us may still write after
        our last look; then the next attaching mends it, and our own readers do not miss anything, who read the tags.

        :param known: manifests that are attached and need not be read.
        :param gone: digests of what is attached no longer.
        """
        attached = (self._from_tags(subject) | known.keys()) - gone
        for attempt in range(1, _TRIES + 1):
            document = self._document(subject, self._repository.tagged(fallback_tag(subject)))
            lines = [line for line in document["manifests"] if line["digest"] not in gone]
            lacking = sorted(attached - {line["digest"] for line in lines})
            if not lacking and len(lines) == len(document["manifests"]):
                return
            if attempt > 1:
                self._repository.wire.pause(min(attempt - 1, 4))
            lines += [_line(known.get(digest) or self.read(digest, subject)) for digest in lacking]
            text = json.dumps({**document, "manifests": lines}, sort_keys=True, separators=(",", ":"))
            self._repository.put_manifest(fallback_tag(subject), text.encode(), INDEX_TYPE)
        raise StoreError(
            f"{_what(subject)} in the store {self._repository.address} was overwritten by others {_TRIES} times in a "
            "row; what was to be attached is there, so run again to have it listed."
        )

    def _document(self, subject: str, data: bytes | None) -> dict[str, t.Any]:
        if data is None:
            return {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": []}
        index_digests(self._repository.address, _what(subject), data)
        document: dict[str, t.Any] = parse_json(data)
        return {**document, "manifests": document["manifests"] or []}

    def read(self, digest: str, subject: str) -> Manifest:
        """An attachment, hashed, that names the manifest that it is said to be attached to.

        :raises Corrupt: when it does not, or is not there.
        """
        address = self._repository.address
        try:
            manifest = parsed(address, digest, self._repository.read_manifest(digest))
        except NotInStore:
            raise Corrupt(address, _what(subject), f"it names {digest}, which is not there") from None
        if manifest.subject is None or manifest.subject.digest != subject:
            raise Corrupt(address, _what(subject), f"it names {digest}, which is not attached to it")
        return manifest


def _what(subject: str) -> str:
    return f"The list of what is attached to {subject}"


def _line(manifest: Manifest) -> dict[str, t.Any]:
    said = manifest.descriptor
    return Descriptor(said.media_type, said.digest, said.size, manifest.artifact_type, manifest.annotations).to_json()
