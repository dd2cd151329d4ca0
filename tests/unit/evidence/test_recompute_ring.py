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
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import ring_summary, ring_violations
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import KEYS
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute import Documents, problems
from ansible_collections.hotpass.prefect.plugins.module_utils.release import statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Event
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust

from tests.support import attesting
from tests.support.attesting import Cast
from tests.support.ring_evidence import RELEASE, RUN, TAG, Json, Story, keys_document, promoted, verdict

LEDGER = ring_summary.LEDGER
_UNTOLD = "no statement that is believed says that generation 2 became Active"
OTHER = "22222222-2222-4222-8222-222222222222"


@pytest.fixture(scope="module")
def who(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    directory: Path = tmp_path_factory.mktemp("keys")
    return attesting.cast(directory)


def _ready(who: Cast) -> Story:
    """Approved by bob, and not written yet."""
    return Story(who).earlier().waits().decide(who.bob)


def _violations(story: Story) -> list[str]:
    """What the bundle says that the ring did wrong. It verifies with that and a verdict ``fail``, and not without."""
    summary = json.loads(story.bundle()["summary.json"])
    assert story.problems() == []
    assert (summary["verdict"], bool(summary["violations"])) == ("fail", True)
    hidden = story.problems(lambda claims: claims.update(violations=[], verdict="pass"))
    assert {problem.split(" is ")[0] for problem in hidden} >= {
        "summary.json says that violations",
        "summary.json says that verdict",
    }
    return list(summary["violations"])


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
    assert (summary["violations"], summary["unbelieved"], summary["live"]) == ([], [], True)


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
        ("live", False),
    ],
)
def test_the_seal_says_what_the_data_say(who: Cast, key: str, value: t.Any) -> None:
    story = promoted(who)
    story.seal = {key: value}
    assert f"the seal says that {key} is {value!r}" in story.problems()[0]


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
    assert any(said in found for found in _violations(story))


def test_nothing_is_written_past_a_closed_gate(who: Cast) -> None:
    story = _ready(who).written(gates=[verdict("approval", approvers=["bob"]), verdict("tests", "inconclusive")])
    story.go(2, RELEASE, State.ROLLING_BACK, State.ROLLED_BACK)
    assert any("passed the gate tests, which says inconclusive" in found for found in _violations(story))
    story = _ready(who).written(asked=["health"], gates=[verdict("release", "error")])
    story.go(2, RELEASE, State.ROLLING_BACK, State.ROLLED_BACK)
    assert any("passed the gate release, which says error" in found for found in _violations(story))


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
    assert any(said in found for found in _violations(story))


def test_two_approvals_of_one_person_are_one(who: Cast) -> None:
    story = Story(who).earlier().waits().decide(who.bob).decide(who.carol).written(("bob", "carol")).active()
    assert story.problems() == []
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in who.bob.user)
    for spelled in (who.bob.user, who.bob.user.upper(), wide):
        same = attesting.Person(who.carol.key, spelled)
        story = Story(who).earlier().waits().decide(who.bob).decide(same).written(("bob", "carol")).active()
        assert any("only 1 different people" in found for found in _violations(story))


def test_what_is_rejected_was_rejected_by_somebody_who_may(who: Cast) -> None:
    story = Story(who).earlier().waits().decide(who.bob, "reject")
    story.go(2, RELEASE, State.REJECTED, reason="not before Monday")
    assert story.problems() == []
    summary = json.loads(story.bundle()["summary.json"])
    assert (summary["kind"], summary["verdict"], summary["wrote"]) == ("refusal", "refused", False)
    story = Story(who).earlier().waits().decide(who.mallory, "reject")
    story.go(2, RELEASE, State.REJECTED)
    assert _violations(story) == ["generation 2 is Rejected, and no rejection in the ledger counts"]


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
    found = _violations(promoted(who).stated(**changes))
    assert any(said in problem for problem in found), found
    assert _UNTOLD in found


def test_a_statement_that_is_missing_or_nobodys_is_found(who: Cast) -> None:
    story = promoted(who)
    story.files.pop("data/statements/promotion-1.dsse.json")
    assert _violations(story) == [_UNTOLD]
    story = promoted(who).stated(who.mallory)
    assert _violations(story) == [_UNTOLD]
    [nobodys] = json.loads(story.bundle()["summary.json"])["unbelieved"]
    assert nobodys["file"] == "data/statements/promotion-1.dsse.json"
    assert "lacks the signature of a promoter" in nobodys["why"]


def test_what_the_ring_believed_has_to_be_believed_by_the_verifier_too(who: Cast) -> None:
    known = [who.builder.entry("builder"), who.alice.entry("promoter"), who.bob.entry("approver")]
    story = promoted(who)
    story.believed = Trust.from_setting(known[:2])
    assert any(
        found.startswith("by the keys that are believed here the gate approval of generation 2 names bob")
        for found in story.problems()
    )
    story.believed = Trust.from_setting([known[0], who.carol.entry("promoter"), known[2]])
    assert story.problems() == [f"by the keys that are believed here {_UNTOLD}"]
    story.believed = Trust.from_setting([*known, who.mallory.entry("builder", "promoter", "approver")])
    assert story.problems() == []


