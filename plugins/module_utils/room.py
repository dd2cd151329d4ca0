# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two doors, one room: what a module and the controller-side action plugin hand to a module's work, and get back.

A room is a function ``(params, context) -> Outcome`` that knows no Ansible. ``module_door`` (any host) and the action
plugin ``prefect_deployment`` (in process, on the controller) are its doors.
"""

from __future__ import annotations

import dataclasses
import typing as t


@dataclasses.dataclass(frozen=True)
class CommandResult:
    """What a command answered: its exit status, and its output as text."""

    rc: int
    stdout: str
    stderr: str


class RunCommand(t.Protocol):
    """Runs one command without a shell and waits for it.

    ``env`` is added to the environment of the caller; ``data`` is the standard input.
    """

    def __call__(
        self, argv: t.Sequence[str], *, env: t.Mapping[str, str] | None = None, data: str | None = None
    ) -> CommandResult: ...


def say_nothing(_line: str) -> None:
    """The way to tell progress of a door that has none."""


@dataclasses.dataclass(frozen=True)
class Context:
    """How a room is entered.

    :param check: report what would change, write nothing.
    :param run_command: the door's way to run a command.
    :param tell: shows one line of progress while a long work goes on; the module door has no way to, and drops it.
    """

    check: bool
    run_command: RunCommand
    tell: t.Callable[[str], None] = say_nothing


@dataclasses.dataclass
class Outcome:
    """What a room answers.

    :param changed: whether something was written, or in check mode would be.
    :param result: the documented return values.
    :param diff: Ansible's diff: one mapping with ``before`` and ``after``, or a list of them.
    :param warnings: sentences for the user.
    :param secrets: texts that no message may quote; in results and diffs the room hides them itself.
    """

    changed: bool
    result: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    diff: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    secrets: set[str] = dataclasses.field(default_factory=set)

    def to_result(self, with_diff: bool) -> dict[str, t.Any]:
        """The keys of a successful task result, without warnings, which each door has its own way for."""
        answer = {**self.result, "changed": self.changed}
        if with_diff and self.diff:
            answer["diff"] = self.diff
        return answer


@dataclasses.dataclass(frozen=True)
class Spec:
    """The arguments of a module, as an object that merges: each group of options lives once."""

    options: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    mutually_exclusive: tuple[tuple[str, ...], ...] = ()
    required_together: tuple[tuple[str, ...], ...] = ()
    required_one_of: tuple[tuple[str, ...], ...] = ()
    required_if: tuple[tuple[t.Any, ...], ...] = ()
    required_by: t.Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    def __add__(self, other: Spec) -> Spec:
        return Spec(
            options={**self.options, **other.options},
            mutually_exclusive=self.mutually_exclusive + other.mutually_exclusive,
            required_together=self.required_together + other.required_together,
            required_one_of=self.required_one_of + other.required_one_of,
            required_if=self.required_if + other.required_if,
            required_by={**self.required_by, **other.required_by},
        )

    def to_kwargs(self) -> dict[str, t.Any]:
        """The keyword arguments that ``AnsibleModule`` and ``ArgumentSpecValidator`` take."""
        return {
            "argument_spec": dict(self.options),
            "mutually_exclusive": list(self.mutually_exclusive),
            "required_together": list(self.required_together),
            "required_one_of": list(self.required_one_of),
            "required_if": list(self.required_if),
            "required_by": dict(self.required_by),
        }


@dataclasses.dataclass(frozen=True)
class Operation:
    """One module: its arguments, its work, and the libraries the work needs."""

    spec: Spec
    run: t.Callable[[dict[str, t.Any], Context], Outcome]
    requires: tuple[str, ...] = ("urllib3",)
