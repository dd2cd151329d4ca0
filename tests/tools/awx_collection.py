#!/usr/bin/env python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the awx.awx collection of requirements/awx.txt into a directory, without installing anything."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PREFIX = "ansible_collections/awx/awx/"


def main(target: Path) -> None:
    """Fetch the wheel, whose hash pip checks, and take the collection out of it."""
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
                *(
                    "--require-hashes",
                    "--only-binary=:all:",
                    "--python-version",
                    "3.12",
                    "--dest",
                    name,
                    "-r",
                    str(ROOT / "requirements/awx.txt"),
                ),
            ],
            check=True,
        )
        [wheel] = Path(name).glob("*.whl")
        shutil.rmtree(target / "ansible_collections", ignore_errors=True)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target, [entry for entry in archive.namelist() if entry.startswith(_PREFIX)])
    if not (target / _PREFIX / "MANIFEST.json").is_file():
        sys.exit(f"{wheel.name} has no {_PREFIX}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
