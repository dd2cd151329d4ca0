# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bundle at a site: its ledger and head, its Python and platform, deltas, and files that change meanwhile."""

from __future__ import annotations

import hashlib
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.ring_summary import ledger_document
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import ledgers, reading, writing
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import File
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.names import BLOBS
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.receipt import Receipt

from tests.support import attesting
from tests.support.attesting import Cast
from tests.support.transfer_bundles import (
    RING,
    SOLUTION,
    body_of,
    chain_of,
    document,
    entries,
    forged,
    pieces,
    releases_bundle,
    room_for,
)

LIB: t.Final = "wheels/lib-1.0-py3-none-any.whl"
FAST: t.Final = "wheels/fast-2.0-cp312-cp312-manylinux2014_x86_64.whl"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return attesting.cast(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def chain() -> Chain:
    return chain_of(3)


@pytest.fixture
def bundle(tmp_path: Path, people: Cast, chain: Chain) -> Path:
    releases_bundle(tmp_path / "home.tar", people, chain)
    return tmp_path / "home.tar"


def test_everything_in_it_can_be_had(tmp_path: Path, people: Cast, bundle: Path, chain: Chain) -> None:
    with reading.verified(bundle, people.trust) as transfer:
        assert transfer.path == bundle
        assert transfer.size == bundle.stat().st_size
        assert transfer.below("wheels/") == [FAST, LIB]
        assert transfer.chains[RING].head == chain.head
        for name, file in transfer.files.items():
            transfer.copy(name, tmp_path / "out" / name)
            data = (tmp_path / "out" / name).read_bytes()
            assert transfer.read(name) == data
            assert len(data) == file.size
        with pytest.raises(CollectionError, match=r"has no file transfer\.json"):
            transfer.read("transfer.json")
        with pytest.raises(CollectionError, match="has no file wheels/none"):
            transfer.copy("wheels/none", tmp_path / "none")
        with pytest.raises(CollectionError, match="has 4 bytes; read as a whole are at most 3"):
            transfer.read(LIB, 3)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("python", "platforms", "said"),
    [
        ("3.11", None, "Its wheels are for Python 3.12; needed are some for Python 3.11"),
        ("3.12", ["manylinux_2_28_aarch64"], "Its wheels of fast-2.0 are for manylinux2014_x86_64; needed is one for"),
        ("3.12", ["musllinux_1_2_x86_64"], "which takes musllinux_1_2_x86_64"),
        ("3.12", ["manylinux_2_12_x86_64"], "which takes manylinux_2_12_x86_64"),
        ("3.12", [], "which takes no platform"),
    ],
)
def test_another_machine_is_named(
    people: Cast, bundle: Path, python: str, platforms: list[str] | None, said: str
) -> None:
    with pytest.raises(CollectionError) as caught:
        reading.verified(bundle, people.trust, python=python, platforms=platforms)
    assert said in caught.value.message


def test_a_newer_machine_takes_wheels_for_an_older_one(people: Cast, bundle: Path) -> None:
    for platform in ("manylinux_2_17_x86_64", "manylinux_2_40_x86_64", "manylinux2014_x86_64"):
        reading.verified(bundle, people.trust, python="3.12", platforms=[platform]).close()


