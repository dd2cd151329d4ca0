# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which release a ring takes when none is named: the one that is Active in the ring before it."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.errors import Unavailable, Unreachable
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release import judging, statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import PrefectLedger
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring import Ring
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

LEDGER: t.Final = "ledger"
STATEMENTS: t.Final = "statements"
# What a generation that was Active ends in, unless it was taken back.
_STANDS = frozenset({State.ACTIVE, State.SUPERSEDED})


@dataclasses.dataclass(frozen=True)
class Previous:
    """What is known of the ring before.

    :param active: the release that is Active there; None when none is, or nobody can say.
    :param proven: every release that was ever Active there, and was not taken back.
    :param taken_back: every release that was taken back or recalled there and did not come back, each with how, for a
        person.
    :param archived: whether the oldest records of its ledger were not read, so that not all that proved good is known.
    :param source: :data:`LEDGER`, or :data:`STATEMENTS` when its server could not be reached.
    :param doubt: why nobody can say what is Active there, for a person; empty when that is known.
    """

    ring: str
    active: str | None
    proven: frozenset[str]
    taken_back: t.Mapping[str, str]
    source: str
    archived: bool = False
    doubt: str = ""


def look(ring: Ring, params: t.Mapping[str, t.Any]) -> Previous | None:
    """Ask the ring before: its server when that answers, and otherwise the signed statements in the store.

    :returns: None when the settings name no ring before, so this is the first.
    :raises CollectionError: when neither can be had.
    """
    options = params.get("previous_ring")
    if not options:
        return None
    name = str(options["ring"])
    try:
        chain = _ledger_of(ring, name, options, params)
    except (Unreachable, Unavailable) as error:
        return _from_statements(ring, name, error)
    doubt = _doubt(chain)
    taken_back = _taken_back(chain)
    return Previous(
        ring=name,
        active=None if doubt or chain.active is None else chain.active.release,
        proven=frozenset(one.release for one in chain.verified if one.release and one.release not in taken_back),
        taken_back=taken_back,
        source=LEDGER,
        archived=bool(chain.segments),
        doubt=doubt,
    )


def _doubt(chain: Chain) -> str:
    if chain.degraded:
        what = "is degraded: its last rollback failed"
    elif chain.active is not None and chain.active.state is not State.ACTIVE:
        what = f"is being rolled back: its generation {chain.active.number} is {chain.active.state.value}"
    else:
        return ""
    return (
        f"Ring {chain.ring} {what}, so what it runs is not certain. Bring it back first, with playbooks/reconcile.yml "
        "or playbooks/rollback.yml there, or name a release that proved good in it."
    )


def _taken_back(chain: Chain) -> dict[str, str]:
    latest = {generation.release: generation for generation in chain.verified if generation.release}
    reasons = {one.rolls_back: one.detail.get("reason") for one in chain.generations if one.rolls_back is not None}
    found = {
        release: f"generation {one.number} of it is {one.state.value} there since {one.since}"
        f" ({reasons.get(one.number) or one.last_detail.get('reason') or 'no reason given'})"
        for release, one in latest.items()
        if one.state not in _STANDS
    }
    for word, records in (("vetoed", chain.vetoes), ("held", chain.holds)):
        for release, record in records.items():
            why = record.detail.get("reason") or "no reason given"
            found[release] = f"it is {word} there since {record.at} ({why})"
    return found


def _ledger_of(ring: Ring, name: str, options: t.Mapping[str, t.Any], params: t.Mapping[str, t.Any]) -> Chain:
    url = options.get("api_url")
    if not url or url.rstrip("/") == ring.session.connection.api_url:
        return PrefectLedger(ring.session, ring.solution, name).read()
    given = {key: value for key, value in options.items() if key != "ring" and value is not None}
    # A key for one server is nothing that another one should see.
    base = {key: value for key, value in params.items() if key not in ("api_key", "auth_string", "custom_headers")}
    connection = Connection.from_params({**base, "retries": min(2, params.get("retries", 2)), **given})
    with Session(connection) as session:
        return PrefectLedger(session, ring.solution, name).read()


def _from_statements(ring: Ring, name: str, unreachable: CollectionError) -> Previous:
    envelopes = [envelope for release in ring.store.releases() for envelope in ring.statements(release)]
    doubt, found = "", None
    try:
        found = statements.previous_active(envelopes, ring.trust, name, ring.solution)
    except CollectionError as error:
        doubt = error.message
    if found is None and not doubt:
        raise CollectionError(
            f"What is Active in ring {name} cannot be told: its server does not answer ({unreachable.message}), and "
            "the store has no signed statement of it that this ring trusts; import a transfer bundle of that ring, "
            "or reach the server."
        )
    return Previous(
        ring=name,
        active=found[0] if found else None,
        proven=statements.proven(envelopes, ring.trust, name, ring.solution),
        taken_back=judging.taken_back(envelopes, ring.trust, name, ring.solution),
        source=STATEMENTS,
        doubt=doubt,
    )
