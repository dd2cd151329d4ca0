# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of object in AWX 24.6.1 that say what runs, and when."""

from __future__ import annotations

import typing as t

from tests.support.awx.fields import Field, choice, flag, link, mapping, number, text, variables
from tests.support.awx.kind import APPROVALS, ENVIRONMENT, NOTICES, UNIFIED, Kind, described

_EDGES: t.Final = {f"{word}_nodes": "workflow_job_template_nodes" for word in ("success", "failure", "always")}
_PROMPTED: t.Final = {"credentials": "credentials", "labels": "labels", "instance_groups": "instance_groups"}
_WEBHOOKS: t.Final = {
    "webhook_service": choice("", "github", "gitlab", "bitbucket_dc"),
    "webhook_credential": link("credentials"),
}


def _prompts() -> dict[str, Field]:
    """What a schedule or a node can answer in advance."""
    return {
        "extra_data": mapping(),
        "inventory": link("inventories"),
        "scm_branch": text(1024, None),
        "job_type": choice("run", "check", default=None),
        "job_tags": text(None, None),
        "skip_tags": text(None, None),
        "limit": text(None, None),
        "diff_mode": flag(None),
        "verbosity": choice(0, 1, 2, 3, 4, 5, default=None),
        "execution_environment": ENVIRONMENT,
        "forks": number(None),
        "job_slice_count": number(None),
        "timeout": number(None, low=-2147483648),
    }


def _asks(*words: str) -> dict[str, Field]:
    return {f"ask_{word}_on_launch": flag() for word in words}


RUNNING: t.Final = (
    Kind(
        "job_templates",
        "job_template",
        "JobTemplate",
        described(
            job_type=choice("run", "check", default="run"),
            inventory=link("inventories"),
            project=link("projects"),
            playbook=text(1024),
            scm_branch=text(1024),
            forks=number(),
            limit=text(None),
            verbosity=choice(0, 1, 2, 3, 4, 5, default=0),
            extra_vars=variables(),
            job_tags=text(None),
            force_handlers=flag(),
            skip_tags=text(None),
            start_at_task=text(1024),
            timeout=number(low=-2147483648),
            use_fact_cache=flag(),
            execution_environment=ENVIRONMENT,
            host_config_key=text(1024),
            **_asks("scm_branch", "diff_mode", "variables", "limit", "tags", "skip_tags", "job_type", "verbosity"),
            **_asks(
                "inventory", "credential", "execution_environment", "labels", "forks", "job_slice_count", "timeout"
            ),
            **_asks("instance_groups"),
            survey_enabled=flag(),
            become_enabled=flag(),
            diff_mode=flag(),
            allow_simultaneous=flag(),
            custom_virtualenv=text(100, None),
            job_slice_count=number(1),
            prevent_instance_group_fallback=flag(),
            **_WEBHOOKS,
        ),
        unique=(("name", "organization"),),
        soft=True,
        named=("name", "organization"),
        associations={**NOTICES, **_PROMPTED},
        roles=("admin", "execute", "read"),
        read_only=("organization", "status"),
    ),
    Kind(
        "workflow_job_templates",
        "workflow_job_template",
        "WorkflowJobTemplate",
        described(
            extra_vars=variables(),
            organization=link("organizations"),
            survey_enabled=flag(),
            allow_simultaneous=flag(),
            inventory=link("inventories"),
            limit=text(None, None),
            scm_branch=text(1024, None),
            job_tags=text(None, None),
            skip_tags=text(None, None),
            **_asks("variables", "inventory", "scm_branch", "limit", "labels", "tags", "skip_tags"),
            **_WEBHOOKS,
        ),
        unique=(("name", "organization"),),
        soft=True,
        named=("name", "organization"),
        associations={**APPROVALS, "labels": "labels"},
        roles=("admin", "execute", "read", "approval"),
        read_only=("status",),
    ),
    Kind(
        "workflow_job_template_nodes",
        "workflow_job_template_node",
        "Workflow job template node",
        {
            "workflow_job_template": link("workflow_job_templates", required=True, gone="cascade"),
            "unified_job_template": link(UNIFIED),
            "all_parents_must_converge": flag(),
            "identifier": Field("text", blank=False, longest=512),
            **_prompts(),
        },
        unique=(("identifier", "workflow_job_template"),),
        named=("identifier", "workflow_job_template"),
        associations={**_EDGES, **_PROMPTED},
    ),
    Kind(
        "workflow_approval_templates",
        "workflow_approval_template",
        "WorkflowApprovalTemplate",
        described(timeout=number(low=-2147483648)),
        unique=(),
        no=("POST",),
    ),
    Kind(
        "schedules",
        "schedule",
        "Schedule",
        described(
            rrule=Field("text", required=True, blank=False, longest=None),
            unified_job_template=link(UNIFIED, required=True, gone="cascade"),
            enabled=flag(True),
            **_prompts(),
        ),
        unique=(("unified_job_template", "name"),),
        named=("name", "unified_job_template"),
        associations=_PROMPTED,
    ),
)
