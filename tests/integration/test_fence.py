# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence before real runs: a live server, a real process worker, releases in a directory."""

from __future__ import annotations

import datetime as dt
import importlib.machinery
import shutil
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

from tests.support.fence_releases import blob_file, bundle_of, flip, make_release
from tests.support.fence_worker import Fenced, Worker
from tests.support.proxy import Proxy
from tests.support.ring_story import UP
from tests.support.server import PrefectServer
from tests.support.shapes import Unique

pytestmark = pytest.mark.integration

POOL = "fence-pool"
ABSENT = f"sha256:{'0' * 64}"


@pytest.fixture(scope="module")
def worker(server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Worker]:
    with Session(Connection(server.api_url, retries=10)) as session:
        session.write("POST", "/work_pools/", {"name": POOL, "type": "process"})
    started = Worker(tmp_path_factory.mktemp("fence-worker"), server.api_url, POOL)
    yield started
    started.stop()


class Ring(Fenced):
    """A ring with a store that has two releases of its solution."""

    def __init__(self, session: Session, store: Path, solution: str) -> None:
        super().__init__(session, POOL, store, solution)
        self.one, self.two = (make_release(store, word, solution) for word in ("one", "two"))


@pytest.fixture
def ring(worker: Worker, session: Session, tmp_path: Path, unique: Unique) -> Ring:
    """Release one is Active as generation 1."""
    assert worker.home.is_dir()
    made = Ring(session, tmp_path / "store", unique("etl"))
    made.go(made.one, *UP)
    return made


def test_the_active_release_runs_and_its_digest_is_on_the_run(ring: Ring, worker: Worker) -> None:
    deployment = ring.deploy("active", 1, ring.one)
    run = ring.wait(ring.start(deployment))
    assert run["state_name"] == "Completed", ring.log(run["id"])
    assert run["labels"]["hotpass.prefect/release"] == ring.one
    assert run["labels"]["hotpass.prefect/generation"] == 1
    ring.logged(run["id"], "the release says one")
    told = f"Ring dev of {ring.solution}: generation 1 ({ring.one}) is Active."
    own = [line for line in ring.log(run["id"]) if line.startswith("Ring ")]
    assert own == [f"{told} Its bytes were fetched from {ring.store} and verified."]

    # The second start needs no store, and finds the tree as the first has left it: no bytecode was added.
    shutil.rmtree(ring.store)
    again = ring.wait(ring.start(deployment))
    assert again["state_name"] == "Completed", ring.log(again["id"])
    ring.logged(again["id"], f"{told} Its bytes were in the cache and verified.")
    tree = worker.cache / ring.one.replace(":", "-") / "tree"
    assert [path.name for path in sorted((tree / "flows" / "tiny").iterdir())] == ["__init__.py", "flow.py", "words.py"]


def test_what_is_not_the_active_pair_is_refused_in_one_sentence(ring: Ring, session: Session, unique: Unique) -> None:
    active = f"generation 1 ({ring.one})"
    absent = make_release(ring.store, "gone", ring.solution)
    blob_file(ring.store, absent).unlink()
    stranger = Ring(session, ring.store, unique("stranger"))
    edited = Ring(session, ring.store, unique("edited"))
    edited.go(edited.one, *UP)
    row = edited.story.chain.records[1].to_json()
    session.write(
        "PATCH", f"/variables/name/ring_dev_{edited.solution}_00000002", {"value": {**row, "token": "0" * 16}}
    )
    bad = Ring(session, ring.store, unique("bad"))
    bad.go(bad.one, *UP)
    missing = Ring(session, ring.store, unique("missing"))
    missing.go(absent, *UP)
    # Last, because writing a release again mends it.
    flip(blob_file(bad.store, bundle_of(bad.store, bad.one)))

    cases: list[tuple[Ring, t.Any, str, str]] = [
        (ring, 1, ring.two, f"The deployment names generation 1 ({ring.two}), but Active is {active};"),
        (ring, 2, ring.one, f"The deployment names generation 2 ({ring.one}), but Active is {active};"),
        (ring, "1", ring.one, "The pull step names generation '1' and release"),
        (stranger, 1, stranger.one, f"Ring dev of {stranger.solution} has no ledger in this Prefect server"),
        (edited, 1, edited.one, f"ring_dev_{edited.solution}_00000003 does not follow"),
        (bad, 1, bad.one, f"The blob {bundle_of(bad.store, bad.one)} in the store {bad.store} is damaged"),
        (missing, 1, absent, f"The store {ring.store} has no blob {absent}."),
    ]
    runs = [one.start(one.deploy(f"case-{n}", number, digest)) for n, (one, number, digest, _s) in enumerate(cases)]
    for (one, _number, _digest, said), run_id in zip(cases, runs, strict=True):
        run = one.wait(run_id)
        assert (run["state_type"], run["state_name"]) == ("FAILED", "Refused"), one.log(run_id)
        assert said in run["state"]["message"]
        assert one.logged(run_id, said) == run["state"]["message"]
        assert "hotpass.prefect/release" not in run["labels"]
        assert run["run_count"] == 0


