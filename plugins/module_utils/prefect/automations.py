# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Automations: what the server does by itself when events come, or fail to come."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, reading, resource
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.automation_forms import (
    checked_actions,
    checked_trigger,
    settled_action,
    settled_trigger,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import ansible_diff
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.errors import NotFound
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.naming import listed
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import secrets_in
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome

_ACTIONS = ("actions", "actions_on_trigger", "actions_on_resolve")
_COLLECTION = "/automations/"

KIND = resource.Kind(
    name="automation",
    returned="automation",
    fields=(
        resource.Field("description", "description"),
        resource.Field("enabled", "enabled"),
        resource.Field("tags", "tags"),
        resource.Field("trigger", "trigger", needed=True),
        resource.Field("actions", "actions", needed=True),
        resource.Field("actions_on_trigger", "actions_on_trigger"),
        resource.Field("actions_on_resolve", "actions_on_resolve"),
    ),
    filled_in={
        "description": "",
        "enabled": True,
        "tags": [],
        "trigger": None,
        "actions": [],
        "actions_on_trigger": [],
        "actions_on_resolve": [],
        "created": None,
        "updated": None,
    },
)


def ensure(params: dict[str, t.Any], context: Context) -> Outcome:
    """The room of the module ``prefect_automation``.

    :raises CollectionError: when the state cannot be reached, with a sentence that says why.
    """
    name = params["name"]
    if not name.strip() or not name.isprintable():
        raise CollectionError(f"An automation needs a name without control characters; {name!r} is none.")
    wanted = KIND.wanted(_checked(params)) if params["state"] == "present" else {}
    secrets = secrets_in(wanted)
    try:
        with Session(Connection.from_params(params)) as session:
            outcome = _ensure(session, name, wanted, params["state"], context.check)
    except CollectionError as error:
        error.details["secrets"] = secrets
        raise
    outcome.secrets = secrets
    return outcome


def _checked(params: dict[str, t.Any]) -> dict[str, t.Any]:
    given = dict(params)
    if given["trigger"] is not None:
        given["trigger"] = checked_trigger(given["trigger"])
    for option in _ACTIONS:
        if given[option] is not None:
            given[option] = checked_actions(given[option], option)
    if given["tags"] is not None:
        given["tags"] = sorted(set(given["tags"]))
    return given


def _settled(row: reading.Row) -> reading.Row:
    """The server's row as it is compared, shown and sent back."""
    return {
        **row,
        "tags": sorted(set(row["tags"])),
        "trigger": settled_trigger(row["trigger"]),
        **{key: [settled_action(action) for action in row[key]] for key in _ACTIONS},
    }


def _find(session: Session, name: str) -> reading.Row | None:
    rows = reading.read_all(session, reading.AUTOMATIONS, filters.automations(names=[name]))
    if len(rows) > 1:
        raise CollectionError(
            f"There are {len(rows)} automations named {name!r} ({listed(row['id'] for row in rows)}), and Prefect "
            "keeps them apart by id only: delete or rename all but one."
        )
    return _settled(rows[0]) if rows else None


def _ensure(session: Session, name: str, wanted: dict[str, t.Any], state: str, check: bool) -> Outcome:
    row = _find(session, name)
    if state == "absent":
        return _delete(session, name, row, check)
    if row is None:
        return _create(session, name, wanted, check)
    return _change(session, row, wanted, check)


def _target(name: str, row: reading.Row | None = None) -> resource.Target:
    item = f"{_COLLECTION}{row['id']}" if row else _COLLECTION
    return resource.Target(f"automation {name!r}", _COLLECTION, item, {"name": name})


def _create(session: Session, name: str, wanted: dict[str, t.Any], check: bool) -> Outcome:
    target = _target(name)
    lacking = [field.option for field in KIND.fields if field.needed and field.key not in wanted]
    if lacking:
        raise CollectionError(f"There is no {target.title} yet; to create it, {' and '.join(lacking)} must be given.")
    diff = [ansible_diff(target.title, None, {"name": name, **KIND.shown(wanted)})]
    row: reading.Row = {"name": name, **wanted}
    if not check:
        session.write("POST", _COLLECTION, row, settle=lambda: _find(session, name))
        # By name and not by id: the server lets a rival create the same name at the same time.
        row = _verified(target, _find(session, name), wanted)
    return Outcome(changed=True, result={KIND.returned: KIND.whole(target, row)}, diff=diff)


def _change(session: Session, row: reading.Row, wanted: dict[str, t.Any], check: bool) -> Outcome:
    target = _target(row["name"], row)
    changes = KIND.differing(row, wanted)
    if not changes:
        return Outcome(changed=False, result={KIND.returned: KIND.whole(target, row)})
    diff = [ansible_diff(target.title, KIND.shown(row), KIND.shown(changes))]
    if check:
        row = {**row, **changes}
    else:
        # A PUT gives the triggers new ids and so forgets what they have seen; switching on and off does not.
        if changes.keys() == {"enabled"}:
            session.write("PATCH", target.item, changes)
        else:
            kept = {field.key: row[field.key] for field in KIND.fields}
            session.write("PUT", target.item, {"name": row["name"], **kept, **changes})
        row = _verified(target, _settled(session.get(target.item)), changes)
    return Outcome(changed=True, result={KIND.returned: KIND.whole(target, row)}, diff=diff)


def _delete(session: Session, name: str, row: reading.Row | None, check: bool) -> Outcome:
    if row is None:
        return Outcome(changed=False, result={KIND.returned: None})
    target = _target(name, row)
    if not check:
        with contextlib.suppress(NotFound):
            session.write("DELETE", target.item)
    diff = [ansible_diff(target.title, {"name": name, **KIND.shown(row)}, None)]
    return Outcome(changed=True, result={KIND.returned: None}, diff=diff)


def _verified(target: resource.Target, row: reading.Row | None, wanted: dict[str, t.Any]) -> reading.Row:
    """The row, held against what was written."""
    missed = KIND.differing(row or {}, wanted)
    if row is None or missed:
        what = f"has another {' and '.join(KIND.shown(missed))}" if row else "has it no more"
        raise CollectionError(
            f"The server took the write of {target.title} but {what}: somebody else wrote at the same time, or the "
            "server does not hold the value; look at it and run again."
        )
    return row
