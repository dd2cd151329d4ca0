# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile and damaged archives: each is refused for its reason, and the last good restore is as it was."""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpass.archive_frame import read_frame
from hotpass.archive_members import ArchiveLimits
from hotpass.archives import Restored, restore
from hotpass.errors import HotpassError
from hotpass.swapping import staged, swap_in
from tests.support.raw_zip import DEFLATED, ENCRYPTED, UTF8, Raw, with_zip64_end, zip_of

GOOD = {"a.xlsx": b"good", "sub/b.xlsx": b"also good"}
LIMITS = ArchiveLimits(
    max_archive_bytes=200_000, max_members=20, max_member_bytes=3_000_000, max_total_bytes=5_000_000, max_ratio=50
)
PLAIN = Raw("b")
ZEROS = bytes(2_500_000)
SIZED = zip_of(Raw("a", b"0123456789"))

# The end of an archive with 21 members, hidden in the comment of one with one; a byte behind it spoils its length.
HIDDEN = zip_of(*(Raw(f"{n}", b"") for n in range(21)))
_BODY = len(zip_of(PLAIN)) - 22


def _deceiving(behind: bytes) -> bytes:
    """Return an archive whose end says one member, with an end in its comment that says 21."""
    entries, ended = HIDDEN[HIDDEN.index(b"PK\x01\x02") : -22], _BODY + 22
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 21, 21, len(entries), ended, 0)
    return zip_of(PLAIN, comment=entries + end + behind)


def _zip64_behind(*members: Raw, comment: int, lie: bool = False) -> bytes:
    """Return an archive with an end of zip64 before a comment of so many bytes.

    A lie is an older end that tells of one member and a directory of 46 bytes, which lies where it says.
    """
    whole = with_zip64_end(*members)[:-22]
    told = (1, 1, 46, len(whole) - 46) if lie else (0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    return whole + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, *told, comment) + b"c" * comment


