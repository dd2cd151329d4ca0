# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One session with a Prefect server: keep-alive, retries, CSRF, and errors in one sentence.

urllib3 does the transport; docs/adr/0004-http-layer.md has the measurements behind that choice.
"""

from __future__ import annotations

import base64
import email.utils
import json
import math
import os
import random
import socket
import time
import typing as t
import urllib.parse
import urllib.request
import uuid

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.errors import (
    ApiError,
    Conflict,
    NoServer,
    NoSuchRoute,
    NotFound,
    Unreachable,
    error_for,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import scrub, secrets_in
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party import urllib3

_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_LONGEST_WAIT = 30.0
_REFUSED_RETRIES = 2
_T = t.TypeVar("_T")


def quote(name: str) -> str:
    """A name as one segment of a path."""
    return urllib.parse.quote(name, safe="")


def _said(status: int, headers: t.Mapping[str, str], text: str) -> str:
    """What the server said, without the request that its validation errors echo."""
    if 300 <= status < 400:
        return f"go to {headers.get('Location', 'another address')}, so api_url (PREFECT_API_URL) needs mending"
    try:
        answer = json.loads(text)
    except ValueError:
        return " ".join(text.split())[:200] or f"HTTP status {status} and no text"
    if not isinstance(answer, dict):
        return str(answer)[:200]
    problems = answer.get("exception_detail") or answer.get("detail")
    if isinstance(problems, list):
        lines = []
        for problem in problems:
            where = ".".join(str(part) for part in problem.get("loc", ()) if part != "body")
            lines.append(f"{where}: {problem.get('msg')}" if where else str(problem.get("msg")))
        return "; ".join(lines)
    return str(problems or answer.get("exception_message") or f"HTTP status {status}")[:1000]


def _is_prefects(text: str) -> bool:
    """Whether an error page has the form that Prefect's have, rather than that of a gateway or another server."""
    try:
        answer = json.loads(text)
    except ValueError:
        return False
    return isinstance(answer, dict) and bool(answer.keys() & {"detail", "exception_message"})


def _json(method: str, path: str, body: t.Any) -> bytes:
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise CollectionError(f"{method} {path} cannot be sent as JSON: {error}.") from None