def test_a_ledger_that_cannot_be_read_lets_nothing_run(ring: Ring, proxy: Proxy) -> None:
    proxy.answer(500, times=None, path="^/variables/filter")
    deployment = ring.deploy("behind-proxy", 1, ring.one, env={"PREFECT_API_URL": proxy.api_url})
    run = ring.wait(ring.start(deployment))
    assert run["state_name"] == "Refused", ring.log(run["id"])
    assert run["state"]["message"].startswith(f"The ledger of ring dev of {ring.solution} could not be read: ")
    assert "500" in run["state"]["message"]


def test_a_server_that_cannot_be_told_anything_lets_nothing_run(ring: Ring, proxy: Proxy) -> None:
    proxy.answer(500, times=None, path="^/variables/filter")
    proxy.answer(500, times=1, path="/set_state$")
    deployment = ring.deploy("behind-proxy", 1, ring.one, env={"PREFECT_API_URL": proxy.api_url})
    run = ring.wait(ring.start(deployment))
    assert run["state_type"] == "CRASHED", ring.log(run["id"])
    assert run["run_count"] == 0


def test_a_run_waits_for_its_generation_without_a_slot_and_then_runs(ring: Ring) -> None:
    ring.go(ring.two, *UP[:3])
    deployment = ring.deploy("waits", 2, ring.two)
    run = ring.start(deployment)
    waiting = ring.wait_for_name(run, "AwaitingRelease")
    assert waiting["state_type"] == "SCHEDULED"
    assert waiting["state"]["message"] == (
        f"generation 2 ({ring.two}) is not Active yet, and the run has to wait for it: it carries the tag of no permit."
    )
    assert ring.slots(deployment) == 0
    due = dt.datetime.fromisoformat(waiting["next_scheduled_start_time"])
    assert due > dt.datetime.fromisoformat(waiting["state"]["timestamp"])

    # It is started again and again, and each time waits again.
    ring.wait(run, lambda _row: ring.states(run).count("AwaitingRelease") >= 2)
    ring.go(ring.two, State.VALIDATING, State.ACTIVE)
    done = ring.wait(run)
    assert done["state_name"] == "Completed", ring.log(run)
    ring.logged(run, "the release says two")
    assert done["labels"]["hotpass.prefect/release"] == ring.two
    assert done["run_count"] == 1
    assert "Crashed" not in ring.states(run)


