# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The limits that hold a backfill, looked at before its first run: a missing or wrong one lets nothing start."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.settings import Settings
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.declared import ENQUEUE
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.model import Manifest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import ansible_diff, field_changes
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.deployments import own_limit_name
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.errors import Conflict
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.naming import checked_name, listed
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.reading import Row
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session, quote

RESTORE = "-e restore_guardrails=true restores it"
_SHARED = "it is not the deployment's own: prefect_concurrency_limit sets it right"


@dataclasses.dataclass(frozen=True)
class Guard:
    """What has to be done before the first run.

    :param missing: whether the global limit has to be created.
    """

    name: str
    value: int
    missing: bool

    def diff(self) -> list[dict[str, t.Any]]:
        """The creation of the global limit, if there is any."""
        if not self.missing:
            return []
        return [ansible_diff(f"global concurrency limit {self.name!r}", None, {"name": self.name, "limit": self.value})]


def look(session: Session, settings: Settings, deployment: Row, title: str) -> Guard:
    """Check the deployment's own limit and the global one.

    A deployment that is paused is no hindrance: that stops its schedule, and a backfill's is inactive by its manifest.

    :raises CollectionError: when one of them does not hold what was asked for, with the remedy.
    """
    _check_own(settings, deployment, title)
    name = checked_name("global concurrency limit", settings.limit_name)
    row = session.get_or_none(f"/v2/concurrency_limits/{quote(name)}")
    guard = Guard(name, settings.limit_value, row is None)
    if row is not None:
        _check_global(guard, settings, row)
    return guard


def check_declared(manifest: Manifest, deployment: Row, title: str) -> None:
    """Hold the deployment against its manifest: its limit, what becomes of a run without a slot, and every parameter
    that the manifest declares.

    :raises CollectionError: when one of them is another, with the remedy.
    """
    declared = manifest.concurrency_limit
    live = (deployment.get("global_concurrency_limit") or {}).get("limit")
    if declared is not None and live != declared:
        raise CollectionError(
            f"Deployment {title!r} lets {live if live is not None else 'any number'} run at once, and its manifest "
            f"declares {declared}; {RESTORE}."
        )
    options = manifest.concurrency_options
    strategy = (deployment.get("concurrency_options") or {}).get("collision_strategy") or ENQUEUE
    if options is not None and strategy != options.collision_strategy:
        raise CollectionError(
            f"Deployment {title!r} has the collision_strategy {strategy}, and its manifest declares "
            f"{options.collision_strategy}; {RESTORE}."
        )
    changes = field_changes(deployment.get("parameters") or {}, manifest.parameters or {})
    if changes:
        told = listed(_told(name, change["before"], change["after"]) for name, change in changes.items())
        raise CollectionError(
            f"Deployment {title!r} has other parameters than its manifest declares: {told}; {RESTORE}."
        )


def _told(name: str, live: t.Any, declared: t.Any) -> str:
    if isinstance(live, (dict, list)) or isinstance(declared, (dict, list)):
        return f"{name} differs"
    return f"{name} is {json.dumps(live)} instead of {json.dumps(declared)}"


def make(session: Session, guard: Guard, settings: Settings) -> bool:
    """Create the global limit where it is missing, and say whether this was done; another backfill may be faster.

    :raises CollectionError: when somebody else created it meanwhile, with another value.
    """
    if not guard.missing:
        return False
    path = f"/v2/concurrency_limits/{quote(guard.name)}"
    body = {"name": guard.name, "limit": guard.value, "active": True, "slot_decay_per_second": 0.0}
    made = True
    try:
        session.write("POST", "/v2/concurrency_limits/", body, settle=lambda: session.get_or_none(path))
    except Conflict:
        made = False
    _check_global(guard, settings, session.get(path))
    return made


def _check_own(settings: Settings, deployment: Row, title: str) -> None:
    limit = deployment.get("global_concurrency_limit")
    if limit is None:
        raise CollectionError(
            f"Deployment {title!r} has no concurrency limit, so nothing would hold its runs; {RESTORE}."
        )
    remedy = RESTORE if limit["name"] == own_limit_name(deployment) else _SHARED
    if not limit["active"]:
        raise CollectionError(
            f"The concurrency limit of deployment {title!r} is switched off, so nothing would hold its runs; {remedy}."
        )
    if limit["slot_decay_per_second"]:
        raise CollectionError(
            f"The concurrency limit of deployment {title!r} gives {limit['slot_decay_per_second']:g} slots a second "
            f"back by itself, so it holds nothing; allowed is 0; {remedy}."
        )
    if limit["limit"] < settings.at_once:
        raise CollectionError(
            f"concurrency_limit is {settings.concurrency_limit}, but deployment {title!r} lets only {limit['limit']} "
            f"run at once: ask for less, or, where somebody lowered it, {RESTORE}."
        )
    declared = settings.declared_limit
    if declared is not None and limit["limit"] > max(1, declared):
        raise CollectionError(
            f"Deployment {title!r} lets {limit['limit']} run at once, but declares {declared} in its parameter "
            f"concurrency_limit; {RESTORE}."
        )


def _check_global(guard: Guard, settings: Settings, row: Row) -> None:
    what = f"Global concurrency limit {guard.name!r} (key {settings.concurrency_key!r})"
    if not row["active"]:
        raise CollectionError(f"{what} is switched off, so nothing would hold the runs; {RESTORE}.")
    if row["limit"] != guard.value:
        raise CollectionError(f"{what} is {row['limit']}, and {guard.value} is declared; {RESTORE}.")
    if row["slot_decay_per_second"]:
        raise CollectionError(
            f"{what} gives {row['slot_decay_per_second']:g} slots a second back by itself, so it holds nothing; "
            f"allowed is 0; {RESTORE}."
        )
