# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reverse proxy that writes down each request and harms those that a test chooses."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import http.server
import json
import re
import ssl
import threading
import time
import typing as t
import urllib.parse
from pathlib import Path

# POST requests that only read.
_READS = re.compile(r"/(filter|count|paginate|lateness|history|get_scheduled_flow_runs)$")
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host"})
# What Prefect answers when SQLite is locked: nothing was done. A client waits longer for an answer.
_BUSY, _PATIENCE = 503, 20


@dataclasses.dataclass(frozen=True)
class Seen:
    """One request that reached the proxy.

    :param path: below ``/api``, with its query.
    :param status: what the client was answered; 0 when the connection was dropped.
    :param forwarded: whether the server got it.
    """

    method: str
    path: str
    status: int
    forwarded: bool
    body: t.Any
    headers: t.Mapping[str, str]

    @property
    def writes(self) -> bool:
        """Whether the request could change something."""
        if self.method in ("GET", "HEAD"):
            return False
        return not (self.method == "POST" and _READS.search(self.path.partition("?")[0]))

    @property
    def line(self) -> str:
        """``METHOD path``."""
        return f"{self.method} {self.path}"


@dataclasses.dataclass
class Fault:
    """What to do to the next matching requests.

    :param status: answer with it instead of the server, unless ``forward``.
    :param forward: let the server have the request first.
    :param drop: close the connection instead of answering.
    :param delay: seconds to wait before anything else.
    :param act: called with the request's number among the matching ones, before it is forwarded.
    :param times: how many requests it harms; None for all.
    """

    method: str = ""
    path: str = ""
    status: int | None = None
    headers: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b'{"exception_message": "made by the test"}'
    forward: bool = False
    drop: bool = False
    delay: float = 0.0
    act: t.Callable[[int], None] | None = None
    times: int | None = 1
    hits: int = 0

    def matches(self, method: str, path: str) -> bool:
        """Whether the request is one of those to harm."""
        if self.times is not None and self.hits >= self.times:
            return False
        return (not self.method or method == self.method) and re.search(self.path, path) is not None


