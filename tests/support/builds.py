# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of building start from: a project in a repository, an empty store, and the way into the module.

A test module takes the fixtures by ``pytest_plugins = ["tests.support.builds"]``.
"""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import Store, open_store

from tests.support import projects
from tests.support.doors import Doors
from tests.support.projects import Build


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What this checkout ships, in a repository of its own."""
    return projects.shipped(tmp_path / "project")


@pytest.fixture
def options(project: Path, tmp_path: Path) -> dict[str, t.Any]:
    """What the module is given to build it."""
    return {
        "store": str(tmp_path / "store"),
        "project": str(project),
        "solution": "hotpass",
        "flow_python": sys.executable,
    }


@pytest.fixture
def build(options: dict[str, t.Any], tmp_path: Path) -> Build:
    """Enters the room: ``build(check_mode=True, compare_to=...)``."""
    door = Doors({}, tmp_path).room
    return lambda **more: door("hotpass_artifact", **{**options, **more})


@pytest.fixture
def store(options: dict[str, t.Any]) -> Store:
    """Where it is built into; nothing is there before the first build."""
    return open_store(options["store"])
