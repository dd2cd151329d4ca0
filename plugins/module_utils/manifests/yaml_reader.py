# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads one YAML 1.2 document with the position of every value, and refuses what could surprise.

The core schema decides what a plain word means: ``on``, ``yes``, ``12:30`` and ``2024-11-01`` are text. Aliases work,
but what they expand to is bounded, so that a few lines cannot grow to gigabytes.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils import third_party_manifests as third_party
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.positions import Node
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.problems import Path, Problem, dotted, shown

MAX_DEPTH = 64
MAX_NODES = 50_000
MAX_CHARACTERS = 2 * 1024 * 1024
_MAX_PROBLEMS = 100

# A word that YAML forbids in a stream; PyYAML would report it without a line.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER_START = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+\Z|0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"([-+]?)\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_BASES = {"0o": 8, "0x": 16}

_TAG = "tag:yaml.org,2002:"
_SCALAR_TYPES: dict[str, tuple[type, ...]] = {
    f"{_TAG}int": (int,),
    f"{_TAG}float": (float, int),
    f"{_TAG}bool": (bool,),
    f"{_TAG}null": (type(None),),
}


class Refused(Exception):
    """The document cannot be read any further."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read_yaml(text: str, file: str) -> tuple[Node | None, list[Problem]]:
    """The document of a YAML text and the problems in it.

    :returns: the node, or None where the text cannot be read to its end; and what was wrong on the way.
    """
    bad = _UNPRINTABLE.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        return None, [Problem(file, line, "YAML", f"the character U+{ord(bad[0]):04X}", "printable characters")]
    builder = _Builder(file)
    try:
        node = builder.build(text)
    except Refused as refusal:
        return None, [*builder.problems, refusal.problem]
    except third_party.yaml.YAMLError as error:
        return None, [*builder.problems, _syntax(error, builder.line, file)]
    except (ArithmeticError, LookupError, ValueError) as error:
        # PyYAML lets these through for escapes and directives that name impossible numbers.
        return None, [*builder.problems, Problem(file, builder.line, "YAML", str(error), "well-formed YAML")]
    return node, builder.problems


def resolve(text: str) -> t.Any:
    """What an unquoted word means in the core schema of YAML 1.2.

    :raises ValueError: for a number with too many digits.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    if _INTEGER.match(text):
        return int(text[2:], _BASES[text[:2]]) if text[:2] in _BASES else int(text)
    if _FLOAT.match(text):
        return float(text)
    if _NOT_FINITE.match(text):
        return float(text.replace(".", ""))
    return text


def _syntax(error: t.Any, last_line: int, file: str) -> Problem:
    mark: t.Any = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "a text that is not YAML"
    line = last_line if mark is None else mark.line + 1
    return Problem(file, line, "YAML", f"a syntax error ({what})", "well-formed YAML")


class _Anchored(t.NamedTuple):
    node: Node
    nodes: int
    characters: int
    height: int


class _Frame:
    """A map or list that is being read."""

    __slots__ = ("anchor", "characters", "height", "key", "key_line", "line", "nodes", "skip", "values")

    def __init__(self, values: dict[str, Node] | list[Node], line: int, anchor: str | None) -> None:
        self.values = values
        self.line = line
        self.anchor = anchor
        self.key: str | None = None
        self.key_line = line
        self.skip = False
        self.height = 1
        self.nodes = 0
        self.characters = 0


