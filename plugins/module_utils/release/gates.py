# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gates of a ring: which there are, when each is asked, and what a generation needs before it may go on.

A gate's verdict is ``pass``, ``fail``, ``inconclusive`` or ``error``; only ``pass`` opens it, and a gate that was not
asked is closed.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

VERDICTS = ("pass", "fail", "inconclusive", "error")
# Asked of every release in every ring, whatever a ring's list says.
ALWAYS = ("release", "drift")


@dataclasses.dataclass(frozen=True)
class Gate:
    """One kind of gate.

    :param before: the state that a generation cannot reach before the gate opened.
    """

    name: str
    before: State


GATES: t.Mapping[str, Gate] = {
    gate.name: gate
    for gate in (
        Gate("release", State.DEPLOYING),
        Gate("drift", State.DEPLOYING),
        Gate("tests", State.DEPLOYING),
        Gate("approval", State.DEPLOYING),
        Gate("health", State.ACTIVE),
        Gate("rehearsal", State.ACTIVE),
        Gate("soak", State.ACTIVE),
    )
}
CHOICES = tuple(name for name in GATES if name not in ALWAYS)


def check_names(names: t.Sequence[str]) -> tuple[str, ...]:
    """A ring's list of gates, with those that are always asked.

    :raises CollectionError: for a name that is none, and for a list without ``health``, after which nothing would have
        been looked at.
    """
    unknown = [name for name in names if name not in CHOICES]
    if unknown:
        raise CollectionError(f"gates has {', '.join(map(repr, unknown))}; allowed are {', '.join(CHOICES)}.")
    if "health" not in names:
        raise CollectionError("gates has no health, and a release that nobody looked at is not validated; add it.")
    return (*ALWAYS, *dict.fromkeys(names))


def check_verdicts(verdicts: t.Sequence[t.Mapping[str, t.Any]]) -> list[dict[str, t.Any]]:
    """The verdicts as the ledger keeps them.

    :raises CollectionError: for a gate or a verdict that is none.
    """
    kept = []
    for entry in verdicts:
        if entry.get("name") not in GATES or entry.get("verdict") not in VERDICTS:
            raise CollectionError(
                f"verdicts has {entry.get('name')!r}: {entry.get('verdict')!r}; allowed are the gates "
                f"{', '.join(GATES)} with {', '.join(VERDICTS)}."
            )
        kept.append({key: value for key, value in entry.items() if value not in (None, {}, [])})
    return kept


def verdicts_of(generation: Generation) -> dict[str, dict[str, t.Any]]:
    """The last verdict that the ledger has of each gate of a generation."""
    found: dict[str, dict[str, t.Any]] = {}
    for record in generation.transitions:
        for entry in record.detail.get("gates", ()):
            found[entry["name"]] = entry
    return found


def insist(
    generation: Generation, after: State, asked: t.Sequence[str], verdicts: t.Sequence[t.Mapping[str, t.Any]]
) -> None:
    """Let a generation reach a state only when every gate before it is open.

    :param asked: as :func:`check_names` gives it.
    :param verdicts: those that come with this step; the ledger has the others.
    :raises CollectionError: naming the gates that are closed, and why.
    """
    known = {**verdicts_of(generation), **{entry["name"]: entry for entry in verdicts}}
    closed = [
        f"{name} ({known[name]['verdict'] if name in known else 'not asked'})"
        for name in asked
        if GATES[name].before is after and known.get(name, {}).get("verdict") != "pass"
    ]
    if closed:
        raise CollectionError(
            f"Generation {generation.number} cannot become {after.value}: closed is {', '.join(closed)}; "
            "only a gate that says pass is open."
        )
