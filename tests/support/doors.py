# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Enters a module's room three ways: called directly, as a shipped module, and through the controller's door."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.room import CommandResult, Context, Operation

ROOT = Path(__file__).resolve().parents[2]

DoorName = t.Literal["module", "action"]
_PLAY_SECONDS = 300


@dataclasses.dataclass(frozen=True)
class Task:
    """One task of a play.

    :param module: its short name, such as ``prefect_work_pool``.
    :param options: what it is given, beside the connection.
    """

    module: str
    options: t.Mapping[str, t.Any]
    check: bool = False
    no_log: bool = False


@dataclasses.dataclass(frozen=True)
class Played:
    """What a play said.

    :param results: of the tasks, in their order, as they were registered.
    :param output: everything that was printed, with the greatest verbosity.
    """

    results: list[dict[str, t.Any]]
    output: str


def operation(module: str) -> Operation:
    """What the module with this short name does."""
    found: Operation = importlib.import_module(
        f"ansible_collections.hotpass.prefect.plugins.modules.{module}"
    ).OPERATION
    return found


def _run_command(
    argv: t.Sequence[str], *, env: t.Mapping[str, str] | None = None, data: str | None = None
) -> CommandResult:
    done = subprocess.run(
        list(argv), env={**os.environ, **(env or {})}, input=data, capture_output=True, text=True, check=False
    )
    return CommandResult(done.returncode, done.stdout, done.stderr)


class Doors:
    """The ways into the modules, all with the same connection options.

    :param connection: given to every task that does not give them itself, such as ``api_url``.
    :param workdir: where plays and their results are written.
    :ivar told: the lines of progress of the rooms called directly.
    """

    def __init__(self, connection: t.Mapping[str, t.Any], workdir: Path) -> None:
        self.connection = dict(connection)
        self.told: list[str] = []
        self._workdir = workdir

    def room(self, module: str, /, *, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        """Call the room with validated arguments, and return what its task would.

        :param check_mode: predict only.
        """
        entered = operation(module)
        given = copy.deepcopy({**self.connection, **options})
        validation = ArgumentSpecValidator(**entered.spec.to_kwargs()).validate(given)
        if validation.error_messages:
            return {"failed": True, "changed": False, "msg": validation.errors.msg}
        context = Context(check=check_mode, run_command=_run_command, tell=self.told.append)
        try:
            outcome = entered.run(dict(validation.validated_parameters), context)
        except CollectionError as error:
            details = {key: value for key, value in error.details.items() if key != "secrets"}
            return {"failed": True, "changed": False, "msg": error.message, **details}
        result = {"failed": False, **outcome.to_result(with_diff=True)}
        if outcome.warnings:
            result["warnings"] = outcome.warnings
        return result

    def play(
        self,
        tasks: t.Sequence[Task],
        door: DoorName,
        *,
        interpreter: str = sys.executable,
        env: t.Mapping[str, str] | None = None,
    ) -> Played:
        """Carry out the tasks with one ``ansible-playbook``; a failed task does not end it.

        :param interpreter: the Python that shipped modules run with.
        :param env: further environment variables of the controller.
        :raises AssertionError: when the play itself could not be carried out; the message is what it printed.
        """
        file, answers = self._workdir / "play.yml", self._workdir / "answers.json"
        answers.unlink(missing_ok=True)
        file.write_text(yaml.dump(self._playbook(tasks, answers), Dumper=_Dumper, sort_keys=False), encoding="utf-8")
        variables = {"prefect_in_process": door == "action", "ansible_python_interpreter": interpreter}
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "ansible",
                "playbook",
                "-vvv",
                "--diff",
                "-e",
                json.dumps(variables),
                str(file),
            ],
            cwd=ROOT,
            env=self._environment(env),
            capture_output=True,
            text=True,
            timeout=_PLAY_SECONDS,
            check=False,
        )
        output = done.stdout + done.stderr
        assert answers.exists(), output
        return Played(json.loads(answers.read_text(encoding="utf-8")), output)

    def _playbook(self, tasks: t.Sequence[Task], answers: Path) -> list[dict[str, t.Any]]:
        steps: list[dict[str, t.Any]] = [
            {
                f"hotpass.prefect.{task.module}": dict(task.options),
                "check_mode": task.check,
                "diff": True,
                "no_log": task.no_log,
                "ignore_errors": True,
                "register": f"answer_{number}",
            }
            for number, task in enumerate(tasks)
        ]
        names = ", ".join(f"answer_{number}" for number in range(len(tasks)))
        steps.append(
            {
                "ansible.builtin.copy": {
                    "content": f"{{{{ [{names}] | to_json }}}}",
                    "dest": str(answers),
                    "mode": "0600",
                },
                "diff": False,
                "no_log": True,
            }
        )
        return [
            {
                "hosts": "localhost",
                "gather_facts": False,
                "module_defaults": {"group/hotpass.prefect.prefect": self.connection},
                "tasks": steps,
            }
        ]

    @staticmethod
    def _environment(more: t.Mapping[str, str] | None) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "ANSIBLE_"))}
        env.update(
            ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"),
            ANSIBLE_COLLECTIONS_PATH=str(ROOT / "collections"),
            ANSIBLE_LOCALHOST_WARNING="false",
            ANSIBLE_INVENTORY_UNPARSED_WARNING="false",
            ANSIBLE_NOCOLOR="1",
            **(more or {}),
        )
        return env


class _Dumper(yaml.SafeDumper):
    """Writes texts with braces so that Ansible does not take them for templates."""

    def ignore_aliases(self, _data: t.Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    ours = value.startswith("{{ [answer_")
    return dumper.represent_scalar("tag:yaml.org,2002:str" if ours or "{{" not in value else "!unsafe", value)


_Dumper.add_representer(str, _text)
