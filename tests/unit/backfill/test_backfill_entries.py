# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an ended run is judged, and how readings of the limits are thinned out."""

from __future__ import annotations

import datetime as dt
import itertools
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill import entries, sampler
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.entries import Entry
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.windows import Window
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

WINDOW = Window(dt.date(2024, 1, 1), "1")
MINE = {"run_date": "2024-01-01", "version": "1", "success": True, "total_records": 7, "elapsed_seconds": 1.5}


def ended(summary: t.Any, kind: str = "COMPLETED", name: str = "Completed", message: str | None = None) -> Entry:
    row = {"id": "x", "state_type": kind, "state_name": name, "state": {"message": message}, "parameters": {}}
    entry = Entry(1, WINDOW, row=row, summary=summary)
    entry.problem = entries.judge(entry)
    return entry


@pytest.mark.parametrize(
    "runs",
    [
        None,
        [],
        [{**MINE, "run_date": "2024-01-02"}],
        [{**MINE, "version": "2"}],
        [MINE, MINE],
        [{**MINE, "success": 1}],
        [{**MINE, "success": None}],
        ["2024-01-01"],
    ],
)
def test_a_summary_that_does_not_say_success_of_this_window_is_none(runs: t.Any) -> None:
    assert ended({"runs": runs}).fate == "failed"


def test_a_success_and_its_figures() -> None:
    good, bad = ended({"runs": [MINE]}), ended(None, "FAILED", "Failed", "No token=abcd.")
    assert good.fate == "completed"
    figures = entries.metrics([good, bad, Entry(3, WINDOW)], 2.0)
    assert figures["total_records"] == 7
    assert figures["total_elapsed_seconds"] == 1.5
    assert [figures[key] for key in ("total_runs", "successful_runs", "failed_runs", "not_run")] == [3, 1, 1, 1]
    assert entries.outcome_of([good, bad]) == "failed"
    assert entries.outcome_of([good, Entry(2, WINDOW)]) == "incomplete"
    assert entries.outcome_of([good]) == "completed"
    assert (
        entries.failures([bad] * 5) == "; ".join(["2024-01-01 1: it ended Failed (No token=abcd)"] * 3) + "; and 2 more"
    )


def test_what_a_state_says_does_not_betray_a_secret() -> None:
    entry = ended({}, "FAILED", "Failed", "hunter22 was wrong")
    assert entry.row is not None
    entry.row["parameters"] = {"base_config": {"password": "hunter22"}}
    assert entry.to_json()["state_message"] == "(secret) was wrong"
    entry.row["job_variables"] = {"env": {"API_TOKEN": "tok-77"}}
    entry.row["state"]["message"] = "hunter22 and tok-77 do not open postgresql://svc:open-sesame@db/x"
    assert entry.to_json()["state_message"] == "(secret) and (secret) do not open postgresql://(secret)@db/x"
    entry.summary = {"runs": [{**MINE, "success": False, "error": "tok-77 is refused by http://me:swordfish@host"}]}
    assert entries.judge(entry) == "(secret) is refused by http://(secret)@host"


def test_readings_that_are_alike_are_thinned_and_no_gap_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, slots = [1000.0], [0]

    def sample(_session: t.Any, _deployment: t.Any, key: str, queue: str | None) -> dict[str, t.Any]:
        assert (key, queue) == ("key", "urgent")
        return {"at": clock[0], "took_seconds": 0.1, "global": {"active_slots": slots[0], "updated": clock[0]}}

    monkeypatch.setattr(sampler.sampling, "sample", sample)
    monkeypatch.setattr(sampler.time, "monotonic", lambda: clock[0])
    with Session(Connection("http://127.0.0.1:9/api")) as session:
        taken = sampler.Sampler(session, {"id": "d"}, "key", "urgent")
        for _tick in range(2400):
            slots[0] = 1 if 1300 <= clock[0] < 1301 else 0
            if clock[0] in (1300.0, 1301.0):
                taken.happened()
            taken.take()
            clock[0] += 0.25
    at = [one["at"] for one in taken.samples]
    assert max(later - earlier for earlier, later in itertools.pairwise(at)) <= sampler.LONGEST_GAP
    assert len(at) < 60
    assert [one["global"]["active_slots"] for one in taken.samples].count(1) >= 1
    assert at[0] == 1000.0
    assert at[-1] >= 1597.0
