# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheels that an export fetches: by the real pip, from an index of the test's own, into a cache that is checked."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.platforms import Target
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.wheel_cache import Cache, Wheel, gather, pinned

from tests.support.transfer_index import Index, locked, make_wheel, run_command

pytestmark = pytest.mark.integration

_FOR_OLD = "cp312-cp312-manylinux2014_x86_64"
_FOR_NEW = "cp312-cp312-manylinux_2_28_x86_64"
_FOR_ARM = "cp312-cp312-manylinux_2_28_aarch64"


class Wheels:
    """A small lock, an index that has its wheels, and a cache."""

    def __init__(self, directory: Path) -> None:
        self.served = directory / "served"
        pure = make_wheel(self.served, "pure")
        fast = [make_wheel(self.served, "fast", tag=tag) for tag in (_FOR_OLD, _FOR_NEW, _FOR_ARM)]
        old, new = (make_wheel(self.served, "both", version) for version in ("1.0", "2.0"))
        self.runtime = "".join(
            [
                locked("pure", pure),
                locked("both", old, version="1.0", marker="python_full_version < '3.12'"),
                locked("both", new, version="2.0", marker="python_full_version >= '3.12'"),
            ]
        )
        self.prefect = locked("pure", pure) + locked("fast", *fast)
        self.cache = directory / "cache"
        self.told: list[str] = []

    def gather(
        self, python: str = "3.12", platform: str = "manylinux_2_28_x86_64", pip: str = sys.executable
    ) -> list[Wheel]:
        target = Target.of(python, [platform])
        wanted = pinned({"runtime.txt": self.runtime.encode(), "prefect.txt": self.prefect.encode()}, target)
        return gather(Cache(self.cache, target), wanted, run_command, pip, self.told.append)


@pytest.fixture
def wheels(tmp_path: Path) -> Wheels:
    return Wheels(tmp_path)


@pytest.fixture
def index(wheels: Wheels, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Index]:
    with Index(wheels.served) as serving:
        for name, value in serving.settings().items():
            monkeypatch.setenv(name, value)
        yield serving


def _names(found: list[Wheel]) -> list[str]:
    return [wheel.path.name for wheel in found]


def test_the_best_wheel_of_each_is_fetched_once_for_each_target(wheels: Wheels, index: Index) -> None:
    found = wheels.gather()
    assert _names(found) == ["both-2.0-py3-none-any.whl", f"fast-1.0-{_FOR_NEW}.whl", "pure-1.0-py3-none-any.whl"]
    assert all(wheel.path.read_bytes() == (wheels.served / wheel.path.name).read_bytes() for wheel in found)
    assert wheels.told == ["Fetching 3 wheels of 3: both 2.0, fast 1.0, pure 1.0"]
    index.asked.clear()
    assert wheels.gather() == found
    assert index.asked == []
    assert f"fast-1.0-{_FOR_OLD}.whl" in _names(wheels.gather(platform="manylinux2014_x86_64"))
    assert f"fast-1.0-{_FOR_ARM}.whl" in _names(wheels.gather(platform="manylinux_2_31_aarch64"))
    assert not list(wheels.cache.rglob(".fetching-*"))


def test_a_file_of_the_cache_that_was_changed_is_fetched_again(wheels: Wheels, index: Index) -> None:
    found = wheels.gather()
    found[0].path.write_bytes(b"something else")
    index.asked.clear()
    assert wheels.gather() == found
    assert [path for path in index.asked if path.startswith("/files/")] == [f"/files/{found[0].path.name}"]


@pytest.mark.usefixtures("index")
def test_a_wheel_that_the_lock_does_not_name_is_never_taken(wheels: Wheels) -> None:
    make_wheel(wheels.served, "pure", word="changed")
    with pytest.raises(CollectionError, match=r"both 2\.0, fast 1\.0, pure 1\.0 is not what the locks pin"):
        wheels.gather()
    assert list(wheels.cache.rglob("*.whl")) == []


@pytest.mark.usefixtures("index")
def test_a_platform_without_a_wheel_is_refused_with_the_name_of_what_has_none(wheels: Wheels) -> None:
    with pytest.raises(CollectionError, match=r"no wheel of fast==1\.0 for Python 3\.12 on musllinux_1_2_x86_64"):
        wheels.gather(platform="musllinux_1_2_x86_64")
    with pytest.raises(CollectionError, match=r"no wheel of fast==1\.0 for Python 3\.13"):
        wheels.gather(python="3.13")


@pytest.mark.usefixtures("index")
def test_without_an_index_it_says_what_the_cache_lacks(wheels: Wheels, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = wheels.gather()
    kept[1].path.unlink()
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple/")
    with pytest.raises(CollectionError, match=r"pip reached no package index, and the cache .* lacks fast 1\.0;"):
        wheels.gather()
    with pytest.raises(CollectionError, match=r"pip could not fetch the wheels of fast 1\.0: exit status 1"):
        wheels.gather(pip="/bin/false")


def test_a_python_without_pip_is_named(wheels: Wheels, tmp_path: Path) -> None:
    assert run_command([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")]).rc == 0
    bare = tmp_path / "bare" / "bin" / "python"
    with pytest.raises(
        CollectionError, match=rf"{bare} has no pip to fetch wheels with, and the cache .* lacks both 2"
    ):
        wheels.gather(pip=str(bare))


def test_two_locks_that_do_not_agree_are_refused(wheels: Wheels) -> None:
    wheels.prefect += locked("both", make_wheel(wheels.served, "both", "3.0"), version="3.0")
    with pytest.raises(CollectionError, match=r"runtime\.txt pins both 2\.0 and prefect\.txt 3\.0"):
        wheels.gather()
