# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tar file can hold beside the files of a bundle, and is refused, whatever its checksums say."""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ustar import header
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import reading
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.reading import Transfer

from tests.support import attesting
from tests.support.attesting import Cast
from tests.support.transfer_bundles import BLOCK, chain_of, joined, pieces, releases_bundle, summed, with_body

Piece = tuple[str, bytes, bytes]
AIR_GAP: t.Final = attesting.ROOT / "docs/air-gap.md"
WHEEL: t.Final = "wheels/lib-1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return attesting.cast(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, people: Cast) -> bytes:
    path = tmp_path_factory.mktemp("bundle") / "home.tar"
    releases_bundle(path, people, chain_of(2))
    return path.read_bytes()


@pytest.fixture
def files(good: bytes) -> list[Piece]:
    return pieces(good)


@pytest.fixture
def read(tmp_path: Path, people: Cast) -> t.Callable[[bytes], Transfer]:
    """Reads some bytes."""

    def verified(data: bytes) -> Transfer:
        path = tmp_path / "home.tar"
        path.write_bytes(data)
        return reading.verified(path, people.trust)

    return verified


def patched(block: bytes, at: int, data: bytes) -> bytes:
    """A header with other bytes in it, and the checksum that goes with them."""
    return summed(block[:at] + data + block[at + len(data) :])


def in_place(files: list[Piece], name: str, block: bytes) -> bytes:
    """The archive with another header for one file."""
    return joined((own, block if own == name else old, body) for own, old, body in files)


def test_what_nobody_touched_is_read(good: bytes, files: list[Piece], read: t.Callable[[bytes], Transfer]) -> None:
    assert joined(files) == good
    with read(good) as transfer:
        assert transfer.read(WHEEL) == b"pure"


def test_a_stranger_reads_it_with_the_documented_commands(tmp_path: Path, good: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(good)) as archive:
        infos = archive.getmembers()
    assert [info.name for info in infos][:4] == ["transfer.json", "SHA256SUMS", "seal.dsse.json", "bootstrap.py"]
    assert {(info.mtime, info.uid, info.gid, info.uname, info.gname, info.mode) for info in infos} == {
        (0, 0, 0, "", "", 0o644)
    }
    (tmp_path / "hotpass.tar").write_bytes(good)
    (documented,) = re.findall(r"```sh\n(mkdir bundle\n.*?)```", AIR_GAP.read_text(encoding="utf-8"), re.DOTALL)
    checked = subprocess.run(["sh", "-ec", documented], cwd=tmp_path, capture_output=True, check=True, text=True)
    assert checked.stdout.count(": OK\n") == len(infos) - 2


