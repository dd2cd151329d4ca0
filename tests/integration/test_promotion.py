# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``hotpass_promotion`` on a live server: who gets a ring's next generation, what is refused, and what is written."""

from __future__ import annotations

import json

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release import compaction, predicates
from ansible_collections.hotpass.prefect.plugins.module_utils.release.fold import VERIFIED_KEPT
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import PrefectLedger
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Actor, Draft, Event, Kind
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

from tests.support import attesting
from tests.support.proxy import Proxy
from tests.support.ring_lab import FIRST, OPEN, RingLab, passed
from tests.support.server import free_port
from tests.support.shapes import Result

pytestmark = pytest.mark.integration
pytest_plugins = ["tests.support.rings"]

_DETACHED = "http://127.0.0.1:{}/api"


def _records(proxy: Proxy) -> int:
    """How many records somebody tried to write."""
    return proxy.writes.count("POST /variables/")


def _refused(answer: Result, *words: str) -> None:
    assert answer["failed"], answer
    for word in words:
        assert word in answer["msg"], answer["msg"]
    assert "\n" not in answer["msg"]


def test_a_promotion_goes_from_queued_to_active_and_each_step_is_one_record(lab: RingLab, proxy: Proxy) -> None:
    release = lab.release()
    answer = lab.move("Queued", release=release, commit="c" * 40)
    promotion = answer["promotion"]
    assert answer["changed"]
    assert (promotion["generation"], promotion["state"], promotion["release"]) == (1, "Queued", release)
    assert promotion["requested_by"]["name"] == "alice"
    assert promotion["requested_by"]["user"] == "alice.user"
    assert (promotion["active"], promotion["settled"], promotion["already_active"]) == (None, False, False)
    assert answer["diff"] != []
    assert _records(proxy) == 1

    for number, state in enumerate(FIRST, 2):
        answer = lab.move(state)
        assert (answer["changed"], answer["promotion"]["state"]) == (True, state)
        assert _records(proxy) == number
    promotion = answer["promotion"]
    assert promotion["passed"] == ["Queued", *FIRST]
    assert (promotion["settled"], promotion["active"]) == (True, {"generation": 1, "release": release})
    assert {name: gate["verdict"] for name, gate in promotion["gates"].items()} == dict.fromkeys(OPEN, "pass")

    [said] = lab.stated(release, predicates.PROMOTION)
    active = lab.chain().active
    assert active is not None
    assert (said["result"], said["generation"], said["ring"]) == ("Active", 1, "dev")
    assert said["ledgerRecord"] == active.transitions[-1].digest
    shown = json.dumps([answer, [seen.body for seen in proxy.seen]])
    assert not [secret for secret in lab.secrets() if secret in shown]


def test_what_is_behind_a_generation_is_not_written_again(lab: RingLab, proxy: Proxy) -> None:
    release = lab.release()
    lab.go("Queued", "Resolving", release=release)
    proxy.reset()
    again = lab.move("Queued", release=release)
    assert (again["changed"], again["promotion"]["state"], again["promotion"]["generation"]) == (False, "Resolving", 1)
    assert lab.move("Resolving")["changed"] is False
    lab.go("Deploying", "Validating")
    lab.wait_for_events()
    proxy.reset()
    for state in ("Queued", "Resolving", "Deploying", "Validating"):
        answer = lab.move(state, release=release)
        assert (answer["changed"], answer["promotion"]["state"]) == (False, "Validating")
    assert proxy.writes == []


def test_a_release_that_is_active_already_is_found_so_without_a_write(lab: RingLab, proxy: Proxy) -> None:
    release = lab.release()
    lab.promote(release)
    lab.wait_for_events()
    proxy.reset()
    for check_mode in (False, True):
        answer = lab.move("Queued", release=release, check_mode=check_mode)
        assert (answer["changed"], answer["promotion"]["already_active"]) == (False, True)
        assert answer["api"]["writes"] == 0
    assert proxy.writes == []
    assert len(lab.stated(release, predicates.PROMOTION)) == 1


