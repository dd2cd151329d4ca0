# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads a selection of manifests, or refuses it with everything that is wrong in it, before any request is made."""

from __future__ import annotations

import dataclasses
import difflib
import os
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.files import ManifestFile, read_directory
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.model import (
    RULES_CHECKED,
    FileManifest,
    Manifest,
    keys,
    section,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.overlay import (
    OWN_KEYS,
    Base,
    Merged,
    duplicates,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.positions import Node
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.problems import (
    ManifestErrors,
    Problem,
    dotted,
    shown,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.rules import faults
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party_manifests import ValidationError

BASE_NAME = "deployments"

_KEY = "[key]"  # Ends pydantic's location of an error in a key.
_LONGEST_GUESS = 50  # Letters; the comparison grows with their square.
_HINTS = {"concurrency_key": "concurrency_key under parameters, for it belongs to the flow"}


@dataclasses.dataclass(frozen=True)
class LoadedManifest:
    """A valid manifest and where it came from.

    :param path: the file that was selected.
    :param sources: every file that contributed, the selected one first.
    :param document: the merged plain document, with its id and without ``extends`` and ``$schema``.
    """

    manifest: Manifest
    path: Path
    sources: tuple[Path, ...]
    document: dict[str, t.Any]


def load_selection(
    directory: Path, flows: t.Sequence[str] | None = None, base_dir: Path | None = None
) -> list[LoadedManifest]:
    """The manifests of a directory, sorted by id.

    :param directory: the base or an overlay. A directory with a child ``deployments`` means that child.
    :param flows: the ids to take, or None for all.
    :param base_dir: where the ids of ``extends`` are looked up; by default the ``deployments`` beside the directory.
    :raises ManifestErrors: with every problem of the selection.
    """
    directory = Path(directory)
    if os.path.isdir(directory / BASE_NAME):
        directory /= BASE_NAME
    files = _read(directory)
    if not files:
        raise ManifestErrors([Problem(str(directory), None, "manifest_dir", "no manifest", "at least one manifest")])
    problems = [problem for file in files for problem in file.problems] + duplicates(files)
    chosen, unknown = _choose(files, flows, str(directory))
    problems += unknown
    base, base_problems = _base(files, chosen, directory, base_dir)
    problems += base_problems
    loaded = []
    for file in chosen:
        merged = base.merged(file)
        if isinstance(merged, Problem):
            problems.append(merged)
        elif merged is not None:
            manifest, found = _validated(file, merged)
            problems += found
            if manifest is not None:
                loaded.append(manifest)
    if problems:
        raise ManifestErrors(problems)
    return sorted(loaded, key=lambda one: one.manifest.id)


def load_inline(document: t.Mapping[str, t.Any], where: str = "the task") -> Manifest:
    """The manifest that a task's options describe; its flow may be left out, and its id may be any name.

    :param document: the fields that were given.
    :param where: what messages name in place of a file.
    :raises ManifestErrors: with every problem of the options.
    """
    manifest, problems = _validate(Manifest, dict(document), None, where)
    if manifest is None:
        raise ManifestErrors(problems)
    return manifest


def _read(directory: Path) -> list[ManifestFile]:
    if not os.path.isdir(directory):
        found = "something else" if os.path.lexists(directory) else "nothing there"
        raise ManifestErrors([Problem(str(directory), None, "manifest_dir", found, "a directory of manifests")])
    try:
        return read_directory(directory)
    except OSError as error:
        place = str(error.filename or directory)
        found = f"no way to read it ({error.strerror})"
        raise ManifestErrors([Problem(place, None, "manifest_dir", found, "a readable directory")]) from None


def _choose(
    files: t.Sequence[ManifestFile], flows: t.Sequence[str] | None, directory: str
) -> tuple[t.Sequence[ManifestFile], list[Problem]]:
    if flows is None:
        return files, []
    known = {file.id for file in files}
    allowed = ", ".join(sorted(known))
    if isinstance(flows, str) or not flows:
        return (), [Problem(directory, None, "flows", shown(flows), f"a list of ids, or nothing for all of: {allowed}")]
    unknown = [Problem(directory, None, "flows", shown(flow), allowed) for flow in flows if flow not in known]
    return [file for file in files if file.id in flows], unknown


def _base(
    files: t.Sequence[ManifestFile], chosen: t.Sequence[ManifestFile], directory: Path, base_dir: Path | None
) -> tuple[Base, list[Problem]]:
    place = Path(base_dir) if base_dir else Path(os.path.normpath(directory / os.pardir / BASE_NAME))
    exists = os.path.isdir(place)
    if exists and os.path.samefile(place, directory):
        return Base(files, str(directory)), []
    needed = any(file.node is not None and "extends" in file.node.value for file in chosen)
    if not needed or not (exists or base_dir):
        return Base((), str(place)), []
    below = _read(place)
    return Base(below, str(place)), [*(problem for file in below for problem in file.problems), *duplicates(below)]


def _validated(file: ManifestFile, merged: Merged) -> tuple[LoadedManifest | None, list[Problem]]:
    own = t.cast("Node", file.node).value
    node = merged.node
    if "id" not in own or (own["id"].value is None and file.extends is not None):
        node = Node({**node.value, "id": Node(file.id, str(file.path), 1)}, node.file, node.line)
    document = node.plain()
    manifest, problems = _validate(FileManifest, document, node, str(file.path))
    schema = own.get("$schema")
    if schema is not None and not isinstance(schema.value, str):
        problems.append(Problem(schema.file, schema.line, "$schema", shown(schema.value), "text"))
    if manifest is None:
        return None, problems
    return LoadedManifest(manifest, file.path, tuple(source.path for source in merged.sources), document), problems


def _validate(
    model: type[Manifest], document: dict[str, t.Any], node: Node | None, where: str
) -> tuple[Manifest | None, list[Problem]]:
    def problem(path: tuple[t.Any, ...], found: str | None, allowed: str) -> Problem:
        place = node.at(path) if node else None
        text = found if found is not None else shown(_value_at(document, path), path)
        return Problem(place.file if place else where, place.line if place else None, dotted(path), text, allowed)

    problems = [problem(fault.path, fault.found, fault.allowed) for fault in faults(document)]
    manifest = None
    try:
        manifest = model.model_validate(document, context=RULES_CHECKED)
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False, include_context=False, include_input=False):
            kind, loc = error["type"], error["loc"]
            # The rules have already named every key that is not text.
            if not (problems and kind == "string_type" and loc[-1] == _KEY):
                problems.append(problem(*_explained(model, document, kind, loc)))
    return (None if problems else manifest), problems


def _explained(
    root: type[Manifest], document: dict[str, t.Any], kind: str, loc: tuple[t.Any, ...]
) -> tuple[tuple[t.Any, ...], str | None, str]:
    """The path of a validation error, what was found if not the value there, and what is allowed."""
    if kind in ("missing", "extra_forbidden"):
        model = section(loc[:-1], root)
        known = keys(model) if model else {}
        if kind == "missing":
            return loc, "nothing", known.get(loc[-1], "a value")
        return loc, "an unknown key", _known_keys(str(loc[-1]), known)
    path, found = _existing(document, loc), None
    if loc[-1] == _KEY:
        path, found = loc[:-2], f"the key {shown(loc[-2])}"
    for end in range(len(path), 0, -1):
        model = section(path[: end - 1], root)
        allowed = keys(model).get(path[end - 1]) if model else None
        if allowed:
            return path, found, allowed
    return path, found, "a mapping"


def _known_keys(key: str, known: dict[str, str]) -> str:
    names = sorted(name for name in known if name not in OWN_KEYS)
    close = difflib.get_close_matches(key, names, n=1) if len(key) <= _LONGEST_GUESS else []
    hint = _HINTS.get(key) or (f"perhaps {close[0]}" if close else "")
    return f"{hint}; one of {', '.join(names)}" if hint else f"one of {', '.join(names)}"


def _existing(document: t.Any, loc: tuple[t.Any, ...]) -> tuple[t.Any, ...]:
    """The part of pydantic's location that stands in the document: it also names branches of unions."""
    value = document
    for depth, step in enumerate(loc):
        if not _holds(value, step):
            return loc[:depth]
        value = value[step]
    return loc


def _holds(value: t.Any, step: t.Any) -> bool:
    if isinstance(value, dict):
        return step in value
    return isinstance(value, (list, tuple)) and isinstance(step, int) and step < len(value)


def _value_at(document: t.Any, path: tuple[t.Any, ...]) -> t.Any:
    for step in path:
        document = document[step]
    return document
