# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every end of a promotion, and every refusal, leaves one bundle that verifies without a server."""

from __future__ import annotations

import json
import shutil
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import log
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.doors import Doors
from tests.support.promoter import Answer, TaskFailed
from tests.support.proxy import Proxy
from tests.support.ring_lab import RingLab, passed
from tests.support.ring_plays import RingPlays
from tests.support.ring_site import Site
from tests.support.server import PrefectServer
from tests.support.shapes import Result

pytestmark = pytest.mark.integration
pytest_plugins = ["tests.support.rings"]

_NOWHERE = "http://127.0.0.1:9/api"
_WAITS = r"^/flow_runs/[0-9a-f-]{36}$|^/work_pools/[^/]+/workers/filter$"
_SCHEDULED = {"type": "SCHEDULED"}
_ACTIVE = ("Resolving", "Deploying", "Validating", "Active")


def _bundles(root: Path, ring: str = "dev") -> dict[str, Result]:
    """The summaries of the bundles of a ring, by ``<kind>/<name>``; nothing else may lie there."""
    found = sorted((root / ring).glob("*/*"))
    assert [path.name for path in found if path.name.startswith(".")] == []
    return {f"{path.parent.name}/{path.name}": json.loads((path / "summary.json").read_text()) for path in found}


def _ends(root: Path, ring: str = "dev") -> list[tuple[str, int | None, str]]:
    """Kind, generation and state of each bundle."""
    found = _bundles(root, ring).items()
    return sorted(
        ((name.split("/")[0], one["generation"], one["state"]) for name, one in found), key=lambda end: end[1] or 0
    )


def _verified(root: Path, trust: list[Result], ring: str = "dev") -> None:
    """Let the module verify each bundle, and all of them as a chain, where no server can be reached."""
    verifier = Doors({"api_url": _NOWHERE, "retries": 0}, root)
    names = _bundles(root, ring)
    for name in names:
        answer = verifier.room("hotpass_evidence", state="verified", bundle=str(root / ring / name), trust=trust)
        assert not answer["failed"], answer
    answer = verifier.room("hotpass_evidence", state="verified", chain=True, bundle=str(root), trust=trust)
    assert not answer["failed"], answer


def _entries(session: Session, solution: str, ring: str = "dev") -> list[tuple[int, str, int | None, str | None]]:
    """The ring's chain on the server."""
    seen = log.read(session, solution, ring)
    assert seen.problems == ()
    return [(entry.sequence, entry.kind, entry.generation, entry.state) for entry in seen.entries]


class Promoting:
    """A site and its driver, which does what the playbooks do."""

    def __init__(self, site: Site, proxy: Proxy) -> None:
        self.site = site
        self.proxy = proxy
        self.root = site.directory / "dist"
        self.trust = site.settings(_NOWHERE)["ring"]["trust"]
        proxy.before(lambda _number: site.work(), times=None, path=_WAITS)

    def promote(self, release: str) -> Answer:
        return self.site.promoter(self.proxy.api_url).promote(release)

    def seal(self, **options: t.Any) -> Result:
        settings = self.site.settings(self.proxy.api_url)
        given = {**settings["ring"], "state": "sealed", "kind": "promotion", "evidence_dir": settings["evidence_dir"]}
        return Doors(settings["connection"], self.root).room("hotpass_evidence", **{**given, **options})


@pytest.fixture
def promoting(server: PrefectServer, proxy: Proxy, tmp_path: Path) -> t.Iterator[Promoting]:
    with Site(tmp_path / "site", server.api_url) as site:
        yield Promoting(site, proxy)


