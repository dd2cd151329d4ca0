# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What home keeps of a site's evidence: how far its chain and its ledger were imported."""

from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import disk
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import parsed
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, is_digest
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.heads import Head

_LARGEST = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Kept:
    """How far a site's evidence was imported.

    :param sequence: number of the newest bundle; 0 when none has a number.
    :param seal: digest of that bundle's seal; None when there is none.
    :param head: of the site's ledger.
    """

    solution: str
    ring: str
    sequence: int
    seal: str | None
    head: Head

    @property
    def line(self) -> str | None:
        """The checkpoint, as verifying the chain returns it."""
        return f"{self.solution}/{self.ring} {self.sequence} {self.seal}" if self.seal else None

    def written(self) -> bytes:
        """The file."""
        return canonical({**dataclasses.asdict(self), "head": self.head.to_json()}) + b"\n"


def path_of(directory: Path, ring: str) -> Path:
    """The file in a directory of transfers."""
    return directory / f"{ring}-evidence.json"


def load(path: Path, solution: str, ring: str) -> Kept | None:
    """What a file says; None when there is none.

    :raises CollectionError: when it says nothing of the kind, or is of another ring.
    """
    try:
        data = disk.read_file(path, _LARGEST)
    except FileNotFoundError:
        return None
    document = parsed(data, str(path))
    try:
        kept = _kept(document)
        if kept.written() != data:
            raise ValueError("it is written otherwise")
    except (KeyError, TypeError, ValueError) as error:
        raise CollectionError(
            f"{path} does not say how far the evidence of a ring was imported ({error}); it has solution, ring, "
            "sequence, seal and head."
        ) from None
    if (kept.solution, kept.ring) != (solution, ring):
        raise CollectionError(f"{path} is of ring {kept.ring} of {kept.solution}, not of ring {ring} of {solution}.")
    return kept


def _kept(document: t.Any) -> Kept:
    """
    :raises KeyError, TypeError, ValueError: for another document.
    """
    kept = Kept(**{**document, "head": Head(**document["head"])})
    numbers: tuple[t.Any, ...] = (kept.sequence, kept.head.sequence, kept.head.generation)
    texts: tuple[t.Any, ...] = (kept.solution, kept.ring)
    if not all(isinstance(number, int) and not isinstance(number, bool) and number >= 0 for number in numbers):
        raise ValueError("a number is none")
    if not all(isinstance(value, str) for value in texts) or not is_digest(kept.head.digest):
        raise ValueError("a name or the digest of the head is none")
    if (kept.seal is not None) != (kept.sequence > 0) or (kept.seal is not None and not is_digest(kept.seal)):
        raise ValueError("the seal does not belong to the number")
    return kept
