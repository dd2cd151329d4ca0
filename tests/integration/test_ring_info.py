# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``hotpass_ring_info`` on a live server: what it says of a ring, and of a ledger that somebody has meddled with."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release import compaction
from ansible_collections.hotpass.prefect.plugins.module_utils.release.fold import VERIFIED_KEPT
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import PrefectLedger
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Actor, Draft, Event, Kind
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

from tests.support.proxy import Proxy
from tests.support.ring_lab import RingLab
from tests.support.shapes import Door, Result

pytestmark = pytest.mark.integration
pytest_plugins = ["tests.support.rings"]
_TEMPLATE = Path(__file__).resolve().parents[2] / "playbooks/templates/status.txt.j2"
_ADA = Actor(name="ada", key_id=None, user="ada")


@pytest.fixture
def look(lab: RingLab, door: Door) -> Door:
    """Enters the room: ``look(history=3)``."""

    def enter(ring: str = "dev", **options: int) -> Result:
        return door("hotpass_ring_info", ring=ring, solution=lab.solution, **options)

    return enter


def test_a_ring_in_which_nothing_happened_is_empty(look: Door) -> None:
    answer = look(history=5)
    status = answer["status"]
    assert (answer["changed"], answer["history"]) == (False, [])
    assert [status[key] for key in ("active", "under_way", "last", "head", "last_at")] == [None] * 5
    assert (status["degraded"], status["generations"], status["records"]) == (False, 0, 0)
    assert (status["holds"], status["vetoes"]) == ({}, {})


def test_what_is_active_what_is_under_way_and_what_was(lab: RingLab, look: Door, proxy: Proxy) -> None:
    good, bad, next_one = (lab.release(word) for word in ("good", "bad", "next"))
    lab.promote(good)
    lab.promote(bad, commit="b" * 40)
    lab.roll_back(reason="wrong figures")
    lab.do("hotpass_veto", release=bad, reason="leaks")
    lab.go("Queued", who=lab.people.carol, release=next_one)
    proxy.reset()
    answer = look(history=3)
    status = answer["status"]
    assert (status["ring"], status["solution"], status["degraded"]) == ("dev", lab.solution, False)
    active, going = status["active"], status["under_way"]
    assert (active["release"], active["generation"], active["kind"]) == (good, 3, "rollback")
    assert (active["requested_by"], active["rolls_back"]) == ("alice", 2)
    assert (going["release"], going["state"], going["requested_by"]) == (next_one, "Queued", "carol")
    assert (status["last"], status["generations"]) == (going, 4)
    assert status["holds"] == {bad: "wrong figures"}
    assert status["vetoes"] == {bad: "leaks"}
    assert [(one["generation"], one["state"]) for one in answer["history"]] == [
        (4, "Queued"),
        (3, "Active"),
        (2, "RolledBack"),
    ]
    assert answer["history"][2]["commit"] == "b" * 40
    assert "record" not in answer
    assert look("prod")["status"]["records"] == 0
    assert proxy.writes == []


def test_a_history_of_less_than_nothing_is_refused(lab: RingLab, look: Door, proxy: Proxy) -> None:
    lab.go("Queued", release=lab.release())
    proxy.reset()
    answer = look(history=-1)
    assert answer["failed"], answer
    assert answer["msg"] == "history is -1, and it says how many generations to show: 0 or more."
    assert proxy.seen == []
    assert look(history=0)["history"] == []


def test_the_status_says_nothing_yet_only_of_a_ring_without_generations(lab: RingLab, look: Door) -> None:
    empty = _shown(look(history=0))
    lab.go("Queued", release=lab.release())
    without, with_one = _shown(look(history=0)), _shown(look(history=1))
    assert ["nothing yet" in shown for shown in (empty, without, with_one)] == [True, False, False]
    assert ["promote  sha256:" in shown for shown in (empty, without, with_one)] == [False, False, True]


