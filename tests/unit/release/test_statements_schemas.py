# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What statements may hold: the published schemas are those that are enforced, and every rule refuses something."""

from __future__ import annotations

import copy
import json
import typing as t

import jsonschema
import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import predicates
from ansible_collections.hotpass.prefect.plugins.module_utils.release.predicates import Malformed, check
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import SETTLED

from tests.support import attesting
from tests.support.attesting import BAD, EARLIER, NOW, SCHEMAS, Cast, changed

LATER = "2026-11-22T09:00:00.000000Z"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return attesting.cast(tmp_path_factory.mktemp("keys"))


def places(value: t.Any, path: tuple[t.Any, ...] = ()) -> t.Iterator[tuple[t.Any, ...]]:
    """The path of every mapping's item, however deep."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in steps:
        if isinstance(value, dict):
            yield (*path, step)
        yield from places(item, (*path, step))


def refused(statement: t.Any) -> bool:
    try:
        check(statement)
    except Malformed:
        return True
    return False


@pytest.mark.parametrize("predicate_type", predicates.PREDICATE_TYPES)
def test_the_published_schema_is_the_one_that_is_enforced(people: Cast, predicate_type: str) -> None:
    kind = predicates.kind_of(predicate_type)
    text = (SCHEMAS / f"{kind}.json").read_text(encoding="utf-8")
    assert text == attesting.schema_text(predicate_type), "run python -m tests.support.attesting"
    schema = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    statement, _signer, _role = attesting.every_kind(people)[kind]
    jsonschema.Draft202012Validator(schema).validate(statement)


def test_no_other_schema_is_published() -> None:
    names = {f"{predicates.kind_of(predicate_type)}.json" for predicate_type in predicates.PREDICATE_TYPES}
    assert {file.name for file in SCHEMAS.iterdir()} == names


@pytest.mark.parametrize("kind", ["provenance", "promotion", "rollback", "approval", "veto", "evidence", "transfer"])
def test_an_unknown_field_is_refused_wherever_it_stands(people: Cast, kind: str) -> None:
    statement, _signer, _role = attesting.every_kind(people)[kind]
    free = {("predicate", "gates", 0, "detail"), ("predicate", "runDetails", "builder", "version")}
    tried = 0
    for path in [(), *places(statement)]:
        copied = copy.deepcopy(statement)
        at: t.Any = copied
        for step in path:
            at = at[step]
        if isinstance(at, dict) and path not in free:
            at["unheard-of"] = "x"
            assert refused(copied), path
            tried += 1
    assert tried >= 4


WHO = ("keyId", "user")
NOT_NEEDED = {
    "provenance": {
        "buildDefinition.externalParameters.source",
        "buildDefinition.internalParameters.host",
        "buildDefinition.internalParameters.user",
        "buildDefinition.resolvedDependencies.0.name",
        "buildDefinition.resolvedDependencies.0.uri",
        "runDetails.builder.version",
        "runDetails.builder.version.python",
    },
    "promotion": {
        *(f"gates.0.{field}" for field in ("startedAt", "finishedAt", "detail", "detail.passed")),
        *(f"requestedBy.{field}" for field in WHO),
    },
    "rollback": {f"requestedBy.{field}" for field in WHO},
    "approval": {"approver.user", *(f"requestedBy.{field}" for field in WHO)},
    "veto": {f"by.{field}" for field in WHO},
    "evidence": {"sealedBy.user"},
    "transfer": {"base.heads.prod"},
}


@pytest.mark.parametrize("kind", NOT_NEEDED)
def test_exactly_these_fields_may_be_left_out(people: Cast, kind: str) -> None:
    statement, _signer, _role = attesting.every_kind(people)[kind]
    dotted = [".".join(str(step) for step in path) for path in places(statement)]
    left_out = {path for path in dotted if not refused(changed(statement, path, ...))}
    assert left_out == {f"predicate.{path}" for path in NOT_NEEDED[kind]}


@pytest.mark.parametrize("kind", ["provenance", "promotion", "rollback", "approval", "veto", "evidence", "transfer"])
def test_a_value_of_another_type_is_refused(people: Cast, kind: str) -> None:
    statement, _signer, _role = attesting.every_kind(people)[kind]
    for path in places(statement):
        if "detail" in path[:-1]:
            continue
        for wrong in (True, 1.5, [None], {"a": {"b": None}}, "\ud800", b"bytes"):
            copied = copy.deepcopy(statement)
            at: t.Any = copied
            for step in path[:-1]:
                at = at[step]
            if type(at[path[-1]]) is type(wrong) and not isinstance(wrong, (str, dict)):
                continue
            if path[-1] == "detail" and isinstance(wrong, dict):
                continue
            at[path[-1]] = wrong
            assert refused(copied), (path, wrong)


@pytest.mark.parametrize(
    ("kind", "path", "value", "said"),
    [
        ("promotion", "_type", "https://in-toto.io/Statement/v0.1", "_type; allowed: const https://in-toto.io/Stat"),
        ("promotion", "subject", [], "subject; allowed: minItems 1"),
        ("promotion", "subject.0.name", "other", "its subject is other, and its solution hotpass"),
        ("promotion", "subject.0.digest.sha256", "F" * 64, "subject.0.digest.sha256; allowed: pattern"),
        ("promotion", "subject.0.digest.sha256", "0" * 64, "its subject is another release"),
        ("promotion", "predicate.release", BAD, "its subject is another release than the one it speaks of"),
        ("promotion", "predicate.release", "sha512:00", "predicate.release; allowed: pattern"),
        ("promotion", "predicate.release", BAD + "\n", "predicate.release; allowed: maxLength 71"),
        ("promotion", "predicate.solution", "hot_pass", "predicate.solution; allowed: pattern"),
        ("promotion", "predicate.ring", "prod\n", "predicate.ring; allowed: pattern"),
        ("promotion", "predicate.ring", "Prod", "predicate.ring; allowed: pattern"),
        ("promotion", "predicate.ring", "a--b", "predicate.ring; allowed: pattern"),
        ("promotion", "predicate.generation", 0, "predicate.generation; allowed: minimum 1"),
        ("promotion", "predicate.kind", "rollback", "predicate.kind; allowed: const promote"),
        ("promotion", "predicate.result", "Deploying", "predicate.result; allowed: enum"),
        ("promotion", "predicate.result", "Failed", "its result is Failed, and activeAt is not null"),
        ("promotion", "predicate.activeAt", None, "its result is Active, and activeAt is null"),
        ("promotion", "predicate.activeAt", "2026-02-30T00:00:00.000000Z", "a moment that never was"),
        ("promotion", "predicate.requestedAt", "2026-11-22T09:00:00Z", "predicate.requestedAt; allowed: pattern"),
        ("promotion", "predicate.requestedAt", "2026-11-22T09:00:60.000000Z", "a moment that never was"),
        ("promotion", "predicate.commit", "abc", "predicate.commit; allowed: anyOf"),
        ("promotion", "predicate.gates.0.verdict", "passed", "predicate.gates.0.verdict; allowed: enum"),
        ("promotion", "predicate.gates.1.verdict", "inconclusive", "the gate health ended with inconclusive"),
        ("promotion", "predicate.gates.0.startedAt", "2026-13-01T00:00:00.000000Z", "a moment that never was"),
        ("promotion", "predicate.requestedBy.name", "a\nb", "predicate.requestedBy.name; allowed: pattern"),
        ("promotion", "predicate.requestedBy.name", "\x1b[31m", "predicate.requestedBy.name; allowed: pattern"),
        ("promotion", "predicate.requestedBy.name", "alice\n", "predicate.requestedBy.name; allowed: pattern"),
        ("promotion", "predicate.approvals", [BAD, BAD], "predicate.approvals; allowed: uniqueItems"),
        ("rollback", "predicate.rolledBack.generation", 8, "generation 8 cannot roll back generation 8"),
        ("rollback", "predicate.reason", " ", "predicate.reason; allowed: pattern"),
        ("approval", "predicate.decision", "yes", "predicate.decision; allowed: enum"),
        ("approval", "predicate.expiresAt", "2026-11-22T07:30:00.000000Z", "it expires before it is decided"),
        ("approval", "predicate.comment", "\x1b]0;owned", "predicate.comment; allowed: pattern"),
        ("evidence", "subject.0.name", "manifest.txt", "subject.0.name; allowed: const tagmanifest-sha256.txt"),
        ("evidence", "subject.1.name", "other", "its subjects are not the sealed file, and the release"),
        ("evidence", "predicate.release", BAD, "its subjects are not the sealed file, and the release"),
        ("evidence", "predicate.release", None, "its subjects are not the sealed file, and the release"),
        ("evidence", "predicate.sequence", 1, "it is bundle 1 and names one before it"),
        ("evidence", "predicate.previous", None, "it is bundle 12 and names none before it"),
        ("evidence", "predicate.sequence", 0, "predicate.sequence; allowed: anyOf"),
        ("evidence", "predicate.name", "20261322T073000Z", "a moment that never was"),
        ("evidence", "predicate.name", "latest", "predicate.name; allowed: pattern"),
        ("evidence", "predicate.kind", "rehearsal", "predicate.kind; allowed: enum"),
        ("evidence", "predicate.verdict", "passed", "predicate.verdict; allowed: enum"),
        ("evidence", "predicate.live", "yes", "predicate.live; allowed: type boolean"),
        ("evidence", "predicate.sealedAt", "2026-02-30T00:00:00.000000Z", "a moment that never was"),
        ("transfer", "subject.0.name", "SHA512SUMS", "subject.0.name; allowed: const SHA256SUMS"),
        ("transfer", "subject", [], "subject; allowed: minItems 1"),
        ("transfer", "predicate.kind", "wheels", "predicate.kind; allowed: enum"),
        ("transfer", "predicate.ring", "dev", "it is of ring dev, and brings no head of it, only of prod"),
        ("transfer", "predicate.heads", {}, "predicate.heads; allowed: minProperties 1"),
        ("transfer", "predicate.heads.prod.sequence", 0, "predicate.heads.prod.sequence; allowed: minimum 1"),
        ("transfer", "predicate.heads.prod.state", "active", "predicate.heads.prod.state; allowed: anyOf"),
        ("transfer", "predicate.base.receipt", "4c", "predicate.base; allowed: anyOf"),
        ("veto", "predicate.rings", [], "predicate.rings; allowed: anyOf"),
        ("veto", "predicate.rings", "prod", "predicate.rings; allowed: anyOf"),
        ("veto", "predicate.rings", ["prod", "prod"], "predicate.rings; allowed: anyOf"),
        ("veto", "predicate.reason", "", "predicate.reason; allowed: pattern"),
        ("veto", "predicate.at", "2026-00-01T00:00:00.000000Z", "at is 2026-00-01T00:00:00.000000Z, a moment that"),
        ("provenance", "predicate.buildDefinition.externalParameters.solution", "x", "and its solution x"),
        (
            "provenance",
            "predicate.buildDefinition.externalParameters.commit",
            "0" * 40,
            "do not name exactly the commit",
        ),
        ("provenance", "predicate.buildDefinition.resolvedDependencies", [{}], "allowed: minProperties 1"),
        ("provenance", "predicate.buildDefinition.buildType", "x", "allowed: const https://example.com/hotpass"),
        (
            "provenance",
            "predicate.runDetails.metadata.startedOn",
            "2026-02-30T00:00:00.000000Z",
            "moment that never was",
        ),
    ],
)
def test_a_wrong_value_is_named(people: Cast, kind: str, path: str, value: t.Any, said: str) -> None:
    statement, _signer, _role = attesting.every_kind(people)[kind]
    assert check(statement) == statement
    with pytest.raises(Malformed) as caught:
        check(changed(statement, path, value))
    assert said in caught.value.message
    assert caught.value.message.startswith(f"The {kind} statement ")


def test_the_last_verdict_of_a_gate_counts(people: Cast) -> None:
    tried_again = [{"name": "health", "verdict": "inconclusive"}, {"name": "health", "verdict": "pass"}]
    attesting.promotion(people.alice, gates=tried_again)
    with pytest.raises(Malformed, match="the gate health ended with inconclusive"):
        attesting.promotion(people.alice, gates=tried_again[::-1])


@pytest.mark.parametrize("state", sorted(SETTLED))
def test_every_settled_state_is_a_result(people: Cast, state: t.Any) -> None:
    active_at = NOW if state == "Active" else None
    statement = attesting.promotion(people.alice, result=state, active_at=active_at)
    assert statement["predicate"]["result"] == state.value


def test_a_failed_promotion_keeps_its_closed_gate(people: Cast) -> None:
    closed = [{"name": "tests", "verdict": "fail", "finishedAt": LATER, "detail": "3 of 12 failed"}]
    statement = attesting.promotion(people.alice, result="Failed", active_at=None, gates=closed, previous_release=None)
    assert statement["predicate"]["gates"] == closed


def test_what_cannot_be_written_exactly_is_refused(people: Cast) -> None:
    for detail in ({"seconds": 1.5}, {"rows": 2**53}, {"é": 1}, {"text": "\udc00"}):
        with pytest.raises(Malformed, match="cannot be written as canonical JSON"):
            attesting.promotion(people.alice, gates=[{"name": "tests", "verdict": "pass", "detail": detail}])


def test_a_release_that_is_no_digest_is_refused(people: Cast) -> None:
    with pytest.raises(CollectionError, match="The release of the statement is 'latest'"):
        attesting.promotion(people.alice, release="latest")


@pytest.mark.parametrize("statement", [None, [], "x", {}, {"predicateType": 7}, {"predicateType": EARLIER}])
def test_what_is_no_statement_is_refused(statement: t.Any) -> None:
    with pytest.raises(Malformed, match=r"is of the kind .*; allowed are https://slsa\.dev/provenance/v1"):
        check(statement)
