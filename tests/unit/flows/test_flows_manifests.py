# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifests that are shipped fit the flows that they name, in every ring."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.load import load_selection

from hotpass import orchestration
from hotpass.backfill_parameters import BackfillConfig
from hotpass.errors import HotpassError

PREFECT = Path(__file__).resolve().parents[3] / "prefect"
RINGS = {"deployments": None, "dev": "dev", "staging": "staging", "prod": "production"}
RUN = {"run_date": "2024-01-01", "version": "1"}


def manifests(ring: str) -> dict[str, Any]:
    return {loaded.manifest.id: loaded.manifest for loaded in load_selection(PREFECT / ring)}


@pytest.mark.parametrize("ring", RINGS)
def test_every_parameter_is_one_of_the_flow_and_the_entrypoint_is_there(ring: str) -> None:
    found = manifests(ring)
    assert set(found) == {"backfill", "refinement"}
    for manifest in found.values():
        module, function = manifest.flow.split(":")
        assert manifest.entrypoint == f"{module.replace('.', '/')}.py:{function}"
        flow = getattr(orchestration, function)
        assert set(manifest.parameters) <= set(inspect.signature(flow).parameters)


@pytest.mark.parametrize("ring", RINGS)
def test_the_backfill_is_limited_never_scheduled_and_stays_a_replay(ring: str) -> None:
    manifest = manifests(ring)["backfill"]
    tag = RINGS[ring]
    assert manifest.name == "hotpass-backfill" + ("" if tag in (None, "production") else f"-{tag}")
    assert list(manifest.tags) == ["hotpass", "backfill", *([tag] if tag else [])]
    assert manifest.work_pool == (f"hotpass-{tag}-pool" if tag else "hotpass-pool")
    assert manifest.schedule.active is False
    assert manifest.schedule.anchor_date is not None, "without one every apply would move the schedule"
    assert manifest.concurrency_limit == manifest.parameters["concurrency_limit"] == 2
    assert manifest.concurrency_options.collision_strategy == "ENQUEUE"
    assert manifest.rehearsal is None
    config = BackfillConfig.build(**{**manifest.parameters, "runs": [RUN]})
    assert (config.slot.name, config.slot.at_most) == ("hotpass~2Fbackfill", 2)
    assert config.pipeline["backfill"] is True
    with pytest.raises(HotpassError, match="no windows are given"):
        BackfillConfig.build(**manifest.parameters)


def test_a_manifest_that_turns_the_replay_off_is_refused_by_the_flow() -> None:
    parameters = {**manifests("deployments")["backfill"].parameters, "runs": [RUN]}
    with pytest.raises(HotpassError, match=r"parameters\.pipeline\.backfill must be true, found False"):
        BackfillConfig.build(**{**parameters, "parameters": {"pipeline": {"backfill": False}}})
