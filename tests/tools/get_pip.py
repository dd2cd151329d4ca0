# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the get-pip script that ansible-test would download from a host of its own.

``get_pip.py --install DIRECTORY`` puts a copy of this file where ansible-test keeps its downloads, under the name of
each pip release it may ask for. ansible-test then runs that copy as it would get-pip: it installs the requested pip
with the one that Python carries, from whatever package index pip is set up to use.
"""

from __future__ import annotations

import ensurepip
import re
import runpy
import shutil
import sys
from pathlib import Path


def install(directory: Path) -> None:
    """Copy this file into ``directory`` under each name the installed ansible-test looks for; SystemExit if none."""
    import ansible_test

    source = Path(ansible_test.__file__).parent / "_internal" / "python_requirements.py"
    versions = set(re.findall(r"\bpip='([\d.]+)'", source.read_text(encoding="utf-8")))
    if not versions:
        raise SystemExit(f"{source}: no pip version found, so this ansible-test needs another stand-in for get-pip")
    directory.mkdir(parents=True, exist_ok=True)
    for version in versions:
        shutil.copyfile(__file__, directory / f"get_pip_{version.replace('.', '_')}.py")


def run_as_get_pip(arguments: list[str]) -> None:
    """Run the pip that Python carries as ``pip install`` with get-pip's arguments."""
    wheel = next((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
    sys.path.insert(0, str(wheel))
    sys.argv = ["pip", "install", *(word for word in arguments if word not in ("--no-setuptools", "--no-wheel"))]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--install"]:
        install(Path(sys.argv[2]))
    else:
        run_as_get_pip(sys.argv[1:])
