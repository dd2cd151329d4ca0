# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ee_imports.py COLLECTIONS``: imports, with the Python that runs it, every library that the plugins may import.

A play meets some of them only when there is a bucket, a timeline or a statement to deal with; an environment without
them has to be noticed before that. Ends with 1 and names each that is missing.
"""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

_OURS = ("ansible", "ansible_collections")


def imported(plugins: Path) -> dict[str, str]:
    """Each module from outside Python and Ansible that a file below names, wherever in it, with one such file."""
    found: dict[str, str] = {}
    for file in sorted(plugins.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                top = name.partition(".")[0]
                if top not in sys.stdlib_module_names and top not in _OURS:
                    found.setdefault(name, str(file.relative_to(plugins)))
    return found


def main(collections: Path) -> int:
    """Import each; 1 if any is missing or there is none at all, else 0."""
    names = imported(collections / "ansible_collections" / "hotpass" / "prefect" / "plugins")
    missing = 0 if names else 1
    for name, file in sorted(names.items()):
        try:
            importlib.import_module(name)
        except ImportError as error:
            print(f"{file} imports {name}, which is not there: {error}")
            missing += 1
    print(f"{len(names)} modules from outside")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
