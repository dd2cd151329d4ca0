# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheels that a site needs: what the locks pin for its Python and platform, from a checked cache, or by pip."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import shutil
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import requirements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.requirements import Locked
from ansible_collections.hotpass.prefect.plugins.module_utils.room import CommandResult, RunCommand
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party_wheels import (
    InvalidVersion,
    InvalidWheelFilename,
    Version,
    parse_wheel_filename,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.platforms import Target

_CHUNK = 1024 * 1024
_SHOWN = 8
_NOT_FOUND = re.compile(r"No matching distribution found for ([^\s(]+)")
_MISMATCH = "THESE PACKAGES DO NOT MATCH THE HASHES"
_NO_NETWORK = re.compile(
    r"Retrying \(|ConnectionError|ProxyError|SSLError|Connect(?:ion)?Timeout|Read(?:Timeout| timed out)"
)
_NO_PIP = "No module named pip"


@dataclasses.dataclass(frozen=True)
class Wheel:
    """One file of the cache.

    :param size: in bytes.
    :param sha256: 64 hexadecimal digits, one of the lock's.
    """

    path: Path
    sha256: str
    size: int


def pinned(locks: t.Mapping[str, bytes], target: Target) -> tuple[Locked, ...]:
    """What a target needs of some locks, sorted by name.

    :param locks: the bytes of requirements files, by what messages name them.
    :raises CollectionError: for a lock that is none, and where two pin different files of one distribution.
    """
    found: dict[str, tuple[str, Locked]] = {}
    for where, data in locks.items():
        for one in requirements.read(data, where):
            if not target.wants(one.marker):
                continue
            first, before = found.setdefault(one.name, (where, one))
            if (before.version, before.hashes) != (one.version, one.hashes):
                raise CollectionError(
                    f"{first} pins {one.name} {before.version} and {where} {one.version}, or other files of it, for "
                    f"{target}; one bundle takes one of each, so lock both again."
                )
    return tuple(found[name][1] for name in sorted(found))


class Cache:
    """The wheels of one target that were fetched before. Each is hashed before it is used.

    :param directory: of the wheels of all targets; made by the first fetching.
    """

    def __init__(self, directory: Path, target: Target) -> None:
        name = f"{target.python}-{'-'.join(target.platforms)}"
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        self.directory = directory / (name if len(name) <= 100 else digest)
        self._target = target

    def find(self, wanted: t.Iterable[Locked]) -> tuple[list[Wheel], list[Locked]]:
        """The wheels that are there, and what is lacking. A file that is not what the lock says is lacking.

        :raises CollectionError: when the cache cannot be read.
        """
        files = self._files()
        wheels, lacking = [], []
        for one in wanted:
            wheel = self._best(one, files.get(one.name, ()))
            if wheel is None:
                lacking.append(one)
            else:
                wheels.append(wheel)
        return wheels, lacking

    def fetch(self, lacking: t.Sequence[Locked], run_command: RunCommand, python: str) -> None:
        """Download what is lacking, by the pip of a Python. What was cached before and is no more right is replaced.

        :raises CollectionError: when there is no pip or no network, or the index has no such wheel.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".fetching-", dir=self.directory) as temporary:
                wanted = Path(temporary) / "wanted.txt"
                wanted.write_text("".join(f"{_line(one)}\n" for one in lacking), encoding="utf-8")
                downloads = Path(temporary) / "wheels"
                answer = _run(run_command, [python, *self._arguments(wanted, downloads)], python)
                if answer.rc != 0:
                    raise CollectionError(self._refusal(answer, lacking, python))
                for path in sorted(downloads.glob("*.whl")):
                    os.replace(path, self.directory / path.name)
        except OSError as error:
            raise CollectionError(
                f"The wheels cannot be kept in {self.directory}: {error.strerror or error}; make room or name another "
                "directory."
            ) from None

    def _arguments(self, wanted: Path, downloads: Path) -> list[str]:
        platforms = [word for name in self._target.pip_platforms for word in ("--platform", name)]
        return [
            *("-m", "pip", "--disable-pip-version-check", "--no-input", "--retries", "2", "download", "--no-deps"),
            *("--only-binary", ":all:", "--require-hashes", "--progress-bar", "off"),
            *("--python-version", self._target.python, "--implementation", "cp", *platforms),
            *("--requirement", str(wanted), "--dest", str(downloads)),
        ]

    def _refusal(self, answer: CommandResult, lacking: t.Sequence[Locked], python: str) -> str:
        said = f"{answer.stdout}\n{answer.stderr}"
        if _NO_PIP in said:
            return (
                f"{python} has no pip to fetch wheels with, and the cache {self.directory} lacks {_names(lacking)}; "
                "install pip there, or fill the cache from another host."
            )
        if _NO_NETWORK.search(said):
            return (
                f"pip reached no package index, and the cache {self.directory} lacks {_names(lacking)}; run it where "
                "there is a network, or copy the cache of a host that has one."
            )
        if _MISMATCH in said:
            return (
                f"What the package index serves for {_names(lacking)} is not what the locks pin: the hashes differ. "
                "Nothing of it was kept; use an index that has the files that were locked."
            )
        unknown = _NOT_FOUND.search(said)
        if unknown:
            return (
                f"The package index has no wheel of {unknown[1]} for {self._target} that the lock allows; choose "
                "another platform or Python, or lock a version that has one."
            )
        lines = [line.strip() for line in answer.stderr.splitlines() if line.strip()] or [f"exit status {answer.rc}"]
        return f"pip could not fetch the wheels of {_names(lacking)}: {lines[-1][:300]}."

    def _files(self) -> dict[str, list[tuple[Path, str, int]]]:
        """The files of each distribution that run on the target, with version and rank."""
        files: dict[str, list[tuple[Path, str, int]]] = {}
        try:
            paths = sorted(self.directory.glob("*.whl")) if self.directory.is_dir() else []
        except OSError as error:
            raise CollectionError(f"The wheels in {self.directory} cannot be read: {error.strerror}.") from None
        for path in paths:
            try:
                name, version, _build, tags = parse_wheel_filename(path.name)
            except InvalidWheelFilename:
                continue
            ranks = [self._target.tags[tag] for tag in tags if tag in self._target.tags]
            if ranks:
                files.setdefault(name, []).append((path, str(version), min(ranks)))
        return files

    def _best(self, one: Locked, files: t.Sequence[tuple[Path, str, int]]) -> Wheel | None:
        allowed = {digits for algorithm, digits in one.hashes if algorithm == "sha256"}
        for path, version, _rank in sorted(files, key=lambda file: (file[2], file[0].name)):
            if _same_version(version, one.version) and not path.is_symlink():
                sha256, size = hashed(path)
                if sha256 in allowed:
                    return Wheel(path, sha256, size)
        return None


def gather(
    cache: Cache,
    wanted: t.Sequence[Locked],
    run_command: RunCommand,
    python: str,
    tell: t.Callable[[str], None],
) -> list[Wheel]:
    """Every wheel that is wanted; what the cache lacks is fetched.

    :param python: path of the Python whose pip fetches.
    :raises CollectionError: as :meth:`Cache.fetch`, and when pip brought something else.
    """
    wheels, lacking = cache.find(wanted)
    if lacking:
        tell(f"Fetching {len(lacking)} wheels of {len(wanted)}: {_names(lacking)}")
        cache.fetch(lacking, run_command, python)
        wheels, lacking = cache.find(wanted)
    if lacking:
        raise CollectionError(f"pip ended well, and {cache.directory} still lacks {_names(lacking)}.")
    return wheels


def hashed(path: Path) -> tuple[str, int]:
    """The sha256 of a file, and its bytes.

    :raises CollectionError: when it cannot be read.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise CollectionError(f"{path} cannot be read: {error.strerror}.") from None
    return digest.hexdigest(), size


def interpreter(given: str | None, own: str) -> str:
    """The Python whose pip fetches: the one that is named, else the one that runs.

    :raises CollectionError: when there is none at that path.
    """
    path = given or own
    if shutil.which(path) is None:
        raise CollectionError(f"There is no Python at {path}; name one that has pip.")
    return path


def _run(run_command: RunCommand, argv: t.Sequence[str], python: str) -> CommandResult:
    try:
        return run_command(argv)
    except OSError as error:
        raise CollectionError(f"{python} cannot be run: {error.strerror}.") from None


def _line(one: Locked) -> str:
    return " ".join([f"{one.name}=={one.version}", *(f"--hash={name}:{digits}" for name, digits in one.hashes)])


def _names(wanted: t.Sequence[Locked]) -> str:
    shown = ", ".join(f"{one.name} {one.version}" for one in wanted[:_SHOWN])
    return shown if len(wanted) <= _SHOWN else f"{shown} and {len(wanted) - _SHOWN} more"


def _same_version(one: str, other: str) -> bool:
    try:
        return bool(Version(one) == Version(other))
    except InvalidVersion:
        return one == other
