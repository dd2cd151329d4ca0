# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verifier of a ring's bundles: it finds nothing in a true one, and every claim that is falsified."""

from __future__ import annotations

import datetime
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import ring_summary
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute import Documents, problems
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Event
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

from tests.support import attesting
from tests.support.attesting import Cast
from tests.support.ring_evidence import RELEASE, RUN, TAG, Json, Story, promoted, verdict

LEDGER = ring_summary.LEDGER
OTHER = "22222222-2222-4222-8222-222222222222"


@pytest.fixture(scope="module")
def who(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    directory: Path = tmp_path_factory.mktemp("keys")
    return attesting.cast(directory)


def _ready(who: Cast) -> Story:
    """Approved by bob, and not written yet."""
    return Story(who).earlier().waits().decide(who.bob)


def test_a_true_bundle_is_borne_out(who: Cast) -> None:
    story = promoted(who)
    assert story.problems() == []
    summary = json.loads(story.bundle()["summary.json"])
    assert (summary["kind"], summary["state"], summary["verdict"]) == ("promotion", "Active", "pass")
    assert summary["separation_of_duties"] == {
        "asked_for": True,
        "requester": "alice",
        "approvers": ["bob"],
        "distinct": 1,
        "separate": True,
    }
    assert summary["seconds"] == 60.0 * 7
    assert summary["permits"][0]["runs"] == [RUN]
    assert summary["previous_release"] == attesting.EARLIER


def test_every_claim_of_the_summary_is_computed_once_more(who: Cast) -> None:
    story = promoted(who)
    claims = json.loads(story.bundle()["summary.json"])
    assert len(claims) > 25
    for key, value in claims.items():
        other = {**claims, key: f"not {value}" if isinstance(value, str) else [value]}
        assert any(f"summary.json says that {key} is" in found for found in _found(story, other)), key
        lacking = {name: claim for name, claim in claims.items() if name != key}
        assert f"summary.json does not say {key}" in _found(story, lacking)[0]
    more = {**claims, "comment": "all is well"}
    assert _found(story, more) == ["summary.json claims comment, which nothing bears out"]


def _found(story: Story, summary: Json) -> list[str]:
    """What is found when the bundle has this summary."""

    def put(document: Json) -> None:
        document.clear()
        document.update(summary)

    return story.problems(put)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", "rollback"),
        ("release", attesting.BAD),
        ("verdict", "fail"),
        ("solution", "other"),
        ("ring", "dev"),
    ],
)
def test_the_seal_says_what_the_data_say(who: Cast, key: str, value: str) -> None:
    story = promoted(who)
    story.seal = {key: value}
    assert f"the seal says that {key} is '{value}'" in story.problems()[0]


def _edited(records: list[Json]) -> None:
    records[5]["record"]["release"] = attesting.BAD


def _rehashed(records: list[Json]) -> None:
    records[5]["record"]["release"] = attesting.BAD
    records[5]["digest"] = digest_of(canonical(records[5]["record"]))


def _leapt(records: list[Json]) -> None:
    """Validating never was: the rest is linked anew, so that only the table of states can tell."""
    del records[3]
    previous = records[2]["digest"]
    for number, row in enumerate(records[3:], 4):
        row["record"].update(sequence=number, previous=previous)
        row["digest"] = previous = digest_of(canonical(row["record"]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_edited, "record 6 hashes to"),
        (_rehashed, "one of the two was edited"),
        (lambda records: records.pop(4), "was deleted"),
        (lambda records: records.pop(), "names the head"),
        (lambda records: records[0].update(digest=attesting.RECORD), "hashes to"),
        (lambda records: records.append(records[2]), "forked"),
        (_leapt, "which is not allowed"),
        (lambda records: records[1]["record"].pop("token"), "lacks token"),
    ],
)
def test_the_ledger_is_a_chain_of_allowed_steps(who: Cast, change: t.Callable[[t.Any], t.Any], said: str) -> None:
    def edit(document: Json) -> None:
        change(document["records"])
        if said == "which is not allowed":
            last = document["records"][-1]
            document["head"] = {"sequence": last["record"]["sequence"], "digest": last["digest"]}

    [found] = promoted(who).problems(edit, LEDGER)
    assert said in found


