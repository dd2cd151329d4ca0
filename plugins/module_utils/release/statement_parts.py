# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What statements are put together from: who acts, moments, and the frame that all have in common."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import check_digest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.predicates import STATEMENT_TYPE, Malformed, check

Moment = t.Union[datetime.datetime, str]  # noqa: UP007  ansible-test's pylint refuses | outside annotations

# The fields of the ledger's Actor, and what statements call them.
_FIELDS = {"name": "name", "key_id": "keyId", "user": "user", "job": "job"}


class Actor(t.Protocol):
    """Somebody who acts, as the ledger has them."""

    @property
    def name(self) -> str: ...

    @property
    def key_id(self) -> str | None: ...

    @property
    def user(self) -> str | None: ...

    @property
    def job(self) -> str | None: ...


Who = t.Union[Actor, t.Mapping[str, t.Any]]  # noqa: UP007  ansible-test's pylint refuses | outside annotations


def described(who: Who) -> dict[str, t.Any]:
    """Somebody as statements write them: ``name``, and ``keyId``, ``user`` and ``job`` where they are known.

    Another field of a mapping is kept, for the statement's schema to refuse.
    """
    said = dict(who) if isinstance(who, t.Mapping) else {field: getattr(who, field) for field in _FIELDS}
    return {_FIELDS.get(field, field): value for field, value in said.items() if value is not None}


def instant(moment: Moment, what: str = "The moment") -> str:
    """A moment as statements have it: UTC, microseconds, ``Z``.

    :raises Malformed: for a text that is none, or a moment without a time zone.
    """
    try:
        found = datetime.datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        if found.tzinfo is None:
            raise ValueError
        return found.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise Malformed(
            f"{what} is {str(moment)[:60]!r}; allowed is a moment in ISO-8601 with its time zone."
        ) from None


def compose(predicate_type: str, release: str, solution: str, predicate: dict[str, t.Any]) -> dict[str, t.Any]:
    """A statement about a release, checked.

    :raises Malformed: for a value that no such statement may hold.
    """
    digest = check_digest(release, "The release of the statement").removeprefix("sha256:")
    return check(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": solution, "digest": {"sha256": digest}}],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )
