# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compaction: old records go from a ring's ledger into the store, and a checkpoint stands for them.

Each step may be the last one before a crash: the archive is written first, then the checkpoint, and only then are
records deleted, oldest first. Doing it again goes on where it stopped.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import checkpoints
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Broken, Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import Ledger, Lost
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import (
    Actor,
    Draft,
    Event,
    Json,
    Record,
    variable_name,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_manifests import (
    EMPTY,
    EMPTY_TYPE,
    MANIFEST_TYPE,
    Corrupt,
    Descriptor,
    Manifest,
)

ARTIFACT_TYPE: t.Final = "application/vnd.hotpass.ledger.v1"
RECORDS_TYPE: t.Final = "application/vnd.hotpass.ledger.records.v1+jsonl"
# With this many kept, and as many again before anything is done, a ledger is read with one request.
KEPT: t.Final = 90
_ATTEMPTS = 20


class Archive(t.Protocol):
    """What is needed of a :class:`Store`."""

    address: str

    def read_manifest(self, digest: str) -> bytes:
        """The bytes of a manifest, hashed."""

    def read_blob(self, digest: str) -> bytes:
        """The bytes of a blob, hashed."""

    def write_blob(self, data: bytes) -> str:
        """Keep some bytes, and name them."""

    def write_manifest(self, data: bytes, media_type: str = MANIFEST_TYPE) -> str:
        """Keep a manifest, and name it."""


def compact(ledger: Ledger, chain: Chain, store: Archive, actor: Actor, keep: int = KEPT) -> Chain:
    """Archive what a ring's promoters do not need any more, if that is worth it, and finish what was interrupted.

    The records of the generation that is Active, of the one Active before it, and of one that is under way always stay.

    :param chain: the ledger as it was read.
    :param store: where the records go; it has to be the same one each time.
    :param actor: who does it.
    :param keep: how many of the newest records stay at least. Nothing is done for fewer than that.
    :returns: the ledger as it is then.
    :raises CollectionError: when the store does not hold what was archived before, or others write all the time.
    """
    if keep < 1:
        raise CollectionError(f"keep is {keep}; a ledger keeps at least its newest record.")
    if chain.checkpoint is not None and (chain.leftover or chain.records[0].sequence <= chain.checkpoint.through):
        chain = _prune(ledger, chain, store)
    through = _reach(chain, keep)
    removed = [record for record in chain.records if record.sequence <= through]
    pieces = checkpoints.split(chain.fold_through(through).summary(), chain.segments, actor) if removed else []
    if len(removed) < keep or len(removed) <= 2 * len(pieces):
        return chain
    segment = _archive(store, removed)
    details = [
        {
            "through": through,
            "digest": removed[-1].digest,
            "segment": segment,
            "part": number,
            "parts": len(pieces),
            "summary": piece,
        }
        for number, piece in enumerate(pieces, 1)
    ]
    return _prune(ledger, _append(ledger, chain, actor, details), store)


def full_chain(chain: Chain, store: Archive) -> Chain:
    """The whole history of a ring, verified from its first record, archived ones included.

    :raises CollectionError: when the store lacks an archive, or what it holds is not the beginning of the chain.
    """
    records: dict[int, Record] = {}
    for segment in chain.segments:
        records |= {record.sequence: record for record in _archived(chain, store, segment)}
    for record in chain.records:
        archived = records.setdefault(record.sequence, record)
        if archived.digest != record.digest:
            raise Broken(f"{record.variable} is not what was archived of it.", record.variable)
    for sequence in range(1, max(records, default=0)):
        if sequence not in records:
            name = variable_name(chain.solution, chain.ring, sequence)
            raise Broken(f"{name} is neither in the ledger nor in what was archived of it.", name)
    return Chain.build(chain.solution, chain.ring, records.values())


def _reach(chain: Chain, keep: int) -> int:
    """The last record that may go: none of a generation that stays, and each generation as a whole or not at all."""
    reach = (chain.head.sequence if chain.head else 0) - keep
    stays = {generation.number for generation in chain.verified[-2:]}
    if chain.under_way is not None:
        stays.add(chain.under_way.number)
    for generation in reversed(chain.generations):
        if not generation.transitions:
            continue
        first, last = generation.transitions[0].sequence, generation.transitions[-1].sequence
        retried = generation.number == chain.last_generation and generation.state is State.ROLLBACK_FAILED
        if generation.number in stays or retried or last > reach:
            reach = min(reach, first - 1)
    return reach


def _archive(store: Archive, records: list[Record]) -> str:
    data = b"".join(canonical(record.to_json()) + b"\n" for record in records)
    store.write_blob(data)
    store.write_blob(EMPTY)
    return store.write_manifest(
        canonical(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "artifactType": ARTIFACT_TYPE,
                "config": Descriptor.of(EMPTY, EMPTY_TYPE).to_json(),
                "layers": [Descriptor.of(data, RECORDS_TYPE).to_json()],
                "annotations": {
                    "hotpass.ledger": f"{records[0].solution}/{records[0].ring}",
                    "hotpass.ledger.records": f"{records[0].sequence}-{records[-1].sequence}",
                },
            }
        )
    )


def _archived(chain: Chain, store: Archive, segment: str) -> list[Record]:
    manifest = store.read_manifest(segment)
    try:
        (layer,) = Manifest.parse(manifest).layers
        if layer.media_type != RECORDS_TYPE:
            raise ValueError(f"it holds {layer.media_type}")
    except ValueError as error:
        raise Corrupt(store.address, segment, f"it is no archive of a ledger: {error}") from None
    data = store.read_blob(layer.digest)
    try:
        records = [Record.from_json(json.loads(line)) for line in data.splitlines()]
    except (CollectionError, ValueError, RecursionError) as error:
        raise Corrupt(store.address, layer.digest, f"it is no archive of a ledger: {error}") from None
    if not records or any((record.solution, record.ring) != (chain.solution, chain.ring) for record in records):
        raise Corrupt(store.address, segment, f"it is no archive of ring {chain.ring} of {chain.solution}")
    return records


def _prune(ledger: Ledger, chain: Chain, store: Archive) -> Chain:
    """Delete what the latest checkpoint stands for, when it is in the store, record for record, and not needed here."""
    point = chain.checkpoint
    if point is None:
        return chain
    archived = {record.sequence: record.digest for record in _archived(chain, store, point.segment)}
    if archived.get(point.through) != point.digest:
        raise Corrupt(store.address, point.segment, f"it does not end with record {point.through} of ring {chain.ring}")
    for record in chain.records:
        if record.sequence <= point.through and archived.get(record.sequence) != record.digest:
            raise Corrupt(store.address, point.segment, f"{record.variable} is not in it")
    Chain.build(chain.solution, chain.ring, [record for record in chain.records if record.sequence > point.through])
    return ledger.prune(chain)


def _append(ledger: Ledger, chain: Chain, actor: Actor, details: list[Json]) -> Chain:
    """Append the parts of a checkpoint, between the records of others; another checkpoint makes this one needless."""
    before = chain.checkpoint
    for detail in details:
        draft = Draft(Event.CHECKPOINT, 0, actor, detail=detail)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                chain = ledger.append(chain, draft)
                break
            except Lost:
                if attempt == _ATTEMPTS:
                    raise
                chain = ledger.read()
                if chain.checkpoint != before:
                    return chain
    return chain