def test_check_mode_foresees_and_writes_nothing(lab: RingLab, proxy: Proxy) -> None:
    one, two = lab.release("one"), lab.release("two")
    answer = lab.move("Queued", release=one, check_mode=True)
    foreseen = answer["promotion"]
    assert (answer["changed"], foreseen["generation"], foreseen["state"]) == (True, 1, "Queued")
    assert lab.chain().head is None
    lab.promote(one)
    lab.go("Queued", release=two)
    proxy.reset()
    answer = lab.move("Resolving", check_mode=True)
    assert (answer["changed"], answer["promotion"]["state"]) == (True, "Resolving")
    _refused(lab.move("Deploying", check_mode=True), "cannot become Deploying")
    _refused(lab.move("Queued", release=one, check_mode=True), "under way")
    assert proxy.writes == []
    assert lab.states() == ["Active", "Queued"]


def test_another_release_waits_for_what_is_under_way(lab: RingLab, proxy: Proxy) -> None:
    one, two = lab.release("one"), lab.release("two")
    since = lab.go("Queued", release=one)["requested_at"]
    proxy.reset()
    answer = lab.move("Queued", who=lab.people.carol, release=two)
    _refused(answer, "alice", one, since, "Queued since", f"{two} has touched nothing", "supersede=true")
    assert proxy.writes == []


def test_what_wrote_nothing_gives_way_to_supersede_and_what_wrote_does_not(lab: RingLab, proxy: Proxy) -> None:
    one, two, three = (lab.release(word) for word in ("one", "two", "three"))
    lab.go("Queued", "Resolving", "AwaitingApproval", release=one)
    proxy.reset()
    assert lab.move("Queued", release=two, supersede=True, check_mode=True)["changed"]
    assert proxy.writes == []
    lab.go("Queued", release=two, supersede=True)
    assert lab.states() == ["Superseded", "Queued"]
    assert two in lab.chain().generation(1).last_detail["reason"]

    lab.go("Resolving", "Deploying")
    proxy.reset()
    for state in ("Deploying", "Validating"):
        if state == "Validating":
            lab.go("Validating")
            proxy.reset()
        answer = lab.move("Queued", release=three, supersede=True)
        _refused(answer, "alice", two, f"it is {state}", f"{three} has touched nothing", "playbooks/reconcile.yml")
        assert proxy.writes == []


def test_a_state_that_the_table_does_not_allow_is_refused(lab: RingLab, proxy: Proxy) -> None:
    _refused(lab.move("Resolving"), "no generation is under way")
    lab.go("Queued", release=lab.release())
    proxy.reset()
    for state in ("Validating", "RollingBack", "Rejected", "Failed"):
        _refused(lab.move(state), f"it cannot become {state}", "Generation 1 of ring dev is Queued since")
    lab.go("Resolving", "Deploying", "Validating", "Active")
    proxy.reset()
    for state in ("RollingBack", "Failed", "Cancelled"):
        _refused(lab.move(state, generation=1), f"it cannot become {state}")
    assert proxy.writes == []


@pytest.mark.parametrize("release", ["latest", "sha256:12", "sha512:" + "0" * 64])
def test_what_is_no_digest_is_refused(lab: RingLab, proxy: Proxy, release: str) -> None:
    _refused(lab.move("Queued", release=release), "release")
    assert proxy.writes == []


# --- held, vetoed, degraded


