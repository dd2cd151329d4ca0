# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What verified statements permit: whether an approval counts, what a ring runs, and what is vetoed."""

from __future__ import annotations

import datetime
import typing as t
import unicodedata

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import predicates
from ansible_collections.hotpass.prefect.plugins.module_utils.release import trust as trusting
from ansible_collections.hotpass.prefect.plugins.module_utils.release.envelopes import Untrusted, Verified, peek, verify
from ansible_collections.hotpass.prefect.plugins.module_utils.release.predicates import Malformed
from ansible_collections.hotpass.prefect.plugins.module_utils.release.statement_parts import Who, described
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

# How far the clock of who decided may be ahead of ours.
CLOCK_SKEW: t.Final = datetime.timedelta(minutes=5)

# After the first write there is no plain failure: the ring went back, or tried to.
_TOOK_BACK = frozenset({State.ROLLED_BACK.value, State.ROLLBACK_FAILED.value})
_VETOERS = (trusting.PROMOTER, trusting.APPROVER)


def _say_nothing(_reason: str) -> None:
    return None


class NotApproved(CollectionError):
    """An approval that does not count."""


def check_approval(
    verified: Verified,
    *,
    solution: str,
    ring: str,
    generation: int,
    release: str,
    requested_by: Who,
    now: datetime.datetime,
) -> str:
    """The decision, ``approve`` or ``reject``, of an approval that counts for exactly this generation.

    :param verified: what :func:`verify` accepted for the role approver.
    :param requested_by: who asked for the promotion, as the ledger has it, never as the approval does.
    :param now: with its time zone.
    :raises NotApproved: saying why it does not count.
    """
    if verified.predicate_type != predicates.APPROVAL:
        raise NotApproved(f"A {predicates.kind_of(verified.predicate_type)} statement is no approval.")
    said = verified.predicate
    wanted = {"solution": solution, "ring": ring, "generation": generation, "release": release}
    for key, value in wanted.items():
        found = verified.release if key == "release" else said[key]
        if found != value:
            raise NotApproved(f"The approval is for {key} {found}, and what waits for one is {key} {value}.")
    if said["approver"]["keyId"] not in {key.key_id for key in verified.signers}:
        raise NotApproved(f"The approval names {said['approver']['name']}, whose key did not sign it.")
    if not all(trusting.APPROVER in key.roles for key in verified.signers):
        raise NotApproved("The approval was verified for another role than approver.")
    if _moment(said["decidedAt"]) > now + CLOCK_SKEW:
        raise NotApproved(f"The approval was decided at {said['decidedAt']}, which is yet to come; compare the clocks.")
    # What somebody refused stays refused; only a yes grows old.
    if said["decision"] == "approve" and _moment(said["expiresAt"]) <= now:
        raise NotApproved(f"The approval of {said['approver']['name']} expired at {said['expiresAt']}.")
    _refuse_the_requester(verified, described(requested_by))
    return str(said["decision"])


def provenances(
    envelopes: t.Iterable[bytes],
    trust: trusting.Trust,
    *,
    release: str,
    solution: str,
    passed_over: t.Callable[[str], None] = _say_nothing,
) -> tuple[Verified, ...]:
    """What trusted builders say of how a release was built.

    An envelope that travels with one release may speak of another; those are left out.

    :param release: its digest.
    :param passed_over: is told why an envelope cannot be trusted.
    """
    found = _verified(envelopes, trust, (predicates.PROVENANCE,), (trusting.BUILDER,), passed_over)
    return tuple(one for one in found if one.release == release and one.statement["subject"][0]["name"] == solution)


def outcomes(
    envelopes: t.Iterable[bytes],
    trust: trusting.Trust,
    *,
    ring: str,
    solution: str,
    passed_over: t.Callable[[str], None] = _say_nothing,
) -> tuple[Verified, ...]:
    """What trusted promoters say of how promotions into a ring, and its rollbacks, ended; in no order.

    :param passed_over: is told why an envelope cannot be trusted.
    """
    kinds = (predicates.PROMOTION, predicates.ROLLBACK)
    found = _verified(envelopes, trust, kinds, (trusting.PROMOTER,), passed_over)
    return tuple(one for one in found if (one.predicate["ring"], one.predicate["solution"]) == (ring, solution))


def previous_active(
    envelopes: t.Iterable[bytes],
    trust: trusting.Trust,
    ring: str,
    solution: str,
    passed_over: t.Callable[[str], None] = _say_nothing,
) -> tuple[str, int] | None:
    """The release and generation that a ring runs, as its signed promotions and rollbacks say; None without any.

    For when the ring's server cannot be reached. Statements signed by no trusted promoter are passed over.

    :param passed_over: is told why an envelope was.
    :raises CollectionError: when statements contradict each other about a generation, or the ring's last rollback
        failed, so that nobody can say what it runs.
    """
    said: dict[int, tuple[str, str]] = {}
    for verified in outcomes(envelopes, trust, ring=ring, solution=solution, passed_over=passed_over):
        predicate = verified.predicate
        number, claim = predicate["generation"], (verified.release, predicate["result"])
        before = said.setdefault(number, claim)
        if before == claim:
            continue
        if before[0] != claim[0] or State.ACTIVE.value in (before[1], claim[1]):
            raise CollectionError(
                f"The signed statements contradict each other about generation {number} of {solution} in ring {ring}: "
                f"{before[1]} with {before[0]}, and {claim[1]} with {claim[0]}; name the release, or ask the ring."
            )
        if claim[1] == State.ROLLED_BACK.value:
            said[number] = claim
    active = max((number for number, claim in said.items() if claim[1] == State.ACTIVE.value), default=None)
    degraded = max((number for number, claim in said.items() if claim[1] == State.ROLLBACK_FAILED.value), default=0)
    if degraded > (active or 0):
        raise CollectionError(
            f"The rollback of generation {degraded} of {solution} in ring {ring} failed, as its statement says, so "
            "what the ring runs is not certain; name the release to promote."
        )
    return None if active is None else (said[active][0], active)


