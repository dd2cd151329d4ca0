# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX checks and does beyond the single fields, kind by kind."""

from __future__ import annotations

import re
import secrets
import typing as t
import uuid

from tests.support.awx import credentials, launches, notifications, schedules
from tests.support.awx.kind import UNIFIED
from tests.support.awx.problems import Refused, forbidden, invalid
from tests.support.awx.state import Row, State
from tests.support.awx.updates import Updates

_IMAGE: t.Final = re.compile(r"[a-zA-Z0-9][\w.\-/:@]*")
_UPDATING_FIELDS: t.Final = ("scm_url", "scm_branch", "scm_type", "scm_refspec")
_PROMPT_TEXT: t.Final = "You must either set a default value or ask to prompt on launch."


class KindRules:
    """The rules of AWX 24.6.1; messages are in its words.

    :param updates: starts what AWX runs by itself.
    """

    def __init__(self, updates: Updates) -> None:
        self._updates = updates
        self._checks: dict[str, t.Callable[[State, Row, Row, Row | None], None]] = {
            "projects": _project,
            "inventories": _inventory,
            "inventory_sources": _inventory_source,
            "credential_types": _credential_type,
            "credentials": _credential,
            "execution_environments": _execution_environment,
            "job_templates": _job_template,
            "workflow_job_templates": _workflow,
            "workflow_job_template_nodes": _node,
            "schedules": _schedule,
            "notification_templates": _notification,
        }

    def check(self, state: State, path: str, row: Row, given: Row, before: Row | None) -> None:
        if path in self._checks:
            self._checks[path](state, row, given, before)

    def written(self, state: State, path: str, row: Row, before: Row | None) -> None:
        if path == "projects" and row["scm_type"]:
            if before is None or any(row[key] != before[key] for key in _UPDATING_FIELDS):
                self._updates.start_project(state, row)
            if before is not None and row["organization"] != before["organization"]:
                for template in state.where("job_templates", project=row["id"]):
                    template["organization"] = row["organization"]

    def removable(self, state: State, path: str, row: Row) -> None:
        if row.get("managed"):
            what = path.replace("_", " ")
            raise forbidden(f"Deletion not allowed for managed {what}")
        if path == "credential_types" and state.where("credentials", credential_type=row["id"]):
            raise forbidden("Credential types that are in use cannot be deleted")
        if row.get("pending_deletion"):
            raise Refused(400, {"error": "Inventory is already pending deletion."})
        running = self._updates.active(state, path, row)
        if running:
            jobs = [{"type": job["type"], "id": job["id"]} for job in running]
            raise Refused(409, {"error": "Resource is being used by running jobs.", "active_jobs": jobs})

    def removed(self, state: State, path: str, row: Row) -> None:
        if path == "organizations":
            for owned in (*state.rows["job_templates"].values(), *state.rows["inventory_sources"].values()):
                if owned["organization"] == row["id"]:
                    owned["organization"] = None
        if path == "workflow_job_template_nodes":
            approval = row["unified_job_template"]
            if approval in state.rows["workflow_approval_templates"]:
                state.remove("workflow_approval_templates", approval)


def _kind_of(state: State, credential: int | None) -> str:
    if credential is None:
        return ""
    return str(state.find("credential_types", state.find("credentials", credential)["credential_type"])["kind"])


def _project(state: State, row: Row, given: Row, before: Row | None) -> None:
    if before is None:
        row.update(status="never updated", scm_revision="", playbook_files=[])
    if row["scm_type"] and not row["scm_url"]:
        raise invalid("scm_url", "SCM URL is required.")
    if not row["scm_type"]:
        for key in ("scm_update_on_launch", "scm_clean", "scm_delete_on_update", "scm_track_submodules"):
            if given.get(key):
                raise invalid(key, "Update options must be set to false for manual projects.")
    if row["scm_refspec"] and row["scm_type"] != "git":
        raise invalid("scm_refspec", "SCM refspec can only be used with git projects.")
    if row["scm_type"]:
        row["local_path"] = ""
    if row["credential"] is not None and _kind_of(state, row["credential"]) != "scm":
        raise invalid("credential", "Credential kind must be 'scm'.")
    signature = row["signature_validation_credential"]
    if signature is not None and _kind_of(state, signature) != "cryptography":
        raise invalid("signature_validation_credential", "Credential kind must be 'cryptography'.")


def _inventory(_state: State, row: Row, _given: Row, before: Row | None) -> None:
    row.setdefault("pending_deletion", False)
    if before is not None and row["kind"] != before["kind"]:
        raise Refused(405, {"detail": 'You cannot turn a regular inventory into a "smart" inventory.'})
    if row["host_filter"] == "":
        row["host_filter"] = None
    if row["host_filter"] and row["kind"] != "smart":
        raise invalid("host_filter", "Host filter is only for smart inventories.")
    if row["kind"] == "smart" and not row["host_filter"]:
        raise invalid("host_filter", "Smart inventories must specify host_filter")


def _inventory_source(state: State, row: Row, _given: Row, before: Row | None) -> None:
    inventory = state.find("inventories", row["inventory"])
    row["organization"] = inventory["organization"]
    row.setdefault("status", "never updated")
    if inventory["kind"] == "smart":
        raise invalid("inventory", "Cannot create Inventory Source for Smart Inventory")
    if before is not None and before["inventory"] != row["inventory"]:
        raise invalid("inventory", "Cannot change the inventory of an inventory source.")
    if row["source"] == "scm":
        if row["source_project"] is None:
            raise invalid("source_project", "Project required for scm type sources.")
        project = state.find("projects", row["source_project"])
        if not project["scm_type"]:
            raise invalid("source_project", "Cannot use manual project for SCM-based inventory.")
        if row["scm_branch"] and not project["allow_override"]:
            raise invalid("scm_branch", "Project does not allow overriding branch.")
    else:
        wrong = [key for key in ("source_project", "source_path") if row[key]]
        if wrong:
            raise Refused(400, {"detail": f"Cannot set {', '.join(wrong)} if not SCM type."})


