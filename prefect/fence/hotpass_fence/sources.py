# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where releases come from: a directory in OCI layout, which needs no network, or an OCI registry."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from hotpass_fence.errors import Refused
from hotpass_fence.release import LARGEST_MANIFEST, MANIFEST_TYPE, Blob, digest_of

SCHEME = "oci://"
_SECONDS = 60.0
_REPOSITORY = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class Source(Protocol):
    """Reads blobs and proves that they are what was asked for.

    :ivar address: how messages name it.
    """

    address: str

    def manifest(self, digest: str) -> bytes:
        """The manifest with this digest.

        :raises Refused: when it cannot be had, or its bytes hash to something else.
        """

    def blob(self, blob: Blob) -> bytes:
        """The blob with this digest and size; raises as :meth:`manifest` does."""


@contextmanager
def open_source(address: str, environment: Mapping[str, str] | None = None) -> Iterator[Source]:
    """The store at an address: a path, or ``oci://host[:port]/repository``.

    :param environment: by default the process's own. HOTPASS_STORE_USERNAME and HOTPASS_STORE_PASSWORD log in to a
        registry. HOTPASS_STORE_CA_PATH names a file with the certificates to trust it by. HOTPASS_STORE_PLAIN_HTTP
        says whether to speak plain HTTP, 1 or 0; unless it does, only to this machine, and not when there are
        certificates.
    :raises Refused: when it is no such address.
    """
    environment = os.environ if environment is None else environment
    if not address.startswith(SCHEME):
        if "://" in address:
            raise Refused(f"The store is {address[:200]!r}; allowed are a directory and oci://host/repository.")
        yield Directory(address)
        return
    headers = {"Accept-Encoding": "identity"}
    trusted = _trusted(environment.get("HOTPASS_STORE_CA_PATH"))
    with httpx.Client(timeout=_SECONDS, follow_redirects=True, headers=headers, verify=trusted) as client:
        yield Registry(address, client, environment)


class Directory:
    """A store in a directory, in OCI image layout."""

    def __init__(self, path: str) -> None:
        self.address = path

    def manifest(self, digest: str) -> bytes:
        """See :class:`Source`."""
        return _proved(self._read(digest, LARGEST_MANIFEST), digest, self.address)

    def blob(self, blob: Blob) -> bytes:
        """See :class:`Source`."""
        return _proved(self._read(blob.digest, blob.size), blob.digest, self.address, blob.size)

    def _read(self, digest: str, largest: int) -> bytes:
        try:
            with open(os.path.join(self.address, "blobs", *digest.split(":")), "rb") as file:
                # One byte more than there may be shows that there is more.
                return file.read(largest + 1)
        except FileNotFoundError as error:
            raise Refused(f"The store {self.address} has no blob {digest}.") from error
        except OSError as error:
            raise Refused(f"The blob {digest} in the store {self.address} cannot be read: {error.strerror}.") from error


