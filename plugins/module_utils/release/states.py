# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of a generation, and the one table of what may follow what.

The code, the diagram in the docs (``tests/tools/write_diagram.py``) and the model check all read :data:`TABLE`.
"""

from __future__ import annotations

import enum
import typing as t


class State(enum.StrEnum):
    """Where a generation is. The names are those of the requirement documents, and of the records."""

    QUEUED = "Queued"
    BUILDING = "Building"
    RESOLVING = "Resolving"
    AWAITING_APPROVAL = "AwaitingApproval"
    DEPLOYING = "Deploying"
    VALIDATING = "Validating"
    ACTIVE = "Active"
    ROLLING_BACK = "RollingBack"
    ROLLED_BACK = "RolledBack"
    ROLLBACK_FAILED = "RollbackFailed"
    SUPERSEDED = "Superseded"
    FAILED = "Failed"
    REJECTED = "Rejected"
    EXPIRED = "Expired"
    CANCELLED = "Cancelled"


class Transition(t.NamedTuple):
    """One allowed step, and what it means in the diagram."""

    before: State
    after: State
    label: str


_S = State
TABLE: tuple[Transition, ...] = (
    Transition(_S.QUEUED, _S.BUILDING, "first ring"),
    Transition(_S.QUEUED, _S.RESOLVING, "any other ring, or a rollback"),
    Transition(_S.QUEUED, _S.CANCELLED, "given up by a person"),
    Transition(_S.QUEUED, _S.SUPERSEDED, "another release takes its place"),
    Transition(_S.BUILDING, _S.AWAITING_APPROVAL, "the ring asks for approval"),
    Transition(_S.BUILDING, _S.DEPLOYING, "release verified, gates passed"),
    Transition(_S.BUILDING, _S.FAILED, "a gate did not open"),
    Transition(_S.BUILDING, _S.CANCELLED, "given up by a person"),
    Transition(_S.BUILDING, _S.SUPERSEDED, "another release takes its place"),
    Transition(_S.RESOLVING, _S.AWAITING_APPROVAL, "the ring asks for approval"),
    Transition(_S.RESOLVING, _S.DEPLOYING, "release verified, gates passed"),
    Transition(_S.RESOLVING, _S.FAILED, "a gate did not open"),
    Transition(_S.RESOLVING, _S.CANCELLED, "given up by a person"),
    Transition(_S.RESOLVING, _S.SUPERSEDED, "another release takes its place"),
    Transition(_S.AWAITING_APPROVAL, _S.DEPLOYING, "approved by somebody else"),
    Transition(_S.AWAITING_APPROVAL, _S.REJECTED, "rejected"),
    Transition(_S.AWAITING_APPROVAL, _S.EXPIRED, "nobody answered in time"),
    Transition(_S.AWAITING_APPROVAL, _S.FAILED, "a gate did not open"),
    Transition(_S.AWAITING_APPROVAL, _S.CANCELLED, "given up by a person"),
    Transition(_S.AWAITING_APPROVAL, _S.SUPERSEDED, "another release takes its place"),
    Transition(_S.DEPLOYING, _S.VALIDATING, "written and read back"),
    Transition(_S.DEPLOYING, _S.ROLLING_BACK, "a write failed"),
    Transition(_S.VALIDATING, _S.ACTIVE, "every gate passed"),
    Transition(_S.VALIDATING, _S.ROLLING_BACK, "a gate did not open"),
    Transition(_S.ROLLING_BACK, _S.ROLLED_BACK, "the earlier release is back"),
    Transition(_S.ROLLING_BACK, _S.ROLLBACK_FAILED, "it could not be brought back"),
    Transition(_S.ROLLBACK_FAILED, _S.ROLLING_BACK, "tried again"),
    Transition(_S.ACTIVE, _S.SUPERSEDED, "a newer generation is Active"),
    Transition(_S.ACTIVE, _S.ROLLING_BACK, "rollback asked for"),
)
START = State.QUEUED

_ALLOWED: t.Final = frozenset((step.before, step.after) for step in TABLE)
# A generation that is none of these is under way; it is the only one of its ring.
SETTLED: t.Final = frozenset(
    {
        State.ACTIVE,
        State.ROLLED_BACK,
        State.ROLLBACK_FAILED,
        State.SUPERSEDED,
        State.FAILED,
        State.REJECTED,
        State.EXPIRED,
        State.CANCELLED,
    }
)
# Nothing was written to the server's deployments yet.
BEFORE_WRITES: t.Final = frozenset({State.QUEUED, State.BUILDING, State.RESOLVING, State.AWAITING_APPROVAL})


def allowed(before: State | None, after: State) -> bool:
    """Whether a generation may go from one state to the other; None stands for a generation that begins."""
    return after is START if before is None else (before, after) in _ALLOWED


def following(state: State) -> tuple[State, ...]:
    """The states that may come next, in the order of the table."""
    return tuple(step.after for step in TABLE if step.before is state)
