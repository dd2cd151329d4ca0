# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkouts of this project and installed collections, for transfer bundles to be exported from."""

from __future__ import annotations

import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

from tests.support.doors import ROOT

LOCKS = ("requirements/runtime.txt", "requirements/prefect.txt")


def checkout(target: Path, locks: t.Mapping[str, str] | None = None) -> Path:
    """What git knows of this work tree, and would take, at another place.

    :param locks: the text of the files in :data:`LOCKS`, in place of what they have.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.split(b"\0")
    for name in (line.decode() for line in listed if line):
        # A symbolic link of the checkout leads into it, so it stays one; what was deleted and not committed is gone.
        if (ROOT / name).is_file() or (ROOT / name).is_symlink():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name, follow_symlinks=False)
    for name, text in (locks or {}).items():
        (target / name).write_text(text, encoding="utf-8")
    return target


def installed(tarball: Path, target: Path) -> Path:
    """The root of a collection that ansible-galaxy has installed from a tarball."""
    galaxy = [sys.executable, "-m", "ansible", "galaxy", "collection", "install"]
    # Without force one that the caller's settings lead to counts as installed already.
    subprocess.run([*galaxy, tarball, "-p", target, "--offline", "--force"], capture_output=True, check=True)
    return target / "ansible_collections" / "hotpass" / "prefect"
