# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of statements that no JSON Schema can tell. Each says what contradicts itself, or None.

What they look at is known to have the fields that its schema asks for.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release.schema_parts import Schema
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State


def subject(statement: Schema, predicate: Schema) -> str | None:
    """The subject is the release that the predicate speaks of, under its solution's name."""
    named = statement["subject"][0]
    said = predicate["buildDefinition"]["externalParameters"] if "buildDefinition" in predicate else predicate
    if named["name"] != said["solution"]:
        return f"its subject is {named['name']}, and its solution {said['solution']}"
    if predicate.get("release", f"sha256:{named['digest']['sha256']}") != f"sha256:{named['digest']['sha256']}":
        return "its subject is another release than the one it speaks of"
    return None


def instants(_statement: Schema, predicate: Schema) -> str | None:
    """Every moment is one that was."""
    for key, said in _instants_in(predicate):
        try:
            datetime.datetime.fromisoformat(said[:-1])
        except ValueError:
            return f"{key} is {said}, a moment that never was"
    return None


def _instants_in(value: t.Any) -> t.Iterator[tuple[str, str]]:
    """The moments that the collection wrote itself; what a gate tells in its detail is the gate's."""
    for key, item in value.items():
        if key.endswith(("At", "On")) or key == "at":
            if item is not None:
                yield key, item
        elif key == "gates":
            for gate in item:
                yield from ((of, gate[of]) for of in ("startedAt", "finishedAt") if of in gate)
        elif key in ("runDetails", "metadata"):
            yield from _instants_in(item)


def outcome(_statement: Schema, predicate: Schema) -> str | None:
    """What became Active says when, and went through no gate that was closed."""
    active = predicate["result"] == State.ACTIVE.value
    if active != (predicate["activeAt"] is not None):
        return f"its result is {predicate['result']}, and activeAt {'is' if active else 'is not'} null"
    last = {gate["name"]: gate["verdict"] for gate in predicate["gates"]}
    closed = sorted(name for name, verdict in last.items() if verdict != "pass")
    if active and closed:
        return f"its result is Active, and the gate {closed[0]} ended with {last[closed[0]]}"
    return None


def rolled_back(_statement: Schema, predicate: Schema) -> str | None:
    """A rollback takes back an earlier generation."""
    before, own = predicate["rolledBack"]["generation"], predicate["generation"]
    return f"generation {own} cannot roll back generation {before}" if before >= own else None


def validity(_statement: Schema, predicate: Schema) -> str | None:
    """An approval ends after it began."""
    return "it expires before it is decided" if predicate["expiresAt"] <= predicate["decidedAt"] else None


def commit(_statement: Schema, predicate: Schema) -> str | None:
    """A build names the commit of its source once."""
    build = predicate["buildDefinition"]
    commits = [
        item["digest"]["gitCommit"] for item in build["resolvedDependencies"] if "gitCommit" in item.get("digest", {})
    ]
    if commits != [build["externalParameters"]["commit"]]:
        return "its resolvedDependencies do not name exactly the commit of its externalParameters"
    return None


def subjects(statement: Schema, predicate: Schema) -> str | None:
    """The subjects of a bundle's seal are the list of its files, and its release when there is one."""
    named = [f"{item['name']}@sha256:{item['digest']['sha256']}" for item in statement["subject"][1:]]
    release = predicate["release"]
    if named != ([] if release is None else [f"{predicate['solution']}@{release}"]):
        return "its subjects are not the sealed file, and the release that it speaks of when there is one"
    return None


def place(_statement: Schema, predicate: Schema) -> str | None:
    """Exactly the first bundle of a chain has none before it."""
    sequence, previous = predicate["sequence"], predicate["previous"]
    if sequence is not None and (sequence == 1) != (previous is None):
        return f"it is bundle {sequence} and names {'none' if previous is None else 'one'} before it"
    return None


def named_moment(_statement: Schema, predicate: Schema) -> str | None:
    """The name of a bundle is a moment that was."""
    try:
        datetime.datetime.fromisoformat(predicate["name"])
    except ValueError:
        return f"its name is {predicate['name']}, a moment that never was"
    return None


def own_head(_statement: Schema, predicate: Schema) -> str | None:
    """Who exports vouches for the head of their own ring, if for any."""
    heads, ring = predicate["heads"], predicate["ring"]
    return None if ring in heads else f"it is of ring {ring}, and brings no head of it, only of {', '.join(heads)}"
