# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of a ring's bundles on a live server: many sealers at once, and sealers that die at any step."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import itertools
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import log
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.chain import ChainFindings, verify_chain
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.log import Entry
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.verify import verify
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, reading
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust

from tests.support import attesting
from tests.support.attesting import Cast
from tests.support.evidence_bundles import KIND, REGISTRY, RING, Sealer, fill, moment
from tests.support.evidence_steps import ENVIRONMENT, ROOT, Steps, once, settings
from tests.support.killer import UNANSWERED, WAYS, Ending, Killer
from tests.support.proxy import Proxy
from tests.support.server import PrefectServer, free_port
from tests.support.shapes import Unique

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    return attesting.cast(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def sealer(tmp_path: Path, unique: Unique, people: Cast) -> Sealer:
    return Sealer.of(tmp_path / "evidence", unique("solution"), people)


def _chain(sealer: Sealer, root: Path | None = None) -> ChainFindings:
    return verify_chain(root or sealer.root, sealer.trust, registry=REGISTRY)


def _numbers(found: ChainFindings) -> list[int]:
    found_numbers = (each.predicate["sequence"] for each in found.bundles if each.predicate)
    return sorted(number for number in found_numbers if number is not None)


def _others(session: Session, sealer: Sealer, first: int, last: int) -> None:
    """Entries of bundles that somebody else sealed elsewhere, with what is too old for them trimmed away."""
    chain = log.Log(session, sealer.solution, RING)
    head = chain.read().head
    for number in range(first, last + 1):
        assert head is not None
        seal = f"sha256:{number:064d}"
        head = dataclasses.replace(head, sequence=number, previous=head.seal, seal=seal, name=moment(number))
        assert chain.append(head)
    chain.trim(chain.read(), last)


def _agree(session: Session, sealer: Sealer) -> list[Entry]:
    """Insist that the server and the disk have the same whole chain, and return it."""
    seen = log.read(session, sealer.solution, RING)
    assert (seen.problems, dict(seen.stray)) == ((), {})
    found = _chain(sealer)
    assert found.problems == ()
    assert [entry.sequence for entry in seen.entries] == _numbers(found) == list(range(1, len(seen.entries) + 1))
    on_disk = {(each.predicate["sequence"], each.seal) for each in found.bundles if each.predicate}
    assert {(entry.sequence, entry.seal) for entry in seen.entries} == on_disk
    for before, entry in itertools.pairwise((None, *seen.entries)):
        assert entry is not None
        assert entry.previous == (before.seal if before else None)
    assert list(sealer.root.glob("*/*/.*.part")) == []
    return list(seen.entries)


def test_the_first_and_the_second(session: Session, sealer: Sealer) -> None:
    first = sealer.seal(session, moment(1), live_reason="a worker ran it")
    second = sealer.seal(session, moment(2), generation=7, release=attesting.RELEASE, state="Active")
    assert (first.sequence, first.previous, first.changed, first.warnings) == (1, None, True, ())
    assert (second.sequence, second.previous) == (2, first.seal)
    entries = _agree(session, sealer)
    assert dataclasses.asdict(entries[1]) == {
        "sequence": 2,
        "previous": first.seal,
        "seal": second.seal,
        "kind": KIND,
        "name": moment(2),
        "generation": 7,
        "state": "Active",
        "verdict": "pass",
        "at": entries[1].at,
    }
    again = sealer.seal(session, moment(2), generation=7, release=attesting.RELEASE)
    assert again == dataclasses.replace(second, changed=False)
    _agree(session, sealer)


def test_sixteen_sealers_on_two_controllers_get_sixteen_numbers(
    server: PrefectServer, session: Session, sealer: Sealer, people: Cast, tmp_path: Path
) -> None:
    controllers = [sealer, Sealer.of(tmp_path / "elsewhere", sealer.solution, people)]

    def seal(number: int) -> int | None:
        with Session(Connection(server.api_url, retries=20)) as own:
            return controllers[number % 2].seal(own, moment(number)).sequence

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        numbers = list(pool.map(seal, range(16)))
    assert sorted(number or 0 for number in numbers) == list(range(1, 17))
    seen = log.read(session, sealer.solution, RING)
    assert ([entry.sequence for entry in seen.entries], seen.problems) == (list(range(1, 17)), ())
    assert sorted(entry.name for entry in seen.entries) == [moment(number) for number in range(16)]
    # Each controller has a part of the chain, and only together are they whole.
    assert _chain(sealer).problems
    assert _chain(sealer, tmp_path).problems == ()
    assert _numbers(_chain(sealer, tmp_path)) == list(range(1, 17))


def test_the_same_bundle_sealed_by_eight_at_once_is_sealed_once(
    server: PrefectServer, session: Session, sealer: Sealer
) -> None:
    bundle = fill(sealer.bundle(moment(1)))

    def seal(_number: int) -> tuple[str, bool]:
        with Session(Connection(server.api_url, retries=20)) as own:
            sealed = sealer.seal_filled(own, bundle)
        return sealed.seal, sealed.changed

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(seal, range(8)))
    assert len({digest for digest, _changed in found}) == 1
    assert sum(changed for _digest, changed in found) == 1
    assert len(_agree(session, sealer)) == 1


