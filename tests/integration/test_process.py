# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prefect_process`` with real background processes."""

from __future__ import annotations

import concurrent.futures
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.embedded import identity

from tests.support.doors import DoorName, Doors, Task
from tests.support.server import free_port

pytestmark = pytest.mark.integration

Result = dict[str, t.Any]

# Says what it is and lives on; ends on SIGTERM unless told to be stubborn.
BODY = """
import json, os, signal, socket, subprocess, sys, time
order = json.loads(sys.argv[1])
if order.get("stubborn"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if order.get("port"):
    listener = socket.create_server(("127.0.0.1", order["port"]))
if order.get("child"):
    child = subprocess.Popen([sys.executable, __file__, json.dumps(order["child"])], start_new_session=True)
print(json.dumps({"pid": os.getpid(), "sid": os.getsid(0), "cwd": os.getcwd(), "env": dict(os.environ),
                  "stdin": sys.stdin.read(), "term": signal.getsignal(signal.SIGINT) is signal.default_int_handler}),
      flush=True)
if "finishes" in order:
    time.sleep(2)
    open(order["finishes"], "w").close()
    sys.exit(0)
if "says" in order:
    print(order["says"], flush=True)
if "dies" in order:
    sys.exit(order["dies"])
time.sleep(120)
"""


class Processes:
    """Calls the module for one process of one state directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.script = directory / "body.py"
        self.script.write_text(BODY, encoding="utf-8")
        self.state_dir = directory / "state"
        self.pid_file = self.state_dir / "body.pid.json"
        self.log = self.state_dir / "body.log"
        self.doors = Doors({}, directory)

    def options(self, order: t.Mapping[str, t.Any] | None = None, **options: t.Any) -> dict[str, t.Any]:
        """The module's options for a process with this order."""
        argv = [sys.executable, str(self.script), json.dumps(order or {}, sort_keys=True)]
        return {"name": "body", "state_dir": str(self.state_dir), "argv": argv, "start_period": 0.2, **options}

    def start(self, order: t.Mapping[str, t.Any] | None = None, **options: t.Any) -> Result:
        return self.doors.room("prefect_process", **self.options(order, **options))

    def stop(self, **options: t.Any) -> Result:
        given = {"name": "body", "state": "stopped", "state_dir": str(self.state_dir), "stop_grace": 5, **options}
        return self.doors.room("prefect_process", **given)

    def said(self) -> dict[str, t.Any]:
        """What the process that was started last said about itself."""
        deadline = time.monotonic() + 60
        while True:
            lines = [line for line in self.log.read_text(encoding="utf-8").splitlines() if line.startswith('{"pid"')]
            if lines:
                return t.cast("dict[str, t.Any]", json.loads(lines[-1]))
            assert time.monotonic() < deadline, "the process said nothing"
            time.sleep(0.05)


@pytest.fixture
def processes(tmp_path: Path) -> t.Iterator[Processes]:
    made = Processes(tmp_path)
    yield made
    if made.pid_file.exists():
        made.stop(stop_grace=0)


@pytest.fixture
def port() -> int:
    return free_port()


