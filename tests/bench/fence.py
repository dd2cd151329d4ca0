# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures what the fence adds to the start of a run, cold and warm, in process; see docs/fence.md.

``python tests/bench/fence.py`` starts a Prefect server of its own and prints a table.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
import typing as t
from pathlib import Path

# As a script this file has its own directory on the path, and not the checkout's.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "collections"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "prefect" / "fence"))

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Draft, Event, Kind
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import open_store
from hotpass_fence.cache import provide
from hotpass_fence.sources import open_source
from hotpass_fence.steps import enter_release
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.support.fence_releases import put_release
from tests.support.ring_story import ADA, UP, RingStory
from tests.support.server import PrefectServer

_ROOT = Path(__file__).resolve().parents[2]
_SOLUTION = "hotpass"


def _own_files() -> dict[str, bytes]:
    """What this checkout's own release holds, nearly."""
    flows = {f"flows/{path.relative_to(_ROOT / 'prefect/flows')}": path for path in _ROOT.glob("prefect/flows/**/*.py")}
    manifests = {f"manifests/{path.relative_to(_ROOT / 'prefect')}": path for path in _ROOT.glob("prefect/*/*.yaml")}
    return {name: path.read_bytes() for name, path in {**flows, **manifests}.items()}


def _many_files(number: int) -> dict[str, bytes]:
    """Files of 4 KiB each, twenty to a directory."""
    return {f"flows/part{n // 20}/file{n}.py": f"VALUE = {n}\n".encode().ljust(4096, b"#") for n in range(number)}


class Bench:
    """One server, one store, one cache."""

    def __init__(self, directory: Path, api_url: str, repeats: int) -> None:
        self._directory = directory
        self._repeats = repeats
        self._session = Session(Connection(api_url, retries=10))
        self._flow = self._session.write("POST", "/flows/", {"name": "fenced"})["id"]
        os.environ["HOTPASS_CACHE"] = str(directory / "cache")

    def measure(self, ring: str, files: t.Mapping[str, bytes], records: int) -> list[float]:
        """Milliseconds of a cold and of a warm start, and of what each spends on bytes, each the median of some.

        :param records: how many the ring's ledger has.
        """
        store = self._directory / "store"
        release = put_release(open_store(str(store)), files, _SOLUTION)
        generation = self._tell(ring, release, records)
        times: list[list[float]] = [[], [], [], []]
        for _number in range(self._repeats):
            shutil.rmtree(self._directory / "cache", ignore_errors=True)
            times[0].append(self._start(ring, generation, release, store))
            times[1].append(self._start(ring, generation, release, store))
            shutil.rmtree(self._directory / "cache")
            times[2].append(self._provide(release, store))
            times[3].append(self._provide(release, store))
        return [statistics.median(each) for each in times]

    def _provide(self, release: str, store: Path) -> float:
        begin = time.perf_counter()
        provide(self._directory / "cache", release, _SOLUTION, lambda: open_source(str(store)))
        return (time.perf_counter() - begin) * 1000

    def _tell(self, ring: str, release: str, records: int) -> int:
        story = RingStory(_SOLUTION, ring)
        for _number in range(records // len(UP)):
            for state in UP:
                number = story.chain.last_generation + (state is State.QUEUED)
                story.add(Draft(Event.TRANSITION, number, ADA, Kind.PROMOTE, state, release))
        for record in story.chain.records:
            self._session.write("POST", "/variables/", {"name": record.variable, "value": record.to_json()})
        return story.chain.last_generation

    def _start(self, ring: str, generation: int, release: str, store: Path) -> float:
        run = self._session.write("POST", "/flow_runs/", {"flow_id": self._flow, "state": {"type": "PENDING"}})
        os.environ["PREFECT__FLOW_RUN_ID"] = run["id"]
        begin = time.perf_counter()
        enter_release(ring, _SOLUTION, generation, release, str(store))
        return (time.perf_counter() - begin) * 1000


def main(arguments: t.Sequence[str]) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=15, help="starts of each kind, of which the median counts (15)")
    options = parser.parse_args(arguments)
    own = _own_files()
    cases = {
        "own": (own, 50),
        "own-long-ledger": (own, 400),
        "many": (_many_files(2000), 50),
    }
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors; ms, the median of {options.repeats}\n")
    print("| release | files | KiB | records | cold | warm | bytes, cold | bytes, warm |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="hotpass-bench-") as text:
        directory = Path(text).resolve()
        server = PrefectServer.start(directory / "server")
        try:
            with temporary_settings({PREFECT_API_URL: server.api_url}):
                bench = Bench(directory, server.api_url, max(1, options.repeats))
                for ring, (files, records) in cases.items():
                    figures = " | ".join(f"{ms:.0f}" for ms in bench.measure(ring, files, records))
                    size = sum(map(len, files.values())) // 1024
                    print(f"| {ring} | {len(files)} | {size} | {records} | {figures} |", flush=True)
        finally:
            os.chdir(_ROOT)
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
