# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a registry lets somebody in: Basic, or a Bearer token that a token service hands out."""

from __future__ import annotations

import base64
import re
import typing as t
import urllib.parse

from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_manifests import StoreError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_types import StoreAccess

# A parameter of a challenge, or the word that begins a challenge.
_PIECE = re.compile(
    r'(?P<key>[A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,"]+))'
    r"|(?P<scheme>[A-Za-z][A-Za-z0-9_-]*)"
)


class AskForToken(t.Protocol):
    """Sends a GET to a token service, with these headers, and answers its status and the JSON that it returned."""

    def __call__(self, url: str, headers: t.Mapping[str, str]) -> tuple[int, t.Any]: ...


def challenges(header: str) -> dict[str, dict[str, str]]:
    """What a ``WWW-Authenticate`` header asks for: the parameters of each scheme, both in lower case."""
    found: dict[str, dict[str, str]] = {}
    latest: dict[str, str] | None = None
    for piece in _PIECE.finditer(header):
        if piece["scheme"]:
            latest = found.setdefault(piece["scheme"].lower(), {})
        elif latest is not None:
            value = piece["bare"] if piece["quoted"] is None else re.sub(r"\\(.)", r"\1", piece["quoted"])
            latest[piece["key"].lower()] = value
    return found


class Authentication:
    """What to send along to one registry; learns it from the registry's challenges.

    :param base: the registry's scheme, host and port, as ``https://host:port``.
    :ivar secrets: texts that no message may quote.
    """

    def __init__(self, base: str, access: StoreAccess) -> None:
        if bool(access.username) != bool(access.password):
            raise StoreError(
                "store_username and store_password belong together, and only one is set (the environment variables "
                "HOTPASS_STORE_USERNAME and HOTPASS_STORE_PASSWORD count too)."
            )
        if access.username and ":" in access.username:
            raise StoreError("store_username holds a colon, which Basic authentication cannot carry.")
        self._base = urllib.parse.urlsplit(base)
        self._basic: str | None = None
        self.secrets: set[str] = set()
        self.header: str | None = None
        if access.username and access.password:
            token = base64.b64encode(f"{access.username}:{access.password}".encode()).decode()
            self._basic = f"Basic {token}"
            self.secrets |= {access.password, token}

    @property
    def has_credentials(self) -> bool:
        """Whether a user and a password were given."""
        return self._basic is not None

    def answer(self, header: str, ask: AskForToken) -> bool:
        """Make up :attr:`header` for a challenge; False when there is nothing more to offer.

        :raises StoreError: when the challenge cannot be answered safely, or the token service refuses.
        """
        asked = challenges(header)
        if "bearer" in asked:
            self.header = f"Bearer {self._token(asked['bearer'], ask)}"
            return True
        if "basic" in asked and self._basic and self.header != self._basic:
            self.header = self._basic
            return True
        return False

    def _token(self, asked: t.Mapping[str, str], ask: AskForToken) -> str:
        realm = urllib.parse.urlsplit(asked.get("realm", ""))
        host = self._base.netloc
        # In the clear only where the registry itself is spoken to in the clear, and to nobody else.
        safe = realm.scheme == "https" or (
            realm.scheme == self._base.scheme == "http" and realm.hostname == self._base.hostname
        )
        if not safe or not realm.hostname or "@" in realm.netloc:
            raise StoreError(
                f"The registry {host} sends for a token to {asked.get('realm', '')[:200]!r}; the user and password go "
                "only to an https address, or to the registry's own host."
            )
        query = urllib.parse.parse_qsl(realm.query)
        query += [(key, asked[key]) for key in ("service",) if key in asked]
        query += [("scope", scope) for scope in asked.get("scope", "").split()]
        url = realm._replace(query=urllib.parse.urlencode(query)).geturl()
        status, answer = ask(url, {"Authorization": self._basic} if self._basic else {})
        token = answer.get("token") or answer.get("access_token") if isinstance(answer, dict) else None
        if status == 200 and isinstance(token, str) and token.isascii() and token.isprintable():
            self.secrets.add(token)
            return token
        advice = (
            "are store_username and store_password right?" if self._basic else "set store_username and store_password."
        )
        said = f"status {status}" if status != 200 else "no token"
        raise StoreError(f"The token service {realm.netloc} of the registry {host} answered with {said}; {advice}")
