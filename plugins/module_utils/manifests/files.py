# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest files of a directory: which they are, and each one's document and id."""

from __future__ import annotations

import dataclasses
import os
import stat
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.json_reader import read_json
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.positions import Node
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.problems import Problem, shown
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.yaml_reader import read_yaml

SUFFIXES = (".yaml", ".yml", ".json")
MAX_BYTES = 1024 * 1024


@dataclasses.dataclass(frozen=True, eq=False)
class ManifestFile:
    """One manifest file as it was read.

    :param node: its mapping, or None where it has none that could be read.
    :param id: the declared id, else the id it extends, else the name of the file without its suffix.
    :param extends: the id of the base manifest it patches.
    :param problems: what is wrong with the file apart from its fields.
    """

    path: Path
    node: Node | None
    id: str
    extends: str | None
    problems: tuple[Problem, ...]


def read_directory(directory: Path) -> list[ManifestFile]:
    """Every manifest file in the directory and below it, in the order of their paths.

    Names that begin with a dot are passed over. A directory that cannot be read raises ``OSError``.
    """
    return [read_file(path) for path in sorted(_walk(directory, ()))]


def read_file(path: Path) -> ManifestFile:
    """One manifest file. Nothing is raised: what is wrong stands in its problems."""
    file = str(path)
    text, problems = _text(path)
    node: Node | None = None
    if text is not None:
        node, problems = (read_json if path.suffix.lower() == ".json" else read_yaml)(text, file)
    if node is not None and not isinstance(node.value, dict):
        found = "an empty document" if node.value is None else shown(node.value)
        problems.append(Problem(file, 1, "document", found, "one mapping"))
        node = None
    if node is None:
        return ManifestFile(path, None, path.stem, None, tuple(problems))
    node = Node(node.value, file, 1)
    declared, extends = (_text_of(node, key) for key in ("id", "extends"))
    return ManifestFile(path, node, declared or extends or path.stem, extends, tuple(problems))


def _walk(directory: Path, parents: tuple[tuple[int, int], ...]) -> t.Iterator[Path]:
    status = directory.stat()
    here = (status.st_dev, status.st_ino)
    if here in parents:  # A link back to a directory above.
        return
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _walk(Path(entry.path), (*parents, here))
            elif entry.name.lower().endswith(SUFFIXES):
                yield Path(entry.path)


def _text(path: Path) -> tuple[str | None, list[Problem]]:
    file = str(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return None, [Problem(file, None, "file", "something that is not a regular file", "a regular file")]
        if status.st_size > MAX_BYTES:
            return None, [Problem(file, None, "file", f"{status.st_size} bytes", f"at most {MAX_BYTES} bytes")]
        content = path.read_bytes()
    except OSError as error:
        return None, [Problem(file, None, "file", f"no way to read it ({error.strerror})", "a readable file")]
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return None, [Problem(file, line, "file", f"the byte 0x{content[error.start]:02x}", "text in UTF-8")]


def _text_of(node: Node, key: str) -> str | None:
    child = node.value.get(key)
    return child.value if child is not None and isinstance(child.value, str) and child.value else None
