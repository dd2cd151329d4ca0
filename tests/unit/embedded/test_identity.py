# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One process, for good: who it is, whether it lives, and signals to nobody else."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.embedded import identity, ports
from ansible_collections.hotpass.prefect.plugins.module_utils.embedded.identity import (
    MARK_VARIABLE,
    Identity,
    alive,
    identify,
    marked,
    send,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.room import CommandResult

SLEEP = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]


def run_command(
    argv: t.Sequence[str], *, env: t.Mapping[str, str] | None = None, data: str | None = None
) -> CommandResult:
    done = subprocess.run(
        argv, env={**os.environ, **(env or {})}, input=data, capture_output=True, text=True, check=False
    )
    return CommandResult(done.returncode, done.stdout, done.stderr)


@pytest.fixture(params=["proc", "ps"])
def _system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With ``/proc`` where there is one, and as on a system that has none."""
    if request.param == "ps":
        monkeypatch.setattr(identity, "_PROC", tmp_path / "no-proc")
        monkeypatch.setattr(identity, "_BOOT_ID", tmp_path / "no-proc/boot_id")
    elif not Path("/proc/self/stat").exists():
        pytest.skip("this system has no /proc")


@pytest.fixture
def sleeper() -> t.Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(SLEEP, stdout=subprocess.PIPE, env={**os.environ, MARK_VARIABLE: "sleeper-mark"})
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()


@pytest.mark.usefixtures("_system")
def test_a_process_keeps_its_identity_while_it_lives(sleeper: subprocess.Popen[bytes]) -> None:
    first = identify(sleeper.pid, run_command)
    assert first is not None
    assert first.began
    assert identify(sleeper.pid, run_command) == first
    assert alive(first, run_command)


@pytest.mark.usefixtures("_system")
def test_a_process_that_ended_is_dead_before_it_is_reaped(sleeper: subprocess.Popen[bytes]) -> None:
    found = identify(sleeper.pid, run_command)
    assert found is not None
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert identify(sleeper.pid, run_command) is None
    assert not alive(found, run_command)
    assert send(found, signal.SIGTERM, run_command) is False


@pytest.mark.usefixtures("_system")
def test_another_process_with_the_number_gets_no_signal(sleeper: subprocess.Popen[bytes]) -> None:
    recycled = Identity(sleeper.pid, "began in another life")
    assert not alive(recycled, run_command)
    assert send(recycled, signal.SIGKILL, run_command) is False
    assert sleeper.poll() is None


@pytest.mark.usefixtures("_system")
def test_a_signal_reaches_the_process(sleeper: subprocess.Popen[bytes]) -> None:
    found = identify(sleeper.pid, run_command)
    assert found is not None
    assert send(found, signal.SIGTERM, run_command) is True
    assert sleeper.wait(10) == -signal.SIGTERM


def test_a_name_with_parentheses_and_spaces_does_not_confuse(tmp_path: Path) -> None:
    odd = tmp_path / "a) Z 1 (b"
    odd.symlink_to(sys.executable)
    with subprocess.Popen([str(odd), *SLEEP[1:]], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            ours, odd_one = identify(os.getpid(), run_command), identify(process.pid, run_command)
            assert odd_one is not None
            assert ours is not None
            assert odd_one.began != ours.began
            assert odd_one.began.rpartition(":")[2].isdecimal()
        finally:
            process.kill()


def test_marked_processes_are_found_by_their_mark(sleeper: subprocess.Popen[bytes]) -> None:
    assert [process.pid for process in marked("sleeper-mark", run_command)] == [sleeper.pid]
    assert marked("sleeper-mar", run_command) == []


def test_a_listener_is_found_and_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not ports.is_free("127.0.0.1", port)
        assert ports.listens([os.getpid()], "127.0.0.1", port)
        assert not ports.listens([os.getppid()], "127.0.0.1", port)
        assert str(ports.holder(port)).startswith(f"pid {os.getpid()} (")
    assert ports.is_free("127.0.0.1", port)
    assert ports.holder(port) is None
    assert not ports.listens([os.getpid()], "127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_an_error(host: str) -> None:
    with pytest.raises(CollectionError, match="name an address of this machine"):
        ports.is_free(host, 4200)
