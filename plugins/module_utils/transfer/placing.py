# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a transfer bundle in its place, with its sha256 and its bootstrap beside it, unless exactly that is there."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import disk
from ansible_collections.hotpass.prefect.plugins.module_utils.release.key_options import signing_key_from_params
from ansible_collections.hotpass.prefect.plugins.module_utils.release.keys import SigningKey
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import PROMOTER, Trust
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import reading
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import File, TransferDocument
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.receipt import Receipt
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.wheel_cache import hashed
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.wording import size_of
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.writing import Entry, Written, write

_ENDING = ".tar"


@dataclasses.dataclass
class Placed:
    """A bundle in its place, or in check mode one that would be.

    :ivar result: what a task returns of it; said is the same in one line.
    """

    changed: bool
    result: dict[str, t.Any]
    said: str
    diff: list[dict[str, t.Any]]
    warnings: list[str] = dataclasses.field(default_factory=list)


def signer_from_params(params: t.Mapping[str, t.Any], trust: Trust) -> SigningKey:
    """The key that seals a bundle, which has to be a promoter's of the ring that exports.

    :raises CollectionError: when there is none, or the ring does not believe it.
    """
    key = signing_key_from_params(params)
    if key is None:
        raise CollectionError(
            f"A transfer bundle is sealed by a promoter of the ring, and ring {params['ring']} has no signing_key; set "
            "ring_signing_key. A ring without signatures exports nothing, because no site could believe it."
        )
    known = trust.find(key.key_id)
    if known is None or PROMOTER not in known.roles:
        able = ", ".join(found.name for found in trust.having((PROMOTER,))) or "nobody"
        raise CollectionError(
            f"The key {key.name} is no promoter in the trust of ring {params['ring']}, so no site would believe what "
            f"it seals; {able} may seal."
        )
    return key


def place(
    target: str,
    stem: str,
    entries: t.Sequence[Entry],
    document: TransferDocument,
    signer: SigningKey,
    trust: Trust,
    *,
    base: Receipt | None = None,
    beside: t.Mapping[str, bytes] | None = None,
    check: bool = False,
    lacking: bool = False,
) -> Placed:
    """Write a bundle, read it as a site would, and put it in its place.

    :param target: a directory, or a file that ends in ``.tar``.
    :param stem: what the file in a directory is called, without its ending.
    :param beside: further files for the same directory, by name.
    :param lacking: in check mode, whether the entries are not all of them.
    :raises CollectionError: when it cannot be written, or its own reader refuses it.
    """
    path = _path(target, stem, base)
    with contextlib.ExitStack() as stack:
        workspace = stack.enter_context(_beside(path, check))
        written = write(workspace / path.name, entries, document, signer, base)
        _read_back(written, entries, trust, workspace)
        listing = f"{written.sha256}  {path.name}\n".encode()
        files = {path.with_name(f"{path.name}.sha256"): listing}
        files |= {path.with_name(name): data for name, data in (beside or {}).items()}
        stale = [file for file, data in files.items() if not _holds(file, data)]
        same = not lacking and _is(path, written)
        if not check:
            if not same:
                _move(written.path, path)
            for file in stale:
                disk.write_file(file, files[file])
    result = _result(path, written, document, lacking)
    return Placed(
        changed=not same or bool(stale),
        result=result,
        said=_said(result, same, check),
        diff=[] if same else [_diff(path, written, trust, base)],
    )


def _path(target: str, stem: str, base: Receipt | None) -> Path:
    path = Path(target)
    if path.name.endswith(_ENDING):
        return path
    delta = f"-since-{base.base.receipt.removeprefix('sha256:')[:12]}" if base else ""
    return path / f"{stem}{delta}{_ENDING}"


@contextlib.contextmanager
def _beside(path: Path, check: bool) -> t.Iterator[Path]:
    """A directory to write the bundle in: on the file system of its place, or in check mode anywhere else."""
    try:
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
        where = tempfile.TemporaryDirectory(prefix=".transfer-", dir=None if check else path.parent)
    except OSError as error:
        raise CollectionError(f"{path} cannot be written: {error.strerror}.") from None
    with where as name:
        yield Path(name)


def _read_back(written: Written, entries: t.Sequence[Entry], trust: Trust, workspace: Path) -> None:
    """Insist that a site takes it: what its reader refuses is found here, and not after the journey."""
    sources = {entry.name: entry.source for entry in entries}

    def have(name: str, _file: File) -> Path | None:
        source = sources[name]
        if isinstance(source, bytes):
            held = workspace / "held"
            disk.write_file(held / name.replace("/", "-"), source)
            return held / name.replace("/", "-")
        return source

    reading.verified(written.path, trust, have=have).close()


def _is(path: Path, written: Written) -> bool:
    try:
        if path.is_symlink() or path.stat().st_size != written.size:
            return False
    except OSError:
        return False
    return hashed(path)[0] == written.sha256


def _holds(path: Path, data: bytes) -> bool:
    try:
        return not path.is_symlink() and path.read_bytes() == data
    except OSError:
        return False


def _move(source: Path, target: Path) -> None:
    try:
        os.replace(source, target)
        disk.sync_directory(target.parent)
    except OSError as error:
        raise CollectionError(f"{target} cannot be written: {error.strerror}.") from None


def _result(path: Path, written: Written, document: TransferDocument, lacking: bool) -> dict[str, t.Any]:
    said = written.document
    name, version = document.collection
    return {
        "path": str(path),
        "sha256": None if lacking else written.sha256,
        "size": written.size,
        "seal": None if lacking else written.seal,
        "kind": said.kind,
        "solution": said.solution,
        "ring": said.ring,
        "collection": {"name": name, "version": version},
        "heads": {ring: head.to_json() for ring, head in said.heads.items()},
        "base": said.base.receipt if said.base else None,
        "files": len(said.files),
        "omitted": {"files": len(said.omitted), "size": sum(file.size for file in said.omitted.values())},
        "public_keys": [{"name": key.name, "roles": list(key.roles)} for key in said.keys],
    }


def _said(result: t.Mapping[str, t.Any], same: bool, check: bool) -> str:
    what = "is there already" if same else "would be written" if check else "is written"
    left = result["omitted"]
    spared = f"; the site has {left['files']} more, {size_of(left['size'])}" if left["files"] else ""
    return f"{result['path']} {what}: {result['files']} files, {size_of(result['size'])}{spared}"


def _diff(path: Path, written: Written, trust: Trust, base: Receipt | None) -> dict[str, t.Any]:
    """What is in the bundle that is there, if it can be read, and what is in the new one."""
    return {
        "before_header": str(path),
        "after_header": str(path),
        "before": _listed(path, trust, base),
        "after": _lines(written.document),
    }


def _listed(path: Path, trust: Trust, base: Receipt | None) -> str:
    if base is not None or not path.is_file():
        return ""
    try:
        with reading.verified(path, trust) as there:
            return _lines(there.document)
    except CollectionError:
        return ""


def _lines(document: TransferDocument) -> str:
    return "".join(f"{name} {document.files[name].sha256}\n" for name in sorted(document.files))
