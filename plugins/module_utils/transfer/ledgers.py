# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of a ring as it travels: every record from the first one on, and verified when it is read."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.ring_summary import chain_of, ledger_document
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, read_canonical
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.heads import Head, head_of

LARGEST: t.Final = 256 * 1024 * 1024
"""Bytes of one ledger."""


def written(chain: Chain) -> bytes:
    """The bytes of ``ledger/<ring>.json``.

    :param chain: the whole history, see ``compaction.full_chain``.
    :raises CollectionError: when it does not begin with the first record.
    """
    _check_whole(chain, f"The ledger of ring {chain.ring}")
    return canonical(ledger_document(chain))


def read(data: bytes, name: str, solution: str, ring: str, head: Head | None = None) -> Chain:
    """The verified ledger in the bytes of ``ledger/<ring>.json``.

    :param name: of the file, for sentences.
    :param head: where it has to end, when that is known.
    :raises CollectionError: when it is none, is another ring's, does not begin with its first record, or has another
        head.
    """
    try:
        chain = chain_of(read_canonical(data, "It", LARGEST))
        same = canonical(ledger_document(chain)) == data
    except CollectionError as error:
        raise CollectionError(f"{name} is no ledger: {error.message}") from None
    if not same:
        raise CollectionError(f"{name} is not written as a ledger is: it has more than that, or in another order.")
    if (chain.solution, chain.ring) != (solution, ring):
        raise CollectionError(
            f"{name} is the ledger of ring {chain.ring} of {chain.solution}; it should be that of {ring} of {solution}."
        )
    _check_whole(chain, name)
    if head is not None and head_of(chain) != head:
        raise CollectionError(f"{name} does not end as the bundle says that it does; one of the two was changed.")
    return chain


def _check_whole(chain: Chain, what: str) -> None:
    if not chain.records or chain.records[0].sequence != 1:
        found = f"record {chain.records[0].sequence}" if chain.records else "none"
        raise CollectionError(
            f"{what} begins with {found}; a transfer bundle brings all records from the first one on."
        )
