# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes a site's evidence home: all of it is verified, and linked to what came before, before anything is written."""

from __future__ import annotations

import dataclasses
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import disk
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import Bundle
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.chain import verify_each, verify_links
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute import Recompute
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.ring_summary import LEDGER
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.tree import LARGEST
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.upload_directory import DirectoryTarget
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.verify import Findings, verify_files
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import evidence_ledger, names
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.evidence_kept import Kept
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.reading import Transfer


@dataclasses.dataclass(frozen=True)
class Arrived:
    """One bundle of evidence that came home and verified.

    :param bundle: its place here.
    :param files: the names of its files in the transfer bundle, by their names in the bundle.
    :param there: whether it lies here already, file for file.
    :param ledger: the last record of the ledger in it.
    """

    bundle: Bundle
    findings: Findings
    files: t.Mapping[str, str]
    there: bool
    ledger: tuple[int, str] | None

    @property
    def label(self) -> str:
        """What the bundle is called in its ring."""
        return f"{self.bundle.kind}/{self.bundle.name}"

    @property
    def number(self) -> int | None:
        """Its number in the chain."""
        found: int | None = (self.findings.predicate or {})["sequence"]
        return found


@dataclasses.dataclass(frozen=True)
class Verified:
    """All the evidence in a transfer bundle.

    :param arrived: in the order in which it is written: as the chain goes, what has no number last.
    :param sequence: number of the newest bundle that home has then; 0 when none has one; ``seal``: digest of its seal.
    """

    arrived: tuple[Arrived, ...]
    sequence: int
    seal: str | None


def verify(
    transfer: Transfer,
    root: Path,
    trust: Trust,
    *,
    kept: Kept | None = None,
    checkpoint: str | None = None,
    registry: t.Mapping[str, Recompute] | None = None,
) -> Verified:
    """Every bundle of evidence in a transfer bundle, recomputed, and linked with those that are here into one chain.

    :param root: the evidence directory here.
    :param kept: how far the ring's evidence was imported before.
    :param checkpoint: of the newest bundle that is not here any more, when old ones are kept elsewhere.
    :raises CollectionError: naming the bundle that does not verify, is another one than lies here, is missing, is there
        twice, or is older than what was imported.
    """
    document = transfer.document
    ring, solution = document.ring, document.solution
    directory = root / ring
    here = verify_each(directory, trust, solution=solution, ring=ring, registry=registry) if directory.is_dir() else []
    arrived = [
        _arrived(transfer, Bundle(root, ring, kind, name), trust, registry) for kind, name in _places(transfer, ring)
    ]
    everything = [*here, *(one.findings for one in arrived if not one.there)]
    numbers = {_number(each, solution): each.seal for each in everything}
    newest = max(numbers, default=0)
    brought = max((one.number or 0 for one in arrived), default=0)
    known = max([kept.sequence if kept else 0, *(_number(each, solution) for each in here)])
    if brought and brought < known:
        raise CollectionError(
            f"It is older than what is here: its newest bundle is number {brought} of {solution}/{ring}, and number "
            f"{known} was imported already; bring a newer one."
        )
    linked = verify_links(
        directory, everything, solution=solution, ring=ring, checkpoint=checkpoint or (kept.line if kept else None)
    )
    problems = [*linked.problems, *(_broken_off(kept, everything, numbers) if checkpoint and kept else ())]
    if problems:
        more = f" And {len(problems) - 1} more." if len(problems) > 1 else ""
        raise CollectionError(
            f"With it the evidence of ring {ring} of {solution} would be no whole chain: "
            f"{problems[0].rstrip('.')}.{more}",
            problems=problems,
        )
    arrived.sort(key=lambda one: (one.number is None, one.number or 0, one.bundle.name))
    return Verified(tuple(arrived), newest, numbers[newest] if newest else None)


def write(transfer: Transfer, one: Arrived) -> None:
    """Put a bundle in its place, whole or not at all.

    :raises CollectionError: when it cannot be written, or was changed since it was verified.
    """
    try:
        one.bundle.root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CollectionError(f"{one.bundle.root} cannot be made: {error.strerror}.") from None
    place = one.bundle.final.relative_to(one.bundle.root).as_posix()
    target = DirectoryTarget(one.bundle.root, place)
    files = {name: transfer.read(source, LARGEST) for name, source in one.files.items()}
    try:
        target.put(files, sorted(files))
        now = target.present()
    except CollectionError as error:
        raise CollectionError(f"The bundle {one.label} cannot be put here: {error.message}.") from None
    _insist_same(one, files, now)
    try:
        disk.sync_directory(one.bundle.root)
    except OSError as error:
        raise CollectionError(f"{one.bundle.root} cannot be written: {error.strerror}.") from None


