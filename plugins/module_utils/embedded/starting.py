# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts a background process and sees it through its first seconds."""

from __future__ import annotations

import os
import secrets as randomness
import time
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.embedded import ports
from ansible_collections.hotpass.prefect.plugins.module_utils.embedded.identity import (
    MARK_VARIABLE,
    Identity,
    alive,
    boot_id,
    has_proc,
    identify,
    marked,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.embedded.launcher import base_environment, launch
from ansible_collections.hotpass.prefect.plugins.module_utils.embedded.record import Record, Settings
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import scrub, secrets_in
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context

_POLL = 0.1
_TAIL_LINES = 12
_TAIL_BYTES = 8192


def start(name: str, settings: Settings, pid_file: Path, start_period: float, context: Context) -> Record:
    """Start it, and return when it listens, or without a port when it has lived for the start period.

    :param start_period: seconds; with a port the longest wait, without one the shortest life.
    :raises CollectionError: with the end of its log, when it dies within that time.
    """
    mark = randomness.token_hex(16)
    log_begin = _size(settings.log_file)
    began = time.monotonic()
    pid_file.unlink(missing_ok=True)
    try:
        pid = launch(
            {
                "argv": settings.argv,
                "executable": settings.executable,
                "env": {**base_environment(), **settings.env, MARK_VARIABLE: mark},
                "chdir": settings.chdir,
                "log_file": settings.log_file,
                "pid_file": str(pid_file),
                "has_proc": has_proc(),
                "boot_id": boot_id(),
                "record": settings.to_record(mark),
            },
            context.run_command,
        )
    except CollectionError:
        pid_file.unlink(missing_ok=True)
        raise
    record = _settled(Record.load(pid_file), pid, context)
    wait = f", up to {start_period:g} s for port {settings.port}" if settings.port is not None else ""
    context.tell(f"{name}: started as pid {pid}{wait}")
    if settings.port is not None:
        wait_until_listening(name, settings, record, start_period, context, log_begin)
        return record
    while time.monotonic() < began + start_period:
        _insist_on_life(name, settings, record, began, log_begin, context)
        time.sleep(_POLL)
    _insist_on_life(name, settings, record, began, log_begin, context)
    return record


def wait_until_listening(
    name: str, settings: Settings, record: Record, patience: float, context: Context, log_begin: int | None = None
) -> None:
    """Return when the process, or one that it started, listens on its port; at once when it has none.

    :param log_begin: where in the log this start begins; None when it is not known.
    :raises CollectionError: when it dies, or the patience (seconds) ends.
    """
    if settings.port is None:
        return
    began = time.monotonic()
    while True:
        pids = [record.identity.pid]
        if ports.listens(pids, settings.host, settings.port):
            return
        _insist_on_life(name, settings, record, began, log_begin, context)
        if ports.accepts(settings.host, settings.port):
            pids = [process.pid for process in marked(record.mark, context.run_command)]
            if ports.listens(pids, settings.host, settings.port):
                return
        if time.monotonic() > began + patience:
            raise CollectionError(
                f"{name} runs as pid {record.identity.pid}, but has not listened on port {settings.port} of "
                f"{settings.host} within {patience:g} s; its log {settings.log_file} may say why, and start_period "
                "can be raised."
            )
        time.sleep(_POLL)


def _settled(record: Record | None, pid: int, context: Context) -> Record:
    if record is None:
        raise CollectionError(f"The pid file of pid {pid} is gone: another program cleans up in the state directory.")
    if record.identity.began:
        return record
    return record.complete(identify(pid, context.run_command) or Identity(pid, "ended"))


def _insist_on_life(
    name: str, settings: Settings, record: Record, began: float, log_begin: int | None, context: Context
) -> None:
    if alive(record.identity, context.run_command):
        return
    record.path.unlink(missing_ok=True)
    hidden = secrets_in(dict(settings.env)) | {settings.env[key] for key in settings.hidden}
    lines = [scrub(line, hidden) for line in _tail(settings.log_file, log_begin or 0)]
    said = "\n".join(["; the last lines of its log:", *lines]) if lines else " and left its log empty."
    raise CollectionError(
        f"{name} ended {time.monotonic() - began:.1f} s into its start (log {settings.log_file}){said}",
        log_tail=lines,
    )


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _tail(path: str, begin: int) -> list[str]:
    """The last lines that were written after ``begin``."""
    try:
        with open(path, "rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(begin, end - _TAIL_BYTES))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-_TAIL_LINES:]
