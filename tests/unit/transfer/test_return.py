# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence that comes home continues what is there, also when somebody with a promoter's key sends something else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import disk
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.chain import verify_chain
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import evidence_kept, ledgers
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.evidence_kept import Kept
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.heads import head_of
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.writing import Entry

from tests.support.attesting import Cast
from tests.support.evidence_bundles import REGISTRY, RING, Sealer, fill, moment, number, reseal
from tests.support.transfer_returns import SOLUTION, Travel, ledger, place_of


def _kept(travel: Travel) -> Kept:
    found = evidence_kept.load(evidence_kept.path_of(travel.home / "transfer", RING), SOLUTION, RING)
    assert found is not None
    return found


def _line(dist: Path, people: Cast, place: int) -> str:
    """The checkpoint of one bundle."""
    (head,) = verify_chain(place_of(dist, place), people.trust, registry=REGISTRY, checkpoint=None).heads
    return head


def test_the_second_round_continues_the_first(travel: Travel, dist: Path, people: Cast) -> None:
    travel.keep(1, 2, 3, of=dist)
    first = travel.send()
    planned = travel.take(first, check=True)
    assert (planned.changed, travel.at_home()) == (True, {})
    outcome = travel.take(first)
    assert outcome.changed
    assert outcome.result["transfer"]["evidence"]["imported"] == [f"backfill/{moment(place)}" for place in (1, 2, 3)]
    state = travel.at_home()
    again = travel.take(first)
    assert (again.changed, again.result["transfer"]["evidence"]["unchanged"]) == (False, 3)
    assert travel.at_home() == state

    travel.keep(1, 2, 3, 4, 5, of=dist)
    gathered = travel.gather(_kept(travel))
    assert gathered.bundles == tuple(f"backfill/{moment(place)}" for place in (4, 5))
    outcome = travel.take(travel.write(gathered.entries))
    assert travel.checkpoint(outcome) == gathered.checkpoint
    (line,) = verify_chain(dist, people.trust, registry=REGISTRY).heads
    found = verify_chain(travel.home / "dist", people.trust, registry=REGISTRY)
    assert (found.problems, found.heads, travel.checkpoint(outcome)) == ((), (line,), line)
    assert _kept(travel).line == line


def test_all_of_it_after_a_part_of_it_is_the_same(travel: Travel, dist: Path) -> None:
    travel.keep(1, 2, 3, of=dist)
    travel.take(travel.send())
    travel.keep(1, 2, 3, 4, 5, of=dist)
    outcome = travel.take(travel.send())
    said = outcome.result["transfer"]["evidence"]
    assert (len(said["imported"]), said["unchanged"]) == (2, 3)


@pytest.mark.parametrize("places", [(1, 2, 4, 5), (1, 3, 4, 5), (2, 3), (5,), (1, 2, 3, 5)])
def test_a_gap_is_refused_by_name(travel: Travel, dist: Path, places: tuple[int, ...]) -> None:
    travel.keep(*places, of=dist)
    with pytest.raises(CollectionError, match="missing"):
        travel.gather()
    assert "missing" in travel.refusal(travel.write(travel.everything()))
    # What home has already does not stand for what it lacks.
    travel.keep(1, of=dist)
    travel.take(travel.send())
    missing = next(place for place in range(2, 6) if place not in places or places == (5,))
    travel.keep(*(place for place in places if place > 1), of=dist)
    if places == (2, 3):
        assert travel.take(travel.write(travel.everything())).changed
    else:
        assert f"of {SOLUTION}/{RING}" in (said := travel.refusal(travel.write(travel.everything())))
        assert f"bundle {missing} of" in said or f"bundles {missing} to" in said


def test_a_fork_is_refused_by_name(travel: Travel, dist: Path, people: Cast) -> None:
    travel.keep(1, 2, 3, of=dist)
    travel.take(travel.send())
    # The same number under another name, by one who may seal.
    other = Sealer.of(travel.site, SOLUTION, people).seal(None, moment(40), live=False).path
    number(other, people.alice, 3, (verify_chain(place_of(dist, 2), people.trust, registry=REGISTRY).bundles[0].seal))
    said = travel.refusal(travel.write(travel.everything()))
    assert f"both have number 3 of {SOLUTION}/{RING}, so the chain is forked" in said
    assert moment(40) in said


