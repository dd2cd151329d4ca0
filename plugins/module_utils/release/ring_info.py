# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a ring's ledger says: what is Active, what is under way, what was, and one record in full."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain, Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.compaction import full_chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import PrefectLedger
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_options import store_from_params
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome


def read(params: dict[str, t.Any], _context: Context) -> Outcome:
    """Read and verify a ring's ledger; from its first record on, when the store that has its archive is named.

    :raises CollectionError: when history is negative, or the ledger is broken or has not the record that is
        asked for.
    """
    history = params.get("history")
    if history is not None and history < 0:
        raise CollectionError(f"history is {history}, and it says how many generations to show: 0 or more.")
    with Session(Connection.from_params(params)) as session:
        chain = PrefectLedger(session, params["solution"], params["ring"]).read()
        named = chain.named
        if params.get("store") and chain.segments:
            with contextlib.closing(store_from_params(params)) as store:
                chain = full_chain(chain, store)
            named |= chain.named
        result: dict[str, t.Any] = {
            "status": {**status(chain, params["ring"], params["solution"]), "named": sorted(named)}
        }
        if history is not None:
            newest = list(chain.generations)[::-1][:history]
            result["history"] = [line(generation) for generation in newest]
        if params.get("record") is not None:
            result["record"] = _record(chain, params["record"], params["ring"])
        return Outcome(changed=False, result=result)


def status(chain: Chain, ring: str, solution: str) -> dict[str, t.Any]:
    """One ring in a few fields."""
    active, under_way, head = chain.active, chain.under_way, chain.head
    return {
        "ring": ring,
        "solution": solution,
        "active": line(active) if active else None,
        "under_way": line(under_way) if under_way else None,
        "last": line(chain.generations[-1]) if chain.generations else None,
        "degraded": chain.degraded,
        "generations": chain.last_generation,
        "records": head.sequence if head else 0,
        "head": head.digest if head else None,
        "last_at": head.at if head else None,
        "holds": {digest: record.detail.get("reason") for digest, record in chain.holds.items()},
        "vetoes": {digest: record.detail.get("reason") for digest, record in chain.vetoes.items()},
    }


def line(generation: Generation) -> dict[str, t.Any]:
    """One generation in a few fields."""
    return {
        "generation": generation.number,
        "kind": generation.kind.value,
        "release": generation.release,
        "state": generation.state.value,
        "since": generation.since,
        "requested_by": generation.requested_by.name,
        "requested_at": generation.requested_at,
        "reason": generation.last_detail.get("reason"),
        "rolls_back": generation.rolls_back,
        "commit": generation.detail.get("commit"),
    }


def _record(chain: Chain, sequence: int, ring: str) -> dict[str, t.Any]:
    for record in chain.records:
        if record.sequence == sequence:
            return {**record.to_json(), "digest": record.digest}
    first = chain.records[0].sequence if chain.records else 0
    raise CollectionError(
        f"The ledger of ring {ring} has no record {sequence} on the server; it has {first} to "
        f"{chain.records[-1].sequence if chain.records else 0}, and older ones are archived in the store."
    )