def _ledger(change: t.Callable[[dict[str, t.Any]], None], chain: Chain) -> bytes:
    said = ledger_document(chain)
    change(said)
    return canonical(said)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda _chain: b"{}", "is no ledger: data/ledger.json is no ledger"),
        (lambda _chain: b"[]", "is no ledger"),
        (lambda _chain: b'{"solution": 1}', "is not written canonically"),
        (lambda _chain: ledgers.written(chain_of(2)), "does not end as the bundle says that it does"),
        (lambda _chain: ledgers.written(chain_of(3, "dev")), "is the ledger of ring dev of hotpass; it should be that"),
        (lambda chain: _ledger(lambda said: said.update(more=1), chain), "has more than that, or in another order"),
        (lambda chain: _ledger(lambda said: said["records"].reverse(), chain), "has more than that, or in another"),
        (lambda chain: _ledger(lambda said: said["records"].pop(3), chain), "is no ledger: "),
        (lambda chain: _ledger(lambda said: said["records"].pop(0), chain), "is no ledger: "),
        (lambda chain: _ledger(lambda said: said["records"].append(said["records"][0]), chain), "is no ledger: "),
        (lambda chain: _ledger(lambda said: said["records"][2].update(digest="x"), chain), "is no ledger: "),
        (lambda chain: _ledger(lambda said: said["records"][2]["record"].update(at="x"), chain), "is no ledger: "),
        (lambda chain: _ledger(lambda said: said.update(records=None), chain), "is no ledger: "),
        (lambda chain: _ledger(lambda said: said.update(records=[7]), chain), "is no ledger: "),
        (lambda chain: _ledger(lambda said: said.update(head=None), chain), "is no ledger: "),
    ],
)
def test_a_ledger_that_is_none_is_refused_whoever_sealed_it(
    people: Cast, bundle: Path, chain: Chain, spoil: t.Callable[[Chain], bytes], said: str
) -> None:
    data = spoil(chain)
    name = f"ledger/{RING}.json"

    def list_it(document: dict[str, t.Any]) -> None:
        document["files"][name] = _listed(data)

    bundle.write_bytes(forged(bundle.read_bytes(), people.alice.key, list_it, {name: data}))
    with pytest.raises(CollectionError) as caught:
        reading.verified(bundle, people.trust)
    assert f"ledger/{RING}.json " in caught.value.message
    assert said in caught.value.message


@pytest.mark.parametrize("field", ["sequence", "digest", "generation", "release", "state"])
def test_a_head_that_the_ledger_does_not_have_is_refused(people: Cast, bundle: Path, field: str) -> None:
    wrong = {"sequence": 14, "digest": f"sha256:{'0' * 64}", "generation": 2, "release": None, "state": "Failed"}

    def claim(document: dict[str, t.Any]) -> None:
        document["heads"][RING][field] = wrong[field]

    bundle.write_bytes(forged(bundle.read_bytes(), people.alice.key, claim))
    with pytest.raises(CollectionError, match="does not end as the bundle says that it does"):
        reading.verified(bundle, people.trust)


def test_a_receipt_of_another_solution_is_refused(tmp_path: Path, people: Cast, chain: Chain) -> None:
    described = document(chain, kind="evidence", python=None, platforms=(), releases=(), keys=())
    for solution, refused in ((SOLUTION, False), ("coldpass", True)):
        given = [
            writing.Entry("receipt.json", Receipt(solution).to_bytes()),
            writing.Entry(f"ledger/{RING}.json", ledgers.written(chain)),
        ]
        writing.write(tmp_path / "site.tar", given, described, people.alice.key)
        if refused:
            with pytest.raises(CollectionError, match="is of the solution coldpass, and the bundle of hotpass"):
                reading.verified(tmp_path / "site.tar", people.trust)
        else:
            with reading.verified(tmp_path / "site.tar", people.trust) as transfer:
                assert Receipt.parse(transfer.read("receipt.json")) == Receipt(SOLUTION)


class Site:
    """A site that took a bundle in."""

    def __init__(self, directory: Path, transfer: reading.Transfer) -> None:
        self.directory = directory
        for name in transfer.below("wheels/") + transfer.below("collection/") + transfer.below(BLOBS):
            transfer.copy(name, directory / transfer.files[name].sha256)
        found = {file.name: file.stat().st_size for file in directory.iterdir()}
        self.receipt = Receipt(SOLUTION).after(transfer.seal.digest, transfer.document.heads, found)

    def have(self, _name: str, file: File) -> Path | None:
        path = self.directory / file.sha256
        return path if path.exists() else None


@pytest.fixture
def site(tmp_path: Path, people: Cast, bundle: Path) -> Site:
    with reading.verified(bundle, people.trust) as transfer:
        return Site(tmp_path / "site", transfer)


@pytest.fixture
def delta(tmp_path: Path, people: Cast, site: Site) -> Path:
    longer, manifest = chain_of(4), b"the next manifest"
    wheels = {"lib-1.0-py3-none-any.whl": b"pure", "new-1.0-py3-none-any.whl": b"new"}
    given = entries(longer, manifest, b"layer", wheels=wheels)
    described = document(longer, manifest)
    writing.write(tmp_path / "delta.tar", given, described, people.alice.key, base=site.receipt)
    writing.write(tmp_path / "full.tar", given, described, people.alice.key)
    return tmp_path / "delta.tar"


