# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads one JSON document with the position of every value; refuses duplicate keys and the words NaN and Infinity."""

from __future__ import annotations

import bisect
import json
import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.positions import Node
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.problems import Path, Problem, dotted
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.yaml_reader import (
    MAX_DEPTH,
    MAX_NODES,
    Refused,
)

_SPACE = re.compile(r"[ \t\r\n]*")


def read_json(text: str, file: str) -> tuple[Node | None, list[Problem]]:
    """The document of a JSON text and the problems in it.

    :returns: the node, or None where the text cannot be read to its end; and what was wrong on the way.
    """
    reader = _Reader(text, file)
    try:
        return reader.document(), reader.problems
    except Refused as refusal:
        return None, [*reader.problems, refusal.problem]


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.problems: list[Problem] = []
        self._text = text
        self._file = file
        self._lines = [match.end() for match in re.finditer("\n", text)]
        self._nodes = 0
        self._decoder = json.JSONDecoder(parse_constant=self._constant)

    def document(self) -> Node:
        start = self._skip(0)
        if start == len(self._text):
            raise self._refusal(0, "an empty document", "one mapping")
        node, position = self._value(start, self._line(start), ())
        rest = self._skip(position)
        if rest != len(self._text):
            raise self._refusal(rest, "more text after the document", "one document in a file")
        return node

    def _value(self, position: int, line: int, path: Path) -> tuple[Node, int]:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._refusal(position, "too large a document", f"at most {MAX_NODES} values")
        if len(path) >= MAX_DEPTH and self._text[position : position + 1] in ("{", "["):
            raise self._refusal(position, f"more than {MAX_DEPTH} levels", f"at most {MAX_DEPTH} levels of nesting")
        opening = self._text[position : position + 1]
        if opening == "{":
            return self._map(position + 1, line, path)
        if opening == "[":
            return self._list(position + 1, line, path)
        value, end = self._scalar(position)
        return Node(value, self._file, line), end

    def _map(self, position: int, line: int, path: Path) -> tuple[Node, int]:
        values: dict[str, Node] = {}
        position = self._skip(position)
        if self._text[position : position + 1] == "}":
            return Node(values, self._file, line), position + 1
        while True:
            if self._text[position : position + 1] != '"':
                raise self._syntax(position, "a key in double quotes")
            key_line = self._line(position)
            key, position = t.cast("tuple[str, int]", self._scalar(position))
            position = self._expect(self._skip(position), ":")
            node, position = self._value(position, key_line, (*path, key))
            if key in values:
                found = f"the key twice, first on line {values[key].line}"
                self.problems.append(Problem(self._file, key_line, dotted((*path, key)), found, "each key once"))
            else:
                values[key] = node
            position = self._skip(position)
            if self._text[position : position + 1] == "}":
                return Node(values, self._file, line), position + 1
            position = self._expect(position, ",")

    def _list(self, position: int, line: int, path: Path) -> tuple[Node, int]:
        values: list[Node] = []
        position = self._skip(position)
        if self._text[position : position + 1] == "]":
            return Node(values, self._file, line), position + 1
        while True:
            node, position = self._value(position, self._line(position), (*path, len(values)))
            values.append(node)
            position = self._skip(position)
            if self._text[position : position + 1] == "]":
                return Node(values, self._file, line), position + 1
            position = self._expect(position, ",")

    def _scalar(self, position: int) -> tuple[t.Any, int]:
        try:
            return self._decoder.raw_decode(self._text, position)
        except json.JSONDecodeError as error:
            raise self._syntax(error.pos, error.msg[:1].lower() + error.msg[1:]) from None
        except ValueError:
            allowed = "a finite number of a sensible length"
            raise self._refusal(position, "a number that JSON cannot hold", allowed) from None

    def _constant(self, name: str) -> t.NoReturn:
        raise ValueError(name)

    def _expect(self, position: int, character: str) -> int:
        if self._text[position : position + 1] != character:
            raise self._syntax(position, f"a {character} is missing")
        return self._skip(position + 1)

    def _skip(self, position: int) -> int:
        match = _SPACE.match(self._text, position)
        return match.end() if match else position

    def _line(self, position: int) -> int:
        return bisect.bisect_right(self._lines, position) + 1

    def _syntax(self, position: int, what: str) -> Refused:
        return self._refusal(position, f"a syntax error ({what})", "well-formed JSON")

    def _refusal(self, position: int, found: str, allowed: str) -> Refused:
        return Refused(Problem(self._file, self._line(position), "JSON", found, allowed))
