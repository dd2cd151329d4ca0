# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests that need an AWX."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.awx_api_lab import AwxLab, repository


@pytest.fixture(scope="session")
def awx_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository with a few playbooks, and files that are none."""
    return repository(tmp_path_factory.mktemp("awx-checkout"))


@pytest.fixture
def awx(awx_checkout: Path) -> AwxLab:
    """A fresh AWX."""
    return AwxLab(awx_checkout)