CORPUS: dict[str, tuple[bytes, str]] = {
    "escape": (zip_of(Raw("../a")), r"member '\.\./a' leaves the target by '\.\.' in its name"),
    "escape further down": (zip_of(Raw("a/../../b")), r"member 'a/\.\./\.\./b' leaves the target"),
    "escape of a directory": (zip_of(Raw("../", b"", mode=0o40755)), r"member '\.\./' leaves the target"),
    "absolute": (zip_of(Raw("/etc/a")), "member '/etc/a' has an absolute name"),
    "drive letter": (zip_of(Raw("C:/a")), "member 'C:/a' has a drive letter"),
    "drive letter without slash": (zip_of(Raw("c:a")), "member 'c:a' has a drive letter"),
    "backslash": (zip_of(Raw("..\\a")), r"member '\.\.\\\\a' has a backslash"),
    "control character": (zip_of(Raw("a\x1b[2J")), r"member 'a\\x1b\[2J' has a control character"),
    "NUL hides the rest of a name": (zip_of(Raw("a.xlsx\x00.exe")), r"member 'a\.xlsx\\x00\.exe' has a second name"),
    "empty part": (zip_of(Raw("a//b")), "member 'a//b' has an empty part or '.'"),
    "dot part": (zip_of(Raw("./a")), r"member '\./a' has an empty part or '\.'"),
    "no name": (zip_of(Raw("")), "member '' has an empty part"),
    "long part": (zip_of(Raw("x" * 256)), r"has a part of more than 255 bytes in its name"),
    "long part in bytes": (zip_of(Raw("é" * 128)), r"has a part of more than 255 bytes in its name"),
    "long name": (zip_of(Raw("/".join(["x" * 200] * 6))), "has a name of more than 1024 bytes"),
    "deep": (zip_of(Raw("/".join("x" * 17))), "lies more than 16 directories deep"),
    "name that is no UTF-8": (zip_of(Raw(b"\xff\xfe")), "has a damaged directory"),
    "symbolic link": (zip_of(Raw("a", b"/etc/passwd", mode=stat.S_IFLNK | 0o777)), "member 'a' is a symbolic link"),
    "character device": (zip_of(Raw("a", mode=stat.S_IFCHR | 0o666)), "member 'a' is a character device"),
    "block device": (zip_of(Raw("a", mode=stat.S_IFBLK | 0o666)), "member 'a' is a block device"),
    "named pipe": (zip_of(Raw("a", mode=stat.S_IFIFO | 0o666)), "member 'a' is a named pipe"),
    "socket": (zip_of(Raw("a", mode=stat.S_IFSOCK | 0o666)), "member 'a' is a socket"),
    "unknown kind": (zip_of(Raw("a", mode=0o030644)), "member 'a' is of the unknown kind 0o30000"),
    "directory named as a file": (zip_of(Raw("a", b"", mode=0o40755)), "member 'a' is a file by its name"),
    "file named as a directory": (zip_of(Raw("a/", b"")), "member 'a/' is a file by its name"),
    "directory with content": (zip_of(Raw("a/", mode=0o40755)), "member 'a/' is a directory with content"),
    "twice": (zip_of(Raw("a"), PLAIN, Raw("a")), "member 'a' occurs twice"),
    "case": (zip_of(Raw("a.xlsx"), Raw("A.XLSX")), r"member 'A\.XLSX' differs from 'a\.xlsx' only in case or form"),
    "case of another alphabet": (zip_of(Raw("straße"), Raw("STRASSE")), "differs from .* only in case or form"),
    "Unicode form": (
        zip_of(Raw("\u00e9"), Raw("e\u0301")),
        r"member 'e\\u0301' differs from '\\xe9' only in case or form",
    ),
    "Unicode compatibility": (zip_of(Raw("\ufb01"), Raw("fi")), "differs from .* only in case or form"),
    "dot behind": (zip_of(Raw("a"), Raw("a. ")), "differs from 'a' only in case or form"),
    "file that is a directory": (zip_of(Raw("a"), Raw("a/b")), "member 'a' is a file, and the directory of 'a/b'"),
    "directory that is a file": (zip_of(Raw("a/b"), Raw("A")), "differs from 'a' only in case|is a file, and the dir"),
    "case of directories": (zip_of(Raw("a/x"), Raw("A/y")), "member 'A/y' lies in a directory that differs from 'a'"),
    "encrypted": (zip_of(Raw("a", flags=UTF8 | ENCRYPTED)), "member 'a' is encrypted"),
    "strongly encrypted": (zip_of(Raw("a", flags=UTF8 | 0x41)), "member 'a' is encrypted"),
    "encrypted by its own header": (zip_of(Raw("a", local_flags=UTF8 | ENCRYPTED)), "is described differently"),
    "patch": (zip_of(Raw("a", flags=UTF8 | 0x20)), "member 'a' is a patch"),
    "bzip2": (
        zip_of(Raw("a", method=12)),
        "compressed by the method 12, which is not supported; allowed are 0 .* and 8",
    ),
    "LZMA": (zip_of(Raw("a", method=14)), "compressed by the method 14"),
    "unknown method": (zip_of(Raw("a", method=99)), "compressed by the method 99"),
    "other method in its own header": (zip_of(Raw("a", local_method=8)), "member 'a' is described differently"),
    "other name in its own header": (
        zip_of(Raw("a", local_name=b"b")),
        "member 'a' is damaged: File name in directory",
    ),
    "CRC": (zip_of(Raw("a", crc=1)), "member 'a' is damaged: Bad CRC-32"),
    "changed byte": (SIZED.replace(b"0123456789", b"0123456780"), "member 'a' is damaged: Bad CRC-32"),
    "damaged stream": (zip_of(Raw("a", b"x" * 500, method=DEFLATED, spoiled=True)), "member 'a' is damaged"),
    "smaller than it says": (zip_of(Raw("a", size=9)), "member 'a' says it is 9 bytes, and 7 came out of it"),
    "larger than it says": (zip_of(Raw("a", b"x" * 500, DEFLATED, size=9)), "member 'a' is damaged: Bad CRC-32"),
    "zip64 size": (
        zip_of(Raw("a", size=2**40, zip64=True)),
        "member 'a' says it is 1099511627776 bytes; max_member_by",
    ),
    "zip64 size that is a small lie": (
        zip_of(Raw("a", size=8, zip64=True)),
        "says it is 8 bytes, and 7 came out of it",
    ),
    "zip64 end elsewhere": (with_zip64_end(PLAIN, position=0), "zip64 end that is not where it has to be"),
    "zip64 end of another mark": (
        with_zip64_end(PLAIN, mark=b"PK\x01\x02"),
        "zip64 end that is not where it has to be",
    ),
    "zip64 end of another length": (with_zip64_end(PLAIN, record_bytes=60), "has a zip64 end of the wrong length"),
    "large member": (
        zip_of(Raw("a", bytes(3_000_001), DEFLATED)),
        "says it is 3000001 bytes; max_member_bytes is 3000000",
    ),
    "large in total": (
        zip_of(*(Raw(name, ZEROS, DEFLATED) for name in "abc")),
        "says it unpacks to 7500000 bytes; max_total_bytes is 5000000",
    ),
    "ratio of a member": (zip_of(Raw("a", ZEROS, DEFLATED)), "'a' unpacks to more than 50 times its size"),
    "ratio of the whole": (
        zip_of(*(Raw(name, bytes(1_000_000), DEFLATED) for name in "abcd")),
        "member 'b' goes beyond max_total_bytes or max_ratio of the whole",
    ),
    "large archive": (zip_of(Raw("a", bytes(200_000))), "is 200100 bytes; max_archive_bytes is 200000"),
    "many members": (zip_of(*(Raw(f"{n}") for n in range(21))), "holds 21 members; max_members is 20"),
    "more members than it says": (zip_of(PLAIN, Raw("c"), count=1), "says it holds 1 members, and has 2"),
    "fewer members than it says": (zip_of(PLAIN, count=2), "says it holds 2 members, and has 1"),
    "large directory": (
        zip_of(Raw("a", comment=bytes(60_000)), Raw("b", comment=bytes(60_000))),
        "directory of 120094 b",
    ),
    "no member": (zip_of(), "holds no file"),
    "directories only": (zip_of(Raw("a/", b"", mode=0o40755)), "holds no file"),
    "overlap": (zip_of(PLAIN, Raw("b2", at=0, local_name=b"b")), "member 'b2' overlaps another member"),
    "overlap by size": (zip_of(Raw("a"), Raw("c", at=10)), "member 'c' is not where the directory says"),
    "beyond the directory": (zip_of(Raw("a", b""), Raw("a2", at=4000)), "member 'a2' is not where the directory says"),
    "split": (zip_of(PLAIN, disk=1), "is one part of a split archive"),
    "something before": (
        zip_of(PLAIN, before=b"#!/bin/sh\n", directory_shift=-10),
        "something before its first member",
    ),
    "something before that the offsets know": (
        zip_of(PLAIN, before=b"#!/bin/sh\n"),
        "something before its first member",
    ),
    "end in the comment": (_deceiving(b"x"), "is no zip file, or is cut short or has something behind its end"),
    "mark of an end in the comment": (zip_of(PLAIN, comment=b"PK\x05\x06"), "is no zip file, or is cut short"),
    "something behind": (zip_of(PLAIN, behind=b"more"), "has something behind its end"),
    "directory elsewhere": (zip_of(PLAIN, directory_shift=1), "is cut short, or has something before"),
    "cut by a byte": (SIZED[:-1], "is no zip file, or is cut short"),
    "cut in its directory": (SIZED[:-30], "is no zip file, or is cut short"),
    "cut in a member": (SIZED[:20], "is no zip file, or is cut short"),
    "empty": (b"", "is no zip file"),
    "text": (b"not an archive\n" * 100, "is no zip file"),
}


