# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of the rings as a person starts them, against the live server; the proxy sees what they write."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release import predicates
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

from tests.support import projects
from tests.support.proxy import Proxy
from tests.support.ring_lab import RingLab
from tests.support.ring_plays import RingPlays
from tests.support.shapes import MakeDeployment, Result

pytestmark = pytest.mark.integration
pytest_plugins = ["tests.support.rings"]

Rings = t.Callable[..., RingPlays]
_TESTS = [{"name": "look", "argv": ["test", "-f", "requirements.txt"]}]


@pytest.fixture
def rings(lab: RingLab, proxy: Proxy, session: Session) -> t.Iterator[Rings]:
    """Makes the rings of a test: ``rings(dev={}, prod={"ring_previous": {"ring": "dev"}})``."""
    made: list[RingPlays] = []

    def make(**settings: Result) -> RingPlays:
        made.append(RingPlays(lab, proxy, session, settings))
        return made[-1]

    yield make
    for one in made:
        assert "Traceback" not in one.output
        assert not [secret for secret in lab.secrets() if secret in one.output]


def test_one_release_is_built_once_and_goes_through_the_rings_with_an_approval(
    lab: RingLab, rings: Rings, proxy: Proxy
) -> None:
    project = _project(lab)
    here = rings(
        dev={
            "ring_overlay": "staging",
            "ring_project": str(project),
            "ring_gates": ["tests", "health", "rehearsal"],
            "ring_tests": _TESTS,
        },
        prod={"ring_previous": {"ring": "dev"}, "ring_gates": ["approval", "health"]},
    )
    stopped = here.play("promote.yml", "-vvv")
    assert stopped.code == 0, stopped.output
    assert lab.states() == ["Active"]
    assert lab.states("prod") == ["AwaitingApproval"]
    release = str(lab.chain("prod").generations[0].release)
    assert lab.chain().generations[0].release == release
    assert "0 of 1 approvals are there" in stopped.words
    assert f"playbooks/approve.yml -i inventories/prod -e release={release}" in stopped.words
    assert sorted(here.deployments()) == ["nightly-dev"]

    own = here.play("approve.yml", "-e", "ring_approver_key={{ ring_signing_key }}", ring="prod")
    assert (own.code, lab.states("prod")) == (2, ["AwaitingApproval"]), own.output
    would = here.play("approve.yml", "--check", "-e", "actor_user=bob.user comment=good", ring="prod")
    assert (would.code, lab.states("prod")) == (0, ["AwaitingApproval"]), would.output
    assert f"generation 1 with {release} would be approved; nothing was signed" in would.words
    approved = here.play(
        "approve.yml",
        "-e",
        f"release={release} actor_user=bob.user change=CHG-1024",
        "-e",
        "comment='looks good'",
        ring="prod",
    )
    assert approved.code == 0, approved.output
    assert f"generation 1 with {release} is approved; run playbooks/promote.yml again" in approved.words

    proxy.reset()
    done = here.play("promote.yml")
    assert done.code == 0, done.output
    assert (lab.states(), lab.states("prod")) == (["Active"], ["Active"])
    assert sorted(here.deployments()) == ["nightly-dev", "nightly-prod"]
    [said] = lab.stated(release, predicates.APPROVAL)
    assert (said["comment"], said["changeReference"]) == ("looks good", "CHG-1024")

    lab.wait_for_events()
    lab.wait_for_events("prod")
    proxy.reset()
    again = here.play("promote.yml")
    assert (again.code, again.recap) == (0, {"dev": (0, 0), "prod": (0, 0)}), again.output
    assert proxy.writes == []
    assert again.words.count("Active already since") == 2

    other = lab.release("other")
    lab.do("hotpass_veto", ring="prod", release=other, reason="leaks")
    assert "hotpass_verdict: pass" in here.play("status.yml").words
    here.meddle("nightly-prod")
    status = here.play("status.yml", "-e", "record=1")
    assert status.code == 0, status.output
    assert "hotpass_verdict: fail" in status.words
    assert f"vetoed {other[7:19]}: leaks" in status.words
    assert "alice none" in status.words
    assert f"alice {lab.solution}/nightly-prod" in status.words
    assert "sequence: 1" in status.words
    for ring in ("dev", "prod"):
        assert f"{ring} {release[7:19]} Active 1" in status.words
    assert f"1 promote {release} Active" in status.words


