# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the lock of what a release's flows need: a requirements file in which every version is pinned and hashed."""

from __future__ import annotations

import itertools
import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party_build import (
    InvalidRequirement,
    Requirement,
    canonicalize_name,
    require,
)

_HASH = re.compile(r"--hash=(sha256|sha384|sha512):([0-9a-f]+)")
_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
_PIN = re.compile(r"==([A-Za-z0-9][A-Za-z0-9.+!_-]*)")


class Locked(t.NamedTuple):
    """One pinned distribution.

    :param name: in the one spelling that distributions have on an index.
    :param marker: for which environments, as the file has it; empty for all.
    :param hashes: algorithm and hexadecimal digits of each of its files, sorted.
    :param needed_by: the names of what needs it, as the file's comments say, sorted; the release itself is "".
    """

    name: str
    version: str
    marker: str
    hashes: tuple[tuple[str, str], ...]
    needed_by: tuple[str, ...]


def read(data: bytes, where: str) -> tuple[Locked, ...]:
    """The distributions that a requirements file locks, sorted.

    :param where: what messages name as the file.
    :raises CollectionError: for an entry that is not pinned with ``==`` or has no hash, for every option but
        ``--hash``, and for a file that locks nothing.
    """
    require()
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise CollectionError(f"{where} is no text in UTF-8.") from None
    entries: list[tuple[int, str, list[str]]] = []
    open_line = False
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text.startswith("#"):
            if entries:
                entries[-1][2].append(text.removeprefix("#").strip())
        elif text:
            joined = text.removesuffix("\\").strip()
            if open_line:
                entries[-1] = (entries[-1][0], f"{entries[-1][1]} {joined}", entries[-1][2])
            else:
                entries.append((number, joined, []))
        open_line = text.endswith("\\") and not text.startswith("#")
    locked = sorted({_locked(text, comments, f"{where}:{number}") for number, text, comments in entries})
    if not locked:
        raise CollectionError(f"{where} locks nothing; allowed is a requirements file with pinned, hashed versions.")
    for one, other in itertools.pairwise(locked):
        if one[:3] == other[:3]:
            raise CollectionError(f"{where} has {one.name}=={one.version} twice.")
    return tuple(locked)


def versions(locked: t.Iterable[Locked]) -> dict[str, tuple[str, ...]]:
    """The versions of each name, sorted; more than one where the lock tells environments apart by markers."""
    found: dict[str, set[str]] = {}
    for one in locked:
        found.setdefault(one.name, set()).add(one.version)
    return {name: tuple(sorted(found[name])) for name in sorted(found)}


def _locked(text: str, comments: t.Sequence[str], where: str) -> Locked:
    hashes = tuple(sorted(set(_HASH.findall(text))))
    wanted = " ".join(_HASH.sub(" ", text).split()).partition(" #")[0].strip()
    if wanted.startswith("-") or "--" in wanted:
        raise CollectionError(f"{where}: found the option {wanted[:100]!r}; allowed are pinned versions with --hash.")
    try:
        requirement = Requirement(wanted)
    except InvalidRequirement:
        raise CollectionError(f"{where}: {wanted[:100]!r} is no requirement; allowed is name==version.") from None
    pin = _PIN.fullmatch(str(requirement.specifier))
    if requirement.url is not None or pin is None:
        raise CollectionError(f"{where}: {wanted[:100]!r} is not pinned; allowed is name==version.")
    if not hashes or any(len(digits) != _DIGITS[algorithm] for algorithm, digits in hashes):
        raise CollectionError(f"{where}: {requirement.name} has no hash; allowed are versions with --hash=sha256:...")
    marker = wanted.partition(";")[2].strip()
    return Locked(canonicalize_name(requirement.name), pin[1], marker, hashes, _needed_by(comments))


def _needed_by(comments: t.Sequence[str]) -> tuple[str, ...]:
    """What the comments after ``via`` name, as pip-tools and uv write them; the release itself when they say nothing.

    A constraint (``-c``) only says which version.
    """
    words: list[str] = []
    after_via = False
    for comment in comments:
        if comment == "via" or comment.startswith("via "):
            after_via = True
        if after_via:
            words.append(comment.removeprefix("via").strip())
    names = {
        "" if word.startswith("-r") else str(canonicalize_name(word)) for word in words if word[:2] not in ("", "-c")
    }
    return tuple(sorted(names)) or ("",)
