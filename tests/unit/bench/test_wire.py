# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench counts requests and writes as the server saw them, and takes silence for an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.wire import AccessLog, Traffic, traffic_in

_LOG = """
INFO:     Application startup complete.
05:22:28.202 | INFO    | prefect.server.services.scheduler - Scheduled 0 runs.
INFO:     127.0.0.1:57512 - "GET /api/health HTTP/1.1" 200 OK
INFO:     127.0.0.1:57512 - "POST /api/deployments/filter HTTP/1.1" 200 OK
INFO:     127.0.0.1:57512 - "POST /api/flow_runs/count HTTP/1.1" 200 OK
INFO:     127.0.0.1:57512 - "POST /api/deployments/ HTTP/1.1" 503 Service Unavailable
INFO:     127.0.0.1:57512 - "POST /api/deployments/ HTTP/1.1" 201 Created
INFO:     127.0.0.1:57512 - "PATCH /api/deployments/6f9c?x=1 HTTP/1.1" 204 No Content
INFO:     127.0.0.1:57512 - "DELETE /api/automations/owned-by/x HTTP/1.1" 204 No Content
INFO:     127.0.0.1:57512 - "WebSocket /api/events/in" [accepted]
"""


def test_counts_what_a_log_shows() -> None:
    assert traffic_in(_LOG) == Traffic(requests=7, writes=4, unanswered=1)


def test_a_phase_begins_where_it_was_begun(tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    file.write_text(_LOG)
    log = AccessLog(file)
    log.begin()
    with file.open("a") as more:
        more.write('INFO:     127.0.0.1:1 - "PUT /api/x HTTP/1.1" 200 OK\n')
    assert log.traffic() == Traffic(requests=1, writes=1, unanswered=0)


def test_a_silent_log_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    file.write_text(_LOG)
    log = AccessLog(file)
    log.begin()
    with pytest.raises(RuntimeError, match="no request"):
        log.traffic()
