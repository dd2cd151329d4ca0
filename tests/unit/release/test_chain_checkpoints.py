# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints and archives: each way in which one can be wrong is noticed before anything is concluded from it."""

from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import checkpoints, compaction
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Broken, Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Actor, Draft, Event, Record
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import Corrupt, Store, open_store

from tests.support.memory_ledger import MemoryLedger, MemoryServer
from tests.support.ring_story import ADA, UP, RingStory, release_of

SEGMENT = digest_of(b"segment")


@pytest.fixture
def story() -> RingStory:
    story = RingStory()
    story.go("a", *UP)
    story.say(Event.HOLD, "x", held=True, reason="  so bad " * 60)
    story.go("b", *UP)
    return story


def point(chain: Chain, through: int = 6, **other: t.Any) -> Draft:
    detail = {
        "through": through,
        "digest": chain.records[through - 1].digest,
        "segment": SEGMENT,
        "part": 1,
        "parts": 1,
        "summary": {**chain.fold_through(through).summary(), "segments": []},
        **other,
    }
    return Draft(Event.CHECKPOINT, 0, ADA, detail=detail)


def build(records: t.Iterable[Record]) -> Chain:
    return Chain.build("hotpass", "dev", records)


@pytest.mark.parametrize("first", range(1, 9))
def test_the_ledger_reads_the_same_while_its_records_go(story: RingStory, first: int) -> None:
    story.add(point(story.chain))
    whole = story.chain
    if first == 8:
        with pytest.raises(Broken, match="ring_dev_hotpass_00000007 is missing before ring_dev_hotpass_00000008"):
            build(whole.records[first - 1 :])
        return
    chain = build(whole.records[first - 1 :])
    assert chain.records == whole.records[first - 1 :]
    assert (chain.active, chain.last_generation) == (whole.active, 2)
    assert [(g.number, g.release, g.state, g.since) for g in chain.generations] == [
        (g.number, g.release, g.state, g.since) for g in whole.generations
    ]
    assert chain.holds.keys() == {release_of("x")}
    assert chain.segments == (SEGMENT,)


def test_a_hold_without_its_record_says_who_when_and_why(story: RingStory) -> None:
    story.add(point(story.chain))
    held = build(story.chain.records[6:]).holds[release_of("x")]
    whole = story.chain.holds[release_of("x")]
    assert (held.actor, held.at, held.sequence, held.previous) == (
        whole.actor,
        whole.at,
        whole.sequence,
        whole.previous,
    )
    assert held.detail["held"] is True
    assert len(held.detail["reason"]) == 100


def test_generations_without_their_records_still_say_what_matters(story: RingStory) -> None:
    story.add(point(story.chain))
    archived = build(story.chain.records[6:]).generation(1)
    assert (archived.release, archived.requested_by, archived.transitions) == (release_of("a"), ADA, ())


def test_a_later_step_goes_on_from_the_checkpoint(story: RingStory) -> None:
    story.add(point(story.chain))
    chain = build(story.chain.records[6:])
    story.go("c", *UP)
    for record in story.chain.records[len(story.chain.records) - 5 :]:
        chain = chain.extended(record)
    assert [g.state for g in chain.generations] == [g.state for g in story.chain.generations]


def test_some_parts_of_a_checkpoint_are_none(story: RingStory) -> None:
    story.add(point(story.chain, parts=2))
    assert story.chain.checkpoint is None
    with pytest.raises(Broken, match="no checkpoint stands for it"):
        build(story.chain.records[6:])


def test_the_same_part_twice_is_one(story: RingStory) -> None:
    story.add(point(story.chain, parts=2))
    story.add(point(story.chain, parts=2))
    assert story.chain.checkpoint is None
    story.add(point(story.chain, part=2, parts=2, summary={"segments": []}))
    assert story.chain.checkpoint is not None


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"digest": SEGMENT}, "stands for ring_dev_hotpass_00000006 with sha256:.*, and it is sha256:"),
        ({"through": 12}, "is a checkpoint for records that come after it"),
        ({"summary": {"last": 5}}, "says of the records up to ring_dev_hotpass_00000006 what they do not say"),
    ],
)
def test_a_checkpoint_that_cannot_be(story: RingStory, other: dict[str, t.Any], said: str) -> None:
    record = story.chain.next(point(story.chain))
    record = dataclasses.replace(record, detail={**record.detail, **other})
    with pytest.raises(Broken, match=said) as caught:
        story.chain.extended(record)
    assert caught.value.variable == record.variable


def test_a_checkpoint_has_to_fit_to_the_first_record_that_is_left(story: RingStory) -> None:
    record = story.chain.next(point(story.chain, digest=SEGMENT))
    with pytest.raises(Broken, match=r"stands for ring_dev_hotpass_00000006 with .*, and it is"):
        build([*story.chain.records[6:], record])


def test_a_checkpoint_without_a_summary_is_no_beginning(story: RingStory) -> None:
    summary = story.chain.fold_through(6).summary()
    for gone in summary:
        rest = {key: value for key, value in summary.items() if key != gone}
        record = story.chain.next(point(story.chain, summary=rest))
        with pytest.raises(Broken, match=f"holds no summary: '{gone}'"):
            build([*story.chain.records[6:], record])


