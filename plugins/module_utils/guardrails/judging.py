# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an observation and what is declared to a verdict: without a server, so that anybody can do it again."""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import remedies, sweep
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.checks_declared import (
    check_declared,
    check_throughout,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.checks_limits import check_limits
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.checks_queue import (
    check_queue,
    percentile,
    waits,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.checks_slots import (
    check_observation,
    check_slots,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.declared import Declared
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import seconds, written
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.observation import Observation
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.report import (
    FAIL,
    NOT_EXERCISED,
    Bounds,
    Check,
    Report,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.sampling import DEPLOYMENT
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.scene import Scene, build

__all__ = ["Bounds", "Check", "Report", "judge", "judge_declared"]

DEFAULT_BOUNDS: t.Final = Bounds()


def judge(observation: Observation, declared: Declared, *, bounds: Bounds = DEFAULT_BOUNDS) -> Report:
    """The verdict on the guardrails of a deployment: declared values, and what its runs did.

    The same documents give the same report, wherever and whenever it is made.

    :raises CollectionError: for an observation that cannot be read; its checks have no answer then.
    """
    scene = build(observation, bounds)
    workers = _workers(observation)
    has_key = declared.concurrency_key is not None
    checks = [
        *check_observation(scene, bounds),
        *check_declared(observation.deployment, _last_sample(observation), declared),
        *check_throughout(observation.deployment, observation.concurrency["samples"], scene, declared),
        *check_limits(scene, bounds, has_key),
        *check_queue(scene, bounds, declared, workers),
        *check_slots(
            scene,
            bounds,
            has_key,
            observation.deployment.get("parameters"),
            observation.work_pool.get("pool"),
            workers,
        ),
        *_lineage(bounds),
    ]
    return Report(tuple(checks), _figures(scene))


def judge_declared(deployment: t.Mapping[str, t.Any], sample: t.Mapping[str, t.Any], declared: Declared) -> Report:
    """The verdict on the declared values alone.

    :param deployment: its row, with ``full_name``.
    :param sample: one reading of the limits.
    """
    return Report(tuple(check_declared(deployment, sample, declared)), {})


def _workers(observation: Observation) -> list[t.Any]:
    workers = observation.work_pool.get("workers")
    if not isinstance(workers, list) or not all(isinstance(worker, dict) for worker in workers):
        raise CollectionError("The observation's document 'work_pool' lacks its list of workers.")
    return workers


def _last_sample(observation: Observation) -> t.Mapping[str, t.Any]:
    """The reading that was taken for the observation itself."""
    samples = observation.concurrency["samples"]
    if not samples:
        raise CollectionError("The observation holds no reading of the limits; its last one belongs to it.")
    return t.cast("t.Mapping[str, t.Any]", samples[-1])


def _lineage(bounds: Bounds) -> t.Iterator[Check]:
    if bounds.lineage == "off":
        return
    required = bounds.lineage == "required"
    yield Check(
        "lineage",
        FAIL if required else NOT_EXERCISED,
        "the flows emit no lineage events",
        "events of each run" if required else "none, or events of each run",
        remedy=remedies.LINEAGE,
        counts=required,
    )


def _figures(scene: Scene) -> dict[str, t.Any]:
    waited = waits(scene)
    read = scene.readings[DEPLOYMENT]
    inside = [one.start for one in read if scene.begin <= one.start <= scene.end]
    edges = [scene.begin, *inside, scene.end]
    return {
        "since": written(scene.begin),
        "until": written(scene.end),
        "runs": len(scene.asked & scene.histories.keys()),
        "runs_read": len(scene.rows),
        "samples": len(read),
        "handover_seconds": seconds(scene.handover),
        "longest_gap_between_samples_seconds": seconds(max(b - a for a, b in itertools.pairwise(edges))),
        "limits": {name: found[-1].value if found else None for name, found in sorted(scene.readings.items())},
        "max_slots": {name: max(crowd.surely_held.counts, default=0) for name, crowd in sorted(scene.crowds.items())},
        "max_slots_by_timestamp": {
            name: max(crowd.held.counts, default=0) for name, crowd in sorted(scene.crowds.items())
        },
        "max_executions": {name: max(crowd.ran.counts, default=0) for name, crowd in sorted(scene.crowds.items())},
        "waited_for_a_slot": sum(1 for run in scene.asked & scene.histories.keys() if scene.histories[run].awaited),
        "refused": sum(1 for run in scene.asked & scene.histories.keys() if scene.histories[run].refused),
        "wait_p50_seconds": seconds(percentile(waited.values(), 0.5)),
        "wait_p95_seconds": seconds(percentile(waited.values(), 0.95)),
        "wait_max_seconds": seconds(max(waited.values(), default=0)),
        "busiest_instant": _busiest(scene),
    }


def _busiest(scene: Scene) -> dict[str, t.Any] | None:
    peak = sweep.max_overlap(scene.crowds[DEPLOYMENT].surely)
    if peak.instant is None:
        return None
    return {"at": written(peak.instant), "runs": list(peak.witnesses)}
