# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site's evidence comes home: its whole chain, what the site runs, and its statements. All else is refused."""

from __future__ import annotations

import json
import re
import shutil
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release import statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.receipt import Receipt

from tests.support import attesting
from tests.support.promoter import TaskFailed
from tests.support.proxy import Proxy
from tests.support.ring_site import RING, Site
from tests.support.server import PrefectServer
from tests.support.transfer_journey import NOWHERE, Journey

pytestmark = pytest.mark.integration

_CHECKPOINT = re.compile(r"Checkpoint, to be kept elsewhere: (\S+ \d+ sha256:[0-9a-f]{64})")


@pytest.fixture
def journey(server: PrefectServer, proxy: Proxy, tmp_path: Path) -> t.Iterator[Journey]:
    home = tmp_path / "home"
    home.mkdir()
    with Site(tmp_path / "site", server.api_url) as site:
        yield Journey(site, proxy, home)


def test_evidence_comes_home_in_two_rounds_and_is_the_same_chain(
    journey: Journey, proxy: Proxy, tmp_path: Path
) -> None:
    site, evidence, stick = journey.site, journey.site.directory / "dist", tmp_path / "stick"
    Receipt(site.solution, {}, {"a" * 64: 5}, ()).write(site.directory / "transfer" / "receipt.json")
    journey.promote("one")
    journey.promote("two")
    code, said = site.play("bundle_export.yml", proxy.api_url, "-e", "kind=evidence", "-e", f"target={stick}")
    assert code == 0, said
    (first,) = stick.glob("*.tar")

    before = journey.at_home()
    arguments = ("-e", f"kind=evidence bundle={first}", "-e", f"trust={journey.trust}")
    code, said = journey.play_at_home("bundle_import.yml", *arguments, "--check")
    assert code == 0, said
    assert journey.at_home() == before
    code, said = journey.play_at_home("bundle_import.yml", *arguments)
    assert code == 0, said
    active = site.chain().active
    assert active is not None
    assert f"{RING} at the site: {journey.releases['two']} Active since {active.since}, generation 2 The" in said
    again = journey.at_home()
    code, said = journey.play_at_home("bundle_import.yml", *arguments)
    assert code == 0, said
    assert "changed=0" in said
    assert "nothing was new" in said
    assert journey.at_home() == again

    lines = []
    for root, play in ((evidence, site.play), (journey.home / "dist", None)):
        wanted = ("-e", f"bundle={root}", "-e", "chain=true", "-e", f"trust={journey.trust}")
        verify = "verify_evidence.yml"
        code, said = play(verify, NOWHERE, *wanted) if play else journey.play_at_home(verify, *wanted)
        assert code == 0, said
        lines += _CHECKPOINT.findall(said.replace("\\n", " "))
    assert lines[0] == lines[1]
    assert lines[0].startswith(f"{site.solution}/{RING} 2 sha256:")
    receipt = journey.home / "transfer" / "receipts" / f"{RING}.json"
    assert receipt.read_bytes() == (site.directory / "transfer" / "receipt.json").read_bytes()

    # What home has need not travel again, and what happened since continues the chain.
    site.promoter(proxy.api_url).roll_back(reason="wrong figures")
    with pytest.raises(TaskFailed, match="is held in ring dev"):
        journey.promote("two")
    acknowledged = journey.home / "transfer" / f"{RING}-evidence.json"
    shutil.copy(acknowledged, stick / "home.json")
    answer = journey.send(stick, base=str(stick / "home.json"))
    assert not answer["failed"], answer
    assert sorted(name.split("/")[0] for name in answer["transfer"]["evidence"]["bundles"]) == ["refusal", "rollback"]
    answer = journey.receive(Path(answer["transfer"]["path"]))
    assert not answer["failed"], answer
    assert len(answer["transfer"]["evidence"]["imported"]) == 2
    assert (answer["transfer"]["active"]["release"], answer["transfer"]["active"]["generation"]) == (
        journey.releases["one"],
        3,
    )
    assert answer["transfer"]["active"]["stated"] is True
    assert (
        journey.chain(journey.home / "dist")
        == journey.chain(evidence)
        == [answer["transfer"]["evidence"]["checkpoint"]]
    )
    for path in sorted(evidence.rglob("*")):
        if path.is_file():
            assert (journey.home / "dist" / path.relative_to(evidence)).read_bytes() == path.read_bytes()


