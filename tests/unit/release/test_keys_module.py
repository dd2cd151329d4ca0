# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``hotpass_key``: one pair, made once, and nothing of its private half outside its file."""

from __future__ import annotations

import json
import stat
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release import keys

from tests.support.doors import Doors, Task

PASSPHRASE = "giraffe-lane-88"


@pytest.fixture
def doors(tmp_path: Path) -> Doors:
    return Doors({}, tmp_path)


@pytest.fixture
def options(tmp_path: Path) -> dict[str, t.Any]:
    return {
        "name": "alice",
        "path": str(tmp_path / "keys" / "alice.pem"),
        "public_path": str(tmp_path / "keys" / "alice.pub.pem"),
        "passphrase": PASSPHRASE,
    }


def state_of(directory: Path) -> dict[str, tuple[bytes, int, int]]:
    """The files below: content, mode, and when they were last written."""
    files = (file for file in directory.rglob("*") if file.is_file())
    return {
        str(file.relative_to(directory)): (file.read_bytes(), file.stat().st_mode, file.stat().st_mtime_ns)
        for file in files
    }


def test_it_makes_a_pair_once(doors: Doors, options: dict[str, t.Any], tmp_path: Path) -> None:
    predicted = doors.room("hotpass_key", check_mode=True, **options)
    assert (predicted["changed"], predicted["key_id"], predicted["public_key"]) == (True, None, None)
    assert state_of(tmp_path) == {}
    made = doors.room("hotpass_key", **options)
    assert made["changed"]
    assert made["diff"][0]["before"] == {"key_id": None, "public_key": None}
    assert made["diff"][0]["after"] == {"key_id": made["key_id"], "public_key": made["public_key"]}
    key = keys.load_signing_key(options["path"], PASSPHRASE)
    assert (made["key_id"], made["public_key"]) == (key.key_id, key.public_key)
    public = Path(options["public_path"])
    assert public.read_text(encoding="ascii") == key.public_key
    assert stat.S_IMODE(public.stat().st_mode) == 0o644
    written = state_of(tmp_path)
    again = doors.room("hotpass_key", **options)
    assert again == {key: value for key, value in {**made, "changed": False}.items() if key != "diff"}
    assert doors.room("hotpass_key", check_mode=True, **options)["changed"] is False
    assert state_of(tmp_path) == written


def test_a_lost_or_stale_public_file_is_made_anew(doors: Doors, options: dict[str, t.Any], tmp_path: Path) -> None:
    made = doors.room("hotpass_key", **options)
    public = Path(options["public_path"])
    private = Path(options["path"]).read_bytes()
    other = keys.create_key_pair(tmp_path / "other.pem", "other")
    for stale in (None, other):
        if stale is None:
            public.unlink()
        else:
            public.write_text(stale, encoding="ascii")
        before = state_of(tmp_path)
        predicted = doors.room("hotpass_key", check_mode=True, **options)
        assert state_of(tmp_path) == before
        answer = doors.room("hotpass_key", **options)
        assert answer == predicted
        assert answer["changed"]
        assert answer["diff"][0]["before"]["public_key"] == stale
        assert public.read_text(encoding="ascii") == made["public_key"]
        assert Path(options["path"]).read_bytes() == private


def test_what_is_no_public_key_is_not_overwritten(doors: Doors, options: dict[str, t.Any]) -> None:
    public = Path(options["public_path"])
    public.parent.mkdir()
    public.write_text("shopping list", encoding="utf-8")
    answer = doors.room("hotpass_key", **options)
    assert answer["failed"]
    assert "which public_path names, holds no public key in PEM" in answer["msg"]
    assert public.read_text(encoding="utf-8") == "shopping list"
    assert not Path(options["path"]).exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"passphrase": "another"}, "cannot be decrypted"),
        ({"passphrase": None}, "is encrypted; give its passphrase"),
        ({"name": "no name"}, "name is 'no name'; allowed are"),
    ],
)
def test_a_key_that_does_not_fit_is_an_error(
    doors: Doors, options: dict[str, t.Any], changes: dict[str, t.Any], said: str
) -> None:
    doors.room("hotpass_key", **options)
    before = Path(options["path"]).read_bytes()
    for check_mode in (True, False):
        answer = doors.room("hotpass_key", check_mode=check_mode, **{**options, **changes})
        assert answer["failed"]
        assert said in answer["msg"]
    assert Path(options["path"]).read_bytes() == before


def test_both_halves_need_files_of_their_own(doors: Doors, options: dict[str, t.Any]) -> None:
    answer = doors.room("hotpass_key", **{**options, "public_path": options["path"]})
    assert "the two halves take one each" in answer["msg"]
    assert not Path(options["path"]).exists()


def test_absent_is_no_state(doors: Doors, options: dict[str, t.Any]) -> None:
    assert "value of state must be one of: present" in doors.room("hotpass_key", state="absent", **options)["msg"]


@pytest.mark.e2e
def test_shipped_it_says_nothing_secret(doors: Doors, options: dict[str, t.Any]) -> None:
    wrong = "yak-alley-99"
    played = doors.play(
        [
            Task("hotpass_key", options),
            Task("hotpass_key", options, check=True),
            Task("hotpass_key", {**options, "passphrase": wrong}),
        ],
        "module",
    )
    made, again, refused = played.results
    assert (made["changed"], again["changed"], refused["failed"]) == (True, False, True)
    assert made["public_key"] == again["public_key"] == keys.public_key_of(options["path"], PASSPHRASE)
    private = Path(options["path"]).read_text(encoding="ascii").splitlines()[1:-1]
    for told in (played.output, json.dumps(played.results)):
        assert not [secret for secret in (PASSPHRASE, wrong, *private) if secret in told]


def test_the_public_file_is_optional_and_so_is_the_passphrase(doors: Doors, tmp_path: Path) -> None:
    path = tmp_path / "alice.pem"
    made = doors.room("hotpass_key", name="alice", path=str(path))
    assert made["public_key"] == keys.public_key_of(path)
    assert (made["diff"][0]["before"], made["diff"][0]["after"]) == ({"key_id": None}, {"key_id": made["key_id"]})
    assert [file.name for file in tmp_path.iterdir()] == ["alice.pem"]
    assert doors.room("hotpass_key", name="alice", path=str(path))["changed"] is False
