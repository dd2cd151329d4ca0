# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each verdict on a limit comes about."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import remedies
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.declared import Declared
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.judging import Check, Report

from tests.support.judgements import EXACT, judged, readings
from tests.support.observations import at, done, observation, place, sample, shared, waited, worker


def test_a_rehearsal_that_reached_the_limit_passes() -> None:
    report, checks = judged(observation({"a": done(0, 1, 20), "b": waited(0, 20, 40)}, readings()))
    assert report.verdict == "pass"
    assert report.not_passed() == []
    assert checks["deployment.slots"].found.startswith("at most 1 run held a slot at once")
    assert checks["deployment.exercised"].witnesses == ("b",)
    assert report.figures["max_slots"]["deployment"] == 1
    assert report.figures["wait_max_seconds"] == 20
    assert report.figures["limits"]["deployment"] == 1


def test_who_follows_at_the_same_instant_does_not_overlap_and_a_microsecond_earlier_does() -> None:
    for early, verdict in ((0, "pass"), (0.000001, "fail")):
        stories = {"a": done(0, 1, 20), "b": waited(0, 20 - early, 40)}
        report, checks = judged(observation(stories, readings()))
        assert checks["deployment.slots"].verdict == checks["deployment.executions"].verdict == verdict
        assert report.verdict == verdict


def test_what_is_over_the_limit_names_instant_limit_and_witnesses() -> None:
    stories = {"a": done(0, 1, 20), "b": waited(0, 15, 40), "c": done(50, 51, 60)}
    report, checks = judged(observation(stories, readings()))
    found = checks["deployment.slots"]
    assert (report.verdict, found.verdict) == ("fail", "fail")
    assert found.witnesses == ("a", "b")
    assert found.found == f"2 runs held a slot at {at(15)}"
    assert found.allowed == "1, the limit in force at that instant"
    assert found.remedy == remedies.EXCEEDED


def test_a_slot_that_changes_hands_is_no_breach_but_a_run_that_took_none_is() -> None:
    bounds = dataclasses.replace(EXACT, handover_seconds=1)
    granted = {"a": done(0, 1, 20), "b": [(0, "SCHEDULED"), (19.5, "PENDING"), (21, "RUNNING"), (40, "COMPLETED")]}
    report, checks = judged(observation(granted, readings()), bounds=bounds)
    assert checks["deployment.slots"].verdict == "pass"
    assert checks["deployment.slots"].found.endswith("and 2 for no longer than a slot takes to change hands")
    assert report.figures["max_slots"]["deployment"] == 1
    assert report.figures["max_slots_by_timestamp"]["deployment"] == 2
    resumed = {"a": done(0, 5, 20), "b": [*done(0, 1, 4)[:3], (4, "PAUSED"), (19.5, "RUNNING"), (40, "COMPLETED")]}
    _report, checks = judged(observation(resumed, readings()), bounds=bounds)
    assert checks["deployment.slots"].verdict == "fail"
    assert (
        checks["deployment.slots"].found
        == f"2 runs held a slot at {at(19.5)}, of which b went on without taking a slot"
    )


def test_a_slow_server_is_given_as_long_as_its_slowest_answer_at_that_time_took() -> None:
    stories = {"a": done(0, 1, 20), "b": [(0, "SCHEDULED"), (18, "PENDING"), (21, "RUNNING"), (40, "COMPLETED")]}
    for took, verdict in ((1.9, "fail"), (2.0, "pass")):
        samples = readings()
        samples[3]["took_seconds"] = took
        assert samples[3]["at"] == at(20)
        report, checks = judged(observation(stories, samples))
        assert checks["deployment.slots"].verdict == verdict
        assert report.figures["handover_seconds"] == took


def test_a_run_that_is_being_cancelled_still_holds_its_slot_and_executes() -> None:
    cancelling = [*done(0, 1, 10)[:3], (10, "CANCELLING"), (20, "CANCELLED")]
    for start, verdict in ((15, "fail"), (20, "pass")):
        _report, checks = judged(observation({"a": cancelling, "b": waited(0, start, 40)}, readings()))
        assert checks["deployment.slots"].verdict == checks["deployment.executions"].verdict == verdict


def test_a_paused_run_holds_nothing() -> None:
    paused = [*done(0, 1, 4)[:3], (4, "PAUSED"), (30, "SCHEDULED"), (30, "PENDING"), (31, "RUNNING"), (40, "COMPLETED")]
    _report, checks = judged(observation({"a": paused, "b": waited(0, 4, 30)}, readings()))
    assert checks["deployment.slots"].verdict == "pass"


def test_a_limit_lowered_while_runs_go_on_is_caught() -> None:
    stories = {"a": done(0, 1, 90), "b": done(0, 2, 90), "c": waited(0, 90, 95)}
    samples = [sample(-1, 2, updated=-50), sample(10, 2, 2, updated=2), sample(20, 1, 2, updated=15), sample(90, 1, 2)]
    report, checks = judged(observation(stories, samples), bounds=dataclasses.replace(EXACT, sample_gap_seconds=99))
    assert checks["deployment.slots"].verdict == "fail"
    assert checks["deployment.slots"].witnesses == ("a", "b")
    # The row was written at 15, to the millisecond; from then on the limit was surely 1.
    assert checks["deployment.slots"].found == f"2 runs held a slot at {at(15.001)}"
    assert report.verdict == "fail"


