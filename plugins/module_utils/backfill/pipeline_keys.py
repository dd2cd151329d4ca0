# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pipeline of a replay may be told. The flow's own copy is ``hotpass.backfill_parameters``."""

from __future__ import annotations

import dataclasses
import typing as t


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a key may hold.

    :param allowed: the same in words.
    """

    allows: t.Callable[[t.Any], bool]
    allowed: str


_TEXT = Rule(lambda value: isinstance(value, str) and bool(value.strip()), "a text that is not blank")

RULES: t.Final[t.Mapping[str, Rule]] = {
    "profile_name": _TEXT,
    "archive": Rule(lambda value: isinstance(value, bool), "true or false"),
    "dist_dir": _TEXT,
    "backfill": Rule(lambda value: value is True, "true, because a backfill only replays"),
    "incremental": Rule(lambda value: value is False, "false, because a replay takes its whole input"),
    "since": Rule(lambda value: value is None, "null, because a replay takes its whole input"),
}
OF_THE_WINDOW: t.Final[t.Mapping[str, str]] = {
    "input_dir": "a window reads what its archive is restored to, below restore_root",
    "output_path": "a window writes a file of its own, below restore_root",
}
"""The other keys of a refinement, each with what decides it in a replay."""
