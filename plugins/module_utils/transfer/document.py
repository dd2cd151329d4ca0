# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``transfer.json``: what a transfer bundle says of itself, and the rules that no schema can tell."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, read_canonical
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import names, schema
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.heads import Head
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.wheel_tags import check_wheel

LARGEST: t.Final = 32 * 1024 * 1024
"""Bytes of ``transfer.json`` and of every other file that is read as a whole."""
RELEASES: t.Final = "releases"
EVIDENCE: t.Final = "evidence"

Json = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class File:
    """What a file holds.

    :param sha256: 64 hexadecimal digits.
    :param size: bytes.
    """

    sha256: str
    size: int


@dataclasses.dataclass(frozen=True)
class Release:
    """A release that the bundle brings.

    :param digest: of its manifest.
    :param labels: what people would like to know of it, such as its commit; nothing is concluded from them.
    """

    digest: str
    labels: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Key:
    """A public key that releases and statements of the bundle are checked with at home.

    It proves nothing by itself: whom a site believes, the site says.

    :param file: where it is in the bundle, ``keys/<name>.pub``.
    """

    name: str
    roles: tuple[str, ...]
    file: str


@dataclasses.dataclass(frozen=True)
class Base:
    """The receipt that a delta was made for.

    :param receipt: digest of its bytes.
    :param heads: those that it names.
    """

    receipt: str
    heads: t.Mapping[str, Head]

    def to_json(self) -> Json:
        """As the document and the seal have it."""
        return {"receipt": self.receipt, "heads": {ring: head.to_json() for ring, head in self.heads.items()}}


@dataclasses.dataclass(frozen=True)
class TransferDocument:
    """What a transfer bundle says of itself. Nothing in it tells the time, a host or a user.

    :param kind: ``releases`` (from home to a site) or ``evidence`` (back).
    :param ring: that exports.
    :param heads: of the ledgers in it, by ring; that of ``ring`` is among them.
    :param collection: name and version of the collection that wrote it, such as ``("hotpass.prefect", "1.2.0")``; for
        the kind ``releases`` that of the tarball in it.
    :param python: whose wheels are in it, such as ``3.12``; None for ``evidence``.
    :param platforms: whose wheels are in it, as pip calls them; empty for ``evidence``.
    :param base: for a delta, what it was made for.
    :param omitted: the files that its reader has already, by name; only a delta has some.
    :param files: all others but ``transfer.json``, ``SHA256SUMS`` and the seal. Writing fills this in.
    """

    kind: str
    solution: str
    ring: str
    heads: t.Mapping[str, Head]
    collection: tuple[str, str]
    python: str | None = None
    platforms: tuple[str, ...] = ()
    releases: tuple[Release, ...] = ()
    keys: tuple[Key, ...] = ()
    base: Base | None = None
    omitted: t.Mapping[str, File] = dataclasses.field(default_factory=dict)
    files: t.Mapping[str, File] = dataclasses.field(default_factory=dict)

    @property
    def everything(self) -> dict[str, File]:
        """The files that it brings and those that it leaves out, by name."""
        return {**self.omitted, **self.files}

    def to_json(self) -> Json:
        """As ``transfer.json`` has it."""
        return {
            "format": schema.FORMAT,
            "kind": self.kind,
            "solution": self.solution,
            "ring": self.ring,
            "collection": dict(zip(("name", "version"), self.collection, strict=True)),
            "python": self.python,
            "platforms": sorted(self.platforms),
            "releases": [
                {"digest": release.digest, "labels": dict(release.labels)}
                for release in sorted(self.releases, key=lambda release: release.digest)
            ],
            "keys": [
                {"name": key.name, "roles": sorted(key.roles), "file": key.file}
                for key in sorted(self.keys, key=lambda key: key.file)
            ],
            "heads": {ring: head.to_json() for ring, head in self.heads.items()},
            "base": self.base.to_json() if self.base else None,
            "omitted": {name: dataclasses.asdict(file) for name, file in self.omitted.items()},
            "files": {name: dataclasses.asdict(file) for name, file in self.files.items()},
        }

    def to_bytes(self) -> bytes:
        """The bytes of ``transfer.json``: canonical JSON, checked.

        :raises CollectionError: when it is not valid or contradicts itself.
        """
        try:
            data = canonical(self.to_json())
        except ValueError as error:
            raise CollectionError(f"{names.DOCUMENT} cannot be written: {error}.") from None
        self.parse(data)
        return data

    @classmethod
    def parse(cls, data: bytes) -> TransferDocument:
        """The document in the bytes of ``transfer.json``.

        :raises CollectionError: for anything but canonical JSON that is valid and does not contradict itself.
        """
        said = schema.insist(schema.DOCUMENT, read_canonical(data, names.DOCUMENT, LARGEST), names.DOCUMENT)
        base = said["base"]
        found = cls(
            kind=said["kind"],
            solution=said["solution"],
            ring=said["ring"],
            heads=_heads(said["heads"]),
            collection=(said["collection"]["name"], said["collection"]["version"]),
            python=said["python"],
            platforms=tuple(said["platforms"]),
            releases=tuple(Release(**release) for release in said["releases"]),
            keys=tuple(Key(key["name"], tuple(key["roles"]), key["file"]) for key in said["keys"]),
            base=Base(base["receipt"], _heads(base["heads"])) if base else None,
            omitted={name: File(**file) for name, file in said["omitted"].items()},
            files={name: File(**file) for name, file in said["files"].items()},
        )
        if found.to_json() != said:
            raise CollectionError(f"{names.DOCUMENT} has a list that is not in its order; allowed is the sorted one.")
        for fault in _faults(found):
            raise CollectionError(f"{names.DOCUMENT} contradicts itself: {fault}.")
        return found


