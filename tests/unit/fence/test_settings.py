# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings that the fence takes from a worker's environment."""

from __future__ import annotations

import typing as t
from datetime import timedelta
from pathlib import Path

import pytest
from hotpass_fence.errors import Refused
from hotpass_fence.settings import Settings
from prefect.settings import get_current_settings


def test_defaults() -> None:
    expected = Settings(
        "/srv/store",
        get_current_settings().home / "hotpass-releases",
        timedelta(seconds=30),
        timedelta(hours=1),
    )
    assert Settings.read("/srv/store", {}) == expected
    assert Settings.read("/srv/store", {"HOTPASS_FENCE_WAIT": "", "HOTPASS_STORE": "", "HOTPASS_CACHE": ""}) == expected


def test_the_environment_of_the_worker_goes_before_the_step() -> None:
    environment = {
        "HOTPASS_STORE": "oci://registry.example.com/hotpass",
        "HOTPASS_CACHE": "/var/cache/hotpass",
        "HOTPASS_FENCE_WAIT": "0.5",
        "HOTPASS_FENCE_GIVE_UP": "60",
    }
    for step in ("/srv/store", None):
        assert Settings.read(step, environment) == Settings(
            "oci://registry.example.com/hotpass",
            Path("/var/cache/hotpass"),
            timedelta(seconds=0.5),
            timedelta(minutes=1),
        )


@pytest.mark.parametrize("store", [None, "", 7, ["x"]])
def test_a_store_has_to_be_named(store: t.Any) -> None:
    with pytest.raises(Refused, match="No store is named"):
        Settings.read(store, {})


def test_directories_have_to_be_named_from_their_root(monkeypatch: pytest.MonkeyPatch) -> None:
    for store in ("store", "./store", "../store"):
        with pytest.raises(Refused, match=r"The store is '.*store'; a directory has to be named from its root"):
            Settings.read(store, {})
    with pytest.raises(Refused, match="HOTPASS_CACHE is 'cache'; a directory has to be named from its root"):
        Settings.read("/srv/store", {"HOTPASS_CACHE": "cache"})
    monkeypatch.setenv("HOME", "/srv")
    assert Settings.read("~/store", {"HOTPASS_CACHE": "~/cache"}).store == "/srv/store"


@pytest.mark.parametrize("name", ["HOTPASS_FENCE_WAIT", "HOTPASS_FENCE_GIVE_UP"])
@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan", "inf", "1e9"])
def test_seconds_that_are_none_are_refused(name: str, text: str) -> None:
    with pytest.raises(Refused, match=f"{name} is '{text}'; allowed are seconds"):
        Settings.read("/srv/store", {name: text})
