# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of object in AWX 24.6.1: their fields, what must be unique, what can be attached to them."""

from __future__ import annotations

import typing as t

from tests.support.awx.fields import Field, choice, flag, link, mapping, name, number, text, variables
from tests.support.awx.kind import APPROVALS, ENVIRONMENT, NOTICES, Kind, described
from tests.support.awx.running import RUNNING

_KINDS: t.Final = (
    Kind(
        "organizations",
        "organization",
        "Organization",
        described(max_hosts=number(), custom_virtualenv=text(100, None), default_environment=ENVIRONMENT),
        associations={
            **APPROVALS,
            "galaxy_credentials": "credentials",
            "instance_groups": "instance_groups",
        },
        roles=(
            *("admin", "execute", "project_admin", "inventory_admin", "credential_admin", "workflow_admin"),
            *("notification_admin", "job_template_admin", "execution_environment_admin", "auditor", "member", "read"),
            "approval",
        ),
    ),
    Kind(
        "projects",
        "project",
        "Project",
        described(
            local_path=text(1024),
            scm_type=choice("", "git", "svn", "insights", "archive"),
            scm_url=text(1024),
            scm_branch=text(256),
            scm_refspec=text(1024),
            scm_clean=flag(),
            scm_track_submodules=flag(),
            scm_delete_on_update=flag(),
            credential=link("credentials"),
            timeout=number(low=-2147483648),
            organization=link("organizations"),
            scm_update_on_launch=flag(),
            scm_update_cache_timeout=number(),
            allow_override=flag(),
            custom_virtualenv=text(100, None),
            default_environment=ENVIRONMENT,
            signature_validation_credential=link("credentials"),
        ),
        unique=(("name", "organization"),),
        soft=True,
        named=("name", "organization"),
        associations=NOTICES,
        roles=("admin", "use", "update", "read"),
        read_only=("status", "scm_revision"),
    ),
    Kind(
        "inventories",
        "inventory",
        "Inventory",
        described(
            organization=link("organizations", required=True),
            kind=choice("", "smart", "constructed"),
            host_filter=text(None, None),
            variables=variables(),
            prevent_instance_group_fallback=flag(),
        ),
        unique=(("name", "organization"),),
        named=("name", "organization"),
        associations={"instance_groups": "instance_groups", "input_inventories": "inventories", "labels": "labels"},
        roles=("admin", "update", "adhoc", "use", "read"),
        read_only=("pending_deletion",),
    ),
    Kind(
        "inventory_sources",
        "inventory_source",
        "InventorySource",
        described(
            inventory=link("inventories", required=True, gone="cascade"),
            source=choice(
                *("file", "constructed", "scm", "ec2", "gce", "azure_rm", "vmware", "satellite6", "openstack", "rhv"),
                *("controller", "insights", "terraform", "openshift_virtualization"),
                default=None,
                required=True,
            ),
            source_path=text(1024),
            source_vars=variables(),
            scm_branch=text(1024),
            credential=link("credentials"),
            enabled_var=text(None),
            enabled_value=text(None),
            host_filter=text(None),
            overwrite=flag(),
            overwrite_vars=flag(),
            custom_virtualenv=text(100, None),
            timeout=number(low=-2147483648),
            verbosity=choice(0, 1, 2, default=1),
            limit=text(None),
            execution_environment=ENVIRONMENT,
            update_on_launch=flag(),
            update_cache_timeout=number(),
            source_project=link("projects", gone="cascade"),
        ),
        unique=(("name", "inventory"),),
        soft=True,
        named=("name", "inventory"),
        associations={**NOTICES, "credentials": "credentials"},
        read_only=("organization", "status"),
    ),
    Kind(
        "credential_types",
        "credential_type",
        "Credential type",
        described(
            kind=choice(
                *("ssh", "vault", "net", "scm", "cloud", "registry", "token", "insights", "external", "kubernetes"),
                *("galaxy", "cryptography"),
                required=True,
            ),
            inputs=mapping(),
            injectors=mapping(),
        ),
        unique=(("name", "kind"),),
        named=("name", "kind"),
        read_only=("managed", "namespace"),
    ),
    Kind(
        "credentials",
        "credential",
        "Credential",
        described(
            organization=link("organizations", gone="cascade"),
            credential_type=link("credential_types", required=True),
            inputs=mapping(),
            user=link("users"),
            team=link("teams"),
        ),
        unique=(("organization", "name", "credential_type"),),
        named=("name", "credential_type", "organization"),
        roles=("admin", "use", "read"),
        read_only=("managed", "kind"),
    ),
    Kind(
        "execution_environments",
        "execution_environment",
        "Execution environment",
        described(
            organization=link("organizations", gone="cascade"),
            image=Field("text", required=True, blank=False, longest=1024),
            credential=link("credentials"),
            pull=choice("", "always", "missing", "never"),
        ),
        read_only=("managed",),
    ),
    *RUNNING,
    Kind(
        "notification_templates",
        "notification_template",
        "Notification template",
        described(
            organization=link("organizations", required=True, gone="cascade"),
            notification_type=choice(
                *("awssns", "email", "slack", "twilio", "pagerduty", "grafana", "webhook", "mattermost", "rocketchat"),
                "irc",
                required=True,
            ),
            notification_configuration=mapping(),
            messages=Field("object", default=None, null=True),
        ),
        unique=(("organization", "name"),),
        named=("name", "organization"),
    ),
    Kind(
        "labels",
        "label",
        "Label",
        {"name": name(), "organization": link("organizations", required=True, gone="cascade")},
        unique=(("name", "organization"),),
        named=("name", "organization"),
        no=("DELETE",),
    ),
    Kind(
        "teams",
        "team",
        "Team",
        described(organization=link("organizations", required=True, gone="cascade")),
        unique=(("organization", "name"),),
        named=("name", "organization"),
        roles=("admin", "member", "read"),
    ),
    Kind(
        "users",
        "user",
        "User",
        {"username": name(150), "is_superuser": flag(), "email": text(254)},
        unique=(("username",),),
        named=("username",),
    ),
    Kind("instance_groups", "instance_group", "Instance group", {"name": name(250)}, roles=("admin", "use", "read")),
    Kind("project_updates", "project_update", "Project update", {"name": name()}, unique=(), no=("POST", "PATCH")),
    Kind(
        "inventory_updates", "inventory_update", "Inventory update", {"name": name()}, unique=(), no=("POST", "PATCH")
    ),
)

KINDS: t.Final[dict[str, Kind]] = {kind.path: kind for kind in _KINDS}
RUNNABLE: t.Final = (
    *("projects", "inventory_sources", "job_templates", "workflow_job_templates", "workflow_approval_templates"),
)
"""The collections that ``unified_job_templates`` shows together."""
