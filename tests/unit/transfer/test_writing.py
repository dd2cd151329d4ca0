# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing a bundle: the same bytes each time, what cannot go into one, and nothing left behind when it fails."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
import typing as t
from pathlib import Path, PosixPath

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import ledgers, reading, writing
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import Release
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.receipt import Receipt
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.writing import Entry

from tests.support import attesting
from tests.support.attesting import Cast
from tests.support.transfer_bundles import chain_of, document, entries, releases_bundle, room_for

MANIFEST: t.Final = b"a manifest"
WHEEL: t.Final = "wheels/lib-1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return attesting.cast(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def chain() -> Chain:
    return chain_of(2)


def test_two_bundles_of_the_same_things_are_the_same_bytes(tmp_path: Path, people: Cast, chain: Chain) -> None:
    given = entries(chain, MANIFEST, b"layer", wheels={"lib-1.0-py3-none-any.whl": b"pure"})
    for entry in given:
        (tmp_path / entry.name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / entry.name).write_bytes(t.cast("bytes", entry.source))
        os.utime(tmp_path / entry.name, (1, 1))
        (tmp_path / entry.name).chmod(0o755)
    described = document(chain, MANIFEST, platforms=("manylinux_2_17_x86_64", "any_other"))
    other = document(chain, MANIFEST, platforms=("any_other", "manylinux_2_17_x86_64"))
    first = writing.write(tmp_path / "a.tar", given, described, people.alice.key)
    from_disk = [Entry(entry.name, tmp_path / entry.name) for entry in reversed(given)]
    again = writing.write(tmp_path / "b.tar", from_disk, other, people.alice.key)
    data = (tmp_path / "a.tar").read_bytes()
    assert (tmp_path / "b.tar").read_bytes() == data
    for written in (first, again):
        assert written.sha256 == hashlib.sha256(data).hexdigest()
        assert written.size == len(data)
        assert written.seal == first.seal
        assert set(written.document.files) == {entry.name for entry in given}
    assert (first.path, again.path) == (tmp_path / "a.tar", tmp_path / "b.tar")
    with reading.verified(tmp_path / "a.tar", people.trust) as transfer:
        assert transfer.seal.digest == first.seal
        assert transfer.document == first.document.parse(first.document.to_bytes())


def test_a_large_file_is_never_in_memory_as_a_whole(tmp_path: Path, people: Cast, chain: Chain) -> None:
    size = 48 * 1024 * 1024
    with open(tmp_path / "big", "wb") as file:
        file.truncate(size)
    given = [*entries(chain, MANIFEST), Entry(WHEEL, tmp_path / "big")]
    tracemalloc.start()
    try:
        writing.write(tmp_path / "big.tar", given, document(chain, MANIFEST), people.alice.key)
        with reading.verified(tmp_path / "big.tar", people.trust) as transfer:
            transfer.copy(WHEEL, tmp_path / "out")
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "out").stat().st_size == size
    assert most < size // 3


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (Entry("transfer.json", b"{}"), "is written by the bundle itself"),
        (Entry("SHA256SUMS", b""), "is written by the bundle itself"),
        (Entry("seal.dsse.json", b""), "is written by the bundle itself"),
        (Entry("bootstrap.py", b"again"), "Two entries bring bootstrap.py"),
        (Entry("notes.md", b""), "has the file 'notes.md', which none of the kind releases has"),
        (Entry("../x", b""), "has the file '../x', which none"),
        (Entry(f"wheels/{'n' * 101}-1.0-py3-none-any.whl", b""), "is too long for a transfer bundle"),
        (Entry(f"store/blobs/sha256/{'0' * 64}", b"x"), "and its name says another"),
        (Entry(WHEEL, Path("/nowhere/at/all")), f"There is no file /nowhere/at/all, which the bundle takes as {WHEEL}"),
        (Entry(WHEEL, Path("/dev/null")), "/dev/null cannot be read: it is no plain file"),
        (Entry(WHEEL, Path("/etc")), "/etc cannot be read: it is no plain file"),
    ],
)
def test_what_cannot_go_in_leaves_nothing(tmp_path: Path, people: Cast, chain: Chain, entry: Entry, said: str) -> None:
    given = [*entries(chain, MANIFEST), entry]
    with pytest.raises(CollectionError) as caught:
        writing.write(tmp_path / "x.tar", given, document(chain, MANIFEST), people.alice.key)
    assert said in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_a_document_that_does_not_fit_its_files_leaves_nothing(tmp_path: Path, people: Cast, chain: Chain) -> None:
    for described, said in (
        (document(chain, b"another"), "which is the manifest of a release that it names"),
        (document(chain, MANIFEST, keys=()), "none of the keys that it names"),
        (document(chain, MANIFEST, python="3"), "is not valid at python"),
        (document(chain, MANIFEST, collection=("hotpass.prefect", "1.3.0")), "none of the collections that it names"),
        (document(chain, MANIFEST, releases=(Release("latest"),)), "is not valid at releases.0.digest"),
        (document(chain, MANIFEST, heads={}), "is not valid at heads"),
    ):
        with pytest.raises(CollectionError) as caught:
            writing.write(tmp_path / "x.tar", entries(chain, MANIFEST), described, people.alice.key)
        assert said in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_without_its_beginning_is_not_written(chain: Chain) -> None:
    assert ledgers.written(chain)
    with pytest.raises(CollectionError, match="begins with none; a transfer bundle brings all records"):
        ledgers.written(Chain.build("hotpass", "home"))


