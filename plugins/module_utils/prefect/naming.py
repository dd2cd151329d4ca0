# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names: which ones the server can hold, and how sentences list them."""

from __future__ import annotations

import re
import typing as t
import uuid

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, reading
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

_FORBIDDEN = re.compile(r"[/%&><]")


def checked_name(what: str, name: str) -> str:
    """The name, if the server can hold it and a path can carry it.

    :param what: kind of object, for the sentence.
    :raises CollectionError: when it cannot.
    """
    if not name.strip():
        raise CollectionError(f"A {what} needs a name; {name!r} is empty.")
    if _FORBIDDEN.search(name) or not name.isprintable():
        raise CollectionError(
            f"{name!r} cannot be the name of a {what}: Prefect takes none of / % & > < and no control characters."
        )
    if name in (".", ".."):
        raise CollectionError(f"{name!r} cannot be the name of a {what}: in an address it means a directory.")
    return name


def is_id(text: str) -> bool:
    """Whether the server would read the text as the id of an object."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def listed(names: t.Iterable[str], most: int = 5) -> str:
    """The names for a sentence: sorted, at most so many, and how many more there are."""
    ordered = sorted(names)
    if not ordered:
        return "none"
    shown = ", ".join(ordered[:most])
    return f"{shown} and {len(ordered) - most} more" if len(ordered) > most else shown


def counted(names: t.Sequence[str]) -> str:
    """How many deployments there are, and which, for a sentence."""
    return f"{len(names)} deployment{'' if len(names) == 1 else 's'} ({listed(names)})"


def full_names(session: Session, deployments: t.Sequence[reading.Row]) -> list[str]:
    """``flow/deployment`` for each of the rows, in their order, with one request for every 200 flows."""
    ids = sorted({row["flow_id"] for row in deployments})
    flows: dict[str, str] = {}
    for start in range(0, len(ids), reading.PAGE):
        body = filters.flows(ids=ids[start : start + reading.PAGE])
        flows.update({flow["id"]: flow["name"] for flow in reading.read_all(session, reading.FLOWS, body)})
    return [f"{flows.get(row['flow_id'], row['flow_id'])}/{row['name']}" for row in deployments]


def pool_names(session: Session) -> str:
    """The work pools that there are, for a sentence."""
    return listed(row["name"] for row in reading.read_all(session, reading.WORK_POOLS, filters.work_pools()))