def _project(lab: RingLab) -> Path:
    """A small project of the solution, in a repository; only the deployment in dev is rehearsed."""
    project = projects.repository(lab.directory / "project", {".gitignore": "__pycache__/\n"})
    projects.write(project, {"prefect/old": "", "requirements/prefect.txt": projects.LOCK})
    projects.commit(project)
    rehearsal = {"timeout": 20, "summary": "figures", "expect": {"records": {"min": 1}}}
    manifests: dict[str, Result] = {
        "staging": {"name": "nightly-dev", "rehearsal": rehearsal},
        "prod": {"name": "nightly-prod"},
    }
    files = {"prefect/flows/lab/nightly.py": projects.LAB.replace("lab-build", lab.solution)}
    for (directory, fields), ring in zip(manifests.items(), ("dev", "prod"), strict=True):
        manifest = {"extends": "nightly", "work_pool": f"{lab.solution}-{ring}", **fields}
        files[f"prefect/{directory}/nightly.yaml"] = yaml.safe_dump(manifest)
    projects.lab(project, files)
    return project


def test_a_push_is_foreseen_as_its_commit_says_and_not_as_the_checkout_that_runs(
    lab: RingLab, rings: Rings, proxy: Proxy
) -> None:
    project = _project(lab)
    here = rings(
        dev={
            "ring_overlay": "staging",
            "ring_project": str(project),
            "ring_manifest_dir": str(project / "prefect/staging"),
            "ring_flow_path": str(project / "prefect/flows"),
            "ring_gates": ["health"],
        }
    )
    done = here.play("promote.yml")
    assert done.code == 0, done.output
    stored = sorted(lab.directory.joinpath("store").rglob("*"))
    pushed = _pushed(project, lab.directory / "pushed")
    proxy.reset()

    foreseen = here.play("dev_on_push.yml", "-e", f"repository={pushed}", "--check", "--diff")
    assert foreseen.code == 0, foreseen.output
    assert f"update {lab.solution}/nightly-dev (" in foreseen.words
    assert "pushed-only" in foreseen.words
    assert "pushed_too" in foreseen.words
    assert (proxy.writes, lab.states()) == ([], ["Active"])
    assert sorted(lab.directory.joinpath("store").rglob("*")) == stored
    assert list(lab.directory.joinpath("push").iterdir()) == []


def test_another_project_is_foreseen_where_it_keeps_what_it_releases(lab: RingLab, rings: Rings, proxy: Proxy) -> None:
    project = _project(lab)
    other = _pushed(project, lab.directory / "pushed")
    projects.git(other, "mv", "prefect", "moved")
    projects.commit(other)
    here = rings(
        dev={
            "ring_overlay": "staging",
            "ring_project": str(project),
            "ring_manifest_dir": str(project / "prefect/staging"),
            "ring_flow_path": str(project / "prefect/flows"),
            "ring_paths": {"manifests": "moved", "flows": "moved/flows", "checks": "moved/checks"},
        }
    )
    proxy.reset()
    foreseen = here.play("promote.yml", "-e", f"ring_project={other}", "--check", "--diff")
    assert foreseen.code == 0, foreseen.output
    assert f"create {lab.solution}/nightly-dev" in foreseen.words
    assert "pushed-only" in foreseen.words
    assert "pushed_too" in foreseen.words
    assert (proxy.writes, lab.states()) == ([], [])


def _pushed(project: Path, clone: Path) -> Path:
    """A clone of the project with one more commit, which changes a manifest and what its flow takes."""
    projects.git(project, "clone", "--quiet", str(project), str(clone))
    flow, manifest = clone / "prefect/flows/lab/nightly.py", clone / "prefect/staging/nightly.yaml"
    flow.write_text(flow.read_text().replace("day: int", "day: int, *, pushed_too: int = 1"))
    manifest.write_text(manifest.read_text() + "tags: [pushed-only]\n")
    projects.commit(clone, "pushed")
    return clone