def test_a_release_that_was_rolled_back_is_held_until_a_person_says_that_it_may_return(
    lab: RingLab, proxy: Proxy
) -> None:
    good, bad = lab.release("good"), lab.release("bad")
    lab.promote(good)
    lab.promote(bad)
    back = lab.roll_back(reason="wrong figures")
    assert (back["release"], back["rolls_back"], back["generation"]) == (good, 2, 3)
    assert lab.states() == ["Superseded", "RolledBack", "Active"]
    [said] = lab.stated(good, predicates.ROLLBACK)
    assert (said["rolledBack"], said["reason"]) == ({"generation": 2, "release": bad}, "wrong figures")

    lab.wait_for_events()
    proxy.reset()
    _refused(lab.move("Queued", release=bad), bad, "is held in ring dev since", "wrong figures", "release_hold=true")
    assert proxy.writes == []
    # It cannot be gone back to either, and nothing is left that could be.
    other_way = "promote it with playbooks/promote.yml -e release_hold=true"
    _refused(lab.move("Queued", kind="rollback", release=bad, release_hold=True), "is held", other_way)
    _refused(lab.move("Queued", kind="rollback"), "was rolled back already")
    lab.promote(bad, release_hold=True)
    assert lab.chain().holds == {}


def test_a_rollback_passes_over_what_is_held_and_what_is_vetoed(lab: RingLab) -> None:
    first, second, third, fourth = (lab.release(word) for word in ("1", "2", "3", "4"))
    for release in (first, second, third, fourth):
        lab.promote(release)
    _refused(lab.move("Queued", kind="rollback", release=lab.release("5")), "was never Active in ring dev")
    lab.do("hotpass_veto", release=third, reason="leaks")
    lab.roll_back()
    lab.go("Queued", *FIRST, release=lab.release("6"))
    assert lab.move("Queued", kind="rollback", check_mode=True)["promotion"]["release"] == second


def test_a_rollback_without_anything_to_go_back_to_is_refused(lab: RingLab, proxy: Proxy) -> None:
    _refused(lab.move("Queued", kind="rollback"), "Nothing is Active in ring dev")
    lab.promote(lab.release())
    proxy.reset()
    _refused(lab.move("Queued", kind="rollback"), "has no release to go back to", "generation 1 is the first")
    assert proxy.writes == []


def test_a_failed_promotion_is_held_and_leaves_what_was_active(lab: RingLab) -> None:
    good, bad = lab.release("good"), lab.release("bad")
    lab.promote(good)
    lab.go("Queued", "Resolving", "Deploying", release=bad)
    lab.go("RollingBack", reason="health: no worker", verdicts=[{"name": "health", "verdict": "fail"}])
    ended = lab.go("RolledBack")
    assert ended["active"] == {"generation": 1, "release": good}
    assert lab.states() == ["Active", "RolledBack"]
    assert lab.chain().holds[bad].detail["reason"] == "health: no worker"
    [said] = lab.stated(bad, predicates.PROMOTION)
    assert said["result"] == "RolledBack"


def test_one_that_only_lost_its_promoter_is_not_held(lab: RingLab) -> None:
    release = lab.release()
    lab.go("Queued", "Resolving", "Deploying", "RollingBack", release=release)
    lab.go("RolledBack", hold=False, generation=1)
    assert lab.chain().holds == {}
    assert lab.go("Queued", release=release)["generation"] == 2


def test_a_degraded_ring_is_promoted_into_only_knowingly(lab: RingLab, proxy: Proxy) -> None:
    good, bad, better = (lab.release(word) for word in ("good", "bad", "better"))
    lab.promote(good)
    lab.go("Queued", "Resolving", "Deploying", "RollingBack", "RollbackFailed", release=bad)
    proxy.reset()
    _refused(lab.move("Queued", release=better), "is degraded", "reconcile.yml", "accept_degraded=true")
    assert proxy.writes == []
    lab.promote(better, accept_degraded=True)
    assert not lab.chain().degraded


def test_a_veto_in_the_ledger_stops_a_promotion_before_it_begins(lab: RingLab, proxy: Proxy) -> None:
    release = lab.release()
    lab.do("hotpass_veto", release=release, reason="leaks addresses", who=lab.people.carol)
    proxy.reset()
    _refused(lab.move("Queued", release=release), release, "is vetoed in ring dev by carol since", "leaks addresses")
    assert proxy.writes == []


