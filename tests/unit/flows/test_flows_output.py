# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written: whole files, the same bytes for the same records, an archive that sha256sum can check."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import zipfile
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from hotpass.errors import HotpassError
from hotpass.output import SCHEMA, to_parquet, write_archive, write_atomically
from hotpass.records import Contact, Record

RECORD = Record(name="Tower", slug="tower", contact=Contact(role="Chief"), updated=date(2024, 1, 1), sources=("a", "b"))


def test_parquet_holds_every_value_under_its_column(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(to_parquet([RECORD]))
    frame = pl.read_parquet(path)
    assert frame.schema == SCHEMA
    filled = {name: value for name, value in frame.row(0, named=True).items() if value is not None}
    assert filled == {
        "slug": "tower",
        "name": "Tower",
        "contact_role": "Chief",
        "updated": date(2024, 1, 1),
        "sources": ["a", "b"],
    }


def test_no_records_still_have_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(to_parquet([]))
    assert pl.read_parquet(path).schema == SCHEMA


def test_an_archive_verifies_and_does_not_depend_on_when_it_was_made(tmp_path: Path) -> None:
    content = to_parquet([RECORD])
    digest = hashlib.sha256(content).hexdigest()
    path, archive_digest = write_archive(tmp_path / "dist", "latest.parquet", content)
    first = path.read_bytes()
    assert path.name == f"refined-data-{digest[:12]}.zip"
    assert archive_digest == hashlib.sha256(first).hexdigest()
    os.utime(path, (0, 0))
    assert write_archive(tmp_path / "dist", "latest.parquet", content)[0].read_bytes() == first
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        archive.extractall(tmp_path / "x")
    assert (tmp_path / "x" / "SHA256SUMS").read_text() == f"{digest}  latest.parquet\n"
    tool = shutil.which("sha256sum")
    if tool:
        subprocess.run([tool, "-c", "SHA256SUMS"], cwd=tmp_path / "x", check=True, capture_output=True)


def test_a_write_replaces_the_file_whole_and_keeps_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x.bin"
    write_atomically(path, b"old")
    with path.open("rb") as reader:
        write_atomically(path, b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["x.bin"]
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_write_that_fails_says_so_and_leaves_nothing_beside(tmp_path: Path) -> None:
    target = tmp_path / "x"
    (target / "child").mkdir(parents=True)
    with pytest.raises(HotpassError, match=f"cannot write {target}: Is a directory"):
        write_atomically(target, b"content")
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(HotpassError, match=r"cannot write .*: (Not a directory|File exists)"):
        write_atomically(tmp_path / "file" / "y", b"content")