@pytest.mark.parametrize(
    ("gates", "said"),
    [
        ([verdict("health", "fail"), verdict("rehearsal")], "passed the gate health, which says fail"),
        ([verdict("health")], "passed the gate rehearsal, which says not asked"),
        ([verdict("health"), verdict("rehearsal"), verdict("soak", "error")], "passed the gate soak, which says error"),
    ],
)
def test_nothing_is_active_past_a_closed_gate(who: Cast, gates: list[Json], said: str) -> None:
    story = _ready(who).written()
    story.go(2, RELEASE, State.ACTIVE, gates=gates)
    assert any(said in found for found in story.problems())


def test_nothing_is_written_past_a_closed_gate(who: Cast) -> None:
    story = _ready(who).written(gates=[verdict("approval", approvers=["bob"]), verdict("tests", "inconclusive")])
    story.go(2, RELEASE, State.ROLLING_BACK, State.ROLLED_BACK)
    assert any("passed the gate tests, which says inconclusive" in found for found in story.problems())
    story = _ready(who).written(asked=["health"], gates=[verdict("release", "error")])
    story.go(2, RELEASE, State.ROLLING_BACK, State.ROLLED_BACK)
    assert any("passed the gate release, which says error" in found for found in story.problems())


@pytest.mark.parametrize(
    ("decide", "approvers", "said"),
    [
        (lambda story, who: story.decide(who.alice), ("alice",), "names alice, whose approval does not count"),
        (lambda story, who: story.decide(who.mallory), ("mallory",), "names mallory, whose approval does not count"),
        (lambda story, who: story.decide(who.bob, generation=1), ("bob",), "names bob, whose approval does not count"),
        (lambda story, who: story.decide(who.bob, ring="dev"), ("bob",), "names bob, whose approval does not count"),
        (
            lambda story, who: story.decide(who.bob, release=attesting.BAD),
            ("bob",),
            "names bob, whose approval does not count",
        ),
        (
            lambda story, who: story.decide(who.bob, expires_at=story.now() + datetime.timedelta(seconds=1)),
            ("bob",),
            "names bob, whose approval does not count",
        ),
        (lambda story, _who: story, ("bob",), "names bob, whose approval does not count"),
        (lambda story, who: story.decide(who.bob), ("bob", "carol"), "names carol, whose approval does not count"),
        (lambda story, who: story.decide(who.bob), (), "says pass and names nobody"),
        (
            lambda story, who: story.decide(who.bob).decide(who.carol, "reject"),
            ("bob",),
            "went on although it was rejected",
        ),
    ],
)
def test_an_approval_that_does_not_count_is_found(
    who: Cast, decide: t.Callable[[Story, Cast], Story], approvers: tuple[str, ...], said: str
) -> None:
    story = decide(Story(who).earlier().waits(), who).written(approvers).active()
    assert any(said in found for found in story.problems()), story.problems()


def test_two_approvals_of_one_person_are_one(who: Cast) -> None:
    story = Story(who).earlier().waits().decide(who.bob).decide(who.carol).written(("bob", "carol")).active()
    assert story.problems() == []
    same = attesting.Person(who.carol.key, who.bob.user)
    story = Story(who).earlier().waits().decide(who.bob).decide(same).written(("bob", "carol")).active()
    assert any("only 1 different people" in found for found in story.problems()), story.problems()


def test_what_is_rejected_was_rejected_by_somebody_who_may(who: Cast) -> None:
    story = Story(who).earlier().waits().decide(who.bob, "reject")
    story.go(2, RELEASE, State.REJECTED, reason="not before Monday")
    assert story.problems() == []
    summary = json.loads(story.bundle()["summary.json"])
    assert (summary["kind"], summary["verdict"], summary["wrote"]) == ("refusal", "refused", False)
    story = Story(who).earlier().waits().decide(who.mallory, "reject")
    story.go(2, RELEASE, State.REJECTED)
    assert any("no rejection in the ledger counts" in found for found in story.problems())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"generation": 3}, "says that generation is 3"),
        ({"release": attesting.BAD}, f"is about the release {attesting.BAD}"),
        ({"ledger_record": attesting.RECORD}, "is about a record that generation 2 does not have"),
        ({"previous_release": attesting.BAD}, "says that previousRelease is"),
        ({"result": "RolledBack", "active_at": None}, "says that result is 'RolledBack'"),
        ({"active_at": attesting.NOW}, "says that activeAt is"),
        ({"requested_at": attesting.NOW}, "says that requestedAt is"),
        ({"approvals": []}, "says that approvals is []"),
        ({"gates": [verdict("health")]}, "says that the gates said {'health': 'pass'}"),
        ({"ring": "dev"}, "says that ring is 'dev'"),
    ],
)
def test_the_statement_says_what_the_ledger_says(who: Cast, changes: Json, said: str) -> None:
    found = promoted(who).stated(**changes).problems()
    assert any(said in problem for problem in found), found
    assert any("no statement in the bundle says that generation 2 became Active" in problem for problem in found)


