# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server whose clock is ahead of the one that the readings carry, which also says when the observation ends."""

from __future__ import annotations

import dataclasses
import types
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import remedies
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import SECOND, written
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.intervals import history
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.judging import Check, Report

from tests.support.judgements import EXACT, judged
from tests.support.observations import START, State, at, done, observation, sample, waited

SLACK: t.Final = 10
TOLD: t.Final = dataclasses.replace(EXACT, clock_slack_seconds=SLACK)
# One slot, and the run that waited ends two seconds before the observation does.
STORIES: t.Final = types.MappingProxyType({"a": done(0, 10, 40), "b": waited(0, 40, 98)})


def seen(
    ahead: float,
    stories: t.Mapping[str, t.Sequence[State]] = STORIES,
    taken: t.Mapping[float, int] | None = None,
    gap: float = 60,
) -> tuple[Report, dict[str, Check]]:
    """The verdict where all that the server stamps is ahead; ``taken`` are the slots that it counts at some seconds."""
    counts = {-1: 0, 5: 0, 25: 1, 41: 1, 60: 1, 80: 1, 99: 0, 100: 0} if taken is None else taken
    samples = [sample(second, 1, count, updated=second + ahead) for second, count in counts.items()]
    shifted = {
        run: [
            (second + ahead, kind, *([name] if name else []), *more) for second, kind, name, *more in map(_full, told)
        ]
        for run, told in stories.items()
    }
    return judged(
        observation(shifted, samples, since=ahead, run_ids=sorted(stories)),
        bounds=dataclasses.replace(TOLD, sample_gap_seconds=gap),
    )


def _full(state: State) -> tuple[t.Any, ...]:
    second, kind, *more = state
    return (second, kind, more[0] if more else "", *more[1:])


@pytest.mark.parametrize("ahead", [0, 1, 3, SLACK - 1, SLACK])
def test_within_the_slack_a_server_that_is_ahead_changes_no_verdict(ahead: float) -> None:
    report, checks = seen(ahead)
    assert report.verdict == "pass", report.not_passed()
    assert checks["holders.stale"].found == "0 runs hold a slot"
    assert {name: check.verdict for name, check in checks.items()} == {
        name: check.verdict for name, check in seen(0)[1].items()
    }


@pytest.mark.parametrize("ahead", [SLACK + 1, SLACK + 30])
def test_beyond_the_slack_the_clocks_are_an_error(ahead: float) -> None:
    report, checks = seen(ahead)
    assert (report.verdict, checks["observation.clocks"].verdict) == ("error", "error")
    assert checks["observation.clocks"].remedy == remedies.CLOCKS


@pytest.mark.parametrize("ahead", [0, SLACK - 1])
def test_one_run_too_many_in_the_last_seconds_is_seen_whatever_the_clock(ahead: float) -> None:
    stories = {**STORIES, "c": done(0, 94, 97)}
    report, checks = seen(ahead, stories)
    assert report.verdict == "fail"
    found = checks["deployment.slots"]
    assert (found.verdict, found.witnesses) == ("fail", ("b", "c"))
    assert found.found == f"2 runs held a slot at {at(94 + ahead)}"
    assert checks["deployment.executions"].witnesses == ("b", "c")


@pytest.mark.parametrize("ahead", [0, SLACK - 1])
def test_a_slot_that_the_server_forgot_is_seen_whatever_the_clock(ahead: float) -> None:
    # Also by the very last reading, which nobody can have taken before the run got its slot.
    stories = {**STORIES, "b": waited(0, 40, 98)[:-1]}
    for taken in ({-1: 0, 25: 1, 60: 0, 100: 1}, {-1: 0, 25: 1, 60: 1, 100: 0}):
        report, checks = seen(ahead, stories, taken)
        assert (report.verdict, checks["deployment.uncounted"].verdict) == ("fail", "fail")
        assert checks["deployment.uncounted"].witnesses == ("b",)


def test_who_may_have_let_go_before_the_last_reading_is_no_proof_that_a_slot_was_forgotten() -> None:
    for end, verdict in ((110, "pass"), (111, "fail")):
        _report, checks = seen(0, {**STORIES, "b": waited(0, 40, end)}, {-1: 0, 25: 1, 100: 0})
        assert checks["deployment.uncounted"].verdict == verdict


@pytest.mark.parametrize(
    ("end", "verdict"), [(104, "pass"), (111, "pass"), (124, "pass"), (125, "fail"), (140, "fail")]
)
def test_a_slow_last_reading_proves_no_slot_forgotten_that_may_have_been_let_go_meanwhile(
    end: float, verdict: str
) -> None:
    """It may have counted at its very end, 15 s later, and the clocks may be 10 s apart."""
    samples = [sample(-1, 1, 0), sample(25, 1, 1), {**sample(100, 1, 0), "took_seconds": 15.0}]
    stories = {**STORIES, "b": waited(0, 40, end)}
    _report, checks = judged(observation(stories, samples, since=0, run_ids=sorted(stories)), bounds=TOLD)
    assert checks["deployment.uncounted"].verdict == verdict


def test_the_reading_that_ends_the_observation_says_what_the_limit_was_by_the_servers_clock() -> None:
    """Also where the clocks may be further apart than two readings."""
    dense = {second: 0 if second in (-1, 2, 5, 8, 98, 101) else 1 for second in range(-1, 102, 3)} | {100: 0}
    report, checks = seen(SLACK - 1, taken={key: dense[key] for key in sorted(dense) if key <= 100}, gap=4)
    assert report.verdict == "pass", report.not_passed()
    assert checks["deployment.slots"].verdict == "pass"


def test_a_window_that_ends_before_the_observation_is_cut_where_it_ends() -> None:
    stories = {**STORIES, "c": done(0, 94, 97)}
    told = observation(stories, [sample(s, 1, None, updated=-50) for s in (-1, 50, 90, 100)])
    told.concurrency["window"]["until"] = at(90)
    report, checks = judged(told, bounds=TOLD)
    assert report.verdict == "pass", report.not_passed()
    assert report.figures["max_executions"]["deployment"] == 1
    assert checks["deployment.slots"].verdict == "pass"


def test_what_still_goes_on_is_cut_where_the_observation_ends_or_at_the_last_that_is_known() -> None:
    def states(*told: tuple[int, str]) -> list[dict[str, t.Any]]:
        return [{"id": str(at_), "type": kind, "name": kind.title(), "timestamp": at(at_)} for at_, kind in told]

    def holding(until: int, *told: tuple[int, str]) -> list[tuple[str, bool]]:
        past = history("r", states((0, "SCHEDULED"), *told), (START + until) * SECOND, slack=SLACK * SECOND)
        assert past is not None
        return [(written(span.end), span.censored) for span in past.holding]

    assert holding(50, (10, "PENDING"), (20, "RUNNING")) == [(at(50), True)]
    assert holding(50, (10, "PENDING"), (55, "RUNNING")) == [(at(55), True)]
    assert holding(50, (10, "PENDING"), (60, "COMPLETED")) == [(at(60), False)]
    assert holding(50, (10, "PENDING"), (61, "COMPLETED")) == [(at(50), True)]
