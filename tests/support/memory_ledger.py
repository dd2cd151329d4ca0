# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ledger in memory, for tests that make thousands of them. It passes the same suite as the real ones."""

from __future__ import annotations

import json
import threading

from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import Lost
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Draft, Record


class MemoryServer:
    """What several :class:`MemoryLedger` share, as promoters share a server: put-if-absent of a text under a name."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}
        self._lock = threading.Lock()

    def put(self, name: str, text: str) -> bool:
        """Keep a text unless the name is taken."""
        with self._lock:
            if name in self.rows:
                return False
            self.rows[name] = text
            return True

    def snapshot(self) -> list[str]:
        """All texts."""
        with self._lock:
            return list(self.rows.values())

    def get(self, name: str) -> str | None:
        """One text."""
        with self._lock:
            return self.rows.get(name)

    def delete(self, name: str) -> None:
        """Drop one text."""
        with self._lock:
            self.rows.pop(name, None)


class MemoryLedger:
    """The ledger of one ring on a :class:`MemoryServer`, which must hold no other's."""

    def __init__(self, server: MemoryServer, solution: str, ring: str) -> None:
        self.solution = solution
        self.ring = ring
        self._server = server

    def read(self) -> Chain:
        return Chain.build(self.solution, self.ring, self._records())

    def append(self, chain: Chain, draft: Draft) -> Chain:
        record = chain.next(draft)
        extended = chain.extended(record)
        if not self._server.put(record.variable, canonical(record.to_json()).decode()):
            found = self._server.get(record.variable)
            # Pruned between the two: whoever is that late has lost to the latest record.
            raise Lost(record, _parsed(found) if found else self.read().records[-1])
        if chain.head is not None and self._server.get(chain.head.variable) is not None:
            return extended
        current = self.read()
        if any(other.token == record.token for other in current.records):
            return extended
        self._server.delete(record.variable)
        raise Lost(record, current.records[-1])

    def prune(self, chain: Chain) -> Chain:
        through = chain.checkpoint.through if chain.checkpoint else 0
        for record in sorted(self._records(), key=lambda record: record.sequence):
            if record.sequence <= through:
                self._server.delete(record.variable)
        return self.read()

    def _records(self) -> list[Record]:
        return [_parsed(text) for text in self._server.snapshot()]


def _parsed(text: str) -> Record:
    return Record.from_json(json.loads(text))
