# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fence reads out of a ledger, held against the collection's own chain and table."""

from __future__ import annotations

import copy
import typing as t
from datetime import UTC, datetime

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Draft, Event, Record
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import SETTLED, TABLE, State
from hotpass_fence import ledger
from hotpass_fence.decision import Pair, Permit, Situation
from hotpass_fence.errors import Refused

from tests.support.ring_story import ADA, UP, RingStory, release_of

S = State
VARIABLES = dict[str, t.Any]


def variables(story: RingStory) -> VARIABLES:
    return {record.variable: record.to_json() for record in story.chain.records}


def situation(story: RingStory) -> Situation:
    return ledger.read("hotpass", "dev", variables(story))


@pytest.fixture
def story() -> RingStory:
    """Release a is Active, and release b is being validated."""
    told = RingStory()
    told.go("a", *UP)
    told.go("b", *UP[:4])
    return told


def test_its_states_are_those_of_the_one_table() -> None:
    assert {State(name) for name in ledger.SETTLED} == SETTLED
    table = {(step.before, step.after) for step in TABLE if step.before is not S.ACTIVE}
    assert {(State(before), State(after)) for before, afters in ledger.NEXT.items() for after in afters} == table


def test_what_is_active_and_what_is_under_way(story: RingStory) -> None:
    first, second = Pair(1, release_of("a")), Pair(2, release_of("b"))
    assert situation(story) == Situation(first, second)
    story.go("b", S.ACTIVE)
    assert situation(story) == Situation(second)
    story.go("a", *UP[:3], rolls_back=2)
    assert situation(story) == Situation(second, Pair(3, release_of("a")))
    story.go("a", S.ROLLING_BACK, S.ROLLBACK_FAILED, rolls_back=2)
    assert situation(story) == Situation(second)
    story.go("a", S.ROLLING_BACK, S.ROLLED_BACK, rolls_back=2)
    assert situation(story) == Situation(second)


def test_permits_count_while_the_release_may_be_tried(story: RingStory) -> None:
    said = {"purpose": "smoke", "tag": "t", "max_runs": 2, "expires": "2099-01-31T10:20:30Z"}
    story.say(Event.PERMIT, "b", 2, **said)
    permit = Permit("smoke", "t", 2, datetime(2099, 1, 31, 10, 20, 30, tzinfo=UTC))
    assert situation(story).permits == (permit,)
    story.say(Event.PERMIT, "b", 2, **{**said, "purpose": "canary"})
    assert [found.purpose for found in situation(story).permits] == ["smoke", "canary"]
    story.go("b", S.ROLLING_BACK)
    assert situation(story) == Situation(Pair(1, release_of("a")), Pair(2, release_of("b")))
    story.go("b", S.ROLLED_BACK)
    story.go("b", *UP[:4])
    assert situation(story).permits == ()


def test_a_first_ring_has_no_release_until_it_is_built() -> None:
    story = RingStory()
    story.go("a", S.QUEUED)
    rows = variables(story)
    next(iter(rows.values()))["release"] = None
    assert ledger.read("hotpass", "dev", rows) == Situation(None)


def test_other_variables_are_passed_over(story: RingStory) -> None:
    rows = variables(story)
    expected = ledger.read("hotpass", "dev", rows)
    noise = {"ring_dev_hotpass2_00000001": 1, "ring_dev_hotpass_1": 2, "ring_dev2_hotpass_00000001": {}, "x": None}
    assert ledger.read("hotpass", "dev", {**noise, **rows}) == expected


def edited(rows: VARIABLES, number: int, **changes: t.Any) -> VARIABLES:
    changed = copy.deepcopy(rows)
    changed[f"ring_dev_hotpass_{number:08d}"].update(changes)
    return changed


def without(rows: VARIABLES, number: int) -> VARIABLES:
    return {name: row for name, row in rows.items() if not name.endswith(f"_{number:08d}")}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda _rows: {}, "Ring dev of hotpass has no ledger in this Prefect server"),
        (lambda rows: without(rows, 1), "A record is missing before ring_dev_hotpass_00000002, and no checkpoint"),
        (lambda rows: without(rows, 4), "A record is missing before ring_dev_hotpass_00000005, and no checkpoint"),
        (lambda rows: edited(rows, 5, release=release_of("z")), "00000006 does not follow ring_dev_hotpass_00000005"),
        (lambda rows: edited(rows, 2, token="0" * 32), "00000003 does not follow ring_dev_hotpass_00000002"),
        (lambda rows: edited(rows, 1, previous=release_of("z")), "00000002 does not follow"),
        (
            lambda rows: edited(rows, 3, sequence=4),
            "The variable ring_dev_hotpass_00000003 holds no record of ring dev",
        ),
        (
            lambda rows: edited(rows, 3, ring="prod"),
            "The variable ring_dev_hotpass_00000003 holds no record of ring dev",
        ),
        (lambda rows: edited(rows, 3, previous="x"), "holds no record"),
        (lambda rows: edited(rows, 3, generation="1"), "holds no record"),
        (lambda rows: edited(rows, 3, detail=[]), "holds no record"),
        (lambda rows: {**rows, "ring_dev_hotpass_00000003": "text"}, "holds no record"),
        (lambda rows: {**rows, "ring_dev_hotpass_00000003": None}, "holds no record"),
    ],
)
def test_what_is_no_whole_chain_is_refused(
    story: RingStory, damage: t.Callable[[VARIABLES], VARIABLES], said: str
) -> None:
    with pytest.raises(ledger.Broken) as refused:
        ledger.read("hotpass", "dev", damage(variables(story)))
    assert said in str(refused.value)


