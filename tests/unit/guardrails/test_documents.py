# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an observation has to be for a verdict, and which bounds there are."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import remedies
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.judging import Bounds, Report, judge
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.observation import Observation

from tests.support.judgements import EXACT, ONE, judged, readings
from tests.support.observations import done, observation, sample, waited


def test_an_empty_sample_is_not_exercised() -> None:
    report, checks = judged(observation({}, readings()))
    assert report.verdict == "not_exercised"
    for name in ("observation.sample", "deployment.slots", "deployment.exercised", "queue.wait_max"):
        assert checks[name].verdict == "not_exercised"
    assert Report((), {}).verdict == "error"


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda seen: seen.states.pop("b"), "the states of run b are missing"),
        (lambda seen: seen.states["b"].pop(), "the state b-4 of run b is not in its history"),
        (
            lambda seen: seen.concurrency["window"].update(run_ids=["a", "zz"]),
            "run zz was asked for and is not in the observation",
        ),
        (
            lambda seen: (
                seen.concurrency["scope"].update(deployments=["d1", "d2"])
                or seen.runs[1].update(deployment_id="d2")
                or seen.concurrency["window"].update(run_ids=["b"])
            ),
            "run b is of another deployment",
        ),
    ],
)
def test_an_observation_with_a_gap_is_an_error(harm: t.Callable[[Observation], t.Any], said: str) -> None:
    seen = observation({"a": done(0, 1, 20), "b": waited(0, 20, 40)}, readings())
    harm(seen)
    report, checks = judged(seen)
    assert report.verdict == "error"
    assert checks["observation.whole"].found == said


def test_clocks_that_disagree_are_an_error() -> None:
    seen = observation({"a": done(0, 1, 20)}, [sample(0, updated=-1), sample(100, updated=110)])
    report, checks = judged(seen)
    assert report.verdict == "error"
    assert checks["observation.clocks"].found == "the server's clock is at least 10.0 s ahead"


def test_lineage_that_nobody_emits_fails_only_where_it_is_required() -> None:
    seen = observation({"a": done(0, 1, 20), "b": waited(0, 20, 40)}, readings())
    for lineage, verdict in (("off", "pass"), ("optional", "pass"), ("required", "fail")):
        report, checks = judged(seen, bounds=dataclasses.replace(EXACT, lineage=lineage))
        assert report.verdict == verdict
        assert ("lineage" in checks) == (lineage != "off")
    assert checks["lineage"].remedy == remedies.LINEAGE


@pytest.mark.parametrize(
    "harm",
    [
        lambda d: d.pop("states"),
        lambda d: d.update(runs={}),
        lambda d: d["concurrency"].pop("window"),
        lambda d: d["concurrency"].update(samples=[]),
        lambda d: d["concurrency"]["samples"][0].update(at="yesterday"),
        lambda d: d["concurrency"]["samples"][0]["deployment"].update(limit="2"),
        lambda d: d["concurrency"]["samples"][0]["deployment"].update(active_slots=-1),
        lambda d: d["concurrency"]["samples"][0].update(took_seconds=None),
        lambda d: d["runs"][0].pop("deployment_id"),
        lambda d: d["states"]["a"][0].pop("type"),
        lambda d: d["states"]["a"][0].update(type="SLEEPING"),
        lambda d: d["states"]["a"][0].update(timestamp="2026-01-01T00:00:00"),
        lambda d: d["deployment"].pop("work_pool_name"),
        lambda d: d["work_pool"].pop("workers"),
        lambda d: d["concurrency"].update(scope=None),
    ],
)
def test_documents_that_somebody_broke_are_refused(harm: t.Callable[[dict[str, t.Any]], t.Any]) -> None:
    seen = observation({"a": done(0, 1, 20), "b": waited(0, 20, 40)}, readings())
    documents = json.loads(json.dumps(seen.to_documents()))
    harm(documents)
    with pytest.raises(CollectionError) as raised:
        judge(Observation.from_documents(documents), ONE)
    assert raised.value.message.endswith(".")


@pytest.mark.parametrize(
    "document",
    [
        {"max_wait": 1},
        {"max_wait_seconds": "1"},
        {"max_queued": -1},
        {"exercise": ["host"]},
        {"exercise": "global"},
        {"exercise": []},
        {"lineage": "yes"},
        [],
        {"leak_seconds": float("nan")},
    ],
)
def test_bounds_that_are_none_are_refused(document: t.Any) -> None:
    with pytest.raises(CollectionError):
        Bounds.from_json(document)
    assert Bounds.from_json(json.loads(json.dumps(Bounds().to_json()))) == Bounds()
