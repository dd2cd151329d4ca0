# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``playbooks/backfill.yml`` in a ring with an Active release; a thread stands for the worker."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.flow_code import FlowCode
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.limit_names import limit_name
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session, quote
from ansible_collections.hotpass.prefect.plugins.module_utils.release.config import Overlay

from tests.support import backfill_lab
from tests.support import backfill_worker as ends
from tests.support.backfill_worker import BackfillWorker
from tests.support.proxy import Proxy
from tests.support.ring_lab import RingLab
from tests.support.ring_plays import Play, RingPlays
from tests.support.server import PrefectServer, free_port
from tests.support.shapes import Result

pytestmark = pytest.mark.integration
pytest_plugins = ["tests.support.rings"]

_FLOW = b"""def replay(runs: list = [], **more: object) -> None:
    pass
"""
_SCHEMA: Result = {"type": "object", "properties": {}, "additionalProperties": True}


class Ring:
    """The ring ``dev`` with one deployment, ``replay``."""

    def __init__(self, lab: RingLab, proxy: Proxy, session: Session) -> None:
        self.lab, self.proxy, self.session = lab, proxy, session
        self.key = f"{lab.solution}/backfill"
        self.here = RingPlays(lab, proxy, session, {"dev": {"backfill_home": str(lab.directory / "home")}})
        (lab.directory / "home" / "dist" / "input-archives").mkdir(parents=True)

    def release(self, manifest_id: str = "backfill") -> str:
        """Put a release into the store."""
        document = {
            "id": manifest_id,
            "name": "replay",
            "flow": "lab.flow:replay",
            "work_pool": self.here.pool("dev"),
            "concurrency_limit": 2,
            "parameters": {
                "parameters": {"pipeline": {"backfill": True}},
                "concurrency_limit": 2,
                "concurrency_key": self.key,
            },
        }
        files = {"flows/lab/flow.py": _FLOW, f"manifests/dev/{manifest_id}.yaml": yaml.safe_dump(document).encode()}
        code = FlowCode(self.lab.solution, "lab/flow.py:replay", _SCHEMA, hashlib.sha256(_FLOW).hexdigest())
        return self.lab.release(
            manifest_id, files=files, flows={"lab.flow:replay": code}, overlays=(Overlay("dev", (manifest_id,)),)
        )

    def promote(self, release: str) -> None:
        done = self.here.play("promote.yml", "-e", f"release={release}", "-e", "{ring_gates: [health]}")
        assert done.code == 0, done.output

    def backfill(self, *given: str) -> Play:
        """Run the playbook; what is no flag is a variable."""
        self.lab.wait_for_events()
        self.proxy.reset()
        arguments = [part for one in given for part in ((one,) if one.startswith("--") else ("-e", one))]
        return self.here.play("backfill.yml", *arguments, worker=False)


@pytest.fixture
def ring(lab: RingLab, proxy: Proxy, session: Session) -> Ring:
    return Ring(lab, proxy, session)


