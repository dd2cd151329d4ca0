# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``hotpass_approval`` and the gate ``approval`` on a live server: whose decision counts, and for how long."""

from __future__ import annotations

import datetime
import json
import time
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release import clock, predicates, statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import PrefectLedger
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Actor, Draft, Event

from tests.support import attesting
from tests.support.attesting import Person
from tests.support.proxy import Proxy
from tests.support.ring_lab import RingLab
from tests.support.shapes import Result

pytestmark = pytest.mark.integration
pytest_plugins = ["tests.support.rings"]


@pytest.fixture
def waiting(lab: RingLab) -> str:
    """A release that waits for approval; alice asked for it."""
    release = lab.release()
    lab.go("Queued", "Resolving", "AwaitingApproval", release=release)
    return release


def _decide(lab: RingLab, who: Person, decision: str = "approve", **options: t.Any) -> Result:
    given = {"comment": "figures checked", "change_reference": "CHG-1024", **options}
    return lab.do("hotpass_approval", who, decision=decision, **given)


def _verdict(lab: RingLab, **options: t.Any) -> tuple[str, str]:
    answer = lab.ask("approval", fail=False, **options)
    return answer["verdict"]["verdict"], answer["message"]


def _refused(answer: Result, *words: str) -> None:
    assert answer["failed"], answer
    for word in words:
        assert word in answer["msg"], answer["msg"]


def test_somebody_else_approves_and_the_gate_opens(lab: RingLab, waiting: str, proxy: Proxy) -> None:
    assert _verdict(lab) == ("inconclusive", "0 of 1 approvals are there")
    proxy.reset()
    answer = _decide(lab, lab.people.bob, release=waiting, generation=1)
    assert answer["changed"], answer
    assert answer["promotion"]["state"] == "AwaitingApproval"
    assert proxy.writes.count("POST /variables/") == 1
    verdict = lab.ask("approval")["verdict"]
    assert (verdict["verdict"], verdict["detail"]) == ("pass", {"approvers": ["bob"]})

    [said] = lab.stated(waiting, predicates.APPROVAL)
    assert (said["ring"], said["generation"], said["decision"]) == ("dev", 1, "approve")
    assert (said["comment"], said["changeReference"]) == ("figures checked", "CHG-1024")
    assert (said["approver"]["name"], said["requestedBy"]["name"]) == ("bob", "alice")
    shown = json.dumps([answer, [seen.body for seen in proxy.seen]])
    assert not [secret for secret in lab.secrets() if secret in shown]


def test_the_same_decision_twice_changes_nothing(lab: RingLab, waiting: str, proxy: Proxy) -> None:
    assert _decide(lab, lab.people.bob)["changed"]
    proxy.reset()
    assert _decide(lab, lab.people.bob)["changed"] is False
    assert proxy.writes == []
    assert len(lab.stated(waiting, predicates.APPROVAL)) == 1


def test_check_mode_says_whether_it_would_count_and_writes_nothing(lab: RingLab, waiting: str, proxy: Proxy) -> None:
    proxy.reset()
    assert _decide(lab, lab.people.bob, check_mode=True)["changed"]
    _refused(_decide(lab, lab.people.alice, check_mode=True), "alice")
    assert proxy.writes == []
    assert lab.stated(waiting, predicates.APPROVAL) == []


@pytest.mark.usefixtures("waiting")
def test_two_approvers_are_two_people(lab: RingLab) -> None:
    _decide(lab, lab.people.bob)
    _decide(lab, lab.people.bob, comment="once more")
    assert _verdict(lab, approvals_required=2)[0] == "inconclusive"
    assert _verdict(lab, approvals_required=2)[1].startswith("1 of 2 approvals")
    _decide(lab, lab.people.carol)
    assert _verdict(lab, approvals_required=2) == ("pass", "")
    assert _verdict(lab, approvals_required=3)[0] == "inconclusive"
    verdict, message = _verdict(lab, approvals_required=0)
    assert (verdict, "less than 1" in message) == ("error", True)


