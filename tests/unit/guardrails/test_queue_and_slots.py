# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long runs wait, and whether the slots that are counted fit the runs that hold them."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import remedies
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.declared import Declared
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.intervals import REFUSED
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.judging import Bounds

from tests.support.judgements import EXACT, judged, readings
from tests.support.observations import at, done, observation, sample, shared, waited, worker


def test_cancel_new_exercises_the_limit_and_is_a_failure_where_enqueue_is_declared() -> None:
    stories = {"a": done(0, 1, 20), "b": [(0, "SCHEDULED"), (2, "CANCELLED", "Cancelled", REFUSED)]}
    options = {"concurrency_options": {"collision_strategy": "CANCEL_NEW"}}
    seen = observation(stories, readings(), deployment=options)
    report, checks = judged(seen, Declared("d", 1, collision_strategy="CANCEL_NEW"))
    assert report.verdict == "pass"
    assert checks["queue.refused"].found == "1 run cancelled for want of a slot"
    report, checks = judged(seen)
    assert report.verdict == "fail"
    assert checks["queue.refused"].witnesses == ("b",)
    assert checks["declared.collision_strategy"].verdict == "fail"


def test_a_run_cancelled_by_a_person_was_not_refused() -> None:
    stories = {"a": done(0, 1, 20), "b": [(0, "SCHEDULED"), (2, "CANCELLED", "Cancelled", "Not needed.")]}
    _report, checks = judged(observation(stories, readings()))
    assert checks["queue.refused"].witnesses == ()
    assert checks["deployment.exercised"].verdict == "not_exercised"


def test_waits_are_held_against_their_bounds() -> None:
    stories = {f"r{number:02}": done(0, number, number + 1) for number in range(1, 21)}
    bounds = dataclasses.replace(EXACT, p95_wait_seconds=19, max_wait_seconds=20)
    report, checks = judged(observation(stories, readings()), bounds=bounds)
    assert (checks["queue.wait_p95"].verdict, checks["queue.wait_max"].verdict) == ("pass", "pass")
    assert (report.figures["wait_p95_seconds"], report.figures["wait_max_seconds"]) == (19, 20)
    tight = dataclasses.replace(EXACT, p95_wait_seconds=18.9, max_wait_seconds=19.9)
    _report, checks = judged(observation(stories, readings()), bounds=tight)
    assert (checks["queue.wait_p95"].verdict, checks["queue.wait_max"].verdict) == ("fail", "fail")
    assert checks["queue.wait_max"].witnesses == ("r20",)
    assert checks["queue.wait_p95"].witnesses == ("r19", "r20")


def test_a_run_is_not_waiting_before_it_is_due() -> None:
    stories = {"a": [(0, "SCHEDULED", "Scheduled", 50), (60, "PENDING"), (61, "RUNNING"), (70, "COMPLETED")]}
    report, _checks = judged(observation(stories, readings()))
    assert report.figures["wait_max_seconds"] == 10


def test_more_runs_waiting_than_the_bound_fail() -> None:
    stories = {"a": done(0, 0, 20), "b": waited(0, 20, 30), "c": waited(1, 30, 40)}
    for most, verdict in ((2, "pass"), (1, "fail")):
        _report, checks = judged(observation(stories, readings()), bounds=dataclasses.replace(EXACT, max_queued=most))
        assert checks["queue.length"].verdict == verdict
    assert checks["queue.length"].witnesses == ("b", "c")
    assert checks["queue.length"].found == f"at most 2 runs waited at once, first at {at(1)}"


def test_a_run_that_waits_while_a_slot_is_free_is_stuck() -> None:
    stories = {"a": done(0, 1, 20), "b": waited(0, 80, 90)}
    for bound, verdict in ((60, "pass"), (59, "fail")):
        _report, checks = judged(
            observation(stories, readings()), bounds=dataclasses.replace(EXACT, stuck_seconds=bound)
        )
        assert checks["queue.stuck"].verdict == verdict
        assert checks["queue.stuck"].found == "the longest wait while slots were free took 60.0 s"
    assert checks["queue.stuck"].witnesses == ("b",)
    assert checks["queue.stuck"].remedy == remedies.NO_WORKER
    busy = {"a": done(0, 1, 80), "b": waited(0, 80, 90)}
    _report, checks = judged(observation(busy, readings()), bounds=dataclasses.replace(EXACT, stuck_seconds=5))
    assert checks["queue.stuck"].verdict == "pass"


def test_the_remedy_of_a_stuck_run_follows_its_cause() -> None:
    stories = {"b": [(0, "SCHEDULED"), (1, "SCHEDULED", "AwaitingConcurrencySlot")]}
    bounds = dataclasses.replace(EXACT, stuck_seconds=30, leak_seconds=30)
    locked = [sample(0, 1, 1, updated=-50), sample(50, 1, 1, updated=-50), sample(100, 1, 1, updated=-50)]
    report, checks = judged(observation(stories, locked, workers=[worker(99)]), bounds=bounds)
    assert checks["queue.stuck"].remedy == checks["deployment.leaked"].remedy == remedies.LOCKED
    assert report.verdict == "fail"
    free = [{**one, "deployment": {**one["deployment"], "active_slots": 0}} for one in locked]
    _report, checks = judged(observation(stories, free, workers=[worker(99)]), bounds=bounds)
    assert checks["queue.stuck"].remedy == remedies.STUCK
    _report, checks = judged(observation(stories, free), bounds=bounds)
    assert checks["queue.stuck"].remedy == remedies.NO_WORKER