def test_a_statement_that_is_missing_or_nobodys_is_found(who: Cast) -> None:
    story = promoted(who)
    story.files.pop("data/statements/promotion-1.dsse.json")
    assert story.problems() == ["no statement in the bundle says that generation 2 became Active"]
    assert any("lacks the signature of a promoter" in found for found in promoted(who).stated(who.mallory).problems())


def _without_permit(story: Story) -> None:
    story.runs[0]["tags"] = ["rehearsal"]


def _never_completed(story: Story) -> None:
    story.states[RUN][-1]["type"] = "CRASHED"


def _forgotten(story: Story) -> None:
    story.runs.clear()
    story.states.clear()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without_permit, "has no permit of generation 2"),
        (lambda story: story.run(OTHER), f"2 runs entered by the permit {TAG}, which is for 1"),
        (lambda story: story.run(OTHER, 90), f"when its permit {TAG} did not hold"),
        (lambda story: story.run(OTHER, -90), f"when its permit {TAG} did not hold"),
        (_never_completed, f"and its run {RUN} ended as CRASHED"),
        (_forgotten, f"names run {RUN}, which is not in runs.json"),
        (lambda story: story.states.clear(), "are not about the same runs"),
    ],
)
def test_the_runs_kept_to_their_permit(who: Cast, change: t.Callable[[Story], None], said: str) -> None:
    story = promoted(who)
    change(story)
    assert any(said in found for found in story.problems()), story.problems()


@pytest.mark.parametrize(
    ("file", "data", "said"),
    [
        ("gates/tests-unit.log", b"11 passed\n", "is not the output that the ledger names"),
        ("gates/tests-more.log", b"", "is the output of no test that the ledger knows"),
        ("data/manifest.json", b'{"layers":[]}', "and the release is"),
        ("sbom-diff.json", {"release": attesting.BAD, "sbom": attesting.RECORD}, "is about another release"),
    ],
)
def test_what_the_release_and_its_tests_left_is_what_the_ledger_names(
    who: Cast, file: str, data: t.Any, said: str
) -> None:
    story = promoted(who)
    story.files[file] = data
    assert any(said in found for found in story.problems()), story.problems()


def _refusal(story: Story, release: str, **changes: t.Any) -> list[str]:
    """What is found in the bundle of a refusal whose summary was changed."""
    asked = {
        "action": "promote",
        "release": release,
        "reason": "it is held",
        "requested_by": {"name": "alice"},
        "at": "2026-11-22T09:00:00.000000Z",
    }
    summary = {**ring_summary.of_refusal(ring_summary.Raw(story.chain), asked), **changes}
    files = {LEDGER: ring_summary.ledger_document(story.chain), "summary.json": summary}
    sealed = {"kind": "refusal", "solution": "hotpass", "ring": "prod", "generation": None, "release": release}
    written = {name: json.dumps(document).encode() for name, document in files.items()}
    return problems(Documents(written, {**sealed, "verdict": "refused"}, story.who.trust))


def test_what_a_refusal_says_of_the_ring_is_in_its_ledger(who: Cast) -> None:
    story = promoted(who)
    detail = {"held": True, "reason": "rolled back"}
    story.put(Event.HOLD, 2, attesting.BAD, detail=detail)
    assert _refusal(story, attesting.BAD) == []
    for key, value in {"held": False, "vetoed_here": True, "active": None, "degraded": True, "generation": 7}.items():
        assert any(
            f"summary.json says that {key} is" in found for found in _refusal(story, attesting.BAD, **{key: value})
        )
