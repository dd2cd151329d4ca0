# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to one OCI registry: retries with a cap, authentication, redirects, and errors in one sentence."""

from __future__ import annotations

import dataclasses
import math
import os
import random
import time
import typing as t
import urllib.parse
import urllib.request

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import scrub
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_auth import Authentication
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_manifests import (
    StoreError,
    Transient,
    parse_json,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_types import StoreAccess
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party import urllib3

_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REFUSED_RETRIES = 2
_LONGEST_WAIT = 30.0
_MOST_REDIRECTS = 5
# No answer is read beyond this many bytes; whoever asks for a manifest says less.
_LARGEST = 4 * 1024**3


class Refused(StoreError):
    """The registry answered with an error.

    :ivar status: its HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a registry answered: the status, the headers (any case), the body."""

    status: int
    headers: t.Mapping[str, str]
    body: bytes


class Wire:
    """Talks to one registry over kept-alive connections.

    :param base: scheme, host and port, as ``https://host:port``.
    :ivar writes: how many requests were sent that could change something.
    """

    def __init__(self, base: str, access: StoreAccess, sleep: t.Callable[[float], None] = time.sleep) -> None:
        self.base = base
        self.retries = access.retries
        self.writes = 0
        self._timeout = access.timeout
        self._sleep = sleep
        self._authentication = Authentication(base, access)
        self._origin = _origin(base)
        self._pool = self._open(access)

    def _open(self, access: StoreAccess) -> urllib3.PoolManager:
        tls: dict[str, t.Any] = {"cert_reqs": "CERT_REQUIRED"}
        if access.ca_path:
            if not os.path.isfile(access.ca_path):
                raise StoreError(f"store_ca_path names {access.ca_path}, and there is no such file.")
            tls["ca_certs"] = access.ca_path
        url = urllib.parse.urlsplit(self.base)
        proxy = urllib.request.getproxies().get(url.scheme)
        try:
            if not proxy or urllib.request.proxy_bypass(url.netloc):
                return urllib3.PoolManager(**tls)
            parts = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
            given = urllib.parse.unquote(parts.netloc.rpartition("@")[0])
            headers = urllib3.make_headers(proxy_basic_auth=given) if given else None
            self._authentication.secrets |= {text for text in (given, given.partition(":")[2]) if text}
            address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
            return urllib3.ProxyManager(address, proxy_headers=headers, **tls)
        except (urllib3.exceptions.HTTPError, ValueError):
            raise StoreError(
                "The proxy that the environment names (http_proxy, https_proxy) is no address such as "
                "http://proxy.example:3128."
            ) from None

    def close(self) -> None:
        """Close the kept-alive connections."""
        self._pool.clear()

    def url(self, reference: str, against: str | None = None) -> str:
        """A path of the registry, or a ``Location`` that it gave, as an address that it is safe to go to.

        :raises StoreError: when it leads from https to plain http.
        """
        url = urllib.parse.urljoin(against or self.base, reference)
        scheme = urllib.parse.urlsplit(url).scheme
        if scheme not in ("http", "https") or (scheme == "http" and not self.base.startswith("http://")):
            raise StoreError(
                f"The registry {self.base} sends on to {_shown(url)}, which is not https; if it stands behind a proxy, "
                "have the proxy set X-Forwarded-Proto."
            )
        return url

    def request(
        self,
        method: str,
        reference: str,
        *,
        body: bytes | None = None,
        headers: t.Mapping[str, str] | None = None,
        expected: t.Collection[int] = (200,),
        retries: int | None = None,
        limit: int = _LARGEST,
    ) -> Answer:
        """Send a request until it is answered.

        :param reference: a path, or an address that the registry gave.
        :param expected: statuses that are answers; any other is an error.
        :param retries: how often to send again, when not as often as usual.
        :param limit: the largest body to take, in bytes.
        :raises Transient: when there is no answer, :class:`Refused` when it is an error.
        """
        url = self.url(reference)
        challenged = 0
        redirected = 0
        while True:
            own = _origin(url) == self._origin
            sent = {"User-Agent": "hotpass.prefect", "Accept-Encoding": "identity", **(headers or {})}
            if own and self._authentication.header:
                sent["Authorization"] = self._authentication.header
            answer = self._send(method, url, sent, body, expected, self.retries if retries is None else retries, limit)
            # Twice: a token may have run out, and a write asks for a wider one than a read.
            if answer.status == 401 and own and challenged < 2 and 401 not in expected:
                challenged += 1
                if self._authentication.answer(answer.headers.get("WWW-Authenticate", ""), self._ask_for_token):
                    continue
            if answer.status in expected:
                return answer
            if answer.status in _REDIRECTS and method in ("GET", "HEAD") and redirected < _MOST_REDIRECTS:
                redirected += 1
                url = self.url(answer.headers.get("Location", ""), url)
                continue
            raise self._refused(method, url, answer)

    def pause(self, attempt: int) -> None:
        """Wait before something is tried again, longer each time.

        :param attempt: 1 after the first failure.
        """
        self._sleep(min(_LONGEST_WAIT, 0.1 * 3.0 ** (attempt - 1) * random.uniform(0.5, 1.5)))

    def _send(
        self,
        method: str,
        url: str,
        headers: t.Mapping[str, str],
        body: bytes | None,
        expected: t.Collection[int],
        retries: int,
        limit: int,
    ) -> Answer:
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = self._once(method, url, headers, body, limit)
            except urllib3.exceptions.HTTPError as error:
                most = retries
                if isinstance(error, urllib3.exceptions.SSLError):
                    most = 0
                elif isinstance(error, urllib3.exceptions.NewConnectionError):
                    most = min(retries, _REFUSED_RETRIES)
                if attempt > most:
                    raise self._unreachable(method, url, error) from None
            else:
                if answer.status in expected or answer.status not in _RETRIED:
                    return answer
                if attempt > retries:
                    raise Transient(self._refused(method, url, answer).message, answered=True)
                if self._wait_asked_for(answer):
                    continue
            self.pause(attempt)

    def _once(self, method: str, url: str, headers: t.Mapping[str, str], body: bytes | None, limit: int) -> Answer:
        self.writes += method not in ("GET", "HEAD")
        response = self._pool.request(
            method,
            url,
            body=body,
            headers=headers,
            timeout=urllib3.Timeout(connect=min(10.0, self._timeout), read=self._timeout),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            data = b"" if method == "HEAD" else response.read(limit + 1)
            if len(data) > limit:
                response.close()
                raise StoreError(f"The registry's answer to {method} {_shown(url)} is larger than {limit} bytes.")
            return Answer(response.status, response.headers, data)
        finally:
            response.release_conn()

    def _wait_asked_for(self, answer: Answer) -> bool:
        try:
            seconds = float(answer.headers.get("Retry-After", ""))
        except ValueError:
            return False
        if not math.isfinite(seconds):
            return False
        self._sleep(min(max(seconds, 0.0), _LONGEST_WAIT))
        return True

    def _ask_for_token(self, url: str, headers: t.Mapping[str, str]) -> tuple[int, t.Any]:
        answer = self._send("GET", url, headers, None, (200,), self.retries, 1024 * 1024)
        try:
            return answer.status, parse_json(answer.body)
        except ValueError:
            return answer.status, None

    def _refused(self, method: str, url: str, answer: Answer) -> Refused:
        said = scrub(_said(answer), self._authentication.secrets)
        what = f"The registry {self.base} refuses {method} {_shown(url, self.base)}"
        if answer.status == 401 and not self._authentication.has_credentials:
            message = f"{what}: it asks for a user and a password; set store_username and store_password."
        elif answer.status == 401:
            message = f"{what}: the user or the password is wrong ({said}); see store_username and store_password."
        elif answer.status == 403:
            message = f"{what}: the user has not the right to do that ({said})."
        elif answer.status in _REDIRECTS:
            message = f"{what}: it sends on to {_shown(answer.headers.get('Location', ''))}; mend the store's address."
        else:
            message = (
                f"The registry {self.base} answered {method} {_shown(url, self.base)} with {answer.status}: {said}."
            )
        return Refused(message, answer.status)

    def _unreachable(self, method: str, url: str, error: Exception) -> Transient:
        reason = scrub(str(getattr(error, "reason", None) or error), self._authentication.secrets)
        reason = reason.rsplit(": ", 1)[-1] if isinstance(error, urllib3.exceptions.NewConnectionError) else reason
        advice = "is it running, and is the store's address right?"
        if isinstance(error, urllib3.exceptions.SSLError) and "WRONG_VERSION_NUMBER" in reason:
            advice = "it speaks plain http, which store_plain_http allows."
        elif isinstance(error, urllib3.exceptions.SSLError):
            advice = "name the authority's certificate in store_ca_path."
        elif isinstance(error, urllib3.exceptions.ReadTimeoutError):
            reason = f"no answer within {self._timeout:g} s"
        where = f"{_shown(url, self.base)} of " if _origin(url) == self._origin else f"{_shown(url)} for "
        return Transient(f"{method} {where}the registry {self.base} failed: {reason}; {advice}", answered=False)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _shown(url: str, base: str = "") -> str:
    """An address without its query, which may hold a token."""
    return url.partition("?")[0].removeprefix(base)[:300]


def _said(answer: Answer) -> str:
    """What a registry said, in its words: the codes and messages of its errors."""
    try:
        errors = parse_json(answer.body)["errors"]
        return "; ".join(f"{error.get('code')}: {error.get('message')}" for error in errors)[:500] or "no reason"
    except (ValueError, TypeError, KeyError, AttributeError):
        return " ".join(answer.body.decode("utf-8", "replace").split())[:200] or "no reason"