class Registry:
    """A repository of an OCI registry."""

    def __init__(self, address: str, client: httpx.Client, environment: Mapping[str, str]) -> None:
        parts = urlsplit(address)
        repository = parts.path.removeprefix("/")
        try:
            well_formed = bool(parts.hostname) and parts.port != 0
        except ValueError:
            well_formed = False
        if not well_formed or "@" in parts.netloc or not _REPOSITORY.fullmatch(repository) or parts.query:
            raise Refused(f"The store is {_shown(address)!r}; allowed is oci://host[:port]/repository.")
        self.address = address
        usual = _is_here(parts.hostname or "") and not environment.get("HOTPASS_STORE_CA_PATH")
        plain = environment.get("HOTPASS_STORE_PLAIN_HTTP") or ("1" if usual else "0")
        if plain not in ("0", "1"):
            raise Refused(f"HOTPASS_STORE_PLAIN_HTTP is {plain[:100]!r}; allowed are 0 and 1.")
        self._plain = plain == "1"
        self._url = f"{'http' if self._plain else 'https'}://{parts.netloc}/v2/{repository}"
        self._pull = f"repository:{repository}:pull"
        self._client = client
        user, password = environment.get("HOTPASS_STORE_USERNAME"), environment.get("HOTPASS_STORE_PASSWORD")
        self._login = httpx.BasicAuth(user, password or "") if user else None
        self._authorization: dict[str, str] = {}

    def manifest(self, digest: str) -> bytes:
        """See :class:`Source`."""
        return _proved(self._get("manifests", digest, LARGEST_MANIFEST), digest, self.address)

    def blob(self, blob: Blob) -> bytes:
        """See :class:`Source`."""
        return _proved(self._get("blobs", blob.digest, blob.size), blob.digest, self.address, blob.size)

    def _get(self, kind: str, digest: str, largest: int) -> bytes:
        url = f"{self._url}/{kind}/{digest}"
        try:
            status, data, challenge = self._answer(url, largest)
            if status == httpx.codes.UNAUTHORIZED and not self._authorization:
                self._log_in(challenge)
                status, data, _ignored = self._answer(url, largest)
        except httpx.HTTPError as error:
            raise Refused(
                f"The blob {digest} cannot be fetched from the store {self.address}: {_reason(error)}."
            ) from error
        if status == httpx.codes.NOT_FOUND:
            raise Refused(f"The store {self.address} has no blob {digest}.")
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise Refused(
                f"The store {self.address} does not let this worker read {digest} ({status}); set "
                "HOTPASS_STORE_USERNAME and HOTPASS_STORE_PASSWORD in its environment."
            )
        if status != httpx.codes.OK:
            raise Refused(f"The store {self.address} answered the request for {digest} with status {status}.")
        return data

    def _answer(self, url: str, largest: int) -> tuple[int, bytes, str]:
        headers = {"Accept": f"{MANIFEST_TYPE}, application/octet-stream", **self._authorization}
        with self._client.stream("GET", url, headers=headers) as answer:
            data = bytearray()
            if answer.status_code == httpx.codes.OK:
                for chunk in answer.iter_bytes():
                    data += chunk
                    # One that is too large has another hash, and its rest would only take room.
                    if len(data) > largest:
                        break
            return answer.status_code, bytes(data), answer.headers.get("WWW-Authenticate", "")

    def _log_in(self, challenge: str) -> None:
        kind, _blank, rest = challenge.partition(" ")
        if kind.lower() == "basic" and self._login:
            self._authorization = _header_of(self._login)
        elif kind.lower() == "bearer":
            said = dict(_CHALLENGE.findall(rest))
            realm = said.get("realm", "")
            target = urlsplit(realm)
            if target.scheme != "https" and not (target.scheme == "http" and self._plain):
                raise Refused(f"The store {self.address} asks to log in at {realm[:200]!r}, which is no https address.")
            wanted = {"service": said.get("service", ""), "scope": said.get("scope", self._pull)}
            login = _header_of(self._login) if self._login else {}
            answer = self._client.get(realm, params=wanted, headers=login)
            granted = _token(answer)
            if granted is None:
                raise Refused(
                    f"The store {self.address} does not let this worker read it: {target.hostname} gave no token "
                    f"({answer.status_code})."
                )
            self._authorization = {"Authorization": f"Bearer {granted}"}


def _trusted(ca_path: str | None) -> ssl.SSLContext | bool:
    """What httpx takes for ``verify``: by itself it heeds SSL_CERT_FILE."""
    if not ca_path:
        return True
    try:
        return ssl.create_default_context(cafile=ca_path)
    except OSError as error:
        raise Refused(f"HOTPASS_STORE_CA_PATH names {ca_path}, which holds no certificates: {error}.") from error


def _proved(data: bytes, digest: str, address: str, size: int | None = None) -> bytes:
    if digest_of(data) != digest or size not in (None, len(data)):
        raise Refused(
            f"The blob {digest} in the store {address} is damaged: its bytes are others; check the store, "
            "and bring the blob back from a copy."
        )
    return data


def _header_of(login: httpx.BasicAuth) -> dict[str, str]:
    request = next(login.auth_flow(httpx.Request("GET", "https://example.com")))
    return {"Authorization": request.headers["Authorization"]}


def _token(answer: httpx.Response) -> str | None:
    try:
        document = answer.json() if answer.is_success else {}
    except ValueError:
        return None
    found = document.get("token") or document.get("access_token") if isinstance(document, dict) else None
    return found if isinstance(found, str) else None


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(address: str) -> str:
    """An address without what may be a password."""
    return SCHEME + address.removeprefix(SCHEME).rpartition("@")[2][:200]


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
