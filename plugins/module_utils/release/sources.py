# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a commit, read from its work tree and held against the ids that git gave them.

Git is asked for lists only. The bytes are read here and hashed the way git hashes a blob, so that whatever a filter, an
index or an assumption of git's makes of a file, what is taken is what the commit names.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import os
import stat
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.files import SUFFIXES
from ansible_collections.hotpass.prefect.plugins.module_utils.release import config
from ansible_collections.hotpass.prefect.plugins.module_utils.release.tar import Member, check_paths
from ansible_collections.hotpass.prefect.plugins.module_utils.room import CommandResult, RunCommand

_FILE_MODES = {"100644": False, "100755": True}
_OTHER_MODES = {"120000": "a symbolic link", "160000": "a submodule"}
# Of the caller's environment git sees only what tells where it is, who asks, and where the user's settings are.
_KEPT = ("PATH", "HOME", "XDG_CONFIG_HOME")
_MOST_NAMED = 10


@dataclasses.dataclass(frozen=True)
class Paths:
    """Where a project keeps what goes into a release, relative to the project; a file belongs to the innermost.

    :param flows: the directory with the flows' packages.
    :param manifests: the directory with the base and the overlays; only YAML and JSON files are taken from it.
    :param checks: the directory with the release's own tests; None when it has none.
    :param requirements: the file that locks what the flows need.
    :param ignore: paths below the manifests that hold something else.
    """

    flows: str
    manifests: str
    checks: str | None
    requirements: str
    ignore: tuple[str, ...] = ()

    def places(self) -> list[tuple[str, str]]:
        """Each path with the place that its files take in the bundle."""
        places = [
            (self.flows, config.FLOWS),
            (self.manifests, config.MANIFESTS),
            (self.requirements, config.REQUIREMENTS),
        ]
        return places if self.checks is None else [*places, (self.checks, config.CHECKS)]


@dataclasses.dataclass(frozen=True)
class Sources:
    """What a project has at a commit.

    :param members: the files with their paths in the bundle, sorted.
    :param origins: for each of those paths the one in the project.
    :param commit: in hexadecimal.
    :param commit_time: ISO 8601 in UTC.
    :param differing: paths in the project that are not as the commit has them, and how; empty for a clean work tree.
    """

    members: tuple[Member, ...]
    origins: t.Mapping[str, str]
    commit: str
    commit_time: str
    differing: t.Mapping[str, str]


def read(project: Path, paths: Paths, run: RunCommand, allow_dirty: bool = False) -> Sources:
    """The files of the commit that is checked out, as far as they are below the paths.

    :param allow_dirty: take the work tree as it is, and say what differs, instead of refusing it.
    :raises CollectionError: when there is no repository, commit or such path, for links and submodules, for names that
        cannot be in a release, and for a work tree that differs.
    """
    git = _Git(project, run)
    commit, seconds = git.head()
    places = _checked(project, paths)
    wanted = sorted(places)
    committed = git.tree(commit, wanted)
    known = git.known(wanted)
    found: dict[str, Member] = {}
    differing: dict[str, str] = {}
    origins: dict[str, str] = {}
    for path in sorted({*committed, *known}):
        place = _place(path, places)
        if place.startswith(f"{config.MANIFESTS}/") and _no_manifest(path, paths.ignore):
            continue
        check_paths([place])
        entry = committed.get(path)
        if entry is None:
            differing[path] = "not in the commit"
        member, why = _read(project, path, place, entry)
        if why:
            differing.setdefault(path, why)
        if member is not None:
            if place in origins:
                raise CollectionError(f"Both {origins[place]} and {path} would be {place} in the release; move one.")
            found[place], origins[place] = member, path
    if differing and not allow_dirty:
        raise CollectionError(_refusal(project, differing), differing=differing)
    check_paths(sorted(found))
    for path, place in places.items():
        if not any(origin == path or origin.startswith(f"{path}/") for origin in origins.values()):
            raise CollectionError(f"{path} in {project} has no file that could be the {place} of the release.")
    members = tuple(found[place] for place in sorted(found))
    time = datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Sources(members, origins, commit, time, differing)


def run_git(project: Path, run: RunCommand, *arguments: str) -> CommandResult:
    """What git says in a project, whatever the caller's environment wants it to look at.

    :raises CollectionError: when it cannot be started.
    """
    kept = [f"{name}={os.environ[name]}" for name in _KEPT if name in os.environ]
    settings = ["LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "GIT_NO_REPLACE_OBJECTS=1", "GIT_LITERAL_PATHSPECS=1"]
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(project), *arguments]
    try:
        return run(["env", "-i", *kept, *settings, *command])
    except OSError as error:
        raise CollectionError(f"git cannot be run: {error}.") from None


class _Entry(t.NamedTuple):
    blob: str
    executable: bool


