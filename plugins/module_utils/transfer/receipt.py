# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The receipt: what a site has of the bundles that it imported. A delta brings only what it lacks."""

from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import disk
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import (
    canonical,
    digest_of,
    read_canonical,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import schema
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import LARGEST, Base
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.heads import Head


@dataclasses.dataclass(frozen=True)
class Receipt:
    """What a site has.

    :param heads: the last imported heads of the rings at home, by ring.
    :param files: the sizes of the files that it has, by the hexadecimal digits of their sha256.
    :param imported: digests of the seals of the bundles that were imported. The last one is the newest; an older bundle
        stands before it, however late it came. One that was for another platform is not among them.
    """

    solution: str
    heads: t.Mapping[str, Head] = dataclasses.field(default_factory=dict)
    files: t.Mapping[str, int] = dataclasses.field(default_factory=dict)
    imported: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        """Canonical JSON, checked.

        :raises CollectionError: when it is no receipt.
        """
        document = {
            "format": schema.FORMAT,
            "solution": self.solution,
            "heads": {ring: head.to_json() for ring, head in self.heads.items()},
            "files": dict(self.files),
            "imported": list(self.imported),
        }
        schema.insist(schema.RECEIPT, document, "The receipt")
        return canonical(document)

    @classmethod
    def parse(cls, data: bytes, what: str = "The receipt") -> Receipt:
        """The receipt in some bytes.

        :param what: begins the sentence when they are none.
        :raises CollectionError: for anything but canonical JSON with what a receipt has.
        """
        said = schema.insist(schema.RECEIPT, read_canonical(data, what, LARGEST), what)
        heads = {ring: Head.from_json(head) for ring, head in said["heads"].items()}
        return cls(said["solution"], heads, said["files"], tuple(said["imported"]))

    @classmethod
    def read(cls, path: Path) -> Receipt | None:
        """The receipt in a file; None when there is no such file.

        :raises CollectionError: when it cannot be read, or is none.
        """
        try:
            data = disk.read_file(path, LARGEST)
        except FileNotFoundError:
            return None
        return cls.parse(data, f"The receipt {path}")

    def write(self, path: Path) -> None:
        """Put it into a file, durably, whole or not at all.

        :raises CollectionError: when it cannot be written.
        """
        disk.write_file(path, self.to_bytes())

    @property
    def base(self) -> Base:
        """What a delta for this receipt names."""
        return Base(digest_of(self.to_bytes()), self.heads)

    def after(
        self, seal: str | None, heads: t.Mapping[str, Head], files: t.Mapping[str, int], *, older: bool = False
    ) -> Receipt:
        """The receipt once a bundle was imported.

        :param seal: digest of the bundle's seal; one that was imported before keeps its place. None for a bundle that
            stands aside, because it is for another platform.
        :param heads: all that the site knows then, see :func:`heads.newest`.
        :param files: all that the site has then. What it has no more must not stand there.
        :param older: whether the bundle is older than what is here.
        """
        imported = self.imported
        if seal is not None and seal not in imported:
            # What was the newest stays so: only that one may be imported again without a word.
            newest = imported[-1:] if older else ()
            imported = (*imported[: len(imported) - len(newest)], seal, *newest)
        return dataclasses.replace(self, heads=dict(heads), files=dict(files), imported=imported)