@pytest.mark.usefixtures("waiting")
def test_one_person_with_two_keys_counts_once_however_the_name_is_spelled(lab: RingLab) -> None:
    # The second is of full width.
    for who, user in ((lab.people.bob, "Erin"), (lab.people.carol, "\uff25\uff32\uff29\uff2e ")):
        answer = _decide(lab, who, actor_user=user)
        assert answer["changed"], answer
    assert _verdict(lab, approvals_required=2)[0] == "inconclusive"
    assert _verdict(lab, approvals_required=1) == ("pass", "")


@pytest.mark.usefixtures("waiting")
def test_whoever_asked_for_it_cannot_approve_it(lab: RingLab, proxy: Proxy) -> None:
    people = lab.people
    (lab.directory / "again").mkdir()
    namesake = attesting.person(lab.directory / "again", "alice", "somebody.else")
    others = [people.builder.entry("builder"), people.bob.entry("approver")]
    proxy.reset()
    key = _decide(lab, people.alice, trust=[*others, people.alice.entry("promoter", "approver")])
    _refused(key, "alice asked for this promotion and cannot approve it")
    user = _decide(lab, people.bob, actor_user="alice.user")
    _refused(user, "bob asked for this promotion and cannot approve it")
    # What looks the same to a person is the same: these capitals are of full width.
    alike = "\uff21\uff2c\uff29\uff23\uff25.user"
    _refused(_decide(lab, people.bob, actor_user=alike), "cannot approve it")
    another_key: Result = {"signing_key": str(lab.directory / "again" / "alice.pem"), "actor_user": "somebody.else"}
    name = _decide(lab, people.bob, trust=[*others, namesake.entry("approver")], **another_key)
    _refused(name, "alice asked for this promotion and cannot approve it")
    assert proxy.writes == []
    assert _verdict(lab)[0] == "inconclusive"


def test_a_user_who_asked_without_a_key_cannot_approve_with_one(lab: RingLab) -> None:
    unsigned: Result = {"signing_key": None, "unsigned": "accept"}
    lab.go("Queued", release=lab.release(), **unsigned)
    lab.move("Resolving", **unsigned)
    lab.move("AwaitingApproval", **unsigned)
    _refused(_decide(lab, lab.people.bob, actor_user="alice.user"), "cannot approve it")
    assert _decide(lab, lab.people.bob)["changed"]


def test_a_key_that_is_no_approvers_is_refused(lab: RingLab, waiting: str, proxy: Proxy) -> None:
    proxy.reset()
    for who in (lab.people.mallory, lab.people.builder):
        answer = _decide(lab, who)
        assert answer["failed"], answer
    _refused(_decide(lab, lab.people.bob, signing_key=None), "signing_key")
    without = _decide(lab, lab.people.bob, signing_key=None, unsigned="accept")
    _refused(without, "A decision has to be signed", "ring_approver_key")
    assert proxy.writes == []
    assert lab.stated(waiting, predicates.APPROVAL) == []


def test_a_decision_about_something_else_than_what_waits_is_refused(lab: RingLab, waiting: str, proxy: Proxy) -> None:
    other = lab.release("two")
    proxy.reset()
    _refused(_decide(lab, lab.people.bob, release=other), f"generation 1 with {waiting}", f"release names {other}")
    _refused(_decide(lab, lab.people.bob, generation=2), "generation names 2")
    assert proxy.writes == []
    lab.go("Cancelled")
    _refused(_decide(lab, lab.people.bob), "Nothing waits for approval in ring dev", "nothing is under way")
    lab.go("Queued", release=other)
    _refused(_decide(lab, lab.people.bob), "Nothing waits for approval in ring dev", "generation 2 is Queued")


