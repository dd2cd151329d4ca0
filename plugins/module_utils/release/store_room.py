# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The room of ``hotpass_store``: check a store, copy a release to another, remove what nothing needs."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import check_digest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import Store, StoreError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_copy import copy
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_options import (
    STORE_SPEC,
    TARGET_SPEC,
    store_from_params,
    target_from_params,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome, Spec

STORE_MODULE_SPEC = (
    STORE_SPEC
    + TARGET_SPEC
    + Spec(
        options={
            "state": {"type": "str", "choices": ["verified", "copied", "collected"], "default": "verified"},
            "release": {"type": "str"},
            "keep": {"type": "list", "elements": "str", "no_log": False},
            "min_age": {"type": "int", "default": 3600},
        },
        required_if=(
            ("state", "copied", ("release", "to")),
            ("state", "collected", ("keep",)),
        ),
    )
)

_BELONGS = {"release": "copied", "to": "copied", "keep": "collected"}


def manage(params: dict[str, t.Any], context: Context) -> Outcome:
    """Bring a store into a state, or see that it is.

    :raises StoreError: when the store is bad, or cannot be used.
    """
    for option, state in _BELONGS.items():
        if params.get(option) is not None and params["state"] != state:
            raise StoreError(f"{option} is only for state={state}, and the state is {params['state']}.")
    with contextlib.closing(store_from_params(params)) as store:
        return _WORKS[params["state"]](store, params, context)


def _verify(store: Store, _params: t.Mapping[str, t.Any], _context: Context) -> Outcome:
    report = store.verify()
    findings = [finding.to_json() for finding in report.findings]
    counts = {"releases": report.releases, "attachments": report.attachments, "blobs": report.blobs}
    result = {"counts": counts, "size": report.size, "findings": findings}
    bad = [finding for finding in report.findings if finding.bad]
    if bad:
        first = bad[0]
        more = f", and {len(bad) - 1} more in findings" if len(bad) > 1 else ""
        raise StoreError(
            f"The store {store.address} is not as it should be: {first.name} is {first.problem} "
            f"({first.detail}){more}; copy what is bad from a store that has it.",
            **result,
        )
    return Outcome(changed=False, result=result)


def _copy(store: Store, params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    with contextlib.closing(target_from_params(params)) as target:
        copied = copy(store, target, params["release"], check=context.check)
    before = sorted(copied.present)
    outcome = Outcome(
        changed=bool(copied.written),
        result={
            "release": copied.release,
            "written": list(copied.written),
            "present": before,
            "attachments": copied.attachments,
            "size": copied.size,
        },
    )
    if copied.written:
        outcome.diff = [_diff(target.address, before, sorted([*before, *copied.written]))]
    return outcome


def _collect(store: Store, params: t.Mapping[str, t.Any], context: Context) -> Outcome:
    if params["min_age"] < 0:
        raise StoreError(f"min_age is {params['min_age']}; it must be 0 seconds or more.")
    keep = [check_digest(digest, "A digest in keep") for digest in params["keep"]]
    garbage = store.collect_garbage(keep, check=context.check, min_age=params["min_age"])
    removed = {
        "releases": list(garbage.releases),
        "attachments": list(garbage.attachments),
        "blobs": list(garbage.blobs),
        "files": list(garbage.files),
    }
    outcome = Outcome(
        changed=bool(garbage.removed or garbage.marked),
        result={
            "removed": removed,
            "waiting": list(garbage.waiting),
            "marked": list(garbage.marked),
            "size": garbage.size,
        },
    )
    if outcome.changed:
        going = [f"{kind} {name}" for kind, names in removed.items() for name in names]
        marked = [f"releases {digest}" for digest in garbage.marked]
        outcome.diff = [_diff(store.address, going + marked, [f"{line} (marked as unneeded)" for line in marked])]
    return outcome


def _diff(address: str, before: t.Sequence[str], after: t.Sequence[str]) -> dict[str, t.Any]:
    header = {"before_header": address, "after_header": address}
    return {
        **header,
        "before": "".join(f"{line}\n" for line in before),
        "after": "".join(f"{line}\n" for line in after),
    }


_WORKS: dict[str, t.Callable[[Store, t.Mapping[str, t.Any], Context], Outcome]] = {
    "verified": _verify,
    "copied": _copy,
    "collected": _collect,
}