class Session:
    """Talks to one Prefect server over kept-alive connections, one request after another.

    :ivar requests: how many requests went over the wire, retries included.
    :ivar writes: how many of them could have changed something.
    :ivar status: the HTTP status of the latest answer; 0 before the first.
    """

    def __init__(self, connection: Connection, sleep: t.Callable[[float], None] = time.sleep) -> None:
        self.connection = connection
        self.requests = 0
        self.writes = 0
        self.status = 0
        self._sleep = sleep
        self._secrets = {s for s in (connection.api_key, connection.auth_string) if s}
        if connection.auth_string:
            self._secrets.add(connection.auth_string.partition(":")[2])
        self._secrets |= {value for value in connection.custom_headers.values() if len(value) > 3}
        self._headers = self._first_headers()
        self._pool = self._open()

    def _first_headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "hotpass.prefect"}
        if self.connection.api_key:
            headers["Authorization"] = f"Bearer {self.connection.api_key}"
        elif self.connection.auth_string:
            token = base64.b64encode(self.connection.auth_string.encode()).decode()
            headers["Authorization"] = f"Basic {token}"
            self._secrets.add(token)
        headers.update(self.connection.custom_headers)
        return headers

    def _open(self) -> urllib3.PoolManager:
        tls: dict[str, t.Any] = {}
        if self.connection.api_url.startswith("https://"):
            tls["cert_reqs"] = "CERT_REQUIRED" if self.connection.validate_certs else "CERT_NONE"
            if self.connection.ca_path:
                if not os.path.isfile(self.connection.ca_path):
                    raise Unreachable(f"ca_path names {self.connection.ca_path}, and there is no such file.")
                tls["ca_certs"] = self.connection.ca_path
            if not self.connection.validate_certs:
                urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        url = urllib.parse.urlsplit(self.connection.api_url)
        proxy = urllib.request.getproxies().get(url.scheme)
        if proxy and not urllib.request.proxy_bypass(url.hostname or ""):
            return self._through(proxy, tls)
        return urllib3.PoolManager(**tls)

    def _through(self, proxy: str, tls: dict[str, t.Any]) -> urllib3.ProxyManager:
        """The pool behind a proxy, whose address may hold a user and a password, which are then never shown."""
        head, _at, host = proxy.rpartition("@")
        scheme, userinfo = head.split("://", 1) if "://" in head else ("http", head)
        address = f"{scheme}://{host}" if head or "://" not in proxy else proxy
        headers = None
        if head:
            given = urllib.parse.unquote(userinfo)
            headers = urllib3.make_headers(proxy_basic_auth=given)
            token = headers["proxy-authorization"].rpartition(" ")[2]
            self._secrets |= {s for s in (given, given.partition(":")[2], userinfo.partition(":")[2], token) if s}
        try:
            return urllib3.ProxyManager(address, proxy_headers=headers, **tls)
        except (urllib3.exceptions.HTTPError, ValueError):
            raise Unreachable(
                "The proxy that the environment names (http_proxy, https_proxy) is no address such as "
                "http://proxy.example:3128."
            ) from None

    def close(self) -> None:
        """Close the kept-alive connections."""
        self._pool.clear()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def get(self, path: str, query: t.Mapping[str, str] | None = None) -> t.Any:
        """Read with GET.

        :param path: below the API's address, begins with a slash.
        :raises ApiError: when the server answers with an error, :class:`Unreachable` when it does not answer.
        """
        suffix = f"?{urllib.parse.urlencode(query)}" if query else ""
        return self._until_answered("GET", path + suffix, None)

    def get_or_none(self, path: str) -> t.Any:
        """Read with GET; None when a Prefect API says that there is no such thing, and nobody else."""
        try:
            return self.get(path)
        except NoSuchRoute:
            raise
        except NotFound:
            return None

    def search(self, path: str, body: t.Mapping[str, t.Any]) -> t.Any:
        """Read with POST, as the server's filters want it."""
        return self._until_answered("POST", path, body)

    def write(
        self,
        method: str,
        path: str,
        body: t.Any = None,
        settle: t.Callable[[], t.Any | None] | None = None,
    ) -> t.Any:
        """Write, and never leave it open whether the write took effect.

        :param settle: reads back after an ambiguous answer (a dropped connection, a time-out, 5xx), and after a 409
            that such an answer may have caused. It returns what the write would have answered, or None when the write
            took no effect and has to be sent again. Without it the write must be one that may be sent twice.
        :raises ApiError: when the server refuses the write, :class:`Unreachable` when it does not answer.
        """
        return self._until_answered(method, path, body, writes=True, settle=settle)

    def _until_answered(
        self,
        method: str,
        path: str,
        body: t.Any,
        writes: bool = False,
        settle: t.Callable[[], t.Any | None] | None = None,
    ) -> t.Any:
        secrets = self._secrets | secrets_in(body)
        ambiguous = False
        fetched_token = False
        attempt = 0
        while True:
            try:
                status, headers, text = self._send(method, path, body, writes)
            except urllib3.exceptions.HTTPError as error:
                attempt += 1
                ambiguous = ambiguous or not isinstance(error, urllib3.exceptions.NewConnectionError)
                if attempt > self._retries_after(error):
                    return self._last_look(self._unreachable(method, path, error), writes and ambiguous, settle)
                wait = self._backoff(attempt)
            else:
                if status == 403 and "CSRF" in text and not fetched_token:
                    fetched_token = True
                    self._fetch_csrf_token()
                    continue
                if status < 300:
                    return self._parse(method, path, text)
                said = scrub(_said(status, headers, text), secrets)
                error_said = error_for(method, path, status, said, foreign=not _is_prefects(text))
                if ambiguous and method == "DELETE" and status == 404:
                    return None
                if ambiguous and isinstance(error_said, Conflict) and settle is not None:
                    settled = settle()
                    if settled is not None:
                        return settled
                attempt += 1
                if status not in _RETRIED:
                    raise error_said
                ambiguous = ambiguous or status >= 500
                if attempt > self.connection.retries:
                    return self._last_look(error_said, writes and ambiguous, settle)
                wait = self._wait_asked_for(headers) or self._backoff(attempt)
            self._sleep(wait)
            if writes and ambiguous and settle is not None:
                settled = settle()
                if settled is not None:
                    return settled

    @staticmethod
    def _last_look(error: CollectionError, ambiguous: bool, settle: t.Callable[[], t.Any | None] | None) -> t.Any:
        """Give up, but not without having looked once more whether an ambiguous write took effect.

        :raises CollectionError: the given one, unless the write is there.
        """
        if not ambiguous:
            raise error
        settled, looked = None, settle is not None
        if settle is not None:
            try:
                settled = settle()
            except CollectionError:
                looked = False
        if settled is not None:
            return settled
        if not looked:
            error.message += " Whether the write took effect is not known."
            error.args = (error.message,)
        raise error

    def _send(self, method: str, path: str, body: t.Any, writes: bool) -> tuple[int, t.Mapping[str, str], str]:
        headers = dict(self._headers)
        data = None
        if body is not None:
            data = _json(method, path, body)
            headers["Content-Type"] = "application/json"
        self.requests += 1
        self.writes += writes
        response = self._pool.request(
            method,
            self.connection.api_url + path,
            body=data,
            headers=headers,
            timeout=self.connection.timeout,
            retries=False,
            redirect=False,
        )
        self.status = response.status
        return response.status, response.headers, response.data.decode("utf-8", "replace")

    def _parse(self, method: str, path: str, text: str) -> t.Any:
        if not text:
            return None
        try:
            return json.loads(text)
        except ValueError:
            raise ApiError(
                method,
                path,
                200,
                f"a page that is not JSON, so {self.connection.api_url} is no Prefect API; its address ends in /api",
            ) from None

    def _fetch_csrf_token(self) -> None:
        client = str(uuid.uuid4())
        token = self.get("/csrf-token", {"client": client})["token"]
        self._secrets.add(token)
        self._headers.update({"Prefect-Csrf-Client": client, "Prefect-Csrf-Token": token})

    def _retries_after(self, error: Exception) -> int:
        """How often to try again: a certificate does not mend itself, and a closed port seldom does."""
        if isinstance(error, urllib3.exceptions.SSLError):
            return 0
        if isinstance(error, urllib3.exceptions.NewConnectionError):
            return min(_REFUSED_RETRIES, self.connection.retries)
        return self.connection.retries

    @staticmethod
    def _backoff(attempt: int) -> float:
        # The first wait is short: SQLite answers 503 for a moment whenever two writers meet.
        return min(_LONGEST_WAIT, 0.02 * 4.0 ** (attempt - 1) * random.uniform(0.5, 1.5))

    @staticmethod
    def _wait_asked_for(headers: t.Mapping[str, str]) -> float | None:
        asked = headers.get("Retry-After")
        if not asked:
            return None
        try:
            seconds = float(asked)
        except ValueError:
            when = email.utils.parsedate_tz(asked)
            if when is None:
                return None
            seconds = email.utils.mktime_tz(when) - time.time()
        return min(max(seconds, 0.0), _LONGEST_WAIT) if math.isfinite(seconds) else None

    def _unreachable(self, method: str, path: str, error: Exception) -> Unreachable:
        refused = isinstance(error, urllib3.exceptions.NewConnectionError)
        reason = str(getattr(error, "reason", None) or error)
        reason = reason.rsplit(": ", 1)[-1] if refused else reason
        where = self.connection.api_url
        if isinstance(error, urllib3.exceptions.SSLError):
            advice = "Name the authority's certificate in ca_path (PREFECT_API_SSL_CERT_FILE)."
        elif isinstance(error, urllib3.exceptions.TimeoutError) and not refused:
            reason = f"no answer within {self.connection.timeout:g} s"
            advice = "Is the server overloaded? The option timeout can be raised."
        else:
            advice = "Is the server running, and is api_url (PREFECT_API_URL) its address?"
        # Other faults on the way, and a proxy that refuses, say nothing of the server behind them.
        absent = refused and isinstance(error.__cause__ or error.__context__, (ConnectionRefusedError, socket.gaierror))
        kind = NoServer if absent else Unreachable
        return kind(f"{method} {path} reached no Prefect server at {where}: {scrub(reason, self._secrets)}. {advice}")