def _shown(answer: Result) -> str:
    """What ``status.yml`` prints of an answer."""
    looked: Result = {"ring": "dev", "record": {}, "declared": [], "drift": []}
    looked |= {key: answer[key] for key in ("status", "history")}
    command = ["ansible", "localhost", "-i", "localhost,", "-c", "local", "-m", "ansible.builtin.debug"]
    template = f"{{{{ lookup('ansible.builtin.template', '{_TEMPLATE}') }}}}"
    given = ["-a", f'msg="{template}"', "-e", json.dumps({"ring_status": looked})]
    shown = subprocess.run([*command, *given], check=False, capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    return shown.stdout


def test_a_degraded_ring_says_so(lab: RingLab, look: Door) -> None:
    lab.go("Queued", "Resolving", "Deploying", "RollingBack", release=lab.release())
    lab.go("RollbackFailed", reason="the server is full")
    status = look()["status"]
    assert (status["degraded"], status["active"], status["under_way"]) == (True, None, None)
    assert (status["last"]["state"], status["last"]["reason"]) == ("RollbackFailed", "the server is full")


def test_one_record_in_full(lab: RingLab, look: Door) -> None:
    release = lab.release()
    lab.go("Queued", "Resolving", release=release, reason="because")
    answer = look(record=1)
    record = answer["record"]
    assert (record["sequence"], record["state"], record["release"]) == (1, "Queued", release)
    assert (record["actor"]["name"], record["detail"]["reason"]) == ("alice", "because")
    assert look(record=2)["record"]["previous"] == record["digest"]
    assert look(record=2)["record"]["digest"] == answer["status"]["head"]
    assert "has no record 3 on the server; it has 1 to 2" in look(record=3)["msg"]


@pytest.mark.parametrize("meddling", ["changed", "deleted"])
def test_a_ledger_that_somebody_meddled_with_is_refused_by_everything(
    lab: RingLab, look: Door, session: Session, proxy: Proxy, meddling: str
) -> None:
    release = lab.release()
    lab.go("Queued", "Resolving", "AwaitingApproval", release=release)
    variable = lab.chain().records[1].variable
    path = f"/variables/name/{variable}"
    value = session.get(path)["value"]
    if meddling == "changed":
        session.write("PATCH", path, {"value": {**value, "at": "2026-01-01T00:00:00.000000Z"}})
    else:
        session.write("DELETE", path)
    proxy.reset()
    answers = [
        look(),
        lab.move("Queued", release=release),
        lab.move("Deploying"),
        lab.ask("release"),
        lab.do("hotpass_approval", lab.people.bob),
        lab.do("hotpass_veto", release=release, reason="any"),
        lab.move("Queued", ring="prod", previous_ring={"ring": "dev"}),
    ]
    for answer in answers:
        assert answer["failed"], answer
        assert re.search(rf"ring_dev_{lab.solution}_0|record 2 of ring dev|{variable}", answer["msg"]), answer["msg"]
    assert proxy.writes == []


def test_what_is_archived_is_named_with_the_rest(lab: RingLab, door: Door, session: Session) -> None:
    ledger = PrefectLedger(session, lab.solution, "dev")
    chain = ledger.read()
    releases = [f"sha256:{number:064x}" for number in range(1, VERIFIED_KEPT + 4)]
    for number, release in enumerate(releases, 1):
        for state in (State.QUEUED, State.BUILDING, State.DEPLOYING, State.VALIDATING, State.ACTIVE):
            draft = Draft(Event.TRANSITION, number, _ADA, kind=Kind.PROMOTE, state=state, release=release)
            chain = ledger.append(chain, draft)
    compacted = compaction.compact(ledger, chain, lab.store, _ADA, keep=5)
    assert not set(releases) <= compacted.named
    named = door("hotpass_ring_info", ring="dev", solution=lab.solution, store=lab.address)["status"]["named"]
    assert set(named) == {*releases, *compacted.segments}
