# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The receipt of a site, and how heads follow each other in it."""

from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.heads import (
    Head,
    Relation,
    head_of,
    newest,
    relate,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.receipt import Receipt

from tests.support.ring_story import UP, RingStory, release_of
from tests.support.transfer_bundles import chain_of, room_for

FIRST: t.Final = f"sha256:{'1' * 64}"
SECOND: t.Final = f"sha256:{'2' * 64}"


@pytest.fixture(scope="module")
def receipt() -> Receipt:
    return Receipt("hotpass", {"home": head_of(chain_of(2))}, {"a" * 64: 7, "b" * 64: 0}, (SECOND, FIRST))


def test_what_is_written_is_read(tmp_path: Path, receipt: Receipt) -> None:
    path = tmp_path / "transfer" / "receipt.json"
    assert Receipt.read(path) is None
    receipt.write(path)
    assert Receipt.read(path) == receipt
    assert path.read_bytes() == receipt.to_bytes()
    assert receipt.base.receipt == digest_of(path.read_bytes())
    assert receipt.base.heads == receipt.heads
    assert [file.name for file in path.parent.iterdir()] == ["receipt.json"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "is not valid at format"),
        ({"more": 1}, "is not valid at its top"),
        ({"solution": "Hot"}, "is not valid at solution"),
        ({"heads": []}, "is not valid at heads"),
        ({"heads": {"home": {}}}, "is not valid at heads.home"),
        ({"files": {"a": 1}}, "is not valid at files"),
        ({"files": {"a" * 64: -1}}, f"is not valid at files.{'a' * 64}"),
        ({"imported": ["x"]}, "is not valid at imported.0"),
        ({"imported": [FIRST, FIRST]}, "is not valid at imported"),
    ],
)
def test_what_no_receipt_has_is_named(receipt: Receipt, change: dict[str, t.Any], said: str) -> None:
    document = {"format": 1, "solution": "hotpass", "heads": {}, "files": {}, "imported": []}
    assert Receipt.parse(canonical(document)) == Receipt("hotpass")
    with pytest.raises(CollectionError) as caught:
        Receipt.parse(canonical({**document, **change}), "The receipt x")
    assert caught.value.message.startswith("The receipt x ")
    assert said in caught.value.message
    with pytest.raises(CollectionError, match="is not valid at solution"):
        dataclasses.replace(receipt, solution="Hot").to_bytes()


def test_a_broken_file_is_no_receipt(tmp_path: Path, receipt: Receipt) -> None:
    path = tmp_path / "receipt.json"
    data = receipt.to_bytes()
    for spoiled in (b"", data[:-1], data + b"\n", data.replace(b'"files":', b'"files":{},"files":')):
        path.write_bytes(spoiled)
        with pytest.raises(CollectionError, match=f"The receipt {path} is "):
            Receipt.read(path)
    path.unlink()
    path.symlink_to("elsewhere")
    with pytest.raises(CollectionError, match=f"{path} cannot be read: .* \\(it is a link\\)"):
        Receipt.read(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(CollectionError, match="it is no plain file"):
        Receipt.read(path)


def test_a_receipt_is_there_whole_or_as_it_was(tmp_path: Path, receipt: Receipt) -> None:
    path = tmp_path / "receipt.json"
    Receipt("hotpass").write(path)
    with room_for(100), pytest.raises(CollectionError, match="cannot be written: File too large"):
        receipt.write(path)
    assert Receipt.read(path) == Receipt("hotpass")
    assert [file.name for file in tmp_path.iterdir()] == ["receipt.json"]


def test_importing_twice_is_importing_once(receipt: Receipt) -> None:
    third = f"sha256:{'3' * 64}"
    after = receipt.after(third, receipt.heads, {"c" * 64: 1})
    assert after.imported == (SECOND, FIRST, third)
    assert after.files == {"c" * 64: 1}
    assert after.after(third, after.heads, after.files) == after
    assert after.after(SECOND, after.heads, after.files).imported == after.imported


def test_the_newest_bundle_stays_the_last(receipt: Receipt) -> None:
    third, fourth = f"sha256:{'3' * 64}", f"sha256:{'4' * 64}"
    after = receipt.after(third, receipt.heads, {}, older=True)
    assert after.imported == (SECOND, third, FIRST)
    assert after.after(third, after.heads, {}).imported == after.imported
    assert after.after(None, after.heads, {}).imported == after.imported
    assert after.after(fourth, after.heads, {}).imported == (SECOND, third, FIRST, fourth)
    assert Receipt("hotpass").after(third, {}, {}, older=True).imported == (third,)


def test_the_head_of_a_ledger() -> None:
    chain = chain_of(2)
    record = chain.records[-1]
    assert head_of(chain) == Head(record.sequence, record.digest, 2, release_of("2"), "Active")
    story = RingStory()
    with pytest.raises(CollectionError, match="The ledger of ring dev of hotpass is empty"):
        head_of(story.chain)
    story.go("x", *UP[:2])
    found = head_of(story.chain)
    assert (found.generation, found.release, found.state) == (1, None, "Resolving")


@pytest.fixture(scope="module")
def chain() -> Chain:
    return chain_of(2)


def test_relations(chain: Chain) -> None:
    early = Chain.build(chain.solution, chain.ring, chain.records[:4])
    known, offered = head_of(early), head_of(chain)
    assert relate(None, offered, chain) is Relation.FIRST
    assert relate(offered, offered, chain) is Relation.SAME
    assert relate(known, offered, chain) is Relation.NEWER
    assert relate(offered, known, early) is Relation.OLDER
    assert relate(offered, known, early, lambda: chain) is Relation.OLDER
    other = chain_of(2, branch="other")
    forked = Chain.build(other.solution, other.ring, other.records[:4])
    assert relate(offered, head_of(other), other) is Relation.FORKED
    assert relate(known, head_of(other), other) is Relation.FORKED
    assert relate(offered, head_of(forked), forked) is Relation.OLDER
    assert relate(offered, head_of(forked), forked, lambda: chain) is Relation.FORKED


def test_the_kept_ledger_is_asked_for_only_when_it_tells_something(chain: Chain) -> None:
    def kept() -> Chain:
        raise AssertionError

    early = Chain.build(chain.solution, chain.ring, chain.records[:4])
    assert relate(None, head_of(chain), chain, kept) is Relation.FIRST
    assert relate(head_of(chain), head_of(chain), chain, kept) is Relation.SAME
    assert relate(head_of(early), head_of(chain), chain, kept) is Relation.NEWER
    with pytest.raises(AssertionError):
        relate(head_of(chain), head_of(early), early, kept)


def test_a_site_never_goes_back(chain: Chain) -> None:
    early = head_of(Chain.build(chain.solution, chain.ring, chain.records[:4]))
    known = {"home": head_of(chain), "other": early}
    assert newest(known, {"home": early}, {"home": Relation.OLDER}) == known
    assert newest({"home": early}, {"home": head_of(chain)}, {"home": Relation.NEWER}) == {"home": head_of(chain)}
    assert newest(known, {"third": early}, {"third": Relation.FIRST}) == {**known, "third": early}
