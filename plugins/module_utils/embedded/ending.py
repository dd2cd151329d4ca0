# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends a background process and whatever it started, and nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from ansible_collections.hotpass.prefect.plugins.module_utils.embedded.identity import Identity, alive, marked, send
from ansible_collections.hotpass.prefect.plugins.module_utils.embedded.record import Record
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context

_POLL = 0.05
_AFTER_KILL = 10.0
_LEFTOVER_GRACE = 5.0


def end(name: str, record: Record, grace: float, context: Context) -> None:
    """End the process with SIGTERM, after the grace with SIGKILL, then what it left behind; remove the pid file.

    Only the process itself gets the first signal, because it may want to end its children in its own way. What it
    leaves behind has the rest of the grace to finish, and gets SIGTERM and SIGKILL after that.

    :param grace: seconds for all of it.
    :raises CollectionError: when it is another user's, or outlives SIGKILL.
    """
    leader = record.identity
    deadline = time.monotonic() + grace
    try:
        if send(leader, signal.SIGTERM, context.run_command):
            context.tell(f"{name}: waiting for pid {leader.pid} to end")
            if not _gone([leader], grace, context):
                _kill_session(leader, context)
        left = marked(record.mark, context.run_command)
        if left:
            context.tell(f"{name}: waiting for {len(left)} process(es) that it started to finish")
        if not _gone(left, deadline - time.monotonic(), context):
            _end_all(left, context)
    except PermissionError:
        raise CollectionError(f"{name} (pid {leader.pid}) belongs to another user, who has to end it.") from None
    if not _gone([leader, *left], _AFTER_KILL, context):
        raise CollectionError(f"{name} (pid {leader.pid}) did not end on SIGKILL; look at what it waits for.")
    record.path.unlink(missing_ok=True)


def _end_all(processes: list[Identity], context: Context) -> None:
    for signum in (signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            send(process, signum, context.run_command)
        if _gone(processes, _LEFTOVER_GRACE, context):
            return


def _kill_session(leader: Identity, context: Context) -> None:
    """The group first, while its number still belongs to the process that leads it."""
    if alive(leader, context.run_command):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader.pid, signal.SIGKILL)


def _gone(processes: list[Identity], patience: float, context: Context) -> bool:
    deadline = time.monotonic() + patience
    while any(alive(process, context.run_command) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True
