# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Was it the claimed release that was rehearsed? What the server has of the deployment and its runs answers.

Who writes ``plan.json`` says which release that was, so nothing in there can bear it out.
"""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.observation import Observation
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.report import (
    FAIL,
    NOT_EXERCISED,
    PASS,
    Check,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import same
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.deployments import OWNER_LABEL

RELEASE_LABEL: t.Final = "hotpass.prefect/release"
GENERATION_LABEL: t.Final = "hotpass.prefect/generation"
"""What the fence writes on a run once it has verified the release that the run is about to enter."""

REMEDY: t.Final = (
    "Put the deployment right (playbooks/reconcile.yml, or rehearse with -e restore_guardrails=true), and rehearse "
    "again."
)
_EXECUTED: t.Final = frozenset({"RUNNING", "COMPLETED"})

Json = dict[str, t.Any]


def check_release(observation: Observation, asked: t.Mapping[str, t.Any], runs: t.Sequence[Json]) -> list[Check]:
    """Hold the deployment and the rehearsal's runs against the release, generation, ring and solution that are claimed.

    A run that never began has executed no code, so it is not asked which; one that ran, or says that it completed, has
    to carry what the fence wrote on it.

    :param asked: what ``plan.json`` says was rehearsed.
    :param runs: those that the rehearsal started.
    """
    deployment = observation.deployment
    owner = (deployment.get("labels") or {}).get(OWNER_LABEL)
    return [
        _compared("release.deployment", deployment.get("version"), asked["release"]),
        _compared("release.owner", owner, f"{asked['solution']}/{asked['ring']}"),
        _runs(observation, asked, runs),
    ]


def _compared(name: str, found: t.Any, claimed: t.Any) -> Check:
    held = isinstance(claimed, str) and bool(claimed) and found == claimed
    return Check(name, PASS if held else FAIL, _shown(found), _shown(claimed), remedy="" if held else REMEDY)


def _shown(value: t.Any) -> str:
    return "none" if value is None or value == "" else str(value)


def _runs(observation: Observation, asked: t.Mapping[str, t.Any], runs: t.Sequence[Json]) -> Check:
    wanted = (asked["release"], asked["release"], asked["generation"])
    executed = [run for run in runs if _EXECUTED & {state["type"] for state in observation.states[run["id"]]}]
    wrong = [run for run in executed if None in wanted or not all(map(same, _written(run), wanted))]
    claims = f"each of {_shown(asked['release'])}, generation {_shown(asked['generation'])}, by the fence's labels"
    if not executed:
        return Check("release.runs", NOT_EXERCISED, "no run began", claims, remedy="Start runs, and judge those.")
    if not wrong:
        return Check("release.runs", PASS, f"{len(executed)} of {len(executed)} runs", claims)
    version, release, generation = _written(wrong[0])
    found = (
        f"{len(wrong)} of {len(executed)} runs are of something else, the first one of the deployment's version "
        f"{_shown(version)}, with the labels {_shown(release)} and {_shown(generation)}"
    )
    return Check("release.runs", FAIL, found, claims, tuple(sorted(run["id"] for run in wrong)), REMEDY)


def _written(run: Json) -> tuple[t.Any, t.Any, t.Any]:
    labels = run.get("labels") or {}
    return run.get("deployment_version"), labels.get(RELEASE_LABEL), labels.get(GENERATION_LABEL)