def test_the_last_record_may_be_missing_because_it_may_not_be_there_yet(story: RingStory) -> None:
    rows = without(variables(story), len(story.chain.records))
    assert ledger.read("hotpass", "dev", rows) == situation(story)


@pytest.mark.parametrize(
    ("generation", "state"),
    [(1, "Active"), (1, "Deploying"), (3, "Queued"), (2, "Queued"), (2, "Superseded"), (2, ""), (1, "Superseded")],
)
def test_a_step_that_may_not_be_taken_is_refused(story: RingStory, generation: int, state: str) -> None:
    rows = variables(story)
    name = story.go("b", S.ROLLING_BACK)[0].variable
    rows[name] = {**story.chain.records[-1].to_json(), "generation": generation, "state": state}
    with pytest.raises(ledger.Broken) as refused:
        ledger.read("hotpass", "dev", rows)
    said = f"The record {name} says {state} of generation {generation}, but generation 2 is Validating."
    assert str(refused.value) == said


def archived(story: RingStory, through: int, *pieces: VARIABLES) -> VARIABLES:
    """The variables after a checkpoint in these pieces was written, and all that it stands for was deleted."""
    digest = story.chain.records[through - 1].digest
    for number, piece in enumerate(pieces, 1):
        detail = {"through": through, "digest": digest, "segment": release_of("s"), "summary": piece}
        story.add(Draft(Event.CHECKPOINT, 0, ADA, detail={**detail, "part": number, "parts": len(pieces)}))
    rows = {name: row for name, row in variables(story).items() if row["sequence"] > through}
    assert len(rows) < len(story.chain.records)
    return rows


@pytest.mark.parametrize("parts", [1, 2])
def test_a_checkpoint_says_what_was_active_before_it(parts: int) -> None:
    story = RingStory()
    story.go("a", *UP)
    summary = story.chain.fold_through(5).summary()
    pieces = [summary] if parts == 1 else [{**summary, "generations": []}, {"generations": summary["generations"]}]
    story.go("b", *UP[:4])
    rows = archived(story, 5, *pieces)
    chain = Chain.build("hotpass", "dev", [Record.from_json(row) for row in rows.values()])
    assert chain.active
    found = ledger.read("hotpass", "dev", rows)
    assert found == Situation(Pair(chain.active.number, str(chain.active.release)), Pair(2, release_of("b")))

    # One of its parts alone stands for nothing, and it stands for its own records only.
    for name in sorted(rows)[-parts:]:
        with pytest.raises(ledger.Broken, match="A record is missing before ring_dev_hotpass_00000006"):
            ledger.read("hotpass", "dev", {key: row for key, row in rows.items() if key < name})
    first = min(rows)
    with pytest.raises(ledger.Broken, match="A record is missing before ring_dev_hotpass_00000007"):
        ledger.read("hotpass", "dev", {key: row for key, row in rows.items() if key != first})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"active": 7}, "does not say what was Active"),
        ({"active": "1"}, "does not say what was Active"),
        ({"generations": []}, "does not say what was Active"),
        ({"generations": [7]}, "does not say what was Active"),
        ({"active": None}, ""),
    ],
)
def test_a_checkpoint_that_says_nothing_of_use_is_refused(changes: VARIABLES, said: str) -> None:
    story = RingStory()
    story.go("a", *UP)
    summary = story.chain.fold_through(5).summary()
    story.go("b", *UP[:4])
    rows = archived(story, 5, summary)
    rows[max(rows)]["detail"]["summary"].update(changes)
    if not said:
        assert ledger.read("hotpass", "dev", rows).active is None
        return
    with pytest.raises(ledger.Broken, match=said):
        ledger.read("hotpass", "dev", rows)


@pytest.mark.parametrize("name", ["", "Dev", "a_b", "a--b", "-a", "a b", "a%", None, 7])
def test_a_name_that_is_none_is_refused(name: t.Any) -> None:
    with pytest.raises(Refused, match=r"The pull step's ring is"):
        ledger.prefix("hotpass", name)
    with pytest.raises(Refused, match=r"The pull step's solution is"):
        ledger.prefix(name, "dev")