@pytest.mark.parametrize("rings", ["*", ["dev"]])
def test_a_veto_that_travels_with_the_release_stops_it_everywhere(
    lab: RingLab, proxy: Proxy, rings: str | list[str]
) -> None:
    release = lab.release()
    lab.veto_that_travels(release, lab.people.bob, rings=rings)
    _refused(lab.move("Queued", release=release), "is vetoed by bob", "leaks addresses", "travels with the release")
    assert proxy.writes == []


def test_a_veto_that_does_not_concern_the_ring_or_nobody_trusts_stops_nothing(lab: RingLab) -> None:
    release, other = lab.release("one"), lab.release("two")
    lab.veto_that_travels(release, lab.people.mallory)
    lab.veto_that_travels(release, lab.people.builder)
    lab.veto_that_travels(release, lab.people.bob, rings=["prod"])
    lab.veto_that_travels(release, lab.people.bob, solution="another")
    lab.attach(release, _veto_of(lab, other), lab.people.bob)
    assert lab.go("Queued", release=release)["state"] == "Queued"


def _veto_of(lab: RingLab, release: str) -> Result:
    return attesting.veto(lab.people.bob, solution=lab.solution, release=release)


@pytest.mark.parametrize("state", ["Deploying", "Active"])
def test_a_veto_that_comes_later_stops_the_next_step(lab: RingLab, proxy: Proxy, state: str) -> None:
    release = lab.release()
    lab.go("Queued", *FIRST[: FIRST.index(state)], release=release)
    lab.veto_that_travels(release, lab.people.carol)
    proxy.reset()
    for answer in (lab.move(state), lab.move("Queued", release=release)):
        _refused(answer, "is vetoed by carol")
    # What wrote nothing yet is ended, so that it does not stand in the way of others.
    assert lab.states() == (["Failed"] if state == "Deploying" else ["Validating"])
    assert not [line for line in proxy.writes if "/deployments" in line]


# --- the ring before


def test_a_ring_takes_only_what_was_active_in_the_one_before(lab: RingLab, proxy: Proxy) -> None:
    first, second, stray = (lab.release(word) for word in ("one", "two", "stray"))
    before: Result = {"ring": "prod", "previous_ring": {"ring": "dev"}}
    _refused(lab.move("Queued", **before), "Nothing is Active in ring dev", "promote there first")
    lab.promote(first)
    lab.promote(second)
    lab.go("Queued", release=stray)
    proxy.reset()
    _refused(lab.move("Queued", release=stray, **before), stray, "was never Active in ring dev", "Asked of the ledger")
    _refused(lab.move("Queued", ring="prod"), "Ring prod has no ring before it")
    assert proxy.writes == []
    assert lab.move("Queued", check_mode=True, **before)["promotion"]["release"] == second
    # One that was Active there before is as good.
    assert lab.go("Queued", release=first, **before)["release"] == first


def test_signed_statements_decide_when_the_server_of_the_ring_before_is_out_of_reach(
    lab: RingLab, proxy: Proxy
) -> None:
    first, second, stray = (lab.release(word) for word in ("one", "two", "stray"))
    away = {"ring": "dev", "api_url": _DETACHED.format(free_port())}
    before: Result = {"ring": "prod", "previous_ring": away}
    lab.go("Queued", release=first)
    proxy.reset()
    _refused(lab.move("Queued", **before), "What is Active in ring dev cannot be told", "no signed statement of it")
    lab.go(*FIRST)
    lab.promote(second)
    # Nobody here believes what mallory says of a later generation.
    lab.go("Queued", *FIRST[:3], release=stray)
    lab.move("Active", who=lab.people.mallory)
    assert lab.stated(stray, predicates.PROMOTION)[0]["generation"] == 3
    proxy.reset()
    _refused(lab.move("Queued", release=stray, **before), "was never Active in ring dev", "Asked of the statements")
    assert proxy.writes == []
    assert lab.move("Queued", check_mode=True, **before)["promotion"]["release"] == second
    assert lab.go("Queued", release=first, **before)["release"] == first


