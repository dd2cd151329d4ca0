# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as a tarball that is the same whenever and wherever it is packed.

A checkout is built by ansible-galaxy, whose tarball holds the time; its parts are packed once more, when they are those
of the commit. An installed collection has the two lists that such a tarball begins with, and its files are checked
against them. Either way the tarball of one version is the same bytes. It is gzip without compression, because what a
compressor writes differs between its versions, and the wheels beside it are a hundred times larger.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
import tarfile
import typing as t
import zlib
from io import BytesIO
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.room import RunCommand
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import checkout
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.workspace import workspace

_MANIFEST, _FILES, _GALAXY = "MANIFEST.json", "FILES.json", "galaxy.yml"
_BLOCK = 65_535
_HEADER = b"\x1f\x8b\x08" + bytes(6) + b"\xff"


@dataclasses.dataclass(frozen=True)
class Tarball:
    """A packed collection.

    :param name: such as ``hotpass.prefect``.
    :param data: of the whole tarball.
    :param warnings: sentences on what it was built of.
    """

    name: str
    version: str
    data: bytes
    _files: t.Mapping[str, bytes] = dataclasses.field(repr=False, compare=False)
    warnings: tuple[str, ...] = ()

    def read(self, path: str) -> bytes:
        """The bytes of a file in it.

        :raises CollectionError: when it has none at that path.
        """
        try:
            return self._files[path]
        except KeyError:
            raise CollectionError(
                f"The collection {self.name} {self.version} has no file {path}, which a transfer bundle takes from it."
            ) from None


class _Part(t.NamedTuple):
    data: bytes
    executable: bool


def pack(root: Path, run_command: RunCommand, python: str, allow_dirty: bool = False) -> Tarball:
    """The tarball of the collection at a place, which is a checkout or an installed collection.

    :param python: path of a Python that has Ansible; it builds a checkout.
    :param allow_dirty: take a checkout that is not its commit, and warn of it, instead of refusing it.
    :raises CollectionError: when there is no collection, it cannot be built, a checkout is not its commit, or an
        installed one was changed.
    """
    if (root / _MANIFEST).is_file():
        cure = "install the collection again, or export from a checkout"
        return _packed(_installed(root), f"The collection installed in {root}", cure)
    if (root / _GALAXY).is_file():
        return _checked_out(root, run_command, python, allow_dirty)
    raise CollectionError(
        f"In {root} there is neither {_GALAXY} nor {_MANIFEST}; name the root of a checkout, or of an installed "
        "collection."
    )


def _checked_out(root: Path, run_command: RunCommand, python: str, allow_dirty: bool) -> Tarball:
    """What is built of a checkout, when it is that of its commit, or need not be."""
    committed, warnings = None, []
    try:
        committed = checkout.commit_of(root, run_command)
    except CollectionError as error:
        if not allow_dirty:
            raise
        warnings = [error.message]
    built = _built(root, run_command, python)

    def read(name: str) -> _Part:
        part, known = built(name), (committed or {}).get(name)
        return part if known is None else part._replace(executable=known.executable)

    cure = "somebody wrote into the checkout while it was built, so run again"
    packed = _packed(read, f"The collection built from {root}", cure)
    if committed is not None:
        # galaxy.yml says what goes in, and is not in it; the two lists are made by ansible-galaxy.
        made = {_GALAXY: _read(root / _GALAXY)}
        made |= {path: data for path, data in packed._files.items() if path not in (_MANIFEST, _FILES)}
        found = checkout.differing(root, committed, made)
        if found and not allow_dirty:
            raise CollectionError(checkout.refusal(root, found), differing=found)
        warnings += [checkout.warning(root, found)] if found else []
    return dataclasses.replace(packed, warnings=tuple(warnings))


