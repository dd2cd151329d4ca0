# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a chain makes of records, and that it refuses every list of them that is none."""

from __future__ import annotations

import dataclasses
import re
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Broken, Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import (
    GENESIS,
    Actor,
    Draft,
    Event,
    Kind,
    Record,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

from tests.support.ring_story import ADA, UP, RingStory, release_of

S = State
DOWN = (*UP[:-1], S.ROLLING_BACK)
PERMIT = {"purpose": "smoke", "tag": "smoke-1", "max_runs": 1, "expires": "2026-11-22T08:00:00Z"}
APPROVAL = {"decision": "approve", "envelope": {"payload": "x"}}


@pytest.fixture
def story() -> RingStory:
    return RingStory()


def rebuilt(story: RingStory) -> Chain:
    """The chain as a reader makes it, who has only the records."""
    return Chain.build("hotpass", "dev", [Record.from_json(record.to_json()) for record in story.chain.records])


def states(chain: Chain) -> dict[int, State]:
    return {generation.number: generation.state for generation in chain.generations}


def refused(story: RingStory, draft: Draft, said: str) -> None:
    """The record may not come next, and a reader who finds it there says the same."""
    before = story.chain
    record = before.next(draft)
    with pytest.raises(Broken, match=said) as first:
        before.extended(record)
    with pytest.raises(Broken, match=said) as second:
        Chain.build("hotpass", "dev", (*before.records, record))
    assert first.value.message == second.value.message
    assert first.value.variable == record.variable
    assert story.chain is before


def step(number: int, state: State, release: str | None = "a", kind: Kind = Kind.PROMOTE, **detail: t.Any) -> Draft:
    digest = None if release is None else release_of(release)
    return Draft(Event.TRANSITION, number, ADA, kind, state, digest, detail)


def test_a_ring_in_which_nothing_has_happened() -> None:
    chain = Chain.build("hotpass", "dev")
    assert (chain.head, chain.last_generation, chain.active, chain.under_way) == (None, 0, None, None)
    assert (chain.generations, chain.verified, chain.holds, chain.vetoes) == ((), (), {}, {})
    assert not chain.degraded
    assert not chain.named


def test_a_first_promotion(story: RingStory) -> None:
    story.go("a", S.QUEUED, commit="abc")
    first = story.chain.records[0]
    assert first.previous == GENESIS
    assert story.chain.under_way is not None
    story.go("a", *UP[1:], gates=["health"])
    chain = rebuilt(story)
    generation = chain.generation(1)
    assert chain.active is generation
    assert chain.under_way is None
    assert chain.verified == (generation,)
    assert generation.transitions == chain.records
    assert (generation.requested_by, generation.requested_at) == (ADA, first.at)
    assert (generation.since, generation.state) == (chain.records[-1].at, S.ACTIVE)
    assert (generation.detail, generation.last_detail) == ({"commit": "abc"}, {"gates": ["health"]})
    assert chain.named == {release_of("a")}
    assert generation.describe().startswith(f"generation 1 (promote of {release_of('a')[:19]}, asked for by ada at ")


def test_the_release_may_come_with_the_build(story: RingStory) -> None:
    story.add(step(1, S.QUEUED, None))
    story.add(step(1, S.BUILDING, None))
    assert story.chain.generation(1).release is None
    refused(story, step(1, S.DEPLOYING, None), "takes generation 1 to Deploying without naming its release")
    story.add(step(1, S.DEPLOYING, "a"))
    assert story.chain.generation(1).release == release_of("a")


def test_a_newer_promotion_supersedes(story: RingStory) -> None:
    story.go("a", *UP)
    story.go("b", *UP)
    assert states(rebuilt(story)) == {1: S.SUPERSEDED, 2: S.ACTIVE}
    assert story.chain.generation(1).since == story.chain.records[-1].at
    assert [generation.number for generation in story.chain.verified] == [1, 2]


def test_a_failed_promotion_leaves_the_active_one_alone(story: RingStory) -> None:
    story.go("a", *UP)
    story.go("b", *DOWN)
    assert states(story.chain) == {1: S.ACTIVE, 2: S.ROLLING_BACK}
    story.go("b", S.ROLLED_BACK)
    chain = rebuilt(story)
    assert states(chain) == {1: S.ACTIVE, 2: S.ROLLED_BACK}
    assert chain.active is chain.generation(1)
    assert not chain.degraded


def test_a_rollback_takes_the_active_one_back(story: RingStory) -> None:
    story.go("a", *UP)
    story.go("b", *UP)
    story.go("a", S.QUEUED, S.RESOLVING, rolls_back=2)
    assert states(story.chain) == {1: S.SUPERSEDED, 2: S.ACTIVE, 3: S.RESOLVING}
    story.go("a", S.DEPLOYING, kind=Kind.ROLLBACK)
    assert states(story.chain) == {1: S.SUPERSEDED, 2: S.ROLLING_BACK, 3: S.DEPLOYING}
    assert story.chain.active is story.chain.generation(2)
    story.go("a", S.VALIDATING, S.ACTIVE, kind=Kind.ROLLBACK)
    chain = rebuilt(story)
    assert states(chain) == {1: S.SUPERSEDED, 2: S.ROLLED_BACK, 3: S.ACTIVE}
    assert chain.generation(3).rolls_back == 2


@pytest.mark.parametrize("end", [S.ROLLED_BACK, S.ROLLBACK_FAILED])
def test_a_rollback_that_does_not_come_about_leaves_the_ring_degraded(story: RingStory, end: State) -> None:
    story.go("a", *UP)
    story.go("b", *UP)
    story.go("a", *DOWN, end, rolls_back=2)
    chain = rebuilt(story)
    assert states(chain) == {1: S.SUPERSEDED, 2: S.ROLLBACK_FAILED, 3: end}
    assert chain.active is chain.generation(2)
    assert chain.degraded

    story.go("a", *UP, rolls_back=2)
    chain = rebuilt(story)
    assert states(chain) == {1: S.SUPERSEDED, 2: S.ROLLED_BACK, 3: end, 4: S.ACTIVE}
    assert not chain.degraded


def test_a_promotion_mends_a_degraded_ring(story: RingStory) -> None:
    story.go("a", *UP)
    story.go("b", *UP)
    story.go("a", *DOWN, S.ROLLBACK_FAILED, rolls_back=2)
    story.go("c", S.QUEUED, S.CANCELLED)
    assert story.chain.degraded
    story.go("c", *UP)
    chain = rebuilt(story)
    assert not chain.degraded
    assert chain.generation(2).state is S.ROLLBACK_FAILED
    assert chain.active is chain.generation(5)


def test_a_failed_rollback_can_be_tried_again(story: RingStory) -> None:
    story.go("a", *UP)
    story.go("b", *DOWN, S.ROLLBACK_FAILED)
    assert story.chain.degraded
    story.go("b", S.ROLLING_BACK)
    assert story.chain.degraded
    assert story.chain.under_way is story.chain.generation(2)
    story.go("b", S.ROLLED_BACK)
    assert not rebuilt(story).degraded
    assert states(story.chain) == {1: S.ACTIVE, 2: S.ROLLED_BACK}


def test_what_could_not_be_taken_back_can_be_the_target_of_a_rollback(story: RingStory) -> None:
    story.go("a", *UP)
    story.go("b", *DOWN, S.ROLLBACK_FAILED)
    story.go("a", *UP, rolls_back=2)
    chain = rebuilt(story)
    assert states(chain) == {1: S.SUPERSEDED, 2: S.ROLLED_BACK, 3: S.ACTIVE}
    assert not chain.degraded


def test_a_rollback_that_is_taken_back_at_the_second_try_leaves_the_ring_as_it_was(story: RingStory) -> None:
    story.go("a", *UP)
    story.go("b", *DOWN, S.ROLLBACK_FAILED)
    story.go("a", *DOWN, S.ROLLBACK_FAILED, rolls_back=2)
    refused(story, step(4, S.QUEUED, "a", Kind.ROLLBACK, rolls_back=2), "which is RollbackFailed: neither the Active")
    story.go("a", S.ROLLING_BACK, S.ROLLED_BACK, kind=Kind.ROLLBACK)
    assert states(rebuilt(story)) == {1: S.ACTIVE, 2: S.ROLLBACK_FAILED, 3: S.ROLLED_BACK}
    assert story.chain.degraded
    story.go("a", *UP, rolls_back=2)
    assert states(rebuilt(story)) == {1: S.SUPERSEDED, 2: S.ROLLED_BACK, 3: S.ROLLED_BACK, 4: S.ACTIVE}
    assert not story.chain.degraded


def test_holds_come_and_go_and_vetoes_stay(story: RingStory) -> None:
    story.go("a", *UP)
    held = story.say(Event.HOLD, "b", held=True, reason="bad")
    veto = story.say(Event.VETO, "c", generation=1, reason="leaks")
    chain = rebuilt(story)
    assert chain.holds == {release_of("b"): held}
    assert chain.vetoes == {release_of("c"): veto}
    assert chain.named == {release_of(name) for name in "abc"}
    story.say(Event.HOLD, "b", held=False, reason="mended")
    assert not rebuilt(story).holds


def test_permits_and_approvals_belong_to_the_generation_under_way(story: RingStory) -> None:
    story.go("a", S.QUEUED, S.RESOLVING, S.AWAITING_APPROVAL)
    approval = story.say(Event.APPROVAL, "a", generation=1, **APPROVAL)
    story.go("a", S.DEPLOYING, S.VALIDATING)
    permits = tuple(story.say(Event.PERMIT, "a", generation=1, **PERMIT) for _number in range(2))
    chain = rebuilt(story)
    assert chain.approvals(1) == (approval,)
    assert chain.permits(1) == permits
    assert chain.permits(2) == chain.approvals(2) == ()


def draft(event: Event, generation: int, release: str, detail: dict[str, t.Any]) -> Draft:
    return Draft(event, generation, ADA, release=release_of(release), detail=detail)


@pytest.mark.parametrize(("event", "detail"), [(Event.PERMIT, PERMIT), (Event.APPROVAL, APPROVAL)])
def test_a_permit_or_approval_for_anything_else_is_refused(
    story: RingStory, event: Event, detail: dict[str, t.Any]
) -> None:
    refused(story, draft(event, 1, "a", detail), "for generation 1, and none is under way")
    story.go("a", *UP)
    refused(story, draft(event, 1, "a", detail), "for generation 1, and none is under way")
    story.go("b", S.QUEUED)
    refused(story, draft(event, 1, "a", detail), "for generation 1, and it is 2 under way")
    refused(story, draft(event, 2, "a", detail), f"{release_of('a')[:19]}, and generation 2 is about")


@pytest.mark.parametrize("event", [Event.VETO, Event.HOLD])
def test_nothing_is_said_of_generations_to_come(story: RingStory, event: Event) -> None:
    detail = {"held": True, "reason": "bad"}
    refused(story, draft(event, 1, "a", detail), "is about generation 1, and the last one is 0")


def test_only_one_generation_is_under_way(story: RingStory) -> None:
    story.go("a", S.QUEUED)
    refused(story, step(2, S.QUEUED), "begins generation 2 while generation 1 is under way")


def test_generations_begin_at_the_beginning(story: RingStory) -> None:
    refused(story, step(1, S.DEPLOYING), "begins generation 1 as Deploying; a generation begins as Queued")


@pytest.mark.parametrize("number", [2, 3, 99])
def test_generations_grow_by_one(story: RingStory, number: int) -> None:
    refused(story, step(number, S.QUEUED), f"begins generation {number}, and the next one is 1")


def test_only_the_last_generation_moves(story: RingStory) -> None:
    story.go("a", *DOWN, S.ROLLBACK_FAILED)
    story.go("b", S.QUEUED, S.CANCELLED)
    refused(story, step(1, S.ROLLING_BACK), "is about generation 1, and generation 2 came after that one")


@pytest.mark.parametrize("state", State)
def test_an_active_generation_ends_through_another_only(story: RingStory, state: State) -> None:
    story.go("a", *UP)
    refused(story, step(1, state), f"takes generation 1 from Active to {state.value}; only a newer generation does")


def test_steps_that_the_table_does_not_have(story: RingStory) -> None:
    story.go("a", S.QUEUED)
    refused(story, step(1, S.ACTIVE), "takes generation 1 from Queued to Active, which is not allowed")
    refused(story, step(1, S.QUEUED), "takes generation 1 from Queued to Queued, which is not allowed")


def test_a_generation_keeps_its_kind_and_its_release(story: RingStory) -> None:
    story.go("a", S.QUEUED)
    refused(story, step(1, S.RESOLVING, kind=Kind.ROLLBACK), "makes generation 1 a rollback")
    refused(story, step(1, S.RESOLVING, "b"), "gives generation 1 the release")
    refused(story, step(1, S.RESOLVING, None), "gives generation 1 the release none")


@pytest.mark.parametrize(
    ("release", "kind", "detail", "said"),
    [
        ("a", Kind.ROLLBACK, {}, "is a rollback of generation None, which the ledger does not know"),
        ("a", Kind.ROLLBACK, {"rolls_back": 9}, "is a rollback of generation 9, which the ledger does not know"),
        (
            "a",
            Kind.ROLLBACK,
            {"rolls_back": 1},
            "is a rollback of generation 1, which is Superseded: neither the Active one nor",
        ),
        (None, Kind.ROLLBACK, {"rolls_back": 2}, "is a rollback that names no release to go back to"),
        ("a", Kind.PROMOTE, {"rolls_back": 2}, "is a promotion that names a generation to roll back"),
    ],
)
def test_rollbacks_name_what_they_take_back(
    story: RingStory, release: str | None, kind: Kind, detail: dict[str, t.Any], said: str
) -> None:
    story.go("a", *UP)
    story.go("b", *UP)
    refused(story, step(3, S.QUEUED, release, kind, **detail), said)


@pytest.fixture
def long_story(story: RingStory) -> RingStory:
    story.go("a", *UP)
    story.say(Event.HOLD, "x", held=True, reason="bad")
    story.go("b", *UP)
    return story


def broken(records: t.Iterable[Record], said: str, variable: str) -> None:
    with pytest.raises(Broken, match=said) as caught:
        Chain.build("hotpass", "dev", records)
    assert caught.value.variable == variable
    assert caught.value.details["variable"] == variable


def test_the_order_in_which_records_are_read_is_of_no_matter(long_story: RingStory) -> None:
    records = long_story.chain.records
    assert Chain.build("hotpass", "dev", reversed(records)).records == records


@pytest.mark.parametrize("gone", range(10))
def test_a_deleted_record_is_missed(long_story: RingStory, gone: int) -> None:
    records = long_story.chain.records
    name = records[gone].variable
    broken((*records[:gone], *records[gone + 1 :]), f"{name} is missing before {records[gone + 1].variable}", name)


def test_many_deleted_records_are_missed(long_story: RingStory) -> None:
    records = long_story.chain.records
    said = "ring_dev_hotpass_00000003 and 3 more up to ring_dev_hotpass_00000006 is missing before .*00000007"
    broken((*records[:2], *records[6:]), said, "ring_dev_hotpass_00000003")


@pytest.mark.parametrize("place", range(10))
def test_an_edited_record_is_found(long_story: RingStory, place: int) -> None:
    records = list(long_story.chain.records)
    records[place] = dataclasses.replace(records[place], actor=Actor("mallory"))
    said = f"{records[place].variable} hashes to .*, and {records[place + 1].variable} follows .*: one of the two was"
    broken(records, said, records[place].variable)


def test_a_fork_is_found(long_story: RingStory) -> None:
    records = long_story.chain.records
    other = dataclasses.replace(records[4], actor=Actor("mallory"))
    broken((*records, other), "Two records claim to be ring_dev_hotpass_00000005: the ledger is forked", other.variable)


def test_a_first_record_has_none_before_it(long_story: RingStory) -> None:
    first = dataclasses.replace(long_story.chain.records[0], previous=release_of("x"))
    broken([first], "ring_dev_hotpass_00000001 is the first record and names one before it", first.variable)


@pytest.mark.parametrize("field", ["solution", "ring"])
def test_a_record_of_another_ledger_is_found(long_story: RingStory, field: str) -> None:
    records = list(long_story.chain.records)
    records[-1] = dataclasses.replace(records[-1], **{field: "other"})  # type: ignore[arg-type]
    broken(records, "stands in the ledger of ring dev of hotpass", records[-1].variable)


def test_a_record_cannot_be_skipped(long_story: RingStory) -> None:
    record = dataclasses.replace(long_story.chain.next(step(3, S.QUEUED)), sequence=99)
    with pytest.raises(Broken, match="ring_dev_hotpass_00000099 cannot follow record 11"):
        long_story.chain.extended(record)


def test_the_next_record_has_to_follow_the_head(long_story: RingStory) -> None:
    record = dataclasses.replace(long_story.chain.next(step(3, S.QUEUED)), previous=release_of("x"))
    with pytest.raises(Broken, match="one of the two was edited"):
        long_story.chain.extended(record)


@pytest.mark.parametrize(("number", "said"), [(0, ""), (3, ""), (-1, "")])
def test_generations_that_there_are_not(long_story: RingStory, number: int, said: str) -> None:
    with pytest.raises(CollectionError, match=re.escape(f"has no generation {number}{said}; the last one is 2")):
        long_story.chain.generation(number)


def test_a_draft_is_not_kept(story: RingStory) -> None:
    detail: dict[str, t.Any] = {"seen": []}
    record = story.add(Draft(Event.TRANSITION, 1, ADA, Kind.PROMOTE, S.QUEUED, release_of("a"), detail))
    detail["seen"].append("later")
    assert record.detail == {"seen": []}


def test_a_chain_does_not_change_when_it_is_extended(long_story: RingStory) -> None:
    before = long_story.chain
    seen = (before.records, before.generations, before.active, before.under_way, before.holds, before.degraded)
    long_story.go("c", *DOWN, S.ROLLBACK_FAILED)
    long_story.say(Event.HOLD, "x", held=False, reason="mended")
    assert (
        before.records, before.generations, before.active, before.under_way, before.holds, before.degraded
    ) == seen  # fmt: skip
