# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings a site's evidence home, where its chain is the same then as at the site."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import disk
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute import Recompute
from ansible_collections.hotpass.prefect.plugins.module_utils.release.key_options import (
    trust_from_params,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_options import store_from_params
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_types import Store
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import (
    evidence_kept,
    evidence_ledger,
    evidence_statements,
    evidence_take,
    names,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import EVIDENCE
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.evidence_export import directory
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.evidence_kept import Kept
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.evidence_ledger import Active
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.evidence_statements import Said
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.evidence_take import Verified as Evidence
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.reading import Transfer
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.workspace import alone_in

Params = dict[str, t.Any]


def bring_in(
    transfer: Transfer, params: Params, context: Context, registry: t.Mapping[str, Recompute] | None = None
) -> Outcome:
    """Take the evidence in a verified transfer bundle home.

    All of it is verified and linked to what was imported before; only then is it written, each bundle whole or not at
    all, and last of all how far it went. Whatever interrupts it, doing it again goes on.

    :param registry: how each kind's claims are computed.
    :raises CollectionError: for what is refused, and then nothing was written; or when something cannot be written.
    """
    document = transfer.document
    ring, solution = document.ring, document.solution
    for option, found in (("ring", ring), ("solution", solution)):
        if params.get(option) != found:
            raise CollectionError(
                f"The transfer bundle {transfer.path} brings evidence of {option} {found}, and this is {option} "
                f"{params.get(option)}; name the inventory of that ring."
            )
    root = directory(params, "evidence_dir", "ring_evidence_dir")
    own = directory(params, "transfer_dir", "ring_state_dir")
    with contextlib.closing(store_from_params(params)) as store, _alone(own, context.check):
        return _brought_in(transfer, params, context, _Home(root, own, store), registry)


class _Home(t.NamedTuple):
    """Where evidence comes home to."""

    root: Path
    directory: Path
    store: Store


class _Checked(t.NamedTuple):
    """What a transfer bundle brings, all of it verified.

    :param kept: how far home has the evidence now, :param then: how far it has it with the bundle,
    :param doubts: sentences on the ledger, which were accepted.
    """

    evidence: Evidence
    said: list[Said]
    kept: Kept | None
    then: Kept
    active: Active | None
    doubts: list[str]


def _brought_in(
    transfer: Transfer, params: Params, context: Context, home: _Home, registry: t.Mapping[str, Recompute] | None
) -> Outcome:
    ring, solution = transfer.document.ring, transfer.document.solution
    place = evidence_kept.path_of(home.directory, ring)
    try:
        found = _checked(transfer, params, home, evidence_kept.load(place, solution, ring), registry)
    except CollectionError as error:
        error.message = f"The transfer bundle {transfer.path} is refused. {error.message}"
        error.args = (error.message,)
        raise
    fresh = [one for one in found.evidence.arrived if not one.there]
    if not context.check:
        for one in fresh:
            evidence_take.write(transfer, one)
    attached, unknown = _attach(home.store, found.said, context.check)
    receipt = home.directory / "receipts" / f"{ring}.json"
    received = _keep_receipt(transfer, receipt, context.check)
    moved = found.then != found.kept
    if moved and not context.check:
        disk.write_file(place, found.then.written())
    result = {
        "path": str(transfer.path),
        "kind": EVIDENCE,
        "solution": solution,
        "ring": ring,
        "seal": transfer.seal.digest,
        "signer": transfer.seal.signer,
        "heads": {ring: found.then.head.to_json()},
        "evidence": {
            "path": str(home.root / ring),
            "imported": [one.label for one in fresh],
            "unchanged": len(found.evidence.arrived) - len(fresh),
            "checkpoint": found.then.line,
            "kept": str(place),
        },
        "statements": attached,
        "receipt": str(receipt) if received is not None else None,
        "active": dataclasses.asdict(found.active) if found.active else None,
        "said": evidence_ledger.sentence(ring, found.active),
    }
    return Outcome(
        changed=bool(fresh or attached or received or moved),
        result={"transfer": result},
        diff=_diff(home.root / ring, found.evidence, fresh),
        warnings=[*unknown, *(f"{doubt}." for doubt in found.doubts)],
    )


def _checked(
    transfer: Transfer, params: Params, home: _Home, kept: Kept | None, registry: t.Mapping[str, Recompute] | None
) -> _Checked:
    document, chain = transfer.document, transfer.chains[transfer.document.ring]
    ring, solution = document.ring, document.solution
    trust, accepting = trust_from_params(params), bool(params.get("other_ledger"))
    evidence = evidence_take.verify(
        transfer, home.root, trust, kept=kept, checkpoint=params.get("checkpoint"), registry=registry
    )
    read = (
        evidence_statements.read(name, transfer.read(name), chain, trust, home.store)
        for name in transfer.below(names.STATEMENTS)
    )
    said = [one for one in read if one is not None]
    outcomes = evidence_statements.outcomes(said, chain, trust)
    ledgers = {one.label: one.ledger for one in evidence.arrived if one.ledger is not None}
    doubts = list(evidence_ledger.contradictions(chain, kept.head if kept else None, ledgers, outcomes))
    if doubts and not accepting:
        more = f" And {len(doubts) - 1} more." if len(doubts) > 1 else ""
        raise CollectionError(
            f"{doubts[0]}: the ledger was written anew, is an older one, or is that of a new server; when you know "
            f"that it is the last, accept it with -e other_ledger=true.{more}",
            problems=doubts,
        )
    then = Kept(solution, ring, evidence.sequence, evidence.seal, document.heads[ring])
    return _Checked(evidence, said, kept, then, evidence_ledger.active_of(chain, outcomes), doubts)


def _attach(store: Store, said: t.Iterable[Said], check: bool) -> tuple[list[str], list[str]]:
    """Let statements travel with their releases here: the files that were new, and sentences on unknown releases."""
    attached, unknown = [], set()
    for one in said:
        fresh = evidence_statements.attach(store, one, check)
        if fresh is None:
            unknown.add(one.release)
        elif fresh:
            attached.append(one.name)
    return attached, [
        f"{release} is not in the store {store.address}, so what the site says of it is kept in its evidence only."
        for release in sorted(unknown)
    ]


def _keep_receipt(transfer: Transfer, path: Path, check: bool) -> bool | None:
    """Keep the site's receipt, which the next delta is made for: whether it changed; None when none came."""
    if not transfer.below(names.RECEIPT):
        return None
    data = transfer.read(names.RECEIPT)
    with contextlib.suppress(FileNotFoundError):
        if disk.read_file(path, len(data) + 1) == data:
            return False
    if not check:
        disk.write_file(path, data)
    return True


def _diff(directory: Path, evidence: Evidence, fresh: t.Sequence[evidence_take.Arrived]) -> list[dict[str, t.Any]]:
    if not fresh:
        return []
    before = [one.label for one in evidence.arrived if one.there]
    after = sorted([*before, *(one.label for one in fresh)])
    return [
        {
            "before_header": str(directory),
            "after_header": str(directory),
            "before": "".join(f"{line}\n" for line in before),
            "after": "".join(f"{line}\n" for line in after),
        }
    ]


@contextlib.contextmanager
def _alone(directory: Path, check: bool) -> t.Iterator[None]:
    """Let nobody else import into a directory meanwhile."""
    if check and not directory.is_dir():
        yield
        return
    with alone_in(directory):
        yield
