# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What statements permit: approvals that count, the release that a ring runs, and vetoes."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Actor
from ansible_collections.hotpass.prefect.plugins.module_utils.release.statements import NotApproved, Verified
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust

from tests.support import attesting
from tests.support.attesting import BAD, EARLIER, HOUR, NOW, RELEASE, Cast, Person

MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return attesting.cast(tmp_path_factory.mktemp("keys"))


def approved(people: Cast, *signers: Person, **changes: t.Any) -> Verified:
    """An approval by bob of what alice asked for, signed by him or by others."""
    statement = attesting.approval(people.bob, people.alice, **changes)
    signed = statements.sign(statement, *(signer.key for signer in signers or (people.bob,)))
    return statements.verify(signed, people.trust, "approver")


def decision(verified: Verified, requested_by: t.Any, **changes: t.Any) -> str:
    asked: dict[str, t.Any] = {
        "solution": "hotpass",
        "ring": "prod",
        "generation": 7,
        "release": RELEASE,
        "requested_by": requested_by,
        "now": NOW + MINUTE,
    }
    return statements.check_approval(verified, **{**asked, **changes})


def refusal(verified: Verified, requested_by: t.Any, **changes: t.Any) -> str:
    with pytest.raises(NotApproved) as caught:
        decision(verified, requested_by, **changes)
    return caught.value.message


@pytest.mark.parametrize("word", ["approve", "reject"])
def test_a_decision_that_counts_is_told(people: Cast, word: str) -> None:
    verified = approved(people, decision=word)
    asker = Actor(name="alice", key_id=people.alice.key_id, user="alice.user")
    assert decision(verified, asker) == decision(verified, asker.to_json()) == word
    assert decision(approved(people, people.bob, people.carol, decision=word), asker) == word


@pytest.mark.parametrize("word", ["approve", "reject"])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"solution": "other"}, "is for solution hotpass, and what waits for one is solution other"),
        ({"ring": "staging"}, "is for ring prod, and what waits for one is ring staging"),
        ({"generation": 6}, "is for generation 7, and what waits for one is generation 6"),
        ({"generation": 8}, "is for generation 7, and what waits for one is generation 8"),
        ({"release": EARLIER}, f"is for release {RELEASE}, and what waits for one is release {EARLIER}"),
        ({"now": NOW - 6 * MINUTE}, "which is yet to come; compare the clocks"),
    ],
)
def test_an_approval_of_something_else_never_counts(
    people: Cast, word: str, changes: dict[str, t.Any], said: str
) -> None:
    assert said in refusal(approved(people, decision=word), people.alice, **changes)


def test_a_yes_grows_old_and_a_no_does_not(people: Cast) -> None:
    said = "The approval of bob expired at 2026-11-22T08:30:00.000000Z"
    assert said in refusal(approved(people, decision="approve"), people.alice, now=NOW + HOUR)
    assert said in refusal(approved(people, decision="approve"), people.alice, now=NOW + 1000 * HOUR)
    assert decision(approved(people, decision="reject"), people.alice, now=NOW + 1000 * HOUR) == "reject"


def test_clocks_may_differ_by_five_minutes_and_expiry_is_exact(people: Cast) -> None:
    verified = approved(people)
    assert decision(verified, people.alice, now=NOW - 5 * MINUTE) == "approve"
    tick = datetime.timedelta(microseconds=1)
    assert "yet to come" in refusal(verified, people.alice, now=NOW - 5 * MINUTE - tick)
    assert decision(verified, people.alice, now=NOW + HOUR - tick) == "approve"
    assert "expired" in refusal(verified, people.alice, now=NOW + HOUR)


