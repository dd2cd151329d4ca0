# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifies that the bundles below a directory are each ring's whole chain: none missing, none twice, none moved."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import os
import re
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import NAME, SEAL
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute import Recompute
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.verify import (
    Findings,
    claimed_place,
    verify,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release import clock
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust

_CHECKPOINT = re.compile(r"([^/ ]+/[^/ ]+) ([1-9][0-9]*) (sha256:[0-9a-f]{64})")
_SKEW = datetime.timedelta(minutes=5)
"""How far the clocks of two sealers may be apart."""


@dataclasses.dataclass(frozen=True)
class ChainFindings:
    """What verifying a directory of bundles brought out.

    :ivar heads: for each ring the checkpoint of its newest bundle, to be kept where no sealer can write.
    :ivar unanchored: paths of the bundles without a number.
    """

    directory: Path
    bundles: tuple[Findings, ...]
    problems: tuple[str, ...]
    heads: tuple[str, ...]
    unanchored: tuple[str, ...]

    def to_json(self) -> dict[str, t.Any]:
        """For a task's result."""
        return {
            "path": str(self.directory),
            "verified": not self.problems,
            "problems": list(self.problems),
            "bundles": [findings.to_json() for findings in self.bundles],
            "checkpoints": list(self.heads),
            "unanchored": list(self.unanchored),
        }


@dataclasses.dataclass(frozen=True)
class _Link:
    path: Path
    seal: str
    claims: dict[str, t.Any]

    @property
    def number(self) -> int | None:
        found: int | None = self.claims["sequence"]
        return found


def verify_chain(
    directory: Path,
    trust: Trust,
    *,
    solution: str | None = None,
    ring: str | None = None,
    checkpoint: str | None = None,
    registry: t.Mapping[str, Recompute] | None = None,
) -> ChainFindings:
    """Verify every bundle below a directory, and that each ring's are linked from the first to the last.

    :param solution: and ``ring``: only bundles of these, and every other that lies where theirs do, or of which nobody
        who is believed says whose it is.
    :param checkpoint: what somebody wrote down of a chain, ``<solution>/<ring> <sequence> <seal>``: the bundle of that
        number has to be there with that seal; or when the chain begins with the one after it, that has to follow it.
    :raises CollectionError: when there is no such directory or no bundle in it, or the checkpoint is none.
    """
    kept = _parsed(checkpoint)
    found = verify_each(directory, trust, solution=solution, ring=ring, registry=registry)
    if not found:
        whose = "".join(f" of {what} {name}" for what, name in (("solution", solution), ("ring", ring)) if name)
        raise CollectionError(f"There is no bundle{whose} below {directory}.")
    return _linked(directory, found, solution, ring, kept)


def verify_each(
    directory: Path,
    trust: Trust,
    *,
    solution: str | None = None,
    ring: str | None = None,
    registry: t.Mapping[str, Recompute] | None = None,
) -> list[Findings]:
    """What verifying every bundle below a directory brings out, for those that :func:`verify_chain` judges.

    :raises CollectionError: when there is no such directory.
    """
    found = [verify(path, trust, registry) for path in _bundles(directory)]
    return [each for each in found if _wanted(each, solution, ring)]


def verify_links(
    directory: Path, found: t.Iterable[Findings], *, solution: str, ring: str, checkpoint: str | None = None
) -> ChainFindings:
    """What :func:`verify_chain` says of bundles of one ring that were verified already, wherever they lie.

    :param directory: what all of them together are called.
    :raises CollectionError: when the checkpoint is none.
    """
    return _linked(directory, list(found), solution, ring, _parsed(checkpoint))


def _linked(
    directory: Path, found: list[Findings], solution: str | None, ring: str | None, kept: dict[str, t.Any] | None
) -> ChainFindings:
    """What is wrong with verified bundles, and with how those of each ring are linked."""
    problems = [f"{each.directory}: {problem}" for each in found for problem in each.problems]
    links = [
        _Link(each.directory, str(each.seal), each.predicate)
        for each in found
        if each.predicate is not None and each.signers and _is_of(each.predicate, solution, ring)
    ]
    rings: dict[tuple[str, str], list[_Link]] = {}
    for link in links:
        rings.setdefault((link.claims["solution"], link.claims["ring"]), []).append(link)
    heads = []
    for (owner, of_ring), members in sorted(rings.items()):
        name = f"{owner}/{of_ring}"
        base = kept if kept and kept["of"] == name else None
        problems += _chain(name, members, base)
        numbered = [link for link in members if link.number is not None]
        if numbered:
            head = max(numbered, key=lambda link: link.number or 0)
            heads.append(f"{name} {head.number} {head.seal}")
    if kept and not any(f"{owner}/{of_ring}" == kept["of"] for owner, of_ring in rings):
        problems.append(f"the checkpoint is of {kept['of']}, and none of its bundles is here")
    return ChainFindings(
        directory=directory,
        bundles=tuple(found),
        problems=tuple(problems),
        heads=tuple(heads),
        unanchored=tuple(str(link.path) for link in links if link.number is None),
    )


def _bundles(directory: Path) -> list[Path]:
    """Every directory that is called like a bundle or has a seal. Hidden ones are still being written."""
    if not directory.is_dir():
        raise CollectionError(f"There is no directory {directory}.")
    found = []
    for where, below, files in os.walk(directory):
        path = Path(where)
        if SEAL in files or NAME.fullmatch(path.name):
            found.append(path)
            below.clear()
        # A link is reported as one, rather than passed over.
        found += [path / name for name in [*below, *files] if NAME.fullmatch(name) and (path / name).is_symlink()]
        below[:] = sorted(name for name in below if not name.startswith(".") and not (path / name).is_symlink())
    return sorted(found)


def _wanted(findings: Findings, solution: str | None, ring: str | None) -> bool:
    """Whether a bundle has to be judged.

    One that says it is of another ring is passed over only when a believed key says so and it does not lie in this
    ring's place. One that nobody believed sealed is passed over only in another ring's place: who can bring it there
    can remove it as well, and that is what the chain finds.
    """
    place = claimed_place(findings.directory)
    if findings.predicate is None or not findings.signers:
        return ring is None or place is None or place[0] == ring
    return _is_of(findings.predicate, solution, ring) or (place is not None and place[0] == ring)


def _is_of(claims: t.Mapping[str, t.Any], solution: str | None, ring: str | None) -> bool:
    return solution in (None, claims["solution"]) and ring in (None, claims["ring"])


def _chain(name: str, members: list[_Link], base: dict[str, t.Any] | None) -> t.Iterator[str]:
    """What is wrong with one ring's bundles."""
    seals = {link.seal for link in members}
    # A copy of a bundle is the same bundle.
    numbered = {(link.number, link.seal): link for link in members if link.number is not None}
    ordered = [numbered[key] for key in sorted(numbered, key=lambda key: (key[0] or 0, key[1]))]
    for before, link in itertools.pairwise(ordered):
        yield from _pair(name, before, link)
    if ordered:
        yield from _beginning(name, ordered, base)
    elif base is not None:
        yield f"the checkpoint has bundle {base['sequence']} of {name}, and no bundle with a number is here"
    for link in members:
        previous = link.claims["previous"]
        if link.number is None and previous is not None and previous not in seals:
            yield f"{link.path}: it names the bundle before it by the seal {previous}, and no bundle of {name} has that"


def _pair(name: str, before: _Link, link: _Link) -> t.Iterator[str]:
    numbers = (before.number or 0, link.number or 0)
    if numbers[0] == numbers[1]:
        yield f"{link.path}: it and {before.path} both have number {numbers[0]} of {name}, so the chain is forked"
        return
    if numbers[1] != numbers[0] + 1:
        first, last = numbers[0] + 1, numbers[1] - 1
        missing = f"bundle {first} of {name} is" if first == last else f"bundles {first} to {last} of {name} are"
        yield f"{link.path}: {missing} missing before it"
    elif link.claims["previous"] != before.seal:
        yield (
            f"{link.path}: it names {link.claims['previous']} as the seal before it, and {before.path}, which has "
            f"number {numbers[0]} of {name}, has {before.seal}"
        )
    if clock.parse(before.claims["sealedAt"]) - clock.parse(link.claims["sealedAt"]) > _SKEW:
        yield (
            f"{link.path}: it is number {numbers[1]} of {name} and says it was sealed at {link.claims['sealedAt']}, "
            f"before number {numbers[0]} at {before.claims['sealedAt']}"
        )


def _beginning(name: str, ordered: list[_Link], base: dict[str, t.Any] | None) -> t.Iterator[str]:
    first, last = ordered[0], ordered[-1]
    number = first.number or 0
    follows = base is not None and base["sequence"] == number - 1 and first.claims["previous"] == base["seal"]
    if number != 1 and not follows:
        yield (
            f"{first.path}: it is number {number} of {name}, and the ones before it are missing; give the checkpoint "
            f"of number {number - 1} if they are kept elsewhere"
        )
    if base is None or follows:
        return
    held = [link for link in ordered if link.number == base["sequence"]]
    if not held:
        yield f"the checkpoint has bundle {base['sequence']} of {name}, and the newest here is {last.number}"
    elif all(link.seal != base["seal"] for link in held):
        yield (
            f"{held[0].path}: the checkpoint gives number {base['sequence']} of {name} to the seal {base['seal']}, and "
            f"this one has {held[0].seal}: the chain was written anew"
        )


def _parsed(checkpoint: str | None) -> dict[str, t.Any] | None:
    if not checkpoint:
        return None
    match = _CHECKPOINT.fullmatch(checkpoint.strip())
    if match is None:
        raise CollectionError(
            f"The checkpoint is {checkpoint[:200]!r}; allowed is <solution>/<ring> <number> sha256:<64 hexadecimal "
            "digits>, as verifying a chain returns it."
        )
    return {"of": match[1], "sequence": int(match[2]), "seal": match[3]}