def test_a_promotion_a_rollback_and_a_failed_gate_seal_a_bundle_each(promoting: Promoting, proxy: Proxy) -> None:
    site, root = promoting.site, promoting.root
    one, two, bad = site.release("one"), site.release("two"), site.release("bad", records=6)
    for release in (one, two):
        promoting.promote(release)
    site.promoter(proxy.api_url).roll_back(reason="wrong figures")
    with pytest.raises(TaskFailed, match=r"rolled back: .*records is 5, expected at least 6"):
        promoting.promote(bad)
    with pytest.raises(TaskFailed, match=f"{bad} is held in ring dev"):
        promoting.promote(bad)
    ends = [
        ("promotion", 1, "Active"),
        ("promotion", 2, "Active"),
        ("rollback", 3, "Active"),
        ("promotion", 4, "RolledBack"),
    ]
    refused = ("refusal", None, "Refused")
    assert _ends(root) == [refused, *ends]
    assert _entries(site.session, site.solution) == [(number, *end) for number, end in enumerate([*ends, refused], 1)]
    _verified(root, promoting.trust)

    second, rollback, failed, refusal = (
        next((root / "dev" / name, one) for name, one in _bundles(root).items() if one["generation"] == number)
        for number in (2, 3, 4, None)
    )
    assert {path.name for path in second[0].iterdir()} >= {
        "plan.json",
        "deployments.json",
        "runs.json",
        "states.json",
        "sbom-diff.json",
        "manifests.diff",
        "cli.sh",
        "metadata.json",
    }
    assert "+++ manifests/dev/only-two.yaml" in (second[0] / "manifests.diff").read_text()
    assert second[1]["deployments"] == {"total": 3, "of_the_release": 3}
    assert [permit["runs"] for permit in second[1]["permits"]] == [[site_run(second[0])]]
    # The site's worker says that a run is done, and never began it.
    sealed = json.loads((second[0] / "metadata.json").read_text())
    assert (second[1]["verdict"], second[1]["live"], sealed["live"]) == ("pass", False, False)
    assert sealed["live_reason"] == f"run {site_run(second[0])} completed and has no worker's name on it"
    assert (rollback[1]["live"], failed[1]["live"], refusal[1]["live"]) == (True, False, True)
    assert rollback[1]["rolls_back"] == {"generation": 2, "release": two}
    assert "is held in the ring because of it" in (rollback[0] / "notes.md").read_text()
    assert (failed[1]["verdict"], failed[1]["gates"][-1]["verdict"], failed[1]["held"]) == ("fail", "fail", [bad])
    assert "ended as RolledBack: Run" in (failed[0] / "notes.md").read_text()
    assert (refusal[1]["release"], refusal[1]["held"], refusal[1]["verdict"]) == (bad, True, "refused")
    assert refusal[1]["reason"].startswith(f"{bad} is held in ring dev since")

    # The same again is the same refusal, and the same promotion needs nothing.
    with proxy.counting() as seen, pytest.raises(TaskFailed, match="is held in ring dev"):
        promoting.promote(bad)
    assert [request.line for request in seen if request.writes and "/events" not in request.line] == []
    with proxy.counting() as seen:
        again = promoting.seal(generation=4)
    assert (again["failed"], again["changed"], again["evidence"]["path"]) == (False, False, str(failed[0]))
    assert ([request.writes for request in seen], again["api"]) == ([False, False], {"requests": 2, "writes": 0})


def site_run(bundle: Path) -> str:
    """The one run that ``runs.json`` of a bundle has."""
    [run] = json.loads((bundle / "runs.json").read_text())
    return str(run["id"])


def test_a_bundle_shows_no_secret_and_no_byte_of_it_may_change(promoting: Promoting) -> None:
    site, root = promoting.site, promoting.root
    promoting.promote(site.release("one"))
    [bundle] = (root / "dev" / "promotion").iterdir()
    secret = (site.directory / "keys" / "promoter.pem").read_text().splitlines()[1]
    files = [path for path in bundle.rglob("*") if path.is_file()]
    assert len(files) > 12
    assert [path for path in files if secret in path.read_text()] == []
    verifier = Doors({}, root)
    for path in files:
        kept = path.read_bytes()
        path.write_bytes(kept[:-2] + bytes([kept[-2] ^ 1]) + kept[-1:])
        answer = verifier.room("hotpass_evidence", state="verified", bundle=str(bundle), trust=promoting.trust)
        assert answer["failed"], path
        assert path.relative_to(bundle).as_posix() in json.dumps(answer), answer
        path.write_bytes(kept)


