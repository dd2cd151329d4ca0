# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the windows of a backfill on a Prefect server: finds what is done, keeps so many in flight, and follows them.

Everything that it knows is in the server, under the idempotency keys: killed at any moment and started again, it joins
the runs in flight and runs nothing again that is done.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import time
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.backfill import entries as entries_
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.entries import SUMMARY_KEY, Entry
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.progress import Progress
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.sampler import Sampler
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import (
    filters,
    following,
    reading,
    run_rows,
    run_start,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.errors import Unavailable, Unreachable
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.reading import Row
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

_T = t.TypeVar("_T")

# Seconds in which nothing happens until the reason is told; then twice as long until it is told again, and so on.
_REASON_AFTER, _REASON_AT_MOST = 15.0, 300.0


@dataclasses.dataclass(frozen=True)
class Pace:
    """How a backfill is driven.

    :param in_flight: how many runs may be submitted and not at their end.
    :param on_error: ``stop`` submits nothing more once a window failed; ``continue`` goes on.
    :param rerun: ``failed`` starts another run for a window whose last attempt failed; ``none`` reports that one.
    :param poll: seconds between two looks.
    :param wait_timeout: seconds for all windows together.
    :param stall_timeout: seconds in which a run has to be running, begin or end.
    :param outage_timeout: seconds for which the server may be away while runs are followed.
    """

    in_flight: int
    on_error: str = "stop"
    rerun: str = "failed"
    poll: float = 0.5
    wait_timeout: float = 86400.0
    stall_timeout: float = 1800.0
    outage_timeout: float = 60.0


class Driver:
    """One backfill on one deployment.

    :param body: of every run's creation, beside its parameters: tags, work queue.
    :param overrides: the parameters of every run, beside ``runs``.
    """

    def __init__(
        self,
        session: Session,
        deployment: Row,
        entries: t.Sequence[Entry],
        pace: Pace,
        progress: Progress,
        sampler: Sampler,
        *,
        body: t.Mapping[str, t.Any],
        overrides: t.Mapping[str, t.Any],
    ) -> None:
        self.entries = list(entries)
        self.stopped = False
        self._session = session
        self._deployment = deployment
        self._pace = pace
        self._progress = progress
        self._sampler = sampler
        self._body = body
        self._overrides = overrides
        self._begun = self._moved = self._reasoned = time.monotonic()
        self._reason_after = _REASON_AFTER
        self._submitted: dict[int, float] = {}
        self._told: set[tuple[str, str]] = set()

    @property
    def seconds(self) -> float:
        """Since the driver was made."""
        return time.monotonic() - self._begun

    def survey(self) -> None:
        """Find the last attempt at each window, with as few requests as the server allows.

        :raises CollectionError: when another deployment of the flow holds one of the keys.
        """
        pending = list(self.entries)
        failed: dict[int, Entry] = {}
        while pending:
            rows = self._rows("idempotency_keys", [entry.key for entry in pending])
            by_key = {row["idempotency_key"]: row for row in rows}
            ended = []
            for entry in pending:
                entry.row = by_key.get(entry.key)
                if entry.row is not None:
                    run_start.check_owner(entry.row, self._deployment["id"])
                    entry.earlier = entry.ended
                    if entry.ended:
                        ended.append(entry)
                elif entry.number in failed and self._pace.rerun == "none":
                    self.entries[entry.number - 1] = failed[entry.number]
            self._judge(ended)
            pending = [entry for entry in ended if entry.problem]
            for entry in pending:
                failed[entry.number] = dataclasses.replace(entry)
                entry.forget()

    def drive(self) -> None:
        """Run every window that is not done, and follow all of them to their end.

        :raises CollectionError: when the server is lost, or time is up. What was started goes on.
        """
        queue = collections.deque(entry for entry in self.entries if entry.row is None)
        flying = [entry for entry in self.entries if entry.row is not None and not entry.ended]
        self._patiently(lambda: self._sampler.take(at_once=True))
        while True:
            while queue and len(flying) < self._pace.in_flight and not self.stopped:
                entry = queue.popleft()
                self._patiently(functools.partial(self._submit, entry))
                flying.append(entry)
            self._patiently(self._sampler.take)
            if not flying:
                break
            self._check_time(flying)
            time.sleep(self._pace.poll)
            self._patiently(functools.partial(self._look, flying))
            ended = [entry for entry in flying if entry.ended]
            flying = [entry for entry in flying if not entry.ended]
            self._patiently(functools.partial(self._judge, ended))
            for entry in ended:
                self._tell_end(entry)
            if queue and not self.stopped and self._pace.on_error == "stop" and any(entry.problem for entry in ended):
                self.stopped = True
                self._progress.say(f"a window failed, and on_error is stop: {len(queue)} windows are not started")
        self._patiently(lambda: self._sampler.take(at_once=True))

    def label(self, entry: Entry) -> str:
        """How a line of progress begins."""
        width = len(str(len(self.entries)))
        return f"[{entry.number:>{width}}/{len(self.entries)}] {entry.window}"

    def _submit(self, entry: Entry) -> None:
        body = {**self._body, "parameters": {**self._overrides, "runs": [entry.window.to_json()]}}
        self._submitted.setdefault(entry.number, time.monotonic())
        before = entry.created
        # Set before the answer: a request whose answer is lost may have created it all the same.
        entry.created = True
        entry.row, created = run_start.create(self._session, self._deployment["id"], entry.key, body)
        entry.created = created or before
        self._moved = time.monotonic()
        again = f", attempt {entry.attempt}" if entry.attempt > 1 else ""
        self._progress.say(f"{self.label(entry)}: submitted as {entry.row['name']}{again}")

    def _look(self, flying: t.Sequence[Entry]) -> None:
        ids = [entry.row["id"] for entry in flying if entry.row is not None]
        rows = {row["id"]: row for row in self._rows("ids", ids)}
        for entry in flying:
            last = t.cast("Row", entry.row)
            row = rows.get(last["id"])
            if row is None:
                entry.gone, entry.row = True, None
                continue
            entry.row = row
            if row["state_name"] == last["state_name"]:
                continue
            if row["state_type"] == "RUNNING" or entry.ended:
                self._moved, self._reason_after = time.monotonic(), _REASON_AFTER
                self._sampler.happened()
            # A run that is put off goes through the same states again and again.
            told = (row["id"], row["state_name"])
            if not entry.ended and told not in self._told:
                self._told.add(told)
                self._progress.say(f"{self.label(entry)}: {row['state_name']}{self._since_submitted(entry)}")

    def _since_submitted(self, entry: Entry) -> str:
        began = self._submitted.get(entry.number)
        return "" if began is None else f" after {time.monotonic() - began:.1f} s"

    def _rows(self, criterion: str, values: t.Sequence[str]) -> list[Row]:
        found: list[Row] = []
        for start in range(0, len(values), reading.PAGE):
            body = filters.flow_runs(**{criterion: values[start : start + reading.PAGE]})  # type: ignore[arg-type]
            found += self._session.search("/flow_runs/filter", {**body, "limit": reading.PAGE})
        return found

    def _judge(self, ended: t.Sequence[Entry]) -> None:
        """Read what the runs say of themselves, and see whether they succeeded."""
        ids = [entry.row["id"] for entry in ended if entry.row is not None]
        said = {
            artifact["flow_run_id"]: artifact["data"]
            for artifact in (run_rows.artifacts_of(self._session, ids, [SUMMARY_KEY]) if ids else ())
        }
        for entry in ended:
            data = said.get(entry.row["id"]) if entry.row is not None else None
            entry.summary = data if isinstance(data, dict) else None
            entry.problem = entries_.judge(entry)

    def _tell_end(self, entry: Entry) -> None:
        if entry.problem:
            self._progress.say(f"{self.label(entry)}: failed{self._since_submitted(entry)}: {entry.problem}")
            return
        row, own = t.cast("Row", entry.row), entry.own_summary()
        figures = f", {own['records_in']} records in, {own['total_records']} out" if "records_in" in own else ""
        self._progress.say(f"{self.label(entry)}: {row['state_name']} in {row['total_run_time']:.1f} s{figures}")

    def _check_time(self, flying: t.Sequence[Entry]) -> None:
        now = time.monotonic()
        if now - self._begun > self._pace.wait_timeout:
            raise self._given_up(flying, f"Not all windows ended within {self._pace.wait_timeout:g} s")
        if any(entry.row is not None and entry.row["state_type"] == "RUNNING" for entry in flying):
            return
        if now - self._moved > self._pace.stall_timeout:
            raise self._given_up(flying, f"Nothing has moved for {self._pace.stall_timeout:g} s")
        if now - max(self._moved, self._reasoned) > self._reason_after:
            self._reasoned, self._reason_after = now, min(2 * self._reason_after, _REASON_AT_MOST)
            self._patiently(lambda: self._progress.say(f"{self.label(flying[0])}: {self._reason(flying[0])}"))

    def _reason(self, entry: Entry) -> str:
        return following.waits_for(self._session, t.cast("Row", entry.row))

    def _given_up(self, flying: t.Sequence[Entry], sentence: str) -> CollectionError:
        reason = self._patiently(lambda: self._reason(flying[0]))
        return CollectionError(
            f"{sentence}: {len(flying)} of {len(self.entries)} windows are in flight, the first is {flying[0].window}: "
            f"{reason}. The runs go on; run the same again to join them."
        )

    def _patiently(self, ask: t.Callable[[], _T]) -> _T:
        """Ask the server, and wait for it for a while when it is away.

        :raises CollectionError: when it does not come back; says how to resume.
        """
        lost_at: float | None = None
        while True:
            try:
                return ask()
            except (Unavailable, Unreachable) as error:
                now = time.monotonic()
                lost_at = lost_at or now
                if now - lost_at >= self._pace.outage_timeout:
                    done = sum(entry.fate == entries_.COMPLETED for entry in self.entries)
                    raise CollectionError(
                        f"The Prefect server was lost after {done} of {len(self.entries)} windows: {error.message} "
                        "Runs in flight may go on. Run the same again when it is back: what is done is not run again, "
                        "and what is in flight is joined."
                    ) from None
                if now == lost_at:
                    self._progress.say(
                        f"the server does not answer; it is asked again for {self._pace.outage_timeout:g} s"
                    )
                time.sleep(min(1.0, self._pace.outage_timeout))
