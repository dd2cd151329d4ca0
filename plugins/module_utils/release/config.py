# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The config document of a release: what is in it, from which commit, and what its flows take."""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.flow_code import FlowCode
from ansible_collections.hotpass.prefect.plugins.module_utils.release.tar import check_paths

SCHEMA: t.Final = 1
FLOWS, MANIFESTS, CHECKS, REQUIREMENTS = "flows", "manifests", "checks", "requirements.txt"

_NAME = re.compile(r"[a-z0-9](-?[a-z0-9])*")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_FLOW_KEYS = {field.name for field in dataclasses.fields(FlowCode)}
Document = dict[str, t.Any]


class BadConfig(CollectionError):
    """The bytes are no config of a release."""


class FileEntry(t.NamedTuple):
    """What one file of the bundle has to be.

    :param sha256: 64 hexadecimal digits.
    :param size: in bytes.
    """

    sha256: str
    size: int
    executable: bool


class Overlay(t.NamedTuple):
    """A directory of manifests, by its name below ``manifests/``, and the ids that it selects, sorted."""

    name: str
    ids: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class ReleaseConfig:
    """What a release says of itself. Nothing in it belongs to one ring, or to the one who built it.

    :param commit: the commit it was built from, in hexadecimal.
    :param commit_time: when that was committed, ISO 8601 in UTC, whole seconds.
    :param dirty: whether files differed from the commit, so that the commit does not tell what is inside.
    :param flows: what the code says of each flow that a manifest names, by ``package.module:function``.
    :param overlays: every directory of manifests.
    :param files: every file of the bundle by its path.
    :param requirements: what is locked: for each name its versions, several where the lock tells environments apart.
    """

    solution: str
    commit: str
    commit_time: str
    dirty: bool
    flows: t.Mapping[str, FlowCode]
    overlays: tuple[Overlay, ...]
    files: t.Mapping[str, FileEntry]
    requirements: t.Mapping[str, tuple[str, ...]]

    def to_json(self) -> Document:
        """The document, in plain JSON values."""
        return {
            "schema": SCHEMA,
            "solution": self.solution,
            "commit": self.commit,
            "commit_time": self.commit_time,
            "dirty": self.dirty,
            "flows": {name: dataclasses.asdict(code) for name, code in self.flows.items()},
            "manifests": [{"name": overlay.name, "ids": list(overlay.ids)} for overlay in self.overlays],
            "files": {path: entry._asdict() for path, entry in self.files.items()},
            "requirements": {name: list(versions) for name, versions in self.requirements.items()},
        }

    def to_bytes(self) -> bytes:
        """The one sequence of bytes that means this config. A parameter's default may be a float, as in its schema.

        :raises BadConfig: for a text that is no Unicode, or a number that JSON does not have.
        """
        return to_bytes(self.to_json())

    @classmethod
    def from_bytes(cls, data: bytes) -> ReleaseConfig:
        """The config of a release.

        :raises BadConfig: for other bytes, naming the key that is wrong.
        """
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            raise BadConfig("The config of the release is no JSON document.") from None
        config = _parsed(document)
        if config.to_bytes() != data:
            raise BadConfig("The config of the release is not written in the one form that a release has.")
        return config


def to_bytes(document: t.Any) -> bytes:
    """A JSON document with sorted keys, no spaces, in UTF-8.

    :raises BadConfig: for a text that is no Unicode, or a number that JSON does not have.
    """
    try:
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except (ValueError, TypeError) as error:
        raise BadConfig(f"What the release says of itself cannot be written as JSON: {error}.") from None


def check_solution(name: t.Any) -> str:
    """The name of a solution.

    :raises CollectionError: when it is none.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > 60:
        raise CollectionError(
            f"The solution is named {str(name)[:100]!r}; allowed are at most 60 lower-case letters, digits and "
            "single hyphens between them."
        )
    return name


def _parsed(document: t.Any) -> ReleaseConfig:
    keys = {"schema", "solution", "commit", "commit_time", "dirty", "flows", "manifests", "files", "requirements"}
    _keys(document, keys, "its top")
    if document["schema"] != SCHEMA or isinstance(document["schema"], bool):
        raise BadConfig(f"The config of the release has the schema {document['schema']!r}; read here is {SCHEMA}.")
    if not isinstance(document["dirty"], bool):
        raise _wrong("dirty", "true or false")
    paths = list(_mapping(document["files"], "files"))
    check_paths(paths)
    return ReleaseConfig(
        solution=_text(document["solution"], _NAME, "solution"),
        commit=_text(document["commit"], _COMMIT, "commit"),
        commit_time=_text(document["commit_time"], _TIME, "commit_time"),
        dirty=document["dirty"],
        flows={name: _flow(code, f"flows.{name}") for name, code in _mapping(document["flows"], "flows").items()},
        overlays=tuple(_overlay(one) for one in _list(document["manifests"], "manifests")),
        files={path: _file(document["files"][path], f"files.{path}") for path in paths},
        requirements={
            name: _texts(versions, f"requirements.{name}")
            for name, versions in _mapping(document["requirements"], "requirements").items()
        },
    )


def _flow(value: t.Any, where: str) -> FlowCode:
    _keys(value, _FLOW_KEYS, where)
    for key in ("name", "entrypoint"):
        if not isinstance(value[key], str) or not value[key]:
            raise _wrong(f"{where}.{key}", "text")
    schema = _mapping(value["parameter_openapi_schema"], f"{where}.parameter_openapi_schema")
    sha256 = _text(value["sha256"], _SHA256, f"{where}.sha256")
    return FlowCode(value["name"], value["entrypoint"], dict(schema), sha256)


def _overlay(value: t.Any) -> Overlay:
    _keys(value, {"name", "ids"}, "manifests")
    if not isinstance(value["name"], str) or not value["name"] or "/" in value["name"]:
        raise _wrong("manifests.name", "the name of a directory")
    return Overlay(value["name"], _texts(value["ids"], "manifests.ids"))


def _file(value: t.Any, where: str) -> FileEntry:
    _keys(value, {"sha256", "size", "executable"}, where)
    size = value["size"]
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise _wrong(f"{where}.size", "a number of bytes")
    if not isinstance(value["executable"], bool):
        raise _wrong(f"{where}.executable", "true or false")
    return FileEntry(_text(value["sha256"], _SHA256, f"{where}.sha256"), size, value["executable"])


def _keys(value: t.Any, wanted: set[str], where: str) -> None:
    found = set(_mapping(value, where))
    if found != wanted:
        at_fault = sorted(found ^ wanted)[0]
        raise _wrong(f"{where}, at {at_fault[:100]!r}", f"exactly the keys {', '.join(sorted(wanted))}")


def _mapping(value: t.Any, where: str) -> Document:
    if not isinstance(value, dict):
        raise _wrong(where, "a mapping")
    return value


def _list(value: t.Any, where: str) -> list[t.Any]:
    if not isinstance(value, list):
        raise _wrong(where, "a list")
    return value


def _texts(value: t.Any, where: str) -> tuple[str, ...]:
    if not all(isinstance(item, str) for item in _list(value, where)):
        raise _wrong(where, "a list of texts")
    return tuple(value)


def _text(value: t.Any, pattern: re.Pattern[str], where: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _wrong(where, f"text like {pattern.pattern}")
    return value


def _wrong(where: str, allowed: str) -> BadConfig:
    return BadConfig(f"The config of the release is wrong at {where}; allowed: {allowed}.")
