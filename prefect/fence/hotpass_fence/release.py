# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release as the fence reads it: manifest, config and bundle, of which every byte is checked."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from hotpass_fence.errors import Refused

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
ARTIFACT_TYPE = "application/vnd.hotpass.release.v1"
CONFIG_TYPE = "application/vnd.hotpass.release.config.v1+json"
BUNDLE_TYPE = "application/vnd.hotpass.release.bundle.v1.tar"
LARGEST_MANIFEST = 4 * 1024 * 1024

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HEX = re.compile(r"[0-9a-f]{64}")
_PATH = re.compile(r"[ -\[\]-~]+")
_LONGEST_PATH = 256
_BLOCK = 512


class Blob(NamedTuple):
    """A blob of a store: its digest, and its size in bytes."""

    digest: str
    size: int


class File(NamedTuple):
    """What the config says of a file: its SHA-256 in hexadecimal, its size in bytes, whether it can be executed."""

    sha256: str
    size: int
    executable: bool


@dataclass(frozen=True)
class Parts:
    """What a manifest names and the fence reads."""

    config: Blob
    bundle: Blob


def digest_of(data: bytes) -> str:
    """The name of some bytes: ``sha256:`` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def is_digest(value: Any) -> bool:
    """Whether a value is a digest of the only kind that is used here."""
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def parse_manifest(data: bytes) -> Parts:
    """The parts of a release, from its manifest.

    :raises Refused: when it is no manifest of a release.
    """
    document = _json(data, "manifest")
    if document.get("mediaType") != MANIFEST_TYPE or document.get("artifactType") != ARTIFACT_TYPE:
        raise Refused(f"The digest names no release, but {str(document.get('artifactType'))[:100]!r}.")
    layers = document.get("layers")
    bundles = [layer for layer in layers if _type(layer) == BUNDLE_TYPE] if isinstance(layers, list) else []
    if len(bundles) != 1 or _type(document.get("config")) != CONFIG_TYPE:
        raise Refused("The manifest of the release does not name one config and one bundle.")
    return Parts(_blob(document["config"]), _blob(bundles[0]))


def parse_config(data: bytes, solution: str) -> dict[str, File]:
    """The files of a release by their paths, from its config.

    :raises Refused: when it is of another schema or solution, or a path could lead out of the release.
    """
    document = _json(data, "config")
    if not is_whole(document.get("schema")) or document["schema"] != 1:
        raise Refused(f"The release has schema {document.get('schema')!r}; this fence reads schema 1.")
    if document.get("solution") != solution:
        raise Refused(f"The release is one of {str(document.get('solution'))[:100]!r}, not of {solution!r}.")
    listed = document.get("files")
    if not isinstance(listed, dict) or not listed:
        raise Refused("The config of the release lists no files.")
    files = {path: _file(path, entry) for path, entry in listed.items()}
    for path in files:
        above = next((parent for parent in parents(path) if parent in files), None)
        if above:
            raise Refused(f"The release lists {above!r} as a file, and {path!r} below it.")
    return files


def parents(path: str) -> Iterator[str]:
    """The directories above a path of a release, nearest first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def unpack(bundle: bytes, files: Mapping[str, File]) -> dict[str, bytes]:
    """The contents of a bundle by their paths: exactly the files that the config lists, with exactly their bytes.

    The bundle is an uncompressed USTAR archive of regular files. What the config does not list is not passed over.

    :raises Refused: for anything but the listed files, naming the first member at fault.
    """
    found: dict[str, bytes] = {}
    position = 0
    while any(header := bundle[position : position + _BLOCK]):
        path, size = _header(header, position)
        start, position = position + _BLOCK, position + _BLOCK + size + (-size % _BLOCK)
        data = bundle[start : start + size]
        if path not in files or path in found:
            how = "twice" if path in found else "though its config does not list it"
            raise Refused(f"The bundle of the release has {path[:200]!r} {how}.")
        wanted = files[path]
        if position > len(bundle) or len(data) != wanted.size or hashlib.sha256(data).hexdigest() != wanted.sha256:
            raise Refused(f"The bundle of the release has other bytes in {path!r} than its config lists.")
        found[path] = data
    if bundle[position:] != bytes(2 * _BLOCK):
        raise Refused("The bundle of the release does not end with two blocks of zeros.")
    missing = sorted(files.keys() - found.keys())
    if missing:
        raise Refused(f"The bundle of the release lacks {missing[0]!r}, which its config lists.")
    return found


def _header(block: bytes, position: int) -> tuple[str, int]:
    """Path and size of a member, from its header."""
    where = f"The bundle of the release, at byte {position},"
    if len(block) < _BLOCK:
        raise Refused(f"{where} ends within a header.")
    total = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    if block[257:265] != b"ustar\x0000" or _octal(block[148:156]) != total:
        raise Refused(f"{where} has no USTAR header.")
    name, prefix = (block[start:end].rstrip(b"\0") for start, end in ((0, 100), (345, 500)))
    path = (prefix + b"/" + name if prefix else name).decode("ascii", "backslashreplace")
    if block[156:157] != b"0":
        raise Refused(f"{where} has {path[:200]!r}, which is no regular file.")
    size = _octal(block[124:136])
    if size is None:
        raise Refused(f"{where} has no size for {path[:200]!r}.")
    return path, size


def _octal(field: bytes) -> int | None:
    digits = field.rstrip(b"\0 ")
    return int(digits, 8) if re.fullmatch(rb"[0-7]+", digits) else None


def _file(path: str, entry: Any) -> File:
    steps = path.split("/")
    if not _PATH.fullmatch(path) or len(path) > _LONGEST_PATH or any(step in ("", ".", "..") for step in steps):
        raise Refused(f"The release lists the path {path[:200]!r}, which is none below its root.")
    if (
        not isinstance(entry, dict)
        or not isinstance(entry.get("sha256"), str)
        or not _HEX.fullmatch(entry["sha256"])
        or not is_whole(entry.get("size"))
        or not isinstance(entry.get("executable"), bool)
    ):
        raise Refused(f"The release does not say what {path!r} holds.")
    return File(entry["sha256"], entry["size"], entry["executable"])


def _type(descriptor: Any) -> Any:
    return descriptor.get("mediaType") if isinstance(descriptor, dict) else None


def _blob(descriptor: Mapping[str, Any]) -> Blob:
    digest, size = descriptor.get("digest"), descriptor.get("size")
    if not is_digest(digest) or not is_whole(size) or size < 0:
        raise Refused("The manifest of the release names a part without its digest and size.")
    return Blob(str(digest), size)


def _json(data: bytes, what: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError as error:
        raise Refused(f"The {what} of the release is no JSON.") from error
    if not isinstance(document, dict):
        raise Refused(f"The {what} of the release is no JSON object.")
    return document