@pytest.mark.parametrize("ended", [(), ("RollingBack", "RollbackFailed")], ids=["at work", "failed"])
def test_what_the_ring_before_is_taking_back_goes_no_further(
    lab: RingLab, proxy: Proxy, ended: tuple[str, ...]
) -> None:
    good, bad = lab.release("good"), lab.release("bad")
    lab.promote(good)
    lab.promote(bad)
    lab.go("Queued", "Resolving", "Deploying", kind="rollback", reason="wrong figures")
    if ended:
        lab.go(*ended)
    away = {"ring": "dev", "api_url": _DETACHED.format(free_port())}
    proxy.reset()
    for before in ({"ring": "dev"}, away)[: 2 if ended else 1]:
        prod: Result = {"ring": "prod", "previous_ring": before}
        _refused(lab.move("Queued", **prod), "is not certain")
        _refused(lab.move("Queued", release=bad, **prod), "or was taken back there")
        assert lab.move("Queued", release=good, check_mode=True, **prod)["promotion"]["release"] == good
    assert proxy.writes == []


@pytest.mark.parametrize("named", [False, True], ids=["unnamed", "named"])
@pytest.mark.parametrize("away", [False, True], ids=["ledger", "statements"])
@pytest.mark.parametrize("reached", ["Queued", "Resolving", "AwaitingApproval"])
def test_what_the_ring_before_took_back_while_it_waited_is_ended(
    lab: RingLab, proxy: Proxy, reached: str, away: bool, named: bool
) -> None:
    good, bad = lab.release("good"), lab.release("bad")
    lab.promote(good)
    lab.promote(bad)
    before: Result = {"ring": "dev"}
    states = ("Queued", "Resolving", "AwaitingApproval")
    lab.go(*states[: states.index(reached) + 1], ring="prod", previous_ring=before)
    lab.roll_back(reason="wrong figures")
    if away:
        before = {"ring": "dev", "api_url": _DETACHED.format(free_port())}
    prod: Result = {"ring": "prod", "previous_ring": before, **({"release": bad} if named else {})}
    source = "statements" if away else "ledger"
    words = (bad, "was taken back in ring dev while it waited in ring prod", "wrong figures", f"Asked of the {source}")
    proxy.reset()
    _refused(lab.move("Queued", check_mode=True, **prod), *words)
    assert proxy.writes == []
    assert lab.states("prod") == [reached]
    _refused(lab.move("Queued", **prod), *words)
    [ended] = lab.chain("prod").generations
    assert ended.state.value == "Failed"
    assert "wrong figures" in ended.last_detail["reason"]
    assert not [line for line in proxy.writes if "/deployments" in line]
    # The next one has the ring to itself.
    assert lab.promote(good, ring="prod", previous_ring=before)["generation"] == 2


def test_what_is_only_superseded_in_the_ring_before_goes_on(lab: RingLab) -> None:
    first, second = lab.release("one"), lab.release("two")
    lab.promote(first)
    prod: Result = {"ring": "prod", "previous_ring": {"ring": "dev"}}
    lab.go("Queued", "Resolving", "AwaitingApproval", **prod)
    lab.promote(second)
    away = {"ring": "dev", "api_url": _DETACHED.format(free_port())}
    for before in ({"ring": "dev"}, away):
        for named in ({}, {"release": first}):
            going = lab.go("Queued", ring="prod", previous_ring=before, **named)
            assert (going["release"], going["state"]) == (first, "AwaitingApproval")


@pytest.mark.parametrize("named", [True, False])
def test_what_is_active_is_put_back_whatever_the_ring_before_has_done_with_it(lab: RingLab, named: bool) -> None:
    """It was let begin, so it is let go on as well."""
    older, good, bad = (lab.release(word) for word in ("older", "good", "bad"))
    lab.promote(older)
    lab.promote(good)
    lab.promote(good, ring="prod")
    lab.go("Queued", "Resolving", "Deploying", "RollingBack", "RollbackFailed", release=bad, ring="prod")
    lab.roll_back(reason="wrong figures")
    prod: Result = {"ring": "prod", "previous_ring": {"ring": "dev"}, "accept_degraded": True}
    begun = lab.go("Queued", "Resolving", "AwaitingApproval", release=good, **prod)
    again = lab.go("Queued", **prod, **({"release": good} if named else {}))
    assert (again["generation"], again["state"]) == (begun["generation"], "AwaitingApproval")


