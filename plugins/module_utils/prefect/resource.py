# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings one object of the server to a wanted state; a table per kind says how (work_pools.KIND and others)."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.compare import ansible_diff, same
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.errors import NotFound
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.reading import Row
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import mask, secrets_in
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Outcome

Params = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of a kind that a task can manage.

    :param option: the module's name for it.
    :param key: the server's name for it.
    :param needed: has to be given to create the object.
    :param fixed: cannot change once the object is there.
    :param least: the smallest number allowed.
    :param empty: what the server holds when the option ``unset`` names the field.
    :param equal: whether two values mean the same.
    """

    option: str
    key: str
    needed: bool = False
    fixed: bool = False
    least: int | None = None
    empty: t.Any = None
    equal: t.Callable[[t.Any, t.Any], bool] = same


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of object.

    :param name: for sentences, such as ``work pool``.
    :param returned: the return value that holds the object.
    :param fields: what a task can manage.
    :param filled_in: what the server fills in for a new object, None where nobody can know; check mode predicts with
        it, and the returned object has these keys and the managed ones.
    """

    name: str
    returned: str
    fields: tuple[Field, ...]
    filled_in: Params

    def wanted(self, params: Params) -> dict[str, t.Any]:
        """What the task asks for, by the server's names: only the options that were given.

        :raises CollectionError: when an option contradicts another or is out of range.
        """
        wanted: dict[str, t.Any] = {}
        unset = params.get("unset") or []
        for field in self.fields:
            value = params[field.option]
            if field.option in unset:
                if value is not None:
                    raise CollectionError(
                        f"unset names {field.option}, which the task also gives: drop one of the two."
                    )
                wanted[field.key] = field.empty
            elif value is not None:
                if field.least is not None and value < field.least:
                    raise CollectionError(f"{field.option} is {value}; it must be {field.least} or more.")
                wanted[field.key] = value
        return wanted

    def shown(self, values: Params) -> dict[str, t.Any]:
        """The managed fields that the values hold, by the module's names."""
        return {field.option: values[field.key] for field in self.fields if field.key in values}

    def whole(self, target: Target, row: Params) -> dict[str, t.Any]:
        """The object as the module returns it, secrets hidden."""
        empty = {**dict.fromkeys(("id", *target.identity)), **self.filled_in, **target.known}
        return t.cast("dict[str, t.Any]", mask({key: row.get(key, value) for key, value in empty.items()}))

    def differing(self, before: Params, wanted: Params) -> dict[str, t.Any]:
        """The wanted values that the object does not have."""
        return {
            field.key: wanted[field.key]
            for field in self.fields
            if field.key in wanted and not field.equal(before.get(field.key), wanted[field.key])
        }


@dataclasses.dataclass(frozen=True)
class Target:
    """One object.

    :param title: for sentences, such as ``work pool 'etl'``.
    :param collection: the path that creates it.
    :param item: the path that reads, changes and deletes it.
    :param identity: what a new object is created with beside the managed fields.
    :param known: what else is known of the object before it is there.
    """

    title: str
    collection: str
    item: str
    identity: Params
    known: Params = dataclasses.field(default_factory=dict)


def ensure(
    session: Session,
    kind: Kind,
    target: Target,
    params: Params,
    check: bool,
    *,
    before_create: t.Callable[[], list[str]] = list,
    before_delete: t.Callable[[Row], None] = lambda _row: None,
) -> Outcome:
    """Create, change or delete the object so that it is as the options say; write nothing when it already is.

    :param params: the module's options; ``state`` is ``present`` or ``absent``.
    :param check: only predict.
    :param before_create: refuses to create an object, or returns warnings.
    :param before_delete: refuses to delete one.
    :raises CollectionError: when the state cannot be reached, with a sentence that says why.
    """
    wanted = kind.wanted(params)
    secrets = secrets_in(wanted)
    try:
        row = session.get_or_none(target.item)
        if params["state"] == "absent":
            outcome = _delete(session, kind, target, row, check, before_delete)
        elif row is None:
            outcome = _create(session, kind, target, wanted, check, before_create)
        else:
            outcome = _change(session, kind, target, row, wanted, check)
    except CollectionError as error:
        error.details["secrets"] = secrets
        raise
    outcome.secrets = secrets
    return outcome


def _create(
    session: Session,
    kind: Kind,
    target: Target,
    wanted: dict[str, t.Any],
    check: bool,
    before_create: t.Callable[[], list[str]],
) -> Outcome:
    lacking = [field.option for field in kind.fields if field.needed and field.key not in wanted]
    if lacking:
        raise CollectionError(f"There is no {target.title} yet; to create it, {' and '.join(lacking)} must be given.")
    warnings = before_create()
    diff = [ansible_diff(target.title, None, {**target.identity, **kind.shown(wanted)})]
    body = {**target.identity, **wanted}
    if check:
        row = body
    else:
        row = session.write("POST", target.collection, body, settle=lambda: session.get_or_none(target.item))
        _verify(kind, target, row, wanted)
    return Outcome(changed=True, result={kind.returned: kind.whole(target, row)}, diff=diff, warnings=warnings)


def _change(session: Session, kind: Kind, target: Target, row: Row, wanted: dict[str, t.Any], check: bool) -> Outcome:
    changes = kind.differing(row, wanted)
    for field in kind.fields:
        if field.fixed and field.key in changes:
            raise CollectionError(
                f"The {field.option} of {target.title} is {row.get(field.key)!r} and cannot be changed to "
                f"{changes[field.key]!r}: delete the {kind.name} first, or use another name."
            )
    if not changes:
        return Outcome(changed=False, result={kind.returned: kind.whole(target, row)})
    diff = [ansible_diff(target.title, kind.shown(row), kind.shown(changes))]
    if check:
        row = {**row, **changes}
    else:
        session.write("PATCH", target.item, changes)
        row = session.get(target.item)
        _verify(kind, target, row, changes)
    return Outcome(changed=True, result={kind.returned: kind.whole(target, row)}, diff=diff)


def _delete(
    session: Session,
    kind: Kind,
    target: Target,
    row: Row | None,
    check: bool,
    before_delete: t.Callable[[Row], None],
) -> Outcome:
    if row is None:
        return Outcome(changed=False, result={kind.returned: None})
    before_delete(row)
    if not check:
        with contextlib.suppress(NotFound):
            session.write("DELETE", target.item)
    diff = [ansible_diff(target.title, {**target.identity, **kind.shown(row)}, None)]
    return Outcome(changed=True, result={kind.returned: None}, diff=diff)


def _verify(kind: Kind, target: Target, row: Row, wanted: Params) -> None:
    """Hold what the server has against what was written."""
    missed = kind.differing(row, wanted)
    if missed:
        options = " and ".join(kind.shown(missed))
        raise CollectionError(
            f"The server took the write of {target.title} but has another {options}: somebody else wrote at the same "
            "time, or the server does not hold the value; look at it and run again."
        )