def _places(transfer: Transfer, ring: str) -> list[tuple[str, str]]:
    """Kind and moment of each bundle of evidence in a transfer bundle.

    :raises CollectionError: when one is of another ring.
    """
    found = set()
    for name in transfer.below(names.EVIDENCE):
        _evidence, of_ring, kind, moment = name.split("/")[:4]
        if of_ring != ring:
            raise CollectionError(
                f"{name} is of ring {of_ring}, and it was ring {ring} that exported; it may bring its own."
            )
        found.add((kind, moment))
    return sorted(found)


def _arrived(transfer: Transfer, bundle: Bundle, trust: Trust, registry: t.Mapping[str, Recompute] | None) -> Arrived:
    """One bundle, recomputed from its bytes, and held against what lies in its place.

    :raises CollectionError: when it does not verify, or something else lies there.
    """
    prefix = f"{names.EVIDENCE}{bundle.ring}/{bundle.kind}/{bundle.name}/"
    sources = {name.removeprefix(prefix): name for name in transfer.below(prefix)}
    size = sum(transfer.files[name].size for name in sources.values())
    if size > LARGEST:
        raise CollectionError(f"The bundle {prefix} has {size} bytes; allowed are {LARGEST}.")
    files = {name: transfer.read(source, LARGEST) for name, source in sources.items()}
    findings = verify_files(bundle.final, files, trust, registry)
    label = f"{bundle.kind}/{bundle.name}"
    if not findings.good or findings.predicate is None:
        more = f" And {len(findings.problems) - 1} more." if len(findings.problems) > 1 else ""
        raise CollectionError(
            f"The bundle {label} in it does not verify: {findings.problems[0]}{more}",
            problems=[str(problem) for problem in findings.problems],
        )
    if findings.predicate["solution"] != transfer.document.solution:
        raise CollectionError(
            f"The bundle {label} in it is of solution {findings.predicate['solution']}, not of "
            f"{transfer.document.solution}."
        )
    try:
        present = DirectoryTarget(bundle.root, f"{bundle.ring}/{label}").present() if bundle.sealed else {}
    except CollectionError as error:
        raise CollectionError(f"The bundle {label} cannot be put here: {error.message}.") from None
    one = Arrived(bundle, findings, sources, bool(present), evidence_ledger.head_in(label, files.get(LEDGER)))
    if present:
        _insist_same(one, files, present)
    return one


def _insist_same(one: Arrived, files: t.Mapping[str, bytes], present: t.Mapping[str, bytes]) -> None:
    for name in sorted(files.keys() | present.keys()):
        if name not in files or name not in present or digest_of(files[name]) != digest_of(present[name]):
            lies = "is not there" if name not in present else "is another one" if name in files else "is there as well"
            raise CollectionError(
                f"The bundle {one.label} lies at {one.bundle.final} already and differs: {name} {lies}; nothing there "
                "is overwritten. Find out which of the two is true."
            )


def _number(findings: Findings, solution: str) -> int:
    """The number of a bundle in the chain of a solution; 0 for one that has none."""
    predicate = findings.predicate
    if predicate is None or not findings.signers or predicate["solution"] != solution:
        return 0
    return int(predicate["sequence"] or 0)


def _broken_off(kept: Kept, everything: t.Sequence[Findings], numbers: t.Mapping[int, str | None]) -> t.Iterator[str]:
    """Where the chain does not go on from what was imported before."""
    if not kept.sequence or numbers.get(kept.sequence) == kept.seal:
        return
    follows = [
        each
        for each in everything
        if each.predicate and each.predicate["previous"] == kept.seal
        if _number(each, kept.solution) == kept.sequence + 1
    ]
    if kept.sequence in numbers or not follows:
        yield (
            f"bundle {kept.sequence} of {kept.solution}/{kept.ring} was imported with the seal {kept.seal}, and is "
            f"{numbers.get(kept.sequence) or 'missing'} now"
        )