def lives(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while lives(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def children_of(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def test_started_once_and_then_left_alone(processes: Processes) -> None:
    first = processes.start()
    assert (first["changed"], first["action"], first["reason"]) == (True, "start", "was not running")
    assert lives(first["pid"])
    again = processes.start()
    assert (again["changed"], again["action"], again["pid"]) == (False, "none", first["pid"])
    assert "diff" not in again


def test_what_the_process_sees(processes: Processes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://elsewhere.invalid/api")
    monkeypatch.setenv("SOME_PASSWORD", "of-the-caller")
    where = tmp_path / "made" / "for it"
    result = processes.start(env={"LEVEL": 3, "FLAG": True}, secret_env={"KEY": "sesame"}, chdir=str(where))
    said = processes.said()
    assert said["pid"] == said["sid"] == result["pid"]
    assert said["cwd"] == str(where)
    assert said["stdin"] == ""
    assert said["term"], "signals that the caller ignores must not stay ignored"
    assert {key: said["env"].get(key) for key in ("LEVEL", "FLAG", "KEY", "PATH")} == {
        "LEVEL": "3",
        "FLAG": "true",
        "KEY": "sesame",
        "PATH": os.environ["PATH"],
    }
    assert not {"PREFECT_API_URL", "SOME_PASSWORD"} & said["env"].keys()


def test_its_files_are_its_owners_alone(processes: Processes) -> None:
    processes.start(env={"CRM_TOKEN": "sesame-4711"}, secret_env={"OTHER": "lantern-0815"})
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in processes.state_dir.iterdir()}
    assert modes == {"body.pid.json": 0o600, "body.log": 0o600, "body.lock": 0o600}
    text = processes.pid_file.read_text(encoding="utf-8")
    assert "sesame-4711" not in text
    assert "lantern-0815" not in text


@pytest.mark.parametrize("door", ["module", "action"])
def test_it_outlives_the_play_through_both_doors(processes: Processes, door: DoorName) -> None:
    task = Task("prefect_process", processes.options(env={"CRM_TOKEN": "sesame-4711"}))
    stop = Task("prefect_process", {"name": "body", "state": "stopped", "state_dir": str(processes.state_dir)})
    played = processes.doors.play([Task(task.module, task.options, check=True), task, task], door)
    assert [result["changed"] for result in played.results] == [True, True, False]
    assert "sesame-4711" not in played.output
    assert lives(played.results[2]["pid"])
    played = processes.doors.play([Task(stop.module, stop.options, check=True), stop, stop], door)
    assert [result["changed"] for result in played.results] == [True, True, False]
    assert not processes.pid_file.exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"order": {"says": "new"}}, "argv differs"),
        ({"env": {"LEVEL": "debug"}}, "LEVEL in env differs"),
        ({"secret_env": {"KEY": "another-sesame"}}, "KEY in env differs"),
        ({"env": {}}, "LEVEL in env differs"),
        ({"state": "restarted"}, "asked for"),
    ],
)
def test_other_settings_restart_it_and_say_why(processes: Processes, change: Result, reason: str) -> None:
    options: Result = {"order": {}, "env": {"LEVEL": "info"}, "secret_env": {"KEY": "sesame-4711"}}
    first = processes.start(**options)
    predicted = processes.doors.room("prefect_process", check_mode=True, **processes.options(**{**options, **change}))
    assert lives(first["pid"]), "check mode must not restart anything"
    second = processes.start(**{**options, **change})
    assert (second["changed"], second["action"], second["reason"]) == (True, "restart", reason)
    assert {key: predicted[key] for key in ("changed", "action", "reason", "diff")} == {
        key: second[key] for key in ("changed", "action", "reason", "diff")
    }
    assert second["diff"][0]["before"] != second["diff"][0]["after"]
    assert "sesame" not in json.dumps(second)
    assert not lives(first["pid"])
    assert lives(second["pid"])


def test_a_stale_pid_file_is_said_and_replaced(processes: Processes) -> None:
    first = processes.start()
    kill(first["pid"])
    second = processes.start()
    assert (second["action"], second["reason"]) == ("start", f"stale pid file of pid {first['pid']} removed")
    assert lives(second["pid"])


def test_a_recycled_number_is_never_taken_for_ours(processes: Processes) -> None:
    first = processes.start()
    processes.stop()
    processes.start()
    record = json.loads(processes.pid_file.read_text(encoding="utf-8"))
    ours = record["pid"]
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        try:
            processes.pid_file.write_text(json.dumps({**record, "pid": stranger.pid, "mark": "x"}), encoding="utf-8")
            assert processes.stop()["changed"] is False
            assert stranger.poll() is None
            processes.pid_file.write_text(json.dumps({**record, "pid": stranger.pid, "mark": "x"}), encoding="utf-8")
            second = processes.start()
            assert second["reason"] == f"stale pid file of pid {stranger.pid} removed"
            assert second["pid"] not in (stranger.pid, first["pid"])
            assert stranger.poll() is None
        finally:
            stranger.kill()
            kill(ours)


