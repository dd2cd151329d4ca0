# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pid file keeps, and what it does not."""

from __future__ import annotations

import dataclasses
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.embedded.record import Record, Settings, shown
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

SECRETS = {"CRM_TOKEN": "sesame-4711", "PLAIN_LOOKING": "lantern-0815"}


@pytest.fixture
def executable(tmp_path: Path) -> Path:
    path = tmp_path / "command"
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    return path


@pytest.fixture
def settings(executable: Path) -> Settings:
    return Settings(
        argv=("command", "serve"),
        executable=str(executable),
        env={"LEVEL": "info", **SECRETS},
        hidden=frozenset({"PLAIN_LOOKING"}),
        chdir="/srv",
        log_file="/srv/log",
        host="127.0.0.1",
        port=4200,
    )


@pytest.fixture
def record(settings: Settings, tmp_path: Path) -> Record:
    path = tmp_path / "x.pid.json"
    path.write_text(json.dumps({**settings.to_record("a-mark"), "pid": 12, "began": "boot:34"}), encoding="utf-8")
    loaded = Record.load(path)
    assert loaded is not None
    return loaded


def test_no_secret_is_written(record: Record) -> None:
    text = record.path.read_text(encoding="utf-8")
    assert "info" in text
    assert not [value for value in SECRETS.values() if value in text]


def test_no_secret_is_shown(record: Record, settings: Settings) -> None:
    changed = dataclasses.replace(settings, env={**settings.env, "CRM_TOKEN": "another-sesame"})
    text = json.dumps(shown(record, changed)) + repr(settings)
    assert not [value for value in (*SECRETS.values(), "another-sesame") if value in text]
    before, after = shown(record, changed)
    assert before["env"]["CRM_TOKEN"] != after["env"]["CRM_TOKEN"], "a secret that changes must not look unchanged"
    assert before["env"]["PLAIN_LOOKING"] == after["env"]["PLAIN_LOOKING"]


def test_the_same_settings_do_not_differ(record: Record, settings: Settings) -> None:
    assert record.differences(settings) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"argv": ("command", "serve", "-v")}, "argv differs"),
        ({"chdir": "/"}, "chdir differs"),
        ({"log_file": "/other"}, "log_file differs"),
        ({"host": "::1"}, "host differs"),
        ({"port": None}, "the port was 4200"),
        ({"env": {"LEVEL": "debug", **SECRETS}}, "LEVEL in env differs"),
        ({"env": {"LEVEL": "info", **SECRETS, "CRM_TOKEN": "new"}}, "CRM_TOKEN in env differs"),
        ({"env": dict(SECRETS)}, "LEVEL in env differs"),
        ({"hidden": frozenset(SECRETS) | {"LEVEL"}}, "LEVEL in env differs"),
    ],
)
def test_each_difference_is_named(record: Record, settings: Settings, change: dict[str, t.Any], reason: str) -> None:
    assert record.differences(dataclasses.replace(settings, **change)) == [reason]


def test_a_replaced_executable_is_a_difference(record: Record, settings: Settings, executable: Path) -> None:
    executable.write_text("#!/bin/sh\necho newer\n", encoding="utf-8")
    assert record.differences(settings) == [f"{executable} was replaced since"]


@pytest.mark.parametrize("text", ["", "12", "{}", '{"pid": "x", "began": "y", "mark": "z"}', '{"pid": 1'])
def test_a_damaged_pid_file_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.pid.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CollectionError, match=r"x\.pid\.json is damaged"):
        Record.load(path)


def test_no_pid_file_is_no_record(tmp_path: Path) -> None:
    assert Record.load(tmp_path / "none.pid.json") is None
