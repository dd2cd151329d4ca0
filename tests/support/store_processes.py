# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Works on a directory store in processes that are killed, limited, or somebody else's.

The processes are forked from one that has no threads, which the tests' own process has.
"""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import signal
import subprocess
import sys
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release.layout_store import LayoutStore
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import StoreError

from tests.support.stores import ENVELOPE, ROOT, STATEMENT, read_all, sample

_STEPS = ("mkdir", "open", "write", "fsync", "rename", "unlink", "utime")


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a process ended.

    :param killed: by which signal; 0 when by none.
    :param told: the sentence that the store failed with; empty when it did not.
    """

    killed: int
    told: str


def _write(store: LayoutStore, name: str) -> None:
    release = sample(name).write(store)
    store.attach(release, STATEMENT, f"of the {name}".encode(), ENVELOPE)


WORKS: dict[str, t.Callable[[LayoutStore, str], object]] = {
    "write": _write,
    "write big": lambda store, name: sample(name, size=200_000).write(store),
    "collect": lambda store, name: store.collect_garbage([sample(name).digest], min_age=3600),
    "read": lambda store, _name: read_all(store),
}


class Processes:
    """Does works in processes of their own; use it as a context manager."""

    def __enter__(self) -> Processes:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "collections")))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.store_processes"],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.communicate(timeout=30)

    def do(
        self,
        work: str,
        root: str,
        name: str,
        *,
        kill_at: int | None = None,
        largest_file: int | None = None,
        user: int | None = None,
    ) -> Ended:
        """Do one of :data:`WORKS` on a store.

        :param kill_at: killed when about to touch the disk for the n-th time, counted from 0; a write is then half
            done.
        :param largest_file: bytes beyond which the system lets no file grow.
        :param user: the id of the user to become first.
        """
        asked = [work, root, name, kill_at, largest_file, user]
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("There is no process to ask.")
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Ended(*json.loads(self._process.stdout.readline()))


def _kill_at(position: int) -> None:
    left = position

    def killing(name: str, real: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
        def call(*arguments: t.Any, **keywords: t.Any) -> t.Any:
            nonlocal left
            left -= 1
            if left < 0:
                if name == "write":
                    real(arguments[0], arguments[1][: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **keywords)

        return call

    for name in _STEPS:
        setattr(os, name, killing(name, getattr(os, name)))


def _forked(
    work: str, root: str, name: str, kill_at: int | None, largest_file: int | None, user: int | None
) -> tuple[int, str]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told = b"The work failed, and not with a sentence."
        write, leave = os.write, os._exit
        try:
            if user is not None:
                os.setuid(user)
            if largest_file is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
            if kill_at is not None:
                _kill_at(kill_at)
            WORKS[work](LayoutStore(root), name)
            told = b""
        except StoreError as error:
            told = str(error).encode()
        finally:
            write(writing, told)
            leave(0)
    os.close(writing)
    _pid, status = os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, pipe.read().decode()


if __name__ == "__main__":
    for _line in sys.stdin:
        sys.stdout.write(json.dumps(_forked(*json.loads(_line))) + "\n")
        sys.stdout.flush()
