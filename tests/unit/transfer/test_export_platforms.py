# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which wheels run where, and which requirements are needed there."""

from __future__ import annotations

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.platforms import PYTHONS, Target
from packaging.tags import parse_tag


@pytest.mark.parametrize(
    ("platform", "first", "last", "count"),
    [
        ("manylinux_2_28_x86_64", "manylinux_2_28_x86_64", "manylinux1_x86_64", 27),
        ("manylinux2014_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64", 16),
        ("manylinux_2_28_aarch64", "manylinux_2_28_aarch64", "manylinux2014_aarch64", 13),
        ("musllinux_1_2_x86_64", "musllinux_1_2_x86_64", "musllinux_1_1_x86_64", 2),
        ("manylinux_2_12_s390x", "manylinux_2_12_s390x", "manylinux_2_12_s390x", 1),
    ],
)
def test_a_platform_takes_what_was_made_for_those_before_it(platform: str, first: str, last: str, count: int) -> None:
    names = Target.of("3.12", [platform]).pip_platforms
    assert (names[0], names[-1], len(names)) == (first, last, count)
    assert len(set(names)) == count


@pytest.mark.parametrize("python", PYTHONS)
def test_the_tags_are_those_of_a_machine_that_has_them(python: str) -> None:
    tags = Target.of(python, ["manylinux_2_28_x86_64"]).tags
    interpreter = f"cp{python.replace('.', '')}"

    def takes(tag: str) -> bool:
        return not parse_tag(tag).isdisjoint(tags)

    for tag in (
        f"{interpreter}-{interpreter}-manylinux_2_28_x86_64",
        f"{interpreter}-{interpreter}-manylinux2014_x86_64.manylinux_2_17_x86_64",
        "cp310-abi3-manylinux_2_17_x86_64",
        "py2.py3-none-any",
        "py3-none-manylinux_2_5_x86_64",
    ):
        assert takes(tag), tag
    for tag in (
        f"{interpreter}-{interpreter}-manylinux_2_31_x86_64",
        f"{interpreter}-{interpreter}-manylinux_2_28_aarch64",
        f"{interpreter}-{interpreter}-musllinux_1_2_x86_64",
        "cp310-cp310-manylinux_2_17_x86_64",
        "cp399-abi3-manylinux_2_17_x86_64",
        "py2-none-any",
    ):
        assert not takes(tag), tag
    best, older = (f"{interpreter}-{interpreter}-manylinux_2_{minor}_x86_64" for minor in (28, 17))
    assert min(tags[tag] for tag in parse_tag(best)) < min(tags[tag] for tag in parse_tag(older))


@pytest.mark.parametrize(
    ("marker", "wanted"),
    [
        ("", {"3.11", "3.12", "3.13"}),
        ("python_full_version < '3.12'", {"3.11"}),
        ("python_full_version >= '3.12'", {"3.12", "3.13"}),
        # Which bug fix a site has is not known, so what some of them need travels.
        ("python_full_version < '3.11.3'", {"3.11"}),
        ("python_full_version >= '3.13.2'", {"3.13"}),
        ("sys_platform == 'win32'", set()),
        ("platform_machine == 'aarch64'", set()),
        ("platform_machine == 'x86_64' and platform_python_implementation != 'PyPy'", {"3.11", "3.12", "3.13"}),
    ],
)
def test_a_marker_means_what_it_means_at_the_site(marker: str, wanted: set[str]) -> None:
    found = {python for python in PYTHONS if Target.of(python, ["manylinux_2_28_x86_64"]).wants(marker)}
    assert found == wanted


@pytest.mark.parametrize(
    ("python", "platforms", "said"),
    [
        ("3.10", ["manylinux_2_28_x86_64"], "python is '3.10'; the collection runs with 3.11, 3.12 and 3.13."),
        ("3.12.1", ["manylinux_2_28_x86_64"], "python is '3.12.1'"),
        ("3.12", [], "platforms is empty"),
        ("3.12", ["linux_x86_64"], "The platform 'linux_x86_64' is unknown"),
        ("3.12", ["manylinux_2_28_sparc"], "The platform 'manylinux_2_28_sparc' is unknown"),
        ("3.12", ["manylinux_2_28_x86_64", "musllinux_1_2_x86_64"], "which no one host takes together"),
        ("3.12", ["manylinux_2_28_x86_64", "manylinux_2_28_aarch64"], "write one bundle for each"),
    ],
)
def test_what_no_host_has_is_refused(python: str, platforms: list[str], said: str) -> None:
    with pytest.raises(CollectionError) as caught:
        Target.of(python, platforms)
    assert said in caught.value.message