def test_the_newest_fifty_stay_on_the_server_and_every_bundle_on_the_disk(session: Session, sealer: Sealer) -> None:
    for number in range(1, 54):
        sealer.seal(session, moment(number))
    rows = reading.read_all(session, reading.VARIABLES, filters.variables(name_like=f"evidence_{RING}_"))
    mine = sorted(row["name"] for row in rows if row["name"].startswith(f"evidence_{RING}_{sealer.solution}_"))
    assert mine == [f"evidence_{RING}_{sealer.solution}_{number:08d}" for number in range(4, 54)]
    assert all("hotpass-evidence" in row["tags"] for row in rows if row["name"] in mine)
    found = _chain(sealer)
    assert (_numbers(found), found.problems) == (list(range(1, 54)), ())


def test_a_sealer_that_slept_while_its_number_was_taken_and_trimmed_gets_another(
    session: Session, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealer.seal(session, moment(1))
    old = log.read(session, sealer.solution, RING)
    _others(session, sealer, 2, 53)
    # It read the chain when that ended with bundle 1, and writes only now; number 2 is free again by trimming.
    read, asleep = log.Log.read, [old]
    monkeypatch.setattr(log.Log, "read", lambda self: asleep.pop() if asleep else read(self))
    (elsewhere := sealer.root.parent / "elsewhere").mkdir()
    late = dataclasses.replace(sealer, root=elsewhere).seal(session, moment(54))
    assert late.sequence == 54
    seen = log.read(session, sealer.solution, RING)
    assert ([entry.sequence for entry in seen.entries], dict(seen.stray)) == (list(range(5, 55)), {})


class Mortal(t.NamedTuple):
    """A sealer in a process of its own, which may be killed."""

    sealer: Sealer
    told: dict[str, t.Any]

    def anew(self, word: str, unique: Unique) -> Sealer:
        """The same person with an empty directory and an empty chain."""
        root = self.sealer.root.parent / word / "evidence"
        return dataclasses.replace(self.sealer, root=root, solution=unique("solution"))


@pytest.fixture
def mortal(server: PrefectServer, tmp_path: Path) -> Mortal:
    (tmp_path / "keys").mkdir()
    alice = attesting.person(tmp_path / "keys", "alice")
    entries = [alice.entry("promoter")]
    sealer = Sealer(tmp_path / "evidence", "none", alice.key, Trust.from_setting(entries))
    return Mortal(sealer, settings(server.api_url, tmp_path / "keys/alice.pem", entries))


@pytest.mark.parametrize("mended_by", ["the same sealing", "another sealing"])
def test_a_sealer_killed_before_any_step_on_the_disk_leaves_nothing_that_is_not_mended(
    session: Session, unique: Unique, mortal: Mortal, mended_by: str
) -> None:
    steps = Steps(mortal.told)
    name, other = moment(1), moment(2)
    try:
        sealer = mortal.anew("whole", unique)
        status, count = steps.seal(sealer.root, sealer.solution, name)
        assert (status, len(_agree(session, sealer))) == (0, 1)
        assert count >= 30
        # Only the last few steps are after the number was taken.
        tried = (
            range(1, count + 1) if mended_by == "the same sealing" else [1, count // 2, *range(count - 4, count + 1)]
        )
        numbered_without_name = 0
        for at in tried:
            sealer = mortal.anew(f"killed-{at}", unique)
            assert steps.seal(sealer.root, sealer.solution, name, at) == (-9, at - 1)
            taken = any(entry.name == name for entry in log.read(session, sealer.solution, RING).entries)
            sealed = sealer.bundle(name).sealed
            # Never a bundle without a number; a number without a bundle only until the next sealing.
            assert taken or not sealed, at
            numbered_without_name += taken and not sealed
            if mended_by == "another sealing":
                assert steps.seal(sealer.root, sealer.solution, other)[0] == 0
                assert sealer.bundle(name).sealed == taken, at
                found = _chain(sealer)
                assert (found.problems, _numbers(found)) == ((), [1, 2] if taken else [1]), at
            assert steps.seal(sealer.root, sealer.solution, name)[0] == 0
            assert len(_agree(session, sealer)) == (2 if mended_by == "another sealing" else 1), at
        assert numbered_without_name >= 1
    finally:
        steps.close()


def test_a_sealer_killed_at_any_request_leaves_nothing_that_is_not_mended(
    server: PrefectServer, session: Session, unique: Unique, mortal: Mortal
) -> None:
    killer = Killer(server.api_url)
    with killer:
        told = {**mortal.told, "api_url": killer.api_url}

        def run(sealer: Sealer, name: str, **when: t.Any) -> Ending:
            command = once(told, sealer.root, sealer.solution, name)
            return killer.run(command, env=ENVIRONMENT, cwd=ROOT, timeout=60, **when)

        whole = mortal.anew("whole", unique)
        assert run(whole, moment(0)).code == 0
        requests = run(whole, moment(1)).requests
        assert [request.split()[0] for request in requests] == ["POST", "GET", "POST", "GET"], requests
        cases = [(at, way) for at in range(len(requests) + 1) for way in WAYS if at or way == UNANSWERED]
        for at, way in cases:
            sealer = mortal.anew(f"killed-{at}-{way}", unique)
            sealer.seal(session, moment(0))
            ended = run(sealer, moment(1), at=at, way=way)
            assert ended.killed or (at, way) == (len(requests), "answered"), (at, way, ended)
            assert run(sealer, moment(1)).code == 0, (at, way)
            assert len(_agree(session, sealer)) == 2, (at, way)


def test_an_answer_that_gets_lost_costs_no_number(proxy: Proxy, session: Session, sealer: Sealer) -> None:
    with Session(Connection(proxy.api_url, retries=3)) as through:
        for number, before in enumerate((False, True), 1):
            proxy.drop(before=before, method="POST", path="/variables/")
            assert sealer.seal(through, moment(number)).sequence == number
    assert len(_agree(session, sealer)) == 2


def test_without_a_server_a_bundle_has_no_number_and_says_so(session: Session, sealer: Sealer) -> None:
    first = sealer.seal(session, moment(1))
    nowhere = Connection(f"http://127.0.0.1:{free_port()}/api", retries=0)
    with Session(nowhere) as gone:
        alone = sealer.seal(gone, moment(2))
        assert (alone.sequence, alone.previous, alone.anchored) == (None, first.seal, False)
        assert sealer.seal(None, moment(3)).previous == alone.seal
    metadata = sealer.bundle(moment(2)).document("metadata.json")
    assert (metadata["anchored"], metadata["versions"]["prefect_server"]) == (False, None)
    notes = sealer.bundle(moment(2)).read("notes.md").decode()
    assert "has no number in the chain of ring staging" in notes
    assert nowhere.api_url in notes
    assert sealer.seal(session, moment(4)).previous == first.seal
    found = _chain(sealer)
    assert (_numbers(found), found.problems) == ([1, 2], ())
    assert [Path(path).name for path in found.unanchored] == [moment(2), moment(3)]


def test_a_server_that_refuses_is_not_taken_for_one_that_is_gone(proxy: Proxy, sealer: Sealer) -> None:
    with Session(Connection(proxy.api_url, retries=0)) as through:
        proxy.answer(401, times=None, path="/variables/filter")
        with pytest.raises(CollectionError, match="answered with 401"):
            sealer.seal(through, moment(1))
    assert not sealer.bundle(moment(1)).sealed


def test_the_chain_goes_on_from_the_disk_when_the_server_forgot_it(session: Session, sealer: Sealer) -> None:
    _first, _second, last = (sealer.seal(session, moment(number)) for number in (1, 2, 3))
    chain = log.Log(session, sealer.solution, RING)
    for number in (1, 2, 3):
        chain.delete(number)
    after = sealer.seal(session, moment(4))
    assert (after.sequence, after.previous) == (4, last.seal)
    assert "The chain on the server ended with bundle 0, and bundle 3 is on this disk" in after.warnings[0]
    assert after.warnings[0] in sealer.bundle(moment(4)).read("notes.md").decode()
    assert sealer.seal(session, moment(5)).warnings == ()
    assert _chain(sealer).problems == ()


@pytest.mark.parametrize("length", [2, 5])
def test_a_server_whose_chain_is_another_one_is_said_once(session: Session, sealer: Sealer, length: int) -> None:
    first, _second = (sealer.seal(session, moment(number)) for number in (1, 2))
    chain = log.Log(session, sealer.solution, RING)
    head = log.read(session, sealer.solution, RING).entries[0]
    for number in (1, 2):
        chain.delete(number)
    # Another server's chain, which is as long as the one on the disk, or longer.
    assert chain.append(dataclasses.replace(head, seal=f"sha256:{1:064d}"))
    _others(session, sealer, 2, length)
    after = sealer.seal(session, moment(9))
    assert (after.sequence, after.previous) == (length + 1, f"sha256:{length:064d}")
    [warning] = after.warnings
    assert "Bundle 2 on this disk is not the one that has this number in the chain on the server" in warning
    assert f"which ends with bundle {length}" in warning
    assert warning in sealer.bundle(moment(9)).read("notes.md").decode()
    assert sealer.seal(session, moment(10)).warnings == ()
    assert first.seal not in {entry.seal for entry in log.read(session, sealer.solution, RING).entries}
    assert _chain(sealer).problems


def test_a_directory_that_somebody_put_aside_stops_no_sealing(session: Session, sealer: Sealer) -> None:
    sealer.seal(session, moment(1))
    aside = sealer.bundle(moment(1))
    old = aside.final.parent.with_name("backfill.old") / aside.part.name
    old.parent.mkdir()
    aside.final.rename(old)
    after = sealer.seal(session, moment(2))
    assert (after.sequence, after.warnings) == (2, ())
    assert old.is_dir()


def test_an_entry_that_was_edited_or_deleted_is_said_and_does_not_stop_the_evidence(
    session: Session, sealer: Sealer
) -> None:
    _first, _second, last = (sealer.seal(session, moment(number)) for number in (1, 2, 3))
    chain = log.Log(session, sealer.solution, RING)
    value = session.get(f"/variables/name/{chain.variable(2)}")["value"]
    session.write("PATCH", f"/variables/name/{chain.variable(2)}", {"value": {**value, "seal": attesting.BAD}})
    edited = sealer.seal(session, moment(4))
    assert (edited.sequence, edited.previous) == (4, last.seal)
    assert f"{chain.variable(3)} names a bundle before it that {chain.variable(2)} does not have" in edited.warnings[0]
    session.write("PATCH", f"/variables/name/{chain.variable(2)}", {"value": "nonsense"})
    assert f"{chain.variable(2)} holds no entry" in sealer.seal(session, moment(5)).warnings[0]
    assert _chain(sealer).problems == ()


def test_what_stands_in_the_next_place_and_is_no_entry_is_named(session: Session, sealer: Sealer) -> None:
    sealer.seal(session, moment(1))
    name = f"evidence_{RING}_{sealer.solution}_00000002"
    session.write("POST", "/variables/", {"name": name, "value": {"sequence": 2}})
    with pytest.raises(CollectionError, match=f"{name} holds no entry of the chain of evidence"):
        sealer.seal(session, moment(2))
    session.write("DELETE", f"/variables/name/{name}")
    assert sealer.seal(session, moment(2)).sequence == 2
    _agree(session, sealer)


def test_a_sealing_interrupted_too_long_ago_is_not_guessed_about(session: Session, sealer: Sealer) -> None:
    sealer.seal(session, moment(1))
    interrupted = sealer.bundle(moment(2))
    sealer.seal(session, moment(2))
    interrupted.final.rename(interrupted.part)
    _others(session, sealer, 3, 53)
    with pytest.raises(CollectionError, match="so long ago that whether it has its number 2 cannot be told"):
        sealer.seal(session, moment(2))
    assert interrupted.being_sealed


def test_a_promotion_s_bundle_that_lacks_something_takes_no_number(session: Session, sealer: Sealer) -> None:
    bundle = sealer.bundle(moment(1))
    with pytest.raises(CollectionError, match="There is nothing to seal"):
        sealer.seal_filled(session, bundle)
    bundle.write("runs.json", [])
    with pytest.raises(CollectionError, match=r"lacks summary\.json, which every bundle has"):
        sealer.seal_filled(session, bundle)
    bundle.write("summary.json", {"runs": 1})
    bundle.write("cli.sh", "true\n")
    with pytest.raises(CollectionError, match=r"it claims 1 runs, and runs\.json has 0"):
        sealer.seal_filled(session, bundle)
    assert log.read(session, sealer.solution, RING).entries == ()
    bundle.write("runs.json", [{}])
    assert sealer.seal_filled(session, bundle).sequence == 1
    assert verify(bundle.final, sealer.trust, REGISTRY).good


def test_who_is_not_believed_cannot_seal(session: Session, sealer: Sealer, people: Cast) -> None:
    for key, said in (
        (people.bob.key, "The key bob is no promoter in the trust of ring staging"),
        (people.mallory.key, "The key mallory is no promoter"),
        (None, "there is no signing_key"),
    ):
        with pytest.raises(CollectionError, match=said):
            sealer.seal(session, moment(1), key=key)
    assert log.read(session, sealer.solution, RING).entries == ()
