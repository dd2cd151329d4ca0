# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``playbooks/resume.yml`` in a ring with an Active release, and what the ring's other playbooks make of its date."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.flow_code import FlowCode
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.declared import PREFIX
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release.config import Overlay

from tests.support.proxy import Proxy
from tests.support.ring_lab import RingLab
from tests.support.ring_plays import Play, RingPlays
from tests.support.shapes import Result

pytestmark = pytest.mark.integration
pytest_plugins = ["tests.support.rings"]

_FLOW = b"""\
def say(since: str | None = None, incremental: bool = False) -> None:
    pass
"""
_SCHEMA: Result = {
    "type": "object",
    "properties": {"since": {"type": ["string", "null"]}, "incremental": {"type": "boolean"}},
}
_PARAMETERS: Result = {"since": None, "incremental": True}


class Ring:
    """The ring ``dev`` with the deployments ``refine``, which is rehearsed, and ``mend``."""

    def __init__(self, lab: RingLab, proxy: Proxy, session: Session) -> None:
        self.lab, self.proxy = lab, proxy
        self.here = RingPlays(lab, proxy, session, {"dev": {}})

    def release(self, word: str) -> str:
        """Put a release into the store."""
        common = {"flow": "lab.flow:say", "work_pool": self.here.pool("dev"), "parameters": _PARAMETERS, "tags": [word]}
        rehearsal = {"timeout": 20, "summary": "figures", "expect": {"records": {"min": 1}}}
        manifests: dict[str, Result] = {"refine": {"rehearsal": rehearsal}, "mend": {}}
        files = {"flows/lab/flow.py": _FLOW}
        for name, fields in manifests.items():
            document = {"id": name, "name": f"nightly-{name}", **common, **fields}
            files[f"manifests/dev/{name}.yaml"] = yaml.safe_dump(document).encode()
        code = FlowCode(self.lab.solution, "lab/flow.py:say", _SCHEMA, hashlib.sha256(_FLOW).hexdigest())
        overlays = (Overlay("dev", tuple(sorted(manifests))),)
        return self.lab.release(word, files=files, flows={"lab.flow:say": code}, overlays=overlays)

    def play(self, playbook: str, *given: str) -> Play:
        """Run one of the playbooks, with nothing counted before it."""
        self.lab.wait_for_events()
        self.proxy.reset()
        arguments = [argument for extra in given for argument in (("-e", extra) if "=" in extra else (extra,))]
        return self.here.play(playbook, *arguments)

    def resume(self, *given: str) -> Play:
        """Run the playbook under test on the deployment of ``refine``."""
        return self.play("resume.yml", "flow=refine", "actor_user=ada", *given)

    @property
    def deployment(self) -> Result:
        """What ``refine`` deploys."""
        return self.here.deployments()["nightly-refine"]

    def is_declared(self) -> bool:
        """Whether its parameters have the date, and its labels declare it; false when neither do."""
        row = self.deployment
        date, said = row["parameters"]["since"], {key for key in row["labels"] if key.startswith(PREFIX)}
        assert (date, len(said)) in (("2024-11-01", 4), (None, 0))
        return bool(said)

    def writes(self) -> list[str]:
        """What the last play wrote to the server."""
        return self.here.writes


@pytest.fixture
def bare(lab: RingLab, proxy: Proxy, session: Session) -> Ring:
    """Nothing is Active."""
    return Ring(lab, proxy, session)


@pytest.fixture
def ring(bare: Ring) -> Ring:
    """A release is Active."""
    made = bare
    done = made.play("promote.yml", f"release={made.release('first')}")
    assert done.code == 0, done.output
    return made


