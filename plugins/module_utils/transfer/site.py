# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site keeps of the bundles that it imported, so that the next one need not bring it again.

Below its directory are ``receipt.json``, ``wheels/``, ``collection/`` and ``ledger/``; blobs are in the ring's store.
"""

from __future__ import annotations

import functools
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import disk
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import short
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import NotInStore, Store
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import archive, heads, ledgers, names
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.archive import Member
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import File
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.heads import Relation
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.reading import Transfer
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.receipt import Receipt

KEPT: t.Final = (names.WHEELS, names.COLLECTION)
"""Where the files begin that the site keeps in its own directory."""


class Site:
    """A site, as one import sees it.

    :param directory: of what it keeps.
    :param store: of the ring that takes the releases.
    :param work: a directory for files that only this import needs.
    :ivar receipt: of the last import; an empty one before the first.
    """

    def __init__(self, directory: Path, store: Store, work: Path, solution: str) -> None:
        self.directory = directory
        self.store = store
        self._solution = solution
        self._work = work
        self.look()

    def look(self) -> None:
        """Read the receipt, as it is now.

        :raises CollectionError: when it cannot be read, is none, or is another solution's.
        """
        self.receipt = Receipt.read(self.receipt_file) or Receipt(self._solution)
        if self.receipt.solution != self._solution:
            raise CollectionError(
                f"{self.receipt_file} is the receipt of the solution {self.receipt.solution}, and this is a ring of "
                f"{self._solution}; each solution needs a directory of its own."
            )

    @property
    def receipt_file(self) -> Path:
        return self.directory / names.RECEIPT

    def own(self, name: str, file: File) -> Path | None:
        """The site's own copy of a file that a delta leaves out; None without one.

        :raises CollectionError: when the store cannot be read.
        """
        if name.startswith(KEPT):
            path = self.directory / name
            return path if held(path) == file else None
        if not name.startswith(names.BLOBS):
            return None
        data = self._blob(f"sha256:{file.sha256}")
        if data is None:
            return None
        path = self._work / "own" / file.sha256
        disk.write_file(path, data)
        return path

    def kept(self) -> dict[str, File]:
        """The files that are kept here, by the names that a bundle has for them.

        :raises CollectionError: when one cannot be read, or is no plain file.
        """
        found = {
            f"{prefix}{path.name}": held(path)
            for prefix in KEPT
            for path in sorted((self.directory / prefix).glob("*"))
        }
        return {name: file for name, file in found.items() if file}

    def still(self, kept: t.Iterable[File]) -> dict[str, int]:
        """Of the files in the receipt those that are still here: their sizes, by the digits of their sha256.

        :param kept: the files that are kept here, or that will be.
        :raises CollectionError: when the store cannot be read.
        """
        here = {file.sha256 for file in kept}
        return {
            digits: size
            for digits, size in self.receipt.files.items()
            if digits in here or self.store.has_blob(f"sha256:{digits}") or self.store.has(f"sha256:{digits}")
        }

    def superseded(self, transfer: Transfer, other_platform: bool) -> bool:
        """Whether a bundle was imported, and a newer one after it.

        :param other_platform: whether it is for another machine; then it stands aside, and nothing here follows it.
        """
        return not other_platform and transfer.seal.digest in self.receipt.imported[:-1]

    def relations(self, transfer: Transfer) -> dict[str, Relation]:
        """How the heads that a bundle brings stand to those that were imported last.

        A head with a lower number is older only when it is in the ledger that was kept; otherwise it is forked. What
        that ledger ends with is known also when the receipt is not there (yet), so removing that brings nothing back.

        :raises CollectionError: when the kept ledger is needed to tell, and is not there any more; when it lacks what
            the receipt says.
        """
        return {
            ring: heads.relate(self.known(ring), head, transfer.chains[ring], functools.partial(self._kept, ring))
            for ring, head in transfer.document.heads.items()
        }

    def known(self, ring: str) -> heads.Head | None:
        """The head of a ring that was imported last; None before the first."""
        kept, said = self._ledger(ring), self.receipt.heads.get(ring)
        if kept is None:
            return said
        if said and not heads.holds(kept, said):
            raise CollectionError(
                f"The ledger {self._ledger_file(ring)} lacks record {said.sequence} ({short(said.digest)}), which "
                f"{self.receipt_file} says was imported; one of the two was changed, so bring both back from a copy."
            )
        return heads.head_of(kept)

    def _ledger_file(self, ring: str) -> Path:
        return self.directory / f"{names.LEDGER}{ring}.json"

    def _ledger(self, ring: str) -> Chain | None:
        path = self._ledger_file(ring)
        try:
            data = disk.read_file(path, ledgers.LARGEST)
        except FileNotFoundError:
            return None
        return ledgers.read(data, str(path), self._solution, ring)

    def _kept(self, ring: str) -> Chain:
        kept = self._ledger(ring)
        if kept is None:
            head = self.receipt.heads[ring]
            raise CollectionError(
                f"The ledger {self._ledger_file(ring)} of the last import, which ends with record {head.sequence} "
                f"({short(head.digest)}), is gone, so nobody can tell whether an older head is part of it; bring a "
                "newer bundle."
            )
        return kept

    def _blob(self, digest: str) -> bytes | None:
        for read in (self.store.read_blob, self.store.read_manifest):
            try:
                return read(digest)
            except NotInStore:
                continue
        return None


def held(path: Path) -> File | None:
    """What a file holds; None when there is none.

    :raises CollectionError: when it cannot be read, or is no plain file.
    """
    try:
        with open(disk.opened(path), "rb") as file:
            return archive.file_of(archive.chunks(file.fileno(), Member(0, path.stat().st_size)))
    except FileNotFoundError:
        return None