def _built(root: Path, run_command: RunCommand, python: str) -> t.Callable[[str], _Part]:
    with workspace() as temporary:
        argv = [python, "-m", "ansible", "galaxy", "collection", "build", str(root), "--output-path", str(temporary)]
        try:
            # Ansible refuses the standard input that a worker of Ansible has.
            answer = run_command(argv, env={"ANSIBLE_NOCOLOR": "1"}, data="")
        except OSError as error:
            raise CollectionError(f"{python} cannot be run: {error.strerror}.") from None
        found = sorted(temporary.glob("*.tar.gz"))
        if answer.rc != 0 or len(found) != 1:
            lines = [line.strip() for line in answer.stderr.splitlines() if line.strip()] or ["it said nothing"]
            raise CollectionError(f"ansible-galaxy could not build the collection in {root}: {lines[-1][:300]}")
        try:
            parts = _unpacked(found[0], root)
        except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
            raise CollectionError(f"{found[0]}, built from {root}, cannot be read: {error}.") from None
    return lambda name: parts[name]


def _unpacked(path: Path, root: Path) -> dict[str, _Part]:
    parts: dict[str, _Part] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile():
                data = t.cast("t.IO[bytes]", archive.extractfile(member)).read()
                parts[member.name] = _Part(data, bool(member.mode & 0o100))
            elif not member.isdir():
                raise CollectionError(f"{root} has a link at {member.name}; the collection takes regular files.")
    return parts


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CollectionError(f"{path} cannot be read: {error.strerror}.") from None


def _installed(root: Path) -> t.Callable[[str], _Part]:
    def read(name: str) -> _Part:
        path = root / name
        try:
            if path.is_symlink():
                raise CollectionError(f"{path} is a symbolic link; install the collection again.")
            return _Part(path.read_bytes(), bool(path.stat().st_mode & 0o100))
        except OSError as error:
            raise CollectionError(
                f"The installed collection lacks {path}: {error.strerror}; install the collection again."
            ) from None

    return read


def _packed(read: t.Callable[[str], _Part], what: str, cure: str) -> Tarball:
    """Read, check and pack what the two lists name, and nothing else."""
    manifest, files = read(_MANIFEST), read(_FILES)
    try:
        info, listed = json.loads(manifest.data), json.loads(files.data)["files"]
        name = f"{info['collection_info']['namespace']}.{info['collection_info']['name']}"
        version = str(info["collection_info"]["version"])
        wanted = info["file_manifest_file"]["chksum_sha256"]
        entries = [(str(one["name"]), one["ftype"] == "dir", one["chksum_sha256"]) for one in listed]
    except (ValueError, TypeError, KeyError) as error:
        raise CollectionError(f"{what} has a {_MANIFEST} or {_FILES} that is none: {error}.") from None
    _check(what, _FILES, files.data, wanted, cure)
    members: list[tuple[str, _Part | None]] = [(_MANIFEST, manifest), (_FILES, files)]
    # ansible-galaxy lists the root twice; it is none of what is packed.
    for path, directory, digest in entries:
        if path == ".":
            continue
        if path.startswith("/") or ".." in path.split("/"):
            raise CollectionError(f"{what} lists the file {path[:200]!r}, which is outside of it.")
        part = None if directory else read(path)
        if part is not None:
            _check(what, path, part.data, digest, cure)
        members.append((path, part))
    kept = {path: part.data for path, part in members if part is not None}
    return Tarball(name, version, _gzipped(_tarred(members)), kept)


def _check(what: str, path: str, data: bytes, digest: t.Any, cure: str) -> None:
    if hashlib.sha256(data).hexdigest() != digest:
        raise CollectionError(f"{what} was changed: {path} is not what its list of hashes says; {cure}.")


def _tarred(members: t.Iterable[tuple[str, _Part | None]]) -> bytes:
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, part in members:
            entry = tarfile.TarInfo(path)
            if part is None:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(entry)
            else:
                entry.size, entry.mode = len(part.data), 0o755 if part.executable else 0o644
                archive.addfile(entry, BytesIO(part.data))
    return buffer.getvalue()


def _gzipped(data: bytes) -> bytes:
    """RFC 1952 around stored blocks of RFC 1951: no name, no time, no system."""
    blocks = [data[start : start + _BLOCK] for start in range(0, len(data), _BLOCK)]
    stored = [
        struct.pack("<BHH", number == len(blocks), len(block), len(block) ^ 0xFFFF) + block
        for number, block in enumerate(blocks, 1)
    ]
    return b"".join([_HEADER, *stored, struct.pack("<II", zlib.crc32(data), len(data))])
