# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where tests keep a ledger: in memory, or in a Prefect server; and ways to do to it what nobody should."""

from __future__ import annotations

import contextlib
import json
import time
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, reading
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import Ledger, PrefectLedger
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import TAG, variable_prefix

from tests.support.memory_ledger import MemoryLedger, MemoryServer

RING: t.Final = "dev"


class Place(t.Protocol):
    """One ledger, empty at first, of ring ``dev``."""

    solution: str

    def open(self) -> t.ContextManager[Ledger]:
        """The ledger, as one more promoter sees it."""

    def rows(self) -> dict[str, t.Any]:
        """What is kept, by variable."""

    def edit(self, name: str, value: t.Any) -> None:
        """Overwrite a variable."""

    def delete(self, name: str) -> None:
        """Delete a variable."""

    def put(self, name: str, value: t.Any) -> None:
        """Make a variable."""


class InMemory:
    """A :class:`Place` in this process."""

    def __init__(self, solution: str) -> None:
        self.solution = solution
        self._server = MemoryServer()

    @contextlib.contextmanager
    def open(self) -> t.Iterator[Ledger]:
        yield MemoryLedger(self._server, self.solution, RING)

    def rows(self) -> dict[str, t.Any]:
        return {name: json.loads(text) for name, text in self._server.rows.items()}

    def edit(self, name: str, value: t.Any) -> None:
        self._server.rows[name] = json.dumps(value)

    def delete(self, name: str) -> None:
        self._server.delete(name)

    def put(self, name: str, value: t.Any) -> None:
        self._server.put(name, json.dumps(value))


class InPrefect:
    """A :class:`Place` in a Prefect server.

    :param api_url: where its promoters send their requests.
    :param retries: of a promoter; SQLite answers 503 to most of many who write at once.
    """

    def __init__(self, api_url: str, solution: str, retries: int = 20) -> None:
        self.solution = solution
        self._connection = Connection(api_url, retries=retries)

    @contextlib.contextmanager
    def open(self) -> t.Iterator[PrefectLedger]:
        with self._session() as session:
            yield PrefectLedger(session, self.solution, RING)

    def rows(self) -> dict[str, t.Any]:
        prefix = variable_prefix(self.solution, RING)
        with self._session() as session:
            rows = reading.read_all(session, reading.VARIABLES, filters.variables(name_like=prefix))
        return {row["name"]: row["value"] for row in rows if row["name"].startswith(prefix)}

    def edit(self, name: str, value: t.Any) -> None:
        with self._session() as session:
            session.write("PATCH", f"/variables/name/{name}", {"value": value})

    def delete(self, name: str) -> None:
        with self._session() as session:
            session.write("DELETE", f"/variables/name/{name}")

    def put(self, name: str, value: t.Any) -> None:
        with self._session() as session:
            session.write("POST", "/variables/", {"name": name, "value": value, "tags": [TAG]})

    def _session(self) -> Session:
        return Session(self._connection, sleep=lambda seconds: time.sleep(min(seconds, 0.5)))
