# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells one process from another that got the same number later, and ends only the right one.

A pid alone names nothing: the system hands it out again. A pid together with the moment the process began does.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.room import RunCommand

MARK_VARIABLE = "HOTPASS_PROCESS"

_PROC = Path("/proc")
_BOOT_ID = _PROC / "sys/kernel/random/boot_id"
_START_TICKS = 19
_DEAD = frozenset("ZX")


@dataclasses.dataclass(frozen=True)
class Identity:
    """One process, for good.

    :param pid: its number.
    :param began: when it began, as the system tells it; only ever compared for equality.
    """

    pid: int
    began: str


def has_proc() -> bool:
    """Whether this system shows its processes under ``/proc``."""
    return (_PROC / "self/stat").exists()


def boot_id() -> str:
    """What tells this run of the kernel from the one before, because ``/proc`` counts start times from boot."""
    with contextlib.suppress(OSError):
        return _BOOT_ID.read_text(encoding="ascii").strip()
    return ""


def identify(pid: int, run_command: RunCommand) -> Identity | None:
    """The process that has this number now; None when there is none, or it has ended and only waits to be reaped."""
    if has_proc():
        try:
            stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        # The command's name stands in parentheses and may itself hold spaces and parentheses.
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in _DEAD else Identity(pid, f"{boot_id()}:{fields[_START_TICKS]}")
    answer = run_command(["ps", "-o", "stat=,lstart=", "-p", str(pid)], env={"LC_ALL": "C", "TZ": "UTC"})
    words = answer.stdout.split()
    if answer.rc != 0 or not words or words[0][0] in _DEAD:
        return None
    return Identity(pid, " ".join(words[1:]))


def alive(identity: Identity, run_command: RunCommand) -> bool:
    """Whether exactly this process still runs."""
    return identify(identity.pid, run_command) == identity


def send(identity: Identity, signum: signal.Signals, run_command: RunCommand) -> bool:
    """Signal exactly this process; False when it is gone.

    A pid file descriptor keeps the number from being handed out between the look and the signal, where there is one.

    :raises PermissionError: when the process is another user's.
    """
    try:
        handle = os.pidfd_open(identity.pid) if hasattr(os, "pidfd_open") else None
    except ProcessLookupError:
        return False
    except OSError:
        handle = None
    try:
        if not alive(identity, run_command):
            return False
        if handle is None:
            os.kill(identity.pid, signum)
        else:
            signal.pidfd_send_signal(handle, signum)
    except ProcessLookupError:
        return False
    finally:
        if handle is not None:
            os.close(handle)
    return True


def marked(mark: str, run_command: RunCommand) -> list[Identity]:
    """Every running process that carries the mark in the environment it was started with, oldest number first.

    Children inherit it, also those that left the session. Where there is no ``/proc`` the list is empty.
    """
    found = []
    entry = f"{MARK_VARIABLE}={mark}".encode()
    for pid in _pids():
        with contextlib.suppress(OSError):
            environment = (_PROC / str(pid) / "environ").read_bytes()
            if entry in environment.split(b"\0"):
                found.append(identify(pid, run_command))
    return [identity for identity in found if identity is not None]


def _pids() -> t.Iterator[int]:
    if has_proc():
        yield from sorted(int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal())
