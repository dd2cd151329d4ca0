# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads whole lists, 200 rows a request, so that no row is lost or doubled."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.filters import Body
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

PAGE = 200
_ATTEMPTS = 5

Row = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Kind:
    """Where the rows of one kind of object are listed.

    :param path: of the filter request.
    :param sort: the most stable order that the server offers, or None where it takes none.
    """

    name: str
    path: str
    sort: str | None = None


DEPLOYMENTS = Kind("deployments", "/deployments/filter", "CREATED_DESC")
FLOWS = Kind("flows", "/flows/filter", "CREATED_DESC")
FLOW_RUNS = Kind("flow runs", "/flow_runs/filter", "ID_DESC")
WORK_POOLS = Kind("work pools", "/work_pools/filter")
CONCURRENCY_LIMITS = Kind("global concurrency limits", "/v2/concurrency_limits/filter")
VARIABLES = Kind("variables", "/variables/filter", "NAME_ASC")
ARTIFACTS = Kind("artifacts", "/artifacts/filter", "ID_DESC")
AUTOMATIONS = Kind("automations", "/automations/filter", "CREATED_DESC")


def read_all(session: Session, kind: Kind, body: Body) -> list[Row]:
    """Every row that the filter matches.

    The server pages by offset over a list that others change meanwhile. Each page therefore begins with the last row of
    the page before: where that row has moved, rows slipped between the pages, and the reading begins again.

    :raises CollectionError: when the list keeps changing faster than it can be read.
    """
    for _attempt in range(_ATTEMPTS):
        rows = _read_once(session, kind, body)
        if rows is not None:
            return rows
    raise CollectionError(
        f"The list of {kind.name} changed during each of {_ATTEMPTS} readings; run again when fewer are writing."
    )


def _read_once(session: Session, kind: Kind, body: Body) -> list[Row] | None:
    request: Body = {**body, "limit": PAGE}
    if kind.sort:
        request["sort"] = kind.sort
    rows: list[Row] = []
    seen: set[str] = set()
    while True:
        offset = max(len(rows) - 1, 0)
        page = session.search(kind.path, {**request, "offset": offset})
        fresh = page
        if rows:
            if not page or page[0]["id"] != rows[-1]["id"]:
                return None
            fresh = page[1:]
        for row in fresh:
            if row["id"] in seen:
                return None
            seen.add(row["id"])
            rows.append(row)
        if len(page) < PAGE:
            return rows
