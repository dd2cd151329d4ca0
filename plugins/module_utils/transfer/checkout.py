# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what a checkout's collection is built of is what its commit has.

As for releases, git is asked for a list only, and the bytes are held against the ids in it: what git ignores, or is
told to overlook, counts as well. Whether a file can be executed is the commit's to say, because not every file system
can tell.
"""

from __future__ import annotations

import hashlib
import os
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.sources import run_git
from ansible_collections.hotpass.prefect.plugins.module_utils.room import RunCommand
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party_manifests import yaml

_MOST_NAMED = 10
_GALAXY: t.Final = "galaxy.yml"
_TAKING: t.Final = frozenset({"include", "recursive-include", "graft"})


class Committed(t.NamedTuple):
    """A file of a commit.

    :ivar blob: the id that git gave to its bytes.
    """

    executable: bool
    blob: str


def commit_of(root: Path, run_command: RunCommand) -> dict[str, Committed] | None:
    """The files of the commit that a checkout is of, by their paths below it; None where git does not keep it.

    :raises CollectionError: when git cannot tell.
    """
    place = root.resolve()
    # In a work tree that was added to a repository this is a file.
    own = (place / ".git").exists()
    if not own and not any((above / ".git").exists() for above in place.parents):
        return None
    done = run_git(place, run_command, "ls-tree", "-r", "-z", "HEAD")
    if done.rc:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()] or ["it says no more"]
        said = next((line for line in lines if line.startswith("fatal: ")), lines[-1])
        raise CollectionError(
            f"The checkout {root} cannot be compared with its commit; git: {said.removeprefix('fatal: ').rstrip('.')}. "
            "Let it travel as it is with -e allow_dirty=true."
        )
    committed = {}
    for line in filter(None, done.stdout.split("\0")):
        meta, path = line.split("\t", 1)
        mode, _kind, blob = meta.split(" ")
        committed[path] = Committed(mode == "100755", blob)
    # It may have been unpacked below somebody else's repository.
    return committed if own or _GALAXY in committed else None


def differing(root: Path, committed: t.Mapping[str, Committed], files: t.Mapping[str, bytes]) -> dict[str, str]:
    """The files that are not as the commit has them, and how.

    :param files: for each path below the root the bytes that were built of it, and those of ``galaxy.yml``.
    """
    found = {}
    for path, data in sorted(files.items()):
        if path not in committed:
            found[path] = "not in the commit"
        elif committed[path].blob != _blob_id(data, committed[path].blob):
            found[path] = "changed"
    # Of a directory, or at the top of the checkout a file, that galaxy.yml does not name nothing travels.
    tops = {path.split("/", maxsplit=1)[0] for path in files} | _taken(files[_GALAXY])
    for path in sorted(committed.keys() - files.keys()):
        if path.split("/", maxsplit=1)[0] in tops and not os.path.lexists(root / path):
            found[path] = "missing"
    return found


def _taken(galaxy: bytes) -> set[str]:
    """The words of the directives by which files are taken, the names of directories and files among them."""
    named = yaml.safe_load(galaxy)
    manifest = named.get("manifest") if isinstance(named, dict) else None
    lines = [str(line).split() for line in (manifest or {}).get("directives") or ()]
    return {word for line in lines if line and line[0] in _TAKING for word in line[1:]}


def refusal(root: Path, found: t.Mapping[str, str]) -> str:
    """Why a checkout with such files does not travel."""
    return (
        f"The checkout {root} is not its commit, and what it has travels under a seal: {_named(found, 1)}. Commit, "
        "restore or remove what differs, or let it travel as it is with -e allow_dirty=true."
    )


def warning(root: Path, found: t.Mapping[str, str]) -> str:
    """What is said of a checkout with such files that travels all the same."""
    return f"The collection is that of {root}, which is not its commit: {_named(found, _MOST_NAMED)}."


def _blob_id(data: bytes, like: str) -> str:
    """The name that git gives to these bytes, by the hash that made an id of this length."""
    hasher = hashlib.sha256() if len(like) == 64 else hashlib.sha1(usedforsecurity=False)
    hasher.update(b"blob %d\0" % len(data))
    hasher.update(data)
    return hasher.hexdigest()


def _named(found: t.Mapping[str, str], most: int) -> str:
    shown = [f"{path} ({why})" for path, why in list(found.items())[:most]]
    return f"{', '.join(shown)}{f' and {len(found) - most} more' if len(found) > most else ''}"
