# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Triggers and actions of automations in one settled form: checked, defaults filled in, sets sorted, no trigger ids.

The server drops a key of a trigger or an action that it does not know without a word, and a trigger whose ``expect``
got lost that way fires on every event. So what a task wants is held against the tables here first.
"""

from __future__ import annotations

import typing as t
import uuid

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.naming import listed

Form = dict[str, t.Any]

LEAST_PROACTIVE = 10.0
_NEEDED = object()
_SETS = frozenset({"after", "expect", "for_each"})
_LABELS = frozenset({"match", "match_related"})
_SECONDS = frozenset({"within", "schedule_after"})
_POSTURES = ("Proactive", "Reactive")

# What each type of trigger takes, with the server's defaults.
TRIGGERS: dict[str, Form] = {
    "event": {
        "posture": _NEEDED,
        "match": {},
        "match_related": {},
        "after": [],
        "expect": [],
        "for_each": [],
        "threshold": 1,
        "within": 0.0,
    },
    "compound": {"triggers": _NEEDED, "require": _NEEDED, "within": None},
    "sequence": {"triggers": _NEEDED, "within": None},
}


def _on(what: str) -> Form:
    """What an action takes that works on one object, chosen or found from the event."""
    return {"source": "selected", f"{what}_id": None}


ACTIONS: dict[str, Form] = {
    "do-nothing": {},
    "run-deployment": {**_on("deployment"), "parameters": None, "job_variables": None, "schedule_after": 0.0},
    "pause-deployment": _on("deployment"),
    "resume-deployment": _on("deployment"),
    "change-flow-run-state": {"name": None, "state": _NEEDED, "message": None, "force": False},
    "cancel-flow-run": {},
    "delete-flow-run": {},
    "suspend-flow-run": {},
    "resume-flow-run": {},
    "call-webhook": {"block_document_id": _NEEDED, "payload": ""},
    "send-notification": {
        "block_document_id": _NEEDED,
        "subject": "Prefect automated notification",
        "body": _NEEDED,
    },
    "pause-work-pool": _on("work_pool"),
    "resume-work-pool": _on("work_pool"),
    "pause-work-queue": _on("work_queue"),
    "resume-work-queue": _on("work_queue"),
    "pause-automation": _on("automation"),
    "resume-automation": _on("automation"),
}


def checked_trigger(given: t.Any, where: str = "trigger") -> Form:
    """The settled form of a trigger that a task wants.

    :param where: its place in the task, for the sentence.
    :raises CollectionError: for what the server would refuse, or take and drop.
    """
    form = _checked(given, TRIGGERS, where)
    if form["type"] != "event":
        triggers = form["triggers"]
        if not isinstance(triggers, list) or not triggers:
            raise CollectionError(f"{where}.triggers must be a list of triggers.")
        form["triggers"] = [checked_trigger(item, f"{where}.triggers[{n}]") for n, item in enumerate(triggers)]
        require, most = form.get("require"), len(triggers)
        counts = isinstance(require, int) and not isinstance(require, bool) and 1 <= require <= most
        if form["type"] == "compound" and require not in ("any", "all") and not counts:
            raise CollectionError(f"{where}.require is {require!r}; allowed: any, all, a number from 1 to {most}.")
        return settled_trigger(form)
    if form["posture"] not in _POSTURES:
        raise CollectionError(f"{where}.posture is {form['posture']!r}; allowed are {' and '.join(_POSTURES)}.")
    if not isinstance(form["threshold"], int) or isinstance(form["threshold"], bool) or form["threshold"] < 1:
        raise CollectionError(f"{where}.threshold is {form['threshold']!r}; it must be 1 or more.")
    for key in _SETS & form.keys():
        if not isinstance(form[key], list) or not all(isinstance(item, str) and item for item in form[key]):
            raise CollectionError(f"{where}.{key} must be a list of texts.")
    for key in _LABELS & form.keys():
        _check_labels(form[key], f"{where}.{key}", several=key == "match_related")
    if form["posture"] == "Proactive":
        form["within"] = form["within"] or LEAST_PROACTIVE
        if form["within"] < LEAST_PROACTIVE:
            raise CollectionError(
                f"{where}.within is {form['within']}; a Proactive trigger waits {LEAST_PROACTIVE:g} seconds or more."
            )
    return settled_trigger(form)


def checked_actions(given: t.Sequence[t.Any], where: str) -> list[Form]:
    """The settled form of the actions that a task wants.

    :raises CollectionError: for what the server would refuse, or take and drop.
    """
    return [_checked_action(action, f"{where}[{number}]") for number, action in enumerate(given)]


def _checked_action(given: t.Any, where: str) -> Form:
    form = _checked(given, ACTIONS, where)
    for key in form:
        if key.endswith("_id") and form[key] is not None:
            try:
                form[key] = str(uuid.UUID(str(form[key])))
            except ValueError:
                raise CollectionError(f"{where}.{key} is {form[key]!r}, which is no id (a UUID).") from None
    if "source" in form:
        chosen = next(key for key in form if key.endswith("_id"))
        if form["source"] not in ("selected", "inferred"):
            raise CollectionError(f"{where}.source is {form['source']!r}; allowed are selected and inferred.")
        if (form["source"] == "selected") != (form[chosen] is not None):
            raise CollectionError(f"{where} must give {chosen} when its source is selected, and only then.")
    return settled_action(form)


def settled_trigger(form: t.Mapping[str, t.Any]) -> Form:
    """A trigger as it is compared and sent, from a task or from the server."""
    settled = _settled(form, TRIGGERS)
    for key in _SETS & settled.keys():
        settled[key] = sorted(set(settled[key]))
    if "match" in settled:
        settled["match"] = _labels(settled["match"])
    if "match_related" in settled:
        related = settled["match_related"]
        groups = [_labels(group) for group in (related if isinstance(related, list) else [related])]
        settled["match_related"] = groups if len(groups) > 1 else (groups[0] if groups else {})
    if "triggers" in settled:
        settled["triggers"] = [settled_trigger(child) for child in settled["triggers"]]
    return settled


def settled_action(form: t.Mapping[str, t.Any]) -> Form:
    """An action as it is compared and sent, from a task or from the server."""
    return _settled(form, ACTIONS)


def _checked(given: t.Any, table: t.Mapping[str, Form], where: str) -> Form:
    if not isinstance(given, dict) or given.get("type") not in table:
        kind = given.get("type") if isinstance(given, dict) else given
        raise CollectionError(f"{where} has the type {kind!r}; allowed are {listed(table, len(table))}.")
    known = table[given["type"]]
    # Who copies a trigger from the server's answer has its id too, which each write makes anew.
    unknown = given.keys() - known.keys() - {"type", *(["id"] if table is TRIGGERS else [])}
    if unknown:
        allowed = listed(known, len(known))
        raise CollectionError(f"{where} has {listed(map(str, unknown))}, which Prefect would drop; allowed: {allowed}.")
    lacking = [key for key, default in known.items() if default is _NEEDED and given.get(key) is None]
    if lacking:
        raise CollectionError(f"{where} lacks {listed(lacking)}, which the type {given['type']} needs.")
    form = {"type": given["type"]}
    for key, default in known.items():
        value = given.get(key)
        form[key] = default if value is None else value
    for key in _SECONDS & form.keys():
        seconds = form[key]
        if seconds is None:
            continue
        if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not 0 <= seconds < float("inf"):
            raise CollectionError(f"{where}.{key} is {seconds!r}; it must be a number of seconds, 0 or more.")
        form[key] = float(seconds)
    return form


def _settled(form: t.Mapping[str, t.Any], table: t.Mapping[str, Form]) -> Form:
    known = table.get(form.get("type", ""), {})
    settled = {key: default for key, default in known.items() if default is not _NEEDED}
    for key, value in form.items():
        if key == "id" and table is TRIGGERS:
            continue
        # A key that only a newer server has, at what can only be its default, is no difference.
        if key in known or key == "type" or value not in (None, "", 0, [], {}):
            settled[key] = value
    return settled


def _check_labels(value: t.Any, where: str, several: bool) -> None:
    groups = value if several and isinstance(value, list) else [value]
    for group in groups:
        if not isinstance(group, dict):
            raise CollectionError(f"{where} must map labels to texts, such as prefect.resource.id: hotpass.ring.dev.")
        for label, wanted in group.items():
            if not all(isinstance(item, str) for item in (wanted if isinstance(wanted, list) else [wanted])):
                raise CollectionError(f"{where}.{label} must be a text or a list of texts.")


def _labels(group: t.Mapping[str, t.Any]) -> Form:
    settled: Form = {}
    for label, wanted in group.items():
        texts = sorted(set(wanted)) if isinstance(wanted, list) else [wanted]
        settled[label] = texts[0] if len(texts) == 1 else texts
    return settled