@pytest.mark.parametrize(
    "change",
    [
        {"under_way": 2},
        {"active": 9},
        {"generations": [{"number": 1}]},
        {"generations": 5},
        {"holds": [{"ring": "dev"}]},
        {"vetoes": 5},
    ],
)
def test_a_summary_that_is_none_is_no_beginning(story: RingStory, change: dict[str, t.Any]) -> None:
    summary = {**story.chain.fold_through(6).summary(), **change}
    record = story.chain.next(point(story.chain, summary=summary))
    with pytest.raises(Broken, match="holds no summary"):
        build([*story.chain.records[6:], record])


def test_checkpoints_go_forward_and_name_what_went_before(story: RingStory) -> None:
    story.add(point(story.chain))
    record = story.chain.next(point(story.chain, segment=digest_of(b"other")))
    with pytest.raises(Broken, match="reaches no further than the one before it"):
        story.chain.extended(record)
    record = story.chain.next(point(story.chain, through=11, segment=digest_of(b"other")))
    with pytest.raises(Broken, match="does not name what was archived before it"):
        story.chain.extended(record)
    summary = {**story.chain.fold_through(11).summary(), "segments": [SEGMENT]}
    story.add(point(story.chain, through=11, segment=digest_of(b"other"), summary=summary))
    assert story.chain.segments == (SEGMENT, digest_of(b"other"))


def test_a_line_too_long_for_any_record_is_said(story: RingStory) -> None:
    summary = story.chain.fold_through(6).summary()
    summary["holds"] = [{"reason": "a" * 4_000}]
    with pytest.raises(CollectionError, match=r"cannot be compacted: a line of its summary \(holds\) has 40.. bytes"):
        checkpoints.split(summary, [], Actor("a"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def compacted(store: Store) -> Chain:
    ledger = MemoryLedger(MemoryServer(), "hotpass", "dev")
    chain = ledger.read()
    story = RingStory()
    for name in "abcd":
        story.go(name, *UP)
    for record in story.chain.records:
        draft = Draft(record.event, record.generation, ADA, record.kind, record.state, record.release)
        chain = ledger.append(chain, draft)
    return compaction.compact(ledger, chain, store, ADA, keep=3)


def test_the_archive_survives_the_collection_of_garbage(compacted: Chain, store: Store) -> None:
    assert store.collect_garbage(compacted.named, min_age=0).removed == ()
    assert store.verify().ok
    assert len(compaction.full_chain(compacted, store).records) == 21


def rewritten(compacted: Chain, store: Store, data: bytes, media_type: str = compaction.RECORDS_TYPE) -> Chain:
    """A chain whose archive holds other bytes, as only somebody can make it who also rewrites the ledger."""
    store.write_blob(data)
    layer = {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}
    config = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(b"{}"), "size": 2}
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": compaction.ARTIFACT_TYPE,
        "config": config,
        "layers": [layer],
    }
    assert compacted.checkpoint is not None
    segment = store.write_manifest(canonical(manifest))
    return dataclasses.replace(compacted, checkpoint=dataclasses.replace(compacted.checkpoint, segment=segment))


def lines(chain: Chain, store: Store, change: t.Callable[[list[Record]], list[Record]]) -> bytes:
    records = change(list(compaction.full_chain(chain, store).records[:10]))
    return b"".join(canonical(record.to_json()) + b"\n" for record in records)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda records: records[1:], "00000001 is neither"),
        (lambda records: records[:-1], "00000010 is neither"),
        (lambda records: [*records[:4], *records[5:]], "00000005 is neither"),
        (lambda records: [*records[:4], dataclasses.replace(records[4], token="f" * 32), *records[5:]], "was edited"),
    ],
)
def test_an_archive_that_is_no_beginning_of_the_chain(
    compacted: Chain, store: Store, change: t.Callable[[list[Record]], list[Record]], said: str
) -> None:
    with pytest.raises(Broken, match=said):
        compaction.full_chain(rewritten(compacted, store, lines(compacted, store, change)), store)


@pytest.mark.parametrize("data", [b"x\n", b"{}\n", b"[" * 100_000, b"\xff\n"])
def test_an_archive_that_is_none(compacted: Chain, store: Store, data: bytes) -> None:
    with pytest.raises(Corrupt, match="it is no archive of a ledger"):
        compaction.full_chain(rewritten(compacted, store, data), store)


def test_an_archive_of_something_else(compacted: Chain, store: Store) -> None:
    data = lines(compacted, store, lambda records: [dataclasses.replace(record, ring="prod") for record in records])
    with pytest.raises(Corrupt, match="it is no archive of ring dev of hotpass"):
        compaction.full_chain(rewritten(compacted, store, data), store)
    with pytest.raises(Corrupt, match="it holds text/plain"):
        compaction.full_chain(rewritten(compacted, store, b"x\n", "text/plain"), store)


def test_records_that_are_still_there_have_to_be_those_of_the_archive(compacted: Chain, store: Store) -> None:
    def change(records: list[Record]) -> list[Record]:
        return [*records, dataclasses.replace(compacted.records[0], token="f" * 32)]

    with pytest.raises(Broken, match="00000011 is not what was archived of it"):
        compaction.full_chain(rewritten(compacted, store, lines(compacted, store, change)), store)
