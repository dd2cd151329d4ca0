# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills a command, and all that it has started, once the server has carried out a chosen number of its requests."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import json
import os
import secrets
import signal
import subprocess
import threading
import time
import typing as t
from pathlib import Path

from tests.support.proxy import Proxy, Seen

UNANSWERED, ANSWERED = "unanswered", "answered"
WAYS: t.Final = (UNANSWERED, ANSWERED)
_MARK = "HOTPASS_TEST_KILLER"


@dataclasses.dataclass(frozen=True)
class Ending:
    """How a command ended.

    :param killed: whether it was killed; else it came to its own end before the chosen request.
    :param code: its exit status; negative is a signal's number.
    :param requests: what the server was given, in order: ``METHOD path``.
    """

    killed: bool
    code: int
    requests: list[str]
    stdout: str
    stderr: str


class Killer(Proxy):
    """A proxy that knows the command before it; use it as a context manager, and run one command at a time.

    The command has to be told :attr:`api_url`. It and all of its descendants are killed, also those that have made a
    session of their own, as Ansible's workers do: they are known by a mark in their environment.
    """

    def __init__(self, upstream: str) -> None:
        super().__init__(upstream)
        self._one_at_a_time = threading.Lock()
        self._connection = threading.local()
        self._number = 0
        self._mark = ""
        self._at: int | None = None
        self._way = UNANSWERED
        self._writes_only = False
        self._counted = 0
        self._dead = False

    def run(
        self,
        command: t.Sequence[str],
        *,
        at: int | None = None,
        way: str = UNANSWERED,
        writes_only: bool = False,
        env: t.Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 300,
    ) -> Ending:
        """Run a command to its end, or kill it.

        :param at: number of the request, from 1, that is the last one the server carries out; 0 lets none through.
            None kills nothing, and tells how many there are.
        :param way: ``unanswered``: killed before the answer to that request arrives. ``answered``: killed when it asks
            for the next, so everything that it does by itself with the answer is done. For 0 both are the same.
        :param writes_only: count only the requests that could change something; the others pass.
        :param env: of the command; by default this process's.
        :param timeout: seconds, after which it is killed and :class:`subprocess.TimeoutExpired` raised.
        """
        if way not in WAYS:
            raise ValueError(f"way is {way!r}; allowed are {WAYS}")
        begin = len(self.seen)
        self._mark = secrets.token_hex(16)
        self._next(at, way, writes_only)
        process = subprocess.Popen(
            command,
            env={**(os.environ if env is None else env), _MARK: self._mark},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        finally:
            # Also when the command is at its end: nothing that it left behind may ask for anything later.
            self._kill()
            process.wait()
            killed = self._dead
            self._next(None, UNANSWERED, False)
        requests = [seen.line for seen in self.seen[begin:] if seen.forwarded]
        return Ending(killed, process.returncode, requests, stdout, stderr)

    def _next(self, at: int | None, way: str, writes_only: bool) -> None:
        """Begin to count anew; what is still asked through the connections so far is refused."""
        with self._one_at_a_time:
            self._number += 1
            self._at, self._way, self._writes_only, self._counted, self._dead = at, way, writes_only, 0, False

    def _forward(
        self, method: str, target: str, headers: t.Mapping[str, str], data: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        with self._one_at_a_time:
            if self._dead or self._connection.number != self._number:
                raise _Gone
            counts = not self._writes_only or Seen(method, target, 0, True, None, {}).writes
            if counts and self._at is not None and self._counted >= self._at:
                self._end()
            answer = super()._forward(method, target, headers, data)
            self._counted += counts
            if counts and self._counted == self._at and self._way == UNANSWERED:
                # Noted here, because the answer cannot be sent any more.
                path = target.removeprefix(self._upstream.path)
                self._note(Seen(method, path, 0, True, json.loads(data) if data else None, headers))
                self._end()
            return answer

    def _end(self) -> t.NoReturn:
        self._dead = True
        self._kill()
        raise _Gone

    def _kill(self) -> None:
        """Kill everything that bears the mark, until nothing does: a process may have been forking meanwhile."""
        deadline = time.monotonic() + 30
        while found := _marked(f"{_MARK}={self._mark}".encode()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the processes {found} do not die")
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        base = super()._handler()

        killer = self

        class Handler(base):  # type: ignore[misc,valid-type]
            def setup(self) -> None:
                # One thread serves one connection.
                killer._connection.number = killer._number
                super().setup()

            def handle_one_request(self) -> None:
                with contextlib.suppress(_Gone):
                    return super().handle_one_request()
                self.close_connection = True
                return None

        return Handler


class _Gone(Exception):
    """Nobody is there any more to be answered."""


def _marked(mark: bytes) -> list[int]:
    """The processes that live and have a mark in their environment. A zombie has no environment any more."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found
