# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role ``prefect_worker`` gives its worker the fence and what the fence needs: a real worker, a real run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.conftest import ROOT
from tests.support.fence_releases import make_release
from tests.support.fence_worker import Fenced
from tests.support.ring_story import UP
from tests.support.server import PrefectServer
from tests.support.shapes import Result, Unique

pytestmark = pytest.mark.integration

_CHANGED = re.compile(r"^localhost\s+: ok=\d+\s+changed=(\d+)\s+unreachable=0\s+failed=0", re.MULTILINE)


class Host:
    """This machine as a ring's only host, with an embedded worker.

    :param settings: the ring's.
    """

    def __init__(self, directory: Path, settings: Result) -> None:
        self._directory = directory
        self._settings = settings

    def play(self, tasks: list[Result], **settings: t.Any) -> int:
        """Play some tasks, none of which may fail, and return how many of them changed something."""
        play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
        (self._directory / "play.yml").write_text(yaml.safe_dump([play]))
        variables = {**self._settings, "ansible_python_interpreter": sys.executable, **settings}
        command = [
            str(Path(sys.executable).parent / "ansible-playbook"),
            "-i",
            "localhost,",
            "-e",
            json.dumps(variables),
        ]
        done = subprocess.run(
            [*command, str(self._directory / "play.yml")],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        found = _CHANGED.search(done.stdout)
        assert found, done.stdout + done.stderr
        return int(found[1])


ROLE = {"include_role": {"name": "hotpass.prefect.prefect_worker"}}


@pytest.fixture
def pool(unique: Unique) -> str:
    return unique("fence-role")


@pytest.fixture
def host(tmp_path: Path, server: PrefectServer, pool: str) -> t.Iterator[Host]:
    settings = {
        "ring": "dev",
        "prefect_api_url": server.api_url,
        "prefect_work_pool": pool,
        "prefect_state_dir": str(tmp_path / "state"),
        "prefect_worker_name": "worker-of-the-role",
        "ring_store": str(tmp_path / "store"),
    }
    made = Host(tmp_path, settings)
    yield made
    stop = {"name": "worker-worker-of-the-role", "state": "stopped", "state_dir": f"{tmp_path}/state/processes"}
    made.play([{"hotpass.prefect.prefect_process": stop}])


def test_a_run_of_the_embedded_worker_enters_its_release(
    host: Host, tmp_path: Path, session: Session, pool: str, unique: Unique
) -> None:
    assert host.play([ROLE]) == 2
    assert host.play([ROLE]) == 0
    solution = unique("etl")
    release = make_release(tmp_path / "store", "role", solution)
    ring = Fenced(session, pool, tmp_path / "nowhere", solution)
    ring.go(release, *UP)

    # The deployment names a store that is not there; the worker's own setting goes before it.
    run = ring.wait(ring.start(ring.deploy("role", 1, release)))
    assert run["state_name"] == "Completed", ring.log(run["id"])
    ring.logged(run["id"], "the release says role")
    assert (tmp_path / "state" / "dev" / "releases" / release.replace(":", "-") / "tree").is_dir()

    # Another environment is another worker.
    assert host.play([ROLE], ring_store="oci://registry.example.com/hotpass") == 1
    assert host.play([ROLE], ring_store="oci://registry.example.com/hotpass") == 0


def test_the_environment_file_of_a_real_host_names_fence_store_and_cache(host: Host, tmp_path: Path) -> None:
    role = ROOT / "roles" / "prefect_worker"
    template = {"src": str(role / "templates" / "environment.j2"), "dest": str(tmp_path / "worker.env")}
    files = [str(role / "defaults" / "main.yml"), str(role / "vars" / "main.yml")]
    tasks: list[Result] = [*({"include_vars": file} for file in files), {"ansible.builtin.template": template}]
    settings = {
        "prefect_embedded": False,
        "role_path": str(role),
        "prefect_host_install_dir": "/opt/hotpass",
        "ring_store": "oci://registry.example.com/hotpass",
        "ring_store_username": "worker",
        "ring_store_password": 'open "$esame',
        "ring_store_plain_http": False,
    }

    def written(**more: t.Any) -> dict[str, str]:
        (tmp_path / "worker.env").unlink(missing_ok=True)
        host.play(tasks, **{**settings, **more})
        lines = (tmp_path / "worker.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line.startswith(("PYTHONPATH", "HOTPASS_")))

    common = {"HOTPASS_ENABLE_PREFECT_RUNTIME": '"1"', "HOTPASS_FLOWS": '"/opt/hotpass/flows-dev"'}
    common["HOTPASS_HOME"] = '"/var/lib/prefect-worker-dev"'
    assert written() == {
        **common,
        "HOTPASS_CACHE": '"/var/lib/prefect-worker-dev/releases"',
        "HOTPASS_STORE": '"oci://registry.example.com/hotpass"',
        "HOTPASS_STORE_PASSWORD": '"open \\"\\$esame"',
        "HOTPASS_STORE_PLAIN_HTTP": '"0"',
        "HOTPASS_STORE_USERNAME": '"worker"',
        "PYTHONPATH": '"/opt/hotpass/fence-dev"',
    }
    without = {"ring_store": "", "ring_store_username": "", "ring_store_password": "", "ring_store_plain_http": ""}
    more = {"prefect_worker_environment": {"PYTHONPATH": "/opt/more"}}
    assert written(**without, **more) == {**common, "PYTHONPATH": '"/opt/hotpass/fence-dev:/opt/more"'}
