# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A live OCI registry for tests: Debian's docker-registry on the loopback, its files below a directory."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import time
import typing as t
from pathlib import Path

import pytest

from tests.support.server import free_port

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0


def need(program: str) -> str:
    """Where a program is.

    Without it the test is skipped, and fails where HOTPASS_TEST_REQUIRE_ALL says that everything has to be tested.
    """
    found = shutil.which(program)
    if found:
        return found
    reason = f"{program} is not installed (Debian: apt-get install {program})"
    if os.environ.get("HOTPASS_TEST_REQUIRE_ALL"):
        pytest.fail(reason)
    pytest.skip(reason)


class Registry:
    """A registry that a test started.

    :ivar host: ``127.0.0.1:port``.
    :ivar files: the directory that it keeps everything in.
    """

    def __init__(self, host: str, files: Path, process: subprocess.Popen[bytes]) -> None:
        self.host = host
        self.files = files
        self._process = process

    @classmethod
    def start(cls, home: Path, *, delete: bool = True, settings: t.Mapping[str, t.Any] | None = None) -> Registry:
        """Start ``docker-registry`` and wait until it answers.

        :param home: an empty directory for its configuration, log and files.
        :param delete: whether manifests may be deleted.
        :param settings: further parts of its configuration, such as ``auth``.
        :raises RuntimeError: when it does not answer in time; the message ends with its log.
        """
        program = need("docker-registry")
        home.mkdir(parents=True, exist_ok=True)
        host = f"127.0.0.1:{free_port()}"
        files = home / "files"
        configuration = {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(files)}, "delete": {"enabled": delete}},
            "http": {"addr": host},
            **(settings or {}),
        }
        # JSON is YAML.
        (home / "config.yml").write_text(json.dumps(configuration), encoding="utf-8")
        log = home / "registry.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [program, "serve", str(home / "config.yml")],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
                start_new_session=True,
            )
        registry = cls(host, files, process)
        deadline = time.monotonic() + _START_SECONDS
        while not registry.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                registry.stop()
                raise RuntimeError(f"The registry did not come up:\n{log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.05)
        return registry

    def answers(self) -> bool:
        """Whether it answers, if only by asking who is there."""
        connection = http.client.HTTPConnection(self.host, timeout=5)
        try:
            connection.request("GET", "/v2/")
            return connection.getresponse().status in (200, 401)
        except OSError:
            return False
        finally:
            connection.close()

    def blob_file(self, digest: str) -> Path:
        """The file in which the registry keeps a blob or a manifest."""
        name = digest.removeprefix("sha256:")
        return self.files / "docker" / "registry" / "v2" / "blobs" / "sha256" / name[:2] / name / "data"

    def free_blobs(self) -> None:
        """Run its own collection, which frees what no tag leads to; nobody may write meanwhile.

        :raises RuntimeError: when it fails.
        """
        configuration = str(self.files.parent / "config.yml")
        done = subprocess.run(
            [need("docker-registry"), "garbage-collect", "--delete-untagged", configuration],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"The registry's collection failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")

    def stop(self) -> None:
        """End it."""
        for ending in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is not None:
                return
            os.killpg(self._process.pid, ending)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