def test_one_that_was_sealed_anew_is_refused_and_named(travel: Travel, dist: Path, people: Cast) -> None:
    travel.keep(1, 2, 3, of=dist)
    travel.take(travel.send())
    travel.keep(1, 2, 3, 4, of=dist)
    (place_of(travel.site, 2) / "hotpass-e2e-staging.log").write_text("nothing to see\n", encoding="utf-8")
    previous = reseal(place_of(travel.site, 2), people.alice)
    for place in (3, 4):
        previous = reseal(place_of(travel.site, place), people.alice, previous=previous)
    with pytest.raises(CollectionError, match="the chain was written anew"):
        travel.gather(_kept(travel))
    said = travel.refusal(travel.send())
    assert f"The bundle backfill/{moment(2)} lies at {place_of(travel.home / 'dist', 2)} already and differs" in said
    # With the directory gone the checkpoint still says so.
    shutil.rmtree(travel.home / "dist")
    assert "the chain was written anew" in travel.refusal(travel.send())
    assert "was imported with the seal" in travel.refusal(travel.send(), checkpoint=_line(dist, people, 1))


def test_an_older_one_is_refused(travel: Travel, dist: Path) -> None:
    travel.keep(1, 2, 3, of=dist)
    older = travel.send()
    travel.keep(1, 2, 3, 4, 5, of=dist)
    travel.take(travel.send())
    sentence = f"its newest bundle is number 3 of {SOLUTION}/{RING}, and number 5 was imported already"
    assert sentence in travel.refusal(older)
    kept = evidence_kept.path_of(travel.home / "transfer", RING)
    aside = kept.read_bytes()
    kept.unlink()
    assert sentence in travel.refusal(older)
    kept.write_bytes(aside)
    shutil.rmtree(travel.home / "dist")
    assert sentence in travel.refusal(older)


def test_a_bundle_whose_claims_do_not_follow_is_refused(travel: Travel, dist: Path, people: Cast) -> None:
    travel.keep(1, of=dist)
    summary = place_of(travel.site, 1) / "summary.json"
    summary.write_text(json.dumps({"runs": 3, "verdict": "pass"}), encoding="utf-8")
    with pytest.raises(CollectionError, match=r"does not go home: .*summary.json"):
        travel.gather()
    assert "summary.json" in travel.refusal(travel.write(travel.everything()))
    reseal(place_of(travel.site, 1), people.alice)
    assert "it claims 3 runs, and runs.json has 2" in travel.refusal(travel.write(travel.everything()))


def test_a_bundle_that_somebody_else_sealed_is_refused(travel: Travel, dist: Path, people: Cast) -> None:
    travel.keep(1, of=dist)
    reseal(place_of(travel.site, 1), people.mallory)
    said = travel.refusal(travel.write(travel.everything()))
    assert f"The bundle backfill/{moment(1)} in it does not verify: seal.dsse.json:" in said
    with pytest.raises(CollectionError, match="signed again by somebody else"):
        travel.take(travel.write(travel.everything(), people.mallory))


@pytest.mark.parametrize("name", ["more.txt", "data/more.json"])
def test_a_file_that_no_list_has_is_refused(travel: Travel, dist: Path, name: str) -> None:
    travel.keep(1, of=dist)
    (place_of(travel.site, 1) / name).write_text("{}", encoding="utf-8")
    assert f"{name}: was added; no manifest lists it" in travel.refusal(travel.write(travel.everything()))


def test_a_bundle_in_another_place_is_refused(travel: Travel, dist: Path) -> None:
    travel.keep(1, of=dist)
    (travel.site / RING / "promotion").mkdir()
    place_of(travel.site, 1).rename(travel.site / RING / "promotion" / moment(1))
    assert "and what was sealed is of staging/backfill" in travel.refusal(travel.write(travel.everything()))


