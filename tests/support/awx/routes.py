# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The routes of the API: which request does what."""

from __future__ import annotations

import dataclasses
import secrets
import typing as t
from pathlib import Path

from tests.support.awx import launches, surveys
from tests.support.awx.installed import install
from tests.support.awx.kind import UNIFIED
from tests.support.awx.kinds import KINDS
from tests.support.awx.problems import Refused, invalid, missing
from tests.support.awx.rules import KindRules
from tests.support.awx.showing import ROOT, Shown, path_of
from tests.support.awx.state import Row, State
from tests.support.awx.updates import Updates

VERSION: t.Final = "24.6.1"
_UNKNOWN: t.Final = Refused(404, {"detail": "The requested resource could not be found."})
_FOR_CREDENTIALS: t.Final = ("ssh", "vault", "cloud", "net", "kubernetes")


@dataclasses.dataclass(frozen=True)
class Request:
    """One request.

    :ivar path: without the query; ``query`` has its pairs.
    :ivar body: the JSON object that was sent.
    """

    method: str
    path: str
    query: list[tuple[str, str]]
    body: Row


class Routes:
    """One AWX, as somebody who may do everything in it sees it.

    :param checkouts: address of a repository to the working tree that projects of that address get.
    """

    def __init__(self, checkouts: t.Mapping[str, Path]) -> None:
        self._updates = Updates(checkouts)
        self.state = State(KindRules(self._updates))
        self._shown = Shown(self.state, self._updates)
        install(self.state)

    def answer(self, request: Request) -> tuple[int, t.Any]:
        """Status and JSON body.

        :raises Refused: when AWX would.
        """
        if request.path in ("/api/", ROOT):
            return 200, {path: f"{ROOT}{path}/" for path in (*KINDS, UNIFIED, "ping", "config", "me")}
        if not request.path.startswith(ROOT) or not request.path.endswith("/"):
            raise _UNKNOWN
        parts = request.path.removeprefix(ROOT).strip("/").split("/")
        if parts == ["ping"]:
            return 200, {
                "ha": False,
                "version": VERSION,
                "active_node": "awx-1",
                "instances": [],
                "instance_groups": [],
            }
        if parts == ["config"]:
            return 200, {"version": VERSION, "license_info": {"license_type": "open"}, "time_zone": "UTC"}
        if parts == ["me"]:
            return 200, self._shown.page(self.state.where("users", username="admin"), "users", request.path, [])
        if parts[0] == "roles" and len(parts) == 3:
            return self._role(request, parts)
        if parts[0] not in (*KINDS, UNIFIED):
            raise _UNKNOWN
        if len(parts) == 1:
            return self._collection(request, parts[0])
        row = self._object(parts[0], parts[1])
        if len(parts) == 2:
            return self._detail(request, row)
        if len(parts) == 3:
            return self._sub(request, row, parts[2])
        raise _UNKNOWN

    def _object(self, path: str, name: str) -> Row:
        if name.isdecimal():
            return self.state.find(path, int(name))
        found = self._shown.named(path, name) if path in KINDS else None
        if found is None:
            raise missing()
        return found

    def _collection(self, request: Request, path: str) -> tuple[int, t.Any]:
        if request.method == "GET":
            listing = self._shown.page(self.state.where(path), path, request.path, request.query)
            if path == "inventories":
                self.state.look()
            return 200, listing
        if request.method != "POST" or path == UNIFIED or "POST" in KINDS[path].no:
            raise _not_allowed(request.method)
        return 201, self._shown.one(self.state.create(path, request.body))

    def _detail(self, request: Request, row: Row) -> tuple[int, t.Any]:
        path = path_of(row)
        if request.method == "GET":
            if path in ("project_updates", "inventory_updates"):
                self._updates.step(self.state, path, row)
            current = self._updates.current(self.state, row) if path in ("projects", "inventory_sources") else None
            if current is not None:
                self._updates.step(self.state, path_of(current), current)
            return 200, self._shown.one(row)
        if request.method in KINDS[path].no:
            raise _not_allowed(request.method)
        if request.method == "PATCH":
            return 200, self._shown.one(self.state.change(path, row["id"], request.body))
        if request.method == "DELETE":
            self.state.remove(path, row["id"])
            return (202 if path == "inventories" else 204), None
        raise _not_allowed(request.method)

    def _sub(self, request: Request, row: Row, sub: str) -> tuple[int, t.Any]:
        path = path_of(row)
        if sub in KINDS[path].associations:
            return self._association(request, path, row, sub)
        template = path in ("job_templates", "workflow_job_templates")
        if sub == "survey_spec" and template:
            return self._survey(request, row)
        if sub == "webhook_key" and template:
            if request.method == "POST":
                row["webhook_key"] = secrets.token_hex(25)
            return (201 if request.method == "POST" else 200), {"webhook_key": row["webhook_key"]}
        if sub == "update" and path in ("projects", "inventory_sources"):
            return self._update(request, row)
        if sub == "playbooks" and path == "projects":
            return 200, list(row["playbook_files"])
        if sub == "workflow_nodes" and path == "workflow_job_templates" and request.method == "GET":
            nodes = self.state.where("workflow_job_template_nodes", workflow_job_template=row["id"])
            return 200, self._shown.page(nodes, "workflow_job_template_nodes", request.path, request.query)
        if sub == "create_approval_template" and path == "workflow_job_template_nodes" and request.method == "POST":
            return self._approval(request, row)
        raise _UNKNOWN

    def _survey(self, request: Request, row: Row) -> tuple[int, t.Any]:
        if request.method == "GET":
            return 200, surveys.shown(row["survey_spec"])
        if request.method == "POST":
            row["survey_spec"] = surveys.accepted(request.body, row["survey_spec"])
        elif request.method == "DELETE":
            row["survey_spec"] = {}
        else:
            raise _not_allowed(request.method)
        return 200, {}

    def _update(self, request: Request, row: Row) -> tuple[int, t.Any]:
        if request.method == "GET":
            return 200, {"can_update": row["type"] != "project" or bool(row["scm_type"])}
        start = self._updates.start_project if row["type"] == "project" else self._updates.start_inventory
        job = start(self.state, row)
        return 202, {job["type"]: job["id"], **self._shown.one(job)}

    def _approval(self, request: Request, row: Row) -> tuple[int, t.Any]:
        # The module sends the fields of the node along, and AWX takes only its own.
        kind = KINDS["workflow_approval_templates"]
        wanted = {key: value for key, value in request.body.items() if key in kind.fields}
        unknown = set(request.body) - set(kind.fields) - set(KINDS["workflow_job_template_nodes"].fields)
        if unknown:
            raise invalid(min(unknown), "Not a field of an approval node.")
        earlier = row["unified_job_template"]
        approval = self.state.create("workflow_approval_templates", wanted)
        row["unified_job_template"] = approval["id"]
        if earlier in self.state.rows["workflow_approval_templates"]:
            self.state.remove("workflow_approval_templates", earlier)
        return 201, self._shown.one(approval)

    def _role(self, request: Request, parts: list[str]) -> tuple[int, t.Any]:
        role = int(parts[1]) if parts[1].isdecimal() else 0
        if role not in self.state.roles or parts[2] not in ("users", "teams"):
            raise missing()
        return self._members(request, ("roles", role, parts[2]), parts[2], lambda _member: None)

    def _association(self, request: Request, path: str, row: Row, sub: str) -> tuple[int, t.Any]:
        def check(member: Row) -> None:
            if sub in launches.EDGES:
                launches.check_edge(self.state, row, member, sub)
            elif path in ("schedules", "workflow_job_template_nodes"):
                target = row["unified_job_template"]
                launches.check_attached(self.state.find(UNIFIED, target) if target is not None else None, sub)
            elif sub == "credentials":
                self._check_credential(path, row, member)
            elif sub == "galaxy_credentials" and self._kind(member)["kind"] != "galaxy":
                raise Refused(
                    400, {"msg": f"Credential must be a Galaxy credential, not {self._kind(member)['name']}."}
                )

        return self._members(request, (path, row["id"], sub), KINDS[path].associations[sub], check)

    def _members(
        self, request: Request, key: tuple[str, int, str], target: str, check: t.Callable[[Row], None]
    ) -> tuple[int, t.Any]:
        attached = self.state.members.get(key, [])
        if request.method == "GET":
            rows = [self.state.find(target, number) for number in attached]
            if key[2] in ("instance_groups", "galaxy_credentials"):
                listing = self._shown.page(rows, target, request.path, request.query)
                by_id = {shown["id"]: shown for shown in listing["results"]}
                return 200, {**listing, "results": [by_id[number] for number in attached if number in by_id]}
            return 200, self._shown.page(rows, target, request.path, request.query)
        if request.method != "POST":
            raise _not_allowed(request.method)
        number = request.body.get("id")
        unknown = set(request.body) - {"id", "disassociate"}
        if not isinstance(number, int) or unknown:
            raise Refused(400, {"msg": '"id" is required, and besides it only "disassociate" is known.'})
        if request.body.get("disassociate"):
            if number in attached:
                attached.remove(number)
            if key[2] == "labels":
                self.state.drop_unused_label(number)
            return 204, None
        if not self.state.has(target, number):
            raise Refused(400, {"detail": f'Invalid pk "{number}" - object does not exist.'})
        if number not in attached:
            check(self.state.find(target, number))
            self.state.members.setdefault(key, []).append(number)
        return 204, None

    def _kind(self, credential: Row) -> Row:
        return self.state.find("credential_types", credential["credential_type"])

    def _check_credential(self, path: str, row: Row, member: Row) -> None:
        kind = self._kind(member)
        if kind["kind"] not in _FOR_CREDENTIALS:
            raise Refused(400, {"error": f"Cannot assign a Credential of kind `{kind['kind']}`."})
        others = [
            self.state.find("credentials", each)
            for each in self.state.members.get((path, row["id"], "credentials"), [])
        ]
        for other in others:
            same = other["credential_type"] == member["credential_type"]
            if same and (
                kind["kind"] != "vault" or other["inputs"].get("vault_id") == member["inputs"].get("vault_id")
            ):
                raise Refused(400, {"error": f"Cannot assign multiple {kind['name']} credentials."})


def _not_allowed(method: str) -> Refused:
    return Refused(405, {"detail": f'Method "{method}" not allowed.'})