class Proxy:
    """Stands before a Prefect server; use it as a context manager.

    What the server is too busy for is sent again, so that no client hears of it, and how busy the machine is does not
    decide what a client sends.

    :param upstream: the server's API address.
    :param certificate: files of a certificate and its key, to speak TLS.
    :ivar api_url: what to give to the code under test.
    :ivar connections: how many connections clients have opened.
    """

    def __init__(self, upstream: str, certificate: tuple[Path, Path] | None = None) -> None:
        self._upstream = urllib.parse.urlsplit(upstream)
        self._lock = threading.Lock()
        self._seen: list[Seen] = []
        self._faults: list[Fault] = []
        self.connections = 0
        self._httpd = _Httpd(("127.0.0.1", 0), self._handler())
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*map(str, certificate))
            self._httpd.socket = context.wrap_socket(
                self._httpd.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "https" if certificate else "http"
        self.api_url = f"{scheme}://127.0.0.1:{self._httpd.server_address[1]}{self._upstream.path}"
        self._thread = threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._httpd.shutdown()
        self._httpd.server_close()
        self._thread.join()

    def reset(self) -> None:
        """Forget the requests seen and the faults left."""
        with self._lock:
            self._seen.clear()
            self._faults.clear()

    @property
    def seen(self) -> list[Seen]:
        """Every request so far, in the order of their ends."""
        with self._lock:
            return list(self._seen)

    @property
    def writes(self) -> list[str]:
        """``METHOD path`` of every request that could change something."""
        return [seen.line for seen in self.seen if seen.writes]

    @property
    def reads(self) -> list[str]:
        """``METHOD path`` of every request that only read."""
        return [seen.line for seen in self.seen if not seen.writes]

    @contextlib.contextmanager
    def counting(self) -> t.Iterator[list[Seen]]:
        """Collects the requests of a block; the list is filled when the block ends."""
        begin = len(self.seen)
        collected: list[Seen] = []
        yield collected
        collected.extend(self.seen[begin:])

    def answer(
        self,
        status: int,
        *,
        times: int | None = 1,
        method: str = "",
        path: str = "",
        headers: t.Mapping[str, str] | None = None,
        body: bytes | None = None,
        forward: bool = False,
    ) -> Fault:
        """Answer the next matching requests with a status, without or after forwarding them.

        :param path: regular expression, searched for below ``/api``.
        """
        fault = Fault(method, path, status, headers or {}, forward=forward, times=times)
        if body is not None:
            fault.body = body
        return self._add(fault)

    def page(self, *, times: int | None = 1, method: str = "", path: str = "") -> Fault:
        """Answer with 200 and a web page, as a gateway's login does."""
        return self.answer(
            200,
            times=times,
            method=method,
            path=path,
            headers={"Content-Type": "text/html"},
            body=b"<html>Log in</html>",
        )

    def drop(self, *, before: bool, times: int | None = 1, method: str = "", path: str = "") -> Fault:
        """Close the connection before the server gets the request, or after it has carried it out."""
        return self._add(Fault(method, path, forward=not before, drop=True, times=times))

    def delay(self, seconds: float, *, times: int | None = 1, method: str = "", path: str = "") -> Fault:
        """Forward the next matching requests late."""
        return self._add(Fault(method, path, forward=True, delay=seconds, times=times))

    def before(self, act: t.Callable[[int], None], *, times: int | None = 1, method: str = "", path: str = "") -> Fault:
        """Call ``act`` before each matching request is forwarded; it is given 0 for the first, 1 for the next."""
        return self._add(Fault(method, path, forward=True, act=act, times=times))

    def _add(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def _take_fault(self, method: str, path: str) -> tuple[Fault, int] | None:
        with self._lock:
            for fault in self._faults:
                if fault.matches(method, path):
                    fault.hits += 1
                    return fault, fault.hits - 1
        return None

    def _note_connection(self) -> None:
        with self._lock:
            self.connections += 1

    def _note(self, seen: Seen) -> None:
        with self._lock:
            self._seen.append(seen)

    def _forward(
        self, method: str, target: str, headers: t.Mapping[str, str], data: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        deadline = time.monotonic() + _PATIENCE
        while True:
            answer = self._ask(method, target, headers, data)
            if answer[0] != _BUSY or time.monotonic() >= deadline:
                return answer
            time.sleep(0.1)

    def _ask(
        self, method: str, target: str, headers: t.Mapping[str, str], data: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self._upstream.hostname or "", self._upstream.port, timeout=60)
        try:
            sent = {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
            connection.request(method, target, data or None, sent)
            answer = connection.getresponse()
            body = answer.read()
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP]
            return answer.status, kept, body
        finally:
            connection.close()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        proxy = self
        prefix = self._upstream.path

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60
            # An answer is written in two parts; the second would wait for the client's delayed acknowledgement, 40 ms.
            disable_nagle_algorithm = True

            def setup(self) -> None:
                proxy._note_connection()
                super().setup()

            def _serve(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = self.path.removeprefix(prefix)
                headers = dict(self.headers.items())
                taken = proxy._take_fault(self.command, path)
                fault, number = taken or (Fault(forward=True), 0)
                time.sleep(fault.delay)
                if fault.act:
                    fault.act(number)
                answer: tuple[int, list[tuple[str, str]], bytes] = (fault.status or 502, [], fault.body)
                if fault.forward:
                    answer = proxy._forward(self.command, self.path, headers, data)
                if fault.status is not None:
                    answer = (fault.status, list(fault.headers.items()), fault.body)
                status = 0 if fault.drop else answer[0]
                body = json.loads(data) if data else None
                proxy._note(Seen(self.command, path, status, fault.forward, body, headers))
                if fault.drop:
                    self.close_connection = True
                    return
                self.send_response(answer[0])
                for name, value in answer[1]:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer[2])))
                self.end_headers()
                self.wfile.write(answer[2])

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815

            def log_message(self, *_args: object) -> None:
                """Keeps quiet: the tests ask :attr:`Proxy.seen`."""

        return Handler


class _Httpd(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_args: object) -> None:
        """Keeps quiet about clients that hang up, which tests make them do."""
