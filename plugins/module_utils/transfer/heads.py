# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The head of a ring's ledger as it travels, and how one relates to the head that is known already."""

from __future__ import annotations

import dataclasses
import enum
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain


@dataclasses.dataclass(frozen=True)
class Head:
    """Where a ring's ledger ended when it was exported.

    :param sequence: of the last record, from 1.
    :param digest: of the last record.
    :param generation: number of the latest generation; 0 when there is none.
    :param release: digest of the release that is Active; None when none ever was.
    :param state: of the latest generation, such as ``Active``; None when there is none.
    """

    sequence: int
    digest: str
    generation: int
    release: str | None
    state: str | None

    @classmethod
    def from_json(cls, document: t.Mapping[str, t.Any]) -> Head:
        """The head that a document has, which its schema has allowed."""
        return cls(**document)

    def to_json(self) -> dict[str, t.Any]:
        """As documents have it."""
        return dataclasses.asdict(self)


Heads = t.Mapping[str, Head]
"""Heads by the names of their rings."""


class Relation(enum.StrEnum):
    """How an offered head stands to the known one."""

    FIRST = "first"
    SAME = "same"
    NEWER = "newer"
    OLDER = "older"
    FORKED = "forked"


def head_of(chain: Chain) -> Head:
    """The head of a ring's ledger.

    :raises CollectionError: when nothing has ever happened in the ring.
    """
    if chain.head is None:
        raise CollectionError(
            f"The ledger of ring {chain.ring} of {chain.solution} is empty, so there is nothing to vouch for; promote "
            "a release into the ring first."
        )
    latest = chain.generations[-1] if chain.generations else None
    return Head(
        sequence=chain.head.sequence,
        digest=chain.head.digest,
        generation=chain.last_generation,
        release=chain.active.release if chain.active else None,
        state=latest.state.value if latest else None,
    )


def relate(known: Head | None, offered: Head, history: Chain, kept: t.Callable[[], Chain] | None = None) -> Relation:
    """How an offered head stands to the known one of the same ring.

    :param history: the ledger that ends with the offered head. It tells a newer head, whose ledger holds the known
        one, from a forked one, whose ledger does not.
    :param kept: the ledger that ends with the known head, which tells older heads from forked ones in the same way. It
        is asked for only then; without it every lower number counts as older.
    """
    if known is None:
        return Relation.FIRST
    if offered.sequence == known.sequence:
        return Relation.SAME if offered.digest == known.digest else Relation.FORKED
    if offered.sequence > known.sequence:
        return Relation.NEWER if holds(history, known) else Relation.FORKED
    return Relation.OLDER if kept is None or holds(kept(), offered) else Relation.FORKED


def newest(known: Heads, offered: Heads, relations: t.Mapping[str, Relation]) -> dict[str, Head]:
    """The heads that a site knows once it has taken some in. They never go back: an older one changes nothing.

    :param relations: how each offered head stands to the known one; none is forked.
    """
    return {**known, **{ring: head for ring, head in offered.items() if relations[ring] is not Relation.OLDER}}


def holds(chain: Chain, head: Head) -> bool:
    """Whether the record that a head ends with is in a ledger."""
    return any(record.sequence == head.sequence and record.digest == head.digest for record in chain.records)