def test_a_limit_lowered_after_the_runs_is_not_held_against_them() -> None:
    stories = {"a": done(0, 1, 40), "b": done(0, 2, 40), "c": waited(0, 40, 45)}
    samples = [sample(-1, 2, updated=-50), sample(45, 2, 0), sample(60, 1, 0), sample(90, 1, 0)]
    _report, checks = judged(observation(stories, samples), Declared("d", 1))
    assert checks["deployment.slots"].verdict == "pass"
    assert checks["declared.concurrency_limit"].verdict == "pass"


def test_nobody_can_tell_which_of_two_limits_was_in_force_between_two_readings() -> None:
    stories = {"a": done(0, 1, 14), "b": done(0, 2, 14)}
    samples = [sample(-1, 2, None, updated=-50), sample(10, 2, None, updated=2), sample(20, 1, None, updated=18)]
    report, checks = judged(observation(stories, samples, until=20))
    assert checks["deployment.slots"].verdict == "error"
    assert checks["deployment.slots"].allowed == "1 or 2, for the limit was changing"
    assert report.verdict == "error"


@pytest.mark.parametrize("slack", [0, 3])
def test_near_a_change_the_clocks_may_differ(slack: float) -> None:
    """A third run enters just before the limit is read as 2 for the last time, and 3 is in force soon after."""
    stories = {run: done(0, start, 60) for run, start in (("a", 1), ("b", 2), ("c", 9))}
    samples = [sample(-1, 2, None, updated=-50), sample(10, 2, None, updated=2), sample(20, 3, None, updated=12)]
    seen = observation(stories, [*samples, sample(60, 3, None)], until=60)
    _report, checks = judged(seen, Declared("d", 3), dataclasses.replace(EXACT, clock_slack_seconds=slack))
    assert checks["deployment.slots"].verdict == ("error" if slack else "fail")


def test_without_readings_the_limit_is_known_only_if_its_row_was_never_written() -> None:
    stories = {"a": done(0, 1, 20), "b": waited(0, 20, 40)}
    _report, checks = judged(observation(stories, [sample(100, 1, 0, updated=40)]))
    assert checks["deployment.slots"].verdict == "error"
    assert checks["deployment.slots"].remedy == remedies.UNKNOWN_LIMIT
    report, checks = judged(observation(stories, [sample(100, 1, 0, updated=-5)]))
    assert checks["deployment.slots"].verdict == "pass"
    # The server's count says otherwise, though: a row that nobody wrote took no slot.
    assert report.verdict == "pass"


def test_readings_too_far_apart_prove_nothing_between_them() -> None:
    stories = {"a": done(0, 1, 20), "b": waited(0, 20, 40)}
    samples = [sample(0, 1, None, updated=-5), sample(80, 1, None), sample(100, 1, None)]
    for gap, verdict in ((79, "error"), (80, "pass")):
        _report, checks = judged(
            observation(stories, samples), bounds=dataclasses.replace(EXACT, sample_gap_seconds=gap)
        )
        assert checks["deployment.slots"].verdict == verdict


@pytest.mark.parametrize("bad", [sample(30, None), sample(30, 1, None, active=False)])
def test_a_time_without_an_active_limit_is_a_failure(bad: dict[str, t.Any]) -> None:
    samples = [sample(-1, 1, None, updated=-50), sample(10, 1, None), bad, sample(100, 1, None)]
    report, checks = judged(observation({"a": done(0, 1, 50), "b": waited(0, 50, 60)}, samples))
    assert report.verdict == "fail"
    assert checks["deployment.slots"].verdict == "fail"
    assert checks["deployment.slots"].remedy == remedies.NO_LIMIT


def test_a_limit_that_was_made_before_the_first_run_holds_it() -> None:
    """The row is written whenever a slot is taken, so only when it was made tells that it was there."""
    stories = {"a": done(0, 5, 20), "b": waited(0, 20, 40)}
    for made, verdict in ((4, "pass"), (6, "error")):
        there = sample(10, 1, None, updated=9)
        there["deployment"]["created"] = at(made)
        _report, checks = judged(
            observation(stories, [sample(0, None), there, sample(50, 1, None), sample(100, 1, None)])
        )
        assert checks["deployment.slots"].verdict == verdict


def test_a_guardrail_that_was_never_reached_is_not_exercised() -> None:
    report, checks = judged(
        observation({"a": done(0, 1, 20), "b": done(25, 30, 40)}, readings(limit=2)), Declared("d", 2)
    )
    assert report.verdict == "not_exercised"
    assert checks["deployment.exercised"].found == "the limit was never reached: at most 1 run held a slot at once"
    report, checks = judged(observation({"a": done(0, 1, 20), "b": done(25, 30, 40)}, readings()))
    assert report.verdict == "not_exercised"
    assert checks["deployment.exercised"].found == "1 run reached the limit, but none was ever told to wait or refused"
    assert checks["deployment.exercised"].remedy == remedies.NOT_REACHED


