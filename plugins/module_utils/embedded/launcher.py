# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts a process that outlives the task: a session of its own, nothing of the caller's but a few variables."""

from __future__ import annotations

import json
import os
import sys
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.room import RunCommand

# What a process may see of the environment of the person who starts it. Everything else, PREFECT_* above all, would
# make a server's behaviour depend on whose shell it was.
_INHERITED = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LANGUAGE", "LD_LIBRARY_PATH"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
        *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    }
)

# Runs in an interpreter of its own. The child writes its pid file before it becomes the command, so that there is no
# moment in which it runs and nobody knows; the pipe closes by itself when the command has taken over.
_LAUNCHER = """
import json, os, signal, sys
order = json.load(sys.stdin)
reader, writer = os.pipe()
pid = os.fork()
if pid:
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        json.dump({"pid": pid, "error": pipe.read().decode("utf-8", "replace")}, sys.stdout)
    sys.exit(0)
try:
    os.setsid()
    os.chdir(order["chdir"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    log = os.open(order["log_file"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    began = ""
    if order["has_proc"]:
        with open("/proc/self/stat", encoding="utf-8", errors="replace") as stat:
            began = order["boot_id"] + ":" + stat.read().rpartition(")")[2].split()[19]
    fresh = order["pid_file"] + ".new"
    with open(os.open(fresh, os.O_WRONLY | os.O_TRUNC | os.O_CREAT, 0o600), "w", encoding="utf-8") as record:
        json.dump(dict(order["record"], pid=os.getpid(), began=began), record)
    os.replace(fresh, order["pid_file"])
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.execve(order["executable"], order["argv"], order["env"])
except BaseException as error:
    os.write(writer, str(error).encode("utf-8", "replace") or b"unknown error")
os._exit(127)
"""


def base_environment() -> dict[str, str]:
    """The few variables that a started process inherits."""
    return {key: value for key, value in os.environ.items() if key in _INHERITED or key.startswith("LC_")}


def launch(order: t.Mapping[str, t.Any], run_command: RunCommand) -> int:
    """Start the process and return its pid; its pid file is written by then.

    :param order: ``argv``, ``executable`` (the path of ``argv[0]``), ``env`` (complete), ``chdir``, ``log_file``,
        ``pid_file``, ``has_proc``, ``boot_id``, and ``record``: what the pid file holds beside ``pid`` and ``began``.
    :raises CollectionError: when the command cannot be carried out.
    """
    answer = run_command([sys.executable, "-I", "-c", _LAUNCHER], data=json.dumps(dict(order)))
    if answer.rc != 0:
        reason = answer.stderr.strip().rpartition("\n")[2]
        raise CollectionError(f"{order['executable']} was not started: {reason}.")
    told = json.loads(answer.stdout)
    if told["error"]:
        raise CollectionError(f"{order['executable']} was not started: {told['error']}.")
    return int(told["pid"])
