# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks as a person starts them, against the live server; the proxy sees what they write."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.reading import DEPLOYMENTS, read_all
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.conftest import ROOT
from tests.support.proxy import Proxy
from tests.support.ring_lab import FIRST, RingLab
from tests.support.ring_plays import Play, play
from tests.support.shapes import Door, Result, Unique

pytestmark = pytest.mark.integration
_WITHOUT_RING = {"awx_setup.yml", "stop.yml", "verify_evidence.yml"}


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
        given = (word for entry in settings for word in ("-e", entry))
        return play(playbook, self._directory / "hosts.yml", *given, *arguments)

    def deployments(self) -> dict[str, Result]:
        """The server's deployments of this site, by name."""
        rows = read_all(self._session, DEPLOYMENTS, filters.deployments(flow_names=[self.flow]))
        return {row["name"]: row for row in rows}


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


def test_the_work_tree_is_deployed_over_a_release_only_when_that_is_said(
    site: t.Callable[..., Site], tmp_path: Path, door: Door, session: Session, proxy: Proxy
) -> None:
    here = site("dev")
    here.manifest("dev", "refine")
    lab = RingLab(tmp_path, door, session, here.flow)
    release = lab.release()
    lab.go("Queued", release=release)
    proxy.reset()
    waits = here.play("deploy.yml")
    assert (waits.code, waits.recap) == (2, {"dev": (0, 1)}), waits.output
    assert f"Ring dev runs a release, {release}, and the work tree is none" in waits.words
    assert proxy.writes == []

    lab.go(*FIRST)
    proxy.reset()
    looked = here.play("deploy.yml", "--check")
    assert (looked.code, looked.recap) == (2, {"dev": (1, 1)}), looked.output
    assert f"create {here.flow}/refine" in looked.words
    assert f"Ring dev runs a release, {release}, and the work tree is none" in looked.words
    refused = here.play("deploy.yml")
    assert (refused.code, refused.recap) == (2, {"dev": (0, 1)}), refused.output
    assert f"Ring dev runs a release, {release}, and the work tree is none" in refused.words
    assert proxy.writes == []
    assert here.deployments() == {}

    done = here.play("deploy.yml", "-e", "leave_release=true")
    assert (done.code, done.recap) == (0, {"dev": (1, 0)}), done.output
    assert sorted(here.deployments()) == ["refine"]


@pytest.mark.parametrize("playbook", sorted({file.name for file in (ROOT / "playbooks").glob("*.yml")} - _WITHOUT_RING))
def test_what_finds_no_ring_has_not_done_it(playbook: str, tmp_path: Path) -> None:
    nobody = tmp_path / "hosts.yml"
    nobody.write_text("all: {hosts: {somebody: {ansible_connection: local}}}\n", encoding="utf-8")
    done = play(playbook, nobody)
    assert done.code != 0, done.output
    assert "Could not match supplied host pattern" in done.words
    assert "PLAY RECAP" not in done.output
