# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fixture ``lab``; a test module takes it by ``pytest_plugins = ["tests.support.rings"]``."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.ring_lab import RingLab
from tests.support.shapes import Door, Unique


@pytest.fixture
def lab(tmp_path: Path, door: Door, session: Session, unique: Unique) -> RingLab:
    """The rings of one test."""
    return RingLab(tmp_path, door, session, unique("lab"))
