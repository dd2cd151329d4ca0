# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site sends home: the bundles of evidence of its ring, its ledger, its statements, and its receipt.

Everything is verified before it goes in, so that a bundle which rotted here is found where its copy may still be.
"""

from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import bag, log, tree
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import (
    MANIFEST,
    SEAL,
    TAG_MANIFEST,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.chain import verify_each, verify_links
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute import Recompute
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.ring_summary import LEDGER
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.verify import Findings
from ansible_collections.hotpass.prefect.plugins.module_utils.release import compaction, envelopes
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_types import Store
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import (
    evidence_ledger,
    evidence_statements,
    ledgers,
    names,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.evidence_kept import Kept
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.writing import Entry

_AGAIN = "bring it back from a copy, such as an upload, and run again"


@dataclasses.dataclass(frozen=True)
class Gathered:
    """What goes home.

    :param entries: the files of the transfer bundle.
    :param bundles: which bundles of evidence, as ``<kind>/<moment>``.
    :param checkpoint: of the ring's chain; None when no bundle has a number.
    :param chain: the ring's ledger, from its first record on.
    :param warnings: sentences for the user.
    """

    entries: tuple[Entry, ...]
    chain: Chain
    bundles: tuple[str, ...]
    checkpoint: str | None
    warnings: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Source:
    """Where the evidence of a ring is.

    :param root: the evidence directory.
    :param seen: the chain of bundles as the ring's server has it.
    :param ledger: reads the ring's ledger. It is read after the bundles, so that it has every record that they name.
    :param registry: how each kind's claims are computed.
    """

    root: Path
    solution: str
    ring: str
    seen: log.Reading
    ledger: t.Callable[[], Chain]
    store: Store
    trust: Trust
    registry: t.Mapping[str, Recompute] | None = None


def gather(source: Source, base: Kept | None = None, checkpoint: str | None = None) -> Gathered:
    """Everything that goes home, verified.

    :param base: how far home has imported the chain; without it all of the chain goes.
    :param checkpoint: of the newest bundle that is not here any more, when old ones are kept elsewhere.
    :raises CollectionError: for a bundle that does not verify, a gap, a fork, a base that is of another chain, or a
        server that knows of a bundle which is not here; each named.
    """
    whose = f"{source.solution}/{source.ring}"
    found = _verified(source, checkpoint or (base.line if base else None))
    chain = compaction.full_chain(source.ledger(), source.store)
    numbers = {each.predicate["sequence"]: each for each in found if each.predicate and each.predicate["sequence"]}
    newest = max(numbers, default=0)
    _insist_on_end(source, whose, newest, numbers[newest].seal if numbers else None)
    after = _base_sequence(base, numbers, newest)
    going = [each for each in found if each.predicate and (each.predicate["sequence"] or after + 1) > after]
    entries = [Entry(f"{names.LEDGER}{chain.ring}.json", ledgers.written(chain))]
    ends: dict[str, tuple[int, str]] = {}
    for label, each in _labelled(going).items():
        data = _read(each)
        prefix = f"{names.EVIDENCE}{chain.ring}/{label}/"
        entries += [Entry(f"{prefix}{name}", each.directory / name) for name in data]
        last = evidence_ledger.head_in(label, data.get(LEDGER))
        if last is not None:
            ends[label] = last
    said, warnings = evidence_statements.gather(source.store, chain, source.trust)
    entries += [Entry(one.name, one.envelope) for one in said]
    outcomes = evidence_statements.outcomes(said, chain, source.trust)
    warnings += [
        f"{doubt}; home refuses it, unless it is told to take another ledger."
        for doubt in evidence_ledger.contradictions(chain, base.head if base else None, ends, outcomes)
    ]
    return Gathered(
        entries=tuple(entries),
        chain=chain,
        bundles=tuple(sorted(_labelled(going))),
        checkpoint=f"{whose} {newest} {numbers[newest].seal}" if numbers else None,
        warnings=tuple(warnings),
    )


def _verified(source: Source, checkpoint: str | None) -> list[Findings]:
    """The ring's bundles, each once.

    :raises CollectionError: naming what does not verify, or is missing.
    """
    directory = source.root / source.ring
    if not directory.is_dir():
        if source.seen.head is None:
            return []
        raise CollectionError(f"There is no evidence of ring {source.ring} at {directory}; set ring_evidence_dir.")
    found = verify_each(directory, source.trust, solution=source.solution, ring=source.ring, registry=source.registry)
    linked = verify_links(directory, found, solution=source.solution, ring=source.ring, checkpoint=checkpoint)
    if linked.problems:
        more = f" And {len(linked.problems) - 1} more." if len(linked.problems) > 1 else ""
        raise CollectionError(
            f"The evidence of ring {source.ring} of {source.solution} is not whole, so it does not go home: "
            f"{linked.problems[0].rstrip('.')}; {_AGAIN}.{more}",
            problems=list(linked.problems),
        )
    ours = [each for each in found if each.predicate and each.predicate["solution"] == source.solution]
    return list({each.seal: each for each in ours}.values())


def _insist_on_end(source: Source, whose: str, newest: int, seal: str | None) -> None:
    """Insist that the newest bundle here is the newest that the server knows of."""
    entry = source.seen.head
    if entry is None or entry.sequence < newest or (entry.sequence, entry.seal) == (newest, seal):
        return
    if entry.sequence == newest:
        raise CollectionError(
            f"Bundle {newest} of {whose} is {seal} here and {entry.seal} by the ring's server: the chain is forked; "
            "find out which of the two is true."
        )
    raise CollectionError(
        f"The ring's server knows of bundle {entry.sequence} of {whose} ({entry.kind}/{entry.name}), and the newest "
        f"here is {newest or 'none'}; bring it from where it was sealed, or seal it again if that was interrupted."
    )


def _base_sequence(base: Kept | None, numbers: t.Mapping[int, Findings], newest: int) -> int:
    """The number of the newest bundle that home has.

    :raises CollectionError: when home has another chain than this one.
    """
    if base is None or not base.sequence:
        return 0
    here = numbers.get(base.sequence)
    after = numbers.get(base.sequence + 1)
    if here is not None and here.seal != base.seal:
        raise CollectionError(
            f"Home has {base.seal} as bundle {base.sequence} of {base.solution}/{base.ring}, and here that is "
            f"{here.seal}: one of the two chains was written anew."
        )
    if here is None and (after is None or not after.predicate or after.predicate["previous"] != base.seal):
        raise CollectionError(
            f"Home has bundle {base.sequence} of {base.solution}/{base.ring}, and the newest here is "
            f"{newest or 'none'}; {_AGAIN}."
        )
    return base.sequence


def _labelled(going: t.Iterable[Findings]) -> dict[str, Findings]:
    """Bundles by what they are called in their ring, ``<kind>/<moment>``.

    :raises CollectionError: when two are called the same.
    """
    found: dict[str, Findings] = {}
    for each in going:
        predicate = each.predicate or {}
        label = f"{predicate['kind']}/{predicate['name']}"
        if label in found:
            raise CollectionError(
                f"Two bundles are called {label}, {found[label].directory} and {each.directory}; find out which is "
                "true."
            )
        found[label] = each
    return found


def _read(findings: Findings) -> dict[str, bytes]:
    """The files of a bundle, when they are still those that were verified."""
    data, strange = tree.read_tree(findings.directory)
    if strange or not _is_sealed(data, str(findings.seal)):
        raise CollectionError(f"The bundle {findings.directory} changed while it was read; run again.")
    return data


def _is_sealed(data: t.Mapping[str, bytes], seal: str) -> bool:
    """Whether files are exactly those under a seal that was verified."""
    if digest_of(data.get(SEAL, b"")) != seal:
        return False
    sealed = envelopes.peek(data[SEAL])["subject"][0]["digest"]["sha256"]
    lists = {name: data[name] for name in (MANIFEST, TAG_MANIFEST) if name in data}
    if digest_of(data.get(TAG_MANIFEST, b"")) != f"sha256:{sealed}":
        return False
    return not list(bag.differences(data, lists))
