# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed statements: in-toto Statements in DSSE envelopes, made, read and verified.

An envelope and the statement in it are each written in one way only, as canonical JSON and canonical base64, so that
an envelope that was changed in any byte is another envelope or none.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import predicates
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import (
    canonical,
    digest_of,
    read_canonical,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.keys import SigningKey
from ansible_collections.hotpass.prefect.plugins.module_utils.release.predicates import Malformed
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import ROLES, Trust, TrustedKey
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party_release import Envelope, Signature

PAYLOAD_TYPE: t.Final = "application/vnd.in-toto+json"
LARGEST: t.Final = 4 * 1024 * 1024

_MOST_SIGNATURES = 50
_SIGNATURE_BYTES = 64

Statement = dict[str, t.Any]


class Untrusted(CollectionError):
    """An envelope without the signatures that are asked for."""


@dataclasses.dataclass(frozen=True)
class Verified:
    """A statement whose signatures were checked.

    :param signers: the trusted keys that signed and have the role that was asked for, each once, ordered by name.
    :param digest: of the envelope's bytes.
    """

    statement: Statement
    signers: tuple[TrustedKey, ...]
    digest: str

    @property
    def predicate_type(self) -> str:
        return str(self.statement["predicateType"])

    @property
    def predicate(self) -> dict[str, t.Any]:
        return t.cast("dict[str, t.Any]", self.statement["predicate"])

    @property
    def release(self) -> str:
        """The digest of the release that the statement is about."""
        return release_of(self.statement)


def release_of(statement: Statement) -> str:
    """The digest of the release that a statement is about."""
    return f"sha256:{statement['subject'][0]['digest']['sha256']}"


def sign(statement: Statement, *keys: SigningKey) -> bytes:
    """The statement in an envelope that each of the keys signed, as canonical JSON.

    :raises Malformed: for a statement that is not valid.
    """
    if not keys:
        raise CollectionError("A statement takes at least one key to be signed with.")
    return _signed(canonical(predicates.check(statement)), {}, keys)


def add_signature(envelope: bytes, key: SigningKey) -> bytes:
    """The envelope with one more signature over the same statement; the same bytes if the key signed before.

    The statement is checked to be valid. The signatures that are there are not: :func:`verify` does that.

    :raises Malformed: for bytes that are no envelope with a valid statement.
    """
    payload, signatures = _read(envelope)
    _statement(payload)
    return _signed(payload, {key_id: Signature(key_id, made.hex()) for key_id, made in signatures}, (key,))


def verify(envelope: bytes, trust: Trust, role: str | t.Collection[str], threshold: int = 1) -> Verified:
    """The statement, if at least so many trusted keys with the role (or one of the roles) signed it.

    Several signatures of one key count once. Signatures of keys that the ring does not know are passed over; one that
    claims to be a known key's and is not is refused, whatever else the envelope holds.

    :raises Untrusted: saying which signature is missing, strange, false, or of a key without the role.
    :raises Malformed: for bytes that are no envelope, or hold no valid statement.
    """
    roles = _roles(role)
    if threshold < 1:
        raise CollectionError(f"The number of signatures asked for is {threshold}; allowed is 1 or more.")
    payload, signatures = _read(envelope)
    signed = Envelope(payload, PAYLOAD_TYPE, {}).pae()
    accepted: dict[str, TrustedKey] = {}
    others: list[str] = []
    for key_id, signature in signatures:
        key = trust.find(key_id)
        if key is None:
            others.append(f"key {key_id[:16]}, which signed, is not in the ring's trust")
        elif not key.made(signature, signed):
            raise Untrusted(f"The signature of {key.name} does not match the statement; one of the two was changed.")
        elif key.roles.isdisjoint(roles):
            others.append(f"{key.name}, who signed, has not the role {' or '.join(roles)}")
        else:
            accepted[key_id] = key
    if len(accepted) < threshold:
        raise Untrusted(_lacking(len(accepted), threshold, others, trust, roles))
    signers = tuple(sorted(accepted.values(), key=lambda key: key.name))
    return Verified(_statement(payload), signers, digest_of(envelope))


def peek(envelope: bytes) -> Statement:
    """What an envelope claims, with NO signature checked: for showing it, never for acting on it.

    :raises Malformed: for bytes that are no envelope, or hold no valid statement.
    """
    return _statement(_read(envelope)[0])


def as_json(envelope: bytes) -> dict[str, t.Any]:
    """The envelope as a JSON object, such as a ledger's record holds it; its canonical form is the envelope again.

    :raises Malformed: for bytes that are no envelope.
    """
    _read(envelope)
    return t.cast("dict[str, t.Any]", json.loads(envelope))


def _signed(payload: bytes, signatures: dict[str, Signature], keys: t.Iterable[SigningKey]) -> bytes:
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    made = {signature.keyid: signature for signature in (key.sign(envelope.pae()) for key in keys)}
    envelope.signatures = dict(sorted({**signatures, **made}.items()))
    data = canonical(envelope.to_dict())
    _read(data)
    return data


def _read(envelope: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    """The signed bytes, and the signatures with the names of the keys that they claim to be of."""
    document = _canonical_json(envelope, "The envelope")
    if not isinstance(document, dict) or document.keys() != {"payload", "payloadType", "signatures"}:
        raise Malformed("The envelope is none of DSSE: it takes payload, payloadType and signatures, nothing else.")
    if document["payloadType"] != PAYLOAD_TYPE:
        raise Malformed(f"The envelope holds {str(document['payloadType'])[:100]!r}; allowed is {PAYLOAD_TYPE}.")
    entries = document["signatures"]
    if not isinstance(entries, list) or not 1 <= len(entries) <= _MOST_SIGNATURES:
        raise Malformed(f"The envelope takes a list of 1 to {_MOST_SIGNATURES} signatures.")
    signatures = []
    for entry in entries:
        if not isinstance(entry, dict) or entry.keys() != {"keyid", "sig"} or not isinstance(entry["keyid"], str):
            raise Malformed("A signature of the envelope takes keyid and sig, nothing else.")
        signature = _base64(entry["sig"], "A signature of the envelope")
        if len(signature) != _SIGNATURE_BYTES:
            raise Malformed(f"A signature of the envelope has {len(signature)} bytes; one of ed25519 has 64.")
        signatures.append((entry["keyid"], signature))
    return _base64(document["payload"], "The payload of the envelope"), signatures


def _statement(payload: bytes) -> Statement:
    return predicates.check(_canonical_json(payload, "The statement"))


def _canonical_json(data: bytes, what: str) -> t.Any:
    try:
        return read_canonical(data, what, LARGEST)
    except CollectionError as error:
        raise Malformed(error.message) from None


def _base64(text: t.Any, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except (ValueError, binascii.Error):
        data = None
    if data is None or base64.b64encode(data).decode() != text:
        raise Malformed(f"{what} is no base64 in its one standard form.")
    return data


def _roles(role: str | t.Collection[str]) -> tuple[str, ...]:
    roles = (role,) if isinstance(role, str) else tuple(role)
    if not roles or not set(roles) <= set(ROLES):
        raise CollectionError(f"The role asked for is {', '.join(roles) or 'empty'}; allowed are {', '.join(ROLES)}.")
    return roles


def _lacking(found: int, threshold: int, others: list[str], trust: Trust, roles: tuple[str, ...]) -> str:
    wanted = " or ".join(f"{'an' if role[0] in 'aeiou' else 'a'} {role}" for role in roles)
    able = ", ".join(key.name for key in trust.having(roles)) or "nobody"
    reason = f" ({'; '.join(others[:5])})" if others else ""
    lack = f"has {found} of {threshold} signatures" if threshold > 1 else "lacks the signature"
    return f"The statement {lack} of {wanted}{reason}; in the ring's trust {able} can sign as one."
