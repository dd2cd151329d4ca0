# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A place without a network and without this checkout, on the machine of the tests.

It is a network namespace with nothing but the loopback, and a mount namespace in which the checkout and the environment
of the tests are empty directories. What runs there has what the system has, and what was carried in.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import stat
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from tests.conftest import ROOT

DOCUMENT = ROOT / "docs" / "air-gap.md"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PATIENCE = "prefect_server_wait_timeout=600 prefect_worker_wait_timeout=600 ring_validate_wait_timeout=300"
"""For a machine that has other things to do as well."""
_SECONDS = 900
_HOLD = """\
ip link set lo up
for hidden; do mount -t tmpfs -o ro tmpfs "$hidden" || exit 1; done
echo ready
exec sleep infinity
"""


class Ran(t.NamedTuple):
    """How a command ended, and what it said, every white space as one space."""

    code: int
    said: str


class Island:
    """Such a place.

    :param home: the home of whoever works there; commands are run in it.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        hidden = [str(ROOT)]
        if not Path(sys.prefix).is_relative_to(ROOT) and sys.prefix != sys.base_prefix:
            hidden.append(sys.prefix)
        rootless = [] if os.geteuid() == 0 else ["--map-root-user"]
        self._enter = ["--user", "--preserve-credentials"] if rootless else []
        self._holder = subprocess.Popen(
            ["unshare", *rootless, "--net", "--mount", "--", "sh", "-c", _HOLD, "sh", *hidden],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        assert self._holder.stderr is not None
        if self._holder.stdout.readline() != "ready\n":
            self._holder.wait(10)
            _cannot(f"the system gives no namespaces ({self._holder.stderr.read().strip()})")

    def __enter__(self) -> Island:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._holder.kill()
        self._holder.wait()

    def command(self, *argv: str | Path) -> list[str]:
        """The command that runs another one there."""
        where = ["nsenter", f"--target={self._holder.pid}", *self._enter, "--net", "--mount"]
        environment = {"HOME": str(self.home), "PATH": SYSTEM_PATH, "LANG": "C.UTF-8", "ANSIBLE_NOCOLOR": "1"}
        settings = [f"{name}={value}" for name, value in environment.items()]
        inside = ["env", "--ignore-environment", f"--chdir={self.home}", *settings]
        return [*where, *inside, *map(str, argv)]

    def run(self, *argv: str | Path) -> Ran:
        """Run a command there, and wait for it."""
        done = subprocess.run(
            self.command(*argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        return Ran(done.returncode, " ".join(done.stdout.split()))

    def kill_when(self, appears: t.Callable[[], bool], *argv: str | Path) -> None:
        """Start a command there, and kill it with all that it has started as soon as something appears."""
        started = subprocess.Popen(
            self.command(*argv), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            while not appears():
                assert started.poll() is None, f"{argv} ended before it could be killed"
                try:
                    started.wait(0.05)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()


def _cannot(reason: str) -> t.NoReturn:
    if os.environ.get("HOTPASS_TEST_REQUIRE_ALL"):
        pytest.fail(reason)
    pytest.skip(reason)


def base_python() -> str:
    """The Python that the environment of the tests was made with, which is none of its own."""
    return os.path.realpath(sys.executable)


def example(language: str, holding: str) -> str:
    """The one example of docs/air-gap.md in a language that holds some text."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (found,) = [block for block in blocks if holding in block]
    return t.cast("str", found)


def tree(*roots: Path) -> dict[str, str]:
    """What lies below some directories: the sha256 of each file, the target of each link."""
    found = {}
    for root in roots:
        for path in sorted(root.rglob("*")):
            if path.is_symlink():
                found[str(path)] = f"-> {os.readlink(path)}"
            elif path.is_file():
                found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def stamps(root: Path) -> dict[str, tuple[int, int]]:
    """Size and time of each file below a directory, for one that is too large to be hashed again and again.

    What Python compiles when it first runs something is passed over.
    """
    found = {path: path.lstat() for path in root.rglob("*") if "__pycache__" not in path.parts}
    return {
        str(path): (status.st_size, status.st_mtime_ns)
        for path, status in found.items()
        if not stat.S_ISDIR(status.st_mode)
    }