def collection_file(collection: tuple[str, str]) -> str:
    """Where the tarball of a collection is in a bundle."""
    name, version = collection
    return f"{names.COLLECTION}{name.replace('.', '-')}-{version}.tar.gz"


def _heads(said: t.Mapping[str, Json]) -> dict[str, Head]:
    return {ring: Head.from_json(head) for ring, head in said.items()}


def _faults(document: TransferDocument) -> t.Iterator[str]:
    """What contradicts something else, most general first."""
    both = document.files.keys() & document.omitted.keys()
    if both:
        yield f"{min(both)} is both brought and left out"
    everything = document.everything
    try:
        names.check_names(everything, document.kind)
    except CollectionError as error:
        yield error.message.rstrip(".")
    if document.ring not in document.heads:
        yield f"it is of ring {document.ring}, and brings no head of it"
    for name in document.omitted:
        if document.base is None:
            yield f"{name} is left out, and no receipt is named whose site has it"
        if not names.may_be_spared(name):
            yield f"{name} is left out, which every bundle has to bring"
    yield from _set_faults("ledgers", {f"{names.LEDGER}{ring}.json" for ring in document.heads}, names.LEDGER, document)
    yield from _set_faults("keys", {key.file for key in document.keys}, names.KEYS, document)
    for name, file in everything.items():
        wanted = names.named_digest(name)
        if wanted is not None and file.sha256 != wanted:
            yield f"{name} has the sha256 {file.sha256}, and its name says another"
    yield from (_releases_faults if document.kind == RELEASES else _evidence_faults)(document)


def _set_faults(what: str, wanted: set[str], prefix: str, document: TransferDocument) -> t.Iterator[str]:
    found = {name for name in document.everything if name.startswith(prefix)}
    if found != wanted:
        name = min(found ^ wanted)
        yield f"{name} is {'not among its files' if name in wanted else f'none of the {what} that it names'}"


def _releases_faults(document: TransferDocument) -> t.Iterator[str]:
    everything = document.everything
    if document.python is None or not document.platforms:
        yield "it brings releases, and names no Python or no platform"
    yield from _set_faults("collections", {collection_file(document.collection)}, names.COLLECTION, document)
    for name in (names.BOOTSTRAP, *names.LOCKS):
        if name not in everything:
            yield f"{name} is missing, which every bundle of releases brings"
    if len({release.digest for release in document.releases}) != len(document.releases):
        yield "it names a release twice"
    for release in document.releases:
        name = f"{names.BLOBS}{release.digest.removeprefix('sha256:')}"
        if name not in everything:
            yield f"{name} is missing, which is the manifest of a release that it names"
    for name in everything:
        if name.startswith(names.WHEELS):
            try:
                check_wheel(name, document.python or "", document.platforms)
            except CollectionError as error:
                yield error.message.rstrip(".")


def _evidence_faults(document: TransferDocument) -> t.Iterator[str]:
    if document.python is not None or document.platforms or document.releases:
        yield "it brings evidence, and names a Python, a platform or a release"
    for name in document.everything:
        if name.startswith(names.EVIDENCE) and name.split("/")[1] not in document.heads:
            yield f"{name} is evidence of a ring whose head it does not bring"
