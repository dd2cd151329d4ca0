# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of wheels that are longer than a tar archive takes."""

from __future__ import annotations

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.wheel_tags import shortened, wheel_of

LONG = "charset_normalizer-3.5.2-cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl"


def test_a_long_name_loses_the_last_of_its_platforms() -> None:
    assert len(LONG) > 100
    short = shortened(LONG)
    assert short == "charset_normalizer-3.5.2-cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
    before, after = wheel_of(LONG), wheel_of(short)
    assert (after.distribution, after.pythons, after.abis) == (before.distribution, before.pythons, before.abis)
    assert after.platforms < before.platforms


@pytest.mark.parametrize("name", ["lib-1.0-py3-none-any.whl", f"{'a' * 120}-1.0-py3-none-any.whl"])
def test_nothing_else_changes(name: str) -> None:
    assert shortened(name) == name