def test_a_scheduled_run_that_waits_survives_the_rollback_and_runs_the_old_release(ring: Ring) -> None:
    ring.go(ring.two, *UP[:4])
    start = dt.datetime.now(dt.UTC)
    # The schedule's only run is due in a moment; the next in a day.
    schedule = {"schedule": {"interval": 86400, "anchor_date": (start + dt.timedelta(seconds=2)).isoformat()}}
    deployment = ring.deploy("scheduled", 2, ring.two, schedules=[{**schedule, "active": True}])
    until = (start + dt.timedelta(minutes=1)).isoformat()
    window = {"start_time": start.isoformat(), "end_time": until, "min_runs": 1, "max_runs": 1}
    ring.session.write("POST", f"/deployments/{deployment}/schedule", window)
    body = {"flow_runs": {"deployment_id": {"any_": [deployment]}}, "sort": "EXPECTED_START_TIME_ASC"}
    run = ring.session.search("/flow_runs/filter", body)[0]
    assert run["auto_scheduled"]
    ring.wait_for_name(run["id"], "AwaitingRelease")

    ring.go(ring.two, State.ROLLING_BACK)
    ring.session.write("PATCH", f"/deployments/{deployment}", {"pull_steps": ring.steps(1, ring.one)})
    ring.go(ring.two, State.ROLLED_BACK)
    done = ring.wait(run["id"])
    assert done["state_name"] == "Completed", ring.log(run["id"])
    ring.logged(run["id"], "the release says one")
    assert "the release says two" not in ring.log(run["id"])
    assert done["labels"]["hotpass.prefect/release"] == ring.one


def test_a_run_gives_up_waiting(ring: Ring) -> None:
    ring.go(ring.two, *UP[:3])
    env = {"HOTPASS_FENCE_WAIT": "0.1", "HOTPASS_FENCE_GIVE_UP": "0.5"}
    run = ring.wait(ring.start(ring.deploy("gives-up", 2, ring.two, env=env)))
    assert run["state_name"] == "Refused", ring.log(run["id"])
    assert "AwaitingRelease" in ring.states(run["id"])
    assert "It has waited since " in run["state"]["message"]


def test_a_permit_is_for_its_tag_and_its_number_of_runs(ring: Ring, unique: Unique) -> None:
    tag = unique("permit")
    ring.go(ring.two, *UP[:4])
    ring.permit(ring.two, tag, 2)
    deployment = ring.deploy("permitted", 2, ring.two, concurrency_limit=None)
    first, second, third = (ring.start(deployment, tags=[tag]) for _number in range(3))
    plain = ring.start(deployment)
    for run in (first, second):
        done = ring.wait(run)
        assert done["state_name"] == "Completed", ring.log(run)
        ring.logged(run, "is not Active yet, and has a permit for smoke.")
        assert done["labels"]["hotpass.prefect/release"] == ring.two
    over = ring.wait_for_name(third, "AwaitingRelease")["state"]["message"]
    assert "the permit for smoke is for 2 runs, and this one is number 3." in over
    assert "it carries the tag of no permit" in ring.wait_for_name(plain, "AwaitingRelease")["state"]["message"]


def test_a_damaged_cache_is_left_alone_and_the_run_gets_its_own_copy(ring: Ring, worker: Worker) -> None:
    deployment = ring.deploy("cached", 1, ring.one)
    assert ring.wait(ring.start(deployment))["state_name"] == "Completed"
    place = worker.cache / ring.one.replace(":", "-")
    package = place / "tree" / "flows" / "tiny"
    package.chmod(0o755)
    # It would be imported before words.py.
    (package / f"words{importlib.machinery.EXTENSION_SUFFIXES[0]}").write_bytes(b"\x7fELF")
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}

    run = ring.wait(ring.start(deployment))
    assert run["state_name"] == "Completed", ring.log(run["id"])
    ring.logged(run["id"], "the release says one")
    warning = ring.logged(run["id"], f"The cached release {place} is damaged: ")
    assert warning.endswith("This run gets a copy of its own; remove the directory when no run is at work.")
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


def test_it_also_works_where_the_engine_itself_runs_the_pull_steps(ring: Ring) -> None:
    command = {"command": f"{sys.executable} -m prefect.engine"}
    run = ring.wait(ring.start(ring.deploy("engine", 1, ring.one, job_variables=command)))
    assert run["state_name"] == "Completed", ring.log(run["id"])
    ring.logged(run["id"], "the release says one")
    ring.go(ring.two, *UP[:3])
    waiting = ring.start(ring.deploy("engine-waits", 2, ring.two, job_variables=command))
    ring.wait(waiting, lambda _row: ring.states(waiting).count("AwaitingRelease") >= 2)
    refused = ring.wait(ring.start(ring.deploy("engine-refused", 3, ring.two, job_variables=command)))
    assert refused["state_name"] == "Refused"
    assert "Crashed" not in ring.states(waiting)