def test_what_was_there_stays_when_the_disk_is_full(tmp_path: Path, people: Cast, chain: Chain) -> None:
    target = tmp_path / "x.tar"
    whole = releases_bundle(target, people, chain).size
    before = target.read_bytes()
    for room in (0, 1, 512, whole // 2, whole - 1):
        with room_for(room), pytest.raises(CollectionError, match=f"{target} cannot be written: File too large"):
            releases_bundle(target, people, chain_of(3))
        assert target.read_bytes() == before
        assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]


def test_a_target_that_cannot_be_written_is_named(tmp_path: Path, people: Cast, chain: Chain) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "directory").mkdir()
    for target in (tmp_path / "file" / "x.tar", tmp_path / "directory", Path("/proc/x.tar"), Path("/proc/x/y.tar")):
        with pytest.raises(CollectionError, match=f"{target} cannot be written: "):
            releases_bundle(target, people, chain)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "directory"}


def test_a_link_at_the_target_gives_way(tmp_path: Path, people: Cast, chain: Chain) -> None:
    (tmp_path / "kept").write_bytes(b"kept")
    (tmp_path / "x.tar").symlink_to("kept")
    releases_bundle(tmp_path / "x.tar", people, chain)
    assert (tmp_path / "kept").read_bytes() == b"kept"
    reading.verified(tmp_path / "x.tar", people.trust).close()


class _Changing(PosixPath):
    """A file that is changed after it was looked at once."""

    looks: t.ClassVar[int] = 0
    then: t.ClassVar[bytes] = b""

    def __fspath__(self) -> str:
        _Changing.looks += 1
        if _Changing.looks == 2:
            Path(str(self)).write_bytes(_Changing.then)
        return str(self)


@pytest.mark.parametrize("then", [b"puRe", b"pur", b"pure2" * 1000, b""])
def test_a_source_that_changes_meanwhile_is_noticed(tmp_path: Path, people: Cast, chain: Chain, then: bytes) -> None:
    source = _Changing(tmp_path / "lib")
    source.write_bytes(b"pure")
    _Changing.looks, _Changing.then = 0, then
    given = [*entries(chain, MANIFEST), Entry(WHEEL, source)]
    with pytest.raises(CollectionError, match=f"The source of {WHEEL} was changed while it was written"):
        writing.write(tmp_path / "x.tar", given, document(chain, MANIFEST), people.alice.key)
    assert [path.name for path in tmp_path.iterdir()] == ["lib"]


def test_a_delta_is_for_a_receipt_of_the_same_solution(tmp_path: Path, people: Cast, chain: Chain) -> None:
    with pytest.raises(CollectionError, match="The receipt is of the solution coldpass, and the bundle of hotpass"):
        releases_bundle(tmp_path / "x.tar", people, chain, base=Receipt("coldpass"))


def test_a_delta_leaves_out_only_what_has_the_same_bytes(tmp_path: Path, people: Cast, chain: Chain) -> None:
    full = releases_bundle(tmp_path / "full.tar", people, chain)
    files = full.document.files
    assert releases_bundle(tmp_path / "x.tar", people, chain, base=Receipt("hotpass")).document.omitted == {}
    everything = Receipt("hotpass", files={file.sha256: file.size for file in files.values()})
    delta = releases_bundle(tmp_path / "x.tar", people, chain, base=everything)
    assert delta.document.everything == files
    assert {name.split("/")[0] for name in delta.document.omitted} == {"collection", "wheels", "store"}
    assert set(delta.document.files) == {
        *("bootstrap.py", "requirements/prefect.txt", "requirements/runtime.txt", "keys/alice.pub", "ledger/home.json"),
        *("store/oci-layout", "store/index.json"),
    }
    one = Receipt("hotpass", files={files[WHEEL].sha256: files[WHEEL].size})
    assert set(releases_bundle(tmp_path / "x.tar", people, chain, base=one).document.omitted) == {WHEEL}
    wrong = Receipt("hotpass", files={files[WHEEL].sha256: 5})
    assert releases_bundle(tmp_path / "x.tar", people, chain, base=wrong).document.omitted == {}
