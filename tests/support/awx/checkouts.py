# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX sees of a project after it has cloned it: its revision, the playbooks it finds, its files."""

from __future__ import annotations

import os
import re
import subprocess
import typing as t
from pathlib import Path, PurePosixPath

_PLAY: t.Final = re.compile(r"^\s*-?\s*(?:hosts|include|import_playbook):")
_SKIPPED: t.Final = {"roles", "tasks", "group_vars", "host_vars"}


class Checkout:
    """A git working tree, with what would be in its next commit.

    :param directory: its root.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def revision(self) -> str:
        """The commit that is checked out."""
        return self._git("rev-parse", "HEAD").strip()

    def files(self) -> list[str]:
        """Paths relative to the root, sorted; a link is one entry, since AWX does not follow links to directories."""
        found = self._git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        return sorted({path for path in found if path and os.path.lexists(self._directory / path)})

    def playbooks(self) -> list[str]:
        """The playbooks among the files, by the rule of AWX: YAML with a line that starts a play or imports one,
        outside of roles, tasks, variables and hidden directories.

        Whether ``ansible.builtin.import_playbook`` counts depends on the release of AWX: here it does not."""
        return [path for path in self.files() if _place_fits(path) and self._starts_play(path)]

    def _starts_play(self, path: str) -> bool:
        file = self._directory / path
        if not file.is_file():
            return False
        with file.open(encoding="utf-8", errors="ignore") as lines:
            return any(
                _PLAY.match(line) or (index == 0 and line.startswith("$ANSIBLE_VAULT;"))
                for index, line in enumerate(lines)
            )

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self._directory), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _place_fits(path: str) -> bool:
    pure = PurePosixPath(path)
    hidden = any(part.startswith(".") for part in pure.parent.parts)
    return pure.suffix in (".yml", ".yaml") and not hidden and not _SKIPPED & set(pure.parent.parts)
