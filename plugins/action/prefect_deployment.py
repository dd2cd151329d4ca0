# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's door to every module of this collection; see docs/adr/0003-two-doors-one-room.md.

``meta/runtime.yml`` routes each module here. A task that runs on the controller itself enters the room in process;
any other task has its module shipped as usual. The file carries a module's name because ansible-test asks every
action plugin for a module of the same name to document it.
"""

from __future__ import annotations

import datetime
import importlib
import json
import os
import subprocess
import typing as t

from ansible.errors import AnsibleError
from ansible.module_utils.basic import missing_required_lib
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import failure, warnings_of
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import scrub
from ansible_collections.hotpass.prefect.plugins.module_utils.room import CommandResult, Context, Operation
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party import missing

_MODULES = "ansible_collections.hotpass.prefect.plugins.modules"


def _plain(value: t.Any) -> t.Any:
    """Ansible's tagged and lazy values as a shipped module reads them: JSON, in Python's own types."""
    if isinstance(value, t.Mapping):
        return {_plain_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return str.__str__(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int.__index__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return value


def _plain_key(key: t.Any) -> str:
    """A key as JSON writes it."""
    return str.__str__(key) if isinstance(key, str) else json.dumps(_plain(key)).strip('"')


def _run_command(
    argv: t.Sequence[str], *, env: t.Mapping[str, str] | None = None, data: str | None = None
) -> CommandResult:
    done = subprocess.run(
        list(argv),
        env={**os.environ, **(env or {})},
        input=data,
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
        errors="surrogateescape",
    )
    return CommandResult(done.returncode, done.stdout, done.stderr)


class ActionModule(ActionBase):
    """Enters the room of the task's module in process, or ships the module when the task is not local."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        if not self._is_local(variables):
            return {
                **result,
                **self._execute_module(task_vars=task_vars, wrap_async=bool(self._task.async_val)),
            }
        name = str(self._task.action).rsplit(".", 1)[-1]
        operation: Operation = importlib.import_module(f"{_MODULES}.{name}").OPERATION
        environment: dict[str, t.Any] = {}
        self._compute_environment_string(environment)
        before = dict(os.environ)
        os.environ.update({str(key): str(value) for key, value in environment.items()})
        try:
            return {**result, **self._enter(name, operation)}
        finally:
            os.environ.clear()
            os.environ.update(before)

    def _is_local(self, variables: dict[str, t.Any]) -> bool:
        given = self._templar.template(variables.get("prefect_in_process", True))
        try:
            wanted = boolean(given)
        except TypeError:
            raise AnsibleError(f"prefect_in_process is {given!r}; allowed are true and false.") from None
        return (
            wanted
            and self._connection.transport == "local"
            and not self._connection.become
            and not self._task.async_val
        )

    def _enter(self, name: str, operation: Operation) -> dict[str, t.Any]:
        lacking = missing(operation.requires)
        if lacking:
            return {"failed": True, "msg": " ".join(missing_required_lib(library) for library in lacking)}
        validation = ArgumentSpecValidator(**operation.spec.to_kwargs()).validate(_plain(self._task.args))
        secrets: set[str] = set(validation._no_log_values)
        warnings = [f"Both option {w['option']} and its alias {w['alias']} are set." for w in validation._warnings]
        answer: dict[str, t.Any]
        if validation.error_messages:
            message = validation.errors.msg
            if isinstance(validation.errors[0], UnsupportedError):
                message = f"Unsupported parameters for (hotpass.prefect.{name}) module: {message}"
            answer = {"failed": True, "msg": message}
        else:

            def tell(line: str) -> None:
                if not self._task.no_log:
                    Display().display(f"    {scrub(line, secrets)}")

            context = Context(check=self._task.check_mode, run_command=_run_command, tell=tell)
            try:
                outcome = operation.run(dict(validation.validated_parameters), context)
            except CollectionError as error:
                answer = {"failed": True, **failure(error)}
            else:
                warnings.extend(warnings_of(outcome))
                answer = outcome.to_result(with_diff=bool(self._task.diff))
        if warnings:
            answer["warnings"] = warnings
        return t.cast("dict[str, t.Any]", remove_values(answer, secrets))
