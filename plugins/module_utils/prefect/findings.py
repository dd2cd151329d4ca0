# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a health check says, and how one waits for an answer."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context

_POLL = 0.5


@dataclasses.dataclass(frozen=True)
class Finding:
    """The verdict of one check.

    :param verdict: ``pass``; ``fail``, a negative answer; or ``error``, no answer could be had.
    :param message: one sentence, without its full stop.
    :param remedy: what to do about it, one sentence; empty when it passed.
    """

    check: str
    verdict: str
    message: str
    remedy: str = ""

    def to_result(self) -> dict[str, str]:
        """The finding as a return value."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Ward:
    """What a check has at hand.

    :param params: the validated arguments of the task.
    :param patience: seconds that each check may wait.
    """

    session: Session
    context: Context
    params: t.Mapping[str, t.Any]
    patience: float


def passed(check: str, message: str) -> Finding:
    """A check that was made and found nothing wrong."""
    return Finding(check, "pass", message)


def failed(check: str, message: str, remedy: str) -> Finding:
    """A check that was made and found something wrong."""
    return Finding(check, "fail", message, remedy)


def until(ward: Ward, what: str, look: t.Callable[[], Finding]) -> Finding:
    """Look again until the check passes or the patience ends; the last finding.

    :param what: is being waited for, as progress shows it.
    """
    deadline = time.monotonic() + ward.patience
    told = False
    while True:
        finding = look()
        if finding.verdict == "pass":
            return finding
        if time.monotonic() > deadline:
            return dataclasses.replace(finding, message=f"{finding.message} (waited {ward.patience:g} s)")
        if not told:
            ward.context.tell(f"waiting for {what}")
            told = True
        time.sleep(_POLL)
