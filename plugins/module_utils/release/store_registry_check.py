# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of a whole registry store, and the collection of what nothing needs."""

from __future__ import annotations

import functools
import time
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, check_digest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_inspection import Findings
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_manifests import (
    Manifest,
    parse_json,
    parsed,
    release_tag,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_types import Garbage, Report, read_part

if t.TYPE_CHECKING:
    from ansible_collections.hotpass.prefect.plugins.module_utils.release.registry_store import RegistryStore

# Says since when a release has been seen that no ring needs.
MARK_TYPE = "application/vnd.hotpass.unneeded.v1"
_MARK_DATA = "application/vnd.hotpass.unneeded.v1+json"


class _Walk:
    """One walk over a repository, which collects what it finds instead of stopping at it."""

    def __init__(self, store: RegistryStore) -> None:
        self._store = store
        self.found = Findings()
        self.sizes: dict[str, int] = {}
        self.attached: set[str] = set()

    def root(self, tag: str, digest: str) -> None:
        """Read what a tag names, and all that belongs to it."""
        if self.found.tried(lambda: self._store.repository.manifest_digest(tag), digest) not in (None, digest):
            self.found.note("misplaced", digest, f"the tag {tag} leads elsewhere")
        data = self.found.tried(lambda: self._store.read_manifest(digest), digest)
        if data is not None:
            manifest = self.found.tried(lambda: parsed(self._store.address, digest, data), digest)
            self._parts(digest, len(data), manifest)
        self._attached_to(digest)

    def _attached_to(self, subject: str) -> None:
        for digest in self.found.tried(lambda: self._store.attached.of(subject), subject) or []:
            if digest not in self.attached:
                self.attached.add(digest)
                self._attachment(digest, subject)
                self._attached_to(digest)

    def _attachment(self, digest: str, subject: str) -> None:
        manifest = self.found.tried(lambda: self._store.attached.read(digest, subject), digest)
        self._parts(digest, manifest.descriptor.size if manifest else 0, manifest)

    def _parts(self, digest: str, size: int, manifest: Manifest | None) -> None:
        if manifest is None:
            return
        self.sizes[digest] = size
        for part in manifest.parts:
            if part.digest not in self.sizes:
                data = self.found.tried(functools.partial(read_part, self._store, part), part.digest)
                if data is not None:
                    self.sizes[part.digest] = len(data)


def inspect(store: RegistryStore) -> Report:
    """Read and hash everything that the tags of a registry store reach.

    :raises NoStore: when there is none, :class:`StoreError` when the registry does not answer.
    """
    roots = store.roots()
    walk = _Walk(store)
    for tag, digest in roots.items():
        walk.root(tag, digest)
    return Report(
        address=store.address,
        releases=sum(tag == release_tag(digest) for tag, digest in roots.items()),
        attachments=len(walk.attached),
        blobs=len(walk.sizes),
        size=sum(walk.sizes.values()),
        findings=walk.found.sorted(),
    )


def collect(store: RegistryStore, keep: t.Collection[str], *, check: bool, min_age: float) -> Garbage:
    """Delete the releases that are not kept and have been marked long enough, and what is attached to them."""
    kept = {check_digest(digest, "A digest in keep") for digest in keep}
    removed: list[str] = []
    attachments: list[str] = []
    waiting: list[str] = []
    marked: list[str] = []
    size = 0
    for release in store.releases():
        since, marks = _marks(store, release)
        if release in kept:
            if marks and not check:
                _delete(store, release, marks)
            continue
        if min_age > 0 and (since is None or time.time() - since < min_age):
            waiting.append(release)
            if since is None:
                marked.append(release)
                if not check:
                    store.attach(release, MARK_TYPE, canonical({"since": int(time.time())}), _MARK_DATA)
            continue
        tree = _tree(store, release)
        removed.append(release)
        attachments += [digest for digest, _subject in tree if digest not in marks]
        size += len(store.read_manifest(release))
        if not check:
            # The release goes last: a crash before that leaves it to be found, and collected, again.
            for digest, subject in reversed(tree):
                store.attached.drop(digest)
                store.repository.delete_manifest(digest)
                store.attached.forget(subject, [digest])
            store.attached.drop(release)
            store.repository.delete_manifest(release)
    return Garbage(tuple(removed), tuple(attachments), waiting=tuple(waiting), marked=tuple(marked), size=size)


def _marks(store: RegistryStore, release: str) -> tuple[int | None, list[str]]:
    """Since when a release has been marked, and the marks."""
    marks = store.referrers(release, MARK_TYPE)
    times = [_time(read_part(store, layer)) for mark in marks for layer in mark.layers]
    return min((time for time in times if time is not None), default=None), [mark.digest for mark in marks]


def _time(mark: bytes) -> int | None:
    """When a mark was made, in seconds of the epoch; None for one that does not say so, which counts for nothing."""
    try:
        since = parse_json(mark)["since"]
    except (ValueError, TypeError, KeyError):
        return None
    return since if isinstance(since, int) else None


def _delete(store: RegistryStore, release: str, digests: t.Sequence[str]) -> None:
    for digest in digests:
        store.repository.delete_manifest(digest)
    store.attached.forget(release, digests)


def _tree(store: RegistryStore, release: str) -> list[tuple[str, str]]:
    """Everything attached to a release, and to that, each with what it is attached to; what is attached comes later."""
    found: dict[str, str] = {}
    waiting = [release]
    while waiting:
        subject = waiting.pop()
        for digest in store.attached.of(subject):
            if digest not in found:
                found[digest] = subject
                waiting.append(digest)
    return list(found.items())