def test_a_delta_brings_what_is_missing_and_stands_for_the_full_bundle(
    tmp_path: Path, people: Cast, delta: Path, site: Site
) -> None:
    with (
        reading.verified(delta, people.trust, have=site.have) as short,
        reading.verified(tmp_path / "full.tar", people.trust) as full,
    ):
        assert short.document.omitted.keys() >= {LIB, "collection/hotpass-prefect-1.2.0.tar.gz"}
        assert "wheels/new-1.0-py3-none-any.whl" in short.document.files
        assert short.files == full.files
        assert short.size < full.size
        assert short.document.base == site.receipt.base
        for name in full.files:
            assert short.read(name) == full.read(name)
            short.copy(name, tmp_path / "out")
            assert (tmp_path / "out").read_bytes() == full.read(name)


def test_a_delta_for_another_site_is_refused(people: Cast, delta: Path, site: Site) -> None:
    lib = site.directory / body_hash(delta, LIB)
    for have in (None, lambda _name, _file: None, lambda name, file: None if name == LIB else site.have(name, file)):
        with pytest.raises(CollectionError, match=r"It is a delta for a site that has .*, and that file is not here"):
            reading.verified(delta, people.trust, have=have)
    lib.write_bytes(b"puRe")
    with pytest.raises(CollectionError, match=f"{LIB} at {lib} has the sha256 .*; sealed was"):
        reading.verified(delta, people.trust, have=site.have)
    lib.unlink()
    lib.symlink_to("/etc/hostname")
    with pytest.raises(CollectionError, match="it is a link"):
        reading.verified(delta, people.trust, have=site.have)
    with pytest.raises(CollectionError, match="There is no file /nowhere, which the transfer bundle needs as"):
        reading.verified(delta, people.trust, have=lambda _name, _file: Path("/nowhere"))


def test_a_copy_of_the_site_that_changes_meanwhile_is_noticed(
    tmp_path: Path, people: Cast, delta: Path, site: Site
) -> None:
    with reading.verified(delta, people.trust, have=site.have) as transfer:
        (site.directory / transfer.files[LIB].sha256).write_bytes(b"puRe")
        with pytest.raises(CollectionError, match=r"was changed in .* after it was verified"):
            transfer.copy(LIB, tmp_path / "out")
        with pytest.raises(CollectionError, match=r"was changed in .* after it was verified"):
            transfer.read(LIB)
    assert not (tmp_path / "out").exists()


def test_a_bundle_that_changes_meanwhile_is_noticed(tmp_path: Path, people: Cast, bundle: Path) -> None:
    data = bundle.read_bytes()
    with reading.verified(bundle, people.trust) as transfer:
        for spoiled in (data.replace(b"pure", b"puRe"), data[: data.index(b"pure") + 2]):
            bundle.write_bytes(spoiled)
            with pytest.raises(CollectionError, match=f"{LIB} was changed in {bundle} after it was verified"):
                transfer.copy(LIB, tmp_path / "out" / "lib")
            assert list((tmp_path / "out").iterdir()) == []


def test_another_file_in_its_place_changes_nothing(tmp_path: Path, people: Cast, bundle: Path) -> None:
    with reading.verified(bundle, people.trust) as transfer:
        bundle.unlink()
        bundle.write_bytes(b"something else")
        transfer.copy(LIB, tmp_path / "lib")
    assert (tmp_path / "lib").read_bytes() == b"pure"


def test_a_copy_that_cannot_be_written_leaves_nothing(tmp_path: Path, people: Cast, bundle: Path) -> None:
    (tmp_path / "lib").write_bytes(b"what was there")
    with reading.verified(bundle, people.trust) as transfer:
        with room_for(3), pytest.raises(CollectionError, match=f"{tmp_path / 'lib'} cannot be written: File too large"):
            transfer.copy(LIB, tmp_path / "lib")
        with pytest.raises(CollectionError, match=f"{tmp_path / 'lib' / 'below'} cannot be written"):
            transfer.copy(LIB, tmp_path / "lib" / "below")
    assert (tmp_path / "lib").read_bytes() == b"what was there"
    assert {path.name for path in tmp_path.iterdir()} == {"home.tar", "lib"}


def body_hash(path: Path, name: str) -> str:
    """The sha256 that a bundle's document says of a file."""
    said = json.loads(body_of(pieces(path.read_bytes()), "transfer.json"))
    return str({**said["files"], **said["omitted"]}[name]["sha256"])


def _listed(data: bytes) -> dict[str, t.Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
