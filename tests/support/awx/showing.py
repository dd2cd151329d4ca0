# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects as the API shows them, and lists of them as a query asks for."""

from __future__ import annotations

import typing as t
import urllib.parse

from tests.support.awx import credentials, notifications
from tests.support.awx.kind import UNIFIED, Kind
from tests.support.awx.kinds import KINDS
from tests.support.awx.problems import Refused
from tests.support.awx.state import Row, State
from tests.support.awx.updates import Updates

ROOT: t.Final = "/api/v2/"
_WHEN: t.Final = "2026-01-01T00:00:00.000000Z"
# Kept with an object, and shown elsewhere or not at all.
_HIDDEN: t.Final = {"survey_spec", "webhook_key", "playbook_files", "user", "team"}
_SURVEYED: t.Final = ("job_templates", "workflow_job_templates")
_LOOKUPS: t.Final = ("exact", "iexact", "contains", "icontains", "startswith", "in", "isnull")
_PAGE: t.Final = 25
_LARGEST_PAGE: t.Final = 200
_PATHS: t.Final = {kind.type: path for path, kind in KINDS.items()}


def path_of(row: Row) -> str:
    """The collection an object is in."""
    return _PATHS[row["type"]]


def address(row: Row) -> str:
    """The path of an object in the API."""
    return f"{ROOT}{path_of(row)}/{row['id']}/"


class Shown:
    """The view on one AWX.

    :param updates: knows what is under way.
    """

    def __init__(self, state: State, updates: Updates) -> None:
        self._state = state
        self._updates = updates

    def one(self, row: Row) -> dict[str, t.Any]:
        """An object with its address, its relations and what is known of them."""
        kind = KINDS[path_of(row)]
        shown = {key: value for key, value in row.items() if key not in _HIDDEN}
        if kind.path == "credentials":
            definition = self._state.find("credential_types", row["credential_type"])
            shown["inputs"] = credentials.shown_values(row["inputs"], definition["inputs"])
            shown["kind"] = definition["namespace"] or definition["kind"]
        elif kind.path == "notification_templates":
            shown["notification_configuration"] = notifications.shown(
                row["notification_type"], row["notification_configuration"]
            )
        elif kind.path == "inventories":
            shown["has_inventory_sources"] = bool(self._state.where("inventory_sources", inventory=row["id"]))
        elif kind.path == "workflow_job_template_nodes":
            for sub in ("success_nodes", "failure_nodes", "always_nodes"):
                shown[sub] = list(self._state.members.get((kind.path, row["id"], sub), []))
        times = {"created": _WHEN, "modified": _WHEN}
        summaries = self._summaries(kind, row)
        return {"url": address(row), "related": self._related(kind, row), "summary_fields": summaries, **times, **shown}

    def page(self, rows: list[Row], path: str, route: str, query: list[tuple[str, str]]) -> dict[str, t.Any]:
        """One page of the objects that fit a query, as ``count``, ``next``, ``previous`` and ``results``.

        :param route: path that was asked, for the addresses of the other pages.
        :raises Refused: (400) for a field that the objects do not have; (404) for a page that there is not.
        """
        settings = {key: value for key, value in query if key in ("page", "page_size", "order_by", "search")}
        filters = [(key, value) for key, value in query if key not in settings]
        found = [row for row in rows if self._fits(path, row, filters)]
        order = settings.get("order_by", "id")
        found.sort(key=lambda row: (str(row.get(order.lstrip("-"), "")), row["id"]) if order != "id" else (row["id"],))
        size = min(int(settings.get("page_size", _PAGE)), _LARGEST_PAGE)
        page = int(settings.get("page", 1))
        if page > 1 and (page - 1) * size >= len(found):
            raise Refused(404, {"detail": "Invalid page."})
        ahead = page * size < len(found)
        shown = [self.one(row) for row in found[(page - 1) * size : page * size]]
        return {
            "count": len(found),
            "next": _page_address(route, query, page + 1) if ahead else None,
            "previous": _page_address(route, query, page - 1) if page > 1 else None,
            "results": shown,
        }

    def named(self, path: str, name: str) -> Row | None:
        """The object of a named URL, such as ``deploy++Hotpass``."""
        wanted = urllib.parse.unquote(name)
        found = [row for row in self._state.where(path) if self._named_url(KINDS[path], row) == wanted]
        return found[0] if found else None

    def _named_url(self, kind: Kind, row: Row) -> str:
        texts = [str(row[key]) for key in kind.named if not kind.fields[key].target]
        links = [self._linked_name(kind, row, key) for key in kind.named if kind.fields[key].target]
        return "++".join(["+".join(texts), *links])

    def _linked_name(self, kind: Kind, row: Row, key: str) -> str:
        if row[key] is None:
            return ""
        target = kind.fields[key].target
        linked = self._state.find(target, row[key])
        return self._named_url(KINDS[path_of(linked)], linked)

    def _related(self, kind: Kind, row: Row) -> dict[str, str]:
        here = address(row)
        related = {sub: f"{here}{sub}/" for sub in kind.associations}
        for key, target in _links(kind, row):
            related[key] = address(self._state.find(target, row[key]))
        if kind.path in _SURVEYED:
            related["survey_spec"] = f"{here}survey_spec/"
            related["webhook_key"] = f"{here}webhook_key/"
            service = row["webhook_service"]
            related["webhook_receiver"] = f"{here}{service}/" if service else ""
        if kind.path in ("projects", "inventory_sources"):
            related["update"] = f"{here}update/"
        if kind.path == "projects":
            related.update(playbooks=f"{here}playbooks/", inventory_files=f"{here}inventories/")
        if kind.path == "workflow_job_template_nodes":
            related["create_approval_template"] = f"{here}create_approval_template/"
        if kind.path == "workflow_job_templates":
            related["workflow_nodes"] = f"{here}workflow_nodes/"
        return related

    def _summaries(self, kind: Kind, row: Row) -> dict[str, t.Any]:
        summaries: dict[str, t.Any] = {}
        for key, target in _links(kind, row):
            linked = self._state.find(target, row[key])
            shown = {name: linked[name] for name in ("name", "description", "type") if name in linked}
            summaries[key] = {"id": linked["id"], **shown}
        roles = {
            f"{word}_role": {"id": number, "name": self._state.role_name(number)}
            for number, (path, whose, word) in self._state.roles.items()
            if (path, whose) == (kind.path, row["id"])
        }
        if roles:
            summaries["object_roles"] = roles
        if kind.path in ("projects", "inventory_sources"):
            current = self._updates.current(self._state, row)
            if current is not None:
                summary = {"id": current["id"], "status": current["status"], "failed": current["failed"]}
                summaries["current_update"] = summaries["current_job"] = summary
        return summaries

    def _fits(self, path: str, row: Row, filters: list[tuple[str, str]]) -> bool:
        alternatives = [self._matches(path, row, key[4:], value) for key, value in filters if key.startswith("or__")]
        others = [self._matches(path, row, key, value) for key, value in filters if not key.startswith("or__")]
        return all(others) and (any(alternatives) or not alternatives)

    def _matches(self, path: str, row: Row, key: str, value: str) -> bool:
        negated = key.startswith("not__")
        words = key.removeprefix("not__").split("__")
        lookup = words.pop() if words[-1] in _LOOKUPS else "exact"
        found: t.Any = row
        for index, word in enumerate(words):
            if not _knows(path, word):
                label = "Unified job template" if path == UNIFIED else KINDS[path].label
                raise Refused(400, {"detail": f"{label} has no field named '{word}'"})
            found = found.get(word) if found is not None else None
            if index + 1 < len(words) and found is not None:
                found = self._state.find(KINDS[path].fields[word].target, found)
                path = path_of(found)
        return _compared(found, lookup, value) != negated