def tree(directory: Path) -> dict[str, bytes]:
    """Every file below a directory, by its relative path."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A window's directory with a good restore in it."""
    directory = tmp_path / "restored" / "2024-01-01--1"
    directory.parent.mkdir()
    put(tmp_path, GOOD, directory)
    assert tree(directory) == GOOD
    return directory


def put(root: Path, content: dict[str, bytes] | bytes, target: Path, limits: ArchiveLimits = LIMITS) -> Restored:
    """Write an archive below root/archives and restore it."""
    if isinstance(content, dict):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in content.items():
                archive.writestr(name, data)
        content = buffer.getvalue()
    path = root / "archives" / "inputs.zip"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return replace(path, root / "archives", target, limits)


def replace(archive: Path, root: Path, target: Path, limits: ArchiveLimits = LIMITS) -> Restored:
    """Restore an archive in the place of the target, as a window does."""
    with staged(target) as directory:
        restored = restore(archive, root, directory, limits)
        swap_in(directory, target)
    return restored


@pytest.mark.parametrize("case", CORPUS)
def test_a_hostile_archive_is_refused_and_the_last_restore_stays(case: str, tmp_path: Path, target: Path) -> None:
    content, reason = CORPUS[case]
    inode = target.stat().st_ino
    before = sorted(path for path in tmp_path.rglob("*") if path.name != "inputs.zip")
    with pytest.raises(HotpassError) as caught:
        put(tmp_path, content, target)
    said = str(caught.value)
    assert said.startswith(f"archive {tmp_path / 'archives' / 'inputs.zip'} ")
    assert re.search(reason, said), said
    assert re.fullmatch(r"[ -~]+\.", said), "one line, in ASCII, whatever the archive's names are"
    assert tree(target) == GOOD
    assert target.stat().st_ino == inode
    assert sorted(path for path in tmp_path.rglob("*") if path.name != "inputs.zip") == before


