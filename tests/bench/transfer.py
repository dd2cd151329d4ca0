# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures transfer bundles, full and delta: ``python tests/bench/transfer.py [--quick] [--wheels DIRECTORY]``.

The floor of writing one is what nobody can go below: ``sha256sum`` of the files and ``tar`` of them. That of verifying
one is ``sha256sum`` of the bundle. The wheels are as many and as large as those of the locks, unless a directory with
real ones is named, such as the cache of an export. Ends with 0 whatever is reached.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import random
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

# As a script this file has its own directory on the path, and not the checkout's.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "collections"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import reading
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.document import File
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.names import may_be_spared
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.receipt import Receipt
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.wheel_tags import shortened
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.writing import Entry, Written, write

from tests.support import attesting, transfer_bundles
from tests.support.attesting import Cast

_WHEELS = 134
_LARGEST = 60_000_000
_WHOLE = 161_000_000
_COLLECTION = 3_800_000
_LAYER = 400_000
_RECORDS = 40
_REPEATS = 3
_MB = 1_000_000


@dataclasses.dataclass(frozen=True)
class Measured:
    """Seconds: the best of some repeats, of the work and of its floor."""

    work: float
    floor: float

    def __str__(self) -> str:
        return f"{self.work:7.2f} s   {self.work / self.floor:5.2f} x its floor ({self.floor:.2f} s)"


def seconds(work: t.Callable[[], t.Any], repeats: int) -> float:
    """The best of some repeats on the clock; each begins with what was written before on the disk."""
    found = []
    for _number in range(repeats):
        os.sync()
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)


def measured(work: t.Callable[[], t.Any], floor: t.Callable[[], t.Any], repeats: int) -> Measured:
    """The floor is measured in the same run: another run is another machine."""
    return Measured(work=seconds(work, repeats), floor=seconds(floor, repeats))


def some_wheels(directory: Path, whole: int) -> list[Path]:
    """Files as large as real wheels are: one in three of the bytes in one, and the others ever smaller."""
    chance = random.Random(20_260_131)
    weights = [1 / (number + 1.5) ** 1.2 for number in range(_WHEELS)]
    largest = min(_LARGEST, whole // 3)
    found = []
    for number, weight in enumerate(weights):
        path = directory / f"lib{number:03d}-1.0-py3-none-any.whl"
        size = largest if number == 0 else int((whole - largest) * weight / sum(weights[1:]))
        path.write_bytes(chance.randbytes(size))
        found.append(path)
    return found


@dataclasses.dataclass(frozen=True)
class Bench:
    """What is bundled, and by whom."""

    directory: Path
    people: Cast
    wheels: tuple[Path, ...]

    def bundle(self, name: str, word: str, base: Receipt | None = None) -> tuple[Written, dict[str, Path]]:
        """Write a bundle with one release; another word is another release and some more records."""
        chain = transfer_bundles.chain_of(_RECORDS + (0 if word == "old" else 1))
        manifest, layer = f'{{"{word}":1}}'.encode(), random.Random(word).randbytes(_LAYER)
        collection = random.Random("collection").randbytes(_COLLECTION)
        sources: dict[str, Path] = {f"wheels/{shortened(path.name)}": path for path in self.wheels}
        entries = [Entry(wheel, path) for wheel, path in sources.items()]
        for entry, data in transfer_bundles.entries(chain, manifest, layer):
            path = self.directory / "files" / word / entry
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(collection if entry.startswith("collection/") else t.cast("bytes", data))
            sources[entry] = path
            entries.append(Entry(entry, path))
        document = transfer_bundles.document(chain, manifest)
        return write(self.directory / name, entries, document, self.people.alice.key, base), sources

    def read(self, path: Path, sources: t.Mapping[str, Path] | None = None) -> None:
        """Verify a bundle, as an import does before it writes."""

        def have(name: str, _file: File) -> Path | None:
            return sources.get(name) if sources else None

        reading.verified(path, self.people.trust, have=have).close()


def _run(*argv: str | Path) -> None:
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)


def _packed(directory: Path, files: t.Sequence[Path], spared: t.Sequence[Path] = ()) -> None:
    """The floor of writing: the hashes of all files, and an archive on the disk of those that are not spared."""
    _run("sha256sum", *files, *spared)
    _run("tar", "--create", "--absolute-names", "--file", directory / "floor.tar", *files)
    os.sync()


def main(whole: int, wheels: Path | None, repeats: int = _REPEATS) -> None:
    """Measure and say.

    :param whole: bytes of all wheels.
    :param wheels: a directory with real ones, in place of some that are made.
    """
    with tempfile.TemporaryDirectory(prefix="hotpass-bench-") as temporary:
        directory = Path(temporary)
        for name in ("keys", "wheels"):
            (directory / name).mkdir()
        found = sorted(wheels.glob("*.whl")) if wheels else some_wheels(directory / "wheels", whole)
        bench = Bench(directory, attesting.cast(directory / "keys"), tuple(found))
        full, sources = bench.bundle("full.tar", "old")
        brought = sum(file.size for file in full.document.files.values())
        count, size = len(full.document.files), full.size / _MB
        print(f"full   {count:>4} files  {size:8.1f} MB  {full.size / brought:.4f} x its files")
        writing = measured(
            lambda: bench.bundle("full.tar", "old"), lambda: _packed(directory, list(sources.values())), repeats
        )
        print(f"       write   {writing}: sha256sum and tar of the same files", flush=True)
        verifying = measured(lambda: bench.read(full.path), lambda: _run("sha256sum", full.path), repeats)
        print(f"       verify  {verifying}: sha256sum of the bundle", flush=True)

        files = {file.sha256: file.size for file in full.document.files.values()}
        receipt = Receipt(full.document.solution).after(full.seal, full.document.heads, files)
        delta, sources = bench.bundle("delta.tar", "new", receipt)
        lacking = [path for name, path in sources.items() if name in delta.document.files]
        spared = [path for name, path in sources.items() if name in delta.document.omitted]
        small = len(lacking), delta.size / _MB, delta.size / full.size
        print(f"delta  {small[0]:>4} files  {small[1]:8.1f} MB  {small[2]:.4f} x the full one, {len(spared)} left out")
        writing = measured(
            lambda: bench.bundle("delta.tar", "new", receipt),
            lambda: _packed(directory, lacking, spared),
            repeats,
        )
        print(f"       write   {writing}: sha256sum of all files and tar of the new ones", flush=True)
        verifying = measured(
            lambda: bench.read(delta.path, sources), lambda: _run("sha256sum", delta.path, *spared), repeats
        )
        print(f"       verify  {verifying}: sha256sum of the bundle and of what the site has")
        kept = [
            name for name in delta.document.files if may_be_spared(name) and delta.document.files[name].sha256 in files
        ]
        print(f"       {'OK' if not kept else 'MISS'}  it brings {len(kept)} files that the site has")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the bytes")
    parser.add_argument("--wheels", type=Path, help="a directory with real wheels")
    given = parser.parse_args()
    main(_WHOLE // 10 if given.quick else _WHOLE, given.wheels)
