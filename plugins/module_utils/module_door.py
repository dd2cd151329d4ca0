# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of a module that Ansible ships to a host."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import mask, scrub
from ansible_collections.hotpass.prefect.plugins.module_utils.room import CommandResult, Context, Operation, Outcome
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party import missing


def failure(error: CollectionError) -> dict[str, t.Any]:
    """The keys of a failed task result, scrubbed of the secrets that the room found."""
    details = dict(error.details)
    secrets = details.pop("secrets", ())
    return t.cast("dict[str, t.Any]", _scrubbed({"msg": error.message, **details}, secrets))


def warnings_of(outcome: Outcome) -> list[str]:
    """The warnings of a room, scrubbed of the secrets that it found.

    Results and diffs are not: the rooms hide secrets there by the keys that hold them, and a secret that happens to be
    part of a name must not destroy the name.
    """
    return [scrub(warning, outcome.secrets) for warning in outcome.warnings]


def _scrubbed(value: t.Any, secrets: t.Collection[str]) -> t.Any:
    if isinstance(value, dict):
        return {key: _scrubbed(item, secrets) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_scrubbed(item, secrets) for item in value]
    return scrub(value, secrets) if isinstance(value, str) else value


def run_module(operation: Operation) -> None:
    """Read the task's arguments, enter the room, and leave with its answer."""
    module = AnsibleModule(supports_check_mode=True, **operation.spec.to_kwargs())
    lacking = missing(operation.requires)
    if lacking:
        module.fail_json(msg=" ".join(missing_required_lib(name) for name in lacking))

    # Ansible shows the arguments with -vvv and knows only the secrets that are options of their own.
    invocation = {"module_args": mask(dict(module.params))}

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
        module.fail_json(**failure(error), invocation=invocation)
    for warning in warnings_of(outcome):
        module.warn(warning)
    module.exit_json(**outcome.to_result(with_diff=module._diff), invocation=invocation)
