# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A chain of bundles in which anything is missing, twice, moved or written anew is found."""

from __future__ import annotations

import base64
import json
import shutil
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import SEAL
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.chain import ChainFindings, verify_chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical

from tests.support import attesting
from tests.support.attesting import Cast
from tests.support.evidence_bundles import REGISTRY, Sealer, moment, number, reseal

COUNT: t.Final = 5


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return attesting.cast(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, people: Cast) -> Path:
    """The evidence directory of a ring with five bundles."""
    sealer = Sealer.of(tmp_path_factory.mktemp("evidence"), "hotpass", people)
    previous = None
    for place in range(1, COUNT + 1):
        path = sealer.seal(None, moment(place), live=False).path
        previous = number(path, people.alice, place, previous)
    return sealer.root


@pytest.fixture
def dist(original: Path, tmp_path: Path) -> Path:
    """A copy to harm."""
    return Path(shutil.copytree(original, tmp_path / "dist"))


def _chain(dist: Path, people: Cast, **options: t.Any) -> ChainFindings:
    return verify_chain(dist, people.trust, registry=REGISTRY, **options)


def _problems(dist: Path, people: Cast, **options: t.Any) -> list[str]:
    return list(_chain(dist, people, **options).problems)


def _bundle(dist: Path, place: int) -> Path:
    return dist / "staging/backfill" / moment(place)


def test_a_whole_chain_has_a_checkpoint(dist: Path, people: Cast) -> None:
    found = _chain(dist, people)
    assert (found.problems, found.unanchored, len(found.bundles)) == ((), (), COUNT)
    newest = found.bundles[-1]
    assert found.heads == (f"hotpass/staging {COUNT} {newest.seal}",)
    assert _problems(dist, people, checkpoint=found.heads[0]) == []
    assert _problems(dist, people, ring="staging", solution="hotpass") == []
    assert found.to_json()["checkpoints"] == list(found.heads)


@pytest.mark.parametrize("places", [{1}, {2}, {3, 4}, {1, 2, 3}])
def test_what_is_missing_is_found(dist: Path, people: Cast, places: set[int]) -> None:
    for place in places:
        shutil.rmtree(_bundle(dist, place))
    [problem] = _problems(dist, people)
    if 1 in places:
        first = max(places) + 1
        assert problem.startswith(f"{_bundle(dist, first)}: it is number {first} of hotpass/staging")
        assert f"give the checkpoint of number {first - 1}" in problem
    else:
        assert "missing before it" in problem
        assert problem.startswith(f"{_bundle(dist, max(places) + 1)}: ")


def test_the_end_that_is_left_off_is_found_with_a_checkpoint_only(dist: Path, people: Cast) -> None:
    [head] = _chain(dist, people).heads
    shutil.rmtree(_bundle(dist, COUNT))
    assert _problems(dist, people) == []
    assert _problems(dist, people, checkpoint=head) == [
        f"the checkpoint has bundle {COUNT} of hotpass/staging, and the newest here is {COUNT - 1}"
    ]


def test_old_bundles_may_be_kept_elsewhere_when_a_checkpoint_stands_for_them(dist: Path, people: Cast) -> None:
    found = _chain(dist, people)
    points = [f"hotpass/staging {place} {each.seal}" for place, each in enumerate(found.bundles, 1)]
    for place in (1, 2):
        shutil.rmtree(_bundle(dist, place))
    assert _problems(dist, people, checkpoint=points[1]) == []
    # That of another says nothing about those that are missing.
    assert "it is number 3" in _problems(dist, people, checkpoint=points[3])[0]
    assert "it is number 3" in _problems(dist, people, checkpoint=points[0])[0]
    wrong = points[1][:-1] + ("0" if points[1][-1] != "0" else "1")
    assert "it is number 3" in _problems(dist, people, checkpoint=wrong)[0]


def test_a_chain_that_was_written_anew_is_found_with_a_checkpoint_only(dist: Path, people: Cast) -> None:
    [head] = _chain(dist, people).heads
    previous = None
    for place in range(1, COUNT + 1):
        previous = number(_bundle(dist, place), people.carol, place, previous)
    assert _problems(dist, people) == []
    [problem] = _problems(dist, people, checkpoint=head)
    assert f"gives number {COUNT} of hotpass/staging to the seal" in problem
    assert "the chain was written anew" in problem


def test_two_with_one_number_are_a_fork(dist: Path, people: Cast) -> None:
    before = _chain(dist, people).bundles[COUNT - 2]
    sealer = Sealer.of(dist, "hotpass", people)
    other = sealer.seal(None, moment(9), live=False).path
    number(other, people.carol, COUNT, before.seal)
    [problem] = _problems(dist, people)
    assert f"both have number {COUNT} of hotpass/staging, so the chain is forked" in problem
    assert str(other) in problem
    assert str(_bundle(dist, COUNT)) in problem


