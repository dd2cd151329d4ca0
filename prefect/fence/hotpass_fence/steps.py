# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pull step of every deployment that is under releases."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hotpass_fence.cache import Unpacked, provide
from hotpass_fence.decision import Decision, Outcome, Pair, decide
from hotpass_fence.errors import Refused
from hotpass_fence.release import is_digest, is_whole
from hotpass_fence.runs import Run, open_run
from hotpass_fence.settings import Settings
from hotpass_fence.sources import open_source

FLOWS = "flows"
# What was read longer ago than this is read again before the run starts.
_FRESH_SECONDS = 1.0


def enter_release(ring: str, solution: str, generation: int, release: str, store: str | None = None) -> dict[str, str]:
    """Let the run go on in the directory of its release's flows, if that release may run in the ring now.

    Use it as a deployment's pull step::

        pull_steps:
          - hotpass_fence.steps.enter_release:
              ring: staging
              solution: hotpass
              generation: 7
              release: sha256:...
              store: oci://registry.example.com/hotpass

    The run goes on when (generation, release) is what the ring's ledger says is Active, or a permit of the generation
    under way covers it; the digest, proved byte by byte, is then in the run's labels. While its generation is under
    way without a permit the run is put off (``AwaitingRelease``). In every other case, an unreachable ledger or store
    and a damaged byte among them, the run fails with one sentence in its log and state (``Refused``).

    :param store: a directory or ``oci://host[:port]/repository``; HOTPASS_STORE of the worker goes before it.
    :returns: ``directory``, the working directory, as ``set_working_directory`` does. The process of a run that was put
        off or refused has ended before.
    :raises Refused: when not even that could be told the server; Prefect then calls the run crashed.
    """
    with open_run() as run:
        try:
            own = _pair(generation, release)
            settings = Settings.read(store)
            directory = _enter(run, own, ring, solution, settings)
        except Refused as refusal:
            run.refuse(str(refusal))
    # No bytecode may be added to the tree: here, and in the process that runs the flow.
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.chdir(directory)
    return {"directory": str(directory)}


def _enter(run: Run, own: Pair, ring: str, solution: str, settings: Settings) -> Path:
    decision, read_at = _decide(run, own, ring, solution, settings)
    unpacked = provide(settings.cache, own.release, solution, lambda: open_source(settings.store))
    if unpacked.warning:
        run.log.warning("%s", unpacked.warning)
    directory = unpacked.tree / FLOWS
    if not directory.is_dir():
        raise Refused(f"The release {own.release} has no directory {FLOWS}.")
    # Workers take runs out of the queue up to ten seconds early. What counts is what is Active when the run is due.
    time.sleep(run.seconds_until_due())
    if time.monotonic() - read_at > _FRESH_SECONDS:
        decision, _read_at = _decide(run, own, ring, solution, settings)
    run.label(own)
    run.log.info("Ring %s of %s: %s %s", ring, solution, decision.reason, _origin(unpacked, settings))
    return directory


def _decide(run: Run, own: Pair, ring: str, solution: str, settings: Settings) -> tuple[Decision, float]:
    """The decision that the run may start, and when it was made; puts the run off or refuses it otherwise."""
    read_at = time.monotonic()
    situation = run.situation(solution, ring)
    decision = decide(own, situation, run.tags, datetime.now(UTC), run.rank)
    if decision.outcome is Outcome.PUT_OFF:
        run.put_off(decision.reason, settings.wait, settings.give_up)
    if decision.outcome is not Outcome.RUN:
        raise Refused(decision.reason)
    return decision, read_at


def _pair(generation: Any, release: Any) -> Pair:
    if not is_whole(generation) or generation < 1 or not is_digest(release):
        raise Refused(
            f"The pull step names generation {str(generation)[:100]!r} and release {str(release)[:100]!r}; allowed are "
            "a number from 1 on, and sha256: with 64 hexadecimal digits."
        )
    return Pair(generation, release)


def _origin(unpacked: Unpacked, settings: Settings) -> str:
    if unpacked.fetched:
        return f"Its bytes were fetched from {settings.store} and verified."
    return "Its bytes were in the cache and verified."
