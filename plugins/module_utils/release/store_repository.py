# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OCI distribution API of one repository: blobs, manifests, tags."""

from __future__ import annotations

import ipaddress
import re
import typing as t
import urllib.parse

from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import check_digest, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_http import Answer, Refused, Wire
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_manifests import (
    INDEX_TYPE,
    LARGEST_MANIFEST,
    MANIFEST_TYPE,
    Corrupt,
    NotInStore,
    StoreError,
    Transient,
    hashed,
    parse_json,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_types import StoreAccess

_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_ACCEPT = {"Accept": f"{MANIFEST_TYPE}, {INDEX_TYPE}"}
_NEXT = re.compile(r"<([^>]+)>\s*;[^,]*\brel=\"?next\"?")
_PAGE = 1000
_MOST_PAGES = 1000
# The specification has 404 for a registry without the referrers API; some say that they do not know the request.
_NO_API = frozenset({404, 405, 501})


class Repository:
    """One repository of a registry, in terms of the distribution API.

    Nothing is sent before the first request is needed; the first one sees that there is a registry at all.

    :param address: ``oci://host[:port]/repository``.
    :raises StoreError: when the address is none.
    """

    def __init__(self, address: str, access: StoreAccess) -> None:
        base, self.name = split_address(address, access)
        self.address = address
        self.wire = Wire(base, access)
        self._known = False

    def _request(self, method: str, path: str, **options: t.Any) -> Answer:
        if not self._known:
            self._see_registry()
            self._known = True
        return self.wire.request(method, path, **options)

    def _see_registry(self) -> None:
        """Ask for what only a registry has, so that no other server's 404 is taken for an answer.

        :raises StoreError: when there is none.
        """
        try:
            answer = self.wire.request("GET", "/v2/", limit=LARGEST_MANIFEST)
            if answer.body.strip() and "Docker-Distribution-Api-Version" not in answer.headers:
                parse_json(answer.body)
        except (Refused, ValueError) as error:
            if isinstance(error, Refused) and error.status in (401, 403):
                raise
            raise StoreError(
                f"At {self.wire.base} there is no OCI registry: its answer to GET /v2/ is none that a registry gives; "
                "mend the store's address."
            ) from None

    def has_blob(self, digest: str) -> bool:
        """Whether the repository has a blob."""
        return self.blob_size(digest) is not None

    def blob_size(self, digest: str) -> int | None:
        """How many bytes a blob has; -1 when the registry does not say, None when it has no such blob."""
        # A registry may keep its blobs elsewhere and send there; that it does says that it has it.
        answer = self._request("HEAD", self._blob(digest), expected=(200, 302, 303, 307, 404))
        if answer.status == 404:
            return None
        length = answer.headers.get("Content-Length", "") if answer.status == 200 else ""
        return int(length) if length.isdecimal() else -1

    def read_blob(self, digest: str) -> bytes:
        """The bytes of a blob, hashed."""
        answer = self._request("GET", self._blob(digest), expected=(200, 404))
        if answer.status == 404:
            raise NotInStore(self.address, digest)
        return hashed(self.address, digest, answer.body)

    def write_blob(self, data: bytes) -> str:
        """Upload a blob, unless it is there.

        An upload is never sent again blindly: its session may be used up, so it is looked whether the blob is there,
        and otherwise begun anew.
        """
        digest = digest_of(data)
        attempt = 0
        while not self.has_blob(digest):
            try:
                self._upload(digest, data)
            except Transient:
                attempt += 1
                if attempt > self.wire.retries:
                    raise
                self.wire.pause(attempt)
            else:
                break
        return digest

    def _upload(self, digest: str, data: bytes) -> None:
        begun = self._request("POST", f"/v2/{self.name}/blobs/uploads/", body=b"", expected=(202,), retries=0)
        location = begun.headers.get("Location", "")
        if not location:
            raise StoreError(f"The registry {self.wire.base} begins an upload without saying where it goes on.")
        parts = urllib.parse.urlsplit(self.wire.url(location))
        query = f"{parts.query}&" if parts.query else ""
        target = parts._replace(query=f"{query}{urllib.parse.urlencode({'digest': digest})}").geturl()
        headers = {"Content-Type": "application/octet-stream"}
        try:
            self._request("PUT", target, body=data, headers=headers, expected=(201, 204), retries=0)
        except Refused as error:
            # The session can be gone when a registry of several servers restarts one: begin anew, a few times.
            if error.status == 404:
                raise Transient(error.message, answered=True) from None
            raise

    def manifest_digest(self, reference: str) -> str | None:
        """What a tag, or a digest, names; None when the repository does not have it."""
        answer = self._request("HEAD", self._manifest(reference), headers=_ACCEPT, expected=(200, 404))
        if answer.status == 404:
            return None
        said = answer.headers.get("Docker-Content-Digest")
        if said:
            return said
        data = self.tagged(reference)
        return None if data is None else digest_of(data)

    def read_manifest(self, digest: str) -> bytes:
        """The bytes of a manifest, hashed."""
        data = self._read(check_digest(digest))
        if data is None:
            raise NotInStore(self.address, digest)
        return hashed(self.address, digest, data.body)

    def tagged(self, tag: str) -> bytes | None:
        """What a tag names, hashed against the digest that the registry says; None when there is no such tag."""
        answer = self._read(tag)
        if answer is None:
            return None
        said = answer.headers.get("Docker-Content-Digest")
        if said and digest_of(answer.body) != said:
            raise Corrupt(self.address, said, f"the {len(answer.body)} bytes that the tag {tag} leads to are others")
        return answer.body

    def _read(self, reference: str) -> Answer | None:
        answer = self._request(
            "GET", self._manifest(reference), headers=_ACCEPT, expected=(200, 404), limit=LARGEST_MANIFEST
        )
        return None if answer.status == 404 else answer

    def put_manifest(self, reference: str, data: bytes, media_type: str = MANIFEST_TYPE) -> Answer:
        """Put a manifest under a tag or its digest."""
        return self._request(
            "PUT", self._manifest(reference), body=data, headers={"Content-Type": media_type}, expected=(201, 202)
        )

    def delete_manifest(self, digest: str) -> None:
        """Delete a manifest and every tag of it; it may be gone already.

        :raises StoreError: when the registry does not allow deleting.
        """
        try:
            self._request("DELETE", self._manifest(check_digest(digest)), expected=(200, 202, 404))
        except Refused as error:
            if error.status != 405:
                raise
            raise StoreError(
                f"The registry {self.wire.base} does not allow deleting, so nothing can be collected there; have "
                "its operator enable it (docker-registry: storage.delete.enabled), or collect with its own tools."
            ) from None

    def referrers(self, digest: str) -> list[str] | None:
        """What the referrers API says is attached to a manifest; None when the registry has no such API."""
        path = f"/v2/{self.name}/referrers/{check_digest(digest)}"
        found: list[str] = []
        for answer in self._pages(path, (200, *_NO_API)):
            if answer.status in _NO_API:
                return None
            found += index_digests(self.address, f"The list of what is attached to {digest}", answer.body)
        return found

    def tags(self) -> list[str] | None:
        """All tags, sorted; None when the registry does not know the repository."""
        found: set[str] = set()
        for answer in self._pages(f"/v2/{self.name}/tags/list?n={_PAGE}", (200, 404)):
            if answer.status == 404:
                return None
            try:
                document = parse_json(answer.body)
                found |= {str(tag) for tag in document["tags"] or ()}
            except (ValueError, TypeError, KeyError):
                raise StoreError(f"The registry {self.wire.base} answers with a list of tags that is none.") from None
        return sorted(found)

    def _pages(self, path: str, expected: t.Collection[int]) -> t.Iterator[Answer]:
        following: str | None = path
        for _page in range(_MOST_PAGES):
            answer = self._request("GET", following or path, expected=expected)
            yield answer
            link = _NEXT.search(answer.headers.get("Link", ""))
            if not link:
                return
            following = self.wire.url(link[1], urllib.parse.urljoin(self.wire.base, following))
        raise StoreError(f"The registry {self.wire.base} goes on for more than {_MOST_PAGES} pages of {path}.")

    def _blob(self, digest: str) -> str:
        return f"/v2/{self.name}/blobs/{check_digest(digest)}"

    def _manifest(self, reference: str) -> str:
        return f"/v2/{self.name}/manifests/{reference}"


def split_address(address: str, access: StoreAccess) -> tuple[str, str]:
    """The registry's scheme, host and port, and the repository, of an address.

    :raises StoreError: when it is none.
    """
    allowed = "allowed is oci://host[:port]/repository, the repository in lower case and without tag or digest"
    parts = urllib.parse.urlsplit(address)
    if "@" in parts.netloc:
        raise StoreError(f"The store's address holds a user or a password; {allowed}, and store_username beside it.")
    fault = StoreError(f"The store's address is {address[:200]!r}; {allowed}.")
    try:
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise fault from None
    repository = parts.path.removeprefix("/")
    if parts.scheme != "oci" or not host or parts.query or parts.fragment or not _REPOSITORY.fullmatch(repository):
        raise fault
    plain = access.plain_http
    if plain is None:
        plain = _is_loopback(host) and not access.ca_path
    return f"{'http' if plain else 'https'}://{parts.netloc}", repository


def index_digests(address: str, what: str, data: bytes) -> list[str]:
    """The digests of the manifests that an index lists.

    :raises StoreError: when it is none.
    """
    try:
        document = parse_json(data)
        lines = document["manifests"] or []
        return [check_digest(line["digest"]) for line in lines]
    except (ValueError, TypeError, KeyError, StoreError):
        raise Corrupt(address, what, "it is no OCI image index") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
