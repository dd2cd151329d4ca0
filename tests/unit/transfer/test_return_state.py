# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What home keeps of a site and the site of home: how far the evidence came, its ledger, and the receipt."""

from __future__ import annotations

import dataclasses
import json
import shutil
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import log
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.chain import verify_chain
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import evidence_kept, ledgers
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.evidence_kept import Kept
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.heads import head_of
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.receipt import Receipt
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.writing import Entry

from tests.support.attesting import Cast
from tests.support.evidence_bundles import REGISTRY, RING, Sealer, fill, moment, number
from tests.support.transfer_returns import SOLUTION, Travel, ledger, place_of


def _kept(travel: Travel) -> Kept:
    found = evidence_kept.load(evidence_kept.path_of(travel.home / "transfer", RING), SOLUTION, RING)
    assert found is not None
    return found


def _line(dist: Path, people: Cast, place: int) -> str:
    """The checkpoint of one bundle."""
    (head,) = verify_chain(place_of(dist, place), people.trust, registry=REGISTRY, checkpoint=None).heads
    return head


def test_what_has_no_number_always_travels(travel: Travel, dist: Path, people: Cast) -> None:
    travel.keep(1, 2, of=dist)
    loose = Sealer.of(travel.site, SOLUTION, people).seal(None, moment(0)).path
    # It hangs on one with a number, so it is written after it.
    imported = travel.take(travel.send()).result["transfer"]["evidence"]["imported"]
    assert imported == [f"backfill/{name}" for name in (moment(1), moment(2), loose.name)]
    gathered = travel.gather(_kept(travel))
    assert gathered.bundles == (f"backfill/{loose.name}",)
    assert not travel.take(travel.write(gathered.entries)).changed


def test_old_bundles_may_be_kept_elsewhere(travel: Travel, dist: Path, people: Cast) -> None:
    travel.keep(1, 2, 3, of=dist)
    travel.take(travel.send())
    travel.keep(3, 4, 5, of=dist)
    line = _line(dist, people, 2)
    with pytest.raises(CollectionError, match="give the checkpoint of number 2"):
        travel.gather()
    bundle = travel.write(travel.gather(checkpoint=line).entries)
    for place in (1, 2):
        shutil.rmtree(place_of(travel.home / "dist", place))
    assert "give the checkpoint of number 2" in travel.refusal(bundle)
    assert travel.checkpoint(travel.take(bundle, checkpoint=line)) == _line(dist, people, 5)
    # All of home's may be elsewhere: what was imported last is enough to go on.
    shutil.rmtree(travel.home / "dist")
    travel.keep(5, of=dist)
    assert "the ones before it are missing" in travel.refusal(travel.write(travel.everything()))


def test_home_may_have_put_all_of_it_elsewhere(travel: Travel, dist: Path) -> None:
    travel.keep(1, 2, 3, of=dist)
    travel.take(travel.send())
    kept = _kept(travel)
    shutil.rmtree(travel.home / "dist")
    travel.keep(4, 5, of=dist)
    outcome = travel.take(travel.write(travel.gather(kept).entries))
    assert len(outcome.result["transfer"]["evidence"]["imported"]) == 2


def test_a_ledger_that_is_not_continued_is_refused(travel: Travel, dist: Path) -> None:
    travel.chain = ledger(2)
    travel.keep(1, 2, of=dist)
    travel.take(travel.send())
    longer = ledger(3, branch="other")
    for other in (ledger(1), longer, ledger(2, branch="other")):
        travel.chain = other
        said = travel.refusal(travel.write(travel.everything()))
        assert "which was imported before, is not in it: the ledger was written anew" in said
    travel.chain = longer
    bundle = travel.write(travel.everything())
    outcome = travel.take(bundle, other_ledger=True)
    assert any("is not in it" in line for line in outcome.warnings)
    assert _kept(travel).head == head_of(longer)
    assert not travel.take(bundle).changed


def test_the_ledger_has_to_be_that_of_the_evidence(travel: Travel, people: Cast) -> None:
    sealer = Sealer.of(travel.site, SOLUTION, people)
    bundle = sealer.bundle(moment(1))
    fill(bundle).write("data/ledger.json", {"records": [], "head": {"sequence": 3, "digest": f"sha256:{'1' * 64}"}})
    number(sealer.seal_filled(None, bundle, live=False).path, people.alice, 1, None)
    gathered = travel.gather()
    assert any("home refuses it" in line for line in gathered.warnings)
    said = travel.refusal(travel.write(gathered.entries))
    assert f"The bundle backfill/{moment(1)} was sealed when record 3 of ring {RING} was sha256:111111111111" in said


