# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sees beforehand whether a bundle could be sealed, so that nothing is begun whose evidence would not count."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.log import Log
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release.key_options import (
    signing_key_from_params,
    trust_from_params,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import PROMOTER


def see_sealable(params: dict[str, t.Any]) -> None:
    """Insist that there is a key which the ring believes, and that the next place in the chain can be taken.

    :raises CollectionError: when one of these is not so, or the server does not answer.
    """
    ring = params["ring"]
    key = signing_key_from_params(params)
    if key is None:
        raise CollectionError(
            f"The evidence of ring {ring} has to be signed, and there is no signing_key; set ring_signing_key."
        )
    trust = trust_from_params(params)
    known = trust.find(key.key_id)
    if known is None or PROMOTER not in known.roles:
        able = ", ".join(found.name for found in trust.having((PROMOTER,))) or "nobody"
        raise CollectionError(
            f"The key {key.name} is no promoter in the trust of ring {ring}, so nobody would believe what it seals; "
            f"{able} may seal."
        )
    with Session(Connection.from_params(params)) as session:
        log = Log(session, params["solution"], ring)
        seen = log.read()
    head = seen.head.sequence if seen.head else 0
    blocked = [sequence for sequence, entry in sorted(seen.stray.items()) if entry is None and sequence > head]
    if blocked:
        raise CollectionError(
            f"The variable {log.variable(blocked[0])} holds no entry of the chain of evidence, and its name belongs to "
            "the chain; delete it, and run again."
        )
