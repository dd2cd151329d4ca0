# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both doors of every module: the same results, diffs, warnings and errors, and no secrets through either."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
import subprocess
import sys
import typing as t
import uuid
import venv
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

from tests.support.doors import DoorName, Doors, Played, Task
from tests.support.proxy import Proxy
from tests.support.ring_lab import RingLab, passed
from tests.support.server import PrefectServer
from tests.support.shapes import Result, Unique

pytestmark = pytest.mark.integration

SECRETS = ("zebra-crossing-77", "giraffe-lane-88", "yak-alley-99")
TEMPLATE: dict[str, t.Any] = {
    "job_configuration": {"command": "{{ command }}", "ratio": 1.0, "count": 3, "since": datetime.date(2026, 1, 31)},
    "variables": {
        "type": "object",
        "properties": {
            "command": {"type": "string"},
            "env": {"type": "object", "default": {"CRM_API_KEY": SECRETS[0]}},
        },
    },
}
DOORS: tuple[DoorName, DoorName] = ("module", "action")


def story(prefix: str, deployment: str) -> list[Task]:
    """Tasks that succeed, change nothing, predict, warn and fail.

    :param prefix: of the names of everything that the story makes.
    """

    def own(stem: str) -> str:
        return f"{prefix}-{stem}"

    pool, limit = own("pool"), own("limit")
    with_pool = {"name": pool, "type": "process", "base_job_template": TEMPLATE}
    queue = {"work_pool": pool, "name": "night", "priority": 1}
    run = {
        "deployment": deployment,
        "idempotency_key": own("key"),
        "parameters": {"api_token": SECRETS[1], "day": datetime.date(2026, 1, 31)},
    }
    replay = {
        "deployment": f"{deployment.partition('/')[0]}/replay",
        "since": datetime.date(2024, 1, 1),
        "until": "2024-01-02",
        "versions": ["1", "2"],
    }
    return [
        Task("prefect_work_pool", with_pool, check=True),
        Task("prefect_work_pool", with_pool),
        Task("prefect_work_pool", with_pool),
        Task("prefect_work_pool", {"name": pool, "concurrency_limit": "4", "paused": "yes"}),
        Task("prefect_work_pool", {"name": pool, "type": "docker"}),
        Task("prefect_work_pool", {"name": pool, "typo": 1}),
        Task("prefect_work_pool", {"name": pool, "concurrency_limit": "many"}),
        Task(
            "prefect_work_pool",
            {
                "name": pool,
                "custom_headers": {"X-Gateway": SECRETS[2]},
                "state": "absent",
                "force": True,
                "retries": 99,
            },
        ),
        Task("prefect_work_queue", queue),
        Task("prefect_work_queue", queue),
        Task("prefect_work_queue", {"work_pool": own("nowhere"), "name": "night"}, check=True),
        Task("prefect_work_queue", {"work_pool": pool, "name": "default", "state": "absent"}),
        Task("prefect_concurrency_limit", {"name": limit, "limit": 3, "slot_decay_per_second": 1}),
        Task("prefect_concurrency_limit", {"name": limit, "limit": 3, "slot_decay_per_second": 1.0}),
        Task("prefect_concurrency_limit", {"name": limit, "limit": 2}, check=True),
        Task("prefect_concurrency_limit", {"name": limit, "state": "absent"}),
        Task("prefect_flow_run", run, check=True),
        Task("prefect_flow_run", run),
        Task("prefect_flow_run", run),
        Task(
            "prefect_flow_run",
            {**run, "idempotency_key": own("other"), "wait": True, "wait_timeout": 0.1, "on_timeout": "cancel"},
        ),
        Task("prefect_flow_run", {"deployment": deployment, "parameters": {"huh": 1}}),
        Task("prefect_flow_run", {"id": "x", "deployment": deployment}),
        Task("prefect_info", {"kind": "work_pools", "names": [pool]}),
        Task("prefect_info", {"kind": "work_queues", "work_pools": [pool], "query": "[].[name, priority]"}),
        Task("prefect_info", {"kind": "flows", "query": "["}),
        Task("prefect_info", {"kind": "server", "auth_string": f"admin:{SECRETS[2]}"}),
        Task("prefect_work_pool", {"name": pool, "state": "absent"}),
        Task("hotpass_backfill", replay, check=True),
        Task("hotpass_backfill", {**replay, "concurrency_limit": "3"}, check=True),
        Task("hotpass_backfill", {**replay, "start_date": datetime.date(2024, 1, 1)}),
        Task("hotpass_backfill", {"deployment": deployment, "since": "2024-01-01"}),
    ]


