# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is what the server has what is declared? The values of the guardrails, not whether they hold."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import remedies
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.declared import (
    ENQUEUE,
    GUARDED,
    Declared,
    at_path,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import instant, written
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.report import FAIL, PASS, Check
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.sampling import (
    DEPLOYMENT,
    GLOBAL,
    WORK_POOL,
    WORK_QUEUE,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.scene import Scene
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import same
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.limit_names import limit_name

Row = t.Mapping[str, t.Any]


def check_declared(deployment: Row, sample: Row, declared: Declared) -> list[Check]:
    """Hold the deployment and the last reading of the limits against what is declared.

    :raises CollectionError: for documents that cannot be read.
    """
    try:
        return [
            _deployment(deployment, declared),
            *_own_limit(deployment, sample[DEPLOYMENT], declared),
            *_parameters(deployment, declared),
            *_global_limit(sample[GLOBAL], declared),
            _place(WORK_POOL, deployment["work_pool_name"], declared.work_pool),
            # A manifest that names no queue means the default one of the pool.
            _place(WORK_QUEUE, deployment["work_queue_name"], declared.work_queue or _default(declared)),
            _place_limit(WORK_POOL, sample[WORK_POOL], declared.work_pool, declared.work_pool_limit),
            _place_limit(WORK_QUEUE, sample[WORK_QUEUE], declared.work_queue, declared.work_queue_limit),
        ]
    except (AttributeError, KeyError, TypeError) as error:
        raise CollectionError(
            f"The deployment or its limits cannot be read ({type(error).__name__}: {error}); they have to be as "
            "Prefect returns them."
        ) from None


def check_throughout(deployment: Row, samples: t.Sequence[Row], scene: Scene, declared: Declared) -> t.Iterator[Check]:
    """Hold every reading within the window against what is declared, so that no limit is raised and put back.

    The last reading belongs to the observation, and counts also where the window ends earlier.

    :raises CollectionError: for documents that cannot be read.
    """
    try:
        taken = sorted((instant(one["at"], "at of a reading"), number) for number, one in enumerate(samples))
        last = len(samples) - 1
        inside = [(at, samples[n]) for at, n in taken if scene.begin <= at <= scene.end or n == last]
        if declared.concurrency_limit is not None:
            name = declared.shared_limit or f"deployment:{deployment['id']}"
            yield _throughout("concurrency_limit", inside, DEPLOYMENT, name, declared.concurrency_limit)
        if declared.concurrency_key is not None:
            yield _throughout(
                "global_limit", inside, GLOBAL, limit_name(declared.concurrency_key), declared.global_limit
            )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CollectionError(
            f"The readings of the limits cannot be read ({type(error).__name__}: {error}); they have to be as sample "
            "takes them."
        ) from None


def _throughout(what: str, inside: t.Sequence[tuple[int, Row]], guardrail: str, name: str, limit: t.Any) -> Check:
    check, allowed = f"declared.{what}.throughout", _described(name, limit, True, 0.0)
    for at, reading in inside:
        row = reading[guardrail]
        if row is None:
            return Check(check, FAIL, f"none at {written(at)}", allowed, remedy=remedies.CHANGED)
        decay = float(row["slot_decay_per_second"])
        if (row["name"], row["limit"], row["active"], decay) != (name, limit, True, 0.0):
            found = _described(row["name"], row["limit"], row["active"], decay)
            return Check(check, FAIL, f"{found} at {written(at)}", allowed, remedy=remedies.CHANGED)
    return Check(check, PASS, f"the same in {len(inside)} reading{'' if len(inside) == 1 else 's'}", allowed)


def _described(name: str, limit: t.Any, active: t.Any, decay: float) -> str:
    return f"{name} with {limit} slots, {'active' if active is True else 'not active'}, decay {decay:g}"


def _default(declared: Declared) -> str | None:
    return "default" if declared.work_pool is not None else None


def _compared(name: str, found: t.Any, allowed: t.Any, remedy: str = remedies.RESTORE) -> Check:
    held = same(found, allowed)
    return Check(
        f"declared.{name}", PASS if held else FAIL, _shown(found), _shown(allowed), remedy="" if held else remedy
    )


def _shown(value: t.Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _deployment(row: Row, declared: Declared) -> Check:
    found = row["full_name"] if "/" in declared.deployment else row["name"]
    return _compared("deployment", found, declared.deployment, "Observe the deployment that the manifest describes.")


def _own_limit(row: Row, limit: Row | None, declared: Declared) -> t.Iterator[Check]:
    name, value = "concurrency_limit", declared.concurrency_limit
    if value is None:
        yield Check(
            f"declared.{name}",
            FAIL,
            f"the manifest declares none, and the server has {_shown(limit and limit['limit'])}",
            "a limit in the manifest and the same on the server",
            remedy="Declare a concurrency_limit in the manifest, and apply it.",
        )
    else:
        found = None if limit is None else limit["limit"]
        yield _compared(name, found, value, remedies.NO_LIMIT if limit is None else remedies.RESTORE)
    if limit is not None:
        yield _compared(f"{name}.active", limit["active"], True)
        yield _compared(f"{name}.slot_decay_per_second", float(limit["slot_decay_per_second"]), 0.0)
        wanted = declared.shared_limit or f"deployment:{row['id']}"
        yield _compared(f"{name}.name", limit["name"], wanted)
    options = row["concurrency_options"] or {}
    yield _compared("collision_strategy", options.get("collision_strategy") or ENQUEUE, declared.collision_strategy)


def _parameters(row: Row, declared: Declared) -> t.Iterator[Check]:
    for path in GUARDED:
        live = at_path(row["parameters"], path)
        wanted = at_path_of(declared.parameters, path)
        if live or wanted:
            held = len(live) == len(wanted) and all(map(same, live, wanted))
            yield Check(
                f"declared.parameters.{path}",
                PASS if held else FAIL,
                _shown(live[0]) if live else "not there",
                _shown(wanted[0]) if wanted else "not there",
                remedy="" if held else remedies.RESTORE,
            )


def at_path_of(parameters: t.Mapping[str, t.Any], path: str) -> tuple[t.Any, ...]:
    """The declared value of a guarded parameter as a tuple of one; an empty tuple where none is declared."""
    return (parameters[path],) if path in parameters else ()


def _global_limit(limit: Row | None, declared: Declared) -> t.Iterator[Check]:
    if declared.concurrency_key is None:
        return
    name = limit_name(declared.concurrency_key)
    if limit is None:
        yield Check(
            "declared.global_limit",
            FAIL,
            f"there is no global limit {name}",
            _shown(declared.global_limit),
            remedy=remedies.NO_LIMIT,
        )
        return
    yield _compared("global_limit.name", limit["name"], name)
    yield _compared("global_limit", limit["limit"], declared.global_limit)
    yield _compared("global_limit.active", limit["active"], True)
    yield _compared("global_limit.slot_decay_per_second", float(limit["slot_decay_per_second"]), 0.0)


def _place(what: str, found: str | None, declared: str | None) -> Check:
    remedy = "Apply the manifest again, or declare the place where the runs are to go."
    return _compared(what, found, declared, remedy)


def _place_limit(what: str, row: Row | None, declared_place: str | None, declared: int | None) -> Check:
    if row is None and declared_place is not None:
        return Check(
            f"declared.{what}_limit",
            FAIL,
            f"the {what.replace('_', ' ')} is not there",
            _shown(declared),
            remedy="Create it, or apply the manifest again.",
        )
    remedy = f"Set the limit of the {what.replace('_', ' ')} to what is declared, or declare what it is to be."
    return _compared(f"{what}_limit", None if row is None else row["limit"], declared, remedy)
