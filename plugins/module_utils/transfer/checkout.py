# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what a checkout's collection is built of is what its commit has.

As for releases, git is asked for a list only, and the bytes are held against the ids in it: what git ignores, or is
told to overlook, counts as well.
"""

from __future__ import annotations

import hashlib
import os
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.sources import run_git
from ansible_collections.hotpass.prefect.plugins.module_utils.room import RunCommand

_MOST_NAMED = 10


def differing(root: Path, files: t.Mapping[str, tuple[bytes, bool]], run_command: RunCommand) -> dict[str, str]:
    """The files that are not as the commit has them, and how; none where there is no git.

    :param files: for each path below the root what was built of it: its bytes, and whether it can be executed.
    :raises CollectionError: when git cannot tell.
    """
    # In a work tree that was added to a repository this is a file.
    if not (root / ".git").exists():
        return {}
    done = run_git(root, run_command, "ls-tree", "-r", "-z", "HEAD")
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
        committed[path] = mode, blob
    found = {}
    for path, (data, executable) in sorted(files.items()):
        if path not in committed:
            found[path] = "not in the commit"
        elif committed[path] != ("100755" if executable else "100644", _blob_id(data, committed[path][1])):
            found[path] = "changed"
    return found | {path: "missing" for path in sorted(committed.keys() - files.keys()) if _missed(root, path, files)}


def _missed(root: Path, path: str, files: t.Collection[str]) -> bool:
    """Whether a file of the commit is gone from where things travel from; what galaxy.yml takes there nobody can ask.

    A directory of which nothing travels, such as the tests, may lack what it likes.
    """
    top = path.split("/", maxsplit=1)[0]
    idle = os.path.lexists(root / top) and not any(other == top or other.startswith(f"{top}/") for other in files)
    return not idle and not os.path.lexists(root / path)


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
