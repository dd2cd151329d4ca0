# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is no picture of a run's page is not taken for one, and the reason is said."""

from __future__ import annotations

import shutil
import struct
import subprocess
import typing as t
import zlib
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import screenshot
from ansible_collections.hotpass.prefect.plugins.module_utils.room import CommandResult

_ID = "687e4ed6-c512-4f98-a149-01bf4ae36fd8"


def _run(argv: t.Sequence[str], *, env: t.Mapping[str, str] | None = None, data: str | None = None) -> CommandResult:
    assert env is None
    done = subprocess.run(list(argv), input=data, capture_output=True, text=True, check=False, errors="replace")
    return CommandResult(done.returncode, done.stdout, done.stderr)


def test_without_a_browser_the_reason_names_what_was_looked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    shot = screenshot.take("https://user:word@prefect.example.com/api", _ID, "run", _run)
    assert shot.png is None
    assert "chromium, chromium-browser, google-chrome" in shot.reason
    # The address is kept as evidence, so it holds no password.
    assert shot.page == f"https://prefect.example.com/v2/runs/flow-run/{_ID}"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 3", "chromium ended with status 3"),
        ("exit 124", "chromium did not finish within 120 s"),
        ("echo run", "chromium could not load the page"),
        ('for a in "$@"; do case "$a" in --screenshot=*) : > "${a#*=}";; esac; done; echo run', "the picture is blank"),
    ],
)
def test_a_browser_that_gives_no_picture(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, reason: str
) -> None:
    browser = tmp_path / "chromium"
    browser.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    browser.chmod(0o755)
    programs = {Path(str(shutil.which(name))).parent for name in ("sh", "timeout")}
    monkeypatch.setenv("PATH", ":".join(map(str, (tmp_path, *programs))))
    shot = screenshot.take("http://127.0.0.1:1/api", _ID, "run", _run)
    assert (shot.png, shot.reason) == (None, reason)


def _png(rows: t.Iterable[bytes], width: int, colour: int = 2) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    lines = [b"\0" + row for row in rows]
    header = struct.pack(">IIBBBBB", width, len(lines), 8, colour, 0, 0, 0)
    body = zlib.compress(b"".join(lines))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_blank_is_one_colour_or_a_bar_on_it_and_anything_that_is_no_whole_picture() -> None:
    plain = b"\xff" * 30
    assert screenshot.is_blank(_png([plain] * 100, 10))
    assert screenshot.is_blank(_png([plain] * 50 + [b"\x20" * 30] * 50, 10))
    text = _png([bytes([line % 40]) * 30 for line in range(100)], 10)
    assert not screenshot.is_blank(text)
    assert screenshot.is_blank(text[:-20])
    assert screenshot.is_blank(b"")
    assert screenshot.is_blank(b"<html>")