def test_whoever_has_left_the_ring_leaves_a_violation_and_no_bundle_that_cannot_be_sealed(who: Cast) -> None:
    story = promoted(who)
    story.ring_trust = story.believed = Trust.from_setting([who.carol.entry("promoter")])
    found = _violations(story)
    assert "the gate approval of generation 2 names bob, whose approval does not count" in found
    assert _UNTOLD in found


def test_statements_of_somebody_without_the_role_are_named(who: Cast) -> None:
    story = promoted(who)
    told = attesting.provenance()
    for number, person in enumerate((who.builder, who.alice), 1):
        story.files[f"data/statements/provenance-{number}.dsse.json"] = statements.sign(told, person.key)
    story.files["data/statements/veto-1.dsse.json"] = statements.sign(attesting.veto(who.mallory), who.mallory.key)
    story.files["data/statements/veto-2.dsse.json"] = statements.sign(attesting.veto(who.bob), who.bob.key)
    assert story.problems() == []
    summary = json.loads(story.bundle()["summary.json"])
    assert (summary["verdict"], summary["violations"]) == ("pass", [])
    named = {entry["file"]: entry["why"] for entry in summary["unbelieved"]}
    assert named.keys() == {"data/statements/provenance-2.dsse.json", "data/statements/veto-1.dsse.json"}
    assert "alice, who signed, has not the role builder" in named["data/statements/provenance-2.dsse.json"]
    assert any(
        "summary.json says that unbelieved is []" in found
        for found in story.problems(lambda claims: claims.update(unbelieved=[]))
    )


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
        (lambda story: story.run(OTHER), f"2 runs entered by the permit {TAG}, which is for 1"),
        (lambda story: story.run(OTHER, 90), f"when its permit {TAG} did not hold"),
        (lambda story: story.run(OTHER, -90), f"when its permit {TAG} did not hold"),
        (_never_completed, f"and its run {RUN} ended as CRASHED"),
        (_forgotten, f"names run {RUN}, which is not in runs.json"),
    ],
)
def test_the_runs_kept_to_their_permit(who: Cast, change: t.Callable[[Story], None], said: str) -> None:
    story = promoted(who)
    change(story)
    assert any(said in found for found in _violations(story))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without_permit, "has no permit of generation 2"),
        (lambda story: story.states.clear(), "are not about the same runs"),
    ],
)
def test_the_bundle_has_the_runs_of_the_permits(who: Cast, change: t.Callable[[Story], None], said: str) -> None:
    story = promoted(who)
    change(story)
    assert any(said in found for found in story.problems()), story.problems()


def test_a_run_that_never_began_has_not_used_the_permit(who: Cast) -> None:
    story = promoted(who)
    story.run(OTHER, start_time=None)
    story.states[OTHER] = [{"type": "SCHEDULED", "timestamp": attesting.NOW.isoformat()}]
    assert story.problems() == []
    summary = json.loads(story.bundle()["summary.json"])
    assert (summary["violations"], summary["live"], len(summary["permits"][0]["runs"])) == ([], True, 2)


def test_a_rehearsal_that_passed_under_a_permit_names_its_runs(who: Cast) -> None:
    story = _ready(who).written().active(verdict("health"), verdict("rehearsal"))
    assert _violations(story) == [
        "the gate rehearsal says pass, a permit was given for its runs, and it names none",
    ]


def _no_worker(story: Story) -> None:
    story.runs[0]["labels"] = {}


def _only_completed(story: Story) -> None:
    del story.states[RUN][:2]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_no_worker, "has no worker's name on it"),
        (_only_completed, "was never both pending and running"),
    ],
)
def test_a_run_that_no_worker_carried_out_is_not_live(who: Cast, change: t.Callable[[Story], None], why: str) -> None:
    story = promoted(who)
    change(story)
    assert story.problems() == []
    summary = json.loads(story.bundle()["summary.json"])
    assert (summary["live"], summary["live_reason"]) == (False, f"run {RUN} completed and {why}")
    story.seal = {"live": True}
    found = story.problems(lambda claims: claims.update(live=True))
    assert "summary.json says that live is True, and by the raw data it is False" in found
    assert "the seal says that live is True, and by the raw data it is False" in found


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
    summary = {**ring_violations.of_refusal(ring_violations.Seen(ring_summary.Raw(story.chain)), asked), **changes}
    files: Json = {
        LEDGER: ring_summary.ledger_document(story.chain),
        KEYS: keys_document(story.who.trust),
        "summary.json": summary,
    }
    sealed = {
        "kind": "refusal",
        "solution": "hotpass",
        "ring": "prod",
        "generation": None,
        "release": release,
        "live": True,
    }
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