@pytest.mark.parametrize("case", CORPUS)
def test_a_hostile_archive_leaves_nothing_where_nothing_was(case: str, tmp_path: Path) -> None:
    (tmp_path / "restored").mkdir()
    with pytest.raises(HotpassError):
        put(tmp_path, CORPUS[case][0], tmp_path / "restored" / "new")
    assert list((tmp_path / "restored").iterdir()) == []


_WHOLE = zip_of(Raw("a.xlsx", b"a" * 300, DEFLATED), Raw("d/", b"", mode=0o40755), Raw("d/b", b"b", zip64=True))
_ENDED = with_zip64_end(Raw("a", b"0123456789"), Raw("b", b"x" * 99, DEFLATED))


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([_WHOLE, _ENDED]),
    st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=4),
    st.integers(0, 600),
    st.integers(0, 40),
)
def test_whatever_is_damaged_it_is_refused_or_restored_below_the_target(
    content: bytes, changes: list[tuple[int, int]], cut_at: int, cut: int
) -> None:
    damaged = bytearray(content)
    for at, value in changes:
        damaged[at % len(damaged)] = value
    del damaged[cut_at : cut_at + cut]
    with tempfile.TemporaryDirectory() as home:
        root, target = Path(home), Path(home, "restored", "window")
        target.mkdir(parents=True)
        (target / "old").write_bytes(b"old")
        try:
            put(root, bytes(damaged), target)
        except HotpassError:
            assert tree(target) == {"old": b"old"}
        else:
            assert set(tree(target).values()) <= {b"a" * 300, b"b", b"0123456789", b"x" * 99}, "what the CRCs vouch for"
        assert sorted(path.name for path in root.iterdir()) == ["archives", "restored"]
        assert [path.name for path in target.parent.iterdir()] == ["window"]


def test_a_good_archive_replaces_the_whole_directory(tmp_path: Path, target: Path) -> None:
    nested = zip_of(Raw("../inner"))
    content = {"new.xlsx": b"new", "d/e/f.txt": b"", "Übersicht.xlsx": b"u", "nested.zip": nested, "a..b": b"dots"}
    restored = put(tmp_path, content, target)
    assert tree(target) == content
    assert (restored.files, restored.total_bytes) == (5, sum(map(len, content.values())))
    assert len(restored.archive_sha256) == 64
    assert [path.name for path in target.parent.iterdir()] == [target.name], "nothing is left beside it"


@pytest.mark.parametrize(
    "content",
    [
        zip_of(Raw("a", zip64=True)),
        with_zip64_end(Raw("a")),
        zip_of(Raw("a"), comment=b"a comment of the archive"),
        zip_of(Raw("a"), comment=b"c" * 0xFFFF),
        _zip64_behind(Raw("a"), comment=0xFFFF),
        zip_of(Raw("a", mode=0)),
        zip_of(Raw("d/", b"", mode=0), Raw("d/a"), Raw("e/", b"", mode=0o40700)),
        zip_of(Raw("a", mode=0o104777)),
    ],
)
def test_what_is_unusual_but_whole_is_restored(content: bytes, tmp_path: Path, target: Path) -> None:
    put(tmp_path, content, target)
    assert list(tree(target).values()) == [b"content"]