def test_a_date_is_resumed_from_kept_by_what_looks_and_reset_by_what_applies(ring: Ring) -> None:
    first = ring.lab.chain().generations[0].release
    rehearsed = len(ring.here.runs())
    foreseen = ring.resume("since=2024-11-01", "persist=true", "--check", "--diff")
    assert foreseen.code == 0, foreseen.output
    assert ring.writes() == []
    assert "run (to be started) from 2024-11-01 is Scheduled" in foreseen.words

    once = ring.resume("since=2024-11-01")
    assert (once.code, once.recap) == (0, {"dev": (1, 0)}), once.output
    assert "from 2024-11-01 is Completed" in once.words
    assert "records: 5" in once.words
    again = ring.resume("since=2024-11-01")
    assert (again.code, again.recap, ring.writes()) == (0, {"dev": (0, 0)}, []), again.output
    assert "is Completed, and was done before" in again.words
    assert len(ring.here.runs()) == rehearsed + 1
    assert not ring.is_declared()

    declared = f"{ring.lab.solution}/nightly-refine: parameters.since is"
    lasting = ring.resume("since=2024-11-01", "persist=true")
    assert (lasting.code, lasting.recap) == (0, {"dev": (1, 0)}), lasting.output
    assert ring.writes() == ["POST /deployments/"]
    assert "its scheduled runs go on from 2024-11-01, declared by ada at" in lasting.words
    assert ring.is_declared()

    status = ring.play("status.yml")
    assert (status.code, ring.writes()) == (0, []), status.output
    assert "alice none" in status.words
    assert f'declared {declared} "2024-11-01" where the manifest says null, by ada at' in status.words
    for playbook, *given in (
        ("promote.yml", f"release={first}"),
        ("reconcile.yml", "--check", "--diff"),
        ("reconcile.yml",),
    ):
        looked = ring.play(playbook, *given)
        assert (looked.code, looked.recap, ring.writes()) == (0, {"dev": (0, 0)}, []), looked.output
        assert f"declared difference, kept: {declared}" in looked.words
    assert ring.is_declared()

    # A change beside it is drift, and what brings the release back resets the date as well.
    ring.here.meddle("nightly-refine")
    looked = ring.play("reconcile.yml", "--check", "--diff")
    assert looked.code == 2, looked.output
    assert f"update {ring.lab.solution}/nightly-refine (tags)" in looked.words
    assert "1 of its deployments differ" in looked.words
    refused = ring.play("promote.yml", f"release={first}")
    assert refused.code == 2, refused.output
    assert f"somebody changed {ring.lab.solution}/nightly-refine (update: tags)." in refused.words
    assert ring.is_declared()
    repaired = ring.play("reconcile.yml")
    assert repaired.code == 0, repaired.output
    assert f"declared difference, reset: {declared}" in repaired.words
    assert not ring.is_declared()
    assert ring.deployment["parameters"] == _PARAMETERS


def test_another_release_resets_the_date_and_reset_takes_it_back_alone(ring: Ring) -> None:
    lasting = ring.resume("since=2024-11-01", "persist=true")
    assert lasting.code == 0, lasting.output
    assert ring.is_declared()
    back = ring.resume("reset=true")
    assert (back.code, back.recap, ring.writes()) == (0, {"dev": (1, 0)}, ["POST /deployments/"]), back.output
    assert "goes on as it did before 2024-11-01 became its default, by ada at" in back.words
    assert not ring.is_declared()
    again = ring.resume("reset=true")
    assert (again.code, again.recap, ring.writes()) == (0, {"dev": (0, 0)}, []), again.output
    assert "no date is declared to be its default" in again.words

    assert ring.resume("since=2024-11-01", "persist=true").code == 0
    promoted = ring.play("promote.yml", f"release={ring.release('second')}")
    assert promoted.code == 0, promoted.output
    assert "declared difference, kept" in promoted.words
    assert "declared difference, to be reset" in promoted.words
    assert "declared difference, reset" in promoted.words
    assert not ring.is_declared()

    for given, sentence in (
        (["since=2024-11-01", "flow=polish"], "Ring dev has no manifest polish in its Active release; it has mend, "),
        (["since=2024-11-01", "reset=true"], "Say which manifest's deployment goes on from which date"),
        (["since=yesterday"], "since is 'yesterday', which is no date"),
    ):
        refused = ring.resume(*given)
        assert (refused.code, ring.writes()) == (2, []), refused.output
        assert sentence in refused.words


def test_a_ring_that_was_deployed_from_the_work_tree_is_resumed_until_a_promotion_writes_to_it(
    bare: Ring, tmp_path: Path
) -> None:
    manifest = {
        "id": "refine",
        "name": "nightly-refine",
        "flow": "hotpass.orchestration:refinement_pipeline_flow",
        "flow_name": bare.lab.solution,
        "work_pool": bare.here.pool("dev"),
        "parameters": _PARAMETERS,
    }
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "refine.yaml").write_text(yaml.safe_dump(manifest), encoding="utf-8")
    given = f"manifest_dir={tree}"
    missing = bare.resume("since=2024-11-01", given)
    assert missing.code == 2, missing.output
    assert (
        f"There is no deployment '{bare.lab.solution}/nightly-refine' on the server; deploy it first." in missing.words
    )
    deployed = bare.play("deploy.yml", given)
    assert deployed.code == 0, deployed.output
    lasting = bare.resume("since=2024-11-01", "persist=true", given)
    assert (lasting.code, bare.is_declared()) == (0, True), lasting.output
    foreseen = bare.play("deploy.yml", given, "--check", "--diff")
    assert (foreseen.code, bare.writes()) == (0, []), foreseen.output
    assert "declared difference, to be reset" in foreseen.words
    assert f"update {bare.lab.solution}/nightly-refine (labels, parameters)" in foreseen.words
    applied = bare.play("deploy.yml", given)
    assert (applied.code, bare.is_declared()) == (0, False), applied.output
    assert "declared difference, reset" in applied.words

    bare.lab.go("Queued", "Building", "Deploying", release=bare.release("first"))
    refused = bare.resume("since=2024-11-01", given)
    assert (refused.code, bare.writes()) == (2, []), refused.output
    assert "Ring dev is being written to: generation 1 is Deploying." in refused.words