def _links(kind: Kind, row: Row) -> list[tuple[str, str]]:
    """The fields of an object that point at another, and the collections they point into."""
    links = {key: field.target for key, field in kind.fields.items() if field.target and key not in _HIDDEN}
    # What can be run has the organization of its project or inventory, which cannot be written.
    links |= {"organization": "organizations"} if "organization" in kind.read_only else {}
    return [(key, target) for key, target in links.items() if row.get(key) is not None]


def _knows(path: str, word: str) -> bool:
    if word in ("id", "type", "created", "modified"):
        return True
    if path == UNIFIED:
        return word in ("name", "description", "organization", "status")
    return word in KINDS[path].fields or word in KINDS[path].read_only


def _compared(found: t.Any, lookup: str, value: str) -> bool:
    text = str(found).lower() if isinstance(found, bool) else str(found)
    if lookup == "isnull":
        return (found is None) == (value.lower() in ("true", "1"))
    if value.lower() in ("none", "null") and found is None:
        return True
    if lookup == "in":
        return text in value.split(",")
    if lookup == "startswith":
        return text.startswith(value)
    if lookup in ("icontains", "contains"):
        return value.lower() in text.lower() if lookup == "icontains" else value in text
    return text.lower() == value.lower() if lookup == "iexact" or isinstance(found, bool) else text == value


def _page_address(route: str, query: list[tuple[str, str]], page: int) -> str:
    others = [(key, value) for key, value in query if key != "page"]
    return f"{route}?{urllib.parse.urlencode([*others, ('page', str(page))])}"
