# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API of an AWX 24.6.1, on loopback and in memory, for the modules of the collection ``awx.awx``.

AWX itself needs containers. This answers what the modules ask, keeps what they write, and refuses what AWX refuses, in
its words; unknown fields, which AWX ignores, are refused too. By hand::

    python -m tests.support.awx_api --port 8052 --url https://git.example.com/hotpass.git
    CONTROLLER_HOST=http://127.0.0.1:8052 CONTROLLER_OAUTH_TOKEN=write-token ansible-playbook ...

``GET /requests/`` lists the requests so far.
"""

from __future__ import annotations

import argparse
import dataclasses
import http.server
import json
import sys
import threading
import typing as t
import urllib.parse
from pathlib import Path

from tests.support.awx.problems import Refused, forbidden
from tests.support.awx.routes import VERSION, Request, Routes

TOKEN: t.Final = "write-token"
READ_TOKEN: t.Final = "read-token"
_ROOT: t.Final = Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Seen:
    """A request that came, and the status of its answer."""

    method: str
    path: str
    body: dict[str, t.Any]
    status: int


class AwxApi:
    """Use it as a context manager.

    :param urls: addresses of the repository that this checkout stands for; a project of another one fails to update.
    :param checkout: root of a git working tree.
    :param port: 0 takes a free one.
    :ivar url: its address, for ``CONTROLLER_HOST``.
    :ivar requests: what came, in order.
    """

    def __init__(self, urls: t.Iterable[str], checkout: Path = _ROOT, port: int = 0) -> None:
        self._routes = Routes(dict.fromkeys(urls, checkout))
        self._lock = threading.Lock()
        self._faults: list[tuple[str, str, Refused]] = []
        self.requests: list[Seen] = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> AwxApi:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def writes(self) -> list[Seen]:
        """The requests that could have changed something."""
        return [seen for seen in self.requests if seen.method != "GET"]

    def forget_requests(self) -> None:
        """Count from here."""
        with self._lock:
            self.requests.clear()

    def call(self, method: str, path: str, body: dict[str, t.Any] | None = None) -> t.Any:
        """What somebody else does in this AWX, by hand; it is not counted.

        :param path: relative to ``/api/v2/``, with its query.
        :raises Refused: when AWX would.
        """
        with self._lock:
            return self._routes.answer(_request(method, f"/api/v2/{path}", body or {}))[1]

    def fail(self, method: str, path: str, answer: Refused) -> None:
        """Answer the next such request so, whatever it is."""
        self._faults.append((method, path, answer))

    def snapshot(self) -> dict[str, list[dict[str, t.Any]]]:
        """All objects and what is attached to them, to compare before with after; without past updates."""
        with self._lock:
            state = self._routes.state
            found = {
                path: [dict(row) for row in rows.values()]
                for path, rows in state.rows.items()
                if path not in ("project_updates", "inventory_updates")
            }
            found["members"] = [{"of": key, "ids": list(ids)} for key, ids in sorted(state.members.items()) if ids]
            return found

    def answer(self, method: str, target: str, body: bytes, authorization: str) -> tuple[int, t.Any]:
        """Status and body for what came in."""
        with self._lock:
            sent: dict[str, t.Any] = {}
            try:
                sent = _json(body)
                _authorize(method, target, authorization)
                request = _request(method, target, sent)
                self._break(request)
                status, answer = self._routes.answer(request)
            except Refused as refused:
                status, answer = refused.status, refused.body
            self.requests.append(Seen(method, target, sent, status))
            return status, answer

    def _break(self, request: Request) -> None:
        for fault in self._faults:
            if (request.method, request.path) == fault[:2]:
                self._faults.remove(fault)
                raise fault[2]

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path == "/requests/":
                    with api._lock:
                        self._send(200, [dataclasses.asdict(seen) for seen in api.requests])
                    return
                self._send(*api.answer(self.command, self.path, body, self.headers.get("Authorization", "")))

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _handle  # noqa: N815

            def _send(self, status: int, body: t.Any) -> None:
                content = b"" if body is None else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("X-API-Product-Name", "AWX")
                self.send_header("X-API-Product-Version", VERSION)
                if status != 204:
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(content)))
                if status == 401:
                    self.send_header("WWW-Authenticate", "Bearer realm=api authorization_url=/api/o/authorize/")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_arguments: object) -> None:
                """Tests read the requests, not a log."""

        return Handler


def _request(method: str, target: str, body: dict[str, t.Any]) -> Request:
    parsed = urllib.parse.urlsplit(target)
    return Request(method, parsed.path, urllib.parse.parse_qsl(parsed.query, keep_blank_values=True), body)


def _json(body: bytes) -> dict[str, t.Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError as problem:
        raise Refused(400, {"detail": f"JSON parse error - {problem}"}) from None
    if not isinstance(found, dict):
        raise Refused(400, {"detail": "JSON parse error - not a JSON object"})
    return found


def _authorize(method: str, target: str, authorization: str) -> None:
    if target == "/api/v2/ping/" or target == "/api/":
        return
    if authorization not in (f"Bearer {TOKEN}", f"Bearer {READ_TOKEN}"):
        raise Refused(
            401,
            {"detail": "Authentication credentials were not provided."},
        )
    if method != "GET" and authorization == f"Bearer {READ_TOKEN}":
        raise forbidden()


def _main() -> None:
    parser = argparse.ArgumentParser(description="Answer as an AWX 24.6.1 would, until interrupted.")
    parser.add_argument("--port", type=int, default=8052)
    parser.add_argument("--url", action="append", required=True, help="address of the repository (may be repeated)")
    options = parser.parse_args()
    with AwxApi(options.url, port=options.port) as api:
        sys.stdout.write(f"{api.url} (CONTROLLER_OAUTH_TOKEN={TOKEN})\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    _main()