@pytest.mark.parametrize(
    ("at", "data", "said"),
    [
        (0, b"./wheels/", "allowed are paths below its root"),
        (0, b"/wheels/x", "allowed are paths below its root"),
        (0, b"../../etc", "allowed are paths below its root"),
        (0, b"wheels\\\\x", "printable ASCII characters other than the backslash"),
        (0, b"wheels/\x01", "printable ASCII"),
        (0, b"wheels/\xc3\xa9", "printable ASCII"),
        (100, b"0000755\0", "as a program; allowed are files with the mode 0644"),
        (100, b"0004644\0", "is not the one that a transfer bundle has"),
        (108, b"0000001\0", "is not the one that a transfer bundle has"),
        (116, b"0000001\0", "is not the one that a transfer bundle has"),
        (124, b"\x80\0\0\0\0\0\0\0\0\0\0\x04", "is not the one that a transfer bundle has"),
        (124, b"\xff" * 12, "is not the one that a transfer bundle has"),
        (124, b"          4 ", "is not the one that a transfer bundle has"),
        (124, b"-0000000004\0", "is not the one that a transfer bundle has"),
        (124, b"0000000004 \0", "is not the one that a transfer bundle has"),
        (124, b"00000000004 ", "is not the one that a transfer bundle has"),
        (124, b"77777777777\0", "cut short"),
        (136, b"00000000001\0", "is not the one that a transfer bundle has"),
        (156, b"\0", "an entry of type"),
        (156, b"1", "a hard link"),
        (156, b"2", "a symbolic link"),
        (156, b"3", "a character device"),
        (156, b"4", "a block device"),
        (156, b"5", "a directory entry"),
        (156, b"6", "a FIFO"),
        (156, b"7", "an entry of type b'7'"),
        (156, b"x", "an entry of type b'x'"),
        (156, b"g", "an entry of type b'g'"),
        (156, b"L", "an entry of type b'L'"),
        (156, b"K", "an entry of type b'K'"),
        (156, b"S", "an entry of type b'S'"),
        (157, b"/etc/passwd", "is not the one that a transfer bundle has"),
        (257, b"ustar  \0", "is not the one that a transfer bundle has"),
        (257, b"\0" * 8, "there is no header at byte"),
        (265, b"root", "is not the one that a transfer bundle has"),
        (297, b"root", "is not the one that a transfer bundle has"),
        (329, b"0000001\0", "is not the one that a transfer bundle has"),
        (500, b"x", "is not the one that a transfer bundle has"),
    ],
)
def test_a_header_that_no_writer_makes_is_refused(
    files: list[Piece], read: t.Callable[[bytes], Transfer], at: int, data: bytes, said: str
) -> None:
    block = patched(next(block for name, block, _body in files if name == WHEEL), at, data)
    with pytest.raises(CollectionError) as caught:
        read(in_place(files, WHEEL, block))
    assert said in caught.value.message


def test_a_checksum_that_does_not_fit_is_refused(files: list[Piece], read: t.Callable[[bytes], Transfer]) -> None:
    block = next(block for name, block, _body in files if name == WHEEL)
    with pytest.raises(CollectionError, match="its mode, owner, time, size or checksum differs"):
        read(in_place(files, WHEEL, block[:148] + b"000000\0 " + block[156:]))


def test_a_longer_split_of_a_name_is_refused(files: list[Piece], read: t.Callable[[bytes], Transfer]) -> None:
    block = next(block for name, block, _body in files if name == WHEEL)
    split = patched(patched(block, 0, WHEEL.removeprefix("wheels/").encode().ljust(100, b"\0")), 345, b"wheels")
    with pytest.raises(CollectionError, match="is not the one that a transfer bundle has"):
        read(in_place(files, WHEEL, split))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (WHEEL, f"has '{WHEEL}' twice"),
        ("wheels/LIB-1.0-py3-none-any.whl", "has the file 'wheels/LIB-1.0-py3-none-any.whl', which transfer.json"),
        ("zzz", "has the file 'zzz', which transfer.json does not list"),
        ("transfer.json", "has 'transfer.json' twice"),
        ("wheels/lib-1.0-py3-none-any.whl/x", "which transfer.json does not list"),
    ],
)
def test_one_more_file_is_refused(
    files: list[Piece], read: t.Callable[[bytes], Transfer], name: str, said: str
) -> None:
    with pytest.raises(CollectionError) as caught:
        read(joined([*files, (name, header(name, 4), b"pure".ljust(BLOCK, b"\0"))]))
    assert said in caught.value.message


def test_each_missing_file_is_named(files: list[Piece], read: t.Callable[[bytes], Transfer]) -> None:
    for number, (name, _block, _body) in enumerate(files):
        with pytest.raises(CollectionError) as caught:
            read(joined(files[:number] + files[number + 1 :]))
        assert name in caught.value.message


def test_two_files_that_change_places_are_refused(files: list[Piece], read: t.Callable[[bytes], Transfer]) -> None:
    for number in range(1, len(files)):
        swapped = [*files]
        swapped[number - 1], swapped[number] = files[number], files[number - 1]
        with pytest.raises(CollectionError) as caught:
            read(joined(swapped))
        if number > 3:
            assert f"The file {files[number][0]} stands where {files[number - 1][0]} should" in caught.value.message
        elif number < 3:
            assert "it has to begin with transfer.json, SHA256SUMS, seal.dsse.json" in caught.value.message


