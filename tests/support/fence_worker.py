# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real process worker with the fence on its path, and deployments whose runs have to pass it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Draft, Event, Kind
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

from tests.conftest import ROOT
from tests.support.ring_story import ADA, RingStory
from tests.support.shapes import Result

FENCE = ROOT / "prefect" / "fence"
STEP = "hotpass_fence.steps.enter_release"
_STOP_SECONDS = 20.0
_RUN_SECONDS = 300.0
_LOG_SECONDS = 60.0
_ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class Worker:
    """A process worker of the tests' own environment.

    :ivar home: its directory; ``worker.log`` in it is all that it and its runs print.
    :ivar cache: where its runs keep releases.
    """

    def __init__(self, home: Path, api_url: str, pool: str) -> None:
        self.home = home
        self.cache = home / "cache"
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "HOTPASS_"))}
        env.update(
            DO_NOT_TRACK="1",
            HOTPASS_CACHE=str(self.cache),
            HOTPASS_FENCE_WAIT="3",
            PREFECT_API_URL=api_url,
            PREFECT_HOME=str(home / "prefect"),
            PREFECT_LOGGING_TO_API_BATCH_INTERVAL="0.2",
            PREFECT_WORKER_QUERY_SECONDS="1",
            PYTHONPATH=str(FENCE),
        )
        # The environment of the person who tests is not the worker's.
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        command = ["-m", "prefect", "worker", "start", "--pool", pool, "--type", "process", "--name", pool]
        with (home / "worker.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command, "--install-policy", "never"],
                env=env,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self) -> None:
        """End it and its runs."""
        for ending in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is not None:
                break
            os.killpg(self._process.pid, ending)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue


class Fenced:
    """Deployments of the flow ``tiny/flow.py:say`` behind the fence, their runs, and the ledger of their ring.

    :param solution: of the ledger; the ring is ``dev``.
    :ivar story: what the ledger says so far.
    """

    def __init__(self, session: Session, pool: str, store: Path, solution: str) -> None:
        self.session = session
        self.solution = solution
        self.store = store
        self.story = RingStory(solution, "dev")
        self._pool = pool
        self._flow = session.write("POST", "/flows/", {"name": f"say-{solution}"})["id"]

    def go(self, release: str, *states: State, rolls_back: int | None = None) -> None:
        """Take the generation under way, or a new one, through some states."""
        kind = Kind.ROLLBACK if rolls_back else Kind.PROMOTE
        for state in states:
            number = self.story.chain.last_generation + (state is State.QUEUED)
            detail = {"rolls_back": rolls_back} if state is State.QUEUED and rolls_back else {}
            self._add(Draft(Event.TRANSITION, number, ADA, kind, state, release, detail))

    def permit(self, release: str, tag: str, max_runs: int) -> None:
        """Permit some runs of the generation under way."""
        detail = {"purpose": "smoke", "tag": tag, "max_runs": max_runs, "expires": "2099-01-31T10:20:30Z"}
        self._add(Draft(Event.PERMIT, self.story.chain.last_generation, ADA, release=release, detail=detail))

    def _add(self, draft: Draft) -> None:
        record = self.story.add(draft)
        self.session.write("POST", "/variables/", {"name": record.variable, "value": record.to_json()})

    def steps(self, generation: t.Any, release: str, **inputs: t.Any) -> list[Result]:
        """The pull steps of a deployment of this release."""
        given = {"ring": "dev", "solution": self.solution, "generation": generation, "release": release}
        return [{STEP: {**given, "store": str(self.store), **inputs}}]

    def deploy(self, name: str, generation: t.Any, release: str, *, env: t.Any = None, **fields: t.Any) -> str:
        """Make a deployment, and return its id.

        :param env: more environment for its runs.
        """
        body = {
            "name": name,
            "flow_id": self._flow,
            "work_pool_name": self._pool,
            "entrypoint": "tiny/flow.py:say",
            "pull_steps": self.steps(generation, release),
            "concurrency_limit": 1,
            "job_variables": {"env": env or {}},
            **fields,
        }
        made: str = self.session.write("POST", "/deployments/", body)["id"]
        return made

    def start(self, deployment: str, **fields: t.Any) -> str:
        """Start a run now, and return its id."""
        made: str = self.session.write("POST", f"/deployments/{deployment}/create_flow_run", fields)["id"]
        return made

    def run(self, run: str) -> Result:
        """A run as the server has it."""
        row: Result = self.session.get(f"/flow_runs/{run}")
        return row

    def wait(self, run: str, until: t.Callable[[Result], bool] = lambda row: row["state_type"] in _ENDED) -> Result:
        """Wait until a run has ended, or has become what a test waits for.

        :raises TimeoutError: when it does not; the message says what it is.
        """
        deadline = time.monotonic() + _RUN_SECONDS
        while not until(row := self.run(run)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{row['state_name']} {row['state']}; states {self.states(run)}; {self.log(run)}")
            time.sleep(0.2)
        return row

    def wait_for_name(self, run: str, name: str) -> Result:
        """Wait until the state of a run has a name."""
        return self.wait(run, lambda row: row["state_name"] == name)

    def states(self, run: str) -> list[str]:
        """The names of all states that a run has had."""
        return [state["name"] for state in self.session.get(f"/flow_run_states/?flow_run_id={run}")]

    def log(self, run: str) -> list[str]:
        """What a run has logged."""
        wanted = {"logs": {"flow_run_id": {"any_": [run]}}, "sort": "TIMESTAMP_ASC"}
        return [row["message"] for row in self.session.search("/logs/filter", wanted)]

    def logged(self, run: str, text: str) -> str:
        """The line of a run's log that holds a text. Logs reach the server later than states.

        :raises TimeoutError: when there is none; the message is the log.
        """
        deadline = time.monotonic() + _LOG_SECONDS
        while True:
            log = self.log(run)
            for line in log:
                if text in line:
                    return line
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {text!r} in {log}")
            time.sleep(0.2)

    def slots(self, deployment: str) -> int:
        """How many slots of a deployment's concurrency limit are taken."""
        taken: int = self.session.get(f"/deployments/{deployment}")["global_concurrency_limit"]["active_slots"]
        return taken
