# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges observations that were told, the way a verifier does: from documents that were in a file."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.declared import Declared
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.judging import Bounds, Check, Report, judge
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.observation import Observation

from tests.support.observations import sample

ONE = Declared("d", 1)
EXACT = Bounds(handover_seconds=0, clock_slack_seconds=0)


def readings(until: float = 100, limit: int = 1, every: float = 10) -> list[dict[str, t.Any]]:
    """Readings that agree, with no slot count that could contradict the story."""
    return [sample(-1, limit, None, updated=-50)] + [
        sample(second * every, limit, None) for second in range(int(until / every) + 1)
    ]


def judged(seen: Observation, declared: Declared = ONE, bounds: Bounds = EXACT) -> tuple[Report, dict[str, Check]]:
    """The report, made from the documents after a trip through JSON, and its checks by name."""
    report = judge(Observation.from_documents(json.loads(json.dumps(seen.to_documents()))), declared, bounds=bounds)
    checks = {check.name: check for check in report.checks}
    assert len(checks) == len(report.checks)
    return report, checks
