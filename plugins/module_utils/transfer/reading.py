# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a transfer bundle: all of it is verified before anybody gets a byte of it."""

from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import disk
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import ledgers, names, sealing
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.contents import Contents
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import (
    LARGEST,
    RELEASES,
    File,
    TransferDocument,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.receipt import Receipt
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.sealing import Seal
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.wheel_tags import check_fit

Have: t.TypeAlias = "t.Callable[[str, File], Path | None]"
"""Where the reader's own copy is of a file that a delta leaves out, by its name and what it holds; None for none."""


@dataclasses.dataclass(frozen=True, eq=False)
class Transfer:
    """A bundle that was verified. It stays open, and what is taken out of it is hashed again.

    :ivar document: what it says of itself.
    :ivar seal: the digest of its seal, which names the bundle, and who made it.
    :ivar chains: the verified ledgers, by ring.
    """

    document: TransferDocument
    seal: Seal
    chains: t.Mapping[str, Chain]
    _contents: Contents = dataclasses.field(repr=False)

    def __enter__(self) -> Transfer:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._contents.close()

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._contents.path

    @property
    def size(self) -> int:
        """Its bytes."""
        return self._contents.size

    @property
    def files(self) -> dict[str, File]:
        """Every file that can be had of it, by name: those in it, and those that a delta leaves out."""
        return self.document.everything

    def below(self, prefix: str) -> list[str]:
        """The names of the files that begin so, sorted."""
        return sorted(name for name in self.files if name.startswith(prefix))

    def read(self, name: str, largest: int = LARGEST) -> bytes:
        """The bytes of a file.

        :raises CollectionError: when there is none of that name, it has more than may be, or it was changed since.
        """
        return self._contents.read(name, self._wanted(name), largest)

    def copy(self, name: str, target: Path) -> None:
        """Put a file in its place, whole and durably or not at all; directories above it are made.

        :raises CollectionError: when there is none of that name, it was changed since, or cannot be written.
        """
        wanted = self._wanted(name)
        with disk.written(target) as file:
            self._contents.take(name, wanted, file.write)

    def _wanted(self, name: str) -> File:
        try:
            return self.files[name]
        except KeyError:
            raise CollectionError(f"The transfer bundle {self.path} has no file {name}.") from None


def verified(
    path: Path,
    trust: Trust,
    *,
    kind: str | None = None,
    solution: str | None = None,
    python: str | None = None,
    platforms: t.Collection[str] | None = None,
    have: Have | None = None,
) -> Transfer:
    """A bundle all of which was verified: every byte of it, its seal, what it says of itself, and its ledgers.

    Nothing is written. What counts of the releases in the end, their own statements say, and the store checks them.

    :param trust: from outside of the bundle; its promoters are believed.
    :param kind: that it has to be of, ``releases`` or ``evidence``. Who may send one need not be meant to send both.
    :param solution: that it has to be of.
    :param python: that its wheels have to be for, such as ``3.12``.
    :param platforms: the tags that the reader's machine takes, such as ``manylinux_2_17_x86_64``.
    :param have: finds the files that a delta leaves out. Without it no delta that leaves out some is taken.
    :raises CollectionError: for the first thing that is wrong: where it is, what was found, what is allowed.
    """
    contents = Contents(path)
    try:
        contents.find_members()
        document, seal = _sealed(contents, trust)
        for field, found, asked in (("kind", document.kind, kind), ("solution", document.solution, solution)):
            if asked is not None and found != asked:
                raise CollectionError(f"It is of the {field} {found}; asked for is {asked}.")
        _check_machine(document, python, platforms)
        _find_own(contents, document, have)
        _check_files(contents, document)
        _check_receipt(contents, document)
        return Transfer(document, seal, _ledgers(contents, document), contents)
    except CollectionError as error:
        contents.close()
        raise CollectionError(f"The transfer bundle {path} is refused. {error.message}") from None
    except BaseException:
        contents.close()
        raise


def _sealed(contents: Contents, trust: Trust) -> tuple[TransferDocument, Seal]:
    """What the bundle says of itself, once the seal is known to be about it."""
    for number, name in enumerate(names.OWN):
        found = list(contents.members)[number : number + 1]
        if found != [name]:
            there = repr(found[0]) if found else "missing"
            raise CollectionError(f"Its file {number + 1} is {there}; it has to begin with {', '.join(names.OWN)}.")
    own = {name: contents.whole(name, LARGEST) for name in names.OWN}
    seal, claims = sealing.check_seal(own[names.SEAL], own[names.SUMS], trust)
    document = TransferDocument.parse(own[names.DOCUMENT])
    sealing.check_sums(own[names.SUMS], own[names.DOCUMENT], document.files)
    sealing.check_claims(claims, document)
    return document, seal


def _check_machine(document: TransferDocument, python: str | None, platforms: t.Collection[str] | None) -> None:
    if document.kind != RELEASES:
        return
    if python is not None and document.python != python:
        raise CollectionError(f"Its wheels are for Python {document.python}; needed are some for Python {python}.")
    if platforms is not None:
        check_fit(document.everything, platforms)


def _find_own(contents: Contents, document: TransferDocument, have: Have | None) -> None:
    """Find the files that a delta leaves out."""
    for name, wanted in sorted(document.omitted.items()):
        own = have(name, wanted) if have is not None else None
        if own is None:
            raise CollectionError(
                f"It is a delta for a site that has {name} (sha256 {wanted.sha256}), and that file is not here; bring "
                "a full bundle, or one made for this site's receipt."
            )
        contents.own[name] = own


def _check_files(contents: Contents, document: TransferDocument) -> None:
    """Insist that the files are those that were sealed, in their order, each with its bytes."""
    found = list(contents.members)
    wanted = names.in_order([*names.OWN, *document.files])
    if found != wanted:
        strange, missing = sorted(set(found) - set(wanted)), sorted(set(wanted) - set(found))
        if strange:
            raise CollectionError(f"It has the file {strange[0]!r}, which {names.DOCUMENT} does not list.")
        if missing:
            raise CollectionError(f"The file {missing[0]} is missing, which {names.DOCUMENT} lists.")
        first = next(at for at, pair in enumerate(zip(found, wanted, strict=True)) if pair[0] != pair[1])
        raise CollectionError(f"The file {found[first]} stands where {wanted[first]} should; it was put together anew.")
    for name, file in sorted(document.everything.items()):
        size = contents.members[name].size if name in contents.members else file.size
        if size != file.size:
            raise CollectionError(f"{name} has {size} bytes; sealed were {file.size}.")
        now = contents.looked_at(name)
        if now != file:
            where = f" at {contents.own[name]}" if name in contents.own else ""
            raise CollectionError(f"{name}{where} has the sha256 {now.sha256}; sealed was {file.sha256}.")


def _ledgers(contents: Contents, document: TransferDocument) -> dict[str, Chain]:
    found = {}
    for ring, head in document.heads.items():
        name = f"{names.LEDGER}{ring}.json"
        data = contents.read(name, document.files[name], ledgers.LARGEST)
        found[ring] = ledgers.read(data, name, document.solution, ring, head)
    return found


def _check_receipt(contents: Contents, document: TransferDocument) -> None:
    """Insist that a site's receipt, where one comes with its evidence, is one of the same solution."""
    if names.RECEIPT not in document.files:
        return
    data = contents.read(names.RECEIPT, document.files[names.RECEIPT], LARGEST)
    receipt = Receipt.parse(data, names.RECEIPT)
    if receipt.solution != document.solution:
        raise CollectionError(
            f"{names.RECEIPT} is of the solution {receipt.solution}, and the bundle of {document.solution}."
        )
