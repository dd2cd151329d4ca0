# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tarball of a collection: one form of it, read by others, and made of an unchanged collection only."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.room import CommandResult
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.collection_tarball import Tarball, pack

_BIG = bytes(range(256)) * 600


def _no_command(*_argv: t.Any, **_options: t.Any) -> CommandResult:
    raise AssertionError("an installed collection needs no command")


def _listed(name: str, data: bytes | None) -> dict[str, t.Any]:
    digest = None if data is None else hashlib.sha256(data).hexdigest()
    kind = "dir" if data is None else "file"
    return {"name": name, "ftype": kind, "chksum_type": digest and "sha256", "chksum_sha256": digest, "format": 1}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A collection as ansible-galaxy installs one."""
    root = tmp_path / "acme" / "tools"
    files = {"README.md": b"# tools\n", "plugins/big.bin": _BIG, "roles/run.sh": b"#!/bin/sh\n", "meta/empty.txt": b""}
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / "roles/run.sh").chmod(0o755)
    entries = [_listed(".", None), _listed("plugins", None), *(_listed(name, data) for name, data in files.items())]
    listed = json.dumps({"files": entries, "format": 1}).encode()
    (root / "FILES.json").write_bytes(listed)
    info = {"namespace": "acme", "name": "tools", "version": "1.2.3"}
    manifest = {"collection_info": info, "file_manifest_file": _listed("FILES.json", listed), "format": 1}
    (root / "MANIFEST.json").write_text(json.dumps(manifest), encoding="utf-8")
    return root


def _pack(root: Path) -> Tarball:
    return pack(root, _no_command, "/nowhere/python")


def test_others_read_it(root: Path) -> None:
    packed = _pack(root)
    assert (packed.name, packed.version) == ("acme.tools", "1.2.3")
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed.data))) as archive:
        found = {member.name: member for member in archive}
        assert list(found)[:2] == ["MANIFEST.json", "FILES.json"]
        assert found["plugins"].isdir()
        for name in ("README.md", "plugins/big.bin", "meta/empty.txt"):
            assert t.cast("t.IO[bytes]", archive.extractfile(name)).read() == (root / name).read_bytes()
            assert packed.read(name) == (root / name).read_bytes()
    assert (found["roles/run.sh"].mode, found["README.md"].mode) == (0o755, 0o644)
    assert {(member.mtime, member.uid, member.gid, member.uname, member.gname) for member in found.values()} == {
        (0, 0, 0, "", "")
    }


def test_only_the_contents_count(root: Path, tmp_path: Path) -> None:
    packed = _pack(root)
    (root / "left.over").write_text("not listed", encoding="utf-8")
    (root / "README.md").touch()
    (root / "README.md").chmod(0o600)
    moved = root.rename(tmp_path / "moved")
    assert _pack(moved).data == packed.data


@pytest.mark.parametrize("name", ["README.md", "plugins/big.bin", "meta/empty.txt", "FILES.json"])
def test_a_changed_file_is_named(root: Path, name: str) -> None:
    (root / name).write_bytes((root / name).read_bytes() + b" ")
    with pytest.raises(CollectionError, match=rf"was changed: {name} is not what its list of hashes says"):
        _pack(root)


def test_a_missing_file_a_link_and_a_list_that_leads_outside_are_refused(root: Path) -> None:
    (root / "README.md").unlink()
    with pytest.raises(CollectionError, match=r"lacks .*README\.md: No such file"):
        _pack(root)
    (root / "README.md").symlink_to("plugins/big.bin")
    with pytest.raises(CollectionError, match=r"README\.md is a symbolic link"):
        _pack(root)
    listed = json.dumps({"files": [_listed("../outside", b"x")], "format": 1}).encode()
    (root / "FILES.json").write_bytes(listed)
    manifest = json.loads((root / "MANIFEST.json").read_text())
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(listed).hexdigest()
    (root / "MANIFEST.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(CollectionError, match=r"lists the file '\.\./outside', which is outside of it"):
        _pack(root)


def test_what_is_no_collection_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match=r"neither galaxy\.yml nor MANIFEST\.json"):
        _pack(tmp_path)
    with pytest.raises(CollectionError, match=r"acme\.tools 1\.2\.3 has no file requirements/runtime\.txt"):
        _pack(root).read("requirements/runtime.txt")
    (root / "MANIFEST.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CollectionError, match=r"MANIFEST\.json or FILES\.json that is none: 'collection_info'"):
        _pack(root)
