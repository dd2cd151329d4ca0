# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A live Prefect server for tests: its own home and port, SQLite, no analytics."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import time
import typing as t
import urllib.error
import urllib.request
from pathlib import Path

_START_SECONDS = 300.0
_STOP_SECONDS = 20.0


def free_port() -> int:
    """A port of the loopback that nothing listens on right now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class PrefectServer:
    """A server that a test started, or one that somebody else keeps running.

    :ivar api_url: the API's address, ends in ``/api``.
    :ivar auth_string: what the server asks for, as ``user:password``, if anything.
    """

    def __init__(self, api_url: str, auth_string: str | None = None, process: subprocess.Popen[bytes] | None = None):
        self.api_url = api_url
        self.auth_string = auth_string
        self._process = process

    @classmethod
    def start(cls, home: Path, settings: t.Mapping[str, str] | None = None) -> PrefectServer:
        """Start ``prefect server`` of the interpreter that runs the tests, and wait until it answers.

        :param home: an empty directory for its database and log.
        :param settings: further environment variables, such as ``PREFECT_SERVER_API_AUTH_STRING``.
        :raises RuntimeError: when it does not answer in time; the message ends with its log.
        """
        home.mkdir(parents=True, exist_ok=True)
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        env.update(
            PREFECT_HOME=str(home),
            PREFECT_SERVER_ANALYTICS_ENABLED="false",
            DO_NOT_TRACK="1",
            PREFECT_API_URL=f"{url}/api",
            PREFECT_SERVER_UI_ENABLED="false",
            PYTHONTZPATH="",
            **(settings or {}),
        )
        log = home / "server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        server = cls(f"{url}/api", env.get("PREFECT_SERVER_API_AUTH_STRING"), process)
        deadline = time.monotonic() + _START_SECONDS
        while not server.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                server.stop()
                raise RuntimeError(f"The Prefect server did not come up:\n{log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.2)
        return server

    def answers(self) -> bool:
        """Whether the API works, its database included."""
        request = urllib.request.Request(f"{self.api_url}/flows/count", b"{}", {"Content-Type": "application/json"})
        if self.auth_string:
            request.add_header("Authorization", "Basic " + base64.b64encode(self.auth_string.encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            # It is up, and asks for a CSRF token.
            return error.code == 403
        except OSError:
            return False

    def stop(self) -> None:
        """End the server and whatever it started; one that somebody else runs is left alone."""
        if self._process is None:
            return
        for ending in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is not None:
                break
            os.killpg(self._process.pid, ending)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        self._process = None
