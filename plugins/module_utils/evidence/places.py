# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundles of a ring on this disk: the newest of them, and those whose sealing was interrupted."""

from __future__ import annotations

import dataclasses
import os
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import disk
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import KINDS, NAME, SEAL, Bundle
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.log import KEPT, Reading
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute import Recompute
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.verify import opened, verify
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.predicates import EVIDENCE
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust


@dataclasses.dataclass(frozen=True)
class Local:
    """The end of a ring's chain as this disk has it.

    :param sequence: the highest number of a bundle; 0 when none has one.
    :param seal: digest of that bundle's seal.
    :param newest_seal: digest of the seal of the bundle with the latest name, which need not have a number.
    """

    sequence: int = 0
    seal: str | None = None
    newest_seal: str | None = None


def newest(bundle: Bundle, solution: str, trust: Trust) -> Local:
    """The end of the chain beside a bundle, of the newest names only; what a believed promoter did not seal is nothing.

    :param bundle: says where the evidence directory is, and which ring.
    """
    found = sorted(
        (entry for entry in (bundle.root / bundle.ring).glob("*/*") if NAME.fullmatch(entry.name)),
        key=lambda entry: entry.name,
        reverse=True,
    )
    local = Local()
    for entry in found[:KEPT]:
        claims = claims_of(entry, trust)
        if claims is None or (claims[0]["solution"], claims[0]["ring"]) != (solution, bundle.ring):
            continue
        predicate, digest = claims
        if local.newest_seal is None:
            local = dataclasses.replace(local, newest_seal=digest)
        if (predicate["sequence"] or 0) > local.sequence:
            local = dataclasses.replace(local, sequence=predicate["sequence"], seal=digest)
    return local


def claims_of(directory: Path, trust: Trust) -> tuple[dict[str, t.Any], str] | None:
    """What the seal in a directory says, and its digest; None when no believed promoter says it.

    No other file is read.
    """
    try:
        data = (directory / SEAL).read_bytes()
        verified = opened(data, trust)
    except (OSError, CollectionError):
        return None
    return (verified.predicate, digest_of(data)) if verified.predicate_type == EVIDENCE else None


def finish_interrupted(
    bundle: Bundle, solution: str, seen: Reading, trust: Trust, registry: t.Mapping[str, Recompute] | None
) -> list[str]:
    """Give their names to the bundles of the ring that have their numbers and lack only that.

    A bundle that somebody is sealing right now is left alone, as is one without a number.

    :param bundle: another one, which is not looked at.
    :return: a sentence on each.
    """
    told = []
    for part in sorted((bundle.root / bundle.ring).glob("*/.*.part")):
        name = part.name.removeprefix(".").removesuffix(".part")
        # What somebody put aside, such as a whole directory under another name, is theirs.
        ours = NAME.fullmatch(name) and part.parent.name in KINDS and part != bundle.part
        claims = claims_of(part, trust) if ours else None
        if claims is None or claims[0]["solution"] != solution or not seen.has(claims[0]["sequence"] or 0, claims[1]):
            continue
        other = Bundle(bundle.root, bundle.ring, part.parent.name, name)
        with disk.locked(part, wait=False) as held:
            if not held or other.sealed:
                continue
            findings = verify(part, trust, registry, name=name)
            if findings.good:
                give_name(other)
                told.append(f"The bundle {other.final} had its number and lacked its name; it has it now.")
            else:
                told.append(
                    f"The bundle {part} has number {claims[0]['sequence']} and does not verify, so it keeps its hidden "
                    f"name: {findings.problems[0]}"
                )
    return told


def give_name(bundle: Bundle) -> None:
    """Rename a bundle from its hidden directory to its place.

    :raises CollectionError: when that cannot be done.
    """
    try:
        os.rename(bundle.part, bundle.final)
        disk.sync_directory(bundle.final.parent)
    except OSError as error:
        raise CollectionError(
            f"{bundle.part} cannot be renamed to {bundle.final} ({error.strerror}); mend that, and seal it again."
        ) from None
