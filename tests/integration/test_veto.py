# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``hotpass_veto`` on a live server: what it writes, where it holds, and that it is given once."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release import predicates

from tests.support.attesting import Person
from tests.support.proxy import Proxy
from tests.support.ring_lab import RingLab
from tests.support.shapes import Result

pytestmark = pytest.mark.integration
pytest_plugins = ["tests.support.rings"]


def _veto(lab: RingLab, release: str, who: Person | None = None, **options: t.Any) -> Result:
    return lab.do("hotpass_veto", who, release=release, reason="leaks addresses", **options)


def test_a_veto_travels_with_the_release_and_is_in_the_ledger_once(lab: RingLab, proxy: Proxy) -> None:
    release = lab.release()
    answer = _veto(lab, release, lab.people.carol)
    assert (answer["changed"], answer["rings"], answer["travels"]) == (True, "*", True), answer
    assert lab.chain().vetoes[release].detail["reason"] == "leaks addresses"
    [said] = lab.stated(release, predicates.VETO)
    assert (said["by"]["name"], said["rings"], said["reason"]) == ("carol", "*", "leaks addresses")

    proxy.reset()
    for who in (lab.people.carol, lab.people.bob):
        again = _veto(lab, release, who)
        assert (again["changed"], again["travels"]) == (False, True)
    assert proxy.writes == []
    assert len(lab.stated(release, predicates.VETO)) == 1
    shown = json.dumps([answer, [seen.body for seen in proxy.seen]])
    assert not [secret for secret in lab.secrets() if secret in shown]


def test_what_one_of_the_two_places_lacks_is_made_up(lab: RingLab) -> None:
    release = lab.release()
    lab.veto_that_travels(release, lab.people.bob)
    assert _veto(lab, release)["changed"]
    assert release in lab.chain().vetoes
    assert len(lab.stated(release, predicates.VETO)) == 1


def test_check_mode_writes_neither_to_the_ledger_nor_to_the_store(lab: RingLab, proxy: Proxy) -> None:
    release = lab.release()
    assert _veto(lab, release, check_mode=True)["changed"]
    assert (proxy.writes, lab.stated(release, predicates.VETO)) == ([], [])


def test_a_veto_for_other_rings_leaves_this_one_alone(lab: RingLab, proxy: Proxy) -> None:
    release = lab.release()
    answer = _veto(lab, release, rings=["prod"])
    assert (answer["changed"], answer["rings"]) == (True, ["prod"])
    assert proxy.writes == []
    assert lab.promote(release)["state"] == "Active"
    refused = lab.move("Queued", ring="prod", release=release, previous_ring={"ring": "dev"})
    assert "is vetoed by alice" in refused["msg"]
    assert "travels with the release" in refused["msg"]
    # The next one is for every ring, and so is another statement.
    assert _veto(lab, release)["changed"]
    assert len(lab.stated(release, predicates.VETO)) == 2


def test_a_veto_of_what_is_active_says_how_to_take_it_back(lab: RingLab) -> None:
    release = lab.release()
    lab.promote(release)
    [warning] = _veto(lab, release)["warnings"]
    assert f"{release} is Active in ring dev" in warning
    assert "playbooks/rollback.yml" in warning
    assert lab.states() == ["Active"]


def test_a_veto_stops_a_promotion_under_way_before_its_next_write(lab: RingLab, proxy: Proxy) -> None:
    release = lab.release()
    lab.go("Queued", "Resolving", release=release)
    _veto(lab, release, lab.people.bob)
    proxy.reset()
    answer = lab.move("Deploying")
    assert answer["failed"]
    assert f"{release} is vetoed in ring dev by bob" in answer["msg"]
    assert proxy.writes == []
    # What it can still do is end.
    assert lab.go("Failed", reason=answer["msg"])["state"] == "Failed"


def test_a_veto_needs_a_release_that_is_there_and_a_key_that_somebody_heeds(lab: RingLab, proxy: Proxy) -> None:
    release = lab.release()
    missing = f"sha256:{'7' * 64}"
    assert f"{missing} is not in the store" in _veto(lab, missing)["msg"]
    assert "release" in _veto(lab, "latest")["msg"]
    assert "signing_key" in _veto(lab, release, signing_key=None)["msg"]
    for who in (lab.people.mallory, lab.people.builder):
        answer = _veto(lab, release, who)
        assert answer["failed"], answer
        assert f"{who.name} is neither promoter nor approver in the trust of ring dev" in answer["msg"]
    assert (proxy.writes, lab.stated(release, predicates.VETO)) == ([], [])


def test_a_ring_that_does_without_keys_has_its_vetoes_in_the_ledger_only(lab: RingLab) -> None:
    release = lab.release()
    without: Result = {"signing_key": None, "unsigned": "accept"}
    answer = _veto(lab, release, **without)
    assert (answer["changed"], answer["travels"]) == (True, False)
    assert "no other ring heeds it" in answer["warnings"][0]
    assert _veto(lab, release, **without)["changed"] is False
    assert lab.stated(release, predicates.VETO) == []
    elsewhere = _veto(lab, lab.release("two"), rings=["prod"], **without)
    assert "Nothing would be vetoed: it is not for ring dev, and without a key" in elsewhere["msg"]
    assert "is vetoed in ring dev by alice.user" in lab.move("Queued", release=release)["msg"]