def test_what_a_dead_promoter_left_is_sealed_by_the_next(lab: RingLab, session: Session, proxy: Proxy) -> None:
    root = lab.directory / "dist"
    one, two, three, four = (lab.release(word) for word in ("one", "two", "three", "four"))
    # These promoters die as soon as their last record stands.
    lab.promote(one)
    lab.go("Queued", "Resolving", release=two)
    lab.go("Failed", reason="a gate said no", verdicts=[{"name": "tests", "verdict": "fail"}])
    lab.go("Queued", "Resolving", "AwaitingApproval", release=three)
    waiting = _sealed(lab, generation=3)
    assert waiting["evidence"]["path"] is None
    assert _ends(root) == [("promotion", 1, "Active"), ("refusal", 2, "Failed")]

    lab.go("Queued", release=four, supersede=True)
    done = _sealed(lab, generation=4)
    assert _ends(root)[2:] == [("refusal", 3, "Superseded")]
    [superseded] = [one for one in _bundles(root).values() if one["generation"] == 3]
    assert superseded["reason"] == f"{four} took its place"
    assert done["evidence"]["path"] is None
    with proxy.counting() as seen:
        assert not _sealed(lab, generation=4)["changed"]
    assert [request.line for request in seen if request.writes] == []
    _verified(root, lab.trust)
    assert [entry[2] for entry in _entries(session, lab.solution)] == [1, 2, 3]

    # The chain on the server forgets its oldest entries, and another controller has none of the bundles.
    log.Log(session, lab.solution, "dev").delete(1)
    shutil.rmtree(root)
    assert not _sealed(lab, generation=4)["changed"]


def _sealed(lab: RingLab, **options: t.Any) -> Result:
    """What the ring owes, sealed; by default of no generation in particular."""
    given = {"state": "sealed", "kind": "promotion", "evidence_dir": str(lab.directory / "dist"), **options}
    answer = lab.do("hotpass_evidence", options.pop("who", None), options.pop("ring", "dev"), **given)
    assert not answer["failed"], answer
    return answer


def test_what_a_ring_did_wrong_is_sealed_and_said(promoting: Promoting) -> None:
    site, root = promoting.site, promoting.root
    promoting.promote(site.release("one"))
    [kept] = (root / "dev" / "promotion").iterdir()
    [permit] = json.loads((kept / "summary.json").read_text())["permits"]
    # As if the promoter had died before sealing, and somebody had used the public tag of its permit since.
    shutil.rmtree(root)
    log.Log(site.session, site.solution, "dev").delete(1)
    deployment = next(row for row in site.deployments() if row["name"].startswith("refine"))
    for _number in range(permit["max_runs"] + 1):
        run = site.session.write(
            "POST", f"/deployments/{deployment['id']}/create_flow_run", {"tags": [permit["tag"]], "state": _SCHEDULED}
        )
        for kind in ("PENDING", "RUNNING"):
            body = {"state": {"type": kind}, "force": True}
            site.session.write("POST", f"/flow_runs/{run['id']}/set_state", body)
    sealed = promoting.seal(generation=1)
    assert not sealed["failed"], sealed
    bundle = Path(sealed["evidence"]["path"])
    summary = json.loads((bundle / "summary.json").read_text())
    count = sum(run["start_time"] is not None for run in json.loads((bundle / "runs.json").read_text()))
    assert count > permit["max_runs"]
    said = f"{count} runs entered by the permit {permit['tag']}, which is for {permit['max_runs']}"
    [warning] = sealed["warnings"]
    assert warning == f"The evidence bundle of generation 1 of ring dev has the verdict fail: {said}."
    assert (summary["state"], summary["verdict"], summary["violations"]) == ("Active", "fail", [said])
    assert f"Violation: {said}." in (bundle / "notes.md").read_text()
    _verified(root, promoting.trust)
    assert not promoting.seal(generation=1)["changed"]


