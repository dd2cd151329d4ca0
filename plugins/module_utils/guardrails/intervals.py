# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the state history of a run to the times at which it held a slot, executed, and waited.

The words are those of Prefect's own policy (``prefect/server/orchestration/core_policy.py``, 3.8): a run takes a slot
of its deployment's limit when it enters PENDING from outside PENDING, RUNNING and CANCELLING, and gives it back when it
leaves the three. A retry in the same process (AwaitingRetry, then RUNNING with no PENDING between) keeps its slot.
"""

from __future__ import annotations

import operator
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import instant
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.sweep import Interval

HOLDING: t.Final = frozenset({"PENDING", "RUNNING", "CANCELLING"})
EXECUTING: t.Final = frozenset({"RUNNING", "CANCELLING"})
ENDED: t.Final = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
STATES: t.Final = HOLDING | ENDED | {"SCHEDULED", "PAUSED"}
AWAITING: t.Final = "AwaitingConcurrencySlot"
REFUSED: t.Final = "Deployment concurrency limit reached."
"""The message of the state in which CANCEL_NEW leaves a run."""
RETRY: t.Final = "AwaitingRetry"
"""The state, of the type SCHEDULED, in which a run waits for its next try; inside its process it keeps its slot."""

Row = t.Mapping[str, t.Any]
_AT = operator.itemgetter(0)


class Span(t.NamedTuple):
    """A time during which a run was in a set of states.

    :ivar end: where the observation ends for one that was still going on; then ``censored``.
    :ivar entered: the type of the state that began it. A slot interval that begins with RUNNING took no slot.
    """

    start: int
    end: int
    run: str
    censored: bool
    entered: str


class History(t.NamedTuple):
    """What one run did, up to the end of the observation.

    :ivar holding: slot intervals.
    :ivar executing: execution intervals.
    :ivar waiting: from when the run was due until it got a slot, or ended without.
    :ivar awaited: when it was told to wait for a slot of its deployment's limit.
    :ivar refused: when CANCEL_NEW cancelled it.
    :ivar state: the type of its last state, ``name`` that state's name, ``since`` when it began.
    :ivar released: when it let go of the slot that it held at the end of the observation, by a state that is left out
        because it is later; None when no such state is known.
    """

    run: str
    holding: tuple[Span, ...]
    executing: tuple[Span, ...]
    waiting: tuple[Span, ...]
    awaited: tuple[int, ...]
    refused: tuple[int, ...]
    state: str
    name: str
    since: int
    released: int | None


class _State(t.NamedTuple):
    at: int
    type: str
    name: str
    due: int | None
    message: str | None
    leased: bool


def history(
    run: str, states: t.Sequence[Row], until: int, in_process_retry: bool = False, slack: int = 0
) -> History | None:
    """The times of one run.

    :param states: of the run, in any order; two at the same instant stay in the order given.
    :param until: where the observation ends, in microseconds.
    :param in_process_retry: whether a run whose last state is AwaitingRetry waits inside its process, as its
        ``empirical_policy.retry_type`` says.
    :param slack: how far the server's clock may be ahead of the one that ``until`` is of, in microseconds. States that
        are later than both are left out.
    :returns: None when it had no state by then.
    :raises CollectionError: for a state that cannot be read.
    """
    known = sorted((_read(run, state) for state in states), key=_AT)
    seen = [state for state in known if state.at <= until + slack]
    if not seen:
        return None
    # That a run still goes on is known up to here, and no further.
    until = max(until, seen[-1].at)
    held = _held(seen, in_process_retry)
    holding = _spans(run, seen, held, until)
    executing = _spans(run, seen, [state.type in EXECUTING for state in seen], until)
    last = seen[-1]
    return History(
        run=run,
        holding=holding,
        executing=executing,
        waiting=_spans_due(run, seen, held, until),
        awaited=tuple(state.at for state in seen if state.name == AWAITING),
        refused=tuple(state.at for state in seen if state.type == "CANCELLED" and state.message == REFUSED),
        state=last.type,
        name=last.name,
        since=last.at,
        released=next((state.at for state in known[len(seen) :] if state.type not in HOLDING), None),
    )


def intervals(spans: t.Iterable[Span]) -> list[Interval]:
    """Spans as the sweep takes them."""
    return [Interval(span.start, span.end, span.run) for span in spans]


def _read(run: str, row: Row) -> _State:
    where = f"A state of run {run}"
    try:
        kind, name = row["type"], row["name"]
        details = row.get("state_details") or {}
        due = details.get("scheduled_time")
        at = instant(row["timestamp"], f"{where}: its timestamp")
        planned = None if due is None else instant(due, f"{where}: its scheduled_time")
        leased = details.get("deployment_concurrency_lease_id") is not None
        message = row.get("message")
    except (AttributeError, KeyError, TypeError):
        raise CollectionError(
            f"{where} is not what Prefect returns: it needs type, name, timestamp and state_details."
        ) from None
    if kind not in STATES:
        raise CollectionError(f"{where} has the type {kind!r}; allowed are {', '.join(sorted(STATES))}.")
    return _State(at, kind, name, planned, message, leased)


def _held(seen: t.Sequence[_State], in_process_retry: bool) -> list[bool]:
    """For each state whether the run holds a slot in it."""
    held: list[bool] = []
    for number, state in enumerate(seen):
        keeps = state.type in HOLDING
        if state.name == RETRY and state.type == "SCHEDULED" and state.leased and number and held[-1]:
            following = next((later.type for later in seen[number + 1 :] if later.type != "SCHEDULED"), None)
            keeps = in_process_retry if following is None else following != "PENDING"
        held.append(keeps)
    return held


def _spans(run: str, seen: t.Sequence[_State], inside: t.Sequence[bool], until: int) -> tuple[Span, ...]:
    spans: list[Span] = []
    begun: _State | None = None
    for state, within in zip(seen, inside, strict=True):
        if within and begun is None:
            begun = state
        elif not within and begun is not None:
            spans.append(Span(begun.at, state.at, run, False, begun.type))
            begun = None
    if begun is not None:
        spans.append(Span(begun.at, until, run, True, begun.type))
    return tuple(spans)


def _spans_due(run: str, seen: t.Sequence[_State], held: t.Sequence[bool], until: int) -> tuple[Span, ...]:
    """Each time from when the run was due until it left SCHEDULED.

    A run is due when its first Scheduled state says so; what AwaitingConcurrencySlot and Late put off is waiting.
    """
    spans: list[Span] = []
    due: int | None = None
    for state, holds in zip(seen, held, strict=True):
        if state.type == "SCHEDULED" and not holds:
            if due is None:
                due = max(state.at, state.due or state.at)
        elif due is not None:
            if due < state.at:
                spans.append(Span(due, state.at, run, False, "SCHEDULED"))
            due = None
    if due is not None and due < until:
        spans.append(Span(due, until, run, True, "SCHEDULED"))
    return tuple(spans)
