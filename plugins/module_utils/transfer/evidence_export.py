# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends a ring's evidence home: gathered, verified, and sealed by the ring's promoter."""

from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import log
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute import Recompute
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.versions import COLLECTION
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release.key_options import trust_from_params
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import PrefectLedger
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_options import store_from_params
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import evidence_gather, evidence_kept, names
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import EVIDENCE, TransferDocument
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.evidence_kept import Kept
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.heads import head_of
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.placing import place, signer_from_params
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.receipt import Receipt
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.writing import Entry

Params = dict[str, t.Any]


def export(params: Params, context: Context, registry: t.Mapping[str, Recompute] | None = None) -> Outcome:
    """Write the transfer bundle that takes a ring's evidence home.

    :param registry: how each kind's claims are computed.
    :raises CollectionError: when the evidence is not whole, or the bundle cannot be written.
    """
    ring, solution = str(params["ring"]), str(params["solution"])
    root = directory(params, "evidence_dir", "ring_evidence_dir")
    trust = trust_from_params(params)
    key = signer_from_params(params, trust)
    base = _base(params.get("base"), solution, ring)
    with (
        Session(Connection.from_params(params)) as session,
        contextlib.closing(store_from_params(params)) as store,
    ):
        source = evidence_gather.Source(
            root,
            solution,
            ring,
            log.read(session, solution, ring),
            PrefectLedger(session, solution, ring).read,
            store,
            trust,
            registry,
        )
        gathered = evidence_gather.gather(source, base, params.get("checkpoint"))
    head = head_of(gathered.chain)
    entries = list(gathered.entries)
    receipt = Receipt.read(directory(params, "transfer_dir", "ring_state_dir") / names.RECEIPT)
    if receipt is not None:
        entries.append(Entry(names.RECEIPT, receipt.to_bytes()))
    document = TransferDocument(
        kind=EVIDENCE, solution=solution, ring=ring, heads={ring: head}, collection=("hotpass.prefect", COLLECTION)
    )
    since = f"-since-{base.sequence}" if base else ""
    stem = f"{solution}-{ring}-evidence-{head.sequence}{since}"
    placed = place(params["target"], stem, entries, document, key, trust, check=context.check)
    evidence = {"path": str(root / ring), "bundles": list(gathered.bundles), "checkpoint": gathered.checkpoint}
    return Outcome(
        changed=placed.changed,
        result={"transfer": {**placed.result, "evidence": evidence}},
        diff=placed.diff,
        warnings=[*placed.warnings, *gathered.warnings],
    )


def directory(params: Params, option: str, setting: str) -> Path:
    """A directory that a task's arguments name.

    :param setting: what a user sets for it.
    :raises CollectionError: when they name none.
    """
    found = params.get(option)
    if not found:
        raise CollectionError(f"Evidence travels with {option}, and there is none; set {setting}.")
    return Path(found).expanduser().absolute()


def _base(path: str | None, solution: str, ring: str) -> Kept | None:
    """How far home has imported the ring's evidence, as it says itself.

    :raises CollectionError: when a file is named that is not there, or says something else.
    """
    if not path:
        return None
    base = evidence_kept.load(Path(path).expanduser(), solution, ring)
    if base is None:
        raise CollectionError(
            f"There is no file {path}; base is the {ring}-evidence.json that home wrote when it imported."
        )
    return base
