# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that no single field can tell: values that JSON cannot hold, and fields that need or exclude each other.

They read the plain document, so that all of them are reported at once, also beside fields of a wrong type, which the
model refuses by itself and which they pass over.
"""

from __future__ import annotations

import json
import math
import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.manifests import schedule
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.problems import Path, shown
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party import json_schema_fault

MAX_PARAMETER_BYTES = 512 * 1024

_MAX_DEPTH = 64
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")
_LIMIT_KINDS = ("concurrency_limit", "global_concurrency_limit")
_BOUNDS = ("min", "max", "equals")


class Fault(t.NamedTuple):
    """Something that a rule refuses.

    :param allowed: what may stand at the path.
    :param found: a text instead of the value that stands there.
    """

    path: Path
    allowed: str
    found: str | None = None


def faults(document: t.Mapping[str, t.Any]) -> t.Iterator[Fault]:
    """Everything in a manifest's plain document that a rule refuses."""
    unwritable = list(_not_json(document, (), set()))
    yield from unwritable
    yield from _work_queue(document)
    yield from _limits(document)
    yield from _labels(document)
    yield from _schedules(document)
    yield from _rehearsal(document)
    if not unwritable:
        yield from _sizes(document)
        yield from _parameter_schema(document)


def _not_json(value: t.Any, path: Path, parents: set[int]) -> t.Iterator[Fault]:
    if isinstance(value, str):
        if _UNWRITABLE.search(value):
            yield Fault(path, "text without NUL characters and lone surrogates, which the server cannot store")
    elif value is None or isinstance(value, (bool, int)):
        return
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield Fault(path, "a finite number: JSON has no NaN and no infinity")
    elif isinstance(value, (dict, list, tuple)):
        if len(path) >= _MAX_DEPTH or id(value) in parents:
            yield Fault(path, f"at most {_MAX_DEPTH} levels of nesting", "a deeper mapping or list")
            return
        parents.add(id(value))
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(value, dict) and not isinstance(key, str):
                yield Fault(path, "keys that are text", f"the key {shown(key)}")
            elif isinstance(key, str) and _UNWRITABLE.search(key):
                yield Fault(path, "keys without NUL characters and lone surrogates", f"the key {shown(key)}")
            else:
                yield from _not_json(child, (*path, key), parents)
        parents.discard(id(value))
    else:
        yield Fault(path, "text, numbers, true, false, null, lists and mappings")


def _work_queue(document: t.Mapping[str, t.Any]) -> t.Iterator[Fault]:
    if document.get("work_queue") is not None and document.get("work_pool") is None:
        yield Fault(("work_queue",), "work_queue together with work_pool: alone it would move the deployment")


def _limits(document: t.Mapping[str, t.Any]) -> t.Iterator[Fault]:
    own, shared = (document.get(name) is not None for name in _LIMIT_KINDS)
    if own and shared:
        yield Fault(("global_concurrency_limit",), " or ".join(_LIMIT_KINDS), "both kinds of limit")
    if document.get("concurrency_options") is not None and not own and not shared:
        yield Fault(("concurrency_options",), f"concurrency_options together with {' or '.join(_LIMIT_KINDS)}")
    name = document.get("global_concurrency_limit")
    if isinstance(name, str) and name.startswith(("deployment:", "tag:")):
        yield Fault(("global_concurrency_limit",), "a limit that is not the server's own (deployment:..., tag:...)")


def _labels(document: t.Mapping[str, t.Any]) -> t.Iterator[Fault]:
    labels = document.get("labels")
    for key in labels if isinstance(labels, dict) else ():
        if isinstance(key, str) and key.startswith("prefect."):
            yield Fault(("labels", key), "labels without the prefix prefect., which the server keeps for itself")


def _schedules(document: t.Mapping[str, t.Any]) -> t.Iterator[Fault]:
    single, several = document.get("schedule"), document.get("schedules")
    if single is not None and several is not None:
        yield Fault(("schedules",), "schedule or schedules", "both")
    if isinstance(single, dict):
        yield from _schedule(single, ("schedule",))
    slugs: set[str] = set()
    for index, entry in enumerate(several) if isinstance(several, (list, tuple)) else ():
        if not isinstance(entry, dict):
            continue
        yield from _schedule(entry, ("schedules", index))
        slug = entry.get("slug")
        if isinstance(slug, str):
            if slug in slugs:
                yield Fault(("schedules", index, "slug"), "a slug that no other schedule of the deployment has")
            slugs.add(slug)


def _schedule(entry: t.Mapping[str, t.Any], path: Path) -> t.Iterator[Fault]:
    for inner, allowed in schedule.check(entry):
        yield Fault((*path, *inner), allowed)


def _rehearsal(document: t.Mapping[str, t.Any]) -> t.Iterator[Fault]:
    rehearsal = document.get("rehearsal")
    expect = rehearsal.get("expect") if isinstance(rehearsal, dict) else None
    for field, expectation in expect.items() if isinstance(expect, dict) else ():
        if not isinstance(expectation, dict):
            continue
        path = ("rehearsal", "expect", field)
        if all(expectation.get(bound) is None for bound in _BOUNDS):
            yield Fault(path, f"at least one of {', '.join(_BOUNDS)}")
        low, high = expectation.get("min"), expectation.get("max")
        if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low > high:
            yield Fault((*path, "max"), "a max that is not below min")


def _parameter_schema(document: t.Mapping[str, t.Any]) -> t.Iterator[Fault]:
    schema = document.get("parameter_openapi_schema")
    fault = json_schema_fault(schema) if isinstance(schema, dict) else None
    if fault is not None:
        path, allowed = fault
        yield Fault(("parameter_openapi_schema", *path), allowed)


def _sizes(document: t.Mapping[str, t.Any]) -> t.Iterator[Fault]:
    several = document.get("schedules")
    holders: list[tuple[Path, t.Any]] = [((), document), (("rehearsal",), document.get("rehearsal"))]
    holders += (
        [(("schedules", index), entry) for index, entry in enumerate(several)]
        if isinstance(several, (list, tuple))
        else []
    )
    for path, holder in holders:
        parameters = holder.get("parameters") if isinstance(holder, dict) else None
        if not isinstance(parameters, dict):
            continue
        size = len(json.dumps(parameters, separators=(",", ":")))
        if size > MAX_PARAMETER_BYTES:
            yield Fault((*path, "parameters"), f"at most {MAX_PARAMETER_BYTES} bytes as JSON", f"{size} bytes")
