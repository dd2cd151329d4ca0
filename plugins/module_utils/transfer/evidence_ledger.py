# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger of a site says when it comes home: what the site runs, and whether all that was signed agrees."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import parsed
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.ring_summary import LEDGER
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import is_digest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.envelopes import Verified
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import short
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.heads import Head


@dataclasses.dataclass(frozen=True)
class Active:
    """What a site runs.

    :param since: when it became Active, ISO 8601 UTC, by the site's clock.
    :param stated: whether a believed promoter signed that it did; the ledger alone says it otherwise.
    """

    release: str
    generation: int
    since: str
    stated: bool


def head_in(name: str, data: bytes | None) -> tuple[int, str] | None:
    """The last record of the ledger in a bundle of evidence: its number and its digest; None when it has none.

    :param name: what the bundle is called.
    :param data: the file with the ledger; None for a bundle without one.
    :raises CollectionError: for another file.
    """
    if data is None:
        return None
    document = parsed(data, f"{LEDGER} of {name}")
    head = document.get("head", {}) if isinstance(document, dict) else {}
    if head is None:
        return None
    if not isinstance(head, dict) or not isinstance(head.get("sequence"), int) or not is_digest(head.get("digest")):
        raise CollectionError(f"{LEDGER} of the bundle {name} does not say with which record it ends.")
    return head["sequence"], head["digest"]


def contradictions(
    chain: Chain, known: Head | None, heads: t.Mapping[str, tuple[int, str]], outcomes: t.Iterable[Verified]
) -> t.Iterator[str]:
    """Sentences on what was imported, sealed and signed before, and is about records that a ledger does not have.

    :param known: the head of the ring's ledger as it was imported last.
    :param heads: for each bundle of evidence the last record of the ledger in it.
    :param outcomes: the signed statements on how promotions into the ring ended.
    """
    digests = {record.sequence: record.digest for record in chain.records}
    if known is not None and digests.get(known.sequence) != known.digest:
        yield (
            f"The ledger of ring {chain.ring} ends with record {chain.head.sequence if chain.head else 0}, and record "
            f"{known.sequence} ({short(known.digest)}), which was imported before, is not in it"
        )
    for name, (sequence, digest) in heads.items():
        if digests.get(sequence) != digest:
            yield (
                f"The bundle {name} was sealed when record {sequence} of ring {chain.ring} was {short(digest)}, which "
                "the ledger that came with it does not have"
            )
    records = set(digests.values())
    for outcome in outcomes:
        said = outcome.predicate
        if said["ledgerRecord"] not in records:
            yield (
                f"{outcome.signers[0].name} signed that generation {said['generation']} of ring {chain.ring} ended as "
                f"{said['result']} with record {short(said['ledgerRecord'])}, which the ledger that came with it does "
                "not have"
            )


def active_of(chain: Chain, outcomes: t.Iterable[Verified]) -> Active | None:
    """What the ring runs; None when nothing ever became Active there.

    :param outcomes: the signed statements on how promotions into the ring ended.
    """
    active = chain.active
    if active is None or active.release is None:
        return None
    ends = {record.digest for record in chain.records if record.generation == active.number}
    stated = any(
        outcome.release == active.release
        and outcome.predicate["generation"] == active.number
        and outcome.predicate["result"] == State.ACTIVE.value
        and outcome.predicate["ledgerRecord"] in ends
        for outcome in outcomes
    )
    return Active(active.release, active.number, active.since, stated)


def sentence(ring: str, active: Active | None) -> str:
    """What a person wants to know of a site."""
    if active is None:
        return f"{ring} at the site: nothing has become Active yet"
    unsigned = "" if active.stated else ", which no signed statement that is believed says"
    return f"{ring} at the site: {active.release} Active since {active.since}, generation {active.generation}{unsigned}"
