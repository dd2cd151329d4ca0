# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The signed statements that a site made: how its promotions ended, who approved them, and what somebody vetoed."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import envelopes, judging, predicates, statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring import ENVELOPE
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_types import Store
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import APPROVER, PROMOTER, Trust
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.names import STATEMENTS

_NAME = re.compile(rf"{STATEMENTS}([0-9a-f]{{64}})/([0-9a-f]{{64}})[.]dsse[.]json")
_SIGNERS: t.Final[dict[str, tuple[str, ...]]] = {
    predicates.PROMOTION: (PROMOTER,),
    predicates.ROLLBACK: (PROMOTER,),
    predicates.APPROVAL: (APPROVER,),
    predicates.VETO: (PROMOTER, APPROVER),
}
"""Who may make which of the statements that come home."""


@dataclasses.dataclass(frozen=True)
class Said:
    """One statement on a release.

    :param envelope: its bytes.
    :param predicate_type: what kind it is.
    """

    release: str
    envelope: bytes
    predicate_type: str

    @property
    def name(self) -> str:
        """The file that it travels as."""
        return f"{STATEMENTS}{self.release[7:]}/{digest_of(self.envelope)[7:]}.dsse.json"


def gather(store: Store, chain: Chain, trust: Trust) -> tuple[list[Said], list[str]]:
    """What believed people said at this ring of the releases in its store.

    :param chain: from its first record on.
    :returns: the statements, and for each that is not believed a sentence: it stays behind, as nobody heeds it here.
    """
    found: dict[str, Said] = {}
    passed: list[str] = []
    # A veto may be of a release that this ring has never seen promoted.
    for release in store.releases():
        for envelope in store.attachments(release, statements.ARTIFACT_TYPE):
            try:
                kind = str(statements.peek(envelope)["predicateType"])
                said = _checked(release, envelope, chain, trust) if kind in _SIGNERS else None
            except CollectionError as error:
                passed.append(f"A statement on {release} stays behind: {error.message}")
                continue
            if said is not None:
                found[said.name] = said
    return [found[name] for name in sorted(found)], passed


def read(name: str, envelope: bytes, chain: Chain, trust: Trust, home: Store) -> Said | None:
    """The statement in a file that came home.

    :returns: None for one that is not believed, when home has it already, byte for byte: it counts for nothing.
    :raises CollectionError: when nobody who may make it and is believed did, it is of another ring, or the file is
        called otherwise.
    """
    match = _NAME.fullmatch(name)
    release = f"sha256:{match[1]}" if match else ""
    try:
        said = _checked(release, envelope, chain, trust)
    except CollectionError as error:
        # A veto by somebody of home comes back with the evidence, and whom home believes of a site need not name them.
        if match and digest_of(envelope) == f"sha256:{match[2]}" and _has(home, release, envelope):
            return None
        raise CollectionError(f"{name} is not believed: {error.message}") from None
    if said is None or said.name != name:
        raise CollectionError(f"{name} is no statement of ring {chain.ring} of {chain.solution} of that name.")
    return said


def attach(store: Store, said: Said, check: bool) -> bool | None:
    """Let a statement travel with its release in the store here.

    :returns: whether it did not before; None when the release is not in the store.
    """
    if not store.has(said.release):
        return None
    if _has(store, said.release, said.envelope):
        return False
    if not check:
        annotations = {statements.PREDICATE_ANNOTATION: said.predicate_type}
        store.attach(said.release, statements.ARTIFACT_TYPE, said.envelope, ENVELOPE, annotations)
    return True


def _has(store: Store, release: str, envelope: bytes) -> bool:
    """Whether a statement travels with a release in the store already."""
    return store.has(release) and envelope in store.attachments(release, statements.ARTIFACT_TYPE)


def _checked(release: str, envelope: bytes, chain: Chain, trust: Trust) -> Said | None:
    """The statement; None for one that is not of this ring or not on this release.

    :raises CollectionError: when it is not believed.
    """
    kind = str(envelopes.peek(envelope)["predicateType"])
    if kind not in _SIGNERS:
        return None
    verified = envelopes.verify(envelope, trust, _SIGNERS[kind])
    predicate = verified.predicate
    if verified.release != release or predicate["solution"] != chain.solution:
        return None
    if kind != predicates.VETO and predicate["ring"] != chain.ring:
        return None
    return Said(release, envelope, kind)


def outcomes(said: t.Iterable[Said], chain: Chain, trust: Trust) -> tuple[envelopes.Verified, ...]:
    """Those of the statements that tell how promotions into the ring, and its rollbacks, ended."""
    return judging.outcomes((one.envelope for one in said), trust, ring=chain.ring, solution=chain.solution)
