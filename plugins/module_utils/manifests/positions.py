# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that know the file and line they came from, also after overlays were merged."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.problems import Path


class Node(t.NamedTuple):
    """A value of a document.

    :param value: a scalar, or ``dict[str, Node]``, or ``list[Node]``.
    :param file: the file that declared it.
    :param line: the line of its key, or of the item in a list; counted from 1.
    """

    value: t.Any
    file: str
    line: int

    def plain(self) -> t.Any:
        """The value without positions, made of new dicts and lists."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def at(self, path: Path) -> Node:
        """The node at the path, or the deepest one on the way there that exists."""
        node = self
        for step in path:
            children = node.value
            if isinstance(children, list):
                if not (isinstance(step, int) and 0 <= step < len(children)):
                    break
            elif not (isinstance(children, dict) and step in children):
                break
            node = children[step]
        return node


def merge(base: Node, patch: Node) -> Node:
    """The base with the patch laid over it: maps merge, lists and scalars replace, null removes the key.

    Every value keeps the position of the file that declared it; a merged map has the position of the patch.
    """
    if not isinstance(patch.value, dict):
        return patch
    merged: dict[str, Node] = dict(base.value) if isinstance(base.value, dict) else {}
    for key, child in patch.value.items():
        if child.value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key, _NOTHING), child)
    return Node(merged, patch.file, patch.line)


_NOTHING = Node(None, "", 0)
