# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gates: a closed one, one that nobody asked, and one that nobody knows let nothing through."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import gates
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Actor, Event, Kind, Record
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

RELEASE = f"sha256:{'a' * 64}"
ME = Actor(name="me")
AT = "2026-11-22T07:30:00.000000Z"


def _record(sequence: int, state: State, *entries: dict[str, t.Any]) -> Record:
    return Record(
        solution="hotpass",
        ring="dev",
        sequence=sequence,
        generation=1,
        kind=Kind.PROMOTE,
        event=Event.TRANSITION,
        state=state,
        release=RELEASE,
        previous=f"sha256:{'0' * 64}",
        at=AT,
        actor=ME,
        token="0" * 32,
        detail={"gates": list(entries)} if entries else {},
    )


def _generation(*records: Record) -> Generation:
    return Generation(1, Kind.PROMOTE, RELEASE, State.BUILDING, AT, ME, AT, {}, {}, records, None)


def _said(name: str, verdict: str) -> dict[str, t.Any]:
    return {"name": name, "verdict": verdict, "startedAt": AT, "finishedAt": AT, "detail": {}}


def test_what_is_always_asked_comes_first_and_nothing_twice() -> None:
    assert gates.check_names(["tests", "health", "tests"]) == ("release", "drift", "tests", "health")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["health", "canary"], "gates has 'canary'; allowed are tests, approval, health, rehearsal, soak"),
        (["health", "release"], "gates has 'release'"),
        (["tests"], "gates has no health"),
        ([], "gates has no health"),
    ],
)
def test_a_list_that_would_leave_something_open_is_refused(names: list[str], said: str) -> None:
    with pytest.raises(CollectionError, match=said):
        gates.check_names(names)


@pytest.mark.parametrize("entry", [{"name": "canary", "verdict": "pass"}, {"name": "tests", "verdict": "ok"}, {}])
def test_a_verdict_that_is_none_is_refused(entry: dict[str, t.Any]) -> None:
    with pytest.raises(CollectionError, match="verdicts has"):
        gates.check_verdicts([entry])


@pytest.mark.parametrize("verdict", ["fail", "inconclusive", "error"])
def test_only_pass_opens(verdict: str) -> None:
    asked = gates.check_names(["tests", "health"])
    given = [_said("release", "pass"), _said("drift", "pass"), _said("tests", verdict)]
    with pytest.raises(CollectionError, match=rf"cannot become Deploying: closed is tests \({verdict}\)"):
        gates.insist(_generation(_record(1, State.QUEUED)), State.DEPLOYING, asked, given)


def test_what_nobody_asked_is_closed() -> None:
    with pytest.raises(CollectionError, match=r"closed is drift \(not asked\), tests \(not asked\)"):
        gates.insist(
            _generation(_record(1, State.QUEUED)),
            State.DEPLOYING,
            gates.check_names(["tests", "health"]),
            [_said("release", "pass")],
        )


def test_the_ledger_remembers_what_was_asked_before_and_the_last_word_counts() -> None:
    asked = gates.check_names(["approval", "health"])
    earlier = _record(1, State.AWAITING_APPROVAL, _said("release", "pass"), _said("drift", "pass"))
    generation = _generation(earlier)
    gates.insist(generation, State.DEPLOYING, asked, [_said("approval", "pass")])
    with pytest.raises(CollectionError, match=r"drift \(fail\)"):
        gates.insist(generation, State.DEPLOYING, asked, [_said("approval", "pass"), _said("drift", "fail")])


def test_each_state_asks_only_what_stands_before_it() -> None:
    asked = gates.check_names(["tests", "approval", "health", "rehearsal", "soak"])
    with pytest.raises(CollectionError) as refused:
        gates.insist(_generation(), State.ACTIVE, asked, [])
    assert "health (not asked), rehearsal (not asked), soak (not asked);" in refused.value.message
    assert "tests" not in refused.value.message