def _credential_type(state: State, row: Row, given: Row, before: Row | None) -> None:
    row.setdefault("managed", False)
    row.setdefault("namespace", None)
    if before is not None and before["managed"]:
        raise forbidden("Modifications not allowed for managed credential types")
    row["inputs"] = credentials.check_inputs(row["inputs"])
    in_use = before is not None and state.where("credentials", credential_type=before["id"])
    if before is not None and in_use and "inputs" in given and row["inputs"] != before["inputs"]:
        raise forbidden("Modifications to inputs are not allowed for credential types that are in use")
    if row["kind"] not in credentials.CUSTOM_KINDS:
        raise invalid("kind", f"Must be 'cloud' or 'net', not {row['kind']}")
    credentials.check_injectors(row["injectors"], row["inputs"])


def _credential(state: State, row: Row, given: Row, before: Row | None) -> None:
    row.setdefault("managed", False)
    kind = state.find("credential_types", row["credential_type"])
    if before is None:
        if all(row[owner] is None for owner in ("organization", "user", "team")):
            raise Refused(400, {"detail": ["Missing 'user', 'team', or 'organization'."]})
    elif before["managed"]:
        raise forbidden("Modifications not allowed for managed credentials")
    elif before["credential_type"] != row["credential_type"]:
        raise invalid(
            "credential_type",
            "You cannot change the credential type of the credential, as it may break the functionality of the "
            "resources using it.",
        )
    if before is None or "inputs" in given:
        row["inputs"] = credentials.check_values(row["inputs"], kind["inputs"], before["inputs"] if before else {})


def _execution_environment(_state: State, row: Row, _given: Row, before: Row | None) -> None:
    row.setdefault("managed", False)
    if before is not None and before["organization"] != row["organization"] and before["managed"]:
        raise invalid("organization", "Managed execution environments cannot be assigned to an organization.")
    if not _IMAGE.fullmatch(row["image"]) or "://" in row["image"]:
        raise invalid("image", f"The image name {row['image']} is not valid.")


def _job_template(state: State, row: Row, _given: Row, before: Row | None) -> None:
    row.setdefault("status", "never updated")
    row.setdefault("survey_spec", {})
    if row["project"] is None:
        raise invalid("project", "Job Templates must have a project assigned.")
    if row["host_config_key"] and row["inventory"] is None:
        raise invalid("host_config_key", "Cannot enable provisioning callback without an inventory set.")
    if row["inventory"] is None and not row["ask_inventory_on_launch"]:
        raise invalid("inventory", _PROMPT_TEXT)
    project = state.find("projects", row["project"])
    if row["playbook"] and not project["allow_override"] and row["playbook"] not in project["playbook_files"]:
        raise invalid("playbook", "Playbook not found for project.")
    if not row["playbook"]:
        raise invalid("playbook", "Must select playbook for project.")
    for key in ("scm_branch", "ask_scm_branch_on_launch"):
        if row[key] and not project["allow_override"]:
            raise invalid(key, "Project does not allow overriding branch.")
    # Not what was sent: a job template belongs where its project does.
    row["organization"] = project["organization"]
    _webhook(state, row, before)


def _workflow(state: State, row: Row, _given: Row, before: Row | None) -> None:
    row.setdefault("status", "never updated")
    row.setdefault("survey_spec", {})
    _webhook(state, row, before)


def _webhook(state: State, row: Row, before: Row | None) -> None:
    service, credential = row["webhook_service"], row["webhook_credential"]
    if credential is not None:
        kind = state.find("credential_types", state.find("credentials", credential)["credential_type"])
        if kind["kind"] != "token":
            raise invalid("webhook_credential", "Must be a Personal Access Token.")
        if kind["namespace"] != f"{service}_token":
            raise invalid("webhook_credential", "Must match the selected webhook service.")
    if before is None or before["webhook_service"] != service:
        row["webhook_key"] = secrets.token_hex(25) if service else ""


def _node(state: State, row: Row, _given: Row, before: Row | None) -> None:
    # AWX names a node that was given no name.
    row["identifier"] = row["identifier"] or str(uuid.uuid4())
    if before is not None and before["workflow_job_template"] != row["workflow_job_template"]:
        raise invalid("workflow_job_template", "Cannot move a node to another workflow.")
    target = row["unified_job_template"]
    if target == row["workflow_job_template"]:
        raise invalid("unified_job_template", "Workflow cannot contain itself.")
    template = state.find(UNIFIED, target) if target is not None else None
    launches.check_prompts(template, row, needs_answers=False)


def _schedule(state: State, row: Row, given: Row, before: Row | None) -> None:
    if before is None or "rrule" in given:
        schedules.check(row["rrule"])
    template = state.find(UNIFIED, row["unified_job_template"])
    if template["type"] == "project" and not template["scm_type"]:
        raise invalid("unified_job_template", "Manual Project cannot have a schedule set.")
    launches.check_prompts(template, row, needs_answers=True)


def _notification(_state: State, row: Row, given: Row, before: Row | None) -> None:
    if before is None or "notification_configuration" in given or "notification_type" in given:
        kept = before["notification_configuration"] if before else {}
        kind, configuration = row["notification_type"], row["notification_configuration"]
        row["notification_configuration"] = notifications.accepted(kind, configuration, kept)
    notifications.check_messages(row["messages"])
