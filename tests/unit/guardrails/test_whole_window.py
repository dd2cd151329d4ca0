# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one reading among many, one slow answer, or somebody else's run may and may not change."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import remedies
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.declared import Declared
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.judging import Check

from tests.support.judgements import EXACT, judged, readings
from tests.support.observations import at, done, observation, sample, shared, waited

KEYED = Declared("d", 1, concurrency_key="hotpass/backfill", global_limit=1)


def test_a_limit_that_was_raised_and_put_back_fails_though_nothing_was_over_the_one_in_force() -> None:
    stories = {"a": done(0, 1, 40), "b": done(0, 15, 40), "c": done(0, 16, 40), "d": waited(0, 40, 45)}
    samples = [sample(-1, 1, None, updated=-50), sample(10, 1, None, updated=5)]
    samples += [sample(20, 3, None, updated=12), sample(41, 3, None, updated=12), sample(60, 1, None, updated=50)]
    report, checks = judged(observation(stories, samples, until=60))
    assert checks["deployment.slots"].verdict == checks["declared.concurrency_limit"].verdict == "pass"
    found = checks["declared.concurrency_limit.throughout"]
    assert (report.verdict, found.verdict, found.remedy) == ("fail", "fail", remedies.CHANGED)
    assert found.found == f"deployment:d1 with 3 slots, active, decay 0 at {at(20)}"
    assert found.allowed == "deployment:d1 with 1 slots, active, decay 0"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"limit": 2}, "hotpass~2Fbackfill with 2 slots, active, decay 0"),
        ({"active": False}, "hotpass~2Fbackfill with 1 slots, not active, decay 0"),
        ({"slot_decay_per_second": 0.5}, "hotpass~2Fbackfill with 1 slots, active, decay 0.5"),
        (None, "none"),
    ],
)
def test_every_reading_of_the_window_has_to_be_what_is_declared(change: dict[str, t.Any] | None, said: str) -> None:
    def see(second: float, since: float) -> Check:
        samples = [sample(s, 1, None, global_limit=shared(1, 0)) for s in range(0, 101, 10)]
        bad = None if change is None else {**shared(1, 0), **change}
        samples[int(second / 10)]["global"] = bad
        seen = observation({"a": done(0, 31, 35)}, samples, since=since)
        return judged(seen, KEYED)[1]["declared.global_limit.throughout"]

    assert (see(40, 30).verdict, see(40, 30).found) == ("fail", f"{said} at {at(40)}")
    assert see(30, 30).verdict == see(100, 30).verdict == "fail"
    # What was before the window began is nobody's to judge.
    assert (see(20, 30).verdict, see(20, 30).found) == ("pass", "the same in 8 readings")


def test_a_reading_without_a_decay_is_refused() -> None:
    samples = readings()
    del samples[4]["deployment"]["slot_decay_per_second"]
    with pytest.raises(CollectionError, match="readings of the limits cannot be read"):
        judged(observation({"a": done(0, 1, 20)}, samples))


def one_too_many(pending: float, *slow: tuple[float, float]) -> dict[str, Check]:
    """``a`` holds its slot until second 50, ``b`` from ``pending`` on, and some readings took longer."""
    stories = {"a": done(0, 1, 50), "b": [(0, "SCHEDULED"), (pending, "PENDING"), (51, "RUNNING"), (60, "COMPLETED")]}
    samples = [*readings(every=20), *(sample(second, 1, None, took_seconds=took) for second, took in slow)]
    last = sorted(samples, key=lambda one: str(one["at"]))
    return judged(observation(stories, last))[1]


def test_a_slow_reading_excuses_nothing_at_another_time() -> None:
    assert one_too_many(46, (45, 4))["deployment.slots"].verdict == "pass"
    assert one_too_many(46, (5, 4))["deployment.slots"].verdict == "fail"
    assert one_too_many(38, (5, 15))["deployment.slots"].verdict == "fail"


def test_a_slow_reading_excuses_no_more_than_a_handover_and_proves_no_breach_either() -> None:
    checks = one_too_many(38, (37, 15))
    found = checks["deployment.slots"]
    assert (found.verdict, found.witnesses, found.remedy) == ("error", ("a", "b"), remedies.SLOW)
    assert found.found == (
        f"2 runs held a slot at {at(43)}, and the readings at that time were too slow to tell whether a slot was "
        "changing hands"
    )
    assert one_too_many(46, (45, 15))["deployment.slots"].verdict == "pass"
    assert one_too_many(38, (37, 11))["deployment.slots"].verdict == "fail"


def leaking(rows: t.Mapping[str, t.Any], scope: t.Mapping[str, t.Any], **deployment: t.Any) -> Check:
    """A slot of the key that is taken from second 0 to 100, while a run of another deployment executes."""
    found = [sample(s, 1, None, global_limit=shared(1, 1)) for s in (0, 50, 100)]
    seen = observation(
        {"a": done(0, 1, 2), "other": done(0, 0, 100)}, found, rows=rows, scope=scope, deployment=deployment
    )
    return judged(seen, KEYED, dataclasses.replace(EXACT, leak_seconds=60, clock_slack_seconds=1))[1]["global.leaked"]


def test_a_slot_of_the_key_that_another_deployment_holds_is_not_leaked() -> None:
    other = {"other": {"deployment_id": "d2"}}
    assert leaking(other, {"keyed": ["d1", "d2"]}).verdict == "pass"
    assert leaking(other, {"keyed": ["d1"]}).verdict == "fail"


@pytest.mark.parametrize(
    ("lease", "verdict", "allowed"),
    [
        (71, "pass", "101 s"),
        (60, "fail", "90 s"),
        (59, "fail", "60 s"),
        (86_401, "fail", "60 s"),
        ("71", "fail", "60 s"),
    ],
)
def test_a_lease_of_the_key_lives_as_long_as_the_parameters_say(lease: t.Any, verdict: str, allowed: str) -> None:
    parameters = {"base_config": {"slot": {"lease_seconds": lease}}}
    stranger = {"other": {"deployment_id": "d2"}}
    ours = leaking(stranger, {}, parameters=parameters)
    assert (ours.verdict, ours.allowed) == (verdict, allowed)
    of_a_run = leaking({**stranger, "a": {"parameters": parameters}}, {})
    assert (of_a_run.verdict, of_a_run.allowed) == (verdict, allowed)