def test_what_an_earlier_generation_is_owed_keeps_nobody_from_promoting(lab: RingLab) -> None:
    root = lab.directory / "dist"
    lab.go("Queued", "Resolving", release=lab.release("one"))
    lab.go("Failed", reason="a gate said no", verdicts=[{"name": "tests", "verdict": "fail"}])
    for state in ("Queued", *_ACTIVE):
        named: Result = {"release": lab.release("two")} if state == "Queued" else {}
        assert not lab.move(state, lab.people.carol, **named)["failed"]
    lab.promote(lab.release("three"))
    # Nothing can be written of generation 1, and who promoted generation 2 is not believed any more.
    (root / "dev").mkdir(parents=True)
    (root / "dev" / "refusal").write_text("no directory")
    trust = [entry for entry in lab.trust if entry["name"] != "carol"]
    answer = _sealed(lab, generation=3, trust=trust)
    assert answer["evidence"]["path"].startswith(str(root / "dev" / "promotion"))
    [missing, wrong] = answer["warnings"]
    assert missing.startswith("Generation 1 of ring dev is Failed, which stands, and its evidence bundle is missing:")
    assert wrong.startswith("The evidence bundle of generation 2 of ring dev has the verdict fail: no statement")
    # Whoever asks for that one, or for nothing in particular, is told.
    for options in ({"generation": 1}, {}):
        given: Result = {"state": "sealed", "kind": "promotion", "evidence_dir": str(root), "trust": trust, **options}
        failed = lab.do("hotpass_evidence", **given)
        assert failed["failed"], failed
        assert "Generation 1 of ring dev is Failed, which stands" in failed["msg"]
    (root / "dev" / "refusal").unlink()
    assert _sealed(lab, generation=1, trust=trust)["evidence"]["kind"] == "refusal"
    assert _ends(root) == [("refusal", 1, "Failed"), ("promotion", 2, "Active"), ("promotion", 3, "Active")]
    assert {one["generation"]: one["verdict"] for one in _bundles(root).values()} == {
        1: "refused",
        2: "fail",
        3: "pass",
    }
    _verified(root, trust)


def test_a_seal_without_a_summary_that_can_be_read_is_made_anew(lab: RingLab) -> None:
    lab.promote(lab.release("one"))
    predicted = _sealed(lab, generation=1, check_mode=True)["evidence"]
    part = lab.directory / "dist" / "dev" / predicted["kind"] / f".{predicted['name']}.part"
    part.mkdir(parents=True)
    (part / "seal.dsse.json").write_text("{}")
    (part / "summary.json").write_text('{"solution": ')
    assert _sealed(lab, generation=1)["evidence"]["name"] == predicted["name"]
    _verified(lab.directory / "dist", lab.trust)


def test_a_rejected_approval_seals_a_refusal(lab: RingLab) -> None:
    release = lab.release("one")
    lab.go("Queued", "Resolving", "AwaitingApproval", release=release)
    rejected = lab.do("hotpass_approval", lab.people.bob, decision="reject", comment="not before Monday")
    assert not rejected["failed"], rejected
    answered = lab.do("hotpass_gate", gate="approval", fail=False)
    lab.go("Rejected", reason=answered["message"], verdicts=[answered["verdict"]])
    path = Path(_sealed(lab, generation=1)["evidence"]["path"])
    assert path.parent.name == "refusal"
    summary = json.loads((path / "summary.json").read_text())
    assert (summary["state"], summary["verdict"], summary["wrote"]) == ("Rejected", "refused", False)
    [decision] = summary["approvals"]
    assert (decision["decision"], decision["name"], decision["comment"]) == ("reject", "bob", "not before Monday")
    assert (path / "data" / "statements" / "approval-1.dsse.json").is_file()
    _verified(lab.directory / "dist", lab.trust)


def test_an_approved_promotion_shows_who_approved(lab: RingLab) -> None:
    release = lab.release("one")
    lab.go("Queued", "Resolving", "AwaitingApproval", release=release)
    for person in (lab.people.bob, lab.people.carol):
        assert not lab.do("hotpass_approval", person, decision="approve", comment="seen")["failed"]
    asked: Result = {"gates": ["approval", "health"], "approvals_required": 2}
    verdict = lab.do("hotpass_gate", gate="approval", approvals_required=2)["verdict"]
    lab.go("Deploying", **asked, verdicts=[*passed("release", "drift"), verdict])
    lab.go("Validating")
    lab.go("Active", **asked, verdicts=passed("health"))
    summary = json.loads((Path(_sealed(lab, generation=1)["evidence"]["path"]) / "summary.json").read_text())
    assert summary["separation_of_duties"] == {
        "asked_for": True,
        "requester": "alice",
        "approvers": ["bob", "carol"],
        "distinct": 2,
        "separate": True,
    }
    _verified(lab.directory / "dist", lab.trust)


