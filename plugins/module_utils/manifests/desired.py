# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a manifest says to what the server shall have."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.flow_code import FlowCode
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.model import Manifest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.deployments import DEFAULTS, OWNER_LABEL, Wanted
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.schedules import Schedule

_COPIED = (
    "description",
    "version",
    "path",
    "tags",
    "parameters",
    "job_variables",
    "pull_steps",
    "enforce_parameter_schema",
    "work_pool",
    "work_queue",
    "concurrency_limit",
    "global_concurrency_limit",
)


_LIMITS = ("concurrency_limit", "global_concurrency_limit")


def flow_name_of(manifest: Manifest, code: FlowCode | None) -> str:
    """The flow's name on the server: as the manifest says, else as the code does.

    :raises CollectionError: when neither does. A guess would make another deployment beside the one that is meant.
    """
    name = manifest.flow_name or (code.name if code else None)
    if not name:
        raise CollectionError(
            f"{manifest.id}: the flow's name on the server is not known; give flow_python and flow_path, "
            "so that the code can be asked, or declare flow_name."
        )
    return name


def from_manifest(manifest: Manifest, code: FlowCode | None, owner: str | None) -> Wanted:
    """The deployment that a manifest describes as a whole: what it does not name goes back to Prefect's default.

    Left alone, unless declared: ``paused`` and a schedule's ``active``, which people toggle in the UI, and the
    parameter schema when the code could not be asked for it.
    """
    return _wanted(manifest, code, owner, {**DEFAULTS, **_given(manifest, _COPIED)}, whole=True)


def from_options(manifest: Manifest, code: FlowCode | None, owner: str | None, unset: t.Collection[str]) -> Wanted:
    """The deployment that a task's options describe: only what they name is managed."""
    named = _given(manifest, [name for name in _COPIED if name in manifest.declared])
    if "work_pool" in named and "work_queue" not in named:
        named["work_queue"] = None
    if named.keys() & _LIMITS:
        # A deployment has one limit or the other, so naming either decides on both.
        named = {**dict.fromkeys(_LIMITS), **named}
    return _wanted(manifest, code, owner, {**named, **dict.fromkeys(unset)}, whole=False)


def _given(manifest: Manifest, names: t.Iterable[str]) -> dict[str, t.Any]:
    return {name: getattr(manifest, name) for name in names}


def _wanted(
    manifest: Manifest, code: FlowCode | None, owner: str | None, fields: dict[str, t.Any], whole: bool
) -> Wanted:
    if manifest.concurrency_options is not None:
        fields["concurrency_options"] = manifest.concurrency_options.model_dump()
    entrypoint = manifest.entrypoint or (code.entrypoint if code else None) or _conventional_entrypoint(manifest.flow)
    if whole or manifest.entrypoint:
        fields["entrypoint"] = entrypoint
    if manifest.parameter_openapi_schema is not None:
        fields["parameter_openapi_schema"] = manifest.parameter_openapi_schema
    elif code is not None:
        fields["parameter_openapi_schema"] = code.parameter_openapi_schema
    paused = manifest.effective_paused()
    if paused is not None:
        fields["paused"] = paused
    labels = dict(manifest.labels)
    if owner is not None:
        labels[OWNER_LABEL] = owner
    if whole or labels:
        fields["labels"] = labels
    schedules = None
    if whole or {"schedule", "schedules"} & manifest.declared:
        schedules = tuple(
            Schedule(
                slug=schedule.slug,
                kind=schedule.kind,
                value=schedule.value,
                timezone=schedule.timezone,
                anchor_date=schedule.anchor_date,
                day_or=schedule.day_or,
                active=schedule.active,
                parameters=schedule.parameters,
                max_scheduled_runs=schedule.max_scheduled_runs,
            )
            for schedule in manifest.all_schedules()
        )
    return Wanted(
        flow_name=flow_name_of(manifest, code),
        name=manifest.name,
        fields=fields,
        schedules=schedules,
        exact_labels=whole,
        on_create={} if "entrypoint" in fields else {"entrypoint": entrypoint},
    )


def _conventional_entrypoint(flow: str | None) -> str | None:
    """``package.module:function`` as the file that Python would look for it in."""
    if not flow:
        return None
    module, _colon, function = flow.partition(":")
    return f"{module.replace('.', '/')}.py:{function}"
