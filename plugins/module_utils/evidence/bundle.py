# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of one bundle: where it is, what may stand in it, and what is written into it before it is sealed.

A bundle is written into a hidden directory beside its place, and gets its name only when it is sealed.
"""

from __future__ import annotations

import json
import os
import re
import typing as t
from pathlib import Path, PurePosixPath

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import disk
from ansible_collections.hotpass.prefect.plugins.module_utils.release.predicates import BUNDLE_KINDS, SEALED_FILE
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import check_name

SEAL: t.Final = "seal.dsse.json"
BAGIT: t.Final = "bagit.txt"
BAG_INFO: t.Final = "bag-info.txt"
MANIFEST: t.Final = "manifest-sha256.txt"
TAG_MANIFEST: t.Final = SEALED_FILE
OWN: t.Final = (BAGIT, BAG_INFO, MANIFEST, TAG_MANIFEST, SEAL)
"""The files that sealing writes."""

METADATA: t.Final = "metadata.json"
SUMMARY: t.Final = "summary.json"
COMMANDS: t.Final = "cli.sh"
NOTES: t.Final = "notes.md"
KEYS: t.Final = "data/keys.json"
NEEDED: t.Final = (METADATA, SUMMARY, COMMANDS, KEYS, MANIFEST)
"""The files that every sealed bundle has, besides those without which nothing could be checked at all."""

KINDS: t.Final = BUNDLE_KINDS
NAME: t.Final = re.compile(r"[0-9]{8}T[0-9]{6}Z")

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+@=-]{0,199}")
_DEEPEST = 4

Json = dict[str, t.Any]


class Bundle:
    """One bundle, sealed or being written: ``<root>/<ring>/<kind>/<name>``.

    :param root: the evidence directory; it is made when the first file is written.
    :param name: the moment of the event in UTC, such as ``20261122T073000Z``.
    :ivar final: where the bundle is once it is sealed.
    :ivar part: where it is until then.
    :raises CollectionError: for a ring, kind or name that is none.
    """

    def __init__(self, root: str | Path, ring: str, kind: str, name: str) -> None:
        if kind not in KINDS:
            raise CollectionError(f"The kind of the bundle is {kind[:100]!r}; allowed are {', '.join(KINDS)}.")
        if not NAME.fullmatch(name):
            raise CollectionError(
                f"The name of the bundle is {name[:100]!r}; allowed is a moment in UTC such as 20261122T073000Z."
            )
        self.root = Path(root).expanduser().absolute()
        self.ring = check_name(ring, "The ring")
        self.kind = kind
        self.name = name
        self.final = self.root / ring / kind / name
        self.part = self.final.with_name(f".{name}.part")

    @property
    def sealed(self) -> bool:
        """Whether it is there whole."""
        return os.path.lexists(self.final)

    @property
    def being_sealed(self) -> bool:
        """Whether a sealing has begun and not ended. Its files may not change then; sealing it again goes on."""
        return not self.sealed and os.path.lexists(self.part / SEAL)

    @property
    def directory(self) -> Path:
        """Where its files are now."""
        return self.final if self.sealed else self.part

    def write(self, name: str, content: t.Any) -> None:
        """Write one file, in place of an earlier one of that name.

        :param name: may have directories, such as ``data/statements/1.dsse.json``.
        :param content: bytes and texts are written as they are, everything else as indented JSON with sorted keys.
        :raises CollectionError: for a name that no file of a bundle may have, or when the bundle is (being) sealed.
        """
        check_file_name(name)
        if name in OWN:
            raise CollectionError(f"{name} is written by the seal of the bundle alone.")
        self._check_open(name)
        data = content if isinstance(content, bytes) else as_text(content, name).encode()
        disk.write_file(self.part / name, data)

    def note(self, sentence: str) -> None:
        """Say in ``notes.md`` what is not as it usually is; the same sentence once."""
        line = f"- {' '.join(sentence.split())}\n"
        before = self.read(NOTES).decode() if NOTES in self.names() else "# What deviates\n\n"
        if line not in before:
            self.write(NOTES, before + line)

    def read(self, name: str) -> bytes:
        """The bytes of one file.

        :raises CollectionError: when it cannot be read.
        """
        try:
            return (self.directory / name).read_bytes()
        except OSError as error:
            raise CollectionError(f"{self.directory / name} cannot be read: {error.strerror}.") from None

    def document(self, name: str) -> t.Any:
        """The JSON document in one file.

        :raises CollectionError: when it is none.
        """
        return parsed(self.read(name), str(self.directory / name))

    def names(self) -> list[str]:
        """The files that were written, sorted; not those of the seal."""
        return [name for name in files_below(self.directory) if name not in OWN]

    def discard_leftovers(self) -> None:
        """Remove what a writer that died left half written."""
        for name in files_below(self.part, hidden=True):
            if PurePosixPath(name).name.startswith(disk.TEMPORARY):
                (self.part / name).unlink(missing_ok=True)

    def _check_open(self, name: str) -> None:
        if self.sealed:
            raise CollectionError(f"{name} cannot be written: the bundle {self.final} is sealed.")
        if self.being_sealed:
            raise CollectionError(
                f"{name} cannot be written: the bundle {self.final} was being sealed when that was interrupted; seal "
                "it again with the same name to finish it."
            )


def check_file_name(name: str) -> str:
    """The name itself.

    :raises CollectionError: when no file of a bundle may have it.
    """
    parts = name.split("/")
    if not all(_PART.fullmatch(part) for part in parts) or len(parts) > _DEEPEST:
        raise CollectionError(
            f"The file name {name[:200]!r} cannot stand in a bundle; allowed are letters, digits and . _ + @ = - after "
            f"a first letter, digit or _, with at most {_DEEPEST - 1} directories before it."
        )
    return name


def files_below(directory: Path, hidden: bool = False) -> list[str]:
    """The names of everything below a directory that is no directory, sorted, without following links.

    :param hidden: also those that begin with a dot.
    """
    found = []
    for where, _below, files in os.walk(directory):
        base = Path(where).relative_to(directory)
        found += [(base / file).as_posix() for file in files if hidden or not file.startswith(".")]
    return sorted(found)


def as_text(content: t.Any, name: str) -> str:
    """A text as it is; a document as JSON for people: indented, keys sorted, no line longer than it needs.

    :raises CollectionError: for what is no JSON.
    """
    if isinstance(content, str):
        return content
    try:
        return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise CollectionError(f"{name} cannot be written as JSON: {error}.") from None


def parsed(data: bytes, what: str) -> t.Any:
    """A JSON document in which each key stands once and every number is finite.

    :raises CollectionError: for anything else, naming ``what``.
    """
    try:
        return json.loads(data, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise CollectionError(f"{what} holds no JSON of the kind that is written here.") from None


def _once(pairs: list[tuple[str, t.Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(constant: str) -> t.NoReturn:
    raise ValueError(f"{constant} is no number")