def test_home_believes_what_the_site_signed(journey: Journey, tmp_path: Path) -> None:
    journey.promote("one")
    journey.promote("two")
    trust = Trust.from_setting(journey.site.settings("")["ring"]["trust"])

    def read() -> tuple[str, int] | None:
        envelopes = [
            envelope
            for release in journey.store.releases()
            for envelope in journey.store.attachments(release, statements.ARTIFACT_TYPE)
        ]
        return statements.previous_active(envelopes, trust, RING, journey.site.solution)

    assert read() is None
    answer = journey.receive(journey.sent(tmp_path))
    assert not answer["failed"], answer
    assert read() == (journey.releases["two"], 2)
    assert len(answer["transfer"]["statements"]) == 2
    for release in journey.releases.values():
        there = journey.site.store.attachments(release, statements.ARTIFACT_TYPE)
        assert sorted(journey.store.attachments(release, statements.ARTIFACT_TYPE)) == sorted(there)


def test_the_same_is_written_once_and_check_mode_writes_nothing(journey: Journey, tmp_path: Path) -> None:
    journey.promote("one")
    answer = journey.send(tmp_path / "stick", check_mode=True)
    assert (answer["failed"], answer["changed"]) == (False, True)
    assert not (tmp_path / "stick").exists()
    first = journey.send(tmp_path / "stick")
    assert (first["changed"], first["transfer"]["sha256"]) == (True, answer["transfer"]["sha256"])
    second = journey.send(tmp_path / "stick")
    assert (second["failed"], second["changed"]) == (False, False)
    other = journey.send(tmp_path / "other")
    assert other["transfer"]["sha256"] == first["transfer"]["sha256"]


@pytest.mark.parametrize("part", ["summary.json", "data/ledger.json", "seal.dsse.json"])
def test_a_broken_bundle_does_not_leave_the_site(journey: Journey, tmp_path: Path, part: str) -> None:
    journey.promote("one")
    (bundle,) = (journey.site.directory / "dist" / RING).glob("*/*")
    data = bytearray((bundle / part).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / part).write_bytes(data)
    answer = journey.send(tmp_path)
    assert answer["failed"]
    assert f"is not whole, so it does not go home: {bundle}: {part}" in answer["msg"]
    assert list(tmp_path.glob("*.tar")) == []


def test_a_gap_does_not_leave_the_site(journey: Journey, tmp_path: Path) -> None:
    for word in ("one", "two", "three"):
        journey.promote(word)
    bundles = sorted((journey.site.directory / "dist" / RING).glob("*/*"))
    shutil.move(bundles[1], tmp_path / "aside")
    answer = journey.send(tmp_path)
    assert answer["failed"]
    assert f"bundle 2 of {journey.site.solution}/{RING} is missing before it" in answer["msg"]
    shutil.move(tmp_path / "aside", bundles[1])
    shutil.rmtree(bundles[2])
    answer = journey.send(tmp_path)
    assert answer["failed"]
    assert f"The ring's server knows of bundle 3 of {journey.site.solution}/{RING} (promotion/" in answer["msg"]


