# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flow run that the fence stands before, and what the fence asks and tells its Prefect server."""

from __future__ import annotations

import itertools
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import PrefectException
from prefect.logging.loggers import flow_run_logger
from prefect.states import Scheduled

from hotpass_fence import ledger
from hotpass_fence.decision import Pair, Situation
from hotpass_fence.errors import Refused

PUT_OFF, REFUSED = "AwaitingRelease", "Refused"
RELEASE_LABEL, GENERATION_LABEL = "hotpass.prefect/release", "hotpass.prefect/generation"
_PAGE = 200
_READINGS = 3
_PAUSE = 0.3


class Run:
    """A flow run that is about to start."""

    def __init__(self, client: SyncPrefectClient, row: FlowRun) -> None:
        self._client = client
        self._row = row
        # Its adapter is generic only for the type checker.
        self.log: logging.LoggerAdapter[Any] = flow_run_logger(row)

    @property
    def tags(self) -> list[str]:
        """The tags that it carries."""
        return list(self._row.tags)

    def situation(self, solution: str, ring: str) -> Situation:
        """What the ledger of a ring says now. What is broken is read again: it may have been about to be mended.

        :raises Refused: when it stays broken, or cannot be read.
        """
        for _reading in range(_READINGS - 1):
            try:
                return self._situation(solution, ring)
            except ledger.Broken:
                time.sleep(_PAUSE)
        return self._situation(solution, ring)

    def rank(self, tag: str) -> int:
        """How many runs carry a tag up to this one, in order of their creation.

        :raises Refused: when they cannot be counted with one request.
        """
        wanted = {"flow_runs": {"tags": {"all_": [tag]}}, "limit": _PAGE, "sort": "ID_DESC"}
        rows = self._rows("/flow_runs/filter", wanted, f"The runs with the tag {tag!r} could not be counted")
        if len(rows) == _PAGE:
            raise Refused(f"{_PAGE} or more runs carry the tag {tag!r}, so the permit does not tell which may start.")
        order = sorted((datetime.fromisoformat(row["created"]), row["id"]) for row in rows)
        places = {run_id: place for place, (_created, run_id) in enumerate(order, start=1)}
        if str(self._row.id) not in places:
            raise Refused(f"The run is not among those that the server says carry the tag {tag!r}.")
        return places[str(self._row.id)]

    def label(self, pair: Pair) -> None:
        """Write the verified release on the run."""
        with _answers("The verified release could not be written on the run"):
            labels: dict[str, Any] = {RELEASE_LABEL: pair.release, GENERATION_LABEL: pair.generation}
            self._client.update_flow_run_labels(self._row.id, labels)

    def seconds_until_due(self) -> float:
        """How long it is until the run is meant to start; workers take runs out of the queue a little early."""
        due = self._row.state.state_details.scheduled_time if self._row.state else None
        return max(due.timestamp() - _now().timestamp(), 0.0) if due else 0.0

    def put_off(self, reason: str, wait: timedelta, give_up: timedelta) -> NoReturn:
        """Let the run start again later, from the beginning, and end this process.

        :param give_up: how long since it was put off for the first time the run waits at most.
        :raises Refused: when it has waited that long.
        """
        with _answers("The states of the run could not be read"):
            states = self._client.read_flow_run_states(self._row.id)
        first = min((state.timestamp for state in states if state.name == PUT_OFF), default=None)
        if first and _now().timestamp() - first.timestamp() >= give_up.total_seconds():
            raise Refused(f"{reason} It has waited since {first.isoformat(timespec='seconds')}, which is long enough.")
        # Writing a deployment deletes those of its schedule's runs that are due later, and a rollback writes it. So one
        # that the schedule made is due at once, and started again whenever the worker next looks.
        later = _now() if self._row.auto_scheduled else _now() + wait
        self.log.info("%s", reason)
        self._set(Scheduled(scheduled_time=later, name=PUT_OFF, message=reason))
        _leave()

    def refuse(self, reason: str) -> NoReturn:
        """Let the run fail with a sentence, and end this process."""
        self.log.error("%s", reason)
        self._set(State(type=StateType.FAILED, name=REFUSED, message=reason))
        _leave()

    def _situation(self, solution: str, ring: str) -> Situation:
        names = {"name": {"like_": ledger.prefix(solution, ring)}}
        what = f"The ledger of ring {ring} of {solution} could not be read"
        variables: dict[str, Any] = {}
        for offset in itertools.count(0, _PAGE):
            wanted = {"variables": names, "limit": _PAGE, "offset": offset, "sort": "NAME_ASC"}
            page = self._rows("/variables/filter", wanted, what)
            variables |= {row["name"]: row["value"] for row in page}
            if len(page) < _PAGE:
                break
        return ledger.read(solution, ring, variables)

    def _rows(self, path: str, body: dict[str, Any], what: str) -> list[dict[str, Any]]:
        with _answers(what):
            answer = self._client._client.post(path, json=body)
            answer.raise_for_status()
            rows: list[dict[str, Any]] = answer.json()
            return rows

    def _set(self, state: State[Any]) -> None:
        with _answers(f"{state.message} The run could not be set to {state.name}"):
            answer = self._client.set_flow_run_state(self._row.id, state)
            if answer.status is not SetStateStatus.ACCEPT:
                raise Refused(f"{state.message} The server did not take the state {state.name} for the run.")


@contextmanager
def open_run() -> Iterator[Run]:
    """The flow run that this process is for.

    :raises Refused: when it is for none, as that of a worker which looks for a flow's hooks, or the server cannot be
        asked.
    """
    try:
        run_id = UUID(os.environ.get("PREFECT__FLOW_RUN_ID", ""))
    except ValueError:
        raise Refused("enter_release is a pull step: it works in the process of a flow run only.") from None
    with get_client(sync_client=True) as client:
        with _answers("The run could not be read from the Prefect server"):
            row = client.read_flow_run(run_id)
        yield Run(client, row)


@contextmanager
def _answers(what: str) -> Iterator[None]:
    """Turn whatever a request can end with into one sentence."""
    try:
        yield
    except (httpx.HTTPError, PrefectException, RuntimeError, ValueError) as error:
        said = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        raise Refused(f"{what}: {said}.") from error


def _leave() -> NoReturn:
    """End the process of the run with exit code 0, so that nobody overwrites the state that the fence gave the run.

    No exception does that. Where the worker's supervisor runs the pull steps an Abort ends it with exit code 1, and the
    worker then calls the run crashed; where the engine runs them, a SystemExit does the same.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _now() -> datetime:
    return datetime.now(UTC)