def test_two_that_changed_places_are_found(dist: Path, people: Cast) -> None:
    first = _chain(dist, people).bundles[0]
    third = number(_bundle(dist, 3), people.alice, 2, first.seal)
    number(_bundle(dist, 2), people.alice, 3, third)
    problems = _problems(dist, people)
    assert len(problems) == 1
    assert problems[0].startswith(f"{_bundle(dist, 4)}: it names ")
    assert f"{_bundle(dist, 2)}, which has number 3 of hotpass/staging" in problems[0]
    # Also when the names are exchanged.
    _bundle(dist, 2).rename(dist / "aside")
    _bundle(dist, 3).rename(_bundle(dist, 2))
    (dist / "aside").rename(_bundle(dist, 3))
    assert sum("the directory is called" in problem for problem in _problems(dist, people)) == 2


def test_a_link_that_does_not_hold_is_found(dist: Path, people: Cast) -> None:
    number(_bundle(dist, 3), people.alice, 3, attesting.BAD)
    problems = _problems(dist, people)
    assert [problem.split(": ")[0] for problem in problems] == [str(_bundle(dist, 3)), str(_bundle(dist, 4))]


def test_a_clock_that_ran_backwards_is_found(dist: Path, people: Cast) -> None:
    before = _chain(dist, people).bundles[COUNT - 2]
    early = "2026-11-21T00:00:00.000000Z"
    number(_bundle(dist, COUNT), people.alice, COUNT, before.seal, sealed_at=early)
    [problem] = _problems(dist, people)
    assert f"says it was sealed at {early}, before number {COUNT - 1}" in problem


def test_every_bundle_is_verified_and_none_is_passed_over(dist: Path, people: Cast, tmp_path: Path) -> None:
    (_bundle(dist, 2) / "runs.json").write_text("[]", encoding="utf-8")
    assert f"{_bundle(dist, 2)}: runs.json: is not what it was when it was sealed" in _problems(dist, people)[0]
    (_bundle(dist, 3) / SEAL).unlink()
    said = _problems(dist, people)
    assert any(problem.startswith(f"{_bundle(dist, 3)}: {SEAL}: is missing") for problem in said)
    assert any("bundle 3 of hotpass/staging is missing before it" in problem for problem in said)
    shutil.copytree(_bundle(dist, 4), tmp_path / moment(4))
    shutil.rmtree(_bundle(dist, 4))
    _bundle(dist, 4).symlink_to(tmp_path / moment(4))
    with pytest.raises(CollectionError, match="a link to one is not taken either"):
        _chain(dist, people)


def test_a_bundle_that_nobody_believed_sealed_is_no_link(dist: Path, people: Cast) -> None:
    before = _chain(dist, people).bundles[COUNT - 2]
    number(_bundle(dist, COUNT), people.mallory, COUNT, before.seal)
    found = _chain(dist, people)
    assert [problem.split(": ")[1] for problem in found.problems] == [SEAL]
    assert found.heads[0].startswith(f"hotpass/staging {COUNT - 1} ")


def test_a_copy_of_a_bundle_is_the_same_bundle(dist: Path, people: Cast) -> None:
    shutil.copytree(_bundle(dist, 2), dist / "copies" / moment(2))
    assert _problems(dist, people) == []


@pytest.mark.parametrize("place", ["prod/backfill", "staging/promotion", "prod/promotion"])
def test_a_bundle_in_the_place_of_another_ring_or_kind_is_found(dist: Path, people: Cast, place: str) -> None:
    there = dist / place / moment(2)
    shutil.copytree(_bundle(dist, 2), there)
    said = [f"{there}: .: it lies in {place}, and what was sealed is of staging/backfill."]
    assert _problems(dist, people) == said
    # Whoever asks for either ring is told.
    assert _problems(dist, people, ring="staging") == said
    if place.startswith("prod"):
        found = _chain(dist, people, ring="prod")
        assert (list(found.problems), found.heads) == (said, ())


def test_a_forged_bundle_is_not_passed_over_because_it_says_it_is_of_another_ring(dist: Path, people: Cast) -> None:
    forged = _bundle(dist, COUNT)
    envelope = json.loads((forged / SEAL).read_bytes())
    payload = base64.b64decode(envelope["payload"]).replace(b'"ring":"staging"', b'"ring":"prod"')
    envelope["payload"] = base64.b64encode(payload).decode("ascii")
    (forged / SEAL).write_bytes(canonical(envelope))
    (forged / "runs.json").write_text("[]", encoding="utf-8")
    found = _chain(dist, people, ring="staging")
    assert found.bundles[-1].predicate is not None
    assert found.bundles[-1].predicate["ring"] == "prod"
    assert {problem.split(": ")[1] for problem in found.problems} == {SEAL, "runs.json"}
    assert all(problem.startswith(f"{forged}: ") for problem in found.problems)


