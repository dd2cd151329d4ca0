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
from ansible_collections.hotpass.prefect.plugins.module_utils.release import statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import PrefectLedger
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring import Ring


@dataclasses.dataclass(frozen=True)
class Previous:
    """What is known of the ring before.

    :param active: the release that is Active there; None when none is.
    :param proven: every release that was ever Active there, and was not taken back.
    :param source: ``ledger``, or ``statements`` when its server could not be reached.
    """

    ring: str
    active: str | None
    proven: frozenset[str]
    source: str


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
    active = chain.active
    return Previous(
        ring=name,
        active=active.release if active else None,
        proven=frozenset(
            generation.release
            for generation in chain.verified
            if generation.release and generation.release not in {*chain.holds, *chain.vetoes}
        ),
        source="ledger",
    )


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
    trust = ring.trust
    found = statements.previous_active(envelopes, trust, name, ring.solution)
    if found is None:
        raise CollectionError(
            f"What is Active in ring {name} cannot be told: its server does not answer ({unreachable.message}), and "
            "the store has no signed statement of it that this ring trusts; import a transfer bundle of that ring, "
            "name a release, or reach the server."
        )
    proven = {
        release
        for release in ring.store.releases()
        if statements.previous_active(ring.statements(release), trust, name, ring.solution)
    }
    return Previous(ring=name, active=found[0], proven=frozenset({found[0], *proven}), source="statements")
