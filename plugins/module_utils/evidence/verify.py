# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifies a bundle with nothing but its files and the public keys that are believed: no server, no network."""

from __future__ import annotations

import dataclasses
import os
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import bag, recompute
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import (
    BAG_INFO,
    BAGIT,
    KINDS,
    MANIFEST,
    METADATA,
    NEEDED,
    OWN,
    SEAL,
    SUMMARY,
    TAG_MANIFEST,
    parsed,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute import Documents, Recompute
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.tree import Strange, read_tree
from ansible_collections.hotpass.prefect.plugins.module_utils.release import envelopes
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.predicates import EVIDENCE
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import PROMOTER, Trust

SAME: t.Final = ("solution", "ring", "kind", "name", "generation", "release", "verdict", "live")
"""What ``metadata.json`` and the seal both say."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is wrong, and with which file of the bundle."""

    file: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}: {self.text}."


@dataclasses.dataclass(frozen=True)
class Findings:
    """What verifying a bundle brought out.

    :ivar predicate: what the seal says; None when there is none that could be read. It counts when there are no
        problems.
    :ivar seal: digest of the seal's bytes; None without one.
    :ivar signers: names of the believed keys that signed.
    """

    directory: Path
    problems: tuple[Problem, ...]
    predicate: dict[str, t.Any] | None
    seal: str | None
    signers: tuple[str, ...]
    files: int
    size: int

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def insist(self) -> dict[str, t.Any]:
        """What the seal says.

        :raises CollectionError: when something is wrong; all of it is in ``problems``.
        """
        if self.problems or self.predicate is None:
            more = f" And {len(self.problems) - 1} more." if len(self.problems) > 1 else ""
            raise CollectionError(
                f"The bundle {self.directory} does not verify: {self.problems[0]}{more}",
                problems=[str(problem) for problem in self.problems],
            )
        return self.predicate

    def to_json(self) -> dict[str, t.Any]:
        """For a task's result."""
        return {
            "path": str(self.directory),
            "verified": self.good,
            "problems": [str(problem) for problem in self.problems],
            "claims": self.predicate,
            "seal": self.seal,
            "signers": list(self.signers),
            "files": self.files,
            "size": self.size,
        }


def verify(
    directory: Path, trust: Trust, registry: t.Mapping[str, Recompute] | None = None, name: str | None = None
) -> Findings:
    """Everything that can be checked about a bundle without asking anybody.

    The seal has to be signed by a believed promoter, the sealed manifest has to list exactly the files that are there
    with what they hash to, and every claim has to follow from the raw data.

    :param registry: how each kind's claims are computed.
    :param name: what the bundle is called; by default the directory's name.
    :raises CollectionError: when there is no such directory.
    """
    files, strange = read_tree(directory)
    return verify_files(directory, files, trust, registry, name, strange)


def verify_files(
    directory: Path,
    files: t.Mapping[str, bytes],
    trust: Trust,
    registry: t.Mapping[str, Recompute] | None = None,
    name: str | None = None,
    strange: t.Iterable[Strange] = (),
) -> Findings:
    """The same as :func:`verify`, of files that were read already; the directory need not be there.

    :param directory: what the bundle is called in sentences, and the place that it claims.
    :param files: the bytes of each file by its name.
    :param strange: what else there was in the bundle, as pairs of a name and what is wrong with it.
    """
    problems = [Problem(file, text) for file, text in strange]
    predicate, sealed, signers = _seal(files.get(SEAL), trust, problems)
    manifests: dict[str, bytes] = {file: files[file] for file in (MANIFEST, TAG_MANIFEST) if file in files}
    if TAG_MANIFEST not in files:
        problems.append(Problem(TAG_MANIFEST, "is missing"))
    elif sealed is not None and digest_of(files[TAG_MANIFEST]) != sealed:
        problems.append(Problem(TAG_MANIFEST, "is not the one that was sealed"))
    problems += [Problem(file, text) for file, text in bag.differences(files, manifests)]
    if predicate is not None and not problems:
        problems += _named(predicate, name or directory.name, claimed_place(directory))
        problems += _contents(files, predicate)
    if predicate is not None and not problems:
        said = recompute.problems(Documents(files, predicate, trust), registry)
        problems += [Problem(SUMMARY, text.rstrip(".")) for text in said]
    if predicate is None and not problems:
        problems.append(Problem(SEAL, "is missing"))
    return Findings(
        directory=directory,
        problems=tuple(problems),
        predicate=predicate,
        seal=digest_of(files[SEAL]) if SEAL in files else None,
        signers=signers,
        files=len(files),
        size=sum(map(len, files.values())),
    )


