# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The config document: one form, read strictly."""

from __future__ import annotations

import copy
import json
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.flow_code import FlowCode
from ansible_collections.hotpass.prefect.plugins.module_utils.release.config import (
    BadConfig,
    ReleaseConfig,
    check_solution,
    to_bytes,
)

from tests.support import projects

CONFIG = projects.release({"flows/lab/nightly.py": b"", "checks/run.sh": b"#!"}).config
DOCUMENT = CONFIG.to_json()
ABSENT = object()


def changed(path: str, value: t.Any) -> bytes:
    document = copy.deepcopy(DOCUMENT)
    *above, last = path.split("|")
    place: t.Any = document
    for step in above:
        place = place[int(step) if isinstance(place, list) else step]
    if value is ABSENT:
        del place[last]
    else:
        place[last] = value
    return to_bytes(document)


def test_it_is_read_as_it_was_written() -> None:
    assert ReleaseConfig.from_bytes(CONFIG.to_bytes()) == CONFIG
    assert CONFIG.to_bytes() == CONFIG.to_bytes()
    assert sorted(DOCUMENT) == [
        "commit",
        "commit_time",
        "dirty",
        "files",
        "flows",
        "manifests",
        "requirements",
        "schema",
        "solution",
    ]


def test_schemas_keep_what_json_can_say() -> None:
    schema = {"properties": {"\u00f6": {"default": [0.1, 1e-7, 2**60, None, "\u00fc\U0001f6e9"]}}}
    prepared = projects.release({}, flows={"lab:build": FlowCode("lab", "lab.py:build", schema, "0" * 64)})
    read = ReleaseConfig.from_bytes(prepared.config.to_bytes())
    assert read.flows["lab:build"].parameter_openapi_schema == schema
    assert b"1e-07" in prepared.config.to_bytes()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {1, 2}])
def test_what_json_cannot_say_is_refused(value: t.Any) -> None:
    with pytest.raises(BadConfig, match="cannot be written as JSON"):
        to_bytes({"default": value})


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("schema", 2, "has the schema 2"),
        ("schema", True, "has the schema True"),
        ("solution", "Hot_Pass", "solution"),
        ("commit", "c" * 39, "commit"),
        ("commit", ABSENT, "at 'commit'"),
        ("surprise", 1, "at 'surprise'"),
        ("commit_time", "2026-03-01", "commit_time"),
        ("dirty", 0, "dirty"),
        ("flows", [], "flows"),
        ("flows|lab.nightly:build|name", "", "name"),
        ("flows|lab.nightly:build|sha256", "x", "sha256"),
        ("flows|lab.nightly:build|parameter_openapi_schema", None, "parameter_openapi_schema"),
        ("flows|lab.nightly:build|extra", 1, "extra"),
        ("manifests", {}, "a list"),
        ("manifests|0|name", "../dev", "name of a directory"),
        ("manifests|0|ids", [1], "a list of texts"),
        ("files|../x", {"sha256": "0" * 64, "size": 1, "executable": False}, "below its root"),
        ("files|FLOWS/lab/nightly.py", {"sha256": "0" * 64, "size": 1, "executable": False}, "upper from lower"),
        ("files|flows/lab/nightly.py|size", -1, "number of bytes"),
        ("files|flows/lab/nightly.py|size", True, "number of bytes"),
        ("files|flows/lab/nightly.py|executable", None, "true or false"),
        ("files|flows/lab/nightly.py|sha256", "0" * 63, "sha256"),
        ("requirements", {"prefect": "3.8.8"}, "a list"),
    ],
)
def test_another_document_is_refused(path: str, value: t.Any, said: str) -> None:
    with pytest.raises(CollectionError, match=said):
        ReleaseConfig.from_bytes(changed(path, value))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        json.dumps(DOCUMENT).encode(),
        CONFIG.to_bytes() + b"\n",
        CONFIG.to_bytes().replace(b'{"commit"', b'{"commit":"x","commit"', 1),
    ],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BadConfig):
        ReleaseConfig.from_bytes(data)


@pytest.mark.parametrize("name", ["hotpass", "a", "a-1", "9"])
def test_names_of_solutions(name: str) -> None:
    assert check_solution(name) == name


@pytest.mark.parametrize("name", ["", "Hotpass", "hot_pass", "-a", "a-", "a--b", "a.b", "x" * 61, None, "a\n"])
def test_names_that_are_none(name: t.Any) -> None:
    with pytest.raises(CollectionError, match="The solution is named"):
        check_solution(name)