def test_a_ring_without_signatures_gets_bundles_that_say_so(lab: RingLab, session: Session) -> None:
    release = lab.release("one", signed=False)
    unsigned: Result = {"unsigned": "accept", "signing_key": None, "trust": []}
    for state in ("Queued", *_ACTIVE):
        named: Result = {"release": release} if state == "Queued" else {}
        assert not lab.move(state, **unsigned, **named)["failed"]
    answer = _sealed(lab, generation=1, **unsigned)
    path = Path(answer["evidence"]["path"])
    assert (answer["evidence"]["signed"], answer["changed"]) == (False, True)
    assert "This bundle is not signed" in (path / "notes.md").read_text()
    assert json.loads((path / "metadata.json").read_text())["signed"] is False
    assert (path / "tagmanifest-sha256.txt").is_file()
    assert not _sealed(lab, generation=1, **unsigned)["changed"]
    assert _entries(session, lab.solution) == []
    verified = Doors({}, path).room("hotpass_evidence", state="verified", bundle=str(path), trust=lab.trust)
    assert verified["failed"]
    assert "nobody vouches for the bundle" in verified["msg"]


def test_check_mode_seals_nothing(lab: RingLab, proxy: Proxy) -> None:
    lab.promote(lab.release("one"))
    with proxy.counting() as seen:
        predicted = _sealed(lab, generation=1, check_mode=True)
    assert (predicted["changed"], predicted["evidence"]["path"]) == (True, None)
    assert [request.line for request in seen if request.writes] == []
    assert not (lab.directory / "dist").exists()


def test_a_bundle_that_cannot_be_written_leaves_the_promotion_as_it_is(
    lab: RingLab, proxy: Proxy, session: Session
) -> None:
    here = RingPlays(lab, proxy, session, {"dev": {}})
    release = here.release("one")
    (lab.directory / "taken").write_text("no directory")
    broken = here.play("promote.yml", "-e", f"release={release}", "-e", f"ring_evidence_dir={lab.directory}/taken/dist")
    assert broken.code == 2, broken.output
    assert "Generation 1 of ring dev is Active, which stands, and its evidence bundle is missing:" in broken.words
    assert "Run the same again to seal it." in broken.words
    assert lab.states() == ["Active"]
    assert sorted(here.deployments()) == ["one-dev", "refine-dev"]

    again = here.play("promote.yml", "-e", f"release={release}")
    assert again.code == 0, again.output
    [name] = _bundles(lab.directory / "dist")
    assert f"evidence {lab.directory}/dist/dev/{name}" in again.words
    lab.wait_for_events()
    proxy.reset()
    third = here.play("promote.yml", "-e", f"release={release}")
    assert (third.code, third.recap, proxy.writes) == (0, {"dev": (0, 0)}, []), third.output


def test_a_vetoed_digest_is_refused_as_before_and_leaves_a_bundle(lab: RingLab, proxy: Proxy, session: Session) -> None:
    here = RingPlays(lab, proxy, session, {"dev": {}})
    release, root = here.release("one"), lab.directory / "dist"
    vetoed = here.play("veto.yml", "-e", f"release={release} reason=leaks")
    assert vetoed.code == 0, vetoed.output
    for _attempt in range(2):
        refused = here.play("promote.yml", "-e", f"release={release}")
        assert refused.code == 2, refused.output
        assert f"{release} is vetoed in ring dev by alice since" in refused.words
    assert lab.states() == []
    bundles = _bundles(root)
    assert [(one["action"], one["release"], one["vetoed_here"]) for one in bundles.values()] == [
        ("veto", release, True),
        ("promote", release, True),
    ]
    for name in bundles:
        assert (root / "dev" / name / "data" / "statements" / "veto-1.dsse.json").is_file()
    _verified(root, lab.trust)