def test_drift_is_shown_refused_repaired_or_written_over_and_a_rollback_holds(
    lab: RingLab, rings: Rings, proxy: Proxy
) -> None:
    here = rings(dev={})
    first, second, third = (here.release(word) for word in ("first", "second", "third"))
    done = here.play("promote.yml", "-e", f"release={first}")
    assert done.code == 0, done.output
    assert sorted(here.deployments()) == ["first-dev", "refine-dev"]
    [run] = here.runs()
    assert run["id"] in done.output.partition("CUSTOM STATS")[2]
    assert here.deployments()["refine-dev"]["version"] == first

    here.meddle("refine-dev")
    proxy.reset()
    looked = here.play("reconcile.yml", "--check", "--diff")
    assert looked.code != 0, looked.output
    assert "Ring dev needs to be reconciled: 1 of its deployments differ from the Active release" in looked.words
    assert f"update {lab.solution}/refine-dev (tags)" in looked.words
    assert proxy.writes == []

    for release in (first, second):
        foreseen = here.play("promote.yml", "--check", "-e", f"release={release}")
        assert foreseen.code == 2, foreseen.output
        assert f"somebody changed {lab.solution}/refine-dev (update: tags)" in foreseen.words
    allowed = here.play("promote.yml", "--check", "-e", f"release={second}", "-e", "on_drift=overwrite")
    assert allowed.code == 0, allowed.output
    assert (proxy.writes, lab.states()) == ([], ["Active"])

    refused = here.play("promote.yml", "-e", f"release={second}")
    assert refused.code == 2, refused.output
    assert f"somebody changed {lab.solution}/refine-dev (update: tags)" in refused.words
    assert "failed before anything was written to its deployments" in refused.words
    assert not [line for line in here.writes if "/deployments/" in line]
    assert lab.states() == ["Active", "Failed"]

    # What came into the ledger meanwhile may be the beginning of a promotion.
    meanwhile = lab.release("meanwhile")
    proxy.before(
        lambda _hit: lab.do("hotpass_veto", release=meanwhile, reason="leaks"),
        method="POST",
        path=r"^/deployments/(filter|paginate)",
    )
    left = here.play("reconcile.yml")
    assert left.code == 2, left.output
    assert "Ring dev was left as it is, because somebody wrote to its ledger" in left.words
    assert "hotpass_verdict: inconclusive" in left.words
    assert here.deployments()["refine-dev"]["tags"] != ["first"]

    repaired = here.play("reconcile.yml")
    assert repaired.code == 0, repaired.output
    assert here.deployments()["refine-dev"]["tags"] == ["first"]
    assert here.play("reconcile.yml", "--check").code == 0

    here.meddle("refine-dev")
    over = here.play("promote.yml", "-e", f"release={second}", "-e", "on_drift=overwrite")
    assert over.code == 0, over.output
    assert f"Drift, which this promotion writes over: {lab.solution}/refine-dev" in over.words
    assert sorted(here.deployments()) == ["refine-dev", "second-dev"]

    back = here.play("rollback.yml", "-e", "reason='wrong figures'")
    assert back.code == 0, back.output
    assert lab.states() == ["Superseded", "Failed", "RolledBack", "Active"]
    assert sorted(here.deployments()) == ["first-dev", "refine-dev"]
    assert len(here.runs()) <= 2

    lab.wait_for_events()
    proxy.reset()
    held = here.play("promote.yml", "-e", f"release={second}")
    assert held.code == 2, held.output
    assert f"{second} is held in ring dev since" in held.words
    assert "wrong figures" in held.words
    # The one write is the place of the refusal's bundle in the chain of evidence.
    assert proxy.writes == ["POST /variables/"]

    vetoed = here.play("veto.yml", "-e", f"release={third} reason=leaks")
    assert (vetoed.code, vetoed.recap) == (0, {"dev": (2, 0)}), vetoed.output
    assert lab.chain().vetoes[third].detail["reason"] == "leaks"


