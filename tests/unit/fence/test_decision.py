# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence's decision: every situation of a run, and nothing but them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hotpass_fence.decision import Outcome, Pair, Permit, Situation, decide

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
OWN, OTHER, THIRD = (Pair(number, f"sha256:{digit * 64}") for number, digit in ((7, "a"), (6, "b"), (8, "c")))


def permit(**changes: object) -> Permit:
    fields = {"purpose": "smoke", "tag": "permit-7", "max_runs": 2, "expires": NOW + timedelta(minutes=5), **changes}
    return Permit(**fields)  # type: ignore[arg-type]


def never(_tag: str) -> int:
    pytest.fail("the runs were counted without need")


def place(number: int) -> Callable[[str], int]:
    return lambda tag: number if tag == "permit-7" else pytest.fail(f"runs with the tag {tag} were counted")


def test_the_active_pair_runs_whatever_else_is_going_on() -> None:
    for under_way, permits in itertools.product((None, OTHER, THIRD), ((), (permit(),))):
        decision = decide(OWN, Situation(OWN, under_way, permits), ["permit-7"], NOW, never)
        assert decision.outcome is Outcome.RUN


@pytest.mark.parametrize("own", [Pair(7, OTHER.release), Pair(6, OWN.release), OTHER, THIRD])
def test_both_halves_of_the_pair_have_to_be_the_active_ones(own: Pair) -> None:
    refused = decide(own, Situation(OWN), ["permit-7"], NOW, never)
    assert refused.outcome is Outcome.REFUSE
    assert refused.reason.startswith(f"The deployment names {own}, but Active is {OWN};")


@pytest.mark.parametrize("under_way", [None, OTHER])
def test_nothing_runs_in_a_ring_without_an_active_release(under_way: Pair | None) -> None:
    refused = decide(OWN, Situation(None, under_way, (permit(),)), ["permit-7"], NOW, never)
    assert refused.outcome is Outcome.REFUSE
    assert "but the ring has no Active release" in refused.reason
    assert (f", and under way is {OTHER};" in refused.reason) is (under_way is not None)


@pytest.mark.parametrize("active", [None, OTHER])
def test_the_generation_under_way_waits(active: Pair | None) -> None:
    decision = decide(OWN, Situation(active, OWN), ["x"], NOW, never)
    assert decision.outcome is Outcome.PUT_OFF
    assert (
        decision.reason == f"{OWN} is not Active yet, and the run has to wait for it: it carries the tag of no permit."
    )


@pytest.mark.parametrize("own", [Pair(7, OTHER.release), Pair(6, OWN.release)])
def test_a_permit_is_for_the_pair_under_way_only(own: Pair) -> None:
    assert decide(own, Situation(None, OWN, (permit(),)), ["permit-7"], NOW, never).outcome is Outcome.REFUSE


@pytest.mark.parametrize(
    ("changes", "tags", "number", "said"),
    [
        ({}, ["permit-7"], 1, ""),
        ({}, ["x", "permit-7"], 2, ""),
        ({}, ["permit-7"], 3, "the permit for smoke is for 2 runs, and this one is number 3"),
        ({"max_runs": 0}, ["permit-7"], 1, "is for 0 runs"),
        ({"expires": NOW + timedelta(microseconds=1)}, ["permit-7"], 1, ""),
        ({"expires": NOW}, ["permit-7"], 1, "the permit for smoke expired at 2026-01-31T12:00:00+00:00"),
        ({"expires": NOW - timedelta(days=1)}, ["permit-7"], 1, "expired"),
        ({}, [], 1, "it carries the tag of no permit"),
        ({}, ["permit-77"], 1, "it carries the tag of no permit"),
    ],
)
def test_a_permit_lets_its_own_runs_start(changes: dict[str, object], tags: list[str], number: int, said: str) -> None:
    counted = place(number) if "permit-7" in tags and not changes.get("expires", NOW + timedelta(1)) <= NOW else never
    decision = decide(OWN, Situation(OTHER, OWN, (permit(**changes),)), tags, NOW, counted)
    assert decision.outcome is (Outcome.PUT_OFF if said else Outcome.RUN)
    assert said in decision.reason
    if not said:
        assert decision.reason == f"{OWN} is not Active yet, and has a permit for smoke."


def test_one_good_permit_is_enough_and_bad_ones_do_no_harm() -> None:
    bad = (permit(tag="other"), permit(expires=NOW), permit(max_runs=1))
    for permits in itertools.permutations((*bad, permit(purpose="rehearsal"))):
        decision = decide(OWN, Situation(OTHER, OWN, permits), ["permit-7"], NOW, place(2))
        assert decision.reason.endswith("has a permit for rehearsal.")
        assert decide(OWN, Situation(OTHER, OWN, permits), ["permit-7"], NOW, place(3)).outcome is Outcome.PUT_OFF
    assert decide(OWN, Situation(OTHER, OWN, bad), ["permit-7"], NOW, place(2)).outcome is Outcome.PUT_OFF
