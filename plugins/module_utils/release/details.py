# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ``detail`` of each kind of record holds, and the checks of it.

Further keys are allowed, except in a checkpoint: a promotion writes down there what it saw and did.
"""

from __future__ import annotations

import datetime
import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import is_digest

_UTC = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|\+00:00)")
Check = t.Callable[[t.Any], bool]


def is_utc(value: t.Any) -> bool:
    """Whether a value is a moment in ISO 8601 that says it is UTC."""
    if not isinstance(value, str) or not _UTC.fullmatch(value):
        return False
    try:
        datetime.datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_text(value: t.Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_count(value: t.Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_object(value: t.Any) -> bool:
    return isinstance(value, dict) and bool(value)


_TEXT = (_is_text, "text")
_COUNT = (_is_count, "a whole number from 1 on")
_OBJECT = (_is_object, "a JSON object")
_DIGEST = (is_digest, "sha256: and 64 hexadecimal digits")

_REQUIRED: t.Final[dict[str, dict[str, tuple[Check, str]]]] = {
    "permit": {
        "purpose": _TEXT,
        "tag": _TEXT,
        "max_runs": _COUNT,
        "expires": (is_utc, "a moment in UTC such as 2026-01-31T10:20:30Z"),
    },
    "approval": {
        "decision": (lambda value: value in ("approve", "reject"), "approve or reject"),
        "envelope": _OBJECT,
    },
    "veto": {"reason": _TEXT},
    "hold": {"held": (lambda value: isinstance(value, bool), "true or false"), "reason": _TEXT},
    "checkpoint": {
        "through": _COUNT,
        "digest": _DIGEST,
        "segment": _DIGEST,
        "part": _COUNT,
        "parts": _COUNT,
        "summary": _OBJECT,
    },
}
_OPTIONAL: t.Final[dict[str, dict[str, tuple[Check, str]]]] = {
    "transition": {"rolls_back": _COUNT},
    "veto": {"envelope": _OBJECT},
}


def check_detail(event: str, detail: t.Any) -> None:
    """Check what the record of an event says.

    :raises CollectionError: naming the key that is missing or is not what it must be.
    """
    if not isinstance(detail, dict):
        raise CollectionError(f"The detail of a record must be a JSON object, not {type(detail).__name__}.")
    required = _REQUIRED.get(event, {})
    for key, (check, what) in {**required, **_OPTIONAL.get(event, {})}.items():
        if key not in detail and key not in required:
            continue
        if not check(detail.get(key)):
            raise CollectionError(
                f"The {key} of a record of {event} is {str(detail.get(key))[:100]!r}; it must be {what}."
            )
    if event == "checkpoint":
        unknown = detail.keys() - required.keys()
        if unknown or detail["part"] > detail["parts"]:
            raise CollectionError(
                f"A checkpoint is part {detail['part']} of {detail['parts']}"
                f"{' with the unknown key ' + ', '.join(sorted(unknown)) if unknown else ''}, which cannot be."
            )