def test_evidence_of_another_ring_or_solution_is_refused(travel: Travel, dist: Path, people: Cast) -> None:
    travel.keep(1, of=dist)
    honest = travel.send()
    assert "evidence of ring staging, and this is ring production" in travel.refusal(honest, ring="production")
    assert "evidence of solution hotpass, and this is solution other" in travel.refusal(honest, solution="other")
    sealer = Sealer.of(travel.site, "other", people)
    number(sealer.seal(None, moment(2), live=False).path, people.alice, 1, None)
    assert "is of solution other, not of hotpass" in travel.refusal(travel.write(travel.everything()))


def test_a_ring_brings_its_own_evidence_only(travel: Travel, dist: Path) -> None:
    travel.keep(1, of=dist)
    (travel.site / RING).rename(travel.site / "production")
    other = ledger(ring="production")
    entries = [*travel.everything(), Entry("ledger/production.json", ledgers.written(other))]
    heads = {RING: head_of(travel.chain), "production": head_of(other)}
    said = travel.refusal(travel.write(entries, heads=heads))
    assert "is of ring production, and it was ring staging that exported" in said


def test_what_differs_at_home_is_not_overwritten(travel: Travel, dist: Path) -> None:
    travel.keep(1, 2, of=dist)
    bundle = travel.send()
    travel.take(bundle)
    there = place_of(travel.home / "dist", 1)
    (there / "mine.txt").write_text("mine", encoding="utf-8")
    said = travel.refusal(bundle)
    assert f"lies at {there} already and differs: mine.txt is there as well" in said
    (there / "mine.txt").unlink()
    (there / "cli.sh").unlink()
    assert "differs: cli.sh is not there" in travel.refusal(bundle)
    shutil.rmtree(there)
    there.write_text("no directory", encoding="utf-8")
    assert str(there) in travel.refusal(bundle)
    there.unlink()
    assert travel.take(bundle).result["transfer"]["evidence"]["imported"] == [f"backfill/{moment(1)}"]


def test_a_bundle_that_was_damaged_at_home_is_named(travel: Travel, dist: Path) -> None:
    travel.keep(1, 2, of=dist)
    travel.take(travel.send())
    travel.keep(1, 2, 3, of=dist)
    (place_of(travel.home / "dist", 1) / "runs.json").write_text("[]", encoding="utf-8")
    said = travel.refusal(travel.send(_kept(travel)))
    assert f"{place_of(travel.home / 'dist', 1)}: runs.json: is not what it was when it was sealed" in said


def test_an_import_that_was_interrupted_goes_on(travel: Travel, dist: Path, people: Cast) -> None:
    travel.keep(1, 2, of=dist)
    promotion = Sealer.of(travel.site, SOLUTION, people).bundle(moment(3), "promotion")
    sealed = Sealer.of(travel.site, SOLUTION, people).seal_filled(None, fill(promotion), live=False)
    second = verify_chain(place_of(dist, 2), people.trust, registry=REGISTRY).bundles[0].seal
    number(sealed.path, people.alice, 3, second)
    bundle = travel.send()
    obstacle = travel.home / "dist" / RING / "promotion"
    obstacle.parent.mkdir(parents=True)
    obstacle.write_text("in the way", encoding="utf-8")
    with pytest.raises(CollectionError, match=f"promotion/{moment(3)} cannot be put here"):
        travel.take(bundle)
    assert place_of(travel.home / "dist", 2).is_dir()
    assert not evidence_kept.path_of(travel.home / "transfer", RING).exists()
    obstacle.unlink()
    outcome = travel.take(bundle)
    assert outcome.result["transfer"]["evidence"]["imported"] == [f"promotion/{moment(3)}"]
    assert verify_chain(travel.home / "dist", people.trust, registry=REGISTRY).problems == ()
    assert not travel.take(bundle).changed


def test_a_disk_that_does_not_take_the_evidence_is_named(
    travel: Travel, dist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    travel.keep(1, of=dist)
    bundle = travel.send()
    root, sync = travel.home / "dist", disk.sync_directory

    def broken(path: Path) -> None:
        if path == root:
            raise OSError(5, "Input/output error")
        sync(path)

    monkeypatch.setattr(disk, "sync_directory", broken)
    with pytest.raises(CollectionError, match=f"{root} cannot be written: Input/output error"):
        travel.take(bundle)
    monkeypatch.undo()
    assert travel.take(bundle).changed
