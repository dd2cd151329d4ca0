# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects to build releases from, in git repositories of their own, and releases that need no building."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.flow_code import FlowCode
from ansible_collections.hotpass.prefect.plugins.module_utils.release import building, tar
from ansible_collections.hotpass.prefect.plugins.module_utils.release.config import FileEntry, Overlay, ReleaseConfig
from ansible_collections.hotpass.prefect.plugins.module_utils.room import CommandResult

from tests.support.doors import ROOT

COMMITTED_AT = "2026-03-01T12:00:00+02:00"
LOCK = f"prefect==3.8.8 \\\n    --hash=sha256:{'0' * 64}\n"


Build = t.Callable[..., dict[str, t.Any]]
LAB = '''
from prefect import flow

@flow(name="lab-build")
def build(day: int, rate: float = 0.5, kinds: set[str] = {"c", "a", "b", "e", "d"}):
    """Build.

        Args:
            day: which day
    """
'''


def run_command(
    argv: t.Sequence[str], *, env: t.Mapping[str, str] | None = None, data: str | None = None
) -> CommandResult:
    """The way to run a command that a door has."""
    done = subprocess.run(
        list(argv), env={**os.environ, **(env or {})}, input=data, capture_output=True, text=True, check=False
    )
    return CommandResult(done.returncode, done.stdout, done.stderr)


def git(root: Path, *arguments: str) -> str:
    """Run git with nobody's settings, and return what it said."""
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_DATE": COMMITTED_AT,
        "GIT_COMMITTER_DATE": COMMITTED_AT,
        **{f"GIT_{who}_{what}": "tester@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    command = ["git", "-C", str(root), "-c", "protocol.file.allow=always", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def write(root: Path, files: t.Mapping[str, str | bytes]) -> None:
    """Write files below a directory."""
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)


def commit(root: Path, message: str = "work") -> str:
    """Commit everything, and return the commit."""
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(root, "rev-parse", "HEAD")


def repository(root: Path, files: t.Mapping[str, str | bytes], object_format: str = "sha1") -> Path:
    """A repository with one commit of these files."""
    root.mkdir(parents=True, exist_ok=True)
    git(root, "init", "--quiet", "--initial-branch=main", f"--object-format={object_format}")
    write(root, files)
    commit(root)
    return root


def shipped(root: Path) -> Path:
    """A repository with what this checkout releases, as it is in the work tree now."""
    root.mkdir(parents=True)
    skipped = shutil.ignore_patterns("__pycache__")
    for directory in ("checks", "deployments", "dev", "flows", "prod", "staging"):
        shutil.copytree(ROOT / "prefect" / directory, root / "prefect" / directory, ignore=skipped)
    write(root, {"requirements/prefect.txt": (ROOT / "requirements" / "prefect.txt").read_bytes()})
    return repository(root, {".gitignore": "__pycache__/\n"})


def lab(project: Path, files: t.Mapping[str, str] | None = None) -> None:
    """A small project in place of the shipped one, which asks for less."""
    git(project, "rm", "-r", "--quiet", "prefect")
    files = {
        "prefect/flows/lab/nightly.py": LAB,
        "prefect/checks/__init__.py": "",
        "prefect/deployments/nightly.yaml": "name: nightly\nflow: lab.nightly:build\nparameters: {day: 1}\n",
        "prefect/staging/nightly.yaml": "extends: nightly\nname: nightly-staging\n",
        **(files or {}),
    }
    write(project, files)
    commit(project, "lab")


def release(files: t.Mapping[str, bytes], **fields: t.Any) -> building.Prepared:
    """A release of these files, none of them executable but those below ``checks/``.

    :param fields: of its config, in place of the usual ones.
    """
    members = [tar.Member(path, data, path.startswith("checks/")) for path, data in files.items()]
    code = FlowCode("lab-build", "lab/nightly.py:build", {"properties": {"rate": {"default": 0.5}}}, "a" * 64)
    usual: dict[str, t.Any] = {
        "solution": "hotpass",
        "commit": "c" * 40,
        "commit_time": "2026-03-01T10:00:00Z",
        "dirty": False,
        "flows": {"lab.nightly:build": code},
        "overlays": (Overlay("deployments", ("nightly",)),),
        "files": {
            member.path: FileEntry(hashlib.sha256(member.data).hexdigest(), len(member.data), member.executable)
            for member in members
        },
        "requirements": {"prefect": ("3.8.8",)},
    }
    return building.assemble(ReleaseConfig(**{**usual, **fields}), tar.pack(members), b"{}")
