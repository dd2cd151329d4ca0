# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promoters of one ring, each a process of its own that starts at once, before a proxy that can kill them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import typing as t
import uuid
from pathlib import Path

from tests.conftest import ROOT
from tests.support.killer import UNANSWERED, Killer
from tests.support.promoter import Answer

# What is asked when a run is waited for, and when a worker is looked for.
_WAITS = r"^/flow_runs/[0-9a-f-]{36}$|^/work_pools/[^/]+/workers/filter$"
_SECONDS = 60


class Nursery(Killer):
    """Starts promoters by forking one that has every library loaded already; use it as a context manager.

    :param directory: for what they answer.
    :param work: called before a run or a worker is looked at, to be the worker that has carried out the run.
    """

    def __init__(self, upstream: str, directory: Path, work: t.Callable[[], None]) -> None:
        super().__init__(upstream)
        self._directory = directory
        self._known = threading.Event()
        self._victim = 0
        self.before(lambda _number: work(), times=None, path=_WAITS)
        self._mother = subprocess.Popen(
            [sys.executable, "-m", "tests.support.promoter"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT / "collections")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Nursery:
        super().__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        for pipe in (self._mother.stdin, self._mother.stdout):
            t.cast("t.IO[str]", pipe).close()
        self._mother.wait(_SECONDS)
        super().__exit__(*exc)

    def promoter(
        self, settings: Answer, action: str, *, at: int | None = None, **options: t.Any
    ) -> tuple[Answer | None, list[str]]:
        """Let one promote or roll back.

        :param settings: as :class:`~tests.support.promoter.Promoter` takes them.
        :param action: ``promote`` or ``roll_back``.
        :param at: kill it when the server has carried out so many of its requests, unanswered.
        :returns: what it says in the end, None when it was killed; and its requests, as ``METHOD path``.
        """
        file = self._directory / f"answer-{uuid.uuid4().hex}.json"
        job = {"settings": settings, "action": action, "options": options, "answer": str(file)}
        begin = len(self.seen)
        self._known.clear()
        self._next(at, UNANSWERED, False)
        to, back = t.cast("t.IO[str]", self._mother.stdin), t.cast("t.IO[str]", self._mother.stdout)
        print(json.dumps(job), file=to, flush=True)
        self._victim = int(back.readline())
        self._known.set()
        ended = int(back.readline())
        self._next(None, UNANSWERED, False)
        requests = [seen.line for seen in self.seen[begin:] if seen.forwarded]
        if ended == -signal.SIGKILL:
            return None, requests
        assert ended == 0, f"the promoter ended with {ended}"
        answer: Answer = json.loads(file.read_text(encoding="utf-8"))
        return answer, requests

    def _kill(self) -> None:
        # It lives: this is called while it waits for an answer.
        assert self._known.wait(_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._victim, signal.SIGKILL)