def test_another_archive_behind_the_first_is_refused(good: bytes, read: t.Callable[[bytes], Transfer]) -> None:
    for behind in (good, bytes(BLOCK), bytes(10_240 - len(good) % 10_240), b"x"):
        with pytest.raises(CollectionError, match=r"goes on after its end \([0-9]+ bytes\)"):
            read(good + behind)


def test_files_behind_the_end_mark_are_refused(files: list[Piece], read: t.Callable[[bytes], Transfer]) -> None:
    for zeros in (BLOCK, 2 * BLOCK):
        with pytest.raises(CollectionError, match="after its end"):
            read(joined(files[:5])[: -2 * BLOCK] + bytes(zeros) + joined(files[5:]))


@pytest.mark.parametrize("blocks", range(1, 4))
def test_a_bundle_that_ends_too_early_is_refused(good: bytes, read: t.Callable[[bytes], Transfer], blocks: int) -> None:
    with pytest.raises(CollectionError, match="cut short"):
        read(good[: -blocks * BLOCK])


def test_padding_that_is_not_zero_is_refused(files: list[Piece], read: t.Callable[[bytes], Transfer]) -> None:
    changed = [(name, block, body[:-1] + b"x" if name == WHEEL else body) for name, block, body in files]
    with pytest.raises(CollectionError, match=f"has bytes after the end of '{WHEEL}' that belong to no file"):
        read(joined(changed))


def test_a_file_with_other_bytes_is_named_with_both_hashes(
    files: list[Piece], read: t.Callable[[bytes], Transfer]
) -> None:
    with pytest.raises(CollectionError, match=f"{WHEEL} has the sha256 [0-9a-f]{{64}}; sealed was [0-9a-f]{{64}}"):
        read(joined(with_body(files, WHEEL, b"puRe")))
    with pytest.raises(CollectionError, match=f"{WHEEL} has 5 bytes; sealed were 4"):
        read(joined(with_body(files, WHEEL, b"pure2")))


@pytest.mark.parametrize("data", [b"", b"x", bytes(2 * BLOCK), b"PK\x03\x04" * 300, b"\x1f\x8b" * 600])
def test_what_is_no_bundle_at_all_is_refused(read: t.Callable[[bytes], Transfer], data: bytes) -> None:
    with pytest.raises(CollectionError, match="is refused"):
        read(data)


def test_a_bundle_that_tarfile_writes_is_refused(good: bytes, read: t.Callable[[bytes], Transfer]) -> None:
    for kind in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=io.BytesIO(good)) as source, tarfile.open(None, "w", buffer, format=kind) as target:
            for info in source.getmembers():
                target.addfile(info, source.extractfile(info))
        with pytest.raises(CollectionError, match="is refused"):
            read(buffer.getvalue())


def test_what_is_no_plain_file_is_refused(tmp_path: Path, people: Cast, good: bytes) -> None:
    (tmp_path / "home.tar").write_bytes(good)
    (tmp_path / "link.tar").symlink_to("home.tar")
    (tmp_path / "directory.tar").mkdir()
    os.mkfifo(tmp_path / "fifo.tar")
    for name, said in (
        ("link.tar", "it is a link"),
        ("directory.tar", "it is no plain file"),
        ("fifo.tar", "it is no plain file"),
        ("none.tar", "There is no transfer bundle"),
        ("home.tar/x", "Not a directory"),
    ):
        with pytest.raises(CollectionError, match=said):
            reading.verified(tmp_path / name, people.trust)


def test_a_refused_bundle_is_not_kept_open(tmp_path: Path, people: Cast, good: bytes) -> None:
    (tmp_path / "home.tar").write_bytes(good[:-1])
    before = len(os.listdir("/proc/self/fd"))
    for _attempt in range(5):
        with pytest.raises(CollectionError):
            reading.verified(tmp_path / "home.tar", people.trust)
    assert len(os.listdir("/proc/self/fd")) == before
