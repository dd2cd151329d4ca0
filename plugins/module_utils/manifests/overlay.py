# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Overlays: manifests that extend a base manifest, and ids that name exactly one manifest."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.files import ManifestFile
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.positions import Node, merge
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.problems import Problem, shown

OWN_KEYS = ("extends", "$schema")

_LONGEST_CHAIN = 32


class Merged(t.NamedTuple):
    """A manifest with everything it extends.

    :param sources: the files that contributed, the selected one first.
    """

    node: Node
    sources: tuple[ManifestFile, ...]


def duplicates(files: t.Iterable[ManifestFile]) -> list[Problem]:
    """A problem for every file whose id an earlier one has."""
    first: dict[str, ManifestFile] = {}
    problems = []
    for file in files:
        other = first.setdefault(file.id, file)
        if other is not file:
            found = f"{shown(file.id)}, which {other.path} has too"
            problems.append(Problem(str(file.path), _line(file, "id", "extends"), "id", found, "each id once"))
    return problems


class Base:
    """The base manifests by id.

    :param name: where they are, for messages.
    """

    def __init__(self, files: t.Sequence[ManifestFile], name: str) -> None:
        self._files = {file.id: file for file in files}
        self._name = name
        self._merged: dict[str, Merged | None] = {}

    def merged(self, file: ManifestFile) -> Merged | Problem | None:
        """The manifest of the file with everything it extends.

        :returns: None where a file cannot be used for problems of its own.
        """
        return self._merge(file, (file,))

    def _merge(self, file: ManifestFile, chain: tuple[ManifestFile, ...]) -> Merged | Problem | None:
        if file.node is None:
            return None
        own = _without_own_keys(file)
        extends = file.node.value.get("extends")
        if extends is None or extends.value is None:
            return Merged(own, (file,))
        if file.extends is None:
            return self._unknown(file, shown(extends.value))
        base = self._files.get(file.extends)
        if base is None:
            return self._unknown(file, shown(file.extends))
        if any(base is link for link in chain):
            loop = " -> ".join([*(link.id for link in chain), base.id])
            return Problem(str(file.path), extends.line, "extends", f"the circle {loop}", "a chain with an end")
        if len(chain) > _LONGEST_CHAIN:
            found, allowed = f"a chain of more than {_LONGEST_CHAIN} manifests", f"at most {_LONGEST_CHAIN}"
            return Problem(str(file.path), extends.line, "extends", found, allowed)
        below = self._below(base, chain)
        if not isinstance(below, Merged):
            return below
        return Merged(merge(below.node, own), (file, *below.sources))

    def _below(self, base: ManifestFile, chain: tuple[ManifestFile, ...]) -> Merged | Problem | None:
        if base.id not in self._merged:
            answer = self._merge(base, (*chain, base))
            if isinstance(answer, Problem):  # It may speak of this chain only.
                return answer
            self._merged[base.id] = answer
        return self._merged[base.id]

    def _unknown(self, file: ManifestFile, found: str) -> Problem:
        known = ", ".join(sorted(self._files)) or "nothing, for there are no manifests there"
        return Problem(str(file.path), _line(file, "extends"), "extends", found, f"an id in {self._name}: {known}")


def _without_own_keys(file: ManifestFile) -> Node:
    node = t.cast("Node", file.node)
    return Node({key: child for key, child in node.value.items() if key not in OWN_KEYS}, node.file, node.line)


def _line(file: ManifestFile, *keys: str) -> int:
    values = file.node.value if file.node else {}
    return next((values[key].line for key in keys if key in values), 1)
