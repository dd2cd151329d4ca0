# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command as a whole process, from its interpreter's start to its end, and measures it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

_LONGEST = 900.0
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
_TAIL_CHARACTERS = 4000


@dataclasses.dataclass(frozen=True)
class Command:
    """A command and where it runs.

    :param env: added to the environment of the bench, which brings nothing of Ansible's or Prefect's with it.
    """

    argv: tuple[str, ...]
    cwd: Path
    env: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Measured:
    """One run of a command.

    :param wall: seconds.
    :param cpu: seconds of processor time, of all processes that it consisted of.
    :param peak_mib: peak resident memory of the largest process that it consisted of.
    """

    wall: float
    cpu: float
    peak_mib: float


def measure(command: Command, log: Path) -> Measured:
    """Run the command with its output in ``log``.

    :raises RuntimeError: when it fails or takes more than a quarter of an hour; the message ends with its output.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PREFECT_"))}
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env={**env, **command.env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        limit = threading.Timer(_LONGEST, _kill, (process.pid,))
        limit.start()
        try:
            status, usage = os.wait4(process.pid, 0)[1:]
        except BaseException:
            _kill(process.pid)
            process.wait()
            raise
        finally:
            limit.cancel()
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        said = log.read_text(errors="replace")[-_TAIL_CHARACTERS:]
        name = " ".join(Path(word).name for word in command.argv[:3])
        raise RuntimeError(f"{name} ended with {process.returncode} after {wall:.1f} s and said:\n{said}")
    return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _MAXRSS_BYTES / 2**20)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
