# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A thread that does what a worker and its runs do to the server, so that tests of a backfill choose each run's end."""

from __future__ import annotations

import datetime as dt
import threading
import time

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.shapes import Result

SUMMARY = "hotpass-backfill-summary"
COMPLETE, FAIL, CRASH, CANCEL, SILENT, LIE, PUT_OFF, REFUSE, MUTE = (
    "complete",
    "fail",
    "crash",
    "cancel",
    "silent",
    "lie",
    "put off",
    "refuse",
    "mute",
)
_STATES: dict[str, Result] = {
    COMPLETE: {"type": "COMPLETED", "name": "Completed"},
    SILENT: {"type": "COMPLETED", "name": "Completed"},
    LIE: {"type": "COMPLETED", "name": "Completed"},
    FAIL: {"type": "FAILED", "name": "Failed", "message": "Flow run encountered an exception."},
    MUTE: {"type": "FAILED", "name": "Failed", "message": "Flow run encountered an exception."},
    CRASH: {"type": "CRASHED", "name": "Crashed", "message": "The process was killed."},
    CANCEL: {"type": "CANCELLED", "name": "Cancelled", "message": "Somebody wanted it."},
    REFUSE: {"type": "FAILED", "name": "Refused", "message": "Generation 3 is not Active."},
}


class BackfillWorker:
    """Takes the due runs of one deployment, as the server's answers allow, and brings each to its end.

    Use it as a context manager.

    :param seconds: that each run is RUNNING.
    :ivar endings: how the run of a window (``"2024-01-01 1"``) ends; COMPLETE when it is not named. A list is used up
        from its front, attempt by attempt.
    """

    def __init__(self, api_url: str, deployment_id: str, seconds: float = 0.3) -> None:
        self.endings: dict[str, str | list[str]] = {}
        self._seconds = seconds
        self._deployment = deployment_id
        self._session = Session(Connection(api_url, retries=10))
        self._over = threading.Event()
        self._running: dict[str, tuple[float, Result, str]] = {}
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.problem: BaseException | None = None

    def __enter__(self) -> BackfillWorker:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self._thread.join(30)
        self._session.close()
        assert self.problem is None, self.problem

    def _work(self) -> None:
        try:
            while not self._over.wait(0.05):
                self._take()
                self._finish()
        except BaseException as problem:  # noqa: BLE001  The test's own thread tells it.
            self.problem = problem

    def _take(self) -> None:
        wanted = {
            "flow_runs": {"deployment_id": {"any_": [self._deployment]}, "state": {"type": {"any_": ["SCHEDULED"]}}},
            "sort": "EXPECTED_START_TIME_ASC",
        }
        now = dt.datetime.now(dt.UTC)
        for run in self._session.search("/flow_runs/filter", wanted):
            due = dt.datetime.fromisoformat(run["next_scheduled_start_time"] or run["expected_start_time"])
            if due > now or not self._set(run, {"type": "PENDING", "name": "Pending"}):
                continue
            ending = self._ending(run)
            if ending == PUT_OFF:
                later = (now + dt.timedelta(seconds=4)).isoformat()
                details = {"scheduled_time": later}
                said = "generation 2 is not Active yet."
                self._set(
                    run,
                    {"type": "SCHEDULED", "name": "AwaitingRelease", "message": said, "state_details": details},
                    force=True,
                )
                continue
            self._set(run, {"type": "RUNNING", "name": "Running"})
            self._running[run["id"]] = (time.monotonic() + self._seconds, run, ending)

    def _finish(self) -> None:
        for run_id, (until, run, ending) in list(self._running.items()):
            if time.monotonic() < until:
                continue
            del self._running[run_id]
            if ending in (COMPLETE, FAIL, LIE):
                self._publish(run, success=ending == COMPLETE)
            self._set(run, _STATES[ending])

    def _set(self, run: Result, state: Result, force: bool = False) -> bool:
        answer = self._session.write("POST", f"/flow_runs/{run['id']}/set_state", {"state": state, "force": force})
        return bool(answer["status"] == "ACCEPT")

    def _ending(self, run: Result) -> str:
        window = run["parameters"]["runs"][0]
        chosen = self.endings.get(f"{window['run_date']} {window['version']}", COMPLETE)
        if isinstance(chosen, str):
            return chosen
        return chosen.pop(0) if chosen else COMPLETE

    def _publish(self, run: Result, success: bool) -> None:
        (window,) = run["parameters"]["runs"]
        account = {
            **window,
            "success": success,
            "error": None if success else "no such archive",
            "records_in": 12,
            "total_records": 10 if success else None,
            "elapsed_seconds": self._seconds,
        }
        figures = {"total_runs": 1, "successful_runs": int(success), "failed_runs": int(not success)}
        body = {
            "key": SUMMARY,
            "type": "json",
            "data": {"flow": "hotpass-backfill", "runs": [account], "metrics": figures, "runtime": "prefect"},
            "flow_run_id": run["id"],
        }
        self._session.write("POST", "/artifacts/", body)
