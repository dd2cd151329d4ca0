# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seals bundles in processes that kill themselves right before a chosen step on the disk.

As a program it answers lines of JSON, each with a fork of itself, so that nothing is imported twice.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import typing as t
from pathlib import Path

from tests.support.evidence_bundles import Sealer

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT: t.Final = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "collections")])}
_CHANGES = frozenset({"os.rename", "os.mkdir", "os.remove", "os.rmdir"})


def settings(api_url: str, key: Path, trust: list[dict[str, t.Any]]) -> dict[str, t.Any]:
    """What the program is told once."""
    return {"api_url": api_url, "key": str(key), "trust": trust}


def once(told: dict[str, t.Any], root: Path, solution: str, name: str) -> list[str]:
    """The command that seals one bundle and ends."""
    asked = {"root": str(root), "solution": solution, "name": name, "at": None}
    return [sys.executable, "-m", "tests.support.evidence_steps", json.dumps(told), json.dumps(asked)]


class Steps:
    """The program, as a test uses it."""

    def __init__(self, told: dict[str, t.Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.evidence_steps", json.dumps(told)],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def seal(self, root: Path, solution: str, name: str, at: int | None = None) -> tuple[int, int]:
        """Seal a bundle, killed right before step number ``at``, from 1.

        :return: the exit status, negative for a signal, and how many steps were done.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"root": str(root), "solution": solution, "name": name, "at": at}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["status"], answer["steps"]

    def close(self) -> None:
        """End the program."""
        self._process.communicate(timeout=30)


def main(told: dict[str, t.Any], asked: dict[str, t.Any] | None) -> None:
    """Seal what is asked for, or answer until there are no more lines."""
    from ansible_collections.hotpass.prefect.plugins.module_utils.release.keys import load_signing_key
    from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust

    key, trust = load_signing_key(told["key"], name="alice"), Trust.from_setting(told["trust"])

    def sealer(wanted: dict[str, t.Any]) -> Sealer:
        return Sealer(Path(wanted["root"]), wanted["solution"], key, trust)

    if asked is not None:
        _seal(sealer(asked), told["api_url"], asked["name"])
        return
    for line in sys.stdin:
        wanted = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            _count(sealer(wanted), told["api_url"], wanted["name"], wanted["at"], writer)
        os.close(writer)
        with open(reader, "rb") as counted:
            steps = len(counted.read())
        _pid, status = os.waitpid(child, 0)
        sys.stdout.write(json.dumps({"status": os.waitstatus_to_exitcode(status), "steps": steps}) + "\n")
        sys.stdout.flush()


def _seal(sealer: Sealer, api_url: str, name: str) -> None:
    from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
    from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

    with Session(Connection(api_url, retries=10)) as session:
        sealer.seal(session, name)


def _count(sealer: Sealer, api_url: str, name: str, at: int | None, writer: int) -> t.NoReturn:
    done, root = 0, str(sealer.root)

    def hook(event: str, args: tuple[t.Any, ...]) -> None:
        nonlocal done
        opens = event == "open" and isinstance(args[2], int) and bool(args[2] & (os.O_WRONLY | os.O_RDWR))
        if ((opens or event in _CHANGES) and str(args[0]).startswith(root)) or event == "fcntl.flock":
            if done + 1 == at:
                os.kill(os.getpid(), signal.SIGKILL)
            done += 1
            os.write(writer, b".")

    sys.addaudithook(hook)
    status = 1
    try:
        _seal(sealer, api_url, name)
        status = 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), json.loads(sys.argv[2]) if len(sys.argv) > 2 else None)
