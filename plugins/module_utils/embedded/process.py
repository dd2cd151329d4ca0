# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps one background process as it is wanted: running with these settings, or not at all."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.embedded import ports
from ansible_collections.hotpass.prefect.plugins.module_utils.embedded.ending import end
from ansible_collections.hotpass.prefect.plugins.module_utils.embedded.identity import alive, marked
from ansible_collections.hotpass.prefect.plugins.module_utils.embedded.launcher import base_environment
from ansible_collections.hotpass.prefect.plugins.module_utils.embedded.lock import locked
from ansible_collections.hotpass.prefect.plugins.module_utils.embedded.record import Record, Settings, shown
from ansible_collections.hotpass.prefect.plugins.module_utils.embedded.starting import start, wait_until_listening
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import secrets_in
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_LONGEST_START = 120.0
_SHORTEST_LIFE = 2.0


@dataclasses.dataclass(frozen=True)
class _Task:
    name: str
    state: str
    directory: Path
    settings: Settings | None
    start_period: float
    stop_grace: float

    @property
    def pid_file(self) -> Path:
        return self.directory / f"{self.name}.pid.json"

    @property
    def lock_file(self) -> Path:
        return self.directory / f"{self.name}.lock"


@dataclasses.dataclass(frozen=True)
class _Found:
    """What there is: the pid file, whether its process runs, and how it differs from what is wanted."""

    record: Record | None
    running: bool
    differences: tuple[str, ...] = ()


def ensure(params: dict[str, t.Any], context: Context) -> Outcome:
    """Start, restart or stop the process as the arguments say; two runs at once take turns.

    :raises CollectionError: when it cannot be started, dies while it starts, its port is taken, or it is not ours.
    """
    task = _read(params)
    secrets = secrets_in(params.get("env"))
    try:
        if context.check or (task.state == "stopped" and not task.directory.is_dir()):
            outcome = _carry_out(task, context)
        else:
            task.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(task.lock_file, task.start_period + task.stop_grace + 30.0, context.tell):
                outcome = _carry_out(task, context)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise CollectionError(
            f"{task.name}: {error.strerror}{where}. "
            "Give the state directory to the user who runs this, or name another one.",
            secrets=secrets,
        ) from None
    except CollectionError as error:
        error.details.setdefault("secrets", secrets)
        raise
    outcome.secrets = secrets
    return outcome


def _read(params: dict[str, t.Any]) -> _Task:
    name, state = params["name"], params["state"]
    if not _NAME.fullmatch(name):
        raise CollectionError(f"name is {name!r}; allowed are letters, digits, '.', '_' and '-', 100 at most.")
    directory = Path(params["state_dir"]).absolute()
    port = params.get("port")
    if port is not None and not 1 <= port <= 65535:
        raise CollectionError(f"port is {port}; allowed are 1 to 65535.")
    period = params.get("start_period")
    if period is None:
        period = _SHORTEST_LIFE if port is None else _LONGEST_START
    for option, value in (("start_period", period), ("stop_grace", params["stop_grace"])):
        if not 0 <= value <= 3600:
            raise CollectionError(f"{option} is {value}; allowed are 0 to 3600 seconds.")
    settings = None if state == "stopped" else _settings(params, name, directory)
    return _Task(name, state, directory, settings, period, params["stop_grace"])


def _settings(params: dict[str, t.Any], name: str, directory: Path) -> Settings:
    argv = params["argv"]
    if not argv or not argv[0]:
        raise CollectionError(f"argv of {name} is empty; its first item is the command.")
    env, secret_env = _texts(params.get("env")), _texts(params.get("secret_env"))
    twice = sorted(env.keys() & secret_env.keys())
    if twice:
        raise CollectionError(f"{', '.join(twice)} stand{'s' if len(twice) == 1 else ''} in both env and secret_env.")
    for key, value in {**env, **secret_env}.items():
        if not key or "=" in key or "\0" in key or "\0" in value:
            raise CollectionError(f"{key!r} in the environment of {name} is no variable that a process can be given.")
    chdir = Path(params.get("chdir") or directory).absolute()
    return Settings(
        argv=tuple(argv),
        executable=_executable(argv[0], chdir, env.get("PATH")),
        env={**env, **secret_env},
        hidden=frozenset(secret_env),
        chdir=str(chdir),
        log_file=str(Path(params.get("log_file") or directory / f"{name}.log").absolute()),
        host=params["host"],
        port=params.get("port"),
    )


def _executable(command: str, chdir: Path, search: str | None) -> str:
    """The path of the command, not yet looked for when it was given as one."""
    if os.sep in command:
        return os.path.normpath(chdir / command)
    return shutil.which(command, path=search or base_environment().get("PATH")) or command