def ring_story(lab: RingLab, release: str) -> list[Task]:
    """A release that is promoted and vetoed, with everything that a ring's modules say on the way.

    :param release: in the lab's store.
    """
    where = {"store": lab.address}
    ring = lab.options()
    key = str(lab.directory / "made.pem")
    queued = {**ring, "state": "Queued", "release": release}
    deploying = {**ring, "state": "Deploying", "gates": ["tests", "approval", "health"]}
    tests = [{"name": "look", "argv": ["cat", "requirements.txt"]}]
    kept = {"output_dir": str(lab.directory / "kept"), "cache_dir": str(lab.directory / "cache")}
    bob = lab.options(lab.people.bob)
    automation = {
        "name": f"{lab.solution}-late",
        "trigger": {"type": "event", "expect": ["hotpass.ring.failed"], "posture": "Reactive", "threshold": 1},
        "actions": [{"type": "do-nothing"}],
    }
    return [
        Task("hotpass_key", {"path": key, "name": "made", "passphrase": SECRETS[0]}),
        Task("hotpass_key", {"path": key, "name": "made", "passphrase": SECRETS[0]}),
        Task("hotpass_key", {"path": key, "name": "made", "passphrase": "another"}),
        Task("hotpass_store", {**where, "state": "verified"}),
        Task("hotpass_artifact", {**where, "state": "fetched", "release": release, "cache_dir": kept["cache_dir"]}),
        Task(
            "hotpass_artifact", {**where, "state": "fetched", "release": f"sha256:{'7' * 64}", "cache_dir": "/nowhere"}
        ),
        Task("hotpass_promotion", queued, check=True),
        Task("hotpass_promotion", queued),
        Task("hotpass_promotion", queued),
        Task("hotpass_promotion", {**ring, "state": "Resolving"}),
        Task("hotpass_gate", {**ring, "gate": "release"}),
        Task("hotpass_gate", {**ring, **kept, "gate": "tests", "tests": tests, "actor_user": "ann"}),
        Task("hotpass_gate", {**ring, **kept, "gate": "tests", "tests": [{"name": "bad", "argv": ["false"]}]}),
        Task("hotpass_promotion", deploying),
        Task("hotpass_promotion", {**ring, "state": "AwaitingApproval"}),
        Task("hotpass_approval", {**ring, "comment": "my own"}),
        Task("hotpass_approval", {**bob, "comment": "good"}, check=True),
        Task("hotpass_approval", {**bob, "comment": "good"}),
        Task("hotpass_gate", {**ring, "gate": "approval"}),
        Task("hotpass_veto", {**bob, "release": release, "reason": "leaks"}),
        Task("hotpass_veto", {**bob, "release": release, "reason": "leaks"}),
        Task("hotpass_promotion", {**deploying, "verdicts": passed("release", "drift", "tests", "approval")}),
        Task("hotpass_promotion", {**ring, "state": "Validating", "signing_key": key, "signing_key_passphrase": "no"}),
        Task("hotpass_ring_info", {"ring": "dev", "solution": lab.solution, "history": 1, "record": 1}),
        Task("hotpass_ring_info", {"ring": "dev", "solution": lab.solution, "record": 99}),
        Task("prefect_automation", automation, check=True),
        Task("prefect_automation", {**automation, "typo": 1}),
    ]


# What the server makes up anew for each object.
_MADE_UP = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*Z"
)
# Keys that belong to Ansible's own bookkeeping of one way of execution, not to the answer.
_BOOKKEEPING = {"ansible_facts", "invocation", "failed_when_result", "exception", "deprecations"}


# What another release, another key or another record has another one of.
_HASH = re.compile(r"\b(?:[0-9a-f]{16}){1,4}\b|[A-Za-z0-9+/]{59}=(?=\\n-----END PUBLIC KEY)")
# Ansible adds these to the answer of a shipped module that returns a path, and of nothing else.
_OF_A_PATH = {"uid", "gid", "owner", "group", "mode", "size", "state"}


def comparable(answer: Result, names: t.Sequence[str]) -> Result:
    """The answer without what differs from run to run."""
    kept = {key: value for key, value in answer.items() if key not in _BOOKKEEPING and not key.startswith("_ansible")}
    if "path" in kept:
        kept = {key: value for key, value in kept.items() if key not in _OF_A_PATH}
    if not kept.get("warnings"):
        kept.pop("warnings", None)
    text = json.dumps(kept, sort_keys=True)
    text = _HASH.sub("HASH", _MADE_UP.sub("MADE-UP", text))
    for name in names:
        text = text.replace(name, "NAME")
    found: Result = json.loads(text)
    return found


@dataclasses.dataclass(frozen=True)
class Told:
    """The story as it went through one door."""

    played: Played
    answers: list[Result]
    connections: int