# 65,516 bytes are the first that put the locator, of 20 bytes, out of what an end and the longest comment take.
@pytest.mark.parametrize("comment", [0, 65_515, 65_516, 65_534, 65_535])
def test_the_frame_goes_by_the_zip64_end_behind_a_comment_of_any_length(comment: int) -> None:
    content = _zip64_behind(*(Raw(f"{n}") for n in range(20)), comment=comment, lie=True)
    assert read_frame(io.BytesIO(content), len(content), LIMITS).members == 20
    # The frame alone refuses it: `zipfile`, which goes by the same end, would read any number of them.
    content = _zip64_behind(*(Raw(f"{n}") for n in range(21)), comment=comment, lie=True)
    with pytest.raises(HotpassError, match="holds 21 members; max_members is 20"):
        read_frame(io.BytesIO(content), len(content), LIMITS)
    large = _zip64_behind(*(Raw(f"{n}", comment=bytes(60_000)) for n in range(2)), comment=comment, lie=True)
    with pytest.raises(HotpassError, match="has a directory of 120094 bytes"):
        read_frame(io.BytesIO(large), len(large), LIMITS)


def test_modes_of_the_archive_are_not_taken_over(tmp_path: Path, target: Path) -> None:
    put(tmp_path, zip_of(Raw("a", mode=0o107777), Raw("d/", b"", mode=0o40000), Raw("d/b", mode=0o100000)), target)
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((target / "a").stat().st_mode) == 0o666 & ~mask
    assert stat.S_IMODE((target / "d").stat().st_mode) == 0o777 & ~mask
    assert (target / "d" / "b").read_bytes() == b"content"


def test_a_link_out_of_the_root_a_directory_and_a_pipe_are_no_archives(tmp_path: Path, target: Path) -> None:
    root = tmp_path / "archives"
    (tmp_path / "outside.zip").write_bytes(SIZED)
    (root / "link.zip").symlink_to(tmp_path / "outside.zip")
    (root / "loop.zip").symlink_to(root / "loop.zip")
    (root / "directory.zip").mkdir()
    os.mkfifo(root / "pipe.zip")
    for name, reason in (
        ("link.zip", "outside of archive_root"),
        ("loop.zip", "cannot be read"),
        ("directory.zip", "is no regular file"),
        ("pipe.zip", "is no regular file"),
        ("gone.zip", "cannot be read: No such file or directory"),
    ):
        with pytest.raises(HotpassError, match=reason):
            replace(root / name, root, target)
        assert tree(target) == GOOD


def test_a_link_within_the_root_and_a_root_that_is_a_link_are_followed(tmp_path: Path, target: Path) -> None:
    root = tmp_path / "archives"
    (root / "real.zip").write_bytes(SIZED)
    (root / "link.zip").symlink_to(root / "real.zip")
    (tmp_path / "other").symlink_to(root)
    replace(tmp_path / "other" / "link.zip", tmp_path / "other", target)
    assert tree(target) == {"a": b"0123456789"}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"max_size": 1}, "has no limit 'max_size'; known are max_archive_bytes, max_members, max_member_bytes"),
        ({"max_members": 0}, "max_members must be a whole number from 1, found 0"),
        ({"max_members": True}, "must be a whole number from 1, found True"),
        ({"max_ratio": "10"}, "must be a whole number from 1, found '10'"),
        ([1], "must map limits to numbers"),
    ],
)
def test_limits_that_are_none_are_refused(values: object, reason: str) -> None:
    with pytest.raises(HotpassError, match=reason):
        ArchiveLimits.build(values)


def test_single_limits_are_replaced() -> None:
    assert ArchiveLimits.build(None) == ArchiveLimits() == ArchiveLimits.build({})
    assert ArchiveLimits.build({"max_ratio": 3}) == ArchiveLimits(max_ratio=3)
