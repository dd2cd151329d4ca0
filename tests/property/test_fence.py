# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence and the collection's own chain, of which it knows nothing, say the same of every history."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release import compaction
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Broken, Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Draft, Event, Kind, Record
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import SETTLED, State, following
from ansible_collections.hotpass.prefect.plugins.module_utils.release.tar import Member, pack
from hotpass_fence import ledger as fence
from hotpass_fence.decision import Outcome, Pair, Situation, decide
from hotpass_fence.errors import Refused
from hotpass_fence.release import File, unpack
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.fence_releases import entries
from tests.support.memory_ledger import MemoryLedger, MemoryServer
from tests.support.ring_story import ADA, release_of

pytestmark = pytest.mark.property

S = State
NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
RELEASES = [release_of(name) for name in "ab"]
FORWARD = (S.BUILDING, S.RESOLVING, S.DEPLOYING, S.VALIDATING, S.ACTIVE)
Rows = dict[str, t.Any]


def draft(draw: st.DrawFn, chain: Chain) -> Draft:
    """A record that may or may not come next, mostly one that may."""
    last = chain.generations[-1] if chain.generations else None
    choice = draw(st.sampled_from(["go"] * 12 + ["other"] * 4 + ["permit"] * 4 + ["hold"]))
    if choice == "hold":
        return Draft(Event.HOLD, 0, ADA, release=RELEASES[0], detail={"held": draw(st.booleans()), "reason": "bad"})
    if choice == "permit" and last:
        minutes = draw(st.sampled_from([-1, 0, 1]))
        expires = (NOW + dt.timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
        detail = {"purpose": "smoke", "tag": draw(st.sampled_from("xy")), "max_runs": 2, "expires": expires}
        return Draft(Event.PERMIT, last.number, ADA, release=last.release or RELEASES[0], detail=detail)
    own = last.transitions[-1].state if last and last.transitions else None
    own = own or (last.state if last else None)
    if last is None or (own in SETTLED and (own is not S.ROLLBACK_FAILED or draw(st.booleans()))):
        target = draw(st.sampled_from([None, None, chain.active.number if chain.active else None]))
        kind = Kind.ROLLBACK if target else Kind.PROMOTE
        release = draw(st.sampled_from([*RELEASES, None])) if kind is Kind.PROMOTE else draw(st.sampled_from(RELEASES))
        detail = {"rolls_back": target} if target else {}
        return Draft(Event.TRANSITION, (last.number if last else 0) + 1, ADA, kind, S.QUEUED, release, detail)
    states = following(t.cast(State, own)) or tuple(State)
    forward = [state for state in states if state in FORWARD]
    state = draw(st.sampled_from(forward if choice == "go" and forward else states))
    release = last.release
    if release is None and state not in (S.BUILDING, S.FAILED, S.CANCELLED, S.SUPERSEDED):
        release = draw(st.sampled_from(RELEASES))
    return Draft(Event.TRANSITION, last.number, ADA, last.kind, state, release)


class Archive:
    """As much of a store as compaction needs."""

    address = "memory"

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def read_blob(self, digest: str) -> bytes:
        return self._blobs[digest]

    def read_manifest(self, digest: str) -> bytes:
        return self._blobs[digest]

    def write_blob(self, data: bytes) -> str:
        self._blobs[digest_of(data)] = data
        return digest_of(data)

    def write_manifest(self, data: bytes, media_type: str = "") -> str:  # noqa: ARG002
        return self.write_blob(data)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Chain, Rows]:
    """A chain and the variables that hold it; its first records may be archived, and not all of those deleted yet."""
    server = MemoryServer()
    archive = Archive()
    ledger = MemoryLedger(server, "hotpass", "dev")
    chain = ledger.read()
    everything: dict[str, str] = {}
    for _number in range(draw(st.integers(0, 45))):
        wanted = draft(draw, chain)
        try:
            chain = ledger.append(chain, wanted)
        except Broken:
            continue
        everything |= server.rows
        if draw(st.integers(0, 11)) == 0:
            chain = compaction.compact(ledger, chain, archive, ADA, keep=draw(st.integers(1, 4)))
    # Records are deleted oldest first, so a compaction that was interrupted leaves the latest of them.
    deleted = sorted(everything.keys() - server.rows.keys())
    left = {name: everything[name] for name in deleted[len(deleted) - draw(st.integers(0, 3)) :]}
    return chain, {name: json.loads(text) for name, text in {**left, **server.rows}.items()}


