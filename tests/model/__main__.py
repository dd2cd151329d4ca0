# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints what the model check finds, as the table of ``docs/model.md``: ``python -m tests.model``."""

from __future__ import annotations

import sys
import time

from tests.model.bounds import BUGS, WORLDS
from tests.model.recovery import recover
from tests.model.search import Finding, search
from tests.model.world import World


def _say(text: object) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _main() -> None:
    _say("| world | states | transitions | longest way | remains | seconds |\n|---|---|---|---|---|---|")
    for name, settings in WORLDS.items():
        began = time.process_time()
        world = World(settings)
        result = search(world)
        remains, finding = (0, result.finding) if result.finding else recover(world, result)
        seconds = time.process_time() - began
        _say(
            f"| {name} | {result.states:,} | {result.transitions:,} | {result.depth} | {remains:,} | {seconds:.1f} |",
        )
        if finding:
            _say(finding)
    _say("\n| bug | found as | after states | steps | seconds |\n|---|---|---|---|---|")
    traces: list[tuple[str, Finding]] = []
    for name, bug in BUGS.items():
        world = World(bug.settings)
        result = search(world, {bug.invariant})
        found = result.finding
        if found is None and bug.invariant == "I5":
            _remains, found = recover(world, result)
        steps = f"{bug.invariant} | {result.states:,} | {len(found.trace)}" if found else "not found | |"
        _say(f"| {name} | {steps} | {result.seconds:.1f} |")
        if found:
            traces.append((name, found))
    for name, found in traces:
        _say(f"\n{name}: {found}")


if __name__ == "__main__":
    _main()