def test_a_first_deployment_that_fails_leaves_the_ring_empty_and_the_next_ring_alone(
    lab: RingLab, rings: Rings, make_deployment: MakeDeployment
) -> None:
    here = rings(first={}, second={"ring_previous": {"ring": "first"}})
    release = here.release("bad", records=6)
    make_deployment(lab.solution, "bad-first", work_pool_name=here.pool("first"))
    failed = here.play("promote.yml", "-e", f"release={release}", "-e", "on_drift=overwrite")
    assert failed.code == 2, failed.output
    assert sorted(failed.recap) == ["first"]
    assert "records" in failed.words, failed.output
    assert "No release was ever Active here, so the ring is left empty" in failed.words, failed.output
    assert f"{release} is held in this ring" in failed.words
    assert lab.states("first") == ["RolledBack"]
    assert lab.states("second") == []
    # What was there before stays, paused; what the promotion made is gone.
    [(name, kept)] = here.deployments().items()
    assert (name, kept["paused"]) == ("bad-first", True)
    chain = lab.chain("first")
    assert (chain.active, list(chain.holds)) == (None, [release])
    [rolling_back] = [record for record in chain.records if record.state is State.ROLLING_BACK]
    [verdict] = rolling_back.detail["gates"]
    assert (verdict["name"], verdict["verdict"]) == ("rehearsal", "fail")


def test_what_a_dead_first_promotion_left_is_emptied_but_for_what_was_there_before(
    lab: RingLab, rings: Rings, make_deployment: MakeDeployment
) -> None:
    here = rings(dev={})
    release = here.release("new")
    make_deployment(lab.solution, "new-dev", work_pool_name=here.pool("dev"))
    lab.go("Queued", "Building", release=release)
    lab.go("Deploying", detail={"adopted": [f"{lab.solution}/new-dev"]})

    ended = here.play("reconcile.yml", "-e", "stale_seconds=0")
    assert ended.code == 0, ended.output
    assert lab.states() == ["RolledBack"]
    [(name, kept)] = here.deployments().items()
    assert (name, kept["paused"]) == ("new-dev", True)
    # That its promoter died says nothing of the release.
    assert lab.chain().holds == {}
    assert here.play("reconcile.yml", "--check").code == 0


def test_a_failed_promotion_brings_back_what_was_active_and_a_failed_rollback_waits_for_a_person(
    lab: RingLab, rings: Rings
) -> None:
    here = rings(dev={"ring_validate_wait_timeout": 1})
    good, bad, worse = here.release("good"), here.release("bad"), here.release("worse", records=6)
    assert here.play("promote.yml", "-e", f"release={good}").code == 0

    failed = here.play("promote.yml", "-e", f"release={worse}")
    assert failed.code == 2, failed.output
    assert f"Active is what was before, generation 1 with {good}" in failed.words
    assert lab.states() == ["Active", "RolledBack"]
    assert sorted(here.deployments()) == ["good-dev", "refine-dev"]
    assert {row["version"] for row in here.deployments().values()} == {good}

    # Active in the ledger, and so what a rollback is from.
    lab.promote(bad)
    here.pause_pool("dev")
    stuck = here.play("rollback.yml", "-e", "reason='wrong figures'", worker=False)
    assert stuck.code == 2, stuck.output
    assert "Ring dev is degraded: generation 4 failed" in stuck.words
    assert lab.states() == ["Superseded", "RolledBack", "RollbackFailed", "RollbackFailed"]
    assert lab.chain().degraded
    assert {row["version"] for row in here.deployments().values()} == {good}

    mended = here.play("reconcile.yml")
    assert mended.code == 0, mended.output
    assert not lab.chain().degraded
    active = lab.chain().active
    assert active is not None
    assert active.release == good


def test_a_rejection_and_a_silence_end_what_waits(lab: RingLab, rings: Rings, proxy: Proxy) -> None:
    here = rings(dev={"ring_gates": ["approval", "health"]})
    release = here.release("one")
    wait = ("Queued", "Building", "AwaitingApproval")
    lab.go(*wait, release=release)
    rejected = here.play("approve.yml", "-e", "decision=reject comment=never actor_user=bob.user")
    assert rejected.code == 0, rejected.output
    assert "is rejected; playbooks/promote.yml ends it" in rejected.words
    ended = here.play("promote.yml", "-e", f"release={release}")
    assert ended.code == 2, ended.output
    assert "Generation 1 of ring dev is Rejected, and nothing was written to its deployments" in ended.words
    assert "rejected by bob" in ended.words

    lab.go(*wait, release=release)
    expired = here.play("promote.yml", "-e", f"release={release} ring_approval_seconds=0")
    assert expired.code == 2, expired.output
    assert "Generation 2 of ring dev is Expired" in expired.words
    assert lab.states() == ["Rejected", "Expired"]
    assert not [line for line in proxy.writes if "/deployments/" in line]
