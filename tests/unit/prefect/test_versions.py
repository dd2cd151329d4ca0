# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing released versions."""

from __future__ import annotations

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.versions import parse_version, satisfies


@pytest.mark.parametrize(
    ("version", "wanted", "answer"),
    [
        ("3.8.8", "3.8.8", True),
        ("3.8.8", "==3.8.8", True),
        ("3.8.8", "3.8", False),
        ("3.8.0", "3.8", True),
        ("3.10.1", ">=3.9", True),
        ("3.8.8", ">=3.8,<4", True),
        ("4.0.0", ">=3.8, <4", False),
        ("3.8.8", ">3.8.8", False),
        ("3.8.8", "<=3.8.8", True),
        ("3.8.8", "!=3.8.8", False),
        ("3.9.0.dev2", "3.9.0", False),
        ("3.9.0rc1", ">=3.8", True),
        ("3.8.8+2.gabc", "3.8.8", True),
    ],
)
def test_conditions(version: str, wanted: str, answer: bool) -> None:
    assert satisfies(version, wanted) is answer


@pytest.mark.parametrize("wanted", ["", "latest", ">=3.8,", "~=3.8", "3.8.*", ">=", "3.8 3.9"])
def test_what_cannot_be_read_is_never_satisfied(wanted: str) -> None:
    with pytest.raises(CollectionError, match="allowed are forms such as"):
        satisfies("3.8.8", wanted)


@pytest.mark.parametrize("version", ["", "unknown", "3.x", "<html>"])
def test_an_unreadable_version_is_an_error(version: str) -> None:
    with pytest.raises(CollectionError, match="is no version"):
        satisfies(version, ">=1")


def test_pre_releases_differ_from_their_release() -> None:
    assert parse_version("3.9.0rc1") != parse_version("3.9.0")
    assert parse_version("3.9.0") == parse_version("3.9")