def proven(
    envelopes: t.Iterable[bytes],
    trust: trusting.Trust,
    ring: str,
    solution: str,
) -> frozenset[str]:
    """The releases that became Active in a ring and were not taken back since, as its signed statements say.

    A release is taken back by a rollback that names it, whether or not that came about, and by a promotion of it that
    was rolled back, as the ring's ledger has it.
    """
    became, taken = _came_and_went(envelopes, trust, ring, solution)
    return frozenset(release for release, number in became.items() if number > _number(taken.get(release)))


def taken_back(
    envelopes: t.Iterable[bytes],
    trust: trusting.Trust,
    ring: str,
    solution: str,
) -> dict[str, str]:
    """The releases that were taken back in a ring and not made Active there since, each with how, for a person.

    See :func:`proven`, which never has any of them.
    """
    became, taken = _came_and_went(envelopes, trust, ring, solution)
    return {
        release: f"its statement says that generation {last['generation']} there took it back"
        f" ({last.get('reason') or last['result']})"
        for release, last in taken.items()
        if last["generation"] >= became.get(release, 0)
    }


def _number(last: t.Mapping[str, t.Any] | None) -> int:
    return int(last["generation"]) if last else 0


def _came_and_went(
    envelopes: t.Iterable[bytes], trust: trusting.Trust, ring: str, solution: str
) -> tuple[dict[str, int], dict[str, t.Mapping[str, t.Any]]]:
    """For each release the generation that it became Active with last, and what took it back last."""
    became: dict[str, int] = {}
    taken: dict[str, t.Mapping[str, t.Any]] = {}
    for verified in outcomes(envelopes, trust, ring=ring, solution=solution):
        said = verified.predicate
        number, back = said["generation"], said.get("rolledBack")
        if said["result"] == State.ACTIVE.value:
            became[verified.release] = max(number, became.get(verified.release, 0))
        bad = back["release"] if back else verified.release
        went = said["result"] in _TOOK_BACK or (said["result"] == State.ACTIVE.value and bad != verified.release)
        if went and number >= _number(taken.get(bad)):
            taken[bad] = said
    return became, taken


def vetoes(
    envelopes: t.Iterable[bytes],
    trust: trusting.Trust,
    ring: str | None,
    *,
    solution: str | None = None,
    release: str | None = None,
    passed_over: t.Callable[[str], None] = _say_nothing,
) -> tuple[Verified, ...]:
    """The vetoes, by a trusted promoter or approver, that hold for a ring.

    :param ring: None for those of any ring; and so for ``solution`` and ``release``, a digest. An envelope that
        travels with one release may speak of another, so who asks about one names it.
    :param passed_over: is told why an envelope was.
    """
    found = []
    for verified in _verified(envelopes, trust, (predicates.VETO,), _VETOERS, passed_over):
        rings = verified.predicate["rings"]
        if ring is not None and rings != "*" and ring not in rings:
            continue
        if solution in (None, verified.predicate["solution"]) and release in (None, verified.release):
            found.append(verified)
    return tuple(found)


def _verified(
    envelopes: t.Iterable[bytes],
    trust: trusting.Trust,
    kinds: tuple[str, ...],
    roles: tuple[str, ...],
    passed_over: t.Callable[[str], None],
) -> t.Iterator[Verified]:
    """The trusted statements of some kinds. What cannot be trusted must neither permit nor prevent anything."""
    for envelope in envelopes:
        try:
            if peek(envelope)["predicateType"] in kinds:
                yield verify(envelope, trust, roles)
        except (Untrusted, Malformed) as error:
            passed_over(error.message)


def _refuse_the_requester(verified: Verified, requester: t.Mapping[str, str]) -> None:
    said, name = verified.predicate, requester.get("name", "")
    if not comparable(name) or comparable(said["requestedBy"]["name"]) != comparable(name):
        raise NotApproved(
            f"The approval is for what {said['requestedBy']['name']} asked for, and this was asked for by "
            f"{name or 'nobody'}."
        )
    approver = said["approver"]
    keys = {key.key_id for key in verified.signers}
    names = {
        comparable(known) for known in (approver["name"], approver.get("user"), *(key.name for key in verified.signers))
    }
    asked = {comparable(name), comparable(requester.get("user"))}
    if requester.get("keyId") in keys or names & asked - {""}:
        raise NotApproved(f"{approver['name']} asked for this promotion and cannot approve it; somebody else has to.")


def comparable(name: str | None) -> str:
    """A name as it is compared: what looks alike to a person is alike."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name or "").casefold()).strip()


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)
