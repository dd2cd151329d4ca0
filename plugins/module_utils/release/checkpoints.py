# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints: what stands in a ledger for the records that were archived.

A checkpoint is one record or, where the summary does not fit into one, several, its parts. It counts when all of them
are there.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import (
    LARGEST,
    Actor,
    Event,
    Json,
    Record,
)

_LISTS = ("generations", "holds", "vetoes", "segments")
# Room for what surrounds the summary in a record with the longest names, the actor aside.
_AROUND = 900


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """One complete checkpoint.

    :param through: the last record that was archived.
    :param digest: of that record.
    :param segment: digest of the blob that holds the archived records since the checkpoint before.
    :param summary: of everything up to ``through``.
    :param segments: digests of the blobs of all checkpoints before, oldest first.
    :param begun: sequence of the record of its first part.
    """

    through: int
    digest: str
    segment: str
    summary: Json
    segments: tuple[str, ...]
    begun: int


def complete(records: t.Iterable[Record]) -> list[Checkpoint]:
    """The checkpoints of which every part is among the records, in the order in which they became complete."""
    parts: dict[tuple[t.Any, ...], dict[int, Record]] = {}
    found = []
    for record in records:
        if record.event is not Event.CHECKPOINT:
            continue
        detail = record.detail
        key = (detail["through"], detail["digest"], detail["segment"], detail["parts"])
        group = parts.setdefault(key, {})
        if len(group) == detail["parts"]:
            continue
        group[detail["part"]] = record
        if len(group) == detail["parts"]:
            found.append(_joined(key, [group[number] for number in sorted(group)]))
    return found


def _joined(key: tuple[t.Any, ...], parts: list[Record]) -> Checkpoint:
    summary: Json = {}
    for record in parts:
        for name, value in record.detail["summary"].items():
            if name in _LISTS and isinstance(value, list):
                summary.setdefault(name, []).extend(value)
            else:
                summary[name] = value
    segments = tuple(summary.pop("segments", ()))
    through, digest, segment, _parts = key
    return Checkpoint(through, digest, segment, summary, segments, min(record.sequence for record in parts))


def split(summary: Json, segments: t.Sequence[str], actor: Actor) -> list[Json]:
    """A summary in as many pieces as records are needed to hold it.

    :param segments: of the checkpoints before.
    :param actor: who will write the records.
    :raises CollectionError: when a single line of it is too long for any record.
    """
    room = LARGEST - _AROUND - len(canonical(actor.to_json()))
    whole: Json = {**summary, "segments": list(segments)}
    pieces: list[Json] = [{name: [] if name in _LISTS else value for name, value in whole.items()}]
    used = len(canonical(pieces[0]))
    for name in _LISTS:
        for line in whole[name]:
            length = len(canonical(line)) + len(name) + 8
            if used + length > room and used > 2:
                pieces.append({})
                used = 2
            if used + length > room:
                raise CollectionError(
                    f"The ledger cannot be compacted: a line of its summary ({name}) has {length} bytes, and "
                    f"{room} fit into a record."
                )
            pieces[-1].setdefault(name, []).append(line)
            used += length
    return pieces
