# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recalling a release: a signed statement that travels with its digest, and a record in the ring where it was said."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release import clock, predicates, statements, trust
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import check_digest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.keys import SigningKey
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Draft, Event
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring import Ring
from ansible_collections.hotpass.prefect.plugins.module_utils.release.wording import recordable
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome


def veto(params: dict[str, t.Any], context: Context) -> Outcome:
    """Veto a release, in every ring or in some. It is for good: a mended solution is another release.

    :raises CollectionError: when the release is not in the store, when there is no key and the ring insists on one, or
        when the ring would not heed the key's statement.
    """
    release = check_digest(params["release"], "release")
    with Session(Connection.from_params(params)) as session, Ring(params, session) as ring:
        if not ring.store.has(release):
            raise CollectionError(f"{release} is not in the store {ring.store.address}, so no veto can travel with it.")
        if not recordable(params["reason"]):
            raise CollectionError("reason is blank, and everybody who tries to promote the release will ask for it.")
        rings: str | list[str] = sorted(set(params["rings"])) if params.get("rings") else "*"
        concerned = rings == "*" or ring.name in rings
        signed = [
            verified
            for verified in statements.vetoes(ring.statements(release), ring.trust, None, release=release)
            if verified.predicate["rings"] in ("*", rings)
        ]
        key = ring.key()
        _insist_on_a_voice(ring, key)
        if key is None and not signed and not concerned:
            raise CollectionError(
                f"Nothing would be vetoed: it is not for ring {ring.name}, and without a key no veto can travel to "
                f"{', '.join(rings)}. Sign it (signing_key), or veto it there."
            )
        sign = key is not None and not signed
        record = concerned and release not in ring.chain.vetoes
        if not context.check:
            detail: dict[str, t.Any] = {"reason": recordable(params["reason"])}
            if sign and key is not None:
                statement = statements.veto(
                    release=release,
                    solution=ring.solution,
                    rings=rings,
                    reason=recordable(params["reason"]),
                    by=ring.actor(),
                    at=clock.text(clock.now()),
                )
                ring.attach(release, statements.sign(statement, key), predicates.VETO)
            if record:
                ring.append(
                    Draft(
                        event=Event.VETO,
                        generation=ring.chain.last_generation,
                        release=release,
                        actor=ring.actor(),
                        detail=detail,
                    )
                )
                ring.tell()
        if key is None and not signed and rings != [ring.name]:
            ring.warnings.append(
                f"No key signed the veto, so it is in the ledger of ring {ring.name} alone: what takes its "
                "releases from here takes this one no more, and no other ring heeds it."
            )
        active = ring.chain.active
        if active is not None and active.release == release and concerned:
            ring.warnings.append(
                f"{release} is Active in ring {ring.name}, and a veto stops nothing that runs: run "
                "playbooks/rollback.yml."
            )
        return Outcome(
            changed=sign or record,
            result={"release": release, "rings": rings, "travels": sign or bool(signed)},
            warnings=ring.warnings,
        )


def _insist_on_a_voice(ring: Ring, key: SigningKey | None) -> None:
    """Nobody would heed the statement, so it must not look as if the release were recalled everywhere."""
    if key is None or ring.takes_unsigned:
        return
    heeded = {known.key_id for known in ring.trust.having((trust.PROMOTER, trust.APPROVER))}
    if key.key_id not in heeded:
        raise CollectionError(
            f"{key.name} is neither promoter nor approver in the trust of ring {ring.name}, so no ring would heed its "
            "veto; sign with a key that is."
        )
