# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture counts only when it shows the run: a real browser looks at real pages."""

from __future__ import annotations

import contextlib
import http.server
import os
import struct
import subprocess
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import screenshot
from ansible_collections.hotpass.prefect.plugins.module_utils.room import CommandResult

from tests.support.postgresql import REQUIRED

_ID = "687e4ed6-c512-4f98-a149-01bf4ae36fd8"
_PAGE = """<!doctype html><html><head><script>var hidden = "hidden-run";</script></head><body><h1 id="name"></h1>
<p>Completed</p><ul><li>one</li><li>two</li></ul>
<script>setTimeout(() => { document.getElementById("name").textContent = "shown & run"; }, 1500);</script></body></html>
"""
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        screenshot.find_browser() is None and not os.environ.get(REQUIRED), reason="no Chromium is on the path"
    ),
]


def _run(argv: t.Sequence[str], *, env: t.Mapping[str, str] | None = None, data: str | None = None) -> CommandResult:
    assert env is None
    done = subprocess.run(list(argv), input=data, capture_output=True, text=True, check=False, errors="replace")
    return CommandResult(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def _site(pages: t.Mapping[str, str]) -> t.Iterator[tuple[str, list[str]]]:
    """A server of the given pages by path, its address, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            found = pages.get(self.path)
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write((found or "<h1>404</h1> no such page").encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_page_that_shows_the_run_is_pictured_once_its_scripts_have_run() -> None:
    with _site({f"/v2/runs/flow-run/{_ID}": _PAGE}) as (address, _asked):
        shot = screenshot.take(f"{address}/api", _ID, "shown & run", _run)
    assert shot.reason == ""
    assert shot.png is not None
    assert shot.png.startswith(b"\x89PNG")
    assert struct.unpack(">II", shot.png[16:24]) == (1400, 900)
    assert not screenshot.is_blank(shot.png)
    assert shot.to_json() == {
        "taken": True,
        "page": f"{address}/v2/runs/flow-run/{_ID}",
        "reason": "",
        "browser": Path(str(screenshot.find_browser())).name,
    }


def test_another_page_is_no_picture_and_the_older_interface_is_tried_too() -> None:
    with _site({f"/v2/runs/flow-run/{_ID}": _PAGE, f"/runs/flow-run/{_ID}": _PAGE}) as (address, asked):
        # The name stands in a script, so nobody who looks at the page sees it.
        shot = screenshot.take(f"{address}/api/", _ID, "hidden-run", _run)
    assert shot.png is None
    assert "does not show the run 'hidden-run'" in shot.reason
    assert {f"/v2/runs/flow-run/{_ID}", f"/runs/flow-run/{_ID}"} <= set(asked)


def test_a_server_that_is_not_there_is_no_picture() -> None:
    with _site({}) as (address, _asked):
        pass
    shot = screenshot.take(f"{address}/api", _ID, "run", _run)
    assert shot.png is None
    assert "could not load the page" in shot.reason or "does not show" in shot.reason
