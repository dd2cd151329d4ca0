# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The libraries that only keys and statements need, guarded like those of :mod:`third_party`."""

from __future__ import annotations

import functools
import json
import typing as t

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
except ImportError:
    if not t.TYPE_CHECKING:
        UnsupportedAlgorithm = ValueError
        serialization = Ed25519PrivateKey = Ed25519PublicKey = None

try:
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import UnverifiedSignatureError
    from securesystemslib.signer import CryptoSigner, Signature, SSlibKey  # type: ignore[attr-defined]
except ImportError:
    if not t.TYPE_CHECKING:
        UnverifiedSignatureError = ValueError
        CryptoSigner = Envelope = Signature = SSlibKey = None


def breaches(schema: dict[str, t.Any], value: t.Any) -> list[tuple[tuple[str | int, ...], str]]:
    """Where a JSON value breaks a schema of the collection's own, and what is allowed there; the value is not quoted.

    The schema is taken to be one; the check is kept for the next call, because an offline ring reads many statements.
    """
    found = _validator(json.dumps(schema, sort_keys=True)).iter_errors(value)
    return [(tuple(error.absolute_path), f"{error.validator} {error.validator_value}"[:200]) for error in found]


@functools.lru_cache(maxsize=32)
def _validator(schema: str) -> t.Any:
    """Imported when needed: this import costs as much as most tasks take."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(schema))


__all__ = [
    "CryptoSigner",
    "Ed25519PrivateKey",
    "Ed25519PublicKey",
    "Envelope",
    "SSlibKey",
    "Signature",
    "UnsupportedAlgorithm",
    "UnverifiedSignatureError",
    "breaches",
    "serialization",
]
