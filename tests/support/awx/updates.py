# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX runs by itself here: updates of projects and of inventory sources.

An update goes one step further with each look at it: pending, running, and then what came of it.
"""

from __future__ import annotations

import typing as t
from pathlib import Path

from tests.support.awx.checkouts import Checkout
from tests.support.awx.problems import Refused
from tests.support.awx.state import Row, State

ACTIVE: t.Final = ("new", "pending", "waiting", "running")


class Updates:
    """Starts updates, and brings them to their end.

    :param checkouts: address of a repository to the working tree that a project of that address gets.
    """

    def __init__(self, checkouts: t.Mapping[str, Path]) -> None:
        self._checkouts = {url: Checkout(path) for url, path in checkouts.items()}

    def start_project(self, state: State, project: Row) -> Row:
        """An update of a project; one that is still under way is taken instead."""
        if not project["scm_type"]:
            raise Refused(405, {"detail": 'Method "POST" not allowed.'})
        return self._start(state, "project_updates", "project", project)

    def start_inventory(self, state: State, source: Row) -> Row:
        """An update of an inventory source."""
        return self._start(state, "inventory_updates", "inventory_source", source)

    def step(self, state: State, path: str, job: Row) -> None:
        """Look at an update, which brings it on."""
        if job["status"] == "pending":
            job["status"] = "running"
        elif job["status"] == "running":
            end = self._end_project if path == "project_updates" else self._end_inventory
            failure = end(state, job)
            job.update(status="failed" if failure else "successful", failed=bool(failure), result_traceback=failure)
            job.update(finished="2026-01-01T00:00:02.000000Z", event_processing_finished=True, elapsed=2.0)
        owner = _owner(state, path, job)
        if owner is not None:
            owner["status"] = job["status"]

    def active(self, state: State, path: str, row: Row) -> list[Row]:
        """The updates under way that need the object."""
        found: list[Row] = []
        for collection, key, target in (
            ("project_updates", "project", "projects"),
            ("inventory_updates", "inventory_source", "inventory_sources"),
        ):
            for job in state.rows[collection].values():
                owner = state.rows[target].get(job[key])
                uses = owner is not None and (
                    (path == target and row["id"] == owner["id"])
                    or (path == "organizations" and owner["organization"] == row["id"])
                    or (path == "inventories" and owner.get("inventory") == row["id"])
                    or (path == "projects" and owner.get("source_project") == row["id"])
                )
                if uses and job["status"] in ACTIVE:
                    found.append(job)
        return found

    def current(self, state: State, row: Row) -> Row | None:
        """The update of a project or inventory source that is under way."""
        path = "projects" if row["type"] == "project" else "inventory_sources"
        mine = [job for job in self.active(state, path, row) if row["id"] in (job.get(row["type"]),)]
        return mine[0] if mine else None

    def _start(self, state: State, collection: str, key: str, owner: Row) -> Row:
        under_way = self.current(state, owner)
        if under_way is not None:
            return under_way
        owner["status"] = "pending"
        job = {"name": owner["name"], key: owner["id"], "status": "pending", "failed": False, "scm_revision": ""}
        times = {"started": None, "finished": None, "elapsed": 0.0, "event_processing_finished": False}
        return state.keep(collection, {**job, **times, "result_traceback": ""})

    def _end_project(self, state: State, job: Row) -> str:
        project = state.rows["projects"].get(job["project"])
        if project is None:
            return "The project is gone."
        checkout = self._checkouts.get(project["scm_url"])
        if checkout is None:
            return f"fatal: repository '{project['scm_url']}' not found"
        job["scm_revision"] = project["scm_revision"] = checkout.revision()
        project["playbook_files"] = checkout.playbooks()
        return ""

    def _end_inventory(self, state: State, job: Row) -> str:
        source = state.rows["inventory_sources"].get(job["inventory_source"])
        if source is None:
            return "The inventory source is gone."
        if source["source"] != "scm":
            return ""
        project = state.find("projects", source["source_project"])
        checkout = self._checkouts.get(project["scm_url"])
        if checkout is None or not project["scm_revision"]:
            return "The project has no revision yet."
        path = source["source_path"]
        if not any(file == path or file.startswith(f"{path.rstrip('/')}/") for file in checkout.files()):
            return f"Source path {path} not found in the project."
        return ""


def _owner(state: State, path: str, job: Row) -> Row | None:
    key, target = ("project", "projects") if path == "project_updates" else ("inventory_source", "inventory_sources")
    return state.rows[target].get(job[key])
