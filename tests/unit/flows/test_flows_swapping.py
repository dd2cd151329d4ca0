# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory is swapped in whole, by one run at a time, and a run that dies anywhere leaves the old or the new."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from hotpass import swapping
from hotpass.errors import HotpassError
from hotpass.swapping import held, staged, swap_in

ROOT = Path(__file__).resolve().parents[3]

# Replaces the target's content by "new" in two files, and dies as if by kill -9 at the point that is named.
_DIE = """
import os, pathlib, sys
from hotpass import swapping

point, target = sys.argv[1], pathlib.Path(sys.argv[2])
die = lambda *_names, **_options: os._exit(9)
if point == "in one step, before":
    swapping._exchange = die
if point == "in one step, after":
    exchange = swapping._exchange
    swapping._exchange = lambda *names: exchange(*names) and die()
if point.startswith("in two steps"):
    swapping._exchange = lambda *_: False
    rename, count = pathlib.Path.rename, []
    def counted(self, other):
        count.append(1)
        if len(count) > {"in two steps, before": 0, "in two steps, between": 1}.get(point, 2):
            die()
        return rename(self, other)
    pathlib.Path.rename = counted
with swapping.held(target), swapping.staged(target) as new:
    (new / "a").write_text("new")
    if point == "while writing":
        die()
    (new / "b").write_text("new")
    if point == "in two steps, after":
        swapping.shutil.rmtree = die
    swapping.swap_in(new, target)
os._exit(0 if point == "never" else 1)
"""
POINTS = {
    "never": "new",
    "while writing": "old",
    "in one step, before": "old",
    "in one step, after": "new",
    "in two steps, before": "old",
    "in two steps, between": None,
    "in two steps, after": "new",
}


def write(target: Path, text: str) -> None:
    with held(target), staged(target) as new:
        for name in "ab":
            (new / name).write_text(text)
        swap_in(new, target)


def read(target: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in target.iterdir()}


def beside(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir() if path != target)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    directory = tmp_path / "root" / "window"
    write(directory, "old")
    return directory


@pytest.mark.parametrize("point", POINTS)
def test_a_run_that_dies_leaves_old_or_new_and_the_next_clears_up(target: Path, point: str) -> None:
    command = [sys.executable, "-c", _DIE, point, str(target)]
    env = {"PYTHONPATH": str(ROOT / "prefect" / "flows")}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == (0 if point == "never" else 9), done.stderr
    expected = POINTS[point]
    if expected is None:
        assert not target.exists()
        assert ".window.old" in beside(target)
        with held(target), staged(target):
            assert read(target) == {"a": "old", "b": "old"}, "the next run has put the old one back"
        expected = "old"
    assert read(target) == {"a": expected, "b": expected}
    write(target, "later")
    assert read(target) == {"a": "later", "b": "later"}
    assert beside(target) == [".window.lock"]


@pytest.mark.parametrize("exchanges", [True, False])
def test_both_ways_to_swap_give_the_same(monkeypatch: pytest.MonkeyPatch, target: Path, exchanges: bool) -> None:
    if not exchanges:
        monkeypatch.setattr(swapping, "_exchange", lambda *_names: False)
    write(target, "new")
    assert read(target) == {"a": "new", "b": "new"}
    assert beside(target) == [".window.lock"]


def test_a_body_that_fails_changes_nothing(target: Path) -> None:
    def fail() -> None:
        with held(target), staged(target) as new:
            (new / "a").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert read(target) == {"a": "old", "b": "old"}
    assert beside(target) == [".window.lock"]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_directory_is_never_replaced(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "window"
    if kind == "file":
        target.write_text("precious")
    else:
        (tmp_path / "elsewhere").mkdir()
        target.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HotpassError, match="is in the way: it is no directory"):
        write(target, "new")
    assert target.is_symlink() or target.read_text() == "precious"


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HotpassError, match=r"the lock .* cannot be opened: (Not a directory|File exists)\."):
        write(tmp_path / "file" / "window", "new")


def test_the_lock_is_waited_for_and_then_refused(target: Path) -> None:
    started = time.monotonic()
    said = r"another run of this window has held .*\.window\.lock for 0 s"
    with held(target), pytest.raises(HotpassError, match=said), held(target, timeout=0.4):
        raise AssertionError("two hold the lock")
    assert 0.4 <= time.monotonic() - started < 5
    with held(target, timeout=0):
        pass


# Replaces the target many times by files that all say who wrote them; the reading is under the lock, too.
_RACE = """
import pathlib, sys
from hotpass import swapping

target = pathlib.Path(sys.argv[2])
for number in range(30):
    with swapping.held(target):
        with swapping.staged(target) as new:
            for name in "abcde":
                (new / name).write_text(f"{sys.argv[1]}{number}")
            swapping.swap_in(new, target)
        found = {path.read_text() for path in target.iterdir()}
        assert found == {f"{sys.argv[1]}{number}"}, found
"""


def test_two_runs_of_one_window_do_not_mix(target: Path) -> None:
    env = {"PYTHONPATH": str(ROOT / "prefect" / "flows")}
    commands = [[sys.executable, "-c", _RACE, name, str(target)] for name in ("one", "two")]
    running = [subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) for command in commands]
    for process in running:
        _out, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert len(set(read(target).values())) == 1
    assert len(read(target)) == 5
    assert beside(target) == [".window.lock"]


def test_a_window_whose_version_looks_like_a_leftover_is_left_alone(tmp_path: Path) -> None:
    one, other = tmp_path / "2024-01-01--1", tmp_path / "2024-01-01--1.new-b"
    write(other, "theirs")
    with held(other), staged(other) as theirs:
        (theirs / "a").write_text("in the making")
        write(one, "ours")
        assert (theirs / "a").read_text() == "in the making"
    old = other.with_name(f".{other.name}.old")
    other.rename(old)
    write(one, "later")
    assert read(old) == {"a": "theirs", "b": "theirs"}
