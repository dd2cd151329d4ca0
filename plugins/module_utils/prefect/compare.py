# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares what is wanted with what the server has, and shows the difference."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import MASK, mask

Fields = t.Mapping[str, t.Any]
FieldChange = dict[str, t.Any]

_CHANGED_SECRET = "(secret, changed)"
_ABSENT = object()


def same(left: t.Any, right: t.Any) -> bool:
    """Deep equality of JSON values that keeps 1, 1.0 and true apart, which Python's own does not."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    return type(left) is type(right) and left == right


def differing(before: Fields, after: Fields) -> dict[str, t.Any]:
    """The wanted values that the server does not have yet; only keys of ``after`` are looked at."""
    return {key: value for key, value in after.items() if key not in before or not same(before[key], value)}


def field_changes(before: Fields, after: Fields) -> dict[str, FieldChange]:
    """``{field: {"before": ..., "after": ...}}`` for each wanted field that differs, secrets hidden."""
    changes = {}
    for key, value in differing(before, after).items():
        shown_before, shown_after = _masked_pair({key: before.get(key)}, {key: value})
        changes[key] = {"before": shown_before[key], "after": shown_after[key]}
    return changes


def ansible_diff(what: str, before: Fields | None, after: Fields | None) -> dict[str, t.Any]:
    """One entry of Ansible's diff; None stands for an object that is not there. Secrets are hidden.

    A field that only ``before`` has is not shown: it is not managed.
    """
    if before is not None and after is not None:
        shown_before, shown_after = _masked_pair({key: before.get(key) for key in after}, dict(after))
    else:
        shown_before, shown_after = mask(dict(before or {})), mask(dict(after or {}))
    return {"before_header": what, "after_header": what, "before": shown_before, "after": shown_after}


def _masked_pair(before: t.Any, after: t.Any) -> tuple[t.Any, t.Any]:
    return mask(before), _mark_changed_secrets(mask(after), before, after)


def _mark_changed_secrets(shown: t.Any, before: t.Any, after: t.Any) -> t.Any:
    """A secret that changes must not look unchanged just because both values are hidden."""
    if isinstance(shown, dict):
        earlier = before if isinstance(before, dict) else {}
        return {key: _mark_changed_secrets(item, earlier.get(key, _ABSENT), after[key]) for key, item in shown.items()}
    if isinstance(shown, list):
        same_length = isinstance(before, list) and len(before) == len(after)
        return [
            _mark_changed_secrets(item, before[index] if same_length else _ABSENT, after[index])
            for index, item in enumerate(shown)
        ]
    if isinstance(shown, str) and not same(shown, after) and not same(before, after):
        return shown.replace(MASK, _CHANGED_SECRET)
    return shown
