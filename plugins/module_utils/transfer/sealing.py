# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The seal of a transfer bundle: a signed statement about ``SHA256SUMS``, which stands for all files."""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import envelopes
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.keys import SigningKey
from ansible_collections.hotpass.prefect.plugins.module_utils.release.predicates import (
    STATEMENT_TYPE,
    TRANSFER,
    kind_of,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import PROMOTER, Trust
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import names
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import File, TransferDocument


class Seal(t.NamedTuple):
    """A seal that was checked.

    :param digest: of its bytes; it names the bundle.
    :param signer: who sealed, as the trust calls them.
    """

    digest: str
    signer: str


def sums(document: bytes, files: t.Mapping[str, File]) -> bytes:
    """``SHA256SUMS``: a line for ``transfer.json`` and each file that it lists, sorted, as ``sha256sum`` reads it.

    :param document: the bytes of ``transfer.json``.
    """
    listed = {names.DOCUMENT: hashlib.sha256(document).hexdigest(), **{name: files[name].sha256 for name in files}}
    return "".join(f"{listed[name]}  {name}\n" for name in sorted(listed)).encode()


def seal(document: TransferDocument, listing: bytes, key: SigningKey) -> bytes:
    """The envelope of the statement that a bundle is what it is.

    :param listing: the bytes of ``SHA256SUMS``.
    :raises Malformed: for a document that no seal may speak of.
    """
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": names.SUMS, "digest": {"sha256": hashlib.sha256(listing).hexdigest()}}],
        "predicateType": TRANSFER,
        "predicate": _claims(document),
    }
    return envelopes.sign(statement, key)


def check_seal(envelope: bytes, listing: bytes, trust: Trust) -> tuple[Seal, dict[str, t.Any]]:
    """The seal, and what it claims, when exactly one promoter whom the trust has made it for this ``SHA256SUMS``.

    :raises CollectionError: for any other, saying who signed it, or what it is about.
    """
    try:
        verified = envelopes.verify(envelope, trust, PROMOTER)
    except envelopes.Untrusted as error:
        raise CollectionError(
            f"{names.SEAL} is not the seal of anybody who is believed, so the bundle was changed, or was signed again "
            f"by somebody else: {error.message}"
        ) from None
    except CollectionError as error:
        raise CollectionError(f"{names.SEAL} is no seal: {error.message}") from None
    signatures = len(envelopes.as_json(envelope)["signatures"])
    if signatures != 1:
        raise CollectionError(f"{names.SEAL} has {signatures} signatures; allowed is the one of who exported.")
    if verified.predicate_type != TRANSFER:
        raise CollectionError(
            f"{names.SEAL} holds a {kind_of(verified.predicate_type)} statement; allowed is a transfer statement."
        )
    found = hashlib.sha256(listing).hexdigest()
    wanted = verified.statement["subject"][0]["digest"]["sha256"]
    if found != wanted:
        raise CollectionError(
            f"{names.SUMS} has the sha256 {found}, and what was sealed is {wanted}; it was changed, or the seal is of "
            "another bundle."
        )
    return Seal(digest_of(envelope), verified.signers[0].name), verified.predicate


def check_sums(listing: bytes, document: bytes, files: t.Mapping[str, File]) -> None:
    """Insist that ``SHA256SUMS`` lists exactly what ``transfer.json`` does.

    :raises CollectionError: naming the first file that one of the two lists differently.
    """
    wanted = sums(document, files)
    if listing == wanted:
        return
    found, expected = listing.decode("ascii", "replace").split("\n"), wanted.decode().split("\n")
    for line, right in zip(found, expected, strict=False):
        if line != right:
            raise CollectionError(f"{names.SUMS} has the line {line[:400]!r}, and by {names.DOCUMENT} it is {right!r}.")
    raise CollectionError(f"{names.SUMS} has {len(found)} lines, and by {names.DOCUMENT} they are {len(expected)}.")


def check_claims(claims: t.Mapping[str, t.Any], document: TransferDocument) -> None:
    """Insist that the seal and ``transfer.json`` say the same.

    :raises CollectionError: naming the first field that differs.
    """
    for field, said in _claims(document).items():
        if claims[field] != said:
            raise CollectionError(f"{names.DOCUMENT} says of {field} something else than {names.SEAL}.")


def _claims(document: TransferDocument) -> dict[str, t.Any]:
    said = document.to_json()
    return {field: said[field] for field in ("solution", "ring", "kind", "heads", "base")}
