# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An OpenTelemetry collector on the loopback that takes OTLP/HTTP in JSON and keeps it as OTLP's own messages."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import http.server
import json
import threading
import typing as t

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


@dataclasses.dataclass(frozen=True)
class Received:
    """One request that reached the collector."""

    path: str
    headers: t.Mapping[str, str]
    request: ExportTraceServiceRequest

    @property
    def spans(self) -> list[Span]:
        """Its spans, in their order."""
        return [span for part in self.request.resource_spans for scope in part.scope_spans for span in scope.spans]


def decode(body: bytes) -> ExportTraceServiceRequest:
    """The message that some OTLP JSON is. OTLP writes ids in hexadecimal, where protobuf's JSON has base64.

    :raises json_format.ParseError: for a field that OTLP does not know, or a wrong type.
    """
    return json_format.Parse(json.dumps(_with_base64(json.loads(body))), ExportTraceServiceRequest())


def _with_base64(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode() if key in _IDS else _with_base64(item)
            for key, item in value.items()
        }
    return [_with_base64(item) for item in value] if isinstance(value, list) else value


class Collector:
    """Use it as a context manager.

    :ivar received: the requests that it could read, oldest first.
    :ivar faults: what was wrong with the others.
    :ivar status: what it answers with.
    :ivar answer: the text that it answers with.
    :ivar delay: set it to keep every request waiting for so many seconds, or until the collector ends.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.faults: list[str] = []
        self.status = 200
        self.answer = b"{}"
        self.delay = 0.0
        self._ended = threading.Event()
        self._httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.endpoint = f"http://127.0.0.1:{self._httpd.server_address[1]}"
        self._thread = threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Collector:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._ended.set()
        self._httpd.shutdown()
        self._httpd.server_close()
        self._thread.join()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                try:
                    collector.received.append(Received(self.path, dict(self.headers), decode(body)))
                except (json_format.ParseError, ValueError) as error:
                    collector.faults.append(str(error))
                collector._ended.wait(collector.delay)
                # A client that was kept waiting has left.
                with contextlib.suppress(ConnectionError):
                    self.send_response(collector.status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(collector.answer)))
                    self.end_headers()
                    self.wfile.write(collector.answer)

            def log_message(self, *_arguments: t.Any) -> None:
                """Say nothing."""

        return Handler