def _seal(
    data: bytes | None, trust: Trust, problems: list[Problem]
) -> tuple[dict[str, t.Any] | None, str | None, tuple[str, ...]]:
    """What the seal says, the digest that it seals, and who signed it."""
    if data is None:
        problems.append(Problem(SEAL, "is missing, so nobody vouches for the bundle"))
        return None, None, ()
    signers: tuple[str, ...] = ()
    try:
        verified = opened(data, trust)
        signers = tuple(key.name for key in verified.signers)
        statement = verified.statement
    except CollectionError as error:
        problems.append(Problem(SEAL, error.message.rstrip(".")))
        try:
            # Read on, so that the rest can be said as well; the bundle has failed already.
            statement = envelopes.peek(data)
        except CollectionError:
            return None, None, ()
    if statement["predicateType"] != EVIDENCE:
        problems.append(Problem(SEAL, f"holds a statement of another kind ({statement['predicateType']})"))
        return None, None, ()
    return statement["predicate"], f"sha256:{statement['subject'][0]['digest']['sha256']}", signers


def opened(seal: bytes, trust: Trust) -> envelopes.Verified:
    """What a seal says, when one believed promoter signed it and nobody else did.

    :raises CollectionError: for any other.
    """
    verified = envelopes.verify(seal, trust, PROMOTER)
    # No manifest lists the seal. A signature of a key that nobody knows can be added without any key.
    signatures = len(envelopes.as_json(seal)["signatures"])
    if signatures != 1:
        raise CollectionError(f"It has {signatures} signatures; allowed is the one of who sealed.")
    return verified


def claimed_place(directory: Path) -> tuple[str, str] | None:
    """The ring and the kind that the directories above a bundle say it is of.

    None when they say nothing: a bundle may be copied anywhere, and only a directory that is called like a kind claims
    one, and with it that the directory above is the ring's.
    """
    # The names count by which it was asked for, so no link is followed.
    kind = Path(os.path.abspath(directory)).parent
    return (kind.parent.name, kind.name) if kind.name in KINDS else None


def _named(predicate: t.Mapping[str, t.Any], name: str, place: tuple[str, str] | None) -> t.Iterator[Problem]:
    """Where the directories have other names than what was sealed."""
    if name != predicate["name"]:
        yield Problem(".", f"the directory is called {name}, and what was sealed is {predicate['name']}")
    sealed = (predicate["ring"], predicate["kind"])
    if place is not None and place != sealed:
        yield Problem(".", f"it lies in {'/'.join(place)}, and what was sealed is of {'/'.join(sealed)}")


def _contents(files: t.Mapping[str, bytes], predicate: t.Mapping[str, t.Any]) -> t.Iterator[Problem]:
    """What the files say of themselves. Their bytes are known to be the sealed ones here."""
    for file in NEEDED:
        if file not in files:
            yield Problem(file, "is missing, and every bundle has it")
    expected = bag.tag_files(
        {file: data for file, data in files.items() if file not in OWN}, identifier(predicate), bagging_date(predicate)
    )
    for file in (BAGIT, BAG_INFO):
        if files.get(file) != expected[file]:
            yield Problem(file, "does not say what the bundle is")
    documents = {}
    for file in sorted(files):
        if file.endswith(".json"):
            try:
                documents[file] = parsed(files[file], "It")
            except CollectionError as error:
                yield Problem(file, error.message.rstrip("."))
    metadata, summary = documents.get(METADATA), documents.get(SUMMARY)
    if METADATA in documents and not isinstance(metadata, dict):
        yield Problem(METADATA, "is no JSON object")
    elif isinstance(metadata, dict):
        claimed = {**{key: predicate[key] for key in SAME}, "anchored": predicate["sequence"] is not None}
        for key, wanted in claimed.items():
            if metadata.get(key) != wanted or isinstance(metadata.get(key), bool) != isinstance(wanted, bool):
                yield Problem(METADATA, f"says of {key} something else than the seal, which has {wanted!r}")
    if SUMMARY in documents and not isinstance(summary, dict):
        yield Problem(SUMMARY, "is no JSON object")
    elif isinstance(summary, dict) and summary.get("verdict", predicate["verdict"]) != predicate["verdict"]:
        yield Problem(SUMMARY, f"has another verdict than the seal, which has {predicate['verdict']!r}")


def identifier(predicate: t.Mapping[str, t.Any]) -> str:
    """What a bundle is called everywhere."""
    return "/".join(str(predicate[key]) for key in ("solution", "ring", "kind", "name"))


def bagging_date(predicate: t.Mapping[str, t.Any]) -> str:
    """The day of a bundle, as BagIt writes it."""
    name = str(predicate["name"])
    return f"{name[:4]}-{name[4:6]}-{name[6:8]}"