@pytest.mark.parametrize(
    "asker",
    [
        {"name": "alice", "key_id": "KEY"},
        {"name": "BOB"},
        {"name": " bob "},
        {"name": "\uff42\uff4f\uff42"},
        {"name": "alice", "user": "Bob"},
        {"name": "alice", "user": "bob.USER"},
        {"name": "Bob.User"},
    ],
)
def test_the_requester_is_never_the_approver(people: Cast, asker: dict[str, str]) -> None:
    asker = {key: people.bob.key_id if value == "KEY" else value for key, value in asker.items()}
    for word in ("approve", "reject"):
        verified = approved(people, requested_by=asker, decision=word)
        assert refusal(verified, asker) == ("bob asked for this promotion and cannot approve it; somebody else has to.")


def test_the_name_in_the_trust_counts_whatever_the_approver_calls_himself(people: Cast) -> None:
    disguised = Actor(name="robert", key_id=people.bob.key_id)
    for asker in ({"name": "bob"}, {"name": "alice", "user": "bob"}, {"name": "x", "key_id": people.bob.key_id}):
        verified = approved(people, approver=disguised, requested_by=asker)
        assert "robert asked for this promotion" in refusal(verified, asker)


def test_no_co_signer_may_be_the_requester(people: Cast) -> None:
    both = approved(people, people.bob, people.carol, requested_by=people.carol)
    assert "asked for this promotion" in refusal(both, people.carol)


def test_the_approver_has_to_have_signed(people: Cast) -> None:
    verified = approved(people, people.carol)
    assert refusal(verified, people.alice) == "The approval names bob, whose key did not sign it."
    other = dataclasses.replace(people.bob, key=people.carol.key)
    assert decision(approved(people, people.carol, approver=other), people.alice) == "approve"


def test_the_approval_has_to_name_who_really_asked(people: Cast) -> None:
    assert refusal(approved(people, requested_by=people.mallory), people.alice) == (
        "The approval is for what mallory asked for, and this was asked for by alice."
    )
    with pytest.raises(NotApproved):
        decision(approved(people), {})


def test_an_approval_verified_for_another_role_does_not_count(people: Cast) -> None:
    statement = attesting.approval(people.bob, people.mallory, approver=people.alice)
    signed = statements.sign(statement, people.alice.key)
    verified = statements.verify(signed, people.trust, ("promoter", "approver"))
    assert refusal(verified, people.mallory) == "The approval was verified for another role than approver."


def test_no_other_statement_is_an_approval(people: Cast) -> None:
    for statement in (attesting.promotion(people.carol), attesting.veto(people.carol)):
        verified = statements.verify(statements.sign(statement, people.carol.key), people.trust, "approver")
        assert "statement is no approval" in refusal(verified, people.alice)


def test_an_approver_without_a_key_cannot_be_named(people: Cast) -> None:
    with pytest.raises(CollectionError, match=r"not valid at predicate\.approver; allowed: required"):
        attesting.approval(people.bob, people.alice, approver=Actor(name="bob"))


def signed(people: Cast, *stories: dict[str, t.Any]) -> list[bytes]:
    return [statements.sign(story, people.alice.key) for story in stories]


def test_a_ring_without_statements_runs_nothing_known(people: Cast) -> None:
    assert statements.previous_active([], people.trust, "prod", "hotpass") is None
    other = signed(people, attesting.promotion(people.alice, ring="staging"), attesting.veto(people.alice))
    other += signed(people, attesting.promotion(people.alice, solution="other"), attesting.provenance())
    assert statements.previous_active(other, people.trust, "prod", "hotpass") is None
    failed = signed(people, attesting.promotion(people.alice, result="Failed", active_at=None))
    assert statements.previous_active(failed, people.trust, "prod", "hotpass") is None


def test_the_highest_active_generation_counts_in_any_order(people: Cast) -> None:
    story = signed(
        people,
        attesting.promotion(people.alice, generation=6, release=EARLIER),
        attesting.promotion(people.alice),
        attesting.promotion(people.alice, generation=10, release=BAD, result="RolledBack", active_at=None),
        attesting.promotion(people.alice, generation=11, release=BAD, result="Rejected", active_at=None),
    )
    for envelopes in (story, story[::-1], story * 2):
        assert statements.previous_active(envelopes, people.trust, "prod", "hotpass") == (RELEASE, 7)
    back = [*story, *signed(people, attesting.rollback(people.alice))]
    for envelopes in (back, back[::-1]):
        assert statements.previous_active(iter(envelopes), people.trust, "prod", "hotpass") == (EARLIER, 8)