def test_a_wait_outside_of_the_window_exercises_nothing() -> None:
    stories = {"a": done(0, 1, 20), "b": waited(0, 20, 40), "c": done(50, 51, 60)}
    _report, checks = judged(observation(stories, readings(), since=45))
    assert checks["deployment.exercised"].verdict == "not_exercised"


def test_a_retry_in_its_process_keeps_the_slot_and_one_that_is_rescheduled_does_not() -> None:
    begun = [(0, "SCHEDULED"), (1, "PENDING"), (1, "RUNNING"), (10, "SCHEDULED", "AwaitingRetry", 30)]
    other = {"b": waited(0, 11, 20)}
    inside = {"a": [*begun, (30, "RUNNING", "Retrying"), (40, "COMPLETED")], **other}
    assert judged(observation(inside, readings()))[1]["deployment.slots"].verdict == "fail"
    outside = {"a": [*begun, (30, "PENDING"), (31, "RUNNING"), (40, "COMPLETED")], **other}
    assert judged(observation(outside, readings()))[1]["deployment.slots"].verdict == "pass"
    for kind, verdict in (("in_process", "fail"), ("reschedule", "pass"), (None, "pass")):
        waiting = observation({"a": begun, **other}, readings(), rows={"a": {"empirical_policy": {"retry_type": kind}}})
        assert judged(waiting)[1]["deployment.slots"].verdict == verdict


def test_runs_that_share_the_limit_count_too() -> None:
    seen = observation(
        {"a": done(0, 1, 20), "other": done(0, 10, 40)},
        readings(),
        run_ids=["a"],
        rows={"other": {"deployment_id": "d2"}},
        scope={"deployments": ["d1", "d2"]},
    )
    _report, checks = judged(seen)
    assert checks["deployment.slots"].verdict == "fail"
    assert checks["deployment.slots"].witnesses == ("a", "other")


@pytest.mark.parametrize("where", ["work_pool", "work_queue"])
def test_the_limit_of_a_pool_or_queue_is_a_guardrail_of_its_own(where: str) -> None:
    limits = [sample(second, 3, None, **{where: place(1)}) for second in (0, 50, 100)]
    names = {"work_pool_name": "pool", "work_queue_name": "queue"}
    scope = {"work_pool": "pool", "work_queue": "queue" if where == "work_queue" else None}
    stories = {"a": done(0, 1, 20), "b": done(0, 20, 40)}
    declared = dataclasses.replace(Declared("d", 3), work_pool="pool", work_queue="queue", **{f"{where}_limit": 1})
    bounds = dataclasses.replace(EXACT, exercise=(where,))
    rows = dict.fromkeys(("a", "b", "x"), names)

    def see(stories: dict[str, t.Any]) -> tuple[Report, dict[str, Check]]:
        limited = [
            {**one, "work_pool": one["work_pool"] or place(None), "work_queue": one["work_queue"] or place(None)}
            for one in limits
        ]
        seen = observation(stories, limited, deployment=names, rows=rows, scope=scope, workers=[worker(99)])
        return judged(seen, declared, bounds)

    report, checks = see(stories)
    assert checks[f"{where}.slots"].verdict == checks[f"{where}.exercised"].verdict == "pass"
    assert checks[f"{where}.exercised"].witnesses == ("b",)
    assert report.verdict == "pass"
    report, checks = see({**stories, "x": done(10, 15, 30)})
    assert checks[f"{where}.slots"].verdict == "fail"
    assert checks["deployment.slots"].verdict == "pass"
    assert report.verdict == "fail"


def test_the_global_limit_is_proven_by_what_executes() -> None:
    declared = Declared("d", 3, concurrency_key="hotpass/backfill", global_limit=2)
    stories = {"a": done(0, 1, 20), "b": done(0, 1, 30)}

    def see(stories: dict[str, t.Any], slots: int, **more: t.Any) -> dict[str, Check]:
        found = [sample(s, 3, None, global_limit=shared(2, slots, **more)) for s in (0, 10, 25, 60, 100)]
        return judged(observation(stories, found), declared, dataclasses.replace(EXACT, leak_seconds=1000))[1]

    assert see(stories, 2)["global.executions"].verdict == "pass"
    three = {**stories, "c": done(0, 2, 30)}
    # Which two of the three had the key is not in their history.
    assert see(three, 2)["global.executions"].verdict == "error"
    assert see(three, 2)["global.exercised"].verdict == "pass"
    assert not see(three, 2)["global.exercised"].counts
    assert see(stories, 2)["global.exercised"].verdict == "not_exercised"
    assert see(stories, 3)["global.executions"].verdict == "fail"
    assert see(stories, 0, active=False)["global.executions"].verdict == "fail"
    assert see(stories, 0, active=False)["declared.global_limit.active"].verdict == "fail"
