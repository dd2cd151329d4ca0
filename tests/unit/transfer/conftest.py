# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A chain of evidence, and a site and a home between which it travels."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import attesting
from tests.support.attesting import Cast
from tests.support.transfer_returns import Travel, seal_chain


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return attesting.cast(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory, people: Cast) -> Path:
    """A chain of five, which nobody may change."""
    root = tmp_path_factory.mktemp("evidence")
    seal_chain(root, people, 5)
    return root


@pytest.fixture
def travel(tmp_path: Path, people: Cast) -> Travel:
    return Travel(tmp_path, people)
