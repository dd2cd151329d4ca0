# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container engine that builds nothing, and writes down what it is told."""

from __future__ import annotations

import sys
from pathlib import Path

# Keeps the context and the arguments of each call, and the labels of what it built.
_ENGINE = """#!{python}
import json, pathlib, shutil, sys
home = pathlib.Path({home!r})
arguments = sys.argv[1:]
with (home / "calls").open("a") as calls:
    calls.write(json.dumps(arguments) + "\\n")
built = home / "built.json"
if (home / "fails").exists() and (home / "fails").read_text() == arguments[0]:
    sys.stderr.write("something\\nno space left on device\\n")
    sys.exit(125)
if arguments[0] == "build":
    labels = dict(arguments[i + 1].split("=", 1) for i, one in enumerate(arguments) if one == "--label")
    name = arguments[arguments.index("--tag") + 1]
    shutil.copytree(arguments[-1], home / "context", dirs_exist_ok=True)
    shutil.copy(arguments[arguments.index("--file") + 1], home / "Containerfile")
    found = {{"Id": "sha256:feed", "Config": {{"Labels": labels}}, "RepoDigests": [], "name": name}}
    built.write_text(json.dumps(found))
elif arguments[:2] == ["image", "inspect"]:
    if not built.exists() or json.loads(built.read_text())["name"] != arguments[2]:
        sys.stderr.write("no such image\\n")
        sys.exit(1)
    print(json.dumps([json.loads(built.read_text())]))
elif arguments[0] == "push":
    found = json.loads(built.read_text())
    found["RepoDigests"] = ["registry.example:5000/hotpass/worker@sha256:" + "ab" * 32]
    built.write_text(json.dumps(found))
"""


def stand_in(file: Path, home: Path) -> None:
    """Put it where ``podman`` or ``docker`` would be.

    :param home: a directory for the calls, the context and the Containerfile that it was given.
    """
    file.parent.mkdir(exist_ok=True)
    file.write_text(_ENGINE.format(python=sys.executable, home=str(home)))
    file.chmod(0o755)
