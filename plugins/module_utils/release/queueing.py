# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first step of a promotion or a rollback: one wins the ring's next generation, everybody else is told who did."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import candidate, claims, statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.describing import describe
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import check_digest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import Lost
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Draft, Event, Kind
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring import Ring
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import BEFORE_WRITES, State
from ansible_collections.hotpass.prefect.plugins.module_utils.release.wording import recordable


class Vetoed(CollectionError):
    """A release that somebody recalled."""


class TakenBack(CollectionError):
    """A release that the ring before has taken back."""


class Ended(CollectionError):
    """What is asked for was done by an earlier generation, or was tried and came to its end.

    :ivar generation: the number of that one.
    """

    def __init__(self, message: str, generation: int) -> None:
        super().__init__(message)
        self.generation = generation


def queue(ring: Ring, params: t.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """Win the ring's next generation for a release, go on with the one that is under way, or find it Active already.

    :raises CollectionError: when something else is under way, which says nothing of the release and has ``busy`` among
        its details; when the release is vetoed or held; or when the ring is degraded and nobody said that this is
        known.
    """
    kind = Kind(params["kind"])
    release = _release(ring, params, kind)
    under_way = ring.chain.under_way
    if under_way is not None and under_way.release == release and under_way.kind is kind:
        _end_unfit(ring, under_way, params, check)
        if not check:
            ring.tell_again()
        return {**describe(ring, under_way), "claim": claims.take(under_way)}
    active = ring.chain.active
    if active is not None and active.release == release and under_way is None and not ring.chain.degraded:
        return {**describe(ring, active), "already_active": True}
    _refuse(ring, release, kind, params)
    if under_way is not None:
        _give_way(ring, under_way, release, params, check)
    if check:
        return _foreseen(ring, release, kind)
    # Nothing is begun that could not be signed at its end.
    ring.actor()
    _lift_hold(ring, release, params)
    claim = claims.take(None)
    detail: dict[str, t.Any] = claims.detail(claim)
    if kind is Kind.ROLLBACK:
        detail["rolls_back"] = _to_roll_back(ring, release)
    reason = recordable(params.get("reason") or "")
    if reason:
        detail["reason"] = reason
    if params.get("commit"):
        detail["commit"] = params["commit"]
    number = ring.chain.last_generation + 1
    try:
        ring.append(
            Draft(
                event=Event.TRANSITION,
                generation=number,
                kind=kind,
                state=State.QUEUED,
                release=release,
                actor=ring.actor(),
                detail=detail,
            )
        )
    except Lost as lost:
        winner = lost.winner
        raise CollectionError(
            f"Ring {ring.name} went to somebody else: {winner.actor.name} got generation {winner.generation} for "
            f"{winner.release} at {winner.at}, a moment before this promotion of {release}, which has touched nothing. "
            "Run it again when that one is through.",
            busy=True,
        ) from None
    ring.tell()
    return {**describe(ring, ring.chain.generation(number)), "claim": claim}


def _to_roll_back(ring: Ring, release: str) -> int | None:
    """The generation that a rollback takes back: the Active one, or the one that left the ring degraded."""
    active = ring.chain.active
    if active is not None and active.release == release:
        return ring.chain.broken
    return active.number if active is not None else None


def _end_unfit(ring: Ring, under_way: Generation, params: t.Mapping[str, t.Any], check: bool) -> None:
    """End what was vetoed, or taken back in the ring before, while it waited: it must not stand in the way of others.

    :raises CollectionError: when it is; or when nobody can say whether the ring before took it back, which ends
        nothing.
    """
    try:
        refuse_vetoed(ring, under_way)
        if under_way.kind is Kind.PROMOTE and under_way.state in BEFORE_WRITES:
            _refuse_taken_back(ring, t.cast("str", under_way.release), params)
    except (Vetoed, TakenBack) as unfit:
        if under_way.state in BEFORE_WRITES and not check:
            # What is Queued has no way to Failed of its own.
            for state in (State.RESOLVING, State.FAILED) if under_way.state is State.QUEUED else (State.FAILED,):
                ring.append(
                    Draft(
                        event=Event.TRANSITION,
                        generation=under_way.number,
                        kind=under_way.kind,
                        state=state,
                        release=under_way.release,
                        actor=ring.actor(),
                        detail={"reason": recordable(unfit.message)} if state is State.FAILED else {},
                    )
                )
            ring.tell()
            raise Ended(unfit.message, under_way.number) from None
        raise


def _refuse_taken_back(ring: Ring, release: str, params: t.Mapping[str, t.Any]) -> None:
    """Ask the ring before once more, as long as nothing was written; what is Active here was let begin without it.

    :raises CollectionError: when the release was taken back there, does not stand there any more, or nobody can say.
    """
    if _is_active(ring, release):
        return
    previous = candidate.look(ring, params)
    if previous is None or release in previous.proven:
        return
    if release in previous.taken_back:
        raise TakenBack(
            f"{release} was taken back in ring {previous.ring} while it waited in ring {ring.name}: "
            f"{previous.taken_back[release]}. It goes no further; promote another release. (Asked of the "
            f"{previous.source} of ring {previous.ring}.)"
        )
    if previous.source == candidate.STATEMENTS:
        raise CollectionError(
            f"Whether {release} was taken back in ring {previous.ring} cannot be told: the server of ring "
            f"{previous.ring} does not answer, and no signed statement in the store tells of this release. It goes on "
            f"waiting in ring {ring.name}; run again once that server answers, or import a transfer bundle of ring "
            f"{previous.ring}."
        )
    # It proved good when it began, and what is taken back stays in a ledger however long that grows.
    if not previous.archived:
        raise _not_proven(ring, release, previous)


def refuse_vetoed(ring: Ring, generation: Generation) -> None:
    """Stop at a veto that came after the generation began.

    :raises CollectionError: when its release is vetoed here, or everywhere.
    """
    _refuse_veto(ring, t.cast("str", generation.release))


def _release(ring: Ring, params: t.Mapping[str, t.Any], kind: Kind) -> str:
    under_way = ring.chain.under_way
    if params.get("release"):
        release = check_digest(params["release"], "release")
        going = under_way is not None and under_way.release == release and under_way.kind is kind
        # What is under way is asked when it is taken up again.
        if kind is Kind.PROMOTE and not going:
            _insist_on_order(ring, release, params)
        return release
    if kind is Kind.ROLLBACK:
        return _last_good(ring)
    if under_way is not None and under_way.kind is Kind.PROMOTE and under_way.release and not params.get("supersede"):
        # What waits for a person goes on, whatever else has become Active in the ring before it meanwhile.
        return under_way.release
    previous = candidate.look(ring, params)
    if previous is None:
        raise CollectionError(
            f"Ring {ring.name} has no ring before it to take a release from; name the release, or build one."
        )
    if previous.doubt:
        raise CollectionError(previous.doubt)
    if previous.active is None:
        raise CollectionError(
            f"Nothing is Active in ring {previous.ring}, from which ring {ring.name} takes its releases; promote there "
            "first, or name a release that was Active there."
        )
    if previous.active in previous.taken_back:
        raise _not_proven(ring, previous.active, previous)
    return previous.active


def _insist_on_order(ring: Ring, release: str, params: t.Mapping[str, t.Any]) -> None:
    if _is_active(ring, release):
        return
    previous = candidate.look(ring, params)
    if previous is not None and release not in previous.proven:
        raise _not_proven(ring, release, previous)


def _is_active(ring: Ring, release: str) -> bool:
    active = ring.chain.active
    return active is not None and active.release == release


def _not_proven(ring: Ring, release: str, previous: candidate.Previous) -> CollectionError:
    return CollectionError(
        f"{release} was never Active in ring {previous.ring}, or was taken back there, and ring {ring.name} takes "
        f"only what proved good there; promote it there first. (Asked of the {previous.source} of ring "
        f"{previous.ring}.)"
    )


def _last_good(ring: Ring) -> str:
    """The release to go back to: the newest that was Active before, is not held and not vetoed."""
    active = ring.chain.active
    under_way = ring.chain.under_way
    if under_way is not None and under_way.kind is Kind.ROLLBACK and under_way.release:
        return under_way.release
    if active is None:
        raise CollectionError(f"Nothing is Active in ring {ring.name}, so there is nothing to roll back.")
    broken = ring.chain.broken
    if broken is not None and broken != active.number and active.release:
        # A promotion that failed left the ring half written, and what is Active never was the trouble. A rollback that
        # failed was asked for to be rid of what is Active.
        failed = ring.chain.generation(broken)
        return failed.release if failed.kind is Kind.ROLLBACK and failed.release else active.release
    if active.kind is Kind.ROLLBACK:
        raise Ended(
            f"Ring {ring.name} was rolled back already: generation {active.number} brought {active.release} back at "
            f"{active.since}. To go back further, name the release (-e release=sha256:...).",
            active.number,
        )
    unfit = {active.release, *ring.chain.holds, *ring.chain.vetoes}
    for generation in reversed(ring.chain.verified):
        if generation.release and generation.release not in unfit:
            return generation.release
    raise CollectionError(
        f"Ring {ring.name} has no release to go back to: generation {active.number} is the first that was ever Active "
        "here, or every earlier one is held or vetoed. Promote a good release instead."
    )


def _refuse(ring: Ring, release: str, kind: Kind, params: t.Mapping[str, t.Any]) -> None:
    _refuse_veto(ring, release)
    active = ring.chain.active
    if kind is Kind.ROLLBACK and (active is None or release not in {g.release for g in ring.chain.verified}):
        raise CollectionError(
            f"{release} was never Active in ring {ring.name}, so going there is a promotion and no rollback."
        )
    if release in ring.chain.holds and (kind is Kind.ROLLBACK or not params.get("release_hold")):
        held = ring.chain.holds[release]
        way = (
            "go back to another one, or promote it with playbooks/promote.yml -e release_hold=true"
            if kind is Kind.ROLLBACK
            else "promote another one, or say that it may return with -e release_hold=true"
        )
        raise Ended(
            f"{release} is held in ring {ring.name} since {held.at} ({held.detail.get('reason', 'no reason given')}); "
            f"{way}.",
            held.generation,
        )
    if ring.chain.degraded and kind is Kind.PROMOTE and not params.get("accept_degraded"):
        raise CollectionError(
            f"Ring {ring.name} is degraded: its last rollback failed. Bring it back with playbooks/reconcile.yml or "
            "playbooks/rollback.yml, or go forward knowingly with -e accept_degraded=true."
        )


def _refuse_veto(ring: Ring, release: str) -> None:
    here = ring.chain.vetoes.get(release)
    if here is not None:
        raise Vetoed(
            f"{release} is vetoed in ring {ring.name} by {here.actor.name} since {here.at}: "
            f"{here.detail.get('reason', 'no reason given')}."
        )
    if not ring.store.has(release):
        return
    for veto in statements.vetoes(
        ring.statements(release), ring.trust, ring.name, solution=ring.solution, release=release
    ):
        predicate = veto.predicate
        raise Vetoed(
            f"{release} is vetoed by {predicate['by']['name']} since {predicate['at']}: {predicate['reason']}. "
            "The veto travels with the release."
        )


def _give_way(ring: Ring, under_way: Generation, release: str, params: t.Mapping[str, t.Any], check: bool) -> None:
    """Take the place of what is under way, where that is asked for and nothing was written yet."""
    who = under_way.requested_by.name
    what = (
        f"In ring {ring.name} generation {under_way.number} is under way: {who} asked for {under_way.release} at "
        f"{under_way.requested_at}, and it is {under_way.state.value} since {under_way.since}"
    )
    if under_way.state not in BEFORE_WRITES:
        raise CollectionError(
            f"{what}. {release} has touched nothing. Wait for it; if its promoter is dead, run that promotion again, "
            "or playbooks/reconcile.yml.",
            busy=True,
        )
    if not params.get("supersede"):
        raise CollectionError(
            f"{what}. {release} has touched nothing. Wait for it, run that promotion again to finish it, or take its "
            "place with -e supersede=true.",
            busy=True,
        )
    if not check:
        ring.append(
            Draft(
                event=Event.TRANSITION,
                generation=under_way.number,
                kind=under_way.kind,
                state=State.SUPERSEDED,
                release=under_way.release,
                actor=ring.actor(),
                detail={"reason": f"{release} took its place"},
            )
        )


def _lift_hold(ring: Ring, release: str, params: t.Mapping[str, t.Any]) -> None:
    if release in ring.chain.holds and params.get("release_hold"):
        ring.append(
            Draft(
                event=Event.HOLD,
                generation=ring.chain.last_generation,
                release=release,
                actor=ring.actor(),
                detail={"held": False, "reason": recordable(params.get("reason") or "") or "promoted again"},
            )
        )


def _foreseen(ring: Ring, release: str, kind: Kind) -> dict[str, t.Any]:
    active = ring.chain.active
    return {
        "generation": ring.chain.last_generation + 1,
        "kind": kind.value,
        "release": release,
        "state": State.QUEUED.value,
        "since": None,
        "settled": False,
        "already_active": False,
        "passed": [],
        "requested_by": ring.actor().to_json(),
        "requested_at": None,
        "reason": None,
        "gates": {},
        "permit": None,
        "active": {"generation": active.number, "release": active.release} if active else None,
        "verified": [],
        "details": {},
        "rolls_back": _to_roll_back(ring, release) if kind is Kind.ROLLBACK else None,
        "would_change": True,
    }