def test_the_server_s_newest_bundle_has_to_be_there(travel: Travel, dist: Path) -> None:
    def seen(sequence: int, seal: str) -> log.Reading:
        entry = log.Entry(sequence, None, seal, "backfill", moment(sequence), None, None, "pass", "2026-11-22")
        return log.Reading((entry,))

    travel.keep(1, 2, of=dist)
    with pytest.raises(CollectionError, match=f"server knows of bundle 3 of {SOLUTION}/{RING} .backfill/{moment(3)}."):
        travel.gather(seen=seen(3, f"sha256:{'1' * 64}"))
    with pytest.raises(CollectionError, match="by the ring's server: the chain is forked"):
        travel.gather(seen=seen(2, f"sha256:{'1' * 64}"))
    assert len(travel.gather(seen=seen(1, f"sha256:{'1' * 64}")).bundles) == 2
    shutil.rmtree(travel.site)
    with pytest.raises(CollectionError, match="There is no evidence of ring staging"):
        travel.gather(seen=seen(2, f"sha256:{'1' * 64}"))


def test_a_base_of_another_chain_is_refused(travel: Travel, dist: Path) -> None:
    travel.keep(1, 2, 3, of=dist)
    base = Kept(SOLUTION, RING, 2, f"sha256:{'1' * 64}", head_of(travel.chain))
    with pytest.raises(CollectionError, match="written anew"):
        travel.gather(base)
    with pytest.raises(CollectionError, match="the checkpoint has bundle 9"):
        travel.gather(dataclasses.replace(base, sequence=9))


def test_the_receipt_of_the_site_is_kept(travel: Travel, dist: Path) -> None:
    travel.keep(1, of=dist)
    place = travel.home / "transfer" / "receipts" / f"{RING}.json"
    for files in ({}, {"a" * 64: 3}):
        data = Receipt(SOLUTION, {}, files, ()).to_bytes()
        bundle = travel.write([*travel.everything(), Entry("receipt.json", data)])
        assert travel.take(bundle, check=True).changed
        assert travel.take(bundle).changed
        assert place.read_bytes() == data
        assert not travel.take(bundle).changed
    assert Receipt.read(place) == Receipt(SOLUTION, {}, {"a" * 64: 3}, ())


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said.pop("seal"),
        lambda said: said.update(more=1),
        lambda said: said.update(sequence="2"),
        lambda said: said.update(sequence=0),
        lambda said: said.update(seal=None),
        lambda said: said["head"].update(digest="sha256:1"),
        lambda said: said.update(ring="production"),
        lambda said: said.update(solution=None),
    ],
)
def test_what_home_keeps_is_read_strictly(
    travel: Travel, dist: Path, change: t.Callable[[dict[str, t.Any]], None]
) -> None:
    travel.keep(1, 2, of=dist)
    bundle = travel.send()
    travel.take(bundle)
    path = evidence_kept.path_of(travel.home / "transfer", RING)
    said = json.loads(path.read_bytes())
    change(said)
    path.write_text(json.dumps(said, sort_keys=True, separators=(",", ":")) + "\n", encoding="utf-8")
    assert str(path) in travel.refusal(bundle)


def test_what_home_keeps_is_written_in_one_way(travel: Travel, dist: Path) -> None:
    travel.keep(1, of=dist)
    bundle = travel.send()
    travel.take(bundle)
    path = evidence_kept.path_of(travel.home / "transfer", RING)
    path.write_text(json.dumps(json.loads(path.read_bytes()), indent=1), encoding="utf-8")
    assert f"{path} does not say how far" in travel.refusal(bundle)


def test_a_ledger_is_the_only_thing_that_has_to_come(travel: Travel) -> None:
    outcome = travel.take(travel.write([Entry(f"ledger/{RING}.json", ledgers.written(travel.chain))]))
    assert outcome.result["transfer"]["evidence"]["checkpoint"] is None
    assert _kept(travel).line is None
    active = travel.chain.active
    assert active is not None
    assert outcome.result["transfer"]["said"] == (
        f"{RING} at the site: {active.release} Active since {active.since}, generation 1, which no signed statement "
        "that is believed says"
    )
