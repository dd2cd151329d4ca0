# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ring as a task meets it: its ledger, its store, its keys, and who acts."""

from __future__ import annotations

import getpass
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release import (
    announce,
    compaction,
    otlp,
    ring_view,
    statements,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.key_options import (
    signing_key_from_params,
    trust_from_params,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.keys import SigningKey
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import PrefectLedger
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Actor, Draft, Record
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import Store
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_options import store_from_params
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust

ENVELOPE = "application/vnd.dsse.envelope.v1+json"


class Ring:
    """One ring, for the time of one task.

    :ivar chain: the ledger as last read or written.
    :ivar warnings: sentences for the user, such as that an event could not be sent.
    """

    def __init__(self, params: t.Mapping[str, t.Any], session: Session) -> None:
        self.name = str(params["ring"])
        self.solution = str(params["solution"])
        self.session = session
        self.warnings: list[str] = []
        self._params = params
        self._ledger = PrefectLedger(session, self.solution, self.name)
        self._fresh: list[Record] = []
        self._told = False
        self._key: SigningKey | None = None
        self.store: Store = store_from_params(params)
        self.trust: Trust = trust_from_params(params)
        self.chain: Chain = self._ledger.read()

    def __enter__(self) -> Ring:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.store.close()

    @property
    def takes_unsigned(self) -> bool:
        """Whether the ring's settings let it do without signatures."""
        return self._params.get("unsigned") == "accept"

    def key(self) -> SigningKey | None:
        """The key that this task signs with; None only where the ring does without.

        :raises CollectionError: when it needs one and has none.
        """
        if self._key is None:
            self._key = signing_key_from_params(self._params)
        if self._key is None and not self.takes_unsigned:
            raise CollectionError(
                f"Ring {self.name} keeps signed statements only, and there is no signing_key; set ring_signing_key, "
                "or let the ring do without by ring_unsigned: accept."
            )
        return self._key

    def actor(self) -> Actor:
        """Who acts: the name of the key, else of the user; and in whose name and job."""
        key = self.key()
        user = self._params.get("actor_user") or getpass.getuser()
        return Actor(
            name=key.name if key else user,
            key_id=key.key_id if key else None,
            user=user,
            job=self._params.get("actor_job"),
        )

    def append(self, draft: Draft) -> Record:
        """Append to the ledger, against what was last read of it.

        :raises Lost: when somebody else was first.
        """
        self.chain = self._ledger.append(self.chain, draft)
        record = t.cast("Record", self.chain.head)
        self._fresh.append(record)
        return record

    def read_again(self) -> None:
        """Read the ledger once more, after somebody else has written to it."""
        self.chain = self._ledger.read()

    def statements(self, release: str) -> list[bytes]:
        """The envelopes that travel with a release."""
        return self.store.attachments(release, statements.ARTIFACT_TYPE)

    def attach(self, release: str, envelope: bytes, predicate_type: str) -> bool:
        """Let an envelope travel with a release; false when it does already."""
        if envelope in self.statements(release):
            return False
        annotations = {statements.PREDICATE_ANNOTATION: predicate_type}
        self.store.attach(release, statements.ARTIFACT_TYPE, envelope, ENVELOPE, annotations)
        return True

    def tell(self) -> None:
        """Tell the outside what was appended. It never fails: what cannot be told becomes a warning."""
        if not self._fresh:
            return
        self.warnings += announce.announce(self.session, self.chain, self._fresh)
        if any(record.state is not None for record in self._fresh):
            self.warnings += ring_view.publish(self.session, self.chain)
        self._fresh = []
        self._told = True

    def tell_again(self, anyhow: bool = False) -> None:
        """Make up for what a promoter that died may not have told; reads only, when nothing is missing.

        :param anyhow: also when this task has told something itself.
        """
        if self._told and not anyhow:
            return
        self.warnings += announce.ensure(self.session, self.chain)
        self.warnings += ring_view.publish(self.session, self.chain)

    def compact(self) -> None:
        """Archive what promoters do not need any more of a long ledger. It never fails: it is tried again next time."""
        try:
            self.chain = compaction.compact(self._ledger, self.chain, self.store, self.actor())
        except CollectionError as error:
            self.warnings.append(f"The ledger of ring {self.name} could not be compacted: {error.message}")

    def export(self, generation: int) -> None:
        """Send a settled generation's trace where the ring's settings say, if they do."""
        endpoint = self._params.get("otlp_endpoint")
        if endpoint:
            headers = self._params.get("otlp_headers") or {}
            self.warnings += otlp.export(endpoint, headers, self.chain, self.chain.generation(generation))