@pytest.fixture(scope="module")
def deployment(server: PrefectServer) -> str:
    name = f"flow-{uuid.uuid4().hex[:8]}"
    schema = {"type": "object", "properties": {"api_token": {}, "day": {}}}
    with Session(Connection(server.api_url, retries=10)) as session:
        flow = session.write("POST", "/flows/", {"name": name})
        body = {"name": "nightly", "flow_id": flow["id"], "parameter_openapi_schema": schema}
        session.write("POST", "/deployments/", body)
        parameters = {
            "parameters": {"pipeline": {"backfill": True}},
            "concurrency_limit": 2,
            "concurrency_key": f"{name}/replay",
        }
        replay = {"name": "replay", "flow_id": flow["id"], "concurrency_limit": 2, "parameters": parameters}
        session.write("POST", "/deployments/", replay)
    return f"{name}/nightly"


@pytest.fixture(scope="module")
def told(server: PrefectServer, deployment: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    """The same story through each door, with names of its own."""
    found: dict[str, Told] = {}
    for door in DOORS:
        prefix = f"story-{uuid.uuid4().hex[:8]}"
        with Proxy(server.api_url) as proxy:
            doors = Doors({"api_url": proxy.api_url}, tmp_path_factory.mktemp(door))
            played = doors.play(story(prefix, deployment), door)
        runs = {answer["flow_run"]["name"] for answer in played.results if "flow_run" in answer} - {None}
        made_up = [proxy.api_url, prefix, *runs]
        found[door] = Told(played, [comparable(answer, made_up) for answer in played.results], proxy.connections)
    return found


@pytest.fixture(scope="module")
def ring_told(server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    """The ring's story through each door, in a ring of its own."""
    found: dict[str, Told] = {}
    for door in DOORS:
        directory = tmp_path_factory.mktemp(f"ring-{door}")
        with Proxy(server.api_url) as proxy, Session(Connection(server.api_url, retries=10)) as session:
            doors = Doors({"api_url": proxy.api_url}, directory)
            lab = RingLab(directory, doors.room, session, f"lab-{uuid.uuid4().hex[:8]}")
            played = doors.play(ring_story(lab, lab.release()), door)
        assert not [secret for secret in (*lab.secrets(), SECRETS[0]) if secret in played.output]
        made_up = [proxy.api_url, lab.solution, str(directory)]
        found[door] = Told(played, [comparable(answer, made_up) for answer in played.results], proxy.connections)
    return found


def test_the_story_of_a_ring_through_both_doors(ring_told: dict[str, Told]) -> None:
    module, action = (ring_told[door].answers for door in DOORS)
    assert len(module) == len(action)
    differing = [
        f"task {number}, {key}: {shipped.get(key)} and {in_process.get(key)}"
        for number, (shipped, in_process) in enumerate(zip(module, action, strict=True))
        # How many requests it took depends on whether Prefect shows the events of the step before already.
        for key in {*shipped, *in_process} - {"api"}
        if shipped.get(key) != in_process.get(key)
    ]
    assert not differing, "\n".join(differing)
    assert [number for number, answer in enumerate(action) if answer["failed"]] == [2, 5, 12, 13, 15, 21, 22, 24, 26]
    assert [number for number, answer in enumerate(action) if answer["changed"]] == [0, 4, 6, 7, 9, 14, 16, 17, 19, 25]
    said = [answer.get("msg", "") for answer in action]
    assert "closed is release (not asked), drift (not asked), tests (not asked)" in said[13]
    assert "alice" in said[15]
    assert "is vetoed in ring dev by bob" in said[21]
    assert action[11]["verdict"]["verdict"] == "pass"
    shipped_files = [ring_told[door].played.output.count("AnsiballZ_hotpass_") for door in DOORS]
    assert shipped_files[0] > 0
    assert shipped_files[1] == 0


def test_one_story_through_both_doors(told: dict[str, Told]) -> None:
    module, action = (told[door].answers for door in DOORS)
    assert len(module) == len(action) > 20
    for number, (shipped, in_process) in enumerate(zip(module, action, strict=True)):
        assert shipped == in_process, f"task {number}"
    # The story holds what it is told for: changes, none, predictions, warnings and failures.
    assert [answer["changed"] for answer in action[:4]] == [True, True, False, True]
    assert [answer["failed"] for answer in action[4:8]] == [True] * 4
    assert action[10]["warnings"]
    assert action[0]["diff"] == action[1]["diff"] != []
    assert [number for number, answer in enumerate(action) if answer["failed"]] == [
        *(4, 5, 6, 7, 11, 19, 20, 21, 24),
        *(28, 29, 30),
    ]
    assert [run["fate"] for run in action[27]["runs"]] == ["not_run"] * 4


def test_each_story_went_through_its_own_door(told: dict[str, Told]) -> None:
    """A shipped module is a process that says where its files are; the controller's door ships nothing."""
    shipped = [told[door].played.output.count("AnsiballZ_prefect_") for door in DOORS]
    assert shipped[0] >= len(told["module"].answers)
    assert shipped[1] == 0


@pytest.mark.parametrize("door", DOORS)
def test_no_secret_is_shown_even_with_the_greatest_verbosity(told: dict[str, Told], door: DoorName) -> None:
    for secret in SECRETS:
        assert secret not in told[door].played.output
        assert secret not in json.dumps(told[door].played.results)


def test_values_keep_their_types_through_both_doors(told: dict[str, Told]) -> None:
    for door in DOORS:
        template = told[door].answers[1]["work_pool"]["base_job_template"]["job_configuration"]
        assert template == {"command": "{{ command }}", "ratio": 1.0, "count": 3, "since": "2026-01-31"}
        assert isinstance(template["ratio"], float)
        assert isinstance(template["count"], int)
        assert told[door].answers[17]["flow_run"]["parameters"] == {"api_token": "(secret)", "day": "2026-01-31"}


def test_progress_is_shown_by_the_controllers_door(told: dict[str, Told], deployment: str) -> None:
    assert re.search(rf"{re.escape(deployment)}: run \S+ started", told["action"].played.output)
    assert re.search(rf"{re.escape(deployment)}: run \S+ is Scheduled after 0 s", told["action"].played.output)


@pytest.mark.parametrize("door", DOORS)
def test_a_secret_that_is_part_of_a_name_leaves_the_name_alone(doors: Doors, unique: Unique, door: DoorName) -> None:
    name = unique("hotpass")
    template = {"variables": {"type": "object", "properties": {}}, "job_configuration": {"db_password": "hotpass"}}
    options = {"name": name, "type": "process", "base_job_template": template}
    played = doors.play([Task("prefect_work_pool", options, check=True)], door)
    [answer] = played.results
    assert answer["diff"][0]["after"]["name"] == name
    assert answer["diff"][0]["after"]["base_job_template"]["job_configuration"] == {"db_password": "(secret)"}
    assert '"db_password": "hotpass"' not in played.output


def test_progress_tells_no_secret(doors: Doors, deployment: str) -> None:
    run = {"deployment": deployment, "wait": True, "wait_timeout": 0.1, "on_timeout": "leave"}
    part = deployment.partition("/")[0]
    played = doors.play([Task("prefect_flow_run", {**run, "custom_headers": {"X-Gateway": part}})], "action")
    assert re.search(r"^    \(secret\)/nightly: run \S+ started", played.output, re.MULTILINE)
    assert part not in "".join(re.findall(r"^    .*: run .*$", played.output, re.MULTILINE))
    played = doors.play([Task("prefect_flow_run", run, no_log=True)], "action")
    assert not re.search(r": run \S+ started", played.output)


@pytest.mark.parametrize("door", DOORS)
def test_a_library_that_is_missing_is_named_in_one_sentence(doors: Doors, tmp_path: Path, door: DoorName) -> None:
    interpreter, env = sys.executable, {}
    if door == "module":
        venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
        interpreter = str(tmp_path / "bare" / "bin" / "python")
        lacking = subprocess.run([interpreter, "-c", "import urllib3"], capture_output=True, check=False)
        assert lacking.returncode != 0
    else:
        shadow = tmp_path / "shadow" / "urllib3"
        shadow.mkdir(parents=True)
        (shadow / "__init__.py").write_text("raise ImportError('not here')\n")
        env = {"PYTHONPATH": str(shadow.parent)}
    tasks = [Task("prefect_info", {"kind": "flows"}), Task("prefect_work_pool", {"name": "x", "state": "absent"})]
    for answer in doors.play(tasks, door, interpreter=interpreter, env=env).results:
        assert answer["failed"]
        assert answer["msg"].startswith("Failed to import the required Python library (urllib3) on ")
        assert "Traceback" not in json.dumps(answer)


@pytest.mark.parametrize("door", DOORS)
def test_the_environment_of_a_task_reaches_its_door(
    session: Session, tmp_path: Path, proxy: Proxy, door: DoorName, unique: Unique
) -> None:
    name = unique("pool")
    session.write("POST", "/work_pools/", {"name": name, "type": "process"})
    doors = Doors({}, tmp_path)
    tasks = [Task("prefect_info", {"kind": "work_pools", "names": [name]})]
    played = doors.play(tasks, door, env={"PREFECT_API_URL": proxy.api_url})
    assert [row["name"] for row in played.results[0]["objects"]] == [name]
