# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command is dead at exactly the request that was chosen, with all that it had started."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

import pytest

from tests.support.killer import ANSWERED, UNANSWERED, WAYS, Killer

COMMAND = """
import os, pathlib, sys, urllib.request
url, log, count = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
for number in range(1, count + 1):
    method = "GET" if number % 2 else "POST"
    request = urllib.request.Request(f"{url}/things/{number}", method=method)
    with urllib.request.urlopen(request) as answer:
        with log.open("a") as file:
            file.write(answer.read().decode() + chr(10))
print("done")
"""
# As Ansible's workers: not in the group of the process that was started, and the one that asks.
DETACHED = """
import os, subprocess, sys
child = os.fork()
if child == 0:
    os.setsid()
    os.execv(sys.executable, [sys.executable, "-c", sys.argv[1], *sys.argv[2:]])
sys.exit(os.waitpid(child, 0)[1])
"""


PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.uri:
        url: "{{ url }}/things/{{ item }}"
      loop: [1, 2, 3]
    - ansible.builtin.debug:
        msg: all tasks are done
"""


class Upstream(t.NamedTuple):
    url: str
    got: list[str]
    busy: list[bool]


@pytest.fixture
def upstream() -> t.Iterator[Upstream]:
    got: list[str] = []
    busy: list[bool] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append(f"{self.command} {self.path}")
            body = self.path.encode()
            self.send_response(503 if busy and busy.pop() else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_args: object) -> None:
            """Keeps quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield Upstream(f"http://127.0.0.1:{server.server_address[1]}/api", got, busy)
        server.shutdown()
        thread.join()


@pytest.fixture
def killer(upstream: Upstream) -> t.Iterator[Killer]:
    with Killer(upstream.url) as proxy:
        yield proxy


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.touch()
    return path


def command(killer: Killer, log: Path, count: int = 4) -> list[str]:
    return [sys.executable, "-c", COMMAND, killer.api_url, str(log), str(count)]


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_no_command_hears_that_the_server_was_busy(killer: Killer, upstream: Upstream, log: Path) -> None:
    upstream.busy.extend([False, True, True, False])
    ending = killer.run(command(killer, log))
    assert (ending.code, len(ending.requests), len(upstream.got)) == (0, 4, 6)
    assert [seen.status for seen in killer.seen] == [200] * 4


def test_without_a_position_it_only_counts(killer: Killer, upstream: Upstream, log: Path) -> None:
    ending = killer.run(command(killer, log))
    assert (ending.killed, ending.code, ending.stdout) == (False, 0, "done\n")
    assert ending.requests == ["GET /things/1", "POST /things/2", "GET /things/3", "POST /things/4"]
    assert len(upstream.got) == len(lines(log)) == 4


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("at", range(4))
def test_the_server_has_carried_out_exactly_so_many(
    killer: Killer, upstream: Upstream, log: Path, at: int, way: str
) -> None:
    ending = killer.run(command(killer, log), at=at, way=way)
    assert (ending.killed, ending.code, ending.stdout) == (True, -9, "")
    assert len(upstream.got) == len(ending.requests) == at
    assert len(lines(log)) == (at if way == ANSWERED else max(at - 1, 0)), "how many answers arrived"


def test_the_last_answer_may_be_the_one_that_is_lost(killer: Killer, upstream: Upstream, log: Path) -> None:
    assert killer.run(command(killer, log), at=4, way=UNANSWERED).killed
    assert (len(upstream.got), len(lines(log))) == (4, 3)


def test_who_asks_for_nothing_more_ends_by_itself(killer: Killer, log: Path) -> None:
    ending = killer.run(command(killer, log), at=4, way=ANSWERED)
    assert (ending.killed, ending.code, ending.stdout) == (False, 0, "done\n")


def test_it_can_count_writes_only(killer: Killer, upstream: Upstream, log: Path) -> None:
    ending = killer.run(command(killer, log), at=1, way=ANSWERED, writes_only=True)
    assert ending.killed
    assert upstream.got == ["GET /api/things/1", "POST /api/things/2", "GET /api/things/3"]


@pytest.mark.parametrize("way", WAYS)
def test_a_child_with_a_session_of_its_own_dies_too(killer: Killer, upstream: Upstream, log: Path, way: str) -> None:
    detached = [sys.executable, "-c", DETACHED, *command(killer, log)[2:]]
    assert killer.run(detached, at=2, way=way).killed
    time.sleep(0.3)
    assert len(upstream.got) == 2


def test_nothing_that_the_command_leaves_behind_lives_on(killer: Killer, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    leaves = "setsid sh -c 'echo $$ > pid; sleep 60' > /dev/null 2>&1 & while [ ! -s pid ]; do sleep 0.05; done"
    assert killer.run(["sh", "-c", leaves], cwd=tmp_path).code == 0
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", pid_file.read_text(encoding="utf-8").strip()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert state.stdout.strip()[:1] in ("", "Z")


def test_it_can_be_run_again(killer: Killer, upstream: Upstream, log: Path) -> None:
    assert killer.run(command(killer, log), at=1).killed
    ending = killer.run(command(killer, log), env={**os.environ, "OTHER": "1"})
    assert (ending.killed, ending.code, len(ending.requests)) == (False, 0, 4)
    assert len(upstream.got) == 5


def test_what_takes_too_long_is_killed(killer: Killer) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        killer.run(["sleep", "60"], timeout=0.3)


def test_another_way_is_refused(killer: Killer) -> None:
    with pytest.raises(ValueError, match="allowed are"):
        killer.run(["true"], way="politely")


@pytest.mark.e2e
@pytest.mark.parametrize(("at", "way"), [(None, UNANSWERED), (2, UNANSWERED), (2, ANSWERED)])
def test_a_playbook_dies_with_its_workers_and_modules(
    killer: Killer, upstream: Upstream, tmp_path: Path, at: int | None, way: str
) -> None:
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(PLAYBOOK, encoding="utf-8")
    told = {"url": killer.api_url, "ansible_python_interpreter": sys.executable, "ansible_connection": "local"}
    ansible = str(Path(sys.executable).parent / "ansible-playbook")
    asking = [ansible, str(playbook), "-i", "localhost,", "-e", json.dumps(told)]
    ending = killer.run(asking, at=at, way=way, cwd=tmp_path)
    assert ending.killed == (at is not None), ending.stdout + ending.stderr
    assert ("all tasks are done" in ending.stdout) == (at is None)
    time.sleep(0.5)
    assert len(upstream.got) == (at or 3)