def test_a_taken_port_is_one_sentence(processes: Processes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        results = [
            processes.start({"port": port}, port=port),
            processes.doors.room("prefect_process", check_mode=True, **processes.options({"port": port}, port=port)),
        ]
    for result in results:
        assert result["failed"]
        assert result["msg"].startswith(f"Port {port} of 127.0.0.1, which body needs, is taken by pid {os.getpid()} (")
        assert "set prefect_port to a free port" in result["msg"]
        assert "\n" not in result["msg"]
    assert not processes.pid_file.exists()


def test_it_is_waited_for_until_it_listens(processes: Processes, port: int) -> None:
    result = processes.start({"port": port}, port=port, start_period=30)
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        pass
    assert processes.start({"port": port}, port=port, start_period=30)["changed"] is False
    other = free_port()
    moved = processes.start({"port": other}, port=other, start_period=30)
    assert moved["reason"] == f"argv differs; the port was {port}"
    assert not lives(result["pid"])


def test_one_that_never_listens_fails_every_time(processes: Processes, port: int) -> None:
    for _attempt in range(2):
        result = processes.start({}, port=port, start_period=1)
        assert result["failed"], "a server that does not listen is not running as wanted"
        assert f"has not listened on port {port} of 127.0.0.1 within 1 s" in result["msg"]


def test_a_stranger_on_the_port_does_not_pass_for_ours(processes: Processes, port: int) -> None:
    processes.start({}, port=port, start_period=0)
    with socket.create_server(("127.0.0.1", port)):
        result = processes.start({}, port=port, start_period=1)
    assert result["failed"]
    assert "has not listened" in result["msg"]


def test_one_that_dies_while_it_starts_shows_its_last_words(processes: Processes) -> None:
    processes.start()
    processes.stop()
    order = {"says": "no database at sesame-4711", "dies": 3}
    result = processes.start(order, secret_env={"KEY": "sesame-4711"}, start_period=30)
    assert result["failed"]
    assert "into its start" in result["msg"]
    assert "no database at (secret)" in result["msg"]
    assert result["log_tail"][-1] == "no database at (secret)"
    assert not processes.pid_file.exists()
    assert processes.start()["changed"] is True


def test_stopped_twice_and_never_started(processes: Processes) -> None:
    assert processes.stop()["changed"] is False
    assert not processes.state_dir.exists()
    pid = processes.start()["pid"]
    first = processes.stop()
    assert (first["changed"], first["action"]) == (True, "stop")
    assert (first["diff"][0]["before"]["process"], first["diff"][0]["after"]) == (f"pid {pid}", {})
    assert not lives(pid)
    assert processes.stop()["changed"] is False


def test_a_stubborn_one_is_killed_after_the_grace(processes: Processes) -> None:
    pid = processes.start({"stubborn": True})["pid"]
    processes.said()
    began = time.monotonic()
    assert processes.stop(stop_grace=1)["changed"] is True
    assert 1 <= time.monotonic() - began < 5
    assert not lives(pid)


def test_what_it_started_ends_with_it(processes: Processes) -> None:
    pid = processes.start({"child": {"stubborn": True}})["pid"]
    processes.said()
    (child,) = children_of(pid)
    processes.stop(stop_grace=1)
    assert not lives(pid)
    assert not lives(child)


def test_what_it_started_may_finish_within_the_grace(processes: Processes, tmp_path: Path) -> None:
    done = tmp_path / "done"
    pid = processes.start({"child": {"finishes": str(done)}})["pid"]
    processes.said()
    (child,) = children_of(pid)
    began = time.monotonic()
    assert processes.stop(stop_grace=60)["changed"] is True
    assert time.monotonic() - began < 30, "it is waited for no longer than it takes"
    assert done.exists()
    assert not lives(child)


def test_what_a_dead_one_left_behind_gives_up_its_port(processes: Processes, port: int) -> None:
    order = {"child": {"port": port}}
    first = processes.start(order, port=port, start_period=30)
    (child,) = children_of(first["pid"])
    kill(first["pid"])
    assert lives(child)
    second = processes.start(order, port=port, start_period=30, stop_grace=0.5)
    assert (second["failed"], second["action"]) == (False, "start")
    assert not lives(child)
    kill(second["pid"])
    stopped = processes.stop(stop_grace=0.5)
    assert stopped["changed"] is True
    assert f"pid {second['pid']} had ended, and 1 that it started still ran" in stopped["reason"]


def test_runs_at_the_same_time_start_one(processes: Processes) -> None:
    plays = [Doors({}, processes.directory / f"play{number}") for number in range(3)]
    for play in plays:
        play._workdir.mkdir()
    tasks = [Task("prefect_process", processes.options())]
    with concurrent.futures.ThreadPoolExecutor(len(plays)) as pool:
        results = [played.results[0] for played in pool.map(lambda play: play.play(tasks, "module"), plays)]
    assert sorted(result["changed"] for result in results) == [False, False, True]
    assert len({result["pid"] for result in results}) == 1
    assert processes.log.read_text(encoding="utf-8").count('{"pid"') == 1


def test_without_proc_it_works_by_ps(
    processes: Processes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, port: int
) -> None:
    monkeypatch.setattr(identity, "_PROC", tmp_path / "no-proc")
    monkeypatch.setattr(identity, "_BOOT_ID", tmp_path / "no-proc/boot_id")
    first = processes.start({"port": port}, port=port, start_period=30)
    assert first["changed"] is True
    assert ":" in json.loads(processes.pid_file.read_text(encoding="utf-8"))["began"]
    assert processes.start({"port": port}, port=port, start_period=30)["changed"] is False
    assert processes.stop()["changed"] is True
    assert not lives(first["pid"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "../up"}, "name is '../up'"),
        ({"argv": []}, "argv of body is empty"),
        ({"argv": ["/no/such/prefect"]}, "there is no command /no/such/prefect; install it first"),
        ({"argv": ["no-such-command-4711"]}, "there is no command no-such-command-4711"),
        ({"port": 70000}, "port is 70000; allowed are 1 to 65535."),
        ({"start_period": -1}, "start_period is -1.0; allowed are 0 to 3600 seconds."),
        ({"env": {"A": "1"}, "secret_env": {"A": "2"}}, "A stands in both env and secret_env."),
        ({"env": {"A=B": "1"}}, "'A=B' in the environment of body is no variable"),
        ({"env": {"A": None}}, "A in the environment is NoneType; allowed are text and numbers."),
        ({"env": {"A": ["1"]}}, "A in the environment is list; allowed are text and numbers."),
        ({"host": "192.0.2.1", "port": 4200}, "Nothing can listen on port 4200 of 192.0.2.1"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_what_cannot_be_is_refused_in_one_sentence(
    processes: Processes, options: Result, sentence: str, check_mode: bool
) -> None:
    result = processes.doors.room("prefect_process", check_mode=check_mode, **processes.options(**options))
    assert result["failed"]
    assert sentence in result["msg"]
    assert "\n" not in result["msg"]
    assert not processes.pid_file.exists()


def test_a_damaged_pid_file_starts_nothing(processes: Processes) -> None:
    processes.state_dir.mkdir()
    processes.pid_file.write_text("{", encoding="utf-8")
    result = processes.start()
    assert result["failed"]
    assert "is damaged" in result["msg"]
    assert not processes.log.exists()
    processes.pid_file.unlink()


def test_check_mode_makes_nothing(processes: Processes) -> None:
    predicted = processes.doors.room("prefect_process", check_mode=True, **processes.options())
    assert (predicted["changed"], predicted["action"], predicted["pid"]) == (True, "start", None)
    assert not processes.state_dir.exists()
    real = processes.start()
    assert predicted["diff"] == real["diff"]
