# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of a whole directory store, and the collection of what nothing needs."""

from __future__ import annotations

import contextlib
import functools
import os
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release import store_files as files
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import check_digest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_inspection import Findings
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_layout import Layout, has_tag
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_manifests import (
    Corrupt,
    Descriptor,
    Manifest,
    NoStore,
    NotInStore,
    tag_of,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_types import Garbage, Report


class _Inspection:
    """One walk over a store, which collects what it finds instead of stopping at it."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.found = Findings()
        self.sizes: dict[str, int] = {}
        self.manifests: dict[str, Manifest] = {}

    def read_all(self) -> None:
        """Hash every blob, and every manifest that the index names."""
        self.found.tried(self._layout.check_marker, "oci-layout")
        for digest in self._layout.digests():
            size = self.found.tried(functools.partial(self._read, digest), digest)
            if size is not None:
                self.sizes[digest] = size
        lines = self.found.tried(self._layout.entries, "index.json") or []
        for line in lines:
            digest = line.descriptor.digest
            manifest = self.found.tried(functools.partial(self._layout.manifest, line), digest)
            if manifest is not None:
                self.manifests[digest] = manifest
        for manifest in self.manifests.values():
            if not any(has_tag(line, manifest) for line in lines):
                self.found.note("misplaced", manifest.digest, f"index.json has it without the tag {tag_of(manifest)}")

    def _read(self, digest: str) -> int:
        try:
            return len(self._layout.read_unmarked(digest))
        except NotInStore:
            raise Corrupt(self._layout.address, digest, "it is no plain file") from None

    def check_parts(self) -> None:
        """See that every part is there with its size, and that nothing is there which nobody reaches."""
        reached = set(self.manifests)
        for manifest in self.manifests.values():
            for part in manifest.parts:
                reached.add(part.digest)
                self._check_part(manifest, part)
            if manifest.subject and manifest.subject.digest not in self.manifests:
                self.found.note(
                    "orphaned", manifest.digest, f"it is attached to {manifest.subject.digest}, not in the index"
                )
        for digest in self.sizes.keys() - reached:
            self.found.note("orphaned", digest, "nothing in index.json reaches it")
        for name in self._layout.leftovers():
            self.found.note("leftover", name, "it is no part of a store")

    def _check_part(self, manifest: Manifest, part: Descriptor) -> None:
        if ("corrupt", part.digest) in self.found:
            return
        if part.digest not in self.sizes:
            self.found.note("missing", part.digest, f"{manifest.digest} names it, and it is not there")
        elif self.sizes[part.digest] != part.size:
            self.found.note("corrupt", part.digest, f"it has not the {part.size} bytes that {manifest.digest} says")


def inspect(layout: Layout) -> Report:
    """Read and hash every file of a store.

    :raises NoStore: when there is none, :class:`StoreError` when it cannot be read at all.
    """
    if not os.path.isdir(layout.address):
        raise NoStore(layout.address)
    report = _inspected(layout)
    if report.ok or not layout.writable():
        return report
    # What somebody wrote or removed during the look is no damage: look again while nobody can.
    with files.told(layout.address, "be locked"), layout.holding():
        return _inspected(layout)


def _inspected(layout: Layout) -> Report:
    walk = _Inspection(layout)
    walk.read_all()
    walk.check_parts()
    return Report(
        address=layout.address,
        releases=sum(manifest.is_release for manifest in walk.manifests.values()),
        attachments=sum(manifest.subject is not None for manifest in walk.manifests.values()),
        blobs=len(walk.sizes),
        size=sum(walk.sizes.values()),
        findings=walk.found.sorted(),
    )


def reached_from(roots: t.Iterable[str], manifests: t.Mapping[str, Manifest]) -> set[str]:
    """The digests of the manifests reached from some: themselves, what is attached to them, and to that."""
    attached: dict[str, list[str]] = {}
    for manifest in manifests.values():
        if manifest.subject:
            attached.setdefault(manifest.subject.digest, []).append(manifest.digest)
    reached: set[str] = set()
    waiting = [root for root in roots if root in manifests]
    while waiting:
        digest = waiting.pop()
        if digest not in reached:
            reached.add(digest)
            waiting += attached.get(digest, [])
    return reached


def collect(layout: Layout, keep: t.Collection[str], *, check: bool, min_age: float) -> Garbage:
    """Remove what no kept release reaches.

    A release counts as new, and stays, while anything of its tree is new: somebody is at work with it.
    """
    kept = {check_digest(digest, "A digest in keep") for digest in keep}
    layout.check_marker()
    # Nobody writes between the look and the removal, so what was seen to be old and unreached still is.
    with contextlib.nullcontext() if check else layout.writing():
        lines = layout.entries()
        manifests = layout.manifests()

        def young(digest: str) -> bool:
            return files.age(layout.path(digest)) < min_age

        unwanted = {digest for digest, found in manifests.items() if found.is_release} - kept
        unwanted |= {
            digest for digest, found in manifests.items() if found.subject and found.subject.digest not in manifests
        }
        late = {root for root in unwanted if any(map(young, reached_from([root], manifests)))}
        others = {digest for digest, found in manifests.items() if found.subject is None} - unwanted
        staying = reached_from(others | late, manifests)
        needed = staying | {part.digest for digest in staying for part in manifests[digest].parts}
        unneeded = [digest for digest in layout.digests() if digest not in needed]
        removed = [digest for digest in unneeded if digest in manifests or not young(digest)]
        leftovers = [
            name
            for name in layout.leftovers()
            if name.startswith(".tmp") and files.age(os.path.join(layout.address, name)) >= min_age
        ]
        garbage = Garbage(
            releases=tuple(d for d in removed if d in manifests and manifests[d].is_release),
            attachments=tuple(d for d in removed if d in manifests and not manifests[d].is_release),
            blobs=tuple(d for d in removed if d not in manifests),
            files=tuple(leftovers),
            waiting=tuple(sorted(late | (set(unneeded) - set(removed)))),
            size=sum(layout.size(digest) for digest in removed),
        )
        if not check and garbage.removed:
            going = {*garbage.releases, *garbage.attachments}
            if going:
                # The index goes first: a crash after it leaves blobs that nothing names, and never a name without blob.
                layout.write_index(line.raw for line in lines if line.descriptor.digest not in going)
            layout.remove([*map(layout.path, removed), *leftovers])
    return garbage
