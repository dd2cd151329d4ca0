# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of the files in a transfer bundle: which there may be, in which order, and which a delta may leave out."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import KINDS, NAME
from ansible_collections.hotpass.prefect.plugins.module_utils.release.predicates import TRANSFER_SUMS
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ustar import check_paths

DOCUMENT: t.Final = "transfer.json"
SUMS: t.Final = TRANSFER_SUMS
SEAL: t.Final = "seal.dsse.json"
BOOTSTRAP: t.Final = "bootstrap.py"
RECEIPT: t.Final = "receipt.json"
LOCKS: t.Final = ("requirements/prefect.txt", "requirements/runtime.txt")

COLLECTION: t.Final = "collection/"
WHEELS: t.Final = "wheels/"
STORE: t.Final = "store/"
BLOBS: t.Final = "store/blobs/sha256/"
KEYS: t.Final = "keys/"
LEDGER: t.Final = "ledger/"
STATEMENTS: t.Final = "statements/"
EVIDENCE: t.Final = "evidence/"

FIRST: t.Final = (DOCUMENT, SUMS, SEAL, BOOTSTRAP)
"""What a bundle begins with, so that whoever reads it from its beginning knows what comes before it comes."""
OWN: t.Final = (DOCUMENT, SUMS, SEAL)
"""The files that writing makes; ``transfer.json`` lists all others, ``SHA256SUMS`` all but itself and the seal."""

_LABEL = r"[a-z0-9](?:-?[a-z0-9])*"
_FILE = r"[A-Za-z0-9_][A-Za-z0-9._+@=!-]*"
_LEDGERS = rf"{LEDGER}{_LABEL}[.]json"
_ALLOWED: dict[str, tuple[re.Pattern[str], ...]] = {
    kind: tuple(re.compile(pattern) for pattern in (_LEDGERS, *patterns))
    for kind, patterns in {
        "releases": (
            re.escape(BOOTSTRAP),
            *(re.escape(lock) for lock in LOCKS),
            rf"{COLLECTION}{_FILE}[.]tar[.]gz",
            rf"{WHEELS}{_FILE}[.]whl",
            rf"{STORE}(?:oci-layout|index[.]json|blobs/sha256/[0-9a-f]{{64}})",
            rf"{KEYS}{_FILE}[.]pub",
        ),
        "evidence": (
            re.escape(RECEIPT),
            rf"{STATEMENTS}[0-9a-f]{{64}}/[0-9a-f]{{64}}[.]dsse[.]json",
            rf"{EVIDENCE}{_LABEL}/(?:{'|'.join(KINDS)})/{NAME.pattern}(?:/{_FILE}){{1,4}}",
        ),
    }.items()
}
_SPARED = (COLLECTION, WHEELS, BLOBS)


def in_order(names: t.Iterable[str]) -> list[str]:
    """The names as they follow each other in a bundle."""
    return sorted(names, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))


def may_be_spared(name: str) -> bool:
    """Whether a delta may leave a file out that its reader has already."""
    return name.startswith(_SPARED)


def named_digest(name: str) -> str | None:
    """The sha256 that a file has to have because of its name, in hexadecimal; None when the name says nothing of it."""
    if name.startswith(BLOBS):
        return name.removeprefix(BLOBS)
    return name[-74:-10] if name.startswith(STATEMENTS) else None


def check_names(names: t.Collection[str], kind: str) -> None:
    """Insist that a bundle of this kind may have files of these names together, besides its own three.

    :raises CollectionError: naming the first that may not be.
    """
    for name in sorted(names):
        if not any(pattern.fullmatch(name) for pattern in _ALLOWED[kind]):
            raise CollectionError(
                f"The transfer bundle has the file {name[:200]!r}, which none of the kind {kind} has; see "
                "docs/air-gap.md for those that it may have."
            )
    check_paths(sorted(names), "transfer bundle")
