# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared differences: a deployment that goes on from another date than its manifest says, and says so itself.

The date is in the deployment's parameters. Who set it, when, and what was there before is in its labels, which the
server keeps with it and copies onto its runs. Anything else that differs is drift, and nothing here hides it.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import same
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.deployments import Row, Wanted

PREFIX = "hotpass.prefect/resumed-"
_PARTS = ("since", "by", "at", "before")

Fate = t.Literal["reset", "keep"]


@dataclasses.dataclass(frozen=True)
class Resumed:
    """A deployment's word that its runs go on from a date.

    :param since: the date, as the parameter ``since`` has it.
    :param by: who said so.
    :param at: when, as an ISO 8601 time.
    :param before: the parameters that it set, as they were; one that was not there is not in it.
    """

    since: str
    by: str
    at: str
    before: t.Mapping[str, t.Any]

    @property
    def values(self) -> dict[str, t.Any]:
        """The parameters that it stands for."""
        return values(self.since)

    def labels(self) -> dict[str, str]:
        """The labels that carry it."""
        parts = (self.since, self.by, self.at, json.dumps(dict(self.before), sort_keys=True))
        return {f"{PREFIX}{name}": part for name, part in zip(_PARTS, parts, strict=True)}


@dataclasses.dataclass(frozen=True)
class Difference:
    """One field whose value is declared to be another than the manifest's.

    :param value: what the server has.
    :param manifest: what the manifest says; None also where it says nothing.
    """

    field: str
    value: t.Any
    manifest: t.Any
    by: str
    at: str

    def sentence(self) -> str:
        """The difference for people."""
        found, said = (json.dumps(value) for value in (self.value, self.manifest))
        return f"{self.field} is {found} where the manifest says {said}, declared by {self.by} at {self.at}"


def values(since: str) -> dict[str, t.Any]:
    """The parameters of a run that goes on from a date. The flow takes a date only with ``incremental``."""
    return {"since": since, "incremental": True}


def read(labels: t.Mapping[str, t.Any] | None) -> Resumed | None:
    """What a deployment's labels declare; None when they declare nothing, or not in full."""
    parts = [(labels or {}).get(f"{PREFIX}{name}") for name in _PARTS]
    if not all(isinstance(part, str) and part for part in parts):
        return None
    since, by, at, text = (str(part) for part in parts)
    try:
        before = json.loads(text)
    except ValueError:
        return None
    if not isinstance(before, dict) or before.keys() - values(since).keys():
        return None
    return Resumed(since, by, at, before)


def without(labels: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The labels that have nothing to do with it."""
    return {key: value for key, value in labels.items() if not key.startswith(PREFIX)}


def kept(wanted: Wanted, row: Row | None) -> Wanted:
    """The wanted deployment with what the server's one declares laid over it, so that the rest alone can differ."""
    resumed = read((row or {}).get("labels"))
    if resumed is None or "parameters" not in wanted.fields:
        return wanted
    fields = {**wanted.fields, "parameters": {**(wanted.fields["parameters"] or {}), **resumed.values}}
    if wanted.exact_labels:
        own = {key: t.cast("Row", row)["labels"][key] for key in resumed.labels()}
        fields["labels"] = {**(wanted.fields.get("labels") or {}), **own}
    return dataclasses.replace(wanted, fields=fields)


def differences(wanted: Wanted, row: Row | None) -> tuple[Difference, ...]:
    """What of the server's deployment differs from the wanted one by declaration, and still is as it was declared."""
    resumed = read((row or {}).get("labels"))
    if row is None or resumed is None or "parameters" not in wanted.fields:
        return ()
    has, says = row.get("parameters") or {}, wanted.fields["parameters"] or {}
    return tuple(
        Difference(f"parameters.{name}", value, says.get(name), resumed.by, resumed.at)
        for name, value in resumed.values.items()
        if name in has and same(has[name], value) and not (name in says and same(says[name], value))
    )
