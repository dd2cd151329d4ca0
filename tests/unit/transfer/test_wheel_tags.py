# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For which Python and platform a wheel is, held against what the library ``packaging`` makes of the same names."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.wheel_tags import (
    check_fit,
    check_wheel,
    shortened,
)
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

PLATFORMS = ("manylinux_2_28_x86_64",)
# What pip takes for that platform, newest first.
TAKEN = [
    *(f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)),
    *("manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"),
]
PYTHONS = ("cp312", "cp311", "cp313", "cp39", "cp3", "py3", "py2", "py2.py3", "py312", "py311", "py313", "pp310")
ABIS = ("none", "abi3", "cp312", "cp311", "cp313", "cp39", "cp312t")
TAGS = ("any", *TAKEN[:1], *TAKEN[-4:], "manylinux_2_29_x86_64", "manylinux_2_17_aarch64", "musllinux_1_1_x86_64",
        "linux_x86_64", "win_amd64", "macosx_11_0_arm64", "manylinux_2_5_x86_64.manylinux1_x86_64")  # fmt: skip


def taken(python: str, platforms: tuple[str, ...], name: str) -> bool:
    try:
        check_wheel(name, python, platforms)
    except CollectionError:
        return False
    return True


@pytest.mark.parametrize("minor", [11, 12])
def test_it_agrees_with_packaging(minor: int) -> None:
    version = (3, minor)
    known = {*cpython_tags(version, platforms=TAKEN), *compatible_tags(version, f"cp3{minor}", TAKEN)}
    seen = set()
    for python, abi, platform in itertools.product(PYTHONS, ABIS, TAGS):
        name = f"lib-1.0-{python}-{abi}-{platform}.whl"
        expected = not parse_wheel_filename(name)[3].isdisjoint(known)
        found = taken(f"3.{minor}", PLATFORMS, f"wheels/{name}")
        # It may let an odd name pass that nobody builds, and never refuses one that pip would take.
        assert found or not expected, name
        seen.add((expected, found))
    assert {(True, True), (False, False)} <= seen


@pytest.mark.parametrize(
    "name",
    [
        "lib-1.0-cp313-cp313-manylinux_2_17_x86_64.whl",
        "lib-1.0-cp311-cp311-manylinux_2_17_x86_64.whl",
        "lib-1.0-cp313-abi3-manylinux_2_17_x86_64.whl",
        "lib-1.0-py2-none-any.whl",
        "lib-1.0-py313-none-any.whl",
        "lib-1.0-pp312-pypy312_pp73-manylinux_2_17_x86_64.whl",
        "lib-1.0-cp312-cp312-manylinux_2_29_x86_64.whl",
        "lib-1.0-cp312-cp312-manylinux_2_17_aarch64.whl",
        "lib-1.0-cp312-cp312-musllinux_1_1_x86_64.whl",
        "lib-1.0-cp312-cp312-win_amd64.whl",
        "lib-1.0-cp312-cp312-macosx_11_0_arm64.whl",
    ],
)
def test_a_wheel_for_another_machine_is_refused(name: str) -> None:
    with pytest.raises(CollectionError, match=f"{name} is for .*; needed is one for "):
        check_wheel(name, "3.12", PLATFORMS)


@pytest.mark.parametrize(
    "name", ["lib.whl", "lib-1.0.whl", "lib-1.0-py3-none.whl", "a-b-c-d-e-f-g.whl", "x-1-py3-none-any.zip"]
)
def test_what_is_no_wheel_is_refused(name: str) -> None:
    with pytest.raises(CollectionError, match="is not called as a wheel is"):
        check_wheel(name, "3.12", PLATFORMS)


def test_one_wheel_of_each_distribution_is_enough() -> None:
    names = [
        "wheels/lib-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        "wheels/lib-1.0-cp312-cp312-manylinux_2_17_aarch64.whl",
        "wheels/pure-1.0-py3-none-any.whl",
        "bootstrap.py",
    ]
    for machine in ("x86_64", "aarch64"):
        check_fit(names, [f"manylinux_2_31_{machine}", f"linux_{machine}"])
    with pytest.raises(CollectionError, match=r"Its wheels of lib-1\.0 are for .*; needed is one for this machine"):
        check_fit(names, ["macosx_11_0_arm64"])
    check_fit(["wheels/pure-1.0-py3-none-any.whl"], [])
    check_fit([], [])


def test_a_build_number_is_no_python() -> None:
    check_wheel("lib-1.0-1-py3-none-any.whl", "3.12", PLATFORMS)


def test_a_name_that_no_header_holds_loses_tags_and_stays_the_same_wheel() -> None:
    tags = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64")
    for length in range(1, 130):
        name = f"{'n' * length}-3.5.2-cp312-cp312-{'.'.join(tags)}.whl"
        short = shortened(name)
        assert short == name or len(short) <= 100 or short.endswith(f"-{tags[0]}.whl")
        assert (short == name) is (len(name) <= 100)
        before, after = parse_wheel_filename(name), parse_wheel_filename(short)
        assert after[:3] == before[:3]
        assert after[3] <= before[3]
        check_wheel(short, "3.12", ("manylinux_2_17_x86_64",))