def test_what_others_sealed_in_the_place_of_another_ring_is_theirs(dist: Path, people: Cast) -> None:
    other = dist / "prod/backfill" / moment(1)
    shutil.copytree(_bundle(dist, 1), other)
    reseal(other, people.mallory, ring="prod")
    assert _problems(dist, people, ring="staging") == []
    assert [problem.split(": ")[1] for problem in _problems(dist, people, ring="prod")] == [SEAL]
    assert [problem.split(": ")[1] for problem in _problems(dist, people)] == [SEAL]


def test_one_without_a_number_hangs_on_one_that_is_there(dist: Path, people: Cast) -> None:
    sealer = Sealer.of(dist, "hotpass", people)
    alone = sealer.seal(None, moment(8), live=False)
    found = _chain(dist, people)
    assert (found.problems, found.unanchored) == ((), (str(alone.path),))
    assert alone.previous == found.bundles[COUNT - 1].seal
    (dist / "staging/backfill" / moment(8)).rename(dist / moment(8))
    shutil.rmtree(dist / "staging")
    [problem] = _problems(dist, people)
    assert "no bundle of hotpass/staging has that" in problem


def test_a_checkpoint_does_not_hold_when_only_bundles_without_a_number_are_left(tmp_path: Path, people: Cast) -> None:
    sealer = Sealer.of(tmp_path, "hotpass", people)
    # The first one was sealed without a server, so it hangs on nothing.
    sealer.seal(None, moment(1), live=False)
    first = sealer.seal(None, moment(2), live=False).path
    last = sealer.seal(None, moment(3), live=False).path
    number(last, people.alice, 2, number(first, people.alice, 1, None))
    found = _chain(tmp_path, people)
    assert (found.problems, len(found.unanchored)) == ((), 1)
    [head] = found.heads
    said = ["the checkpoint has bundle 2 of hotpass/staging, and no bundle with a number is here"]
    for path in (first, last):
        shutil.rmtree(path)
    assert _problems(tmp_path, people) == []
    assert _problems(tmp_path, people, checkpoint=head) == said
    assert _problems(tmp_path, people, checkpoint=head, solution="hotpass", ring="staging") == said
    # A whole chain of another solution beside it changes nothing.
    other = Sealer.of(tmp_path, "other", people).seal(None, moment(7), live=False).path
    number(other, people.alice, 1, None)
    assert _problems(tmp_path, people, checkpoint=head) == said


def test_a_checkpoint_of_a_ring_with_no_bundle_here_does_not_hold(dist: Path, people: Cast) -> None:
    [head] = _chain(dist, people).heads
    other = Sealer.of(dist, "other", people).seal(None, moment(7), live=False).path
    number(other, people.alice, 1, None)
    assert _problems(dist, people, checkpoint=head) == []
    # Nor does one of a ring that was not asked for.
    said = ["the checkpoint is of hotpass/staging, and none of its bundles is here"]
    assert _problems(dist, people, checkpoint=head, solution="other") == said
    for place in range(1, COUNT + 1):
        shutil.rmtree(_bundle(dist, place))
    assert _problems(dist, people, checkpoint=head) == said


def test_a_checkpoint_that_is_further_than_the_chain_does_not_hold(dist: Path, people: Cast) -> None:
    found = _chain(dist, people)
    for newer in (COUNT + 1, COUNT + 2, 1000):
        assert _problems(dist, people, checkpoint=f"hotpass/staging {newer} {found.bundles[-1].seal}") == [
            f"the checkpoint has bundle {newer} of hotpass/staging, and the newest here is {COUNT}"
        ]


def test_rings_and_solutions_have_chains_of_their_own(dist: Path, people: Cast) -> None:
    other = Sealer.of(dist, "other", people)
    path = other.seal(None, moment(7), live=False).path
    number(path, people.alice, 1, None)
    found = _chain(dist, people)
    assert found.problems == ()
    assert [head.split(" ")[0] for head in found.heads] == ["hotpass/staging", "other/staging"]
    assert len(_chain(dist, people, solution="other").bundles) == 1
    with pytest.raises(CollectionError, match=r"There is no bundle of ring prod below"):
        _chain(dist, people, ring="prod")
    assert "none of its bundles is here" in _problems(dist, people, checkpoint=f"x/y 1 {attesting.BAD}")[0]


@pytest.mark.parametrize("checkpoint", ["12", "hotpass/staging 0 " + attesting.BAD, "hotpass/staging 1 sha256:00"])
def test_what_is_no_checkpoint_is_refused(dist: Path, people: Cast, checkpoint: str) -> None:
    with pytest.raises(CollectionError, match="allowed is <solution>/<ring> <number> sha256:"):
        _chain(dist, people, checkpoint=checkpoint)
