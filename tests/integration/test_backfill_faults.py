# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backfills whose server, runs or workers are lost on the way."""

from __future__ import annotations

import threading
import time
import typing as t

import pytest

from tests.support.backfill_site import WEEK, Site, fates
from tests.support.proxy import Proxy

pytestmark = pytest.mark.integration
pytest_plugins = ["tests.support.backfill_fixtures"]


def test_lost_answers_start_no_run_twice(site: Site, proxy: Proxy) -> None:
    proxy.drop(times=2, path="/create_flow_run$", before=False)
    proxy.answer(503, times=3, path="/flow_runs/filter$")
    with site.worker():
        answer = site.run(start_date="2024-01-01", end_date="2024-01-03")
    assert answer["failed"] is False, answer
    assert len(site.runs()) == 3
    assert answer["metrics"]["created_runs"] == 3


def _lose_after(proxy: Proxy, submissions: int, then: t.Callable[[], None] = lambda: None) -> None:
    """Let no request through any more once so many runs were submitted."""

    def lose(number: int) -> None:
        if number == submissions - 1:
            proxy.drop(before=True, times=None)
            then()

    proxy.before(lose, times=submissions, path="/create_flow_run$")


def test_a_server_lost_on_the_way_is_an_error_and_the_next_call_goes_on(site: Site, proxy: Proxy) -> None:
    with site.worker(0.5):
        _lose_after(proxy, 3)
        answer = site.run(**WEEK, fallback="local", retries=1)
        assert answer["failed"] is True
        assert "The Prefect server was lost after" in answer["msg"]
        assert "Run the same again when it is back: what is done is not run again" in answer["msg"]
        assert answer["runtime"] == "prefect"
        assert any("the server does not answer; it is asked again for 1 s" in line for line in site.doors.told)
        assert len(site.runs()) == 3
        proxy.reset()
        again = site.run(**WEEK)
    assert again["failed"] is False, again
    assert len(site.runs()) == 7


def test_a_short_outage_is_waited_for(site: Site, proxy: Proxy) -> None:
    with site.worker(0.5):
        _lose_after(proxy, 3, threading.Timer(2.0, proxy.reset).start)
        answer = site.run(**WEEK, outage_timeout=120.0, retries=0)
    assert answer["failed"] is False, answer
    assert any("the server does not answer; it is asked again for 120 s" in line for line in site.doors.told)
    assert len(site.runs()) == 7


def test_a_run_that_is_deleted_on_the_way_is_a_failure(site: Site) -> None:
    def delete() -> None:
        deadline = time.monotonic() + 20
        while not (runs := site.runs()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        site.session.write("DELETE", f"/flow_runs/{runs[0]['id']}")

    gone = threading.Thread(target=delete)
    gone.start()
    answer = site.run(start_date="2024-01-01", stall_timeout=20.0)
    gone.join()
    assert answer["msg"] == "1 of 1 windows failed: 2024-01-01 1: somebody deleted its run."


def test_nobody_who_works_is_told(site: Site) -> None:
    answer = site.run(start_date="2024-01-01", stall_timeout=1.0)
    assert answer["msg"].startswith("Nothing has moved for 1 s: 1 of 1 windows are in flight")
    assert f"no worker is online in work pool {site.pool!r}" in answer["msg"]
    assert fates(answer) == ["in_flight"]
    assert answer["changed"] is True