def test_what_somebody_wrote_into_the_ledger_by_hand_counts_for_nothing_unless_it_is_right(
    lab: RingLab, waiting: str, session: Session
) -> None:
    """The module refuses all of these; who reaches the server does not need it."""
    people = lab.people
    now = clock.now()
    right: Result = {
        "solution": lab.solution,
        "ring": "dev",
        "generation": 1,
        "release": waiting,
        "decided_at": now,
        "expires_at": now + attesting.HOUR,
    }
    wrong: list[tuple[Person, Person, Result]] = [
        (people.mallory, people.mallory, {}),
        (people.bob, people.mallory, {}),
        (people.alice, people.alice, {}),
        (people.builder, people.builder, {}),
        (people.bob, people.bob, {"release": lab.release("two")}),
        (people.bob, people.bob, {"generation": 2}),
        (people.bob, people.bob, {"ring": "prod"}),
        (people.bob, people.bob, {"solution": "another"}),
        (people.bob, people.bob, {"decided_at": now - 2 * attesting.HOUR, "expires_at": now - attesting.HOUR}),
        (people.bob, people.bob, {"decided_at": now + attesting.HOUR, "expires_at": now + 2 * attesting.HOUR}),
    ]
    ledger = PrefectLedger(session, lab.solution, "dev")
    for named, signer, changes in wrong:
        _by_hand(ledger, waiting, attesting.approval(named, people.alice, **{**right, **changes}), signer)
    # And one that says that somebody else had asked.
    _by_hand(ledger, waiting, attesting.approval(people.bob, people.carol, **right), people.bob)
    verdict, message = _verdict(lab)
    assert verdict == "inconclusive", message
    assert message.startswith("0 of 1 approvals are there (")
    _by_hand(ledger, waiting, attesting.approval(people.bob, people.alice, **right), people.bob)
    assert _verdict(lab) == ("pass", "")


def _by_hand(ledger: PrefectLedger, release: str, statement: Result, signer: Person) -> None:
    detail = {"decision": "approve", "envelope": statements.as_json(statements.sign(statement, signer.key))}
    ledger.append(ledger.read(), Draft(Event.APPROVAL, 1, Actor("bob"), release=release, detail=detail))


def test_an_approval_expires(lab: RingLab, waiting: str) -> None:
    answer = _decide(lab, lab.people.bob, valid_seconds=2)
    assert answer["changed"], answer
    assert _verdict(lab)[0] == "pass"
    time.sleep(2.1)
    verdict, message = _verdict(lab)
    assert (verdict, "The approval of bob expired at" in message) == ("inconclusive", True)
    # It can be given again, which the ended one does not stand in the way of.
    assert _decide(lab, lab.people.bob)["changed"]
    assert _verdict(lab)[0] == "pass"
    assert len(lab.stated(waiting, predicates.APPROVAL)) == 2


@pytest.mark.usefixtures("waiting")
def test_an_answer_is_waited_for_only_so_long(lab: RingLab) -> None:
    answer = lab.ask("approval", fail=False, approval_seconds=0)
    assert (answer["verdict"]["verdict"], answer["verdict"]["detail"]["decision"]) == ("fail", "expire")
    assert "since 20" in answer["message"]
    _decide(lab, lab.people.bob)
    assert _verdict(lab, approval_seconds=0)[0] == "pass"


def test_one_rejection_outweighs_every_approval(lab: RingLab, waiting: str) -> None:
    _decide(lab, lab.people.carol)
    assert _decide(lab, lab.people.bob, "reject", comment="not before Monday")["changed"]
    answer = lab.ask("approval", fail=False)
    assert (answer["verdict"]["verdict"], answer["verdict"]["detail"]["decision"]) == ("fail", "reject")
    assert "rejected by bob at" in answer["message"]
    assert "not before Monday" in answer["message"]
    decisions = {said["decision"] for said in lab.stated(waiting, predicates.APPROVAL)}
    assert decisions == {"approve", "reject"}
    ended = lab.go("Rejected", verdicts=[answer["verdict"]], reason=answer["message"])
    assert (ended["state"], ended["settled"]) == ("Rejected", True)
    assert datetime.datetime.fromisoformat(ended["since"]) <= clock.now()


def test_an_approval_of_one_generation_is_none_of_the_next(lab: RingLab, waiting: str) -> None:
    _decide(lab, lab.people.bob)
    assert _verdict(lab)[0] == "pass"
    lab.go("Cancelled")
    lab.go("Queued", "Resolving", "AwaitingApproval", release=waiting)
    assert _verdict(lab) == ("inconclusive", "0 of 1 approvals are there")
