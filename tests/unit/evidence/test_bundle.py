# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of a bundle before it is sealed, and who may write into it."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import disk, versions
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import NOTES, OWN, SEAL, Bundle, parsed

from tests.support.attesting import ROOT
from tests.support.evidence_bundles import fill, moment


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return Bundle(tmp_path, "staging", "backfill", moment(1))


def test_it_is_hidden_until_it_is_sealed(bundle: Bundle, tmp_path: Path) -> None:
    assert bundle.directory == tmp_path / "staging/backfill" / f".{moment(1)}.part"
    assert not bundle.directory.exists()
    fill(bundle)
    assert (bundle.sealed, bundle.being_sealed) == (False, False)
    assert not bundle.final.exists()
    assert bundle.names() == sorted(bundle.names())
    assert {"runs.json", "data/ledger.json", "data/statements/1.dsse.json"} <= set(bundle.names())


def test_documents_are_written_in_one_way(bundle: Bundle) -> None:
    bundle.write("a.json", {"b": [1, None], "a": "\u00e9"})
    assert bundle.read("a.json").decode() == '{\n  "a": "\u00e9",\n  "b": [\n    1,\n    null\n  ]\n}\n'
    assert bundle.document("a.json") == {"a": "\u00e9", "b": [1, None]}
    bundle.write("b.txt", "as it is")
    bundle.write("c.bin", b"\x00\xff")
    assert (bundle.read("b.txt"), bundle.read("c.bin")) == (b"as it is", b"\x00\xff")
    bundle.write("a.json", [])
    assert bundle.document("a.json") == []
    for wrong in ({"a": float("nan")}, {"a": object()}):
        with pytest.raises(CollectionError, match=re.escape("d.json cannot be written as JSON")):
            bundle.write("d.json", wrong)
    with pytest.raises(CollectionError, match="cannot be read: No such file"):
        bundle.read("d.json")


@pytest.mark.parametrize(
    "name", ["", "..", "../x", "/x", "a//b", "a/../b", ".x", "a/.x", "a b", "a\n", "a/b/c/d/e", "-x", "a\\b", "x" * 300]
)
def test_a_name_that_leads_elsewhere_is_refused(bundle: Bundle, tmp_path: Path, name: str) -> None:
    with pytest.raises(CollectionError, match="cannot stand in a bundle"):
        bundle.write(name, "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", OWN)
def test_what_the_seal_writes_nobody_else_writes(bundle: Bundle, name: str) -> None:
    with pytest.raises(CollectionError, match="is written by the seal of the bundle alone"):
        bundle.write(name, "x")


@pytest.mark.parametrize(
    ("ring", "kind", "name"),
    [("Staging", "backfill", moment(1)), ("staging", "other", moment(1)), ("staging", "backfill", "latest")],
)
def test_a_place_that_is_none_is_refused(tmp_path: Path, ring: str, kind: str, name: str) -> None:
    with pytest.raises(CollectionError, match="allowed "):
        Bundle(tmp_path, ring, kind, name)


def test_a_note_stands_once(bundle: Bundle) -> None:
    for sentence in ("One\nthing.", "Another.", "One thing."):
        bundle.note(sentence)
    assert bundle.read(NOTES).decode() == "# What deviates\n\n- One thing.\n- Another.\n"


def test_what_is_sealed_or_being_sealed_is_not_written_to(bundle: Bundle) -> None:
    fill(bundle)
    (bundle.part / SEAL).write_bytes(b"{}")
    with pytest.raises(CollectionError, match="was being sealed when that was interrupted; seal it again"):
        bundle.write("runs.json", [])
    bundle.part.rename(bundle.final)
    with pytest.raises(CollectionError, match=f"the bundle {bundle.final} is sealed"):
        bundle.note("Too late.")
    assert bundle.directory == bundle.final


def test_what_a_writer_that_died_left_is_removed(bundle: Bundle) -> None:
    fill(bundle)
    (bundle.part / "data" / f"{disk.TEMPORARY}0123").write_bytes(b"half")
    (bundle.part / f"{disk.TEMPORARY}4567").write_bytes(b"half")
    before = bundle.names()
    bundle.discard_leftovers()
    assert sorted(path.name for path in bundle.part.rglob(".*")) == []
    assert bundle.names() == before


def test_a_disk_that_takes_nothing_is_one_sentence(bundle: Bundle) -> None:
    bundle.root.joinpath("staging").write_text("in the way", encoding="utf-8")
    with pytest.raises(CollectionError, match="cannot be written: Not a directory"):
        bundle.write("a.json", {})


def test_one_directory_is_held_by_one(tmp_path: Path) -> None:
    held, order = threading.Event(), []

    def wait_for_it() -> None:
        held.wait(10)
        with disk.locked(tmp_path) as got:
            order.append(("second", got))

    waiting = threading.Thread(target=wait_for_it)
    waiting.start()
    with disk.locked(tmp_path) as got:
        held.set()
        with disk.locked(tmp_path, wait=False) as again:
            assert (got, again) == (True, False)
        waiting.join(0.2)
        order.append(("first", got))
    waiting.join(10)
    assert order == [("first", True), ("second", True)]
    with disk.locked(tmp_path / "gone") as got:
        assert got is False


def test_who_waited_for_a_directory_that_got_its_name_meanwhile_does_not_get_it(tmp_path: Path) -> None:
    part, answers = tmp_path / "part", []
    part.mkdir()

    def wait_for_it() -> None:
        with disk.locked(part) as got:
            answers.append(got)

    waiting = threading.Thread(target=wait_for_it)
    with disk.locked(part):
        waiting.start()
        waiting.join(0.2)
        part.rename(tmp_path / "final")
    waiting.join(10)
    assert answers == [False]


def test_a_document_is_read_strictly() -> None:
    assert parsed(b'{"a": 1.5}', "it") == {"a": 1.5}
    for bad in (b'{"a": 1, "a": 2}', b"[NaN]", b"[Infinity]", b"\xff", b"{", b"[" * 100_000):
        with pytest.raises(CollectionError, match="it holds no JSON"):
            parsed(bad, "it")


def test_the_version_that_bundles_tell_is_the_collection_s() -> None:
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"] == versions.COLLECTION