class _Git:
    def __init__(self, project: Path, run: RunCommand) -> None:
        self._project = project
        self._run = run

    def head(self) -> tuple[str, int]:
        """The commit that is checked out, and when it was committed, in seconds since 1970."""
        if not self._project.is_dir():
            raise CollectionError(f"The project {self._project} is no directory.")
        said = self._ask("rev-parse", "--is-inside-work-tree", failed="is in no work tree of git")
        if said.strip() != "true":
            raise CollectionError(f"The project {self._project} is in no work tree of git: it is inside a repository.")
        commit = self._ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}", failed="has no commit yet").strip()
        seconds = self._ask("log", "-1", "--no-show-signature", "--format=%ct", commit, failed="cannot be read")
        return commit, int(seconds)

    def tree(self, commit: str, paths: t.Sequence[str]) -> dict[str, _Entry]:
        """The files of the commit below the paths.

        :raises CollectionError: for what is no file.
        """
        listed = self._ask("ls-tree", "-r", "-z", commit, "--", *paths, failed="cannot list the commit's files")
        entries = {}
        for line in filter(None, listed.split("\0")):
            meta, path = line.split("\t", 1)
            mode, kind, blob = meta.split(" ")
            if mode not in _FILE_MODES:
                found = _OTHER_MODES.get(mode, f"a {kind} of mode {mode}")
                raise CollectionError(f"{path} in {self._project} is {found}; a release takes regular files only.")
            entries[path] = _Entry(blob, _FILE_MODES[mode])
        return entries

    def known(self, paths: t.Sequence[str]) -> list[str]:
        """What is below the paths in the index or, unless it is ignored, in the work tree."""
        asked = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths)
        return [path for path in self._ask(*asked, failed="cannot list the work tree").split("\0") if path]

    def _ask(self, *arguments: str, failed: str) -> str:
        done = run_git(self._project, self._run, *arguments)
        if done.rc == 127:
            raise CollectionError("git cannot be run: it is not installed where the release is built.")
        if done.rc != 0:
            lines = done.stderr.strip().splitlines()
            said = next(
                (line for line in lines if line.startswith("fatal: ")), lines[-1] if lines else "it says no more"
            )
            raise CollectionError(
                f"The project {self._project} {failed}; git: {said.removeprefix('fatal: ').rstrip('.')}."
            )
        return done.stdout


def _checked(project: Path, paths: Paths) -> dict[str, str]:
    """The places of the paths.

    :raises CollectionError: for a path that is not below the project, or given twice.
    """
    places = {}
    for path, place in paths.places():
        plain = os.path.normpath(path)
        if os.path.isabs(plain) or plain.split(os.sep)[0] in ("..", "."):
            raise CollectionError(f"{path} cannot be the {place} of a release; allowed is a path below {project}.")
        if not os.path.lexists(project / plain):
            raise CollectionError(f"{path}, which is to be the {place} of the release, is not in {project}.")
        places[plain.replace(os.sep, "/")] = place
    if len(places) < len(paths.places()):
        raise CollectionError("Two of flows, manifests, checks and requirements are one path; give each its own.")
    return places


def _place(path: str, places: t.Mapping[str, str]) -> str:
    root = max((root for root in places if path == root or path.startswith(f"{root}/")), key=len)
    return places[root] + path[len(root) :]


def _no_manifest(path: str, ignore: t.Iterable[str]) -> bool:
    """Whether something else than a manifest lives at a path below the manifests."""
    ignored = any(path == other or path.startswith(f"{other.rstrip('/')}/") for other in ignore)
    return ignored or not path.lower().endswith(SUFFIXES)


def _read(project: Path, path: str, place: str, entry: _Entry | None) -> tuple[Member | None, str]:
    """A file of the work tree, and in which way it is not the commit's; None for one that is gone.

    :raises CollectionError: for what is no regular file, or cannot be read.
    """
    file = project / path
    try:
        steps = path.split("/")
        for end in range(1, len(steps)):
            if stat.S_ISLNK(os.lstat(project.joinpath(*steps[:end])).st_mode):
                raise CollectionError(
                    f"{'/'.join(steps[:end])} in {project} is a symbolic link; a release takes regular files only."
                )
        status = os.lstat(file)
        if not stat.S_ISREG(status.st_mode):
            found = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "no regular file"
            raise CollectionError(f"{path} in {project} is {found}; a release takes regular files only.")
        data = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None, "missing"
    except OSError as error:
        raise CollectionError(f"{path} in {project} cannot be read: {error.strerror}.") from None
    if entry is None:
        return Member(place, data, bool(status.st_mode & stat.S_IXUSR)), ""
    return Member(place, data, entry.executable), "" if _blob_id(data, entry.blob) == entry.blob else "changed"


def _blob_id(data: bytes, like: str) -> str:
    """The name that git gives to these bytes, by the hash that made an id of this length."""
    hasher = hashlib.sha256() if len(like) == 64 else hashlib.sha1(usedforsecurity=False)
    hasher.update(b"blob %d\0" % len(data))
    hasher.update(data)
    return hasher.hexdigest()


def _refusal(project: Path, differing: t.Mapping[str, str]) -> str:
    shown = [f"{path} ({why})" for path, why in list(differing.items())[:_MOST_NAMED]]
    more = f" and {len(differing) - _MOST_NAMED} more" if len(differing) > _MOST_NAMED else ""
    return (
        f"The work tree {project} is not its commit: {', '.join(shown)}{more}. Commit or remove these, or let the "
        "release be marked as dirty with allow_dirty."
    )
