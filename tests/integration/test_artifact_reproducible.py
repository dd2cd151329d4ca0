# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same commit is the same release: other path, user, umask, time zone, locale, file times, hash seed, Python.

Every build is a process of its own. Other Pythons are taken from HOTPASS_TEST_PYTHONS (paths, separated as in PATH),
from pyenv and from PATH, as far as they have what building takes.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from tests.support import projects
from tests.support.doors import ROOT

pytestmark = pytest.mark.integration

NEEDED = "prefect, ansible, croniter, cyclonedx, dateutil, jsonschema, packaging, pydantic, urllib3, yaml"
BUILD = """
import os, sys
os.umask(int(sys.argv[3], 8))
from pathlib import Path
from ansible_collections.hotpass.prefect.plugins.module_utils.release.building import Project, build
from ansible_collections.hotpass.prefect.plugins.module_utils.release.sources import Paths
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import open_store
from tests.support.projects import run_command
paths = Paths("prefect/flows", "prefect", "prefect/checks", "requirements/prefect.txt")
project = Project(Path(sys.argv[1]), paths, "hotpass", sys.executable)
print(build(open_store(sys.argv[2]), project, run_command).digest)
"""


@dataclasses.dataclass(frozen=True)
class Circumstances:
    """What a build must not depend on."""

    python: str = sys.executable
    umask: str = "022"
    cwd: Path = ROOT
    env: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


@functools.cache
def pythons() -> dict[str, str]:
    """A Python of each minor version that can build, by its version; the one that runs this is among them."""
    found: dict[str, str] = {}
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    named = os.environ.get("HOTPASS_TEST_PYTHONS", "").split(os.pathsep)
    on_path = [shutil.which(f"python3.{minor}") or "" for minor in (11, 12, 13)]
    for python in [sys.executable, *named, *map(str, sorted(pyenv.glob("3.1[123]*/bin/python"))), *on_path]:
        if not python or not os.access(python, os.X_OK):
            continue
        asked = f"import sys, {NEEDED}; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([python, "-c", asked], capture_output=True, text=True, cwd="/", check=False)
        if done.returncode == 0:
            found.setdefault(done.stdout.strip(), python)
    return found


def build(project: Path, store: Path, around: Circumstances) -> str:
    """Build in a process of its own, and return the digest."""
    done = subprocess.run(
        [around.python, "-c", BUILD, str(project), str(store), around.umask],
        cwd=around.cwd,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(store.parent),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "collections")]),
            "PYTHONDONTWRITEBYTECODE": "1",
            **around.env,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return projects.shipped(tmp_path_factory.mktemp("origin") / "project")


@pytest.fixture(scope="module")
def expected(origin: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The digest of a plain build, and the store it is in."""
    store = tmp_path_factory.mktemp("plain") / "store"
    return build(origin, store, Circumstances()), store


def blobs(store: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (store / "blobs" / "sha256").iterdir()}


def test_nothing_around_a_build_gets_into_it(origin: Path, expected: tuple[str, Path], tmp_path: Path) -> None:
    clone = tmp_path / "a much longer path, with spaces" / "clone"
    clone.parent.mkdir()
    projects.git(tmp_path, "clone", "--quiet", str(origin), str(clone))
    for file in clone.rglob("*"):
        if ".git" not in file.parts and file.is_file():
            os.utime(file, (86_400, 86_400))
            file.chmod(0o600)
    around = Circumstances(
        umask="077",
        cwd=tmp_path,
        env={
            "TZ": "Pacific/Kiritimati",
            "LC_ALL": "tr_TR.UTF-8",
            "LANG": "tr_TR.UTF-8",
            "LOGNAME": "somebody",
            "USER": "somebody",
            "PYTHONHASHSEED": "4711",
            "PYTHONUTF8": "1",
            "COLUMNS": "20",
            "GIT_AUTHOR_NAME": "Somebody",
            "SOURCE_DATE_EPOCH": "1",
        },
    )
    assert build(clone, tmp_path / "store", around) == expected[0]
    assert blobs(tmp_path / "store") == blobs(expected[1])


@pytest.mark.parametrize("version", sorted(pythons()))
def test_every_python_builds_the_same(version: str, origin: Path, expected: tuple[str, Path], tmp_path: Path) -> None:
    around = Circumstances(python=pythons()[version], env={"TZ": "America/St_Johns"})
    assert build(origin, tmp_path / "store", around) == expected[0]
    assert blobs(tmp_path / "store") == blobs(expected[1])


def test_another_commit_is_another_release(origin: Path, expected: tuple[str, Path], tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    projects.git(tmp_path, "clone", "--quiet", str(origin), str(clone))
    projects.commit(clone, "nothing but a message")
    store = tmp_path / "store"
    shutil.copytree(expected[1], store)
    assert build(clone, store, Circumstances()) != expected[0]
    # The files are the same, and are kept once: what is new is the config, the bill of materials and the manifest.
    assert len(blobs(store)) == len(blobs(expected[1])) + 3
