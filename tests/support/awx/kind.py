# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a kind of object in AWX."""

from __future__ import annotations

import dataclasses
import typing as t

from tests.support.awx.fields import Field, link, name, text

UNIFIED: t.Final = "unified_job_templates"
NOTICES: t.Final = {
    f"notification_templates_{moment}": "notification_templates" for moment in ("started", "success", "error")
}
APPROVALS: t.Final = {**NOTICES, "notification_templates_approvals": "notification_templates"}
ENVIRONMENT: t.Final = link("execution_environments")


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of object.

    :ivar path: its collection in the API; ``type`` is what an object says it is; ``label`` how messages call it.
    :ivar unique: groups of fields that no two objects may share.
    :ivar soft: uniqueness is checked the way AWX does for what can be run, which words its message otherwise.
    :ivar named: the fields that make its named URL.
    :ivar associations: sub-collection to attach to, and the collection its members are in.
    :ivar roles: the roles that can be granted on it.
    :ivar read_only: fields that are shown, and ignored where they are sent.
    :ivar no: methods that AWX does not allow on it.
    """

    path: str
    type: str
    label: str
    fields: t.Mapping[str, Field]
    unique: tuple[tuple[str, ...], ...] = (("name",),)
    soft: bool = False
    named: tuple[str, ...] = ("name",)
    associations: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    roles: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    no: tuple[str, ...] = ()


def described(**fields: Field) -> dict[str, Field]:
    """The fields of a kind that has a name and a description."""
    return {"name": name(), "description": text(None), **fields}