def test_what_waits_goes_on_waiting_while_nobody_can_say_what_became_of_it(lab: RingLab, proxy: Proxy) -> None:
    told, untold = lab.release("told"), lab.release("untold")
    lab.promote(told)
    for number, state in enumerate(("Queued", *FIRST)):
        moved = lab.move(state, lab.people.carol, **({} if number else {"release": untold}))
        assert not moved["failed"], moved
    lab.go("Queued", "Resolving", "AwaitingApproval", ring="prod", release=untold, previous_ring={"ring": "dev"})
    away = {"ring": "dev", "api_url": _DETACHED.format(free_port())}
    believed = [key for key in lab.trust if key["name"] != lab.people.carol.name]
    proxy.reset()
    words = ("goes on waiting in ring prod", "the server of ring dev does not answer", untold)
    _refused(lab.move("Queued", ring="prod", previous_ring=away, trust=believed), *words)
    assert proxy.writes == []
    assert lab.states("prod") == ["AwaitingApproval"]


def test_what_waits_goes_on_when_the_ring_before_has_archived_its_records_of_it(lab: RingLab, session: Session) -> None:
    release, bad = lab.release("one"), lab.release("bad")
    lab.promote(release)
    lab.promote(bad)
    ledger, actor = PrefectLedger(session, lab.solution, "dev"), Actor(name="ada", key_id=None, user="ada")
    chain = lab.chain()
    lab.go("Queued", "Resolving", "AwaitingApproval", ring="prod", release=release, previous_ring={"ring": "dev"})
    steps = (State.QUEUED, State.BUILDING, State.DEPLOYING, State.VALIDATING, State.ACTIVE)
    for number in range(3, VERIFIED_KEPT + 5):
        for state in steps:
            other = f"sha256:{number:064x}"
            draft = Draft(Event.TRANSITION, number, actor, kind=Kind.PROMOTE, state=state, release=other)
            chain = ledger.append(chain, draft)
    chain = compaction.compact(ledger, chain, lab.store, actor, keep=5)
    assert release not in {one.release for one in chain.generations}
    assert lab.go("Queued", ring="prod", previous_ring={"ring": "dev"})["release"] == release
    # What was taken back is still known.
    detail = {"held": True, "reason": "wrong figures"}
    ledger.append(chain, Draft(Event.HOLD, chain.last_generation, actor, release=release, detail=detail))
    _refused(lab.move("Queued", ring="prod", previous_ring={"ring": "dev"}), "it is held there", "wrong figures")
    assert lab.states("prod") == ["Failed"]


def test_what_waits_stays_while_nobody_can_tell_of_the_ring_before(lab: RingLab, proxy: Proxy) -> None:
    release = lab.release()
    unsigned: Result = {"signing_key": None, "unsigned": "accept"}
    lab.go("Queued", *FIRST[:3], release=release)
    assert not lab.move("Active", **unsigned)["failed"]
    lab.go("Queued", "Resolving", ring="prod", previous_ring={"ring": "dev"})
    away = {"ring": "dev", "api_url": _DETACHED.format(free_port())}
    proxy.reset()
    _refused(lab.move("Queued", ring="prod", previous_ring=away), "What is Active in ring dev cannot be told")
    assert proxy.writes == []
    assert lab.states("prod") == ["Resolving"]
    assert lab.go("Queued", ring="prod", previous_ring={"ring": "dev"})["state"] == "Resolving"


def test_what_has_begun_to_write_is_not_asked_of_the_ring_before_again(lab: RingLab) -> None:
    good, bad = lab.release("good"), lab.release("bad")
    lab.promote(good)
    lab.promote(bad)
    before: Result = {"previous_ring": {"ring": "dev"}}
    lab.go("Queued", "Resolving", "Deploying", ring="prod", **before)
    lab.roll_back()
    for named in ({}, {"release": bad}):
        assert lab.go("Queued", ring="prod", **before, **named)["state"] == "Deploying"


def test_what_is_vetoed_in_the_ring_before_alone_is_not_taken_from_it(lab: RingLab, proxy: Proxy) -> None:
    release = lab.release()
    lab.promote(release)
    lab.do("hotpass_veto", release=release, reason="leaks", signing_key=None, unsigned="accept")
    proxy.reset()
    for named in ({}, {"release": release}):
        answer = lab.move("Queued", ring="prod", previous_ring={"ring": "dev"}, **named)
        _refused(answer, release, "or was taken back there")
    assert proxy.writes == []


def test_a_ring_that_is_whole_again_is_taken_from_whoever_tells_of_it(lab: RingLab) -> None:
    good, bad = lab.release("good"), lab.release("bad")
    lab.promote(good)
    lab.go("Queued", "Resolving", "Deploying", "RollingBack", "RollbackFailed", release=bad)
    lab.roll_back()
    for before in ({"ring": "dev"}, {"ring": "dev", "api_url": _DETACHED.format(free_port())}):
        found = lab.move("Queued", ring="prod", previous_ring=before, check_mode=True)
        assert found["promotion"]["release"] == good


def test_a_ring_before_that_answers_something_else_is_no_ring_that_is_out_of_reach(lab: RingLab, proxy: Proxy) -> None:
    """A wrong password is a mistake to be mended, and nothing that statements should cover up."""
    lab.promote(lab.release())
    with Proxy(proxy.api_url) as other:
        other.answer(401, times=None)
        answer = lab.move("Queued", ring="prod", previous_ring={"ring": "dev", "api_url": other.api_url})
    assert answer["failed"]
    assert "401" in answer["msg"] or "credentials" in answer["msg"], answer["msg"]
    assert lab.chain("prod").head is None


# --- keys


def test_without_a_key_a_ring_promotes_only_where_its_settings_allow(lab: RingLab, proxy: Proxy) -> None:
    release = lab.release()
    _refused(lab.move("Queued", release=release, signing_key=None), "signing_key", "ring_unsigned: accept")
    assert proxy.writes == []
    lab.promote(release, signing_key=None, unsigned="accept")
    first = lab.chain().records[0]
    assert (first.actor.name, first.actor.key_id) == ("alice.user", None)


def test_a_statement_that_could_not_be_written_is_made_up_by_running_again(lab: RingLab, proxy: Proxy) -> None:
    release = lab.release()
    lab.go("Queued", *FIRST[:3], release=release)
    settled = lab.move("Active", signing_key=None, unsigned="accept")
    assert not settled["failed"], settled
    assert lab.stated(release, predicates.PROMOTION) == []
    lab.wait_for_events()
    proxy.reset()
    foreseen = lab.move("Queued", release=release, check_mode=True)
    assert (foreseen["changed"], lab.stated(release, predicates.PROMOTION)) == (True, [])
    again = lab.move("Queued", release=release)
    assert (again["changed"], again["promotion"]["already_active"]) == (True, True)
    assert len(lab.stated(release, predicates.PROMOTION)) == 1
    assert lab.move("Queued", release=release)["changed"] is False
    assert proxy.writes == []


# --- permits


