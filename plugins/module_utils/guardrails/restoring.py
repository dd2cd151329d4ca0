# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the limits what is declared again, and gives back slots that nobody holds."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.declared import KEY, Declared
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import instant, now, seconds
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.intervals import HOLDING, RETRY
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.leases import leak_seconds
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.report import Bounds
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import (
    concurrency_limits,
    filters,
    reading,
    resource,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import ansible_diff
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.deployments import own_limit_name
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.limit_names import limit_name
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.naming import listed
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.reading import Row
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session, quote
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Outcome

_LIMITS = "/v2/concurrency_limits/"


def restore(
    session: Session, deployment: Row, declared: Declared, reset_slots: bool, bounds: Bounds, check: bool
) -> Outcome:
    """Bring the deployment's own limit and the global one to hold again, active and without decay, the latter with its
    declared value.

    The other values of the deployment, that of its own limit included, are restored by applying its manifest.

    :param reset_slots: also give back the slots that are taken while no run holds one, of the deployment's limit and
        of the global one.
    :param check: only predict.
    :raises CollectionError: when slots are to be given back while runs hold some, or while a lease may still live.
    """
    held = _taken(session, deployment, declared) if reset_slots else []
    if held:
        sharing = _sharing(session, deployment, declared)
        _refuse_while_running(session, sharing)
        _refuse_while_leased(held, declared, sharing, bounds)
    # Before a limit is active again, because from then on runs take slots of it.
    for row in held:
        if not check:
            _give_back(session, row)
    outcome = Outcome(changed=False, result={})
    for returned, target, value in _targets(deployment, declared):
        done: dict[str, t.Any] | None = None
        if target is not None:
            wanted = {"state": "present", "limit": value, "active": True, "slot_decay_per_second": 0.0}
            one = resource.ensure(session, concurrency_limits.KIND, target, wanted, check)
            outcome.changed |= one.changed
            outcome.diff += one.diff
            done = one.result[concurrency_limits.KIND.returned]
        outcome.result[returned] = done
    for row in held:
        outcome.changed = True
        outcome.diff.append(
            ansible_diff(f"slots of {row['name']!r}", {"active_slots": row["active_slots"]}, {"active_slots": 0})
        )
        for shown in outcome.result.values():
            if check and shown is not None and shown["name"] == row["name"]:
                shown["active_slots"] = 0
    outcome.result["slots_reset"] = {row["name"]: row["active_slots"] for row in held}
    return outcome


def _targets(deployment: Row, declared: Declared) -> t.Iterator[tuple[str, resource.Target | None, int | None]]:
    """The limits to restore: the return value that holds each, where it is, and its value where that is restored here.

    A limit that the deployment shares is declared where it is made, and others may want it as it is.
    """
    own = deployment.get("global_concurrency_limit")
    target = None
    if own is not None and own["name"] == own_limit_name(deployment):
        title = f"concurrency limit of deployment {declared.deployment!r}"
        target = resource.Target(title, _LIMITS, _LIMITS + own["id"], {"name": own["name"]})
    yield "deployment_limit", target, None
    target = None
    if declared.concurrency_key is not None:
        name = limit_name(declared.concurrency_key)
        target = resource.Target(f"global concurrency limit {name!r}", _LIMITS, _LIMITS + quote(name), {"name": name})
    yield "concurrency_limit", target, declared.global_limit


def _taken(session: Session, deployment: Row, declared: Declared) -> list[Row]:
    """The limits of the deployment that have slots taken."""
    own = (deployment.get("global_concurrency_limit") or {}).get("id")
    rows: list[Row] = []
    if own is not None:
        rows.append(session.get(_LIMITS + own))
    if declared.concurrency_key is not None:
        shared = session.get_or_none(_LIMITS + quote(limit_name(declared.concurrency_key)))
        if shared is not None and shared["id"] != own:
            rows.append(shared)
    return [row for row in rows if row["active_slots"] > 0]


def _sharing(session: Session, deployment: Row, declared: Declared) -> dict[str, Row]:
    """The deployment, and those with the same limit or key, by their ids."""
    limit = (deployment.get("global_concurrency_limit") or {}).get("id")
    sharing = {deployment["id"]: deployment}
    for row in reading.read_all(session, reading.DEPLOYMENTS, filters.deployments()):
        key = (row.get("parameters") or {}).get(KEY)
        bound = limit is not None and (row["global_concurrency_limit"] or {}).get("id") == limit
        if bound or (key is not None and key == declared.concurrency_key):
            sharing[row["id"]] = row
    return sharing


def _refuse_while_running(session: Session, sharing: t.Collection[str]) -> None:
    """Nothing may run that could hold a slot."""
    ids = sorted(sharing)
    runs = [
        run
        for start in range(0, len(ids), reading.PAGE)
        for run in reading.read_all(
            session,
            reading.FLOW_RUNS,
            filters.flow_runs(deployment_ids=ids[start : start + reading.PAGE], states=sorted({*HOLDING, "SCHEDULED"})),
        )
        # A run that tries again in its process keeps its slot meanwhile, and renewing a lease writes no row.
        if run["state_type"] in HOLDING or run["state_name"] == RETRY
    ]
    if runs:
        raise CollectionError(
            f"No slot was given back, because {len(runs)} runs are PENDING, RUNNING, CANCELLING or AwaitingRetry and "
            f"may hold one: {listed(run['name'] for run in runs)}; wait for their end, or cancel them."
        )


def _refuse_while_leased(
    held: t.Sequence[Row], declared: Declared, sharing: t.Mapping[str, Row], bounds: Bounds
) -> None:
    """A slot whose lease still lives is given back by the server, which would then give back a second one."""
    key = None if declared.concurrency_key is None else limit_name(declared.concurrency_key)
    for row in held:
        # Runs lease the slots of a key themselves, for as long as their parameters say.
        told = [one.get("parameters") for one in sharing.values()] if row["name"] == key else []
        lives = leak_seconds(bounds.leak_seconds, told)
        age = seconds(now() - instant(row["updated"], f"updated of {row['name']}"))
        if age <= lives:
            raise CollectionError(
                f"No slot of {row['name']!r} was given back, because one was taken or freed {max(0.0, age):.0f} s ago "
                f"and the server may still free more itself; wait until {lives:g} s have gone by "
                "(leak_seconds of bounds, or 30 s more than base_config.slot.lease_seconds of the key's deployments)."
            )


def _give_back(session: Session, row: Row) -> None:
    """Take off what was leaked, and no more: a run that took a slot meanwhile keeps it."""
    path = _LIMITS + row["id"]

    def settle() -> Row | None:
        now_: Row = session.get(path)
        return now_ if now_["active_slots"] < row["active_slots"] else None

    if not row["active"]:
        # The server takes nothing off a limit that is not active, and gives nobody a slot of it either.
        session.write("PATCH", path, {"active_slots": 0})
    else:
        session.write(
            "POST", f"{_LIMITS}decrement", {"names": [row["name"]], "slots": row["active_slots"]}, settle=settle
        )
    after = session.get(path)["active_slots"]
    if after >= row["active_slots"]:
        raise CollectionError(
            f"The server took the slots of {row['name']!r} back but counts {after} as taken: new runs took them at the "
            "same time; look at the runs and try again."
        )
