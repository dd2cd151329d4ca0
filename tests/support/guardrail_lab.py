# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments whose runs are moved by hand, and what ``hotpass_guardrail`` says of them."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.declared import Declared
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.judging import Bounds, judge
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.observation import Observation
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.sampling import sample
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

MODULE = "hotpass_guardrail"
# One machine has one clock, and a request is short.
BOUNDS = {"handover_seconds": 0.1, "clock_slack_seconds": 0.05}


class Lab:
    """A deployment whose runs are moved from state to state by hand, as workers and people would.

    :ivar samples: the readings of its limits.
    """

    def __init__(self, session: Session, row: dict[str, t.Any]) -> None:
        self.session = session
        self.row = row
        self.name = f"{row['flow_name']}/{row['name']}"
        self.samples = [sample(session, row["id"])]

    @property
    def limit(self) -> dict[str, t.Any]:
        """The deployment's limit as the server has it."""
        found: dict[str, t.Any] = self.session.get(f"/deployments/{self.row['id']}")["global_concurrency_limit"]
        return found

    def runs(self, count: int) -> list[str]:
        """New runs that are due."""
        path = f"/deployments/{self.row['id']}/create_flow_run"
        return [self.session.write("POST", path, {})["id"] for _number in range(count)]

    def to(self, run: str, *kinds: str) -> str:
        """Move a run through states, and say what it is in then."""
        for kind in kinds:
            self.session.write("POST", f"/flow_runs/{run}/set_state", {"state": {"type": kind}})
        return str(self.session.get(f"/flow_runs/{run}")["state_name"])

    def look(self, pause: float = 0.2) -> None:
        """Take a reading in the middle of a pause, which is longer the slower the server is."""
        pause = max(pause, *(3 * taken["took_seconds"] for taken in self.samples))
        time.sleep(pause)
        self.samples.append(sample(self.session, self.row["id"]))
        time.sleep(max(pause, 2 * self.samples[-1]["took_seconds"]))

    def task(self, **options: t.Any) -> dict[str, t.Any]:
        """The options of a check of what happened here, with one slot declared."""
        declared = {"deployment": self.name, "concurrency_limit": 1, "work_pool": self.row["work_pool_name"]}
        return {
            "deployment": self.name,
            "declared": {**declared, **options.pop("declared", {})},
            "samples": self.samples,
            "bounds": {**BOUNDS, **options.pop("bounds", {})},
            **options,
        }


def checks_of(result: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    return {check["name"]: check for check in result["report"]["checks"]}


def judged_again(result: dict[str, t.Any]) -> dict[str, t.Any]:
    """The report made from the documents of a result, without a server."""
    seen = Observation.from_documents(result["documents"])
    return judge(seen, Declared.from_json(result["declared"]), bounds=Bounds.from_json(result["bounds"])).to_json()


def exercised(site: Lab) -> list[str]:
    """Two runs, one after the other, under one slot that both want at once."""
    first, second = site.runs(2)
    assert site.to(first, "PENDING", "RUNNING") == "Running"
    assert site.to(second, "PENDING") == "AwaitingConcurrencySlot"
    site.look()
    site.to(first, "COMPLETED")
    # Told to wait, it may not run before half a minute is over.
    assert site.to(second, "PENDING", "RUNNING") == "Pending"
    site.look()
    site.to(second, "COMPLETED")
    return [first, second]
