# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds a run's summary against what is expected of it. What cannot be judged is never met."""

from __future__ import annotations

import math
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import same

CHECKS = ("min", "max", "equals")


def unmet(summary: t.Mapping[str, t.Any], expected: t.Mapping[str, t.Mapping[str, t.Any]]) -> list[str]:
    """A sentence for every expectation that the summary does not meet.

    :param summary: what the run says of itself, for example ``{"records_out": 812}``.
    :param expected: ``{field: {"min": number, "max": number, "equals": value}}``, at least one of the three per field.
    """
    return [sentence for field, checks in sorted(expected.items()) for sentence in _unmet_field(summary, field, checks)]


def _unmet_field(summary: t.Mapping[str, t.Any], field: str, checks: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    unknown = sorted(set(checks) - set(CHECKS))
    if unknown or not checks:
        asked = ", ".join(unknown) or "nothing in particular"
        yield f"{field} is expected to be {asked}; allowed are min, max and equals."
        return
    if field not in summary:
        yield f"{field} is not in the summary, which has {', '.join(sorted(summary)) or 'nothing'}."
        return
    found = summary[field]
    if "equals" in checks and not _equal(found, checks["equals"]):
        yield f"{field} is {found!r}, expected {checks['equals']!r}."
    if not {"min", "max"} & checks.keys():
        return
    if not _is_number(found):
        yield f"{field} is {found!r}, expected a number."
        return
    if "min" in checks and not found >= checks["min"]:
        yield f"{field} is {found}, expected at least {checks['min']}."
    if "max" in checks and not found <= checks["max"]:
        yield f"{field} is {found}, expected at most {checks['max']}."


def _is_number(value: t.Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _equal(found: t.Any, expected: t.Any) -> bool:
    if _is_number(found) and _is_number(expected):
        return bool(found == expected)
    return same(found, expected)