def test_a_ring_replays_reports_and_goes_on(ring: Ring, server: PrefectServer, tmp_path: Path) -> None:
    ring.promote(ring.release())
    row = ring.here.deployments()["replay"]
    week = ("start_date=2024-01-01", "end_date=2024-01-02", "versions=1,2")
    seen = ring.backfill(*week, "--check", "--diff")
    assert seen.code == 0, seen.output
    assert ring.here.writes == []
    assert "check mode: nothing was written" in seen.words
    assert "archives that are not there: hotpass-inputs-20240101-v1.zip, " in seen.words
    assert "4 would run; at most 2 at once, limit " in seen.words

    log = tmp_path / "progress.log"
    with BackfillWorker(server.api_url, row["id"]) as worker:
        worker.endings["2024-01-02 2"] = [ends.FAIL]
        failed = ring.backfill(*week, "on_error=continue", f"log_path={log}")
        assert failed.code == 2
        assert "1 of 4 windows failed: 2024-01-02 2: no such archive." in failed.words
        assert "3 of 4 windows completed (0 of them earlier), 1 failed, 0 in flight, 0 not run" in failed.words
        # The progress is shown while it goes on, before the task's result.
        progress = failed.output.index("[1/4] 2024-01-01 1: submitted as")
        assert progress < failed.output.index("TASK [hotpass.prefect.backfill : Report]")
        assert "[4/4] 2024-01-02 2: failed" in log.read_text()

        done = ring.backfill(*week)
        assert (done.code, done.recap["dev"][1]) == (0, 0), done.output
        assert "4 of 4 windows completed (3 of them earlier)" in done.words
        assert "40 records" in done.words
        assert "hotpass_backfills: dev: check: false code: null metrics: created_runs: 1 earlier_runs: 3" in done.words
        assert "outcome: completed" in done.words
        assert "runtime: prefect" in done.words

        path = f"/v2/concurrency_limits/{quote(limit_name(ring.key))}"
        ring.session.write("PATCH", path, {"limit": 7})
        ring.session.write("PATCH", f"/deployments/{row['id']}", {"concurrency_limit": 9})
        own = ring.here.deployments()["replay"]["global_concurrency_limit"]
        drifted = {"active": False, "slot_decay_per_second": 5}
        ring.session.write("PATCH", f"/v2/concurrency_limits/{own['id']}", drifted)
        refused = ring.backfill(*week, "batch=again")
        assert refused.code == 2
        assert "and its manifest declares 2; -e restore_guardrails=true restores it." in refused.words
        restored = ring.backfill(*week, "batch=again", "restore_guardrails=true")
        assert restored.code == 0, restored.output
        assert ring.session.get(path)["limit"] == 2
        own = ring.here.deployments()["replay"]["global_concurrency_limit"]
        assert (own["limit"], own["active"], own["slot_decay_per_second"]) == (2, True, 0.0)

    # Nothing is restored over a promotion that is under way.
    ring.lab.go("Queued", "Building", "Deploying", release=ring.release("refine"))
    ring.session.write("PATCH", path, {"limit": 7})
    busy = ring.backfill(*week, "restore_guardrails=true")
    assert (busy.code, ring.here.writes) == (2, []), busy.output
    assert "Ring dev is being written to: generation 2 is Deploying. Nothing was restored;" in busy.words


def test_a_release_without_a_backfill_is_told_in_one_sentence(ring: Ring) -> None:
    ring.promote(ring.release("refine"))
    refused = ring.backfill("start_date=2024-01-01")
    assert refused.code == 2
    assert "There is no manifest 'backfill' in " in refused.words
    assert "so there is no deployment to replay archives with; there are: refine." in refused.words


def test_without_a_server_the_code_is_named_and_one_that_hangs_up_stops_the_play(ring: Ring) -> None:
    backfill_lab.write_archives(ring.lab.directory / "home" / "dist" / "input-archives", days=1)
    options = (
        "start_date=2024-01-01",
        "fallback=local",
        f"manifest_dir={backfill_lab.MANIFESTS}",
        f"backfill_flow_path={backfill_lab.FLOWS}",
    )
    done = ring.backfill(*options, f"prefect_api_url=http://127.0.0.1:{free_port()}/api")
    assert done.code == 0, done.output
    assert f"the code is that of {backfill_lab.FLOWS}, which no release vouches for" in done.words
    assert f"hotpass_backfills: dev: check: false code: {backfill_lab.FLOWS} metrics:" in done.words
    assert "outcome: completed release: null run_ids: [] runtime: local" in done.words

    with Proxy(ring.proxy.api_url) as broken:
        broken.drop(before=True, times=None)
        refused = ring.backfill(*options, f"prefect_api_url={broken.api_url}")
    assert refused.code == 2
    assert "reached no Prefect server" in refused.words
    assert "TASK [hotpass.prefect.backfill : Replay the windows]" not in refused.output