def test_what_a_carrier_changes_is_refused_and_nothing_is_written(journey: Journey, tmp_path: Path) -> None:
    journey.promote("one")
    bundle = journey.sent(tmp_path)
    whole = bundle.read_bytes()
    before = journey.at_home()
    for place in range(0, len(whole), max(1, len(whole) // 97)):
        harmed = bytearray(whole)
        harmed[place] ^= 0x20
        bundle.write_bytes(harmed)
        answer = journey.receive(bundle)
        assert answer["failed"], place
        assert "is refused" in answer["msg"]
    for cut in (1, 512, 10_240, len(whole) // 2):
        bundle.write_bytes(whole[:-cut])
        assert "is refused" in journey.receive(bundle)["msg"]
    assert journey.at_home() == before


def test_an_older_one_and_one_of_somebody_else_are_refused(journey: Journey, tmp_path: Path) -> None:
    journey.promote("one")
    older = journey.sent(tmp_path / "older")
    journey.promote("two")
    newer = journey.sent(tmp_path / "newer")
    assert not journey.receive(newer)["failed"]
    state = journey.at_home()
    for answer, reason in (
        (journey.receive(older), r"It is older than what is here: its newest bundle is number 1 .* number 2 was"),
        (journey.receive(newer, ring="production"), r"is of ring dev, .*production|brings evidence of ring dev"),
        (journey.receive(newer, solution="other"), "other"),
        (journey.receive(newer, trust=[attesting.person(tmp_path, "mallory").entry("promoter")]), "signed again"),
    ):
        assert answer["failed"], answer
        assert re.search(reason, answer["msg"]), answer["msg"]
    assert journey.at_home() == state
    # Without the evidence directory, what was imported is known still.
    shutil.rmtree(journey.home / "dist")
    assert "It is older than what is here" in journey.receive(older)["msg"]
    # And without that, by the directory.
    assert not journey.receive(newer)["failed"]
    shutil.rmtree(journey.home / "transfer")
    assert "It is older than what is here" in journey.receive(older)["msg"]


def test_what_lies_there_already_and_differs_is_not_overwritten(journey: Journey, tmp_path: Path) -> None:
    journey.promote("one")
    bundle = journey.sent(tmp_path)
    assert not journey.receive(bundle)["failed"]
    (there,) = (journey.home / "dist" / RING).glob("*/*")
    (there / "notes.md").write_text("somebody was here\n", encoding="utf-8")
    answer = journey.receive(bundle)
    assert answer["failed"]
    assert f"{there.parent.name}/{there.name} lies at {there} already and differs: notes.md" in answer["msg"]
    assert (there / "notes.md").read_text(encoding="utf-8") == "somebody was here\n"


def test_a_ledger_that_was_written_anew_is_told(journey: Journey, tmp_path: Path) -> None:
    journey.promote("one")
    journey.promote("two")
    assert not journey.receive(journey.sent(tmp_path / "stick"))["failed"]
    # The site loses its server: the ledger begins anew, and the chain of evidence goes on.
    site = journey.site
    entries = [f"evidence_{RING}_{site.solution}_{number:08d}" for number in (1, 2)]
    for name in (*site.variables(), *entries):
        site.session.write("DELETE", f"/variables/name/{name}")
    for deployment in site.deployments():
        site.session.write("DELETE", f"/deployments/{deployment['id']}")
    journey.promote("three")
    answer = journey.send(tmp_path / "anew", base=str(journey.home / "transfer" / f"{RING}-evidence.json"))
    assert not answer["failed"], answer
    assert any("home refuses it, unless" in line for line in answer["warnings"])
    bundle = Path(answer["transfer"]["path"])
    refused = journey.receive(bundle)
    assert refused["failed"]
    assert "which was imported before, is not in it: the ledger was written anew" in refused["msg"]
    accepted = journey.receive(bundle, other_ledger=True)
    assert not accepted["failed"], accepted
    assert accepted["warnings"]
    assert accepted["transfer"]["active"]["release"] == journey.releases["three"]
    assert journey.chain(journey.home / "dist") == journey.chain(journey.site.directory / "dist")
    assert json.loads((journey.home / "transfer" / f"{RING}-evidence.json").read_text())["sequence"] == 3
