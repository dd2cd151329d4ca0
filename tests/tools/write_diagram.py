# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the diagram of states in ``docs/ring-states.md`` from the table. Run it after every change of the table."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(_ROOT / "collections"))

from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import (  # noqa: E402
    SETTLED,
    START,
    TABLE,
    State,
    Transition,
)

DOCUMENT = _ROOT / "docs" / "ring-states.md"
BEGIN: t.Final = "<!-- The diagram is written by tests/tools/write_diagram.py. -->\n"
END: t.Final = "<!-- End of the diagram. -->\n"


def diagram(table: t.Sequence[Transition] = TABLE) -> str:
    """The table as a Mermaid state diagram, in its fence."""
    arrows = [f"    [*] --> {START.value}"]
    arrows += [f"    {step.before.value} --> {step.after.value}: {step.label}" for step in table]
    leaving = {step.before for step in table}
    arrows += [f"    {state.value} --> [*]" for state in State if state in SETTLED and state not in leaving]
    return "\n".join(["```mermaid", "stateDiagram-v2", *arrows, "```", ""])


def written(text: str) -> str:
    """The document with the diagram as it should be.

    :raises ValueError: when the document does not have each of the two marks once, in their order.
    """
    head, begin, rest = text.partition(BEGIN)
    _old, end, tail = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in tail:
        raise ValueError(
            f"{DOCUMENT.name} must have the lines {BEGIN.strip()} and {END.strip()}, once and in this order"
        )
    return f"{head}{BEGIN}{diagram()}{END}{tail}"


if __name__ == "__main__":
    current = DOCUMENT.read_text(encoding="utf-8")
    wanted = written(current)
    DOCUMENT.write_text(wanted, encoding="utf-8")
    print(f"{DOCUMENT.relative_to(_ROOT)}: {'already current' if wanted == current else 'written'}")
