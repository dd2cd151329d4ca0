# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of the statements at a site those come home that believed people signed there, and they have to fit its ledger."""

from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Draft, Event, Kind
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring import ENVELOPE
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import Store, open_store
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import (
    evidence_ledger,
    evidence_statements,
    ledgers,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.writing import Entry

from tests.support import attesting
from tests.support.attesting import Cast, Person
from tests.support.ring_story import ADA, UP, RingStory
from tests.support.stores import sample
from tests.support.transfer_returns import SOLUTION, Travel

RING: t.Final = "prod"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return attesting.cast(tmp_path_factory.mktemp("keys"))


@dataclasses.dataclass
class Site:
    """A ring in which two releases of a store became Active, and the store of its home, where nothing is."""

    store: Store
    releases: tuple[str, str]
    chain: Chain
    people: Cast
    home: Store

    def promotion(self, number: int, **changes: t.Any) -> dict[str, t.Any]:
        """What a promoter says of one of them."""
        said: dict[str, t.Any] = {
            "generation": number,
            "release": self.releases[number - 1],
            "previous_release": None,
            "ledger_record": self.chain.generation(number).transitions[-1].digest,
        }
        return attesting.promotion(self.people.alice, **{**said, **changes})

    def attach(self, statement: dict[str, t.Any], by: Person, release: str | None = None) -> bytes:
        """Sign a statement, and let it travel with its release or another one."""
        envelope = statements.sign(statement, by.key)
        annotations = {statements.PREDICATE_ANNOTATION: statement["predicateType"]}
        subject = release or statements.release_of(statement)
        self.store.attach(subject, statements.ARTIFACT_TYPE, envelope, ENVELOPE, annotations)
        return envelope

    def gather(self) -> tuple[list[bytes], list[str]]:
        """What goes home, and what is said of the rest."""
        said, passed = evidence_statements.gather(self.store, self.chain, self.people.trust)
        return [one.envelope for one in said], passed

    def read(
        self, envelope: bytes, release: str, name: str | None = None, trust: Trust | None = None
    ) -> evidence_statements.Said | None:
        """What home takes it for."""
        usual = f"statements/{release[7:]}/{digest_of(envelope)[7:]}.dsse.json"
        return evidence_statements.read(name or usual, envelope, self.chain, trust or self.people.trust, self.home)


@pytest.fixture
def site(tmp_path: Path, people: Cast) -> Site:
    store = open_store(str(tmp_path / "store"))
    one, two = (sample(seed).write(store) for seed in ("one", "two"))
    story = RingStory(SOLUTION, RING)
    for number, release in enumerate((one, two), 1):
        for state in UP:
            story.add(Draft(Event.TRANSITION, number, ADA, Kind.PROMOTE, state, release, {}))
    return Site(store, (one, two), story.chain, people, open_store(str(tmp_path / "home")))


def test_what_was_said_at_the_ring_goes_home(site: Site, people: Cast) -> None:
    one, two = site.releases
    said = [
        site.attach(site.promotion(1), people.alice),
        site.attach(site.promotion(2), people.alice),
        site.attach(attesting.approval(people.bob, people.alice, release=two, generation=2), people.bob),
        site.attach(attesting.veto(people.carol, release=one), people.carol),
        site.attach(attesting.veto(people.bob, release=sample("never").write(site.store), rings=["dev"]), people.bob),
    ]
    site.attach(attesting.provenance(release=one), people.builder)
    site.attach(site.promotion(1, ring="staging"), people.alice)
    found, passed = site.gather()
    assert (sorted(found), passed) == (sorted(said), [])

    home = site.home
    assert sample("one").write(home) == one
    taken = [site.read(envelope, statements.release_of(statements.peek(envelope))) for envelope in found]
    read = [one_said for one_said in taken if one_said is not None]
    assert len(read) == len(found)
    for expected in (True, False):
        for one_said in read:
            wanted = expected if one_said.release == one else None
            assert evidence_statements.attach(home, one_said, check=True) is wanted
        for one_said in read:
            assert evidence_statements.attach(home, one_said, check=False) is (
                expected if one_said.release == one else None
            )
    kept = home.attachments(one, statements.ARTIFACT_TYPE)
    assert sorted(kept) == sorted(envelope.envelope for envelope in read if envelope.release == one)
    there = {found.digest for found in site.store.referrers(one)}
    assert {found.digest for found in home.referrers(one)} < there


def test_what_nobody_believes_stays_behind(site: Site, people: Cast) -> None:
    one, two = site.releases
    site.attach(site.promotion(1), people.mallory)
    site.attach(site.promotion(1), people.bob)
    site.attach(attesting.approval(people.alice, people.bob, release=one, generation=1), people.alice)
    site.attach(attesting.veto(people.builder, release=one), people.builder)
    site.attach(site.promotion(2), people.alice, release=one)
    site.store.attach(two, statements.ARTIFACT_TYPE, b"no statement", ENVELOPE, {})
    found, passed = site.gather()
    assert found == []
    assert len(passed) == 5
    assert all("stays behind" in sentence for sentence in passed)


def test_what_does_not_belong_is_refused_at_home(site: Site, people: Cast) -> None:
    one, two = site.releases
    good = statements.sign(site.promotion(1), people.alice.key)
    taken = site.read(good, one)
    assert taken is not None
    assert taken.release == one
    digest = digest_of(good)[7:]
    refused: list[tuple[bytes, str, str | None, str]] = [
        (statements.sign(site.promotion(1), people.mallory.key), one, None, "not believed"),
        (statements.sign(site.promotion(1), people.bob.key), one, None, "bob, who signed, has not the role promoter"),
        (good, two, None, "is no statement of ring prod"),
        (good, one, f"statements/{one[7:]}/{'1' * 64}.dsse.json", "of that name"),
        (good, one, f"statements/{one[7:]}/{digest}.json", "of that name"),
        (statements.sign(site.promotion(1, ring="dev"), people.alice.key), one, None, "is no statement of ring prod"),
        (statements.sign(site.promotion(1, solution="x"), people.alice.key), one, None, "is no statement of ring prod"),
        (statements.sign(attesting.provenance(release=one), people.builder.key), one, None, "is no statement of"),
        (good[:-1], one, None, "not believed"),
    ]
    for envelope, release, name, reason in refused:
        with pytest.raises(CollectionError, match=reason):
            site.read(envelope, release, name)


def test_what_home_said_itself_and_does_not_believe_of_a_site_is_no_reason_to_refuse(site: Site, people: Cast) -> None:
    one, two = site.releases
    assert sample("one").write(site.home) == one
    # The keys of those who act at the site, as docs/air-gap.md names them; bob is of home.
    trust = Trust.from_setting([people.alice.entry("promoter"), people.carol.entry("approver")])
    veto = site.attach(attesting.veto(people.bob, release=one), people.bob)
    assert site.gather() == ([veto], [])
    with pytest.raises(CollectionError, match="is not believed"):
        site.read(veto, one, trust=trust)

    annotations = {statements.PREDICATE_ANNOTATION: statements.peek(veto)["predicateType"]}
    site.home.attach(one, statements.ARTIFACT_TYPE, veto, ENVELOPE, annotations)
    assert site.read(veto, one, trust=trust) is None
    believed = site.read(veto, one)
    assert believed is not None

    digest = digest_of(veto)[7:]
    other = statements.sign(attesting.veto(people.bob, release=one, reason="another"), people.bob.key)
    twice = statements.add_signature(veto, people.mallory.key)
    elsewhere = statements.sign(attesting.veto(people.bob, release=two), people.bob.key)
    site.home.attach(one, statements.ARTIFACT_TYPE, elsewhere, ENVELOPE, annotations)
    refused: list[tuple[bytes, str, str | None]] = [
        (other, one, None),
        (twice, one, None),
        (veto[:-1], one, None),
        (veto, two, None),
        (veto, one, f"statements/{one[7:]}/{'1' * 64}.dsse.json"),
        (veto, one, f"statements/{one[7:]}/{digest}.json"),
        (other, one, f"statements/{one[7:]}/{digest}.dsse.json"),
        (elsewhere, two, None),
    ]
    for envelope, release, name in refused:
        with pytest.raises(CollectionError, match="is not believed"):
            site.read(envelope, release, name, trust)


def test_evidence_with_a_veto_that_home_made_is_taken(site: Site, people: Cast, tmp_path: Path) -> None:
    one, _two = site.releases
    travel = Travel(tmp_path, people, site.chain)
    site.attach(site.promotion(2), people.alice)
    veto = site.attach(attesting.veto(people.bob, release=one), people.bob)
    said, _passed = evidence_statements.gather(site.store, site.chain, people.trust)
    entries = [Entry(f"ledger/{RING}.json", ledgers.written(site.chain)), *(Entry(e.name, e.envelope) for e in said)]
    bundle = travel.write(entries, ring=RING)
    options: dict[str, t.Any] = {
        "ring": RING,
        "store": site.home.address,
        "trust": [people.alice.entry("promoter"), people.carol.entry("approver")],
    }
    sample("one").write(site.home)
    sentence = travel.refusal(bundle, **options)
    assert "bob" not in sentence
    assert f"statements/{one[7:]}/{digest_of(veto)[7:]}.dsse.json is not believed" in sentence

    site.home.attach(one, statements.ARTIFACT_TYPE, veto, ENVELOPE, {})
    for changed in (True, False):
        taken = travel.take(bundle, **options)
        assert (taken.changed, taken.result["transfer"]["statements"]) == (changed, [])
        assert taken.result["transfer"]["active"]["stated"] is True
    assert site.home.attachments(one, statements.ARTIFACT_TYPE) == [veto]


def test_what_runs_at_the_site_is_what_was_signed(site: Site, people: Cast) -> None:
    site.attach(site.promotion(1), people.alice)

    def found() -> evidence_ledger.Active | None:
        said, _passed = evidence_statements.gather(site.store, site.chain, people.trust)
        return evidence_ledger.active_of(site.chain, evidence_statements.outcomes(said, site.chain, people.trust))

    active = found()
    assert active is not None
    assert (active.release, active.generation, active.stated) == (site.releases[1], 2, False)
    elsewhere = site.chain.generation(1).transitions[-1].digest
    site.attach(site.promotion(2, ledger_record=elsewhere), people.alice)
    active = found()
    assert active is not None
    assert not active.stated
    site.attach(site.promotion(2), people.alice)
    active = found()
    assert active is not None
    assert active.stated
    assert evidence_ledger.sentence(RING, active) == (
        f"prod at the site: {site.releases[1]} Active since {active.since}, generation 2"
    )
    empty = Chain.build(SOLUTION, RING)
    assert evidence_ledger.active_of(empty, ()) is None
    assert evidence_ledger.sentence(RING, None) == "prod at the site: nothing has become Active yet"


def test_a_statement_about_a_record_that_is_not_there_is_a_contradiction(site: Site, people: Cast) -> None:
    site.attach(site.promotion(2), people.alice)
    said, _passed = evidence_statements.gather(site.store, site.chain, people.trust)
    outcomes = evidence_statements.outcomes(said, site.chain, people.trust)
    assert list(evidence_ledger.contradictions(site.chain, None, {}, outcomes)) == []
    shorter = Chain.build(SOLUTION, RING, site.chain.records[: len(UP)])
    (sentence,) = evidence_ledger.contradictions(shorter, None, {}, outcomes)
    assert sentence.startswith("alice signed that generation 2 of ring prod ended as Active with record sha256:")


@pytest.mark.parametrize(
    "ledger",
    [b"[]", b'{"head":{}}', b'{"head":{"sequence":"1"}}', b'{"head":{"digest":"sha256:1","sequence":1}}', b"{"],
)
def test_a_ledger_in_a_bundle_says_where_it_ends(ledger: bytes) -> None:
    with pytest.raises(CollectionError, match=r"data/ledger\.json of"):
        evidence_ledger.head_in("promotion/1", ledger)


def test_a_bundle_may_have_no_ledger() -> None:
    assert evidence_ledger.head_in("backfill/1", None) is None
    assert evidence_ledger.head_in("backfill/1", b'{"head":null}') is None
