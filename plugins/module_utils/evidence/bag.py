# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The BagIt side of a bundle (RFC 8493, version 1.0): which files there are, and what each hashes to.

What people look for lies at the top as tag files; ``data/`` is the payload. Both are listed, so together with the two
manifests every byte of the bundle is named, except the seal's own.
"""

from __future__ import annotations

import hashlib
import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import (
    BAG_INFO,
    BAGIT,
    MANIFEST,
    SEAL,
    TAG_MANIFEST,
)

DECLARATION: t.Final = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
PAYLOAD: t.Final = "data/"

_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_][A-Za-z0-9._+@=/-]*)")
_SOFTWARE = "hotpass.prefect"


def tag_files(files: t.Mapping[str, bytes], identifier: str, date: str) -> dict[str, bytes]:
    """The four files that make a bag of some files, by name.

    :param files: all others of the bundle, by name.
    :param identifier: what the bag is called everywhere.
    :param date: ``YYYY-MM-DD``.
    """
    made = {
        BAGIT: DECLARATION,
        BAG_INFO: bag_info(files, identifier, date),
        MANIFEST: manifest({name: data for name, data in files.items() if name.startswith(PAYLOAD)}),
    }
    tags = {name: data for name, data in files.items() if not name.startswith(PAYLOAD)}
    return {**made, TAG_MANIFEST: manifest({**tags, **made})}


def bag_info(files: t.Mapping[str, bytes], identifier: str, date: str) -> bytes:
    """``bag-info.txt``, the same for the same files."""
    payload = [data for name, data in files.items() if name.startswith(PAYLOAD)]
    return (
        f"Bag-Software-Agent: {_SOFTWARE}\n"
        f"Bagging-Date: {date}\n"
        f"External-Identifier: {identifier}\n"
        f"Payload-Oxum: {sum(map(len, payload))}.{len(payload)}\n"
    ).encode()


def manifest(files: t.Mapping[str, bytes]) -> bytes:
    """One line for each file, sorted: its sha256, two spaces, its name, as ``sha256sum`` reads it."""
    return "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)).encode()


def listed(data: bytes, name: str) -> dict[str, str]:
    """What a manifest lists: hexadecimal digits by file.

    :param name: of the manifest.
    :raises CollectionError: for one that is not written in the one way that :func:`manifest` writes.
    """
    found: dict[str, str] = {}
    *lines, rest = data.decode("ascii", "replace").split("\n")
    if rest:
        raise CollectionError(f"The last line of {name} does not end.")
    before = ""
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] <= before:
            raise CollectionError(f"Line {number} of {name} is not a sha256, two spaces and the next file in order.")
        before = match[2]
        found[before] = match[1]
    return found


def differences(files: t.Mapping[str, bytes], manifests: t.Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Where files and the two manifests disagree: pairs of a file and what is wrong with it.

    :param files: all of the bundle, the manifests among them.
    :param manifests: the two, by name.
    """
    problems: list[tuple[str, str]] = []
    covered = {SEAL, TAG_MANIFEST}
    for name, data in manifests.items():
        try:
            entries = listed(data, name)
        except CollectionError as error:
            problems.append((name, error.message))
            continue
        for file, wanted in entries.items():
            covered.add(file)
            if file.startswith(PAYLOAD) != (name == MANIFEST):
                problems.append((file, f"is listed in {name}, where it does not belong"))
            elif file not in files:
                problems.append((file, f"is missing; {name} lists it"))
            elif hashlib.sha256(files[file]).hexdigest() != wanted:
                problems.append((file, f"is not what it was when it was sealed; {name} lists another sha256"))
    problems += [(file, "was added; no manifest lists it") for file in sorted(files.keys() - covered)]
    return problems
