# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of a module that Ansible ships to a host."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.room import CommandResult, Context, Operation
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party import missing


def run_module(operation: Operation) -> None:
    """Read the task's arguments, enter the room, and leave with its answer."""
    module = AnsibleModule(supports_check_mode=True, **operation.spec.to_kwargs())
    lacking = missing(operation.requires)
    if lacking:
        module.fail_json(msg=" ".join(missing_required_lib(name) for name in lacking))

    def run_command(
        argv: t.Sequence[str], *, env: t.Mapping[str, str] | None = None, data: str | None = None
    ) -> CommandResult:
        rc, stdout, stderr = module.run_command(
            list(argv), environ_update=dict(env or {}), data=data, binary_data=True, handle_exceptions=False
        )
        return CommandResult(rc, stdout, stderr)

    try:
        outcome = operation.run(dict(module.params), Context(check=module.check_mode, run_command=run_command))
    except CollectionError as error:
        module.no_log_values.update(error.details.pop("secrets", ()))
        module.fail_json(msg=error.message, **error.details)
    module.no_log_values.update(outcome.secrets)
    for warning in outcome.warnings:
        module.warn(warning)
    module.exit_json(**outcome.to_result(with_diff=module._diff))