ACTIVE_7 = {"generation": 7, "release": RELEASE}
FAILED = {"active_at": None, "result": "RollbackFailed"}


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ([], {EARLIER, RELEASE}),
        # Taken back by a rollback that names it, and back again later.
        ([("rollback", {})], {EARLIER}),
        ([("rollback", {"result": "RolledBack", "active_at": None})], {EARLIER}),
        ([("rollback", FAILED)], {EARLIER}),
        ([("rollback", {"result": "Failed", "active_at": None})], {EARLIER, RELEASE}),
        ([("rollback", {}), ("promotion", {"generation": 9})], {EARLIER, RELEASE}),
        # One that went wrong on its way, again or for the first time.
        ([("promotion", {"generation": 9, "release": EARLIER, **FAILED, "result": "RolledBack"})], {RELEASE}),
        ([("promotion", {"generation": 9, "release": BAD, **FAILED})], {EARLIER, RELEASE}),
        # The failed one is gone once what was Active is brought back.
        (
            [
                ("promotion", {"generation": 9, "release": BAD, **FAILED}),
                ("rollback", {"generation": 10, "release": RELEASE, "rolled_back_generation": 9,
                              "rolled_back_release": BAD}),
            ],
            {EARLIER, RELEASE},
        ),
    ],
)  # fmt: skip
def test_what_was_active_is_proven_until_it_is_taken_back(
    people: Cast, later: list[tuple[str, dict[str, t.Any]]], expected: set[str]
) -> None:
    story = [
        attesting.promotion(people.alice, generation=6, release=EARLIER),
        attesting.promotion(people.alice, **ACTIVE_7),
        *(getattr(attesting, kind)(people.alice, **changes) for kind, changes in later),
        attesting.promotion(people.alice, generation=20, release=BAD, ring="staging"),
    ]
    envelopes = signed(people, *story)
    for order in (envelopes, envelopes[::-1]):
        assert statements.proven(order, people.trust, "prod", "hotpass") == expected
    forged = statements.sign(attesting.promotion(people.mallory, generation=30, release=BAD), people.mallory.key)
    assert statements.proven([*envelopes, forged], people.trust, "prod", "hotpass") == expected


def test_only_trusted_promoters_are_believed(people: Cast) -> None:
    true = statements.sign(attesting.promotion(people.alice), people.alice.key)
    forged = attesting.promotion(people.mallory, generation=9, release=BAD)
    lies = [statements.sign(forged, liar.key) for liar in (people.mallory, people.builder, people.bob)]
    lies += [b"", b"{}", true[:-1], true.replace(b"A", b"B", 1)]
    told: list[str] = []
    found = statements.previous_active([*lies, true], people.trust, "prod", "hotpass", told.append)
    assert found == (RELEASE, 7)
    assert len(told) == len(lies)
    assert statements.previous_active([*lies, true], Trust(), "prod", "hotpass") is None


def test_contradicting_statements_are_an_error(people: Cast) -> None:
    told = attesting.promotion(people.alice)
    others = (
        attesting.promotion(people.alice, release=BAD),
        attesting.promotion(people.alice, result="RolledBack", active_at=None),
        attesting.rollback(people.alice, generation=7, rolled_back_generation=6),
    )
    for other in others:
        for stories in ((told, other), (other, told)):
            with pytest.raises(
                CollectionError, match="contradict each other about generation 7 of hotpass in ring prod"
            ):
                statements.previous_active(signed(people, *stories), people.trust, "prod", "hotpass")
    failures = [
        attesting.promotion(people.alice, release=release, result="Failed", active_at=None)
        for release in (RELEASE, BAD)
    ]
    with pytest.raises(CollectionError, match="contradict each other"):
        statements.previous_active(signed(people, *failures), people.trust, "prod", "hotpass")


