# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every job template of ``roles/awx_setup`` run by ansible-runner as AWX runs it, a workflow's jobs one after another.

One site serves all tests, which follow each other as its days would: a work tree that is deployed, a release that goes
from ring to ring, drift, a push that is taken back, a rehearsal and a backfill, and what AWX shows when something is
wrong.
"""

from __future__ import annotations

import re
import socket
import typing as t
from pathlib import Path

import pytest

from tests.support.awx_like_runner import Job
from tests.support.awx_like_runner_data import JOB_TEMPLATES, Credential
from tests.support.awx_like_runner_site import BACKFILL, Site
from tests.support.shapes import Result

pytestmark = [pytest.mark.integration, pytest.mark.e2e]

Launch = t.Callable[..., Job]
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PRODUCTION = "hotpass-refinement-pipeline/hotpass-refinement"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("runner"))
    yield made
    made.stop()


@pytest.fixture
def launch(site: Site) -> t.Iterator[Launch]:
    """Launches a job; alice does, if nobody is named. What any job shows has no secret in it."""
    jobs: list[Job] = []

    def run(template: str, ring: str, user: str = "alice", **given: t.Any) -> Job:
        jobs.append(site.awx.launch(template, ring, user=user, **given))
        return jobs[-1]

    yield run
    for job in jobs:
        shown = job.stdout + str(job.events)
        assert not [secret for secret in site.secrets if secret in shown]
        assert "Traceback" not in shown


def _told(job: Job) -> Result:
    """What a job hands on to the next, without the figures of the ring."""
    return {key.removeprefix("hotpass_"): value for key, value in job.artifacts.items() if key in _KEYS}


_KEYS = [f"hotpass_{key}" for key in ("ring", "release", "generation", "state", "verdict", "evidence")]


def test_a_release_goes_from_ring_to_ring_by_what_each_job_hands_on(site: Site, launch: Launch) -> None:
    deployed = launch("deploy", "dev", answers={"flows": "refinement"})
    assert deployed.rc == 0, deployed.stdout
    nothing = {"release": "", "generation": "", "state": "", "evidence": ""}
    assert _told(deployed) == {**nothing, "ring": "dev", "verdict": "pass"}

    first = launch("promote", "dev")
    assert first.rc == 0, first.stdout
    release = first.artifacts["hotpass_release"]
    assert _DIGEST.fullmatch(release)
    assert _told(first) == {
        "ring": "dev",
        "release": release,
        "generation": 1,
        "state": "Active",
        "verdict": "pass",
        "evidence": first.artifacts["hotpass_evidence"],
    }
    assert (Path(first.artifacts["hotpass_evidence"]) / "seal.dsse.json").is_file()
    assert "asked for by promoter" in first.words

    second = launch("promote", "staging", artifacts=first.artifacts)
    assert second.rc == 0, second.stdout
    assert (second.artifacts["hotpass_ring"], second.artifacts["hotpass_release"]) == ("staging", release)
    assert "it was handed on by the job before (hotpass_release), which made it Active in ring dev" in second.words

    waits = launch("promote", "production", artifacts=second.artifacts)
    assert waits.rc == 0, waits.stdout
    there = {"ring": "production", "release": release, "generation": 1, "evidence": ""}
    assert _told(waits) == {**there, "state": "AwaitingApproval", "verdict": "waiting"}

    own = launch("approve", "production", answers={"comment": "my own"}, add=[site.approver("alice")])
    assert (own.rc, site.chain("production").active) == (2, None), own.stdout
    assert "alice" in own.last
    assert "ring production" in own.last.lower()

    missing = launch("promote", "production", answers={"awaiting": "fail"}, artifacts=waits.artifacts)
    assert missing.rc == 2, missing.stdout
    assert missing.last.startswith("Generation 1 of ring production waits for approval: 0 of 1 approvals are there")
    assert "given by alice or bob, and not by alice, who asked for it" in missing.last
    assert 'launch the job template "Hotpass approve production"' in missing.last
    assert f"playbooks/approve.yml -i inventories/production -e release={release} -e comment=..." in missing.last
    assert _told(missing) == {**there, "state": "AwaitingApproval", "verdict": "waiting"}

    given = launch("approve", "production", user="bob", answers={"comment": "seen"}, add=[site.approver("bob")])
    assert given.rc == 0, given.stdout
    assert _told(given) == {**there, "state": "AwaitingApproval", "verdict": "pass"}

    done = launch("promote", "production", answers={"awaiting": "fail"}, artifacts=waits.artifacts)
    assert done.rc == 0, done.stdout
    assert _told(done) == {**there, **_told(done), "state": "Active", "verdict": "pass"}
    active = site.chain("production").active
    assert active is not None
    assert (active.release, active.requested_by.user, active.requested_by.name) == (release, "alice", "promoter")


def test_drift_is_reported_and_reconciled(site: Site, launch: Launch) -> None:
    clean = launch("drift", "production")
    assert clean.rc == 0, clean.stdout
    assert (clean.artifacts["hotpass_state"], clean.artifacts["hotpass_verdict"]) == ("Active", "pass")

    site.deployment(_PRODUCTION, tags=["by-hand"])
    drifted = launch("drift", "production")
    assert drifted.rc == 2, drifted.stdout
    assert drifted.last.startswith(
        "Ring production needs to be reconciled: 1 of its deployments differ from the Active release."
    )
    assert "Active in ring production is generation 1 with sha256:" in drifted.last
    assert (drifted.artifacts["hotpass_state"], drifted.artifacts["hotpass_verdict"]) == ("Active", "fail")

    mended = launch("reconcile", "production")
    assert mended.rc == 0, mended.stdout
    assert site.deployment(_PRODUCTION)["tags"] != ["by-hand"]
    assert _told(mended) == {**_told(drifted), "verdict": "pass"}


def test_a_push_is_promoted_and_taken_back(site: Site, launch: Launch) -> None:
    before = site.chain("dev").active
    assert before is not None
    site.commit("another word")
    pushed = launch("push", "dev")
    assert pushed.rc == 0, pushed.stdout
    assert (pushed.artifacts["hotpass_state"], pushed.artifacts["hotpass_generation"]) == ("Active", 2)
    assert pushed.artifacts["hotpass_release"] != before.release

    back = launch("rollback", "dev", answers={"reason": "wrong figures"})
    assert back.rc == 0, back.stdout
    expected = {"ring": "dev", "release": before.release, "generation": 3, "state": "Active", "verdict": "pass"}
    assert _told(back) == {**expected, "evidence": back.artifacts["hotpass_evidence"]}

    held = launch("promote", "dev", answers={"release": pushed.artifacts["hotpass_release"]})
    assert held.rc == 2, held.stdout
    assert held.last.startswith(f"{pushed.artifacts['hotpass_release']} is held in ring dev since")
    assert f"Active in ring dev is generation 3 with {before.release}." in held.last
    assert held.artifacts["hotpass_verdict"] == "refused"
    assert held.last.endswith(f"Evidence: {held.artifacts['hotpass_evidence']}")
    assert Path(held.artifacts["hotpass_evidence"]).is_dir()


def test_the_backfill_is_rehearsed_and_carried_out(site: Site, launch: Launch) -> None:
    rehearsed = launch("rehearse", "dev", answers={"since": "2024-01-01"})
    assert rehearsed.rc == 0, rehearsed.stdout
    assert rehearsed.artifacts["hotpass_verdict"] == "pass"
    assert (Path(rehearsed.artifacts["hotpass_evidence"]) / "summary.json").is_file()

    replayed = launch("backfill", "dev", answers={"since": "2024-01-01", "until": "2024-01-02"})
    assert replayed.rc == 0, replayed.stdout
    assert (replayed.artifacts["hotpass_verdict"], replayed.artifacts["hotpass_state"]) == ("pass", "Active")

    site.deployment(BACKFILL, concurrency_limit=9)
    deviates = launch("rehearse", "dev", answers={"since": "2024-01-01"})
    assert deviates.rc == 2, deviates.stdout
    assert deviates.last.startswith("The rehearsal of ring dev stopped at inspect:")
    assert "declared.concurrency_limit is 9 and has to be 2" in deviates.last
    assert _told(deviates) == {**_told(rehearsed), "verdict": "fail", "evidence": _told(deviates)["evidence"]}
    assert Path(deviates.artifacts["hotpass_evidence"]).is_dir()


def test_what_is_wrong_is_the_last_that_is_said(site: Site, launch: Launch) -> None:
    foreign = {"hotpass_ring": "dev", "hotpass_state": "Active", "hotpass_release": "latest; {{ 1 + 1 }}"}
    refused = launch("promote", "staging", artifacts=foreign)
    assert refused.rc == 2, refused.stdout
    assert "is 'latest; {{ 1 + 1 }}'; allowed is sha256: and 64 hexadecimal digits" in refused.last

    stranger = Credential("Prefect", {"api_url": site.server.api_url, "auth_string": "jobs:not-the-password"})
    site.awx.credentials["Prefect staging"] = stranger
    unknown = launch("drift", "staging")
    assert unknown.rc == 2, unknown.stdout
    assert unknown.last.startswith("Reconciling in ring staging failed:")
    assert "401" in unknown.last
    assert "What is Active in ring staging could not be read." in unknown.last
    assert _told(unknown) == {
        "ring": "staging",
        "release": "",
        "generation": "",
        "state": "",
        "verdict": "error",
        "evidence": "",
    }

    # Bound and never listened to: nobody answers there, and nobody else gets the port meanwhile.
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        nobody = Credential("Prefect", {"api_url": f"http://127.0.0.1:{held.getsockname()[1]}/api"})
        site.awx.credentials["Prefect staging"] = nobody
        dead = launch("promote", "staging")
    assert dead.rc == 2, dead.stdout
    assert dead.last.startswith("Promoting in ring staging failed:")
    assert "What is Active in ring staging could not be read." in dead.last
    assert dead.artifacts["hotpass_verdict"] == "error"


def test_each_job_template_was_run(site: Site) -> None:
    assert site.awx.launched == set(JOB_TEMPLATES)
