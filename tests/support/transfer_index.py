# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A package index of a test's own: wheels made here, served on the loopback, for the real pip to download."""

from __future__ import annotations

import base64
import hashlib
import http.server
import os
import subprocess
import threading
import typing as t
import zipfile
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.room import CommandResult


def run_command(
    argv: t.Sequence[str], *, env: t.Mapping[str, str] | None = None, data: str | None = None
) -> CommandResult:
    """Run a command as the doors do."""
    given = {**os.environ, **(env or {})}
    done = subprocess.run(argv, env=given, input=data, capture_output=True, text=True, check=False)
    return CommandResult(done.returncode, done.stdout, done.stderr)


def make_wheel(directory: Path, name: str, version: str = "1.0", tag: str = "py3-none-any", word: str = "") -> Path:
    """A wheel that pip installs; it holds one module.

    :param word: another one makes other bytes.
    """
    about = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"WORD = {word!r}\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    lines = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(text)}\n")
    files[f"{about}/RECORD"] = "".join([*lines, f"{about}/RECORD,,\n"])
    directory.mkdir(parents=True, exist_ok=True)
    wheel = directory / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return wheel


def locked(name: str, *wheels: Path, version: str = "1.0", marker: str = "") -> str:
    """The lines of a lock that pin a distribution to some wheels."""
    hashes = "".join(f" \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}" for wheel in wheels)
    return f"{name}=={version}{f' ; {marker}' if marker else ''}{hashes}\n"


class Index:
    """Serves the wheels of a directory as PEP 503 has it. Use it as a context manager.

    :ivar asked: the paths that were asked for.
    """

    def __init__(self, directory: Path) -> None:
        self.asked: list[str] = []
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.asked.append(self.path)
                data, kind = index._answer(directory, self.path)
                self.send_response(200 if data is not None else 404)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *_said: t.Any) -> None:
                return

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/simple/"

    @staticmethod
    def _answer(directory: Path, path: str) -> tuple[bytes | None, str]:
        _root, kind, name, *_rest = [*path.split("/"), ""]
        if kind == "files":
            found = directory / name
            return (found.read_bytes() if found.is_file() else None), "application/octet-stream"
        links = "".join(
            f'<a href="/files/{wheel.name}">{wheel.name}</a>\n'
            for wheel in sorted(directory.glob("*.whl"))
            if wheel.name.startswith(f"{name.replace('-', '_')}-")
        )
        return f"<!DOCTYPE html><html><body>\n{links}</body></html>".encode(), "text/html"

    def __enter__(self) -> Index:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def settings(self) -> dict[str, str]:
        """The environment in which pip knows this index and no other."""
        return {
            "PIP_INDEX_URL": self.url,
            "PIP_EXTRA_INDEX_URL": "",
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_NO_CACHE_DIR": "1",
            "PIP_FIND_LINKS": "",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
