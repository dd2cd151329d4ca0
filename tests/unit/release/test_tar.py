# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle's one form: what is written, that standard tools read it, and that nothing else is taken."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.tar import (
    BadBundle,
    Member,
    check_paths,
    pack,
    unpack,
)

LONG = f"{'d' * 80}/{'e' * 60}/{'f' * 100}"
MEMBERS = [
    Member("flows/lab/run.sh", b"#!/bin/sh\n", True),
    Member("flows/lab/empty.py", b"", False),
    Member(LONG, b"x" * 512, False),
    Member("a b/c+d@e.txt", b"y" * 513, False),
]


def test_the_bytes_never_change() -> None:
    assert (
        hashlib.sha256(pack(MEMBERS)).hexdigest() == "111313466d7ac2ebf43bb7198bdaca0228f4fd1dde307f9fb179a7342c84dc73"
    )
    assert pack([]) == bytes(1024)


def test_what_is_packed_is_unpacked_in_order() -> None:
    assert unpack(pack(MEMBERS)) == sorted(MEMBERS)
    assert pack(reversed(MEMBERS)) == pack(MEMBERS)


def test_python_and_tar_read_it(tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(pack(MEMBERS))) as archive:
        infos = archive.getmembers()
        contents = {info.name: t.cast("t.IO[bytes]", archive.extractfile(info)).read() for info in infos}
    assert contents == {member.path: member.data for member in MEMBERS}
    assert {(info.mtime, info.uid, info.gid, info.uname, info.gname) for info in infos} == {(0, 0, 0, "", "")}
    assert {info.name: info.mode for info in infos if info.mode != 0o644} == {"flows/lab/run.sh": 0o755}
    (tmp_path / "bundle.tar").write_bytes(pack(MEMBERS))
    done = subprocess.run(["tar", "-xf", tmp_path / "bundle.tar", "-C", tmp_path], capture_output=True, check=True)
    assert done.stderr == b""
    assert all((tmp_path / member.path).read_bytes() == member.data for member in MEMBERS)


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (["/etc/passwd"], "allowed are paths below its root"),
        (["flows/../../x"], "allowed are paths below its root"),
        (["flows/./x"], "allowed are paths below its root"),
        (["flows//x"], "allowed are paths below its root"),
        (["flows/"], "allowed are paths below its root"),
        ([""], "printable ASCII"),
        (["flows/caf\u00e9.py"], "printable ASCII"),
        (["flows\\x"], "printable ASCII"),
        (["flows/a\nb"], "printable ASCII"),
        (["a", "a"], "twice"),
        (["a/Read.py", "a/read.py"], "upper from lower case"),
        (["Lab/a.py", "lab/b.py"], "upper from lower case"),
        (["a", "a/b"], "one or the other"),
        (["a/b/c/d", "a/b"], "one or the other"),
    ],
)
def test_paths_that_are_not_the_same_everywhere_are_refused(paths: list[str], said: str) -> None:
    with pytest.raises(BadBundle, match=said):
        check_paths(paths)
    with pytest.raises(BadBundle):
        pack([Member(path, b"", False) for path in paths])


@pytest.mark.parametrize("path", ["x" * 101, f"a/{'x' * 101}", f"{'x' * 156}/y", f"{'a/' * 128}b"])
def test_paths_that_do_not_fit_are_refused(path: str) -> None:
    with pytest.raises(BadBundle, match="too long for a release"):
        pack([Member(path, b"", False)])


@pytest.mark.parametrize("path", ["x" * 100, f"{'x' * 155}/{'y' * 100}", f"{'a/' * 77}{'y' * 100}"])
def test_the_longest_paths_fit(path: str) -> None:
    assert unpack(pack([Member(path, b"1", False)])) == [Member(path, b"1", False)]
    with tarfile.open(fileobj=io.BytesIO(pack([Member(path, b"1", False)]))) as archive:
        assert archive.getnames() == [path]


def archive(*infos: tarfile.TarInfo, format: int = tarfile.USTAR_FORMAT) -> bytes:
    """An archive as other tools write it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format) as made:
        for info in infos:
            made.addfile(info, io.BytesIO(b"x" * info.size))
    return stream.getvalue()


def entry(name: str = "flows/a.py", **fields: t.Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (archive(entry(type=tarfile.SYMTYPE, linkname="/etc/passwd")), "a symbolic link at 'flows/a.py'"),
        (archive(entry(type=tarfile.LNKTYPE, linkname="flows/b.py")), "a hard link at"),
        (archive(entry(type=tarfile.CHRTYPE, devmajor=1, devminor=3)), "a character device at"),
        (archive(entry(type=tarfile.BLKTYPE)), "a block device at"),
        (archive(entry(type=tarfile.FIFOTYPE)), "a FIFO at"),
        (archive(entry(type=tarfile.DIRTYPE)), "a directory entry at"),
        (archive(entry("x" * 120), format=tarfile.GNU_FORMAT), "an entry of type b'L'"),
        (archive(entry("caf\u00e9"), format=tarfile.PAX_FORMAT), "an entry of type b'x'"),
        (archive(entry("../../etc/passwd")), "allowed are paths below its root"),
        (archive(entry("/etc/passwd")), "allowed are paths below its root"),
        (archive(entry(mode=0o4755)), "its mode, owner, time, size or checksum differs"),
        (archive(entry(mode=0o600)), "its mode, owner, time, size or checksum differs"),
        (archive(entry(uid=1000)), "its mode, owner, time, size or checksum differs"),
        (archive(entry(uname="root")), "its mode, owner, time, size or checksum differs"),
        (archive(entry(mtime=1)), "its mode, owner, time, size or checksum differs"),
        (archive(entry("b"), entry("a")), "'a' after 'b'"),
        (archive(entry("a"), entry("a")), "'a' twice"),
        (archive(entry("A/x"), entry("a/y")), "upper from lower case"),
        (archive(entry("a"), entry("a/b")), "one or the other"),
        (archive(entry()), "does not end as a bundle does"),
        (b"", "does not end as a bundle does"),
        (pack(MEMBERS)[:-1], "does not end as a bundle does"),
        (pack(MEMBERS) + b"\0", "does not end as a bundle does"),
        (pack(MEMBERS)[:700], "cut short"),
        (pack(MEMBERS)[:-1100], "cut short"),
        (b"not an archive", "cut short"),
        (b"\x1f\x8b" * 600, "printable ASCII|an entry of type|there is no header"),
    ],
)
def test_no_other_archive_is_taken(made: bytes, said: str) -> None:
    with pytest.raises(BadBundle, match=said):
        unpack(made)


def test_bytes_between_files_are_refused() -> None:
    made = bytearray(pack([Member("a", b"1", False)]))
    made[512 + 1] = 1
    with pytest.raises(BadBundle, match="bytes after the end of 'a'"):
        unpack(bytes(made))


def test_a_size_that_is_no_number_is_refused() -> None:
    made = bytearray(pack([Member("a", b"1", False)]))
    made[124:135] = b"0000000000_"
    with pytest.raises(BadBundle, match="its mode, owner, time, size"):
        unpack(bytes(made))
