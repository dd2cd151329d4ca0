# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares released versions, such as ``3.8.8`` with ``>=3.8,<4``."""

from __future__ import annotations

import operator
import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

_VERSION = re.compile(r"v?(\d+(?:\.\d+)*)((?:a|b|rc|\.?dev|\.?post)\d+)?(?:\+.*)?")
_CONDITION = re.compile(r"(==|!=|>=|<=|>|<)?\s*(\d+(?:\.\d+)*)")
_COMPARE: dict[str, t.Callable[[t.Any, t.Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def parse_version(text: str) -> tuple[tuple[int, ...], str]:
    """The numbers of a version without trailing zeros, and what marks it as a pre- or post-release.

    :raises CollectionError: when the text is no version.
    """
    match = _VERSION.fullmatch(text.strip())
    if match is None:
        raise CollectionError(f"{text!r} is no version such as 3.8.8.")
    return _numbers(match[1]), match[2] or ""


def satisfies(version: str, wanted: str) -> bool:
    """Whether a version meets every condition of ``wanted``; a bare version means exactly that one.

    A pre-release counts as its release, except that a bare version or ``==`` wants the release itself.

    :raises CollectionError: when either text cannot be read.
    """
    numbers, suffix = parse_version(version)
    results = []
    for condition in wanted.split(","):
        match = _CONDITION.fullmatch(condition.strip())
        if match is None:
            raise CollectionError(f"version is {wanted!r}; allowed are forms such as 3.8.8 and >=3.8,<4.")
        sign = match[1] or "=="
        results.append(_COMPARE[sign](numbers, _numbers(match[2])) and not (sign == "==" and suffix))
    return all(results)


def _numbers(text: str) -> tuple[int, ...]:
    numbers = [int(part) for part in text.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