class _Builder:
    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self.line = 1
        self._file = file
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Anchored] = {}
        self._nodes = 0
        self._characters = 0
        self._root: Node | None = None

    def build(self, text: str) -> Node:
        yaml = third_party.yaml
        loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
        handlers: dict[type, t.Callable[[t.Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._start_map,
            yaml.SequenceStartEvent: self._start_list,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }
        event: t.Any
        for event in yaml.parse(text, Loader=loader):
            handler = handlers.get(type(event))
            if handler:
                self.line = event.start_mark.line + 1
                handler(event)
        if self._root is None:
            raise self._refusal("YAML", "an empty document", "one mapping", line=1)
        return self._root

    def _document(self, _event: t.Any) -> None:
        if self._root is not None:
            raise self._refusal("YAML", "a second document", "one document in a file")

    def _scalar(self, event: t.Any) -> None:
        frame = self._stack[-1] if self._stack else None
        self._count(1, len(event.value))
        if frame is not None and isinstance(frame.values, dict) and frame.key is None:
            self._key(frame, event)
            return
        node = Node(self._value(event), self._file, frame.key_line if frame and frame.key is not None else self.line)
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(node, 1, len(event.value), 0)
        self._attach(node, 0)

    def _value(self, event: t.Any) -> t.Any:
        if event.tag is None:
            if not event.implicit[0]:
                return event.value
        elif event.tag in ("!", f"{_TAG}str"):
            return event.value
        elif event.tag not in _SCALAR_TYPES:
            raise self._bad_tag(event.tag)
        try:
            value = resolve(event.value)
        except ValueError:
            raise self._refusal(
                dotted(self._path()), f"a number of {len(event.value)} digits", "a number of a sensible length"
            ) from None
        if event.tag is not None:
            types = _SCALAR_TYPES[event.tag]
            if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
                raise self._refusal(
                    dotted(self._path()), shown(event.value, self._path()), f"a value that fits {event.tag}"
                )
        return value

    def _key(self, frame: _Frame, event: t.Any) -> None:
        frame.key_line = self.line
        frame.key = event.value
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(Node(event.value, self._file, self.line), 1, len(event.value), 0)
        plain = event.tag is None and event.implicit[0]
        if plain and event.value == "<<":
            frame.skip = True
            self._complain(self._path(), "a merge key", 'extends, or the keys written out ("<<" in quotes as a name)')
        elif not isinstance(self._value(event), str):
            frame.skip = True
            self._complain(self._path(), f"the key {event.value or 'null'}", "a key that is text: put it in quotes")
        elif event.value in t.cast("dict[str, Node]", frame.values):
            frame.skip = True
            first = t.cast("dict[str, Node]", frame.values)[event.value].line
            self._complain(self._path(), f"the key twice, first on line {first}", "each key once")

    def _start_map(self, event: t.Any) -> None:
        self._start(event, {}, f"{_TAG}map")

    def _start_list(self, event: t.Any) -> None:
        self._start(event, [], f"{_TAG}seq")

    def _start(self, event: t.Any, values: dict[str, Node] | list[Node], tag: str) -> None:
        if event.tag not in (None, "!", tag):
            raise self._bad_tag(event.tag)
        parent = self._stack[-1] if self._stack else None
        line = self.line
        if parent is not None and isinstance(parent.values, dict):
            if parent.key is None:
                raise self._refusal(dotted(self._path()) or "YAML", "a mapping or list as a key", "keys that are text")
            line = parent.key_line
        if len(self._stack) >= MAX_DEPTH:
            raise self._too_deep()
        self._count(1, 0)
        if event.anchor:
            self._anchors.pop(event.anchor, None)
        frame = _Frame(values, line, event.anchor)
        frame.nodes, frame.characters = self._nodes - 1, self._characters
        self._stack.append(frame)

    def _end(self, _event: t.Any) -> None:
        frame = self._stack.pop()
        node = Node(frame.values, self._file, frame.line)
        if frame.anchor:
            self._anchors[frame.anchor] = _Anchored(
                node, self._nodes - frame.nodes, self._characters - frame.characters, frame.height
            )
        self._attach(node, frame.height)

    def _alias(self, event: t.Any) -> None:
        frame = self._stack[-1]
        if isinstance(frame.values, dict) and frame.key is None:
            raise self._refusal(dotted(self._path()) or "YAML", "an alias as a key", "keys that are text")
        target = self._anchors.get(event.anchor)
        if target is None:
            raise self._refusal(
                dotted(self._path()), f"the alias *{event.anchor}", "the alias of an anchor that ends before it"
            )
        if len(self._stack) + target.height > MAX_DEPTH:
            raise self._too_deep()
        self._count(target.nodes, target.characters)
        line = frame.key_line if isinstance(frame.values, dict) else self.line
        self._attach(Node(target.node.value, self._file, line), target.height)

    def _attach(self, node: Node, height: int) -> None:
        if not self._stack:
            self._root = node
            return
        frame = self._stack[-1]
        frame.height = max(frame.height, height + 1)
        if isinstance(frame.values, list):
            frame.values.append(node)
            return
        if not frame.skip and frame.key is not None:
            frame.values[frame.key] = node
        frame.key, frame.skip = None, False

    def _count(self, nodes: int, characters: int) -> None:
        self._nodes += nodes
        self._characters += characters
        if self._nodes > MAX_NODES or self._characters > MAX_CHARACTERS:
            raise self._refusal(
                "YAML",
                "too large a document once its aliases are expanded",
                f"at most {MAX_NODES} values and {MAX_CHARACTERS} characters",
            )

    def _path(self) -> Path:
        path: list[str | int] = []
        for frame in self._stack:
            if isinstance(frame.values, list):
                path.append(len(frame.values))
            elif frame.key is not None:
                path.append(frame.key)
        return tuple(path)

    def _complain(self, path: Path, found: str, allowed: str) -> None:
        if len(self.problems) >= _MAX_PROBLEMS:
            raise self._refusal(
                "YAML", f"more than {_MAX_PROBLEMS} problems with keys", "keys that are text, each once"
            )
        self.problems.append(Problem(self._file, self.line, dotted(path), found, allowed))

    def _refusal(self, field: str, found: str, allowed: str, line: int | None = None) -> Refused:
        return Refused(Problem(self._file, line or self.line, field or "YAML", found, allowed))

    def _bad_tag(self, tag: str) -> Refused:
        return self._refusal(dotted(self._path()), f"the tag {shown(tag)}", "values without tags")

    def _too_deep(self) -> Refused:
        return self._refusal("YAML", f"more than {MAX_DEPTH} levels", f"at most {MAX_DEPTH} levels of nesting")
