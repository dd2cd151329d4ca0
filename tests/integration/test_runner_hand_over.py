# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which release a promotion takes of what the job before handed on, and what check mode hands on itself."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.proxy import Proxy
from tests.support.ring_lab import RingLab
from tests.support.ring_plays import Play, RingPlays

pytestmark = pytest.mark.integration
pytest_plugins = ["tests.support.rings"]


class Rings:
    """The rings ``dev``, with two releases that were Active one after the other, and ``prod`` after it, still empty."""

    def __init__(self, lab: RingLab, proxy: Proxy, session: Session) -> None:
        self.plays = RingPlays(lab, proxy, session, {"dev": {}, "prod": {"ring_previous": {"ring": "dev"}}})
        self.first, self.second = self.plays.release("first"), self.plays.release("second")
        self.other = self.plays.release("other")
        lab.promote(self.first)
        lab.promote(self.second)

    def look(self, **variables: t.Any) -> Play:
        """What a promotion into ``prod`` would do."""
        return self.plays.play("promote.yml", "--check", "-e", json.dumps(variables), ring="prod", worker=False)


@pytest.fixture
def rings(lab: RingLab, proxy: Proxy, session: Session) -> Rings:
    return Rings(lab, proxy, session)


def test_a_named_release_wins_then_what_was_handed_on_then_the_ring_before(rings: Rings) -> None:
    handed = {"hotpass_ring": "dev", "hotpass_state": "Active", "hotpass_release": rings.first}
    named = rings.look(**handed, release=rings.second)
    assert f"prod: {rings.second} is" in named.words
    assert "; it was named with release" in named.words

    taken = rings.look(**handed, release="")
    assert f"prod: {rings.first} is" in taken.words
    assert "handed on by the job before (hotpass_release), which made it Active in ring dev" in taken.words

    for state, ring, why in [
        ("AwaitingApproval", "dev", "taken from ring dev, because what the job before handed on from ring dev is not"),
        ("Active", "prod", "; it was taken from ring dev"),
    ]:
        left = rings.look(**{**handed, "hotpass_state": state, "hotpass_ring": ring})
        assert left.code == 0, left.output
        assert f"prod: {rings.second} is" in left.words
        assert why in left.words


def test_what_was_handed_on_has_to_have_been_active_in_the_ring_before(rings: Rings) -> None:
    foreign = rings.look(hotpass_ring="dev", hotpass_state="Active", hotpass_release=rings.other)
    assert foreign.code == 2, foreign.output
    assert f"{rings.other} was never Active in ring dev" in foreign.words.partition("Say what failed")[2]

    none = rings.look(hotpass_ring="dev", hotpass_state="Active", hotpass_release=rings.first[:20])
    assert none.code == 2, none.output
    assert f"is '{rings.first[:20]}'; allowed is sha256: and 64 hexadecimal digits" in none.words


def test_check_mode_hands_on_what_is_and_not_what_would_be(rings: Rings) -> None:
    looked = rings.look()
    assert looked.code == 0, looked.output
    told = looked.words.partition("CUSTOM STATS")[2]
    assert "hotpass_evidence: '' hotpass_generation: '' hotpass_release: '' hotpass_ring: prod" in told
    assert "hotpass_state: '' hotpass_verdict: inconclusive" in told
