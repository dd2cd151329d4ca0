# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``hotpass_store``, through its room and through both doors."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import open_store

from tests.support.doors import DoorName, Doors, Task
from tests.support.registry import Registry
from tests.support.stores import ENVELOPE, STATEMENT, read_all, sample

pytestmark = pytest.mark.integration

Room = t.Callable[..., dict[str, t.Any]]
_ONE, _TWO = sample("one"), sample("two")


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store with two releases and a statement."""
    opened = open_store(str(tmp_path / "store"))
    for one in (_ONE, _TWO):
        one.write(opened)
    opened.attach(_ONE.digest, STATEMENT, b"said", ENVELOPE)
    return opened.address


@pytest.fixture
def room(tmp_path: Path) -> Room:
    doors = Doors({}, tmp_path)
    return lambda **options: doors.room("hotpass_store", **options)


def _damage(store: str, digest: str) -> None:
    file = Path(store) / "blobs" / "sha256" / digest.removeprefix("sha256:")
    file.write_bytes(file.read_bytes()[:-1] + b"\0")


def test_a_good_store_is_verified(room: Room, store: str) -> None:
    answer = room(store=store)

    assert (answer["failed"], answer["changed"], answer["findings"]) == (False, False, [])
    assert answer["counts"] == {"releases": 2, "attachments": 1, "blobs": 10}
    assert "diff" not in answer


def test_a_bad_store_fails_and_lists_everything(room: Room, store: str) -> None:
    blobs = sorted(digest_of(blob) for blob in (_ONE.config, _TWO.layers[0]))
    for digest in blobs:
        _damage(store, digest)

    answer = room(store=store)

    assert answer["failed"]
    assert answer["msg"].startswith(f"The store {store} is not as it should be: {blobs[0]} is corrupt (its ")
    assert "and 1 more in findings; copy what is bad from a store that has it." in answer["msg"]
    assert [finding["name"] for finding in answer["findings"]] == blobs


def test_what_only_takes_room_does_not_fail(room: Room, store: str) -> None:
    orphan = open_store(store).write_blob(b"orphan")

    answer = room(store=store)

    assert not answer["failed"]
    assert [(finding["problem"], finding["name"]) for finding in answer["findings"]] == [("orphaned", orphan)]


def test_a_release_is_copied_once(room: Room, store: str, tmp_path: Path) -> None:
    to = str(tmp_path / "other")
    options = {"store": store, "state": "copied", "release": _ONE.digest, "to": to}

    planned = room(**options, check_mode=True)
    assert not Path(to).exists()
    done, again = room(**options), room(**options)

    assert planned == done
    assert (done["changed"], done["attachments"], done["present"]) == (True, 1, [])
    assert done["diff"][0]["before"] == ""
    assert done["diff"][0]["after"].split() == done["written"]
    assert (again["changed"], again["written"], again["present"]) == (False, [], done["written"])
    assert "diff" not in again
    assert read_all(open_store(to)) == {_ONE.digest: read_all(open_store(store))[_ONE.digest]}


def test_a_copy_mends(room: Room, store: str, tmp_path: Path) -> None:
    to = str(tmp_path / "other")
    options = {"store": store, "state": "copied", "release": _ONE.digest, "to": to}
    room(**options)
    for digest in (_ONE.digest, digest_of(_ONE.config)):
        _damage(to, digest)
    assert room(store=to)["failed"]

    planned = room(**options, check_mode=True)
    done = room(**options)

    assert planned["written"] == done["written"] == sorted((_ONE.digest, digest_of(_ONE.config)))
    assert not room(store=to)["failed"]


def test_a_corrupt_release_is_not_copied(room: Room, store: str, tmp_path: Path) -> None:
    _damage(store, digest_of(_ONE.layers[0]))

    answer = room(store=store, state="copied", release=_ONE.digest, to=str(tmp_path / "other"))

    assert answer["failed"]
    assert answer["msg"].startswith(f"{digest_of(_ONE.layers[0])} in the store {store} is not to be trusted")
    assert not open_store(str(tmp_path / "other")).has(_ONE.digest)


def test_garbage_is_collected_once(room: Room, store: str) -> None:
    options = {"store": store, "state": "collected", "keep": [_TWO.digest], "min_age": 0}

    planned = room(**options, check_mode=True)
    assert len(open_store(store).releases()) == 2
    done, again = room(**options), room(**options)

    assert planned == done
    assert done["removed"]["releases"] == [_ONE.digest]
    assert f"releases {_ONE.digest}\n" in done["diff"][0]["before"]
    assert done["diff"][0]["after"] == ""
    assert (again["changed"], again["removed"]["releases"], "diff" in again) == (False, [], False)
    assert open_store(store).releases() == [_TWO.digest]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"state": "collected"}, "state is collected but all of the following are missing: keep"),
        ({"state": "copied", "to": "x"}, "state is copied but all of the following are missing: release"),
        ({"keep": []}, "keep is only for state=collected, and the state is verified."),
        ({"state": "collected", "keep": ["latest"]}, "A digest in keep is 'latest'; allowed is sha256:"),
        ({"state": "collected", "keep": [], "min_age": -1}, "min_age is -1; it must be 0 seconds or more."),
        ({"state": "copied", "release": "latest", "to": "x"}, "The release to copy is 'latest'; allowed is sha256:"),
        ({"store": "oci://registry.example/UPPER"}, "allowed is oci://host[:port]/repository"),
        ({"store": "oci://u:geheim@registry.example/x"}, "The store's address holds a user or a password"),
        ({"store": "oci://localhost:1/x", "store_username": "u"}, "store_username and store_password belong together"),
    ],
)
def test_what_is_not_allowed(room: Room, store: str, options: dict[str, t.Any], sentence: str) -> None:
    answer = room(**{"store": store, **options})

    assert answer["failed"]
    assert sentence in answer["msg"]
    assert "geheim" not in answer["msg"]


def test_a_registry_marks_first(room: Room, tmp_path: Path) -> None:
    registry = Registry.start(tmp_path / "registry")
    try:
        address = f"oci://{registry.host}/team/store"
        _ONE.write(open_store(address))
        options = {"store": address, "state": "collected", "keep": []}

        planned, marked, again = room(**options, check_mode=True), room(**options), room(**options)

        assert planned == marked
        assert (marked["changed"], marked["marked"], marked["waiting"]) == (True, [_ONE.digest], [_ONE.digest])
        assert marked["diff"][0]["after"] == f"releases {_ONE.digest} (marked as unneeded)\n"
        assert (again["changed"], again["marked"], again["waiting"]) == (False, [], [_ONE.digest])
        gone = room(**options, min_age=0)
        assert (gone["changed"], gone["removed"]["releases"]) == (True, [_ONE.digest])
    finally:
        registry.stop()


@pytest.mark.parametrize("door", ["module", "action"])
def test_it_works_through_both_doors(store: str, tmp_path: Path, door: DoorName) -> None:
    to = str(tmp_path / "other")
    password = "open-sesame-4711"
    closed = {"store": "oci://127.0.0.1:1/x", "store_username": "u", "store_password": password}
    tasks = [
        Task("hotpass_store", {"store": store}),
        Task("hotpass_store", {"store": store, "state": "copied", "release": _ONE.digest, "to": to}),
        Task("hotpass_store", {"store": to, "state": "collected", "keep": [], "min_age": 0}, check=True),
        Task("hotpass_store", closed),
    ]

    played = Doors({}, tmp_path).play(tasks, door)

    verified, copied, collected, refused = played.results
    assert (verified["changed"], verified["counts"]["releases"]) == (False, 2)
    assert (copied["changed"], copied["release"]) == (True, _ONE.digest)
    assert (collected["changed"], collected["removed"]["releases"]) == (True, [_ONE.digest])
    assert refused["failed"]
    assert "the registry http://127.0.0.1:1 failed" in refused["msg"]
    assert password not in played.output
    assert open_store(to).releases() == [_ONE.digest]