def test_a_failed_rollback_leaves_it_uncertain_until_something_is_active_again(people: Cast) -> None:
    active = attesting.promotion(people.alice)
    failed = attesting.rollback(people.alice, result="RollbackFailed", active_at=None)
    with pytest.raises(CollectionError, match="generation 8 of hotpass in ring prod failed"):
        statements.previous_active(signed(people, active, failed), people.trust, "prod", "hotpass")
    mended = attesting.rollback(people.alice, result="RolledBack", active_at=None)
    for stories in ((active, failed, mended), (mended, failed, active)):
        assert statements.previous_active(signed(people, *stories), people.trust, "prod", "hotpass") == (RELEASE, 7)
    anew = attesting.promotion(people.alice, generation=9, release=EARLIER)
    found = statements.previous_active(signed(people, active, failed, anew), people.trust, "prod", "hotpass")
    assert found == (EARLIER, 9)


def test_vetoes_hold_for_the_rings_they_name(people: Cast) -> None:
    everywhere = statements.sign(attesting.veto(people.carol), people.carol.key)
    in_two = statements.sign(attesting.veto(people.bob, rings=["staging", "prod"]), people.bob.key)
    envelopes = [everywhere, in_two, statements.sign(attesting.promotion(people.alice), people.alice.key)]

    def digests(ring: str | None, **of: str) -> set[str]:
        return {veto.digest for veto in statements.vetoes(envelopes, people.trust, ring, **of)}

    both = {veto.digest for veto in statements.vetoes([everywhere, in_two], people.trust, None)}
    assert len(both) == 2
    assert digests("prod") == digests("staging") == digests(None) == both
    assert digests("prod", solution="hotpass", release=BAD) == both
    assert digests("prod", release=RELEASE) == digests("prod", solution="other") == set()
    (only,) = statements.vetoes(envelopes, people.trust, "dev")
    assert only.predicate["reason"] == "leaks addresses"
    assert only.release == BAD


def test_a_veto_needs_a_trusted_promoter_or_approver(people: Cast) -> None:
    told: list[str] = []
    for who, counts in (("alice", 1), ("bob", 1), ("carol", 1), ("builder", 0), ("mallory", 0)):
        signer: Person = getattr(people, who)
        envelope = statements.sign(attesting.veto(signer), signer.key)
        assert len(statements.vetoes([envelope], people.trust, "prod", passed_over=told.append)) == counts
        assert statements.vetoes([envelope], Trust(), "prod") == ()
    assert [message.split(" (")[0] for message in told] == [
        "The statement lacks the signature of a promoter or an approver"
    ] * 2


def test_a_provenance_vouches_for_its_own_release_and_solution_only(people: Cast) -> None:
    told: list[str] = []
    mine = statements.sign(attesting.provenance(), people.builder.key)
    envelopes = [
        mine,
        statements.sign(attesting.provenance(release=BAD), people.builder.key),
        statements.sign(attesting.provenance(solution="other"), people.builder.key),
        statements.sign(attesting.provenance(), people.alice.key),
        statements.sign(attesting.promotion(people.alice), people.alice.key),
        b"junk",
    ]
    found = statements.provenances(
        envelopes, people.trust, release=RELEASE, solution="hotpass", passed_over=told.append
    )
    assert [verified.statement for verified in found] == [statements.peek(mine)]
    assert len(told) == 2
    assert statements.provenances(envelopes, Trust(), release=RELEASE, solution="hotpass") == ()


def test_outcomes_are_those_of_one_ring_and_solution(people: Cast) -> None:
    told = [attesting.promotion(people.alice), attesting.rollback(people.alice)]
    others = [attesting.promotion(people.alice, ring="staging"), attesting.promotion(people.alice, solution="other")]
    envelopes = [*signed(people, *told, *others), statements.sign(told[0], people.mallory.key)]
    found = statements.outcomes(envelopes, people.trust, ring="prod", solution="hotpass")
    assert [verified.statement for verified in found] == told
