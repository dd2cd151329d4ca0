# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may stand before a registry: something that harms requests, has the referrers API, or hands out tokens."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
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

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

_DROPPED = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
_REFERRERS = re.compile(r"^/v2/(.+)/referrers/(sha256:[0-9a-f]{64})$")
_MANIFEST = re.compile(r"^/v2/(.+)/manifests/[^/]+$")

Reply = tuple[int, list[tuple[str, str]], bytes]


@dataclasses.dataclass(frozen=True)
class Seen:
    """One request that got here."""

    method: str
    path: str
    status: int
    headers: t.Mapping[str, str]


@dataclasses.dataclass
class Harm:
    """What to do to matching requests.

    :param path: regular expression, searched for in the path and the query.
    :param status: answer with it; 0 closes the connection instead.
    :param forward: let the registry carry the request out first.
    :param skip: how many matching requests pass unharmed before.
    :param every: after that, each request with this distance is harmed.
    :param times: how many are harmed.
    :param delay: seconds to wait before answering.
    """

    status: int
    method: str = ""
    path: str = ""
    headers: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b""
    forward: bool = False
    skip: int = 0
    every: int = 1
    times: int = 1
    delay: float = 0.0


class _Server:
    """An HTTP server on the loopback, in threads of its own; use it as a context manager."""

    def __init__(self, answer: t.Callable[[Seen, bytes], Reply], certificate: tuple[Path, Path] | None = None) -> None:
        self.seen: list[Seen] = []
        self._lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60
            # An answer is written in two parts; the second would wait for the client's delayed acknowledgement, 40 ms.
            disable_nagle_algorithm = True

            def _serve(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = Seen(self.command, self.path, 0, dict(self.headers.items()))
                status, headers, body = answer(asked, data)
                with outer._lock:
                    outer.seen.append(dataclasses.replace(asked, status=status))
                if not status:
                    self.close_connection = True
                    return
                self.send_response(status)
                length = str(len(body))
                for name, value in headers:
                    if self.command == "HEAD" and name.lower() == "content-length":
                        length = value
                    elif name.lower() not in _DROPPED:
                        self.send_header(name, value)
                self.send_header("Content-Length", length)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

            def log_message(self, *_args: object) -> None:
                """Keeps quiet: the tests ask for what was seen."""

        self._httpd = _Httpd(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*map(str, certificate))
            self._httpd.socket = context.wrap_socket(
                self._httpd.socket, server_side=True, do_handshake_on_connect=False
            )
        self.host = f"127.0.0.1:{self._httpd.server_address[1]}"
        self._thread = threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> t.Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._httpd.shutdown()
        self._httpd.server_close()
        self._thread.join()


class Front(_Server):
    """Stands before a registry.

    :param registry: the registry's ``host:port``.
    :param certificate: files of a certificate and its key, to speak TLS.
    :param referrers_api: have the API that the registry lacks, as the OCI 1.1 specification describes it.
    :ivar host: its own ``host:port``.
    :ivar harms: what to do to requests, in this order.
    :ivar seen: the requests that were answered.
    """

    def __init__(
        self, registry: str, certificate: tuple[Path, Path] | None = None, *, referrers_api: bool = False
    ) -> None:
        super().__init__(self._answer, certificate)
        self.harms: list[Harm] = []
        self._registry = registry
        self._scheme = "https" if certificate else "http"
        self._api = referrers_api
        self._attached: dict[str, dict[str, t.Any]] = {}

    def _taken(self, asked: Seen) -> Harm | None:
        with self._lock:
            for harm in self.harms:
                if harm.method in ("", asked.method) and re.search(harm.path, asked.path) and harm.times:
                    if harm.skip:
                        harm.skip -= 1
                        continue
                    harm.times -= 1
                    harm.skip = harm.every - 1
                    return harm
        return None

    def _answer(self, asked: Seen, data: bytes) -> Reply:
        harm = self._taken(asked)
        time.sleep(harm.delay if harm else 0)
        if harm and not harm.forward:
            return harm.status, list(harm.headers.items()), harm.body
        reply = self._referrers(asked) or self._forward(asked, data)
        if harm:
            return harm.status, list(harm.headers.items()), harm.body
        return reply

    def _forward(self, asked: Seen, data: bytes) -> Reply:
        connection = http.client.HTTPConnection(self._registry, timeout=60)
        try:
            headers = {name: value for name, value in asked.headers.items() if name.lower() not in _DROPPED}
            connection.request(asked.method, asked.path, data or None, {**headers, "X-Forwarded-Proto": self._scheme})
            answer = connection.getresponse()
            reply = answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()
        if self._api and asked.method == "PUT" and _MANIFEST.match(asked.path) and reply[0] == 201:
            reply[1].extend(self._note(data))
        if self._api and asked.method == "DELETE":
            self._attached.pop(asked.path.rpartition("/")[2], None)
        return reply

    def _note(self, data: bytes) -> t.Iterator[tuple[str, str]]:
        document = json.loads(data)
        subject = document.get("subject")
        if subject:
            digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
            line = {"mediaType": document["mediaType"], "digest": digest, "size": len(data)}
            self._attached[digest] = {"subject": subject["digest"], "line": line}
            yield "OCI-Subject", subject["digest"]

    def _referrers(self, asked: Seen) -> Reply | None:
        """One line a page, so that a client has to follow the links."""
        path, _mark, query = asked.path.partition("?")
        found = _REFERRERS.match(path) if self._api and asked.method == "GET" else None
        if not found:
            return None
        lines = [attached["line"] for attached in self._attached.values() if attached["subject"] == found[2]]
        page = int(urllib.parse.parse_qs(query).get("page", ["0"])[0])
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json"}
        headers = [("Content-Type", index["mediaType"])]
        if page + 1 < len(lines):
            headers.append(("Link", f'<{path}?page={page + 1}>; rel="next"'))
        return 200, headers, json.dumps({**index, "manifests": lines[page : page + 1]}).encode()


class TokenService(_Server):
    """Hands out the Bearer tokens that a registry with ``auth: token`` takes.

    :param credentials: ``user:password`` of the only user.
    :ivar bundle: file with the certificate that the registry has to trust.
    """

    service = "registry of the test"
    issuer = "token service of the test"

    def __init__(self, home: Path, credentials: str) -> None:
        super().__init__(self._answer)
        self._basic = "Basic " + base64.b64encode(credentials.encode()).decode()
        self._key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certificate()
        self._chain = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
        self.bundle = home / "tokens.pem"
        home.mkdir(parents=True, exist_ok=True)
        self.bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def settings(self) -> dict[str, t.Any]:
        """What a registry's configuration needs for it."""
        token = {"realm": f"http://{self.host}/token", "service": self.service, "issuer": self.issuer}
        return {"auth": {"token": {**token, "rootcertbundle": str(self.bundle)}}}

    def _certificate(self) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.issuer)])
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def _answer(self, asked: Seen, _data: bytes) -> Reply:
        if asked.headers.get("Authorization") != self._basic:
            return 401, [], b'{"errors":[{"code":"DENIED","message":"wrong"}]}'
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(asked.path).query)
        now = int(time.time())
        access = []
        for scope in query.get("scope", []):
            kind, name, actions = scope.split(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        claims = {"iss": self.issuer, "sub": "", "aud": query["service"][0], "exp": now + 300, "nbf": now - 60}
        token = self._signed({**claims, "iat": now, "jti": str(len(self.seen)), "access": access})
        return 200, [("Content-Type", "application/json")], json.dumps({"token": token}).encode()

    def _signed(self, claims: t.Mapping[str, t.Any]) -> str:
        head = {"typ": "JWT", "alg": "ES256", "x5c": [self._chain]}
        text = ".".join(_base64(json.dumps(part).encode()) for part in (head, claims))
        r, s = decode_dss_signature(self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_base64(r.to_bytes(32) + s.to_bytes(32))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class _Httpd(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_args: object) -> None:
        """Keeps quiet about clients that hang up."""