def _texts(values: t.Mapping[str, t.Any] | None) -> dict[str, str]:
    """A mapping from YAML as environment variables: true becomes the text true."""
    texts = {}
    for key, value in (values or {}).items():
        if value is None or isinstance(value, (dict, list)):
            raise CollectionError(f"{key} in the environment is {type(value).__name__}; allowed are text and numbers.")
        texts[str(key)] = str(value).lower() if isinstance(value, bool) else str(value)
    return texts


def _carry_out(task: _Task, context: Context) -> Outcome:
    record = Record.load(task.pid_file)
    running = record is not None and alive(record.identity, context.run_command)
    differences = record.differences(task.settings) if record and running and task.settings else []
    found = _Found(record, running, tuple(differences))
    if task.settings is None:
        return _stop(task, found, context)
    if running and not differences and task.state == "started":
        return _keep(task, task.settings, found, context)
    return _start(task, task.settings, found, context)


def _keep(task: _Task, settings: Settings, found: _Found, context: Context) -> Outcome:
    record = t.cast("Record", found.record)
    if not context.check:
        wait_until_listening(task.name, settings, record, task.start_period, context)
    return Outcome(changed=False, result=_result(task, settings, "none", "", record.identity.pid))


def _start(task: _Task, settings: Settings, found: _Found, context: Context) -> Outcome:
    record = found.record
    if found.running:
        action, reason = "restart", "; ".join(found.differences) or "asked for"
    else:
        action = "start"
        reason = f"stale pid file of pid {record.identity.pid} removed" if record else "was not running"
    _refuse_the_impossible(task, settings, record, context)
    before, after = shown(record if found.running else None, settings)
    if before:
        before["process"] = f"pid {t.cast('Record', record).identity.pid}"
    after["process"] = "new"
    pid: int | None = None
    if not context.check:
        if record:
            context.tell(f"{task.name}: {reason}")
            end(task.name, record, task.stop_grace, context)
        Path(settings.chdir).mkdir(mode=0o700, parents=True, exist_ok=True)
        pid = start(task.name, settings, task.pid_file, task.start_period, context).identity.pid
    return Outcome(
        changed=True,
        result=_result(task, settings, action, reason, pid),
        diff=[_diff(task, before, after)],
    )


def _refuse_the_impossible(task: _Task, settings: Settings, record: Record | None, context: Context) -> None:
    """What would go wrong after the old process has been ended is found before."""
    if not (os.path.isfile(settings.executable) and os.access(settings.executable, os.X_OK)):
        raise CollectionError(
            f"{task.name} cannot be started: there is no command {settings.executable}; "
            "install it first (in a checkout of this collection: make setup)."
        )
    if settings.port is None or ports.is_free(settings.host, settings.port):
        return
    own = [one.pid for one in marked(record.mark, context.run_command)] if record else []
    if record and alive(record.identity, context.run_command):
        own.append(record.identity.pid)
    if own and ports.listens(own, settings.host, settings.port):
        return
    who = ports.holder(settings.port)
    raise CollectionError(
        f"Port {settings.port} of {settings.host}, which {task.name} needs, is taken by {who or 'another process'} "
        f"that was not started from {task.directory}: end it, set prefect_port to a free port, or set "
        "prefect_embedded to false and prefect_api_url to the address of the server that is to be used."
    )


def _stop(task: _Task, found: _Found, context: Context) -> Outcome:
    record = found.record
    if record is None:
        return Outcome(changed=False, result=_result(task, None, "none", "", None))
    pid = record.identity.pid
    left = [] if found.running else marked(record.mark, context.run_command)
    if not context.check:
        end(task.name, record, task.stop_grace, context)
    before, after = shown(record, None)
    if not found.running and not left:
        # Nothing ran and nothing runs: taking the leftover file away is no change that anybody waits for.
        reason = "" if context.check else f"stale pid file of pid {pid} removed"
        return Outcome(changed=False, result=_result(task, None, "none", reason, None))
    before["process"] = f"pid {pid}"
    reason = "" if found.running else f"pid {pid} had ended, and {len(left)} that it started still ran"
    return Outcome(changed=True, result=_result(task, None, "stop", reason, None), diff=[_diff(task, before, after)])


def _result(task: _Task, settings: Settings | None, action: str, reason: str, pid: int | None) -> dict[str, t.Any]:
    return {
        "name": task.name,
        "action": action,
        "reason": reason,
        "pid": pid,
        "pid_file": str(task.pid_file),
        "log_file": settings.log_file if settings else None,
    }


def _diff(task: _Task, before: dict[str, t.Any], after: dict[str, t.Any]) -> dict[str, t.Any]:
    what = f"process {task.name}"
    return {"before_header": what, "after_header": what, "before": before, "after": after}
