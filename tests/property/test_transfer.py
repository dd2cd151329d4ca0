# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every transfer bundle, whatever is in it, and for heads in whatever order they come."""

from __future__ import annotations

import functools
import hashlib
import random
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import reading, writing
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import File, Key, collection_file
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.heads import (
    Head,
    Relation,
    head_of,
    newest,
    relate,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.names import BLOBS, KEYS, in_order, may_be_spared
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.receipt import Receipt
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.writing import Entry
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import attesting
from tests.support.attesting import Cast
from tests.support.ring_story import UP, RingStory
from tests.support.transfer_bundles import COLLECTION, RING, SOLUTION, chain_of, document, entries

contents = st.binary(max_size=40) | st.integers(500, 1100).map(lambda size: b"x" * size)
letters = st.text("abcXYZ012_.+", min_size=1, max_size=20).map(lambda text: f"w{text}")
wheels = st.dictionaries(letters.map(lambda text: f"{text}-1-py3-none-any.whl"), contents, max_size=4).filter(
    lambda found: len({name.lower() for name in found}) == len(found)
)
blobs = st.lists(contents, min_size=1, max_size=4, unique=True)
keys = st.lists(st.sampled_from(["alice", "bob", "carol"]), unique=True)
bundles = st.fixed_dictionaries({"wheels": wheels, "blobs": blobs, "keys": keys, "steps": st.integers(1, 3)})
CHAINS: t.Final = {steps: chain_of(steps) for steps in (1, 2, 3)}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return attesting.cast(tmp_path_factory.mktemp("keys"))


def found_in(site: dict[str, Path], _name: str, file: File) -> Path | None:
    """What a site has, by its sha256."""
    return site.get(file.sha256)


def written(people: Cast, path: Path, made: dict[str, t.Any], base: Receipt | None = None) -> writing.Written:
    """A bundle of what was made up, its entries in any order."""
    chain = CHAINS[made["steps"]]
    given_keys = tuple(Key(name, ("builder",), f"{KEYS}{name}.pub") for name in made["keys"])
    found = [entry for entry in entries(chain, *made["blobs"], wheels=made["wheels"]) if entry.name != "keys/alice.pub"]
    found += [Entry(key.file, key.name.encode()) for key in given_keys]
    random.shuffle(found)
    return writing.write(path, found, document(chain, made["blobs"][0], keys=given_keys), people.alice.key, base)


@settings(max_examples=40, deadline=None)
@given(made=bundles)
def test_what_is_written_is_read_and_always_the_same(people: Cast, made: dict[str, t.Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        first, again = written(people, Path(name, "a.tar"), made), written(people, Path(name, "b.tar"), made)
        assert Path(name, "a.tar").read_bytes() == Path(name, "b.tar").read_bytes()
        assert first.sha256 == again.sha256 == hashlib.sha256(Path(name, "a.tar").read_bytes()).hexdigest()
        with reading.verified(first.path, people.trust) as transfer:
            expected = {
                **{f"wheels/{wheel}": data for wheel, data in made["wheels"].items()},
                **{f"{BLOBS}{hashlib.sha256(data).hexdigest()}": data for data in made["blobs"]},
                **{f"{KEYS}{key}.pub": key.encode() for key in made["keys"]},
            }
            for prefix in ("wheels/", BLOBS, KEYS):
                found = transfer.below(prefix)
                assert found == sorted(wanted for wanted in expected if wanted.startswith(prefix))
                assert {file: transfer.read(file) for file in found} == {file: expected[file] for file in found}
            assert transfer.document.to_bytes() == first.document.to_bytes()


@settings(max_examples=40, deadline=None)
@given(before=bundles, made=bundles, data=st.data())
def test_a_delta_and_its_base_are_the_full_bundle(
    people: Cast, before: dict[str, t.Any], made: dict[str, t.Any], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as name:
        has: dict[str, Path] = {}
        with reading.verified(written(people, Path(name, "base.tar"), before).path, people.trust) as base:
            some = data.draw(st.sets(st.sampled_from(sorted(base.files))))
            for file in some:
                has[base.files[file].sha256] = Path(name, "site", base.files[file].sha256)
                base.copy(file, has[base.files[file].sha256])
        receipt = Receipt(SOLUTION, files={digest: path.stat().st_size for digest, path in has.items()})
        full = written(people, Path(name, "full.tar"), made)
        delta = written(people, Path(name, "delta.tar"), made, receipt)
        spared = {file for file, what in full.document.files.items() if what.sha256 in has and may_be_spared(file)}
        assert delta.document.omitted.keys() == spared
        with (
            reading.verified(full.path, people.trust) as whole,
            reading.verified(delta.path, people.trust, have=functools.partial(found_in, has)) as short,
        ):
            assert short.files == whole.files
            for file in whole.files:
                assert short.read(file) == whole.read(file)
        for lost in {delta.document.omitted[file].sha256 for file in spared}:
            kept = {digest: path for digest, path in has.items() if digest != lost}
            with pytest.raises(CollectionError, match="It is a delta for a site that has "):
                reading.verified(delta.path, people.trust, have=functools.partial(found_in, kept))


@settings(max_examples=120, deadline=None)
@given(made=bundles, data=st.data())
def test_several_changes_at_once_do_not_make_up_for_each_other(
    people: Cast, made: dict[str, t.Any], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = written(people, Path(name, "a.tar"), made).path
        original = path.read_bytes()
        spoiled = bytearray(original)
        for _change in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(spoiled) - 1))
            what = data.draw(st.sampled_from(["byte", "cut", "copy", "zeros"]))
            length = data.draw(st.sampled_from([1, 8, 512, 1024]))
            if what == "byte":
                spoiled[at] = data.draw(st.integers(0, 255))
            elif what == "cut":
                del spoiled[at : at + length]
            elif what == "copy":
                spoiled[at:at] = spoiled[at : at + length]
            else:
                spoiled[at : at + length] = bytes(len(spoiled[at : at + length]))
            if not spoiled:
                break
        path.write_bytes(spoiled)
        if spoiled == original:
            reading.verified(path, people.trust).close()
        else:
            with pytest.raises(CollectionError, match="is refused"):
                reading.verified(path, people.trust)


@given(st.sets(st.sampled_from(["transfer.json", "SHA256SUMS", "seal.dsse.json", "bootstrap.py", "a", "b/c", "z"])))
def test_the_order_of_files_is_total(found: set[str]) -> None:
    ordered = in_order(found)
    assert set(ordered) == found
    assert ordered == in_order(reversed(ordered))
    assert ordered[1:] == in_order(ordered[1:])


def test_every_file_of_a_bundle_has_its_place() -> None:
    assert in_order(["wheels/x", "a", "bootstrap.py", "seal.dsse.json", "SHA256SUMS", "transfer.json"]) == [
        *("transfer.json", "SHA256SUMS", "seal.dsse.json", "bootstrap.py", "a", "wheels/x")
    ]
    assert may_be_spared(collection_file(COLLECTION))


def grown(steps: int) -> Chain:
    return Chain.build(SOLUTION, RING, LONG.records[:steps])


def parted(steps: int, more: int) -> Chain:
    """The first records of the long ledger, and then others."""
    story = RingStory(SOLUTION, RING)
    story.chain = grown(5 * steps)
    for number in range(more):
        story.go(f"parted {steps} {number}", *UP)
    return story.chain


LONG: t.Final = chain_of(4)
TREE: t.Final = [
    *(grown(steps) for steps in range(1, len(LONG.records) + 1)),
    *(parted(steps, more) for steps in (0, 1, 2) for more in (1, 2, 3)),
]
chains = st.sampled_from(TREE)


def holds(chain: Chain, head: Head) -> bool:
    return any((record.sequence, record.digest) == (head.sequence, head.digest) for record in chain.records)


@given(known=chains, offered=chains)
def test_how_heads_relate_is_how_their_ledgers_do(known: Chain, offered: Chain) -> None:
    before, after = head_of(known), head_of(offered)
    relation = relate(before, after, offered, lambda: known)
    assert (relation is Relation.SAME) is (before == after)
    assert (relation is Relation.NEWER) is (before != after and holds(offered, before))
    assert (relation is Relation.OLDER) is (before != after and holds(known, after))
    assert (relation is Relation.FORKED) is not (holds(offered, before) or holds(known, after))
    back = relate(after, before, known, lambda: offered)
    turned = {Relation.NEWER: Relation.OLDER, Relation.OLDER: Relation.NEWER}
    assert back is turned.get(relation, relation)


@given(arriving=st.lists(chains, max_size=8), allowing=st.booleans())
def test_whatever_comes_in_whatever_order_a_site_only_goes_on(arriving: list[Chain], allowing: bool) -> None:
    other = head_of(chain_of(1, "other"))
    known: dict[str, Head] = {"other": other}
    kept: Chain | None = None
    for chain in arriving:
        before = known
        relation = relate(known.get(RING), head_of(chain), chain, functools.partial(t.cast, "Chain", kept))
        if relation is Relation.FORKED or (relation is Relation.OLDER and not allowing):
            continue
        known = newest(known, {RING: head_of(chain)}, {RING: relation})
        if relation is not Relation.OLDER:
            assert kept is None or holds(chain, head_of(kept))
            kept = chain
        assert known[RING].sequence >= (before[RING].sequence if RING in before else 0)
        assert newest(known, {RING: head_of(chain)}, {RING: relation}) == known
    assert known == ({"other": other, RING: head_of(kept)} if kept else {"other": other})


@given(
    st.dictionaries(st.sampled_from("abc"), chains.map(head_of)),
    st.dictionaries(st.text("0123456789abcdef", min_size=64, max_size=64), st.integers(0, 2**33 - 1), max_size=3),
    st.lists(st.integers(0, 9).map(lambda digit: f"sha256:{str(digit) * 64}"), unique=True),
)
def test_a_receipt_is_read_as_it_was_written(
    known: dict[str, Head], files: dict[str, int], imported: list[str]
) -> None:
    receipt = Receipt(SOLUTION, known, files, tuple(imported))
    assert Receipt.parse(receipt.to_bytes()) == receipt
    assert Receipt.parse(receipt.to_bytes()).to_bytes() == receipt.to_bytes()
