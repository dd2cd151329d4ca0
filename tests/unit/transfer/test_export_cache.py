# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cache of wheels gives out, and what it says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.platforms import Target
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.wheel_cache import Cache, interpreter, pinned
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.wording import size_of

from tests.support.transfer_index import locked, make_wheel

_TARGET = Target.of("3.12", ["manylinux_2_28_x86_64"])
_OLD, _NEW = "cp312-cp312-manylinux2014_x86_64", "cp312-cp312-manylinux_2_28_x86_64"


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path, _TARGET)


def test_the_best_of_several_is_given(cache: Cache) -> None:
    old, new = (make_wheel(cache.directory, "fast", tag=tag) for tag in (_OLD, _NEW))
    [wanted] = pinned({"lock": locked("fast", old, new).encode()}, _TARGET)
    [[wheel], lacking] = cache.find([wanted])
    assert (wheel.path, wheel.size, lacking) == (new, new.stat().st_size, [])
    new.unlink()
    assert [wheel.path for wheel in cache.find([wanted])[0]] == [old]


def test_what_the_lock_does_not_name_or_the_target_does_not_take_is_not_there(cache: Cache) -> None:
    right = make_wheel(cache.directory, "pure")
    arm = make_wheel(cache.directory, "fast", tag="cp312-cp312-manylinux_2_28_aarch64")
    newer = make_wheel(cache.directory, "later", "1.1")
    text = locked("pure", right) + locked("fast", arm) + locked("later", newer, version="1.0")
    wanted = pinned({"lock": text.encode()}, _TARGET)
    (cache.directory / "notes.whl").write_text("no wheel", encoding="utf-8")
    found, lacking = cache.find(wanted)
    assert [wheel.path for wheel in found] == [right]
    assert [one.name for one in lacking] == ["fast", "later"]
    other = right.rename(right.with_suffix(".kept"))
    right.symlink_to(other)
    assert [one.name for one in cache.find(wanted)[1]] == ["fast", "later", "pure"]
    right.unlink()
    right.write_bytes(b"something else")
    assert [one.name for one in cache.find(wanted)[1]] == ["fast", "later", "pure"]


def test_versions_are_compared_as_versions(cache: Cache) -> None:
    wheel = make_wheel(cache.directory, "zoned", "2026.6")
    [wanted] = pinned({"lock": locked("zoned", wheel, version="2026.06").encode()}, _TARGET)
    assert [found.path for found in cache.find([wanted])[0]] == [wheel]


def test_each_target_has_a_directory_of_its_own(tmp_path: Path) -> None:
    one = Cache(tmp_path, _TARGET).directory
    other = Cache(tmp_path, Target.of("3.13", ["manylinux_2_28_x86_64"])).directory
    many = Cache(tmp_path, Target.of("3.12", [f"manylinux_2_{minor}_x86_64" for minor in range(17, 40)])).directory
    assert len({one, other, many}) == 3
    assert one.name == "3.12-manylinux_2_28_x86_64"
    assert max(len(path.name) for path in (one, other, many)) <= 100


def test_two_locks_have_to_agree(tmp_path: Path) -> None:
    one, other = make_wheel(tmp_path / "one", "pure"), make_wheel(tmp_path / "other", "pure", word="other")
    locks = {"runtime.txt": locked("pure", one).encode(), "prefect.txt": locked("pure", one).encode()}
    assert [found.name for found in pinned(locks, _TARGET)] == ["pure"]
    with pytest.raises(CollectionError, match=r"runtime\.txt pins pure 1\.0 and prefect\.txt 1\.0, or other files"):
        pinned({**locks, "prefect.txt": locked("pure", other).encode()}, _TARGET)
    elsewhere = locked("pure", other, marker="python_full_version < '3.12'")
    assert len(pinned({**locks, "prefect.txt": elsewhere.encode()}, _TARGET)) == 1


def test_the_python_is_the_one_that_is_named(tmp_path: Path) -> None:
    assert interpreter(None, "/bin/sh") == "/bin/sh"
    with pytest.raises(CollectionError, match=f"There is no Python at {tmp_path}"):
        interpreter(str(tmp_path), "/bin/sh")


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (165_283_840, "165.3 MB"), (2 * 10**9, "2.0 GB")],
)
def test_sizes_are_said_in_decimal_units(count: int, said: str) -> None:
    assert size_of(count) == said
