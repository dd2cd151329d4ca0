# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks as a person starts them, against the live server; the proxy sees what they write."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.reading import DEPLOYMENTS, FLOW_RUNS, read_all
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.conftest import ROOT
from tests.support.proxy import Proxy
from tests.support.shapes import Result, Unique

pytestmark = pytest.mark.integration

_RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=0\s+failed=(\d+)", re.MULTILINE)
_FAILURE = re.compile(r"^(?:fatal|failed): \[(\w+)\]", re.MULTILINE)
_REHEARSAL = {"timeout": 30, "summary": "figures", "expect": {"records": {"min": 1}}}


@dataclasses.dataclass(frozen=True)
class Play:
    """What one ``ansible-playbook`` said."""

    code: int
    output: str

    @property
    def recap(self) -> dict[str, tuple[int, int]]:
        """Tasks changed and failed, by host."""
        return {host: (int(changed), int(failed)) for host, changed, failed in _RECAP.findall(self.output)}

    @property
    def words(self) -> str:
        """The output with every run of white space, line breaks included, as one space."""
        return " ".join(self.output.split())


class Site:
    """Rings of one test: an inventory, an overlay each, and a work pool each."""

    def __init__(self, directory: Path, proxy: Proxy, session: Session, flow: str, rings: t.Sequence[str]) -> None:
        self._directory = directory
        self._proxy = proxy
        self._session = session
        self.flow = flow
        hosts = {ring: self._settings(ring) for ring in rings}
        (directory / "hosts.yml").write_text(yaml.safe_dump({"ring": {"hosts": hosts}}, sort_keys=False))
        for ring in rings:
            session.write("POST", "/work_pools/", {"name": self.pool(ring), "type": "process"})

    def _settings(self, ring: str) -> Result:
        return {
            "ring": ring,
            "solution": self.flow,
            "ring_manifest_dir": str(self._directory / ring),
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ring_validate_wait_timeout": 1,
        }

    def pool(self, ring: str) -> str:
        return f"{self.flow}-{ring}"

    def manifest(self, ring: str, name: str, **fields: t.Any) -> None:
        """Write a manifest of a deployment of that name into the ring's overlay."""
        content = {
            "id": name,
            "name": name,
            "flow": "hotpass.orchestration:refinement_pipeline_flow",
            "flow_name": self.flow,
            "work_pool": self.pool(ring),
            **fields,
        }
        (self._directory / ring).mkdir(exist_ok=True)
        (self._directory / ring / f"{name}.yaml").write_text(yaml.safe_dump(content))

    def play(self, playbook: str, *arguments: str) -> Play:
        """Run one of the playbooks on every ring of the site."""
        settings = ("prefect_embedded=false", f"prefect_api_url={self._proxy.api_url}")
        command = [Path(sys.executable).parent / "ansible-playbook", ROOT / "playbooks" / playbook]
        command += ["-i", self._directory / "hosts.yml", *(word for entry in settings for word in ("-e", entry))]
        done = subprocess.run(
            [*map(str, command), *arguments],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_SHOW_CUSTOM_STATS": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Play(done.returncode, done.stdout + done.stderr)

    def deployments(self) -> dict[str, Result]:
        """The server's deployments of this site, by name."""
        rows = read_all(self._session, DEPLOYMENTS, filters.deployments(flow_names=[self.flow]))
        return {row["name"]: row for row in rows}

    def runs(self) -> list[Result]:
        """Every flow run of this site's deployments."""
        ids = [row["id"] for row in self.deployments().values()]
        return read_all(self._session, FLOW_RUNS, filters.flow_runs(deployment_ids=ids)) if ids else []

    def be_worker(self, ring: str) -> None:
        """Give the signs of life of a worker, which also make the pool's deployments READY, and take no work."""
        pool = f"/work_pools/{self.pool(ring)}"
        self._session.write("POST", f"{pool}/workers/heartbeat", {"name": "idle"})
        self._session.write("POST", f"{pool}/get_scheduled_flow_runs", {})


@pytest.fixture
def site(tmp_path: Path, proxy: Proxy, session: Session, unique: Unique) -> t.Callable[..., Site]:
    """Makes the rings of a test: ``site("first", "second")``."""
    return lambda *rings: Site(tmp_path, proxy, session, unique("play"), rings)


def test_deploy_creates_what_is_chosen_then_the_rest_then_nothing(site: t.Callable[..., Site], proxy: Proxy) -> None:
    here = site("dev")
    for name in ("refine", "mend", "fill"):
        here.manifest("dev", name)

    predicted = here.play("deploy.yml", "--check", "--diff")
    assert predicted.code == 0, predicted.output
    assert "3 to create" in predicted.words
    assert proxy.writes == []

    chosen = here.play("deploy.yml", "-e", "flows=refine,mend")
    assert (chosen.code, chosen.recap) == (0, {"dev": (1, 0)}), chosen.output
    assert sorted(here.deployments()) == ["mend", "refine"]

    rest = here.play("deploy.yml")
    assert (rest.code, rest.recap) == (0, {"dev": (1, 0)}), rest.output
    assert sorted(here.deployments()) == ["fill", "mend", "refine"]

    proxy.reset()
    again = here.play("deploy.yml", "-e", "flows=")
    assert (again.code, again.recap) == (0, {"dev": (0, 0)}), again.output
    assert "3 unchanged" in again.words
    assert proxy.writes == []


def test_what_somebody_else_writes_after_the_apply_fails_the_read_back(
    site: t.Callable[..., Site], proxy: Proxy, session: Session
) -> None:
    here = site("dev")
    here.manifest("dev", "refine", tags=["mine"])
    applied = here.play("deploy.yml")
    assert applied.code == 0, applied.output

    here.manifest("dev", "refine", tags=["newer"])
    deployment = here.deployments()["refine"]["id"]
    reads: list[int] = []

    # The apply itself looks at what it wrote; the next look is the read-back's.
    def meddle(number: int) -> None:
        if proxy.writes:
            reads.append(number)
        if len(reads) == 2:
            session.write("PATCH", f"/deployments/{deployment}", {"tags": ["theirs"]})

    proxy.reset()
    proxy.before(meddle, times=None, method="POST", path=r"^/deployments/(filter|paginate)")
    failed = here.play("deploy.yml")
    assert (failed.code, failed.recap) == (2, {"dev": (1, 1)}), failed.output
    assert f"Read back from the server of ring dev, {here.flow}/refine is not what the manifests say" in failed.words
    assert here.deployments()["refine"]["tags"] == ["theirs"]


def test_a_failed_rehearsal_ends_the_promotion_before_the_next_ring(site: t.Callable[..., Site]) -> None:
    here = site("first", "second")
    here.manifest("first", "refine-first", rehearsal={**_REHEARSAL, "timeout": 1})
    here.manifest("second", "refine-second")
    here.be_worker("first")

    failed = here.play("promote.yml")
    assert (failed.code, failed.recap) == (2, {"first": (1, 1)}), failed.output
    assert _FAILURE.findall(failed.output) == ["first"]
    assert f"of '{here.flow}/refine-first' did not end within 1 s" in failed.words, failed.output
    assert "Traceback" not in failed.output
    assert sorted(here.deployments()) == ["refine-first"]


def test_a_passed_rehearsal_is_repeated_only_when_asked(
    site: t.Callable[..., Site], proxy: Proxy, session: Session
) -> None:
    here = site("dev")
    here.manifest("dev", "refine", rehearsal=_REHEARSAL)
    here.be_worker("dev")

    def work(_number: int) -> None:
        here.be_worker("dev")
        for run in here.runs():
            if run["state_type"] != "COMPLETED":
                figures = {"key": "figures", "type": "result", "data": {"records": 5}, "flow_run_id": run["id"]}
                session.write("POST", "/artifacts/", figures)
                session.write("POST", f"/flow_runs/{run['id']}/set_state", {"state": {"type": "COMPLETED"}})

    proxy.before(work, times=None, path=r"^/flow_runs/[0-9a-f-]{36}$")
    counts = []
    for arguments in ((), (), ("-e", "rehearse=always")):
        done = here.play("promote.yml", *arguments)
        assert done.code == 0, done.output
        counts.append((done.recap["dev"][0], len(here.runs())))
    assert counts == [(2, 1), (0, 1), (1, 2)]

    stats = done.output.partition("CUSTOM STATS")[2]
    assert "hotpass_rings" in stats
    assert any(run["id"] in stats for run in here.runs())
