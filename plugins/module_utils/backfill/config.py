# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration file of a backfill: JSON, TOML or YAML with ``orchestrator.backfill``, read strictly.

The keys are those that Hotpass itself has. An unknown one is refused with its file and line, because a slip in
``concurrency_limit`` must not leave a backfill without it. TOML gives no lines.
"""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
import tomllib
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.pipeline_keys import OF_THE_WINDOW, RULES
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.windows import (
    VERSION_RULE,
    Range,
    checked_range,
    checked_versions,
    parse_date,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.json_reader import read_json
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.positions import Node
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.problems import (
    ManifestErrors,
    Path,
    Problem,
    dotted,
    shown,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.yaml_reader import read_yaml

MAX_BYTES = 1024 * 1024

_TOP = ("orchestrator", "pipeline")
# Hotpass has these, and what they say belongs into a manifest here.
_UNUSED: dict[Path, tuple[str, ...]] = {
    ("orchestrator",): ("deployment", "run_name_template", "work_pool"),
    ("orchestrator", "backfill"): ("schedule", "work_pool"),
}
_ORCHESTRATOR = ("backfill", "parameters")
_TEXTS = ("archive_root", "restore_root", "archive_pattern", "concurrency_key", "deployment_name")
_BACKFILL = (*_TEXTS, "concurrency_limit", "parameters", "windows")
_PARAMETERS = ("pipeline",)
_WINDOW = ("start_date", "end_date", "versions")
_VERSIONS = ("latest",)  # What Hotpass takes for a window that names none.


@dataclasses.dataclass(frozen=True)
class Config:
    """What a configuration file says; None and empty stand for what it does not say.

    :param parameters: ``orchestrator.parameters`` with those of the backfill laid over them, as Hotpass does.
    :param base_config: the configuration of the pipeline itself, as the flow's parameter of this name has it.
    :param unused: the keys that have no effect here, dotted.
    """

    archive_root: str | None = None
    restore_root: str | None = None
    archive_pattern: str | None = None
    concurrency_limit: int | None = None
    concurrency_key: str | None = None
    deployment_name: str | None = None
    windows: tuple[Range, ...] = ()
    parameters: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    base_config: t.Mapping[str, t.Any] | None = None
    unused: tuple[str, ...] = ()


def read_config(path: str) -> Config:
    """The configuration in a file whose name ends in .json, .toml, .yaml or .yml.

    :raises ManifestErrors: with every problem of the file, each with its line where the format gives one.
    """
    node, problems = _document(path)
    if node is None:
        raise ManifestErrors(problems)
    reader = _Reader(node, problems)
    config = reader.config()
    if reader.problems:
        raise ManifestErrors(reader.problems)
    return config


def _document(path: str) -> tuple[Node | None, list[Problem]]:
    file = pathlib.Path(path)
    suffix = file.suffix.lower()
    if suffix not in (".json", ".toml", ".yaml", ".yml"):
        return None, [Problem(path, None, "config", f"the ending {suffix!r}", ".json, .toml, .yaml and .yml")]
    try:
        if file.stat().st_size > MAX_BYTES:
            return None, [Problem(path, None, "config", "a larger file", f"at most {MAX_BYTES} bytes")]
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        return None, [Problem(path, None, "config", f"no way to read it ({error.strerror})", "a readable file")]
    except UnicodeDecodeError:
        return None, [Problem(path, None, "config", "bytes that are not UTF-8", "text in UTF-8")]
    if suffix == ".toml":
        try:
            return _as_node(tomllib.loads(text), path), []
        except tomllib.TOMLDecodeError as error:
            return None, [Problem(path, None, "TOML", f"a syntax error ({error})", "well-formed TOML")]
    return (read_json if suffix == ".json" else read_yaml)(text, path)


def _as_node(value: t.Any, file: str) -> Node:
    """A TOML value as the other readers give it; line 0 stands for none."""
    if isinstance(value, dict):
        return Node({key: _as_node(item, file) for key, item in value.items()}, file, 0)
    if isinstance(value, list):
        return Node([_as_node(item, file) for item in value], file, 0)
    # TOML has dates of its own, and JSON, to which this goes, has none.
    return Node(value.isoformat() if isinstance(value, (datetime.date, datetime.time)) else value, file, 0)


class _Reader:
    """Reads the document, and collects every problem on the way."""

    def __init__(self, root: Node, problems: list[Problem]) -> None:
        self.problems = list(problems)
        self._root = root
        self._unused: list[str] = []

    def config(self) -> Config:
        top = self._mapping((), _TOP)
        orchestrator = self._mapping(("orchestrator",), _ORCHESTRATOR) if "orchestrator" in top else {}
        own: Path = ("orchestrator", "backfill")
        backfill = self._mapping(own, _BACKFILL) if "backfill" in orchestrator else {}
        parameters: dict[str, t.Any] = {}
        for path in (("orchestrator", "parameters"), (*own, "parameters")):
            if self._has(path):
                self._mapping(path, _PARAMETERS)
                parameters.update(self._pipeline((*path, "pipeline")))
        texts = {key: self._text((*own, key)) for key in _TEXTS if key in backfill}
        limit = self._limit((*own, "concurrency_limit")) if "concurrency_limit" in backfill else None
        windows = self._windows((*own, "windows")) if "windows" in backfill else ()
        base = self._pipeline(("pipeline",))
        return Config(
            **texts,
            concurrency_limit=limit,
            windows=windows,
            parameters=parameters,
            base_config=base or None,
            unused=tuple(self._unused),
        )

    def _complain(self, path: Path, found: str, allowed: str) -> None:
        node = self._root.at(path)
        self.problems.append(Problem(node.file, node.line or None, dotted(path) or "document", found, allowed))

    def _mapping(self, path: Path, known: tuple[str, ...]) -> dict[str, Node]:
        """The mapping at the path; what is wrong with its keys is noted."""
        value = self._root.at(path).value
        if not isinstance(value, dict):
            self._complain(path, shown(value), f"a mapping of {', '.join(known)}")
            return {}
        unused = _UNUSED.get(path, ())
        for key in value:
            if key in unused:
                self._unused.append(dotted((*path, key)))
            elif key not in known:
                self._complain((*path, key), "an unknown key", f"one of {', '.join(known)}")
        return {key: child for key, child in value.items() if key in known}

    def _has(self, path: Path) -> bool:
        node = self._root
        for step in path:
            if not isinstance(node.value, dict) or step not in node.value:
                return False
            node = node.value[step]
        return True

    def _pipeline(self, path: Path) -> dict[str, t.Any]:
        """The settings at the path under the name ``pipeline``; empty when there are none."""
        if not self._has(path):
            return {}
        node = self._root.at(path)
        if not isinstance(node.value, dict):
            self._complain(path, shown(node.value), f"a mapping of {', '.join(RULES)}")
            return {}
        for key, child in node.value.items():
            own: Path = (*path, key)
            if key in OF_THE_WINDOW:
                self._complain(own, "a key that each window decides", f"none, because {OF_THE_WINDOW[key]}")
            elif key not in RULES:
                self._complain(own, "an unknown key", f"one of {', '.join(RULES)}")
            elif not RULES[key].allows(child.value):
                self._complain(own, shown(child.value, own), RULES[key].allowed)
        return {"pipeline": node.plain()}

    def _text(self, path: Path) -> str | None:
        value = self._root.at(path).value
        if isinstance(value, str) and value:
            return value
        self._complain(path, shown(value, path), "a text that is not empty")
        return None

    def _limit(self, path: Path) -> int | None:
        value = self._root.at(path).value
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        self._complain(path, shown(value), "a whole number, 0 or more; 0 is one run after another")
        return None

    def _windows(self, path: Path) -> tuple[Range, ...]:
        value = self._root.at(path).value
        if not isinstance(value, list):
            self._complain(path, shown(value), "a list of windows")
            return ()
        found = (self._window((*path, index)) for index in range(len(value)))
        return tuple(one for one in found if one is not None)

    def _window(self, path: Path) -> Range | None:
        window = self._mapping(path, _WINDOW)
        if "start_date" not in window:
            self._complain((*path, "start_date"), "nothing", "a date such as 2024-01-31")
            return None
        first = self._date((*path, "start_date"))
        last = self._date((*path, "end_date")) if "end_date" in window else first
        versions = self._versions((*path, "versions")) if "versions" in window else _VERSIONS
        if first is None or last is None or versions is None:
            return None
        try:
            return checked_range("the window", first, last, versions)
        except CollectionError:
            self._complain((*path, "end_date"), shown(last.isoformat()), f"{first} or a later date")
            return None

    def _date(self, path: Path) -> datetime.date | None:
        value = self._root.at(path).value
        try:
            return parse_date("", value)
        except (CollectionError, TypeError):
            self._complain(path, shown(value), "a date such as 2024-01-31")
            return None

    def _versions(self, path: Path) -> tuple[str, ...] | None:
        value = self._root.at(path).value
        listed = [child.value for child in value] if isinstance(value, list) else None
        try:
            if listed:
                return checked_versions("", listed)
        except (CollectionError, TypeError):
            pass
        self._complain(
            path,
            shown(value if listed is None else ", ".join(map(str, listed))),
            f"a list of versions, each {VERSION_RULE}",
        )
        return None
