# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes a picture of a run's page in the Prefect UI with a headless browser, and knows a picture of it from any other.

A picture counts only when the page that was pictured shows the run: the browser is asked for the page's text in the
same breath. A blank page, an error page, a login page or another run's page is no picture.
"""

from __future__ import annotations

import dataclasses
import html
import os
import re
import shutil
import struct
import tempfile
import urllib.parse
import zlib
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.room import RunCommand

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The pages of the interface that is shipped now, and of the one before it.
_PAGES = ("/v2/runs/flow-run/{id}", "/runs/flow-run/{id}")
_SIZE = (1400, 900)
# Milliseconds of the page's own clock that its scripts are given, and seconds for all of it.
_PAGE_MILLISECONDS = 20_000
_SECONDS = 120
# What the program timeout ends with when it had to end the other one.
_TIMED_OUT = (124, 137)
_ABSENT = "the page does not show"
_MAGIC = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
# A page has text on it; a plain colour, or one with a bar, has fewer kinds of lines than this.
_FEWEST_LINES = 16
_UNSEEN = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Shot:
    """A picture, or why there is none.

    :param png: the picture, or None.
    :param page: the address that was pictured, or was to be.
    :param reason: why there is none; empty when there is one.
    :param browser: what took it, or an empty text.
    """

    png: bytes | None
    page: str = ""
    reason: str = ""
    browser: str = ""

    def to_json(self) -> dict[str, str | bool]:
        """What a bundle's metadata say of it."""
        return {"taken": self.png is not None, "page": self.page, "reason": self.reason, "browser": self.browser}


def find_browser() -> str | None:
    """The first Chromium that is on the path, or None."""
    return next((found for found in map(shutil.which, BROWSERS) if found), None)


def take(api_url: str, run_id: str, run_name: str, run_command: RunCommand) -> Shot:
    """Picture the page of a run.

    :param api_url: of the server, which serves its interface beside its API.
    :param run_name: what the page has to show for the picture to count.
    """
    site = _site(api_url)
    pages = [site + page.format(id=urllib.parse.quote(run_id, safe="")) for page in _PAGES]
    browser = find_browser()
    if browser is None:
        return Shot(None, pages[0], f"no browser is on the path (looked for {', '.join(BROWSERS)})")
    shot = Shot(None)
    for page in pages:
        shot = _picture(browser, page, run_name, run_command)
        if shot.png is not None or not shot.reason.startswith(_ABSENT):
            return shot
    return dataclasses.replace(shot, page=pages[0])


def _site(api_url: str) -> str:
    """The address of the interface; without user information, which a picture's metadata must not hold."""
    parts = urllib.parse.urlsplit(api_url)
    path = parts.path.rstrip("/").removesuffix("/api")
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "", ""))


def _picture(browser: str, page: str, run_name: str, run_command: RunCommand) -> Shot:
    name = Path(browser).name
    with tempfile.TemporaryDirectory(prefix="hotpass-screenshot-") as directory:
        picture = Path(directory) / "page.png"
        argv = [
            browser,
            "--headless",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
            "--disable-extensions",
            f"--window-size={_SIZE[0]},{_SIZE[1]}",
            f"--virtual-time-budget={_PAGE_MILLISECONDS}",
            f"--timeout={_SECONDS * 1000}",
            f"--user-data-dir={directory}/profile",
            "--dump-dom",
            f"--screenshot={picture}",
            page,
        ]
        # Its sandbox does not run as root; the page is the ring's own server's.
        if os.geteuid() == 0:
            argv.insert(1, "--no-sandbox")
        limiter = shutil.which("timeout")
        if limiter:
            argv = [limiter, "--kill-after=5", str(_SECONDS), *argv]
        try:
            done = run_command(argv)
        except (OSError, CollectionError) as error:
            return Shot(None, page, f"{name} could not be started: {error}", name)
        if limiter and done.rc in _TIMED_OUT:
            return Shot(None, page, f"{name} did not finish within {_SECONDS} s", name)
        if done.rc != 0:
            return Shot(None, page, f"{name} ended with status {done.rc}", name)
        if not picture.is_file():
            return Shot(None, page, f"{name} could not load the page", name)
        png = picture.read_bytes()
    if run_name not in _text(done.stdout):
        return Shot(None, page, f"{_ABSENT} the run {run_name!r}: it may need a login, or is not there", name)
    if is_blank(png):
        return Shot(None, page, "the picture is blank", name)
    return Shot(png, page, "", name)


def _text(page: str) -> str:
    """What a page shows, without its scripts and tags, with every white space as one space."""
    return " ".join(html.unescape(_UNSEEN.sub(" ", page)).split())


def is_blank(png: bytes) -> bool:
    """Whether the bytes are no whole PNG picture, or one of hardly anything: fewer than 16 kinds of lines."""
    try:
        width, _height, depth, colour, lines = _lines(png)
    except (ValueError, KeyError, struct.error, zlib.error):
        return True
    length = 1 + (width * _CHANNELS[colour] * depth + 7) // 8
    return len({lines[start : start + length] for start in range(0, len(lines), length)}) < _FEWEST_LINES


def _lines(png: bytes) -> tuple[int, int, int, int, bytes]:
    if not png.startswith(_MAGIC):
        raise ValueError("no PNG")
    offset, header, packed, ended = len(_MAGIC), b"", [], False
    while offset < len(png) and not ended:
        length, kind = struct.unpack_from(">I4s", png, offset)
        body = png[offset + 8 : offset + 8 + length]
        header = body if kind == b"IHDR" else header
        if kind == b"IDAT":
            packed.append(body)
        ended = kind == b"IEND"
        offset += 12 + length
    width, height, depth, colour = struct.unpack_from(">IIBB", header)
    if not ended or colour not in _CHANNELS:
        raise ValueError("not whole, or of a kind that no browser writes")
    return width, height, depth, colour, zlib.decompress(b"".join(packed))
