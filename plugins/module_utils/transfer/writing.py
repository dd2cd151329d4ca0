# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a transfer bundle. The same files and the same document give the same bytes, whoever writes them and when."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import disk
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.keys import SigningKey
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ustar import END
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import archive, names, sealing
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import File, TransferDocument
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.receipt import Receipt


class Entry(t.NamedTuple):
    """One file of a bundle.

    :param name: in the bundle.
    :param source: its bytes, or the path of the plain file that has them.
    """

    name: str
    source: t.Union[Path, bytes]  # noqa: UP007  ansible-test's pylint refuses | outside annotations


@dataclasses.dataclass(frozen=True)
class Written:
    """A bundle that was written.

    :ivar path: where it is.
    :ivar sha256: of the file, 64 hexadecimal digits; ``size`` in bytes.
    :ivar seal: digest of its seal, which names the bundle.
    :ivar document: what it says of itself; ``document.files`` and ``document.omitted`` have every file.
    """

    path: Path
    sha256: str
    size: int
    seal: str
    document: TransferDocument


def write(
    target: Path,
    entries: t.Iterable[Entry],
    document: TransferDocument,
    signer: SigningKey,
    base: Receipt | None = None,
) -> Written:
    """Write a bundle: to a file beside the target, to the disk, and then in its place.

    Each file is read twice, and none is in memory as a whole.

    :param entries: every file of it but ``transfer.json``, ``SHA256SUMS`` and the seal, in any order.
    :param document: what it says of itself. Its ``files``, ``omitted`` and ``base`` are filled in here.
    :param signer: the promoter's key of the ring that exports.
    :param base: what the site has that it is for: its wheels, blobs and collection are left out.
    :raises CollectionError: when the entries and the document do not fit together, an entry cannot be read or changes
        meanwhile, or the target cannot be written. What was there before is still there then, and nothing else.
    """
    work = _Work(entries, document, signer, base)
    with disk.written(target) as file:
        whole = archive.file_of(work.pieces(), file.write)
    return Written(target, whole.sha256, whole.size, digest_of(work.own[names.SEAL]), work.document)


class _Work:
    """A bundle whose files were looked at, before the first byte of it.

    :ivar own: the bytes of its own three files.
    :ivar document: what it says of itself.
    """

    def __init__(
        self, entries: t.Iterable[Entry], document: TransferDocument, signer: SigningKey, base: Receipt | None
    ) -> None:
        if base is not None and base.solution != document.solution:
            raise CollectionError(
                f"The receipt is of the solution {base.solution}, and the bundle of {document.solution}; name the "
                "receipt of the site that the bundle is for."
            )
        self._sources = _sources(entries)
        found = {name: _looked_at(name, source) for name, source in self._sources.items()}
        spared = {name for name, file in found.items() if base and _spares(base, name, file)}
        self.document = dataclasses.replace(
            document,
            base=base.base if base else None,
            files={name: file for name, file in found.items() if name not in spared},
            omitted={name: found[name] for name in spared},
        )
        head = self.document.to_bytes()
        listing = sealing.sums(head, self.document.files)
        envelope = sealing.seal(self.document, listing, signer)
        self.own = {names.DOCUMENT: head, names.SUMS: listing, names.SEAL: envelope}

    def pieces(self) -> t.Iterator[bytes]:
        """The bytes of the bundle, in order."""
        for name in names.in_order([*self.own, *self.document.files]):
            source = self.own[name] if name in self.own else self._sources[name]
            wanted = self.document.files.get(name) or _looked_at(name, source)
            yield archive.before(name, wanted.size)
            yield from _unchanged(name, source, wanted)
            yield archive.after(wanted.size)
        yield END


def _spares(base: Receipt, name: str, file: File) -> bool:
    return names.may_be_spared(name) and base.files.get(file.sha256) == file.size


def _sources(entries: t.Iterable[Entry]) -> dict[str, Path | bytes]:
    found: dict[str, Path | bytes] = {}
    for name, source in entries:
        if name in names.OWN:
            raise CollectionError(f"{name} is written by the bundle itself; no entry may bring it.")
        if name in found:
            raise CollectionError(f"Two entries bring {name}; each file of a bundle comes once.")
        found[name] = source
    return found


def _looked_at(name: str, source: Path | bytes) -> File:
    with contextlib.closing(_pieces(name, source)) as pieces:
        return archive.file_of(pieces)


def _unchanged(name: str, source: Path | bytes, wanted: File) -> t.Iterator[bytes]:
    """The bytes of a file, which are what they were when it was looked at."""
    digest, size = hashlib.sha256(), 0
    with contextlib.closing(_pieces(name, source)) as pieces:
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
            if size > wanted.size:
                break
            yield piece
    if File(digest.hexdigest(), size) != wanted:
        raise CollectionError(f"The source of {name} was changed while it was written into the bundle; run again.")


def _pieces(name: str, source: Path | bytes) -> t.Generator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    try:
        descriptor = disk.opened(source)
    except FileNotFoundError:
        raise CollectionError(f"There is no file {source}, which the bundle takes as {name}.") from None
    try:
        while piece := os.read(descriptor, archive.CHUNK):
            yield piece
    except OSError as error:
        raise CollectionError(f"{source} cannot be read: {error.strerror}.") from None
    finally:
        os.close(descriptor)