def told(chain: Chain) -> Situation:
    """What the collection's chain says, in the words of the fence."""
    active, under_way = chain.active, chain.under_way
    coming = Pair(under_way.number, under_way.release) if under_way and under_way.release else None
    permits: t.Iterable[Record] = ()
    if under_way and coming and under_way.state in (S.DEPLOYING, S.VALIDATING):
        permits = chain.permits(under_way.number)
    return Situation(
        Pair(active.number, str(active.release)) if active else None,
        coming,
        tuple(fence._permit(_as_fence(record)) for record in permits),
    )


def _as_fence(record: Record) -> fence.Record:
    return fence._record(record.variable, record.to_json(), record.solution, record.ring)


@settings(max_examples=300, deadline=None)
@given(history=histories(), own=st.tuples(st.integers(1, 9), st.sampled_from(RELEASES)), data=st.data())
def test_the_fence_decides_what_the_chain_says(
    history: tuple[Chain, Rows], own: tuple[int, str], data: st.DataObject
) -> None:
    chain, rows = history
    if not chain.records:
        with pytest.raises(Refused):
            fence.read("hotpass", "dev", rows)
        return
    situation = fence.read("hotpass", "dev", rows)
    assert situation == told(chain)

    pairs = [Pair(*own), *(pair for pair in (situation.active, situation.under_way) if pair)]
    pair = data.draw(st.sampled_from(pairs))
    tags = data.draw(st.sets(st.sampled_from("xyz")))
    rank = data.draw(st.integers(1, 4))
    decision = decide(pair, situation, tags, NOW, lambda _tag: rank)
    active, under_way = chain.active, chain.under_way
    permitted = under_way is not None and any(
        record.detail["tag"] in tags
        and dt.datetime.fromisoformat(record.detail["expires"]) > NOW
        and rank <= record.detail["max_runs"]
        for record in chain.permits(under_way.number)
        if under_way.state in (S.DEPLOYING, S.VALIDATING)
    )
    if active and (pair.generation, pair.release) == (active.number, active.release):
        expected = Outcome.RUN
    elif under_way and (pair.generation, pair.release) == (under_way.number, under_way.release):
        expected = Outcome.RUN if permitted else Outcome.PUT_OFF
    else:
        expected = Outcome.REFUSE
    assert decision.outcome is expected


@settings(max_examples=200, deadline=None)
@given(history=histories().filter(lambda found: len(found[1]) > 1), data=st.data())
def test_the_fence_concludes_nothing_from_what_is_no_chain(history: tuple[Chain, Rows], data: st.DataObject) -> None:
    """One record is taken out, or one field of one is edited. It may be one that is archived, and then does no harm."""
    _chain, rows = history
    name = data.draw(st.sampled_from(sorted(rows)))
    changed = json.loads(json.dumps(rows))
    field = data.draw(
        st.sampled_from(["", "release", "state", "generation", "previous", "token", "detail", "sequence"])
    )
    other: Rows = {
        "release": release_of("z"),
        "state": "Active",
        "generation": 77,
        "previous": release_of("z"),
        "token": "0" * 32,
        "detail": {"x": 1},
        "sequence": 77,
    }
    field = data.draw(st.sampled_from(["", *other]))
    if field:
        changed[name][field] = other[field]
    else:
        del changed[name]
    try:
        expected = Chain.build("hotpass", "dev", [Record.from_json(row) for row in changed.values()])
    except Exception:  # noqa: BLE001  what is no record has several ways of being none
        expected = None
    try:
        found = fence.read("hotpass", "dev", changed)
    except Refused:
        return
    # The last record alone is not held by another one; the fence then checks less of it than its writers do.
    assert expected is not None or name == max(rows)
    if expected is not None:
        assert found == told(expected)


PATHS = st.from_regex(r"[a-c]{1,3}(/[a-c.]{1,4}){0,2}\.py", fullmatch=True).filter(lambda path: "/." not in path)


@settings(max_examples=150, deadline=None)
@given(
    files=st.dictionaries(PATHS, st.binary(max_size=1100), min_size=1, max_size=4),
    flip=st.integers(0),
    keep=st.integers(0),
)
def test_a_bundle_is_unpacked_as_it_was_packed_and_no_other_is(files: dict[str, bytes], flip: int, keep: int) -> None:
    bundle = pack([Member(path, data, False) for path, data in files.items()])
    wanted = entries(files)
    listed = {path: File(*entry) for path, entry in wanted.items()}
    assert unpack(bundle, listed) == files

    cut = bundle[: keep % len(bundle)]
    with pytest.raises(Refused):
        unpack(cut, listed)
    damaged = bytearray(bundle)
    damaged[flip % len(bundle)] ^= 1 << (flip % 8)
    # A bit in a header's owner or time does no harm; none may change a path or a byte of a file.
    with contextlib.suppress(Refused):
        assert unpack(bytes(damaged), listed) == files
    with pytest.raises(Refused):
        unpack(bundle, {**listed, "more.py": next(iter(listed.values()))})