def test_a_permit_is_given_once_and_anew_when_it_has_run_out(lab: RingLab, proxy: Proxy) -> None:
    lab.go("Queued", "Resolving", "Deploying", release=lab.release())
    permit = {"purpose": "rehearsal", "max_runs": 3, "seconds": 3600}
    tag = lab.go("Validating", permit=permit)["permit"]["tag"]
    proxy.reset()
    again = lab.move("Validating", permit=permit)
    assert (again["changed"], again["promotion"]["permit"]["tag"]) == (False, tag)
    assert proxy.writes == []

    lab.go("RollingBack", "RolledBack")
    lab.go("Queued", "Resolving", "Deploying", release=lab.release("two"))
    short: Result = {**permit, "seconds": 30}
    assert lab.go("Validating", permit=short)["permit"] is None
    fresh = lab.go("Validating", permit=permit)["permit"]["tag"]
    assert fresh.endswith("-g2-n2")
    assert [record.detail["max_runs"] for record in lab.chain().permits(2)] == [3, 3]


# --- gates


def test_only_a_gate_that_says_pass_lets_through(lab: RingLab, proxy: Proxy) -> None:
    gates: Result = {"gates": ["tests", "health", "soak"]}
    before = ("release", "drift", "tests")
    lab.go("Queued", "Resolving", release=lab.release())
    proxy.reset()
    _refused(lab.move("Deploying", verdicts=[], **gates), *(f"{name} (not asked)" for name in before))
    for verdict in ("fail", "inconclusive", "error"):
        for closed in before:
            told = [*passed(*(name for name in before if name != closed)), {"name": closed, "verdict": verdict}]
            _refused(lab.move("Deploying", verdicts=told, **gates), f"closed is {closed} ({verdict});")
    _refused(lab.move("Deploying", gates=None), "state Deploying needs gates")
    assert proxy.writes == []
    lab.go("Deploying", verdicts=passed(*before), **gates)
    lab.go("Validating")
    _refused(lab.move("Active", verdicts=passed("health"), **gates), "closed is soak (not asked);")
    _refused(lab.move("Active", verdicts=passed("soak"), **gates), "closed is health (not asked);")
    assert lab.states() == ["Validating"]


def test_verdicts_in_the_ledger_count_and_an_approval_is_counted_there(lab: RingLab, proxy: Proxy) -> None:
    gates: Result = {"gates": ["tests", "approval", "health"]}
    lab.go("Queued", "Resolving", release=lab.release())
    lab.go("AwaitingApproval", verdicts=passed("release", "tests", "drift"))
    proxy.reset()
    drifted = [{"name": "drift", "verdict": "fail"}, *passed("approval")]
    _refused(lab.move("Deploying", verdicts=drifted, **gates), "closed is drift (fail);")
    # The caller says that it is approved, and the ledger does not.
    _refused(lab.move("Deploying", verdicts=passed("approval"), **gates), "is not approved: 0 of 1 approvals are there")
    # And leaving the gate out does not help.
    told = passed("release", "tests", "drift")
    _refused(lab.move("Deploying", verdicts=told, gates=["tests", "health"]), "gates does not ask for it")
    assert proxy.writes == []
    approved = lab.do("hotpass_approval", lab.people.bob, decision="approve")
    assert not approved["failed"], approved
    lab.go("Deploying", verdicts=passed("approval"), **gates)
    asked = lab.chain().generations[-1].transitions[-1].detail["asked"]
    assert asked == ["release", "drift", "tests", "approval", "health"]


@pytest.mark.parametrize(
    ("gates", "words"),
    [
        (["health", "smoke"], "'smoke'; allowed are tests, approval, health, rehearsal, soak"),
        (["health", "release"], "'release'"),
        (["tests"], "gates has no health"),
        ([], "gates has no health"),
    ],
)
def test_a_list_of_gates_that_would_look_at_nothing_is_refused(
    lab: RingLab, proxy: Proxy, gates: list[str], words: str
) -> None:
    _refused(lab.move("Queued", release=lab.release(), gates=gates), words)
    assert proxy.seen == []


@pytest.mark.parametrize("entry", [{"name": "luck", "verdict": "pass"}, {"name": "tests", "verdict": "ok"}, {}])
def test_a_verdict_that_is_none_is_refused(lab: RingLab, proxy: Proxy, entry: Result) -> None:
    _refused(lab.move("Queued", release=lab.release(), verdicts=[entry]), "verdicts has")
    assert proxy.seen == []
