# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A promotion, state by state: each step says which state is to be reached, and is done once, whoever asks again."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import ansible_diff
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release import claims, clock, queueing, settling
from ansible_collections.hotpass.prefect.plugins.module_utils.release import gates as gates_
from ansible_collections.hotpass.prefect.plugins.module_utils.release.approvals import count_approvals
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.describing import describe, open_permit
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import Lost
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Draft, Event, Record
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring import Ring
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import (
    BEFORE_WRITES,
    State,
    allowed,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.wording import recordable
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome

# What a generation that goes well passes through; one that is there has everything before it behind it.
_FORWARD = BEFORE_WRITES | {State.DEPLOYING, State.VALIDATING, State.ACTIVE}
_TRIES = 5


def ensure(params: dict[str, t.Any], context: Context) -> Outcome:
    """Bring a generation of the ring to a state.

    :returns: what the ledger says of the generation then; see ``hotpass_promotion``.
    :raises CollectionError: when the ledger's table, a closed gate, or somebody else stands in the way.
    """
    gates = gates_.check_names(params["gates"]) if params.get("gates") is not None else None
    verdicts = gates_.check_verdicts(params.get("verdicts") or [])
    with Session(Connection.from_params(params)) as session, Ring(params, session) as ring:
        before = ring.chain.head
        if params["state"] == State.QUEUED.value:
            try:
                report = queueing.queue(ring, params, context.check)
            except queueing.Ended as ended:
                # Its promoter may have died between its last record and its statement.
                settling.settle(ring, ended.generation, context.check)
                raise
        else:
            report = {**_advance(ring, params, gates, verdicts, context.check), "claim": params.get("claim")}
        changed = bool(report.pop("would_change", False)) or ring.chain.head != before
        changed = _settle(ring, report, context.check, changed) or changed
        return Outcome(
            changed=changed,
            result={
                "promotion": {"ring": ring.name, "solution": ring.solution, **report},
                "api": {"requests": session.requests, "writes": session.writes},
            },
            diff=[_diff(ring, before, report)] if changed else [],
            warnings=ring.warnings,
        )


def _settle(ring: Ring, report: t.Mapping[str, t.Any], check: bool, fresh: bool) -> bool:
    """What is owed at the end. The end stands in the ledger, so a task that has just come there does not fail of it.

    :raises CollectionError: when it is owed from before, and cannot be had now either.
    """
    try:
        return settling.settle(ring, report["generation"], check, fresh)
    except CollectionError as error:
        if not fresh:
            raise
        ring.warnings.append(
            f"Generation {report['generation']} of ring {ring.name} is {report['state']}, and its statement is still "
            f"owed: {error.message} Run the play again to make up for it."
        )
        return False


def _diff(ring: Ring, before: Record | None, report: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What the ledger said of the ring last, and says now."""
    said = None
    if before is not None:
        state = (before.state or before.event).value
        said = {"generation": before.generation, "release": before.release, "state": state}
    return ansible_diff(
        f"ring {ring.name} of {ring.solution}", said, {key: report[key] for key in ("generation", "release", "state")}
    )


def _advance(
    ring: Ring,
    params: t.Mapping[str, t.Any],
    gates: tuple[str, ...] | None,
    verdicts: list[dict[str, t.Any]],
    check: bool,
) -> dict[str, t.Any]:
    target = State(params["state"])
    generation = _generation(ring, params.get("generation"))
    claims.insist(generation, params.get("claim"))
    if not _is_behind(generation, target):
        # Active is left by what another generation does, and never by a step of its own.
        if generation.state is State.ACTIVE or not allowed(generation.state, target):
            raise CollectionError(
                f"Generation {generation.number} of ring {ring.name} is {generation.state.value} since "
                f"{generation.since}; from there it cannot become {target.value}."
            )
        if check:
            _insist_on_gates(ring, generation, target, params, gates, verdicts)
            return {**describe(ring, generation), "state": target.value, "would_change": True}
        _go(ring, generation, target, params, gates, verdicts)
    if target is State.VALIDATING and params.get("permit") and not check:
        _permit(ring, generation.number, params["permit"])
    ring.tell()
    return describe(ring, _generation(ring, generation.number))


def _generation(ring: Ring, number: int | None) -> Generation:
    if number is not None:
        return ring.chain.generation(number)
    if ring.chain.under_way is None:
        raise CollectionError(f"In ring {ring.name} of {ring.solution} no generation is under way.")
    return ring.chain.under_way


def _is_behind(generation: Generation, target: State) -> bool:
    if generation.state is target:
        return True
    if generation.state not in _FORWARD:
        return False
    return any(record.state is target for record in generation.transitions)


def _go(
    ring: Ring,
    generation: Generation,
    target: State,
    params: t.Mapping[str, t.Any],
    gates: tuple[str, ...] | None,
    verdicts: list[dict[str, t.Any]],
) -> None:
    """Append the transition; when somebody else was first with the very same one, that is as good.

    A record that came in between and left the generation where it was, such as an approval, is no reason to stop: the
    gates are asked once more, of the ledger as it is then.
    """
    for attempt in range(_TRIES):
        _insist_on_gates(ring, generation, target, params, gates, verdicts)
        try:
            if params.get("hold", True):
                settling.hold_the_bad(ring, generation, target, params.get("reason"))
            _append(ring, generation, target, params, gates, verdicts)
        except Lost:
            ring.read_again()
            found = ring.chain.generation(generation.number)
            claims.insist(found, params.get("claim"))
            if _is_behind(found, target):
                return
            if found.state is not generation.state or attempt == _TRIES - 1:
                raise
            generation = found
        else:
            return


def _insist_on_gates(
    ring: Ring,
    generation: Generation,
    target: State,
    params: t.Mapping[str, t.Any],
    gates: tuple[str, ...] | None,
    verdicts: list[dict[str, t.Any]],
) -> None:
    if target not in (State.DEPLOYING, State.ACTIVE):
        return
    queueing.refuse_vetoed(ring, generation)
    if gates is None:
        raise CollectionError(f"state {target.value} needs gates, the list of the ring's gates.")
    gates_.insist(generation, target, gates, verdicts)
    if target is not State.DEPLOYING:
        return
    waited = generation.state is State.AWAITING_APPROVAL
    if waited and "approval" not in gates:
        raise CollectionError(
            f"Generation {generation.number} of ring {ring.name} waits for approval, and gates does not ask for it."
        )
    if "approval" in gates:
        # A verdict is what the caller says; what counts is in the ledger.
        verdict, message, _detail = count_approvals(
            ring, generation, params["approvals_required"], params["approval_seconds"]
        )
        if verdict != "pass":
            raise CollectionError(f"Generation {generation.number} of ring {ring.name} is not approved: {message}.")


def _append(
    ring: Ring,
    generation: Generation,
    target: State,
    params: t.Mapping[str, t.Any],
    gates: tuple[str, ...] | None,
    verdicts: list[dict[str, t.Any]],
) -> None:
    detail = {**(params.get("detail") or {}), **claims.detail(params.get("claim"))}
    if verdicts:
        detail["gates"] = verdicts
    if target is State.DEPLOYING:
        detail["asked"] = list(gates or ())
    reason = recordable(params.get("reason") or "")
    if reason:
        detail["reason"] = reason
    ring.append(
        Draft(
            event=Event.TRANSITION,
            generation=generation.number,
            kind=generation.kind,
            state=target,
            release=generation.release,
            actor=ring.actor(),
            detail=detail,
        )
    )


def _permit(ring: Ring, number: int, options: t.Mapping[str, t.Any]) -> None:
    """Let a few runs of a generation that is not Active yet through the fence, for a while; once."""
    for attempt in range(_TRIES):
        generation = _generation(ring, number)
        if open_permit(ring, number) is not None or generation.state is not State.VALIDATING:
            return
        try:
            _append_permit(ring, generation, options)
        except Lost:
            if attempt == _TRIES - 1:
                raise
            ring.read_again()
        else:
            return


def _append_permit(ring: Ring, generation: Generation, options: t.Mapping[str, t.Any]) -> None:
    number = generation.number
    expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=options["seconds"])
    ring.append(
        Draft(
            event=Event.PERMIT,
            generation=number,
            release=generation.release,
            actor=ring.actor(),
            detail={
                "purpose": options["purpose"],
                "tag": f"{options['purpose']}-{ring.name}-g{number}-n{len(ring.chain.permits(number)) + 1}",
                "max_runs": options["max_runs"],
                "expires": clock.text(expires),
            },
        )
    )
