# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a verdict: what was checked, how it came out, and within which bounds."""

from __future__ import annotations

import dataclasses
import math
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import SECOND
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.sampling import DEPLOYMENT, GUARDRAILS

PASS: t.Final = "pass"
NOT_EXERCISED: t.Final = "not_exercised"
FAIL: t.Final = "fail"
ERROR: t.Final = "error"
VERDICTS: t.Final = (PASS, NOT_EXERCISED, FAIL, ERROR)
"""From the best to the worst; a report has the worst of its checks."""

LINEAGE: t.Final = ("off", "optional", "required")


@dataclasses.dataclass(frozen=True)
class Check:
    """One question and its answer.

    :ivar name: which question, such as ``deployment.slots``; docs/guardrails.md has them all.
    :ivar found: what was seen, as a sentence without its full stop.
    :ivar allowed: what would have passed.
    :ivar witnesses: ids of the runs that show it, sorted.
    :ivar remedy: what to do, for anything but a pass; else empty.
    :ivar counts: whether the report's verdict takes it in.
    """

    name: str
    verdict: str
    found: str
    allowed: str
    witnesses: tuple[str, ...] = ()
    remedy: str = ""
    counts: bool = True

    def to_json(self) -> dict[str, t.Any]:
        """As a JSON document."""
        return {**dataclasses.asdict(self), "witnesses": list(self.witnesses)}

    def sentence(self) -> str:
        """The check as a message shows it."""
        runs = f" (runs {', '.join(self.witnesses[:8])}" if self.witnesses else ""
        if runs:
            runs += f" and {len(self.witnesses) - 8} more)" if len(self.witnesses) > 8 else ")"
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{self.name}: {self.verdict}: {self.found}{runs}; allowed: {self.allowed}.{remedy}"


@dataclasses.dataclass(frozen=True)
class Report:
    """The answers to all questions.

    :ivar figures: numbers for a summary; times in seconds.
    """

    checks: tuple[Check, ...]
    figures: t.Mapping[str, t.Any]

    @property
    def verdict(self) -> str:
        """The worst of the checks that count: error, fail, not_exercised, pass. Without any check: error."""
        counted = [VERDICTS.index(check.verdict) for check in self.checks if check.counts]
        return VERDICTS[max(counted)] if counted else ERROR

    def not_passed(self) -> list[Check]:
        """The checks that count and are no pass, the worst first."""
        bad = [check for check in self.checks if check.counts and check.verdict != PASS]
        return sorted(bad, key=lambda check: -VERDICTS.index(check.verdict))

    def to_json(self) -> dict[str, t.Any]:
        """As a JSON document: ``verdict``, ``checks`` and ``figures``."""
        return {
            "verdict": self.verdict,
            "checks": [check.to_json() for check in self.checks],
            "figures": dict(self.figures),
        }


@dataclasses.dataclass(frozen=True)
class Bounds:
    """How much is too much.

    :ivar max_wait_seconds: the longest that any run may wait for its slot.
    :ivar p95_wait_seconds: the longest that 19 of 20 runs may wait.
    :ivar max_queued: how many runs may wait at once; with more than 200 Prefect's own queue starves.
    :ivar stuck_seconds: how long a run may wait while slots are free. Prefect asks again after 30 s, a worker every 10.
    :ivar leak_seconds: how long more slots may be taken than runs hold them: a lease of 300 s and the reaper's rounds.
        Longer for the slots of a key where the parameters give its leases longer to live.
    :ivar pending_seconds: how long a run may hold its slot without having started.
    :ivar running_seconds: how long a run may run.
    :ivar heartbeat_seconds: how old the last heartbeat of a worker may be while a run of its pool holds a slot.
    :ivar clock_slack_seconds: how far the clock of the readings may be from the server's.
    :ivar handover_seconds: how much earlier than it took its slot the state of a run may say so: the server writes the
        time when a request comes in, and takes the slot when the database lets it. What is over a limit for no longer
        than that is a slot changing hands. Near a slow reading of the limits it is as long as that took, up to 5 s.
        A run that went on without taking a slot is given no such time.
    :ivar sample_gap_seconds: how far apart two readings may be for the limit to count as constant between them.
    :ivar exercise: the limits that have to be reached, at least one of ``deployment``, ``global``, ``work_pool`` and
        ``work_queue``.
    :ivar lineage: ``off``, ``optional`` or ``required``: whether runs have to emit lineage events.
    """

    max_wait_seconds: float = 3600
    p95_wait_seconds: float = 1800
    max_queued: int = 200
    stuck_seconds: float = 120
    leak_seconds: float = 330
    pending_seconds: float = 600
    running_seconds: float = 86_400
    heartbeat_seconds: float = 90
    clock_slack_seconds: float = 2
    handover_seconds: float = 1
    sample_gap_seconds: float = 60
    exercise: tuple[str, ...] = (DEPLOYMENT,)
    lineage: str = "off"

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "exercise":
                if not value:
                    raise CollectionError(f"exercise is empty; it must name at least one of {', '.join(GUARDRAILS)}.")
                unknown = [name for name in value if name not in GUARDRAILS]
                if unknown:
                    raise CollectionError(f"exercise names {unknown[0]!r}; allowed are {', '.join(GUARDRAILS)}.")
            elif field.name == "lineage":
                if value not in LINEAGE:
                    raise CollectionError(f"lineage is {value!r}; allowed are {', '.join(LINEAGE)}.")
            elif not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < math.inf:
                raise CollectionError(f"{field.name} is {value!r}; it must be a number from 0.")

    def micro(self, name: str) -> int:
        """A bound in seconds as microseconds."""
        return int(getattr(self, name) * SECOND)

    def to_json(self) -> dict[str, t.Any]:
        """As a JSON document."""
        return {**dataclasses.asdict(self), "exercise": list(self.exercise)}

    @classmethod
    def from_json(cls, document: t.Any) -> Bounds:
        """What :meth:`to_json` wrote; what is missing has its default.

        :raises CollectionError: for anything else.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        if not isinstance(document, dict) or not document.keys() <= set(names):
            raise CollectionError(f"Bounds must be a mapping, with no other keys than {', '.join(names)}.")
        given = dict(document)
        if "exercise" in given:
            if not isinstance(given["exercise"], (list, tuple)):
                raise CollectionError(f"exercise is {given['exercise']!r}; it must be a list of limits.")
            given["exercise"] = tuple(given["exercise"])
        return cls(**given)
