# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a ring believes: public keys with names and roles, as the ring's settings list them."""

from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.keys import (
    checked_key_name,
    key_id_of,
    parse_public_key,
    public_pem,
    read_key_file,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party_release import (
    Signature,
    SSlibKey,
    UnverifiedSignatureError,
)

BUILDER: t.Final = "builder"
PROMOTER: t.Final = "promoter"
APPROVER: t.Final = "approver"
ROLES: t.Final = (BUILDER, PROMOTER, APPROVER)

_FIELDS: t.Final = ("name", "roles", "public_key")


@dataclasses.dataclass(frozen=True)
class TrustedKey:
    """A public key that a ring believes.

    :param roles: some of :data:`ROLES`, never empty.
    :param key_id: the name of the key, 64 hexadecimal digits.
    :param public_key: as PEM.
    """

    name: str
    roles: frozenset[str]
    key_id: str
    public_key: str
    _key: SSlibKey = dataclasses.field(repr=False, compare=False)

    def made(self, signature: bytes, payload: bytes) -> bool:
        """Whether the signature over exactly these bytes is this key's."""
        try:
            self._key.verify_signature(Signature(self.key_id, signature.hex()), payload)
        except UnverifiedSignatureError:
            return False
        return True


@dataclasses.dataclass(frozen=True)
class Trust:
    """All the keys that a ring believes; without any it believes nobody."""

    keys: tuple[TrustedKey, ...] = ()

    @classmethod
    def from_setting(cls, entries: t.Any) -> Trust:
        """The trust that a ring's setting describes: a list of ``{name, roles, public_key}``.

        :param entries: ``public_key`` is PEM text, or the path of a PEM file.
        :raises CollectionError: for anything else, naming the entry and its field; also for a name or a key that two
            entries share.
        """
        if not isinstance(entries, (list, tuple)):
            raise CollectionError(
                f"The ring's trust is {type(entries).__name__}; allowed is a list of keys with {', '.join(_FIELDS)}."
            )
        keys: list[TrustedKey] = []
        for position, entry in enumerate(entries):
            key = _trusted_key(entry, f"trust[{position}]")
            for other in keys:
                if other.name.casefold() == key.name.casefold():
                    raise CollectionError(
                        f"The name {key.name} stands twice in the ring's trust; each key has its own."
                    )
                if other.key_id == key.key_id:
                    raise CollectionError(
                        f"{other.name} and {key.name} have the same key in the ring's trust; list it once, with all "
                        "its roles."
                    )
            keys.append(key)
        return cls(tuple(keys))

    def find(self, key_id: str) -> TrustedKey | None:
        """The key of this name, or None when the ring does not believe it."""
        return next((key for key in self.keys if key.key_id == key_id), None)

    def having(self, roles: t.Collection[str]) -> tuple[TrustedKey, ...]:
        """The keys that have one of the roles, in the setting's order."""
        return tuple(key for key in self.keys if not key.roles.isdisjoint(roles))


def _trusted_key(entry: t.Any, where: str) -> TrustedKey:
    if not isinstance(entry, dict):
        raise CollectionError(f"{where} is {type(entry).__name__}; allowed is a mapping with {', '.join(_FIELDS)}.")
    for field in entry:
        if field not in _FIELDS:
            raise CollectionError(
                f"{where} has the unknown field {str(field)[:100]!r}; allowed are {', '.join(_FIELDS)}."
            )
    for field in _FIELDS:
        if field not in entry:
            raise CollectionError(f"{where} lacks {field}; it takes {', '.join(_FIELDS)}.")
    name = checked_key_name(entry["name"], f"{where}.name")
    what = f"{where}.public_key of {name}"
    public = entry["public_key"]
    if not isinstance(public, str) or not public.strip():
        raise CollectionError(
            f"{what} is {'empty' if public == '' else type(public).__name__}; allowed is PEM or a path."
        )
    roles = _roles(entry["roles"], f"{where}.roles of {name}")
    found = parse_public_key(public if "-----BEGIN" in public else _read(public, what), what)
    return TrustedKey(name, roles, key_id_of(found), public_pem(found), SSlibKey.from_crypto(found))


def _roles(roles: t.Any, what: str) -> frozenset[str]:
    if not isinstance(roles, (list, tuple)) or not roles:
        raise CollectionError(f"{what} is no list with a role in it; allowed are {', '.join(ROLES)}.")
    for role in roles:
        if role not in ROLES:
            raise CollectionError(f"{what} holds {str(role)[:100]!r}; allowed are {', '.join(ROLES)}.")
    if len(set(roles)) != len(roles):
        raise CollectionError(f"{what} names a role twice.")
    return frozenset(roles)


def _read(path: str, what: str) -> str:
    try:
        return read_key_file(Path(path).expanduser())
    except CollectionError as error:
        raise CollectionError(f"{what}: {error.message}") from None
