# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which releases of a ring travel: those that its ledger says were Active, and that a site can believe without it."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain, Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import is_digest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import short
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import Store
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust

ACTIVE: t.Final = "active"
ROLLBACK: t.Final = "rollback"
ALL: t.Final = "all"
WORDS: t.Final = (ACTIVE, ROLLBACK, ALL)


@dataclasses.dataclass(frozen=True)
class Chosen:
    """A release that travels.

    :param digest: of its manifest.
    :param generation: the latest one in which it became Active in the ring.
    :param active: whether it is Active there now.
    :param commit: that it was built from, as the ledger has it.
    """

    digest: str
    generation: int
    active: bool
    commit: str | None


@dataclasses.dataclass(frozen=True)
class Choice:
    """What travels, ordered by digest, and sentences about what the user may not expect."""

    releases: tuple[Chosen, ...]
    warnings: tuple[str, ...]


def choose(chain: Chain, store: Store, trust: Trust, wanted: t.Sequence[str]) -> Choice:
    """The releases that are asked for; each has to have the statements that a site believes it by.

    :param chain: the ring's ledger, from its first record on.
    :param trust: whom the ring believes.
    :param wanted: digests, or one of :data:`WORDS`: what is Active; that and what a rollback would bring back;
        everything that was ever Active and is not held.
    :raises CollectionError: for a release that was never Active here, is held, is not in the store, or that no
        statement of this ring's promoter and of a builder speaks for.
    """
    latest = _latest(chain)
    digests = _asked_for(chain, wanted, latest)
    envelopes = {digest: store.attachments(digest, statements.ARTIFACT_TYPE) for digest in digests}
    warnings: list[str] = []
    for digest in digests:
        _insist_on_belief(chain, trust, digest, latest[digest], envelopes[digest])
        warnings += _veto(chain, trust, digest, envelopes[digest])
    active = chain.active
    if active is not None and active.release in envelopes:
        _insist_on_reading(chain, trust, active, envelopes)
    chosen = [
        Chosen(digest, latest[digest].number, active is not None and active.release == digest, _commit(chain, digest))
        for digest in digests
    ]
    return Choice(tuple(chosen), tuple(warnings))


def _latest(chain: Chain) -> dict[str, Generation]:
    """Every release that was ever Active, with the latest generation that made it so; the oldest release first."""
    found: dict[str, Generation] = {}
    for generation in chain.verified:
        if generation.release:
            found.pop(generation.release, None)
            found[generation.release] = generation
    return found


def _asked_for(chain: Chain, wanted: t.Sequence[str], latest: t.Mapping[str, Generation]) -> list[str]:
    digests: set[str] = set()
    for word in wanted:
        if is_digest(word):
            digests.add(_named(chain, word, latest))
        elif word == ACTIVE:
            digests.add(_active(chain))
        elif word == ROLLBACK:
            digests |= {_active(chain), *_before(chain, latest)}
        elif word == ALL:
            digests |= {_active(chain), *(digest for digest in latest if digest not in chain.holds)}
        else:
            raise CollectionError(
                f"releases holds {word[:100]!r}; allowed are {', '.join(WORDS)} and digests such as sha256:4d7a..."
            )
    if not digests:
        raise CollectionError(f"releases is empty; allowed are {', '.join(WORDS)} and digests such as sha256:4d7a...")
    return sorted(digests)


def _active(chain: Chain) -> str:
    active = chain.active
    if active is None or active.release is None:
        raise CollectionError(
            f"Nothing is Active in ring {chain.ring} of {chain.solution}, so nothing can be exported; promote there."
        )
    if chain.degraded:
        raise CollectionError(
            f"Ring {chain.ring} is degraded: its last rollback failed, so what it runs is not certain. Bring it back "
            "with playbooks/reconcile.yml, or name the release."
        )
    return active.release


def _before(chain: Chain, latest: t.Mapping[str, Generation]) -> list[str]:
    """What a rollback would bring back: the newest that was Active before, is not held and not vetoed."""
    unfit = {_active(chain), *chain.holds, *chain.vetoes}
    return [digest for digest in reversed(list(latest)) if digest not in unfit][:1]


def _named(chain: Chain, digest: str, latest: t.Mapping[str, Generation]) -> str:
    if digest not in latest:
        raise CollectionError(
            f"{digest} was never Active in ring {chain.ring} of {chain.solution}, and a site takes only what was; "
            "promote it here first."
        )
    held = chain.holds.get(digest)
    if held is not None:
        raise CollectionError(
            f"{digest} is held in ring {chain.ring} since {held.at} ({held.detail.get('reason', 'no reason given')}), "
            "so it does not travel; promote it here again first, with -e release_hold=true."
        )
    return digest


def _insist_on_belief(
    chain: Chain, trust: Trust, digest: str, generation: Generation, envelopes: t.Sequence[bytes]
) -> None:
    """Insist on a promoter's statement that names this ledger's own record, and on a builder's."""
    reasons: list[str] = []
    outcomes = statements.outcomes(
        envelopes, trust, ring=chain.ring, solution=chain.solution, passed_over=reasons.append
    )
    records = {record.digest for record in chain.records if record.state is State.ACTIVE and record.release == digest}
    if not any(
        said.release == digest
        and said.predicate["result"] == State.ACTIVE.value
        and said.predicate["ledgerRecord"] in records
        for said in outcomes
    ):
        why = f" ({reasons[0].rstrip('.')})" if reasons else ""
        raise CollectionError(
            f"The store has no statement by a promoter whom ring {chain.ring} trusts that {digest} became Active in "
            f"it, as generation {generation.number} of its ledger did{why}, so no site could believe it; let the ring "
            "sign its promotions, and promote it again."
        )
    if not statements.provenances(envelopes, trust, release=digest, solution=chain.solution):
        raise CollectionError(
            f"The store has no statement by a builder whom ring {chain.ring} trusts on how {digest} was built, so no "
            "site could believe it; build it with a builder's key."
        )


def _veto(chain: Chain, trust: Trust, digest: str, envelopes: t.Sequence[bytes]) -> list[str]:
    """What to say of a vetoed release: it may travel, because the veto does with it, and only if it does."""
    signed = statements.vetoes(envelopes, trust, chain.ring, solution=chain.solution, release=digest)
    if signed:
        return [f"{digest} is vetoed, and its veto travels with it, so no site will promote it."]
    if digest in chain.vetoes:
        raise CollectionError(
            f"{digest} is vetoed in ring {chain.ring}, and no signed veto is with it in the store, so a site would not "
            "learn of it; veto it again with playbooks/veto.yml, or leave it out."
        )
    return []


def _insist_on_reading(
    chain: Chain, trust: Trust, active: Generation, envelopes: t.Mapping[str, t.Sequence[bytes]]
) -> None:
    """Insist that who has only the statements that travel takes the same release for Active as the ledger does."""
    everything = [envelope for digest in sorted(envelopes) for envelope in envelopes[digest]]
    found = statements.previous_active(everything, trust, chain.ring, chain.solution)
    if found != (active.release, active.number):
        said = f"generation {found[1]} with {short(found[0])}" if found else "none"
        raise CollectionError(
            f"The statements in the store say that {said} is Active in ring {chain.ring}, and its ledger says "
            f"generation {active.number} with {short(str(active.release))}; run playbooks/promote.yml again, which "
            "makes up for a statement that is owed."
        )


def _commit(chain: Chain, digest: str) -> str | None:
    """The commit of a release, as the first generation that knows it says."""
    for generation in chain.generations:
        if generation.release == digest and generation.detail.get("commit"):
            return str(generation.detail["commit"])
    return None
