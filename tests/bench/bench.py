# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures us against ``prefect deploy --all``, ``ansible.builtin.uri`` and bare HTTP; see docs/benchmarks.md.

Ends with 0 whatever is reached, and with 1 only when something could not be measured.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import platform
import signal
import sys
import tempfile
import time
import typing as t
from pathlib import Path

# As a script this file has its own directory on the path, and not the checkout's.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench import contenders, report
from tests.bench.process import Command, measure
from tests.bench.report import Row, Rows
from tests.bench.stage import Stage, fresh_server, make_template
from tests.bench.world import World

_SIZES = (100, 2000)
_QUICK_SIZES = (10, 100)
_REPEATS = 3
# Seconds in which a server's services do what they do once, when it starts.
_FIRST_BURST = 2.0
# Prefect asks Python for all time zones whenever it checks a schedule, and Python then walks the system's directory of
# them, if there is one: with a server that does, reading 100 deployments took 15 times as long. Unless told otherwise
# every process here, servers and contenders alike, takes them from the tzdata package instead, as in a bare container.
_TIME_ZONES = ("PYTHONTZPATH", "")


class Bench:
    """One run of everything.

    :param quick: measure everything once and at once, without a warm-up or a wait for a calm server.
    :ivar rows: what was measured so far.
    """

    def __init__(self, directory: Path, quick: bool) -> None:
        self.rows = Rows()
        self._directory = directory
        self._quick = quick
        self._repeats = 1 if quick else _REPEATS
        self._log = directory / "command.log"
        print("Migrating a database for every server to start with", flush=True)
        self.server_version = make_template(directory / "template")

    def compare(self, size: int) -> None:
        """Measure every contender on a fresh server with as many deployments."""
        self._warm_up(contenders.warm_up())
        for number, name in enumerate(contenders.contenders(World(self._directory / "names"), "")):
            world = self._world(f"compared-{number}", size)
            with self._server(f"server-{number}") as stage:
                contender = contenders.contenders(world, stage.api_url)[name]
                self._phase(stage, name, report.CREATE, world, contender.create)
                self._check(stage, world, name)
                repeats = self._repeats if contender.short else 1
                if name == contenders.OURS:
                    start_up = contenders.playbook(world, "startup.yml", stage.api_url)
                    self._warm_up(start_up)
                    self._phase(stage, name, report.START_UP, world, start_up, repeats)
                self._phase(stage, name, report.UNCHANGED, world, contender.again, repeats)
                if name == contenders.OURS:
                    self._phase(stage, name, report.CHANGED, world, contender.again, repeats, world.change_one)
                self._check(stage, world, name)

    def alone(self, sizes: t.Sequence[int]) -> None:
        """Measure ours on one server that grows from size to size."""
        world = World(self._directory / "alone")
        with self._server("server-alone") as stage:
            command = contenders.playbook(world, "ours.yml", stage.api_url)
            for size in sizes:
                print(f"Growing to {size} deployments", flush=True)
                world.grow(size)
                measure(command, self._log)
                self._check(stage, world, contenders.OURS)
                self._phase(stage, contenders.OURS, report.UNCHANGED, world, command, self._repeats)
                module = contenders.module_process(world, stage.api_url)
                self._phase(stage, contenders.MODULE, report.UNCHANGED, world, module)

    def _world(self, name: str, size: int) -> World:
        world = World(self._directory / name)
        world.grow(size)
        return world

    def _warm_up(self, command: Command) -> None:
        if not self._quick:
            measure(command, self._log)

    @contextlib.contextmanager
    def _server(self, name: str) -> t.Iterator[Stage]:
        with fresh_server(self._directory / "template", self._directory / name) as stage:
            if not self._quick:
                time.sleep(_FIRST_BURST)
            yield stage

    def _phase(
        self,
        stage: Stage,
        name: str,
        phase: str,
        world: World,
        command: Command,
        repeats: int = 1,
        before_each: t.Callable[[], None] = lambda: None,
    ) -> None:
        print(f"{name}: {phase} with {world.size} deployments ... ", end="", flush=True)
        runs = []
        for _run in range(repeats):
            before_each()
            stage.log.begin()
            measured = measure(command, self._log)
            runs.append((measured, stage.log.traffic()))
        row = Row.of(name, phase, world.size, runs)
        self.rows.all.append(row)
        print(f"{row.wall:.2f} s", flush=True)

    def _check(self, stage: Stage, world: World, name: str) -> None:
        """Hold the server against the world, and let its scheduler finish.

        :raises RuntimeError: when the contender did not do what all were to do.
        """
        problems = world.differences(stage.deployments())
        if problems:
            raise RuntimeError(f"{name} did other work than was measured: {'; '.join(problems[:5])}")
        if not self._quick:
            stage.settle(world.size)


def _machine(server_version: str) -> dict[str, t.Any]:
    return {
        "prefect": server_version,
        "ansible-core": importlib.metadata.version("ansible-core"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "time zones": os.environ["PYTHONTZPATH"] or "the tzdata package's",
    }


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not above 0")
    return number


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--deployments", type=_positive, default=None, help="deployments of the comparison (100)")
    parser.add_argument("--large", type=_positive, default=None, help="deployments of ours alone (2000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="sizes 10 and 100, once each: a smoke test, no figures")
    options = parser.parse_args(arguments)
    usual = _QUICK_SIZES if options.quick else _SIZES
    options.deployments = options.deployments or usual[0]
    options.large = options.large or usual[1]
    if options.large < 4:
        parser.error(f"--large is {options.large}; it has to be at least 4, because a quarter of it is measured too")
    return options


def main(arguments: list[str]) -> int:
    """Measure, print the table and what was reached, and write JSON when asked to."""
    options = _options(arguments)
    os.environ.setdefault(*_TIME_ZONES)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sizes = [options.large // 4, options.large // 2, options.large]
    with tempfile.TemporaryDirectory(prefix="hotpass-bench-") as directory:
        try:
            bench = Bench(Path(directory).resolve(), options.quick)
            bench.compare(options.deployments)
            bench.alone(sizes)
        except (RuntimeError, OSError) as error:
            print(f"\nThe bench could not be carried out: {error}", file=sys.stderr)
            return 1
    machine = _machine(bench.server_version)
    reached = report.reaches(bench.rows, options.deployments, sizes)
    print("\n" + ", ".join(f"{name} {value}" for name, value in machine.items()))
    print("Each on a fresh server with all its services; ours creates with a cold cache of flows, and is warm after.")
    wall = "once each" if options.quick else f"the median of {_REPEATS} where it is short"
    print(f"Wall: whole processes, {wall}. Ratio: to prefect_deployment in the same phase.\n")
    print(*report.table(bench.rows), "", *report.growth(bench.rows, options.deployments, sizes), "", sep="\n")
    if (options.deployments, options.large) != _SIZES:
        print(f"What is to be reached is meant for {_SIZES[0]} and {_SIZES[1]} deployments, not for these sizes:")
    print(*(reach.line() for reach in reached), sep="\n")
    if options.json:
        figures = {
            "machine": machine,
            "rows": [{**vars(row), "wall": row.wall, "cpu": row.cpu} for row in bench.rows.all],
            "reach": [vars(reach) for reach in reached],
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