def test_a_leaked_slot_fails_after_as_long_as_a_lease_lives() -> None:
    stories = {"a": done(0, 1, 20), "b": waited(0, 20, 40)}
    samples = [sample(-1, 1, 0, updated=-50), sample(10, 1, 1, updated=1), sample(30, 1, 1, updated=20)]
    samples += [sample(second, 1, 1, updated=20) for second in (60, 90, 100)]
    for bound, verdict in ((60, "pass"), (59, "fail")):
        _report, checks = judged(observation(stories, samples), bounds=dataclasses.replace(EXACT, leak_seconds=bound))
        assert checks["deployment.leaked"].verdict == verdict
        assert checks["deployment.leaked"].found == (
            f"1 slots were taken while 0 runs could hold one, for 60.0 s up to {at(100)}"
        )


def test_one_reading_is_enough_for_a_leak_that_is_old() -> None:
    _report, checks = judged(observation({}, [sample(100, 1, 1, updated=10)], since=90), bounds=Bounds(leak_seconds=80))
    assert checks["deployment.leaked"].verdict == "fail"
    _report, checks = judged(observation({}, [sample(100, 1, 1, updated=10)], since=90), bounds=Bounds(leak_seconds=95))
    assert checks["deployment.leaked"].verdict == "pass"


def test_fewer_slots_than_holders_are_a_failure() -> None:
    stories = {"a": done(0, 1, 90), "b": waited(0, 90, 95)}
    samples = [sample(-1, 1, 0, updated=-50), *(sample(second, 1, 0) for second in (30, 60, 100))]
    report, checks = judged(observation(stories, samples))
    assert checks["deployment.uncounted"].verdict == "fail"
    assert checks["deployment.uncounted"].witnesses == ("a",)
    assert report.verdict == "fail"


def test_the_last_reading_is_the_end_of_the_observation_and_counts_too() -> None:
    stories = {"a": done(0, 1, 20)[:3], "b": waited(0, 90, 95)[:2]}
    samples = [sample(-1, 1, 0, updated=-50), sample(50, 1, None), sample(100, 1, 0)]
    for slack in (0, 2):
        _report, checks = judged(
            observation(stories, samples), bounds=dataclasses.replace(EXACT, clock_slack_seconds=slack)
        )
        assert checks["deployment.uncounted"].verdict == "fail"


def test_a_count_that_is_read_while_a_slot_changes_hands_proves_nothing() -> None:
    stories = {"a": done(0, 1, 20), "b": waited(0, 20, 40)}
    bounds = dataclasses.replace(EXACT, clock_slack_seconds=2)
    samples = [sample(-3, 1, 0, updated=-50), sample(2, 1, 0, updated=-50), sample(21, 1, 0), sample(41, 1, 1)]
    _report, checks = judged(observation(stories, samples, until=60), bounds=bounds)
    assert checks["deployment.uncounted"].verdict == "pass"
    assert checks["deployment.leaked"].verdict == "pass"


@pytest.mark.parametrize(
    ("story", "beat", "stale"),
    [
        ([(0, "SCHEDULED"), (1, "PENDING")], 99, False),
        ([(0, "SCHEDULED"), (1, "PENDING")], 50, True),
        ([(0, "SCHEDULED"), (1, "PENDING"), (2, "RUNNING")], 50, True),
        ([(0, "SCHEDULED"), (1, "PENDING"), (2, "RUNNING")], 99, False),
        ([(0, "SCHEDULED"), (1, "PENDING"), (2, "RUNNING"), (3, "COMPLETED")], 50, False),
    ],
)
def test_a_holder_that_no_worker_works_on_is_stale(story: list[t.Any], beat: float, stale: bool) -> None:
    seen = observation({"a": story}, readings(), rows={"a": {"work_pool_name": "p"}}, workers=[worker(beat)])
    _report, checks = judged(seen, bounds=dataclasses.replace(EXACT, heartbeat_seconds=30))
    assert checks["holders.stale"].verdict == ("fail" if stale else "pass")
    assert checks["holders.stale"].witnesses == (("a",) if stale else ())


@pytest.mark.parametrize(("kind", "bound"), [("PENDING", "pending_seconds"), ("RUNNING", "running_seconds")])
def test_a_holder_grows_stale_with_age(kind: str, bound: str) -> None:
    seen = observation({"a": [(0, "SCHEDULED"), (1, "PENDING"), (1, kind)]}, readings())
    for seconds, verdict in ((99, "pass"), (98, "fail")):
        _report, checks = judged(seen, bounds=dataclasses.replace(EXACT, **{bound: seconds}))
        assert checks["holders.stale"].verdict == verdict


def test_a_key_that_is_locked_by_nobody_is_a_leak() -> None:
    declared = Declared("d", 1, concurrency_key="hotpass/backfill", global_limit=1)
    found = [sample(s, 1, 0, updated=-50, global_limit=shared(1, 1, updated=at(-50))) for s in (0, 100)]
    _report, checks = judged(observation({}, found), declared, dataclasses.replace(EXACT, leak_seconds=100))
    assert checks["global.leaked"].verdict == "fail"
    assert checks["global.leaked"].remedy == remedies.LOCKED
