# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every verdict and figure of a rehearsal follows from its raw data, and nothing simulated calls itself live."""

from __future__ import annotations

import copy
import itertools
import json
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import (
    recompute,
    recompute_backfill,
    rehearsal_picture,
    timeline,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import as_text
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.papers import achieved, lacking, why
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute import Documents
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.rehearsal_release import (
    GENERATION_LABEL,
    RELEASE_LABEL,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.rehearsal_summary import (
    FILES,
    SUMMARY_ARTIFACT,
    WORKER_LABEL,
    observation_of,
    summarise,
    witnesses,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.declared import Declared
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import SECOND, instant, written
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.report import Bounds
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.deployments import OWNER_LABEL
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust

from tests.support import observations
from tests.support.evidence_bundles import PICTURE
from tests.support.observations import done, sample, waited

Json = dict[str, t.Any]
Edit = t.Callable[[Json], t.Any]

_NAME = "20260101T000100Z"
_RELEASE, _OTHER = "sha256:" + "5" * 64, "sha256:" + "a" * 64
_FENCED = {RELEASE_LABEL: _RELEASE, GENERATION_LABEL: 3}
# Two at once, and the third has to wait for the first.
_STORIES = {"a": done(0, 1, 20), "b": done(0, 2, 30), "c": waited(0, 21, 40)}
_BEAT = {"name": "w", "status": "ONLINE", "last_heartbeat_time": observations.at(45), "heartbeat_interval_seconds": 30}


def _held(stories: t.Mapping[str, t.Sequence[observations.State]], second: float) -> int:
    """How many slots the server counts as taken."""
    spans = [([at for at, kind, *_more in told if kind == "PENDING"], told[-1][0]) for told in stories.values()]
    return sum(begun[0] <= second < end for begun, end in spans if begun)


def _documents(
    stories: t.Mapping[str, t.Sequence[observations.State]] | None = None, limit: int = 2, **plan: t.Any
) -> Json:
    """What a rehearsal leaves, by file: two slots, and one window for each run."""
    stories = _STORIES if stories is None else stories
    rows = {}
    for number, run in enumerate(stories, 1):
        window = {"run_date": f"2024-01-0{number}", "version": "1"}
        result = {**window, "success": True, "total_records": 10 * number, "archive_sha256": "a", "output_sha256": "o"}
        rows[run] = {
            "labels": {WORKER_LABEL: "w", **_FENCED},
            "deployment_version": _RELEASE,
            "parameters": {"runs": [window]},
            "artifacts": {SUMMARY_ARTIFACT: {"runs": [result]}},
        }
    samples = [sample(second, limit, _held(stories, second), workers=[_BEAT]) for second in range(0, 51, 5)]
    deployed = {"version": _RELEASE, "labels": {OWNER_LABEL: "hotpass/staging"}}
    seen = observations.observation(
        stories, samples, until=50, run_ids=sorted(stories), rows=rows, workers=[_BEAT], deployment=deployed
    ).to_documents()
    asked = {
        "solution": "hotpass",
        "ring": "staging",
        "generation": 3,
        "release": _RELEASE,
        "windows": [{"run_date": f"2024-01-0{number}", "version": "1"} for number in range(1, len(stories) + 1)],
        "ahead": 1,
        "runtime": "prefect",
    }
    return {
        **{file: copy.deepcopy(seen[part]) for part, file in FILES.items()},
        "plan.json": {
            "plan": [{"deployment": "f/d", "action": "unchanged", "changes": {}}],
            "declared": Declared("f/d", 2).to_json(),
            "bounds": Bounds().to_json(),
            "stopped": None,
            "rehearsal": asked,
            **plan,
        },
    }


def _bundle(raw: Json, **predicate: t.Any) -> Documents:
    """A whole bundle of the raw documents, as capturing leaves it."""
    summary = summarise(raw)
    facts = {word: summary[word] for word in ("verdict", "live", "solution", "ring", "kind", "generation", "release")}
    metadata = {
        **facts,
        **recompute_backfill.named(summary, _NAME),
        "deployment": summary["deployment"],
        "live_reason": summary["live_reason"],
        "screenshot": {"taken": True, "wanted": "optional"},
        "versions": {"timeline": rehearsal_picture.drawn_with()},
    }
    picture = timeline.draw(recompute_backfill.drawn(raw, summary, _NAME), ("svg",))["timeline.svg"]
    notes = {} if summary["verdict"] == "pass" and summary["live"] else {"notes.md": "# What deviates\n"}
    files = {
        **raw,
        "summary.json": summary,
        "metadata.json": metadata,
        "cli.sh": "true\n",
        "hotpass-e2e-staging.log": "log\n",
        "hotpass-e2e-staging.png": PICTURE,
        "timeline.svg": picture.decode(),
        "timeline.png": PICTURE,
        **notes,
    }
    return _of(files, {**facts, "name": _NAME, **predicate})


def _of(files: Json, predicate: Json) -> Documents:
    data = {
        name: content if isinstance(content, bytes) else as_text(content, name).encode()
        for name, content in files.items()
    }
    return Documents(data, predicate, Trust(()))


def _files(documents: Documents) -> Json:
    return {name: documents[name] for name in documents}


def test_a_rehearsal_that_reached_its_limit_passes_and_says_what_it_saw() -> None:
    summary = summarise(_documents())
    assert summary["verdict"] == "pass", why(summary)
    assert (summary["live"], summary["live_reason"]) == (True, "")
    assert summary["figures"] == {
        "runs": 3,
        "waited_for_slot": 1,
        "longest_wait_seconds": 21.0,
        "execution_seconds": 66.0,
        "wall_seconds": 39.0,
        "records": 60,
    }
    assert [run["run_date"] for run in summary["windows"]] == ["2024-01-01", "2024-01-02", "2024-01-03"]
    assert achieved(summary) == "live, 3 runs under a limit of 2, at most 2 at once, 1 had to wait"
    assert recompute.problems(_bundle(_documents())) == []


def _ahead(raw: Json, seconds: float) -> Json:
    """The same documents of a server whose clock is so far ahead of the one that takes the readings."""

    def later(row: Json, *keys: str) -> None:
        for key in keys:
            if row.get(key) is not None:
                row[key] = written(instant(row[key], key) + round(seconds * SECOND))

    # Workers are one and the same object in many readings.
    raw = json.loads(json.dumps(raw))
    for state in itertools.chain.from_iterable(raw["states.json"].values()):
        later(state, "timestamp")
        later(state["state_details"], "scheduled_time")
    for reading in raw["concurrency.json"]["samples"]:
        later(reading["deployment"], "updated")
        for worker in reading["workers"]:
            later(worker, "last_heartbeat_time")
    for worker in raw["work-pool.json"]["workers"]:
        later(worker, "last_heartbeat_time")
    later(raw["concurrency.json"]["window"], "since")
    return raw


@pytest.mark.parametrize(("slack", "ahead"), [(2, 1), (15, 14), (15, 15), (50, 49)])
def test_a_server_that_is_ahead_by_less_than_the_slack_changes_neither_verdict_nor_figures(
    slack: float, ahead: float
) -> None:
    bounds = {**Bounds().to_json(), "clock_slack_seconds": slack}
    level = summarise(_documents(bounds=bounds))
    raw = _ahead(_documents(bounds=bounds), ahead)
    summary = summarise(raw)
    assert summary["verdict"] == "pass", why(summary)
    assert [run["state"] for run in summary["windows"]] == ["COMPLETED"] * 3
    assert (summary["figures"], summary["live"]) == (level["figures"], True)
    assert recompute.problems(_bundle(raw)) == []
    drawn = recompute_backfill.drawn(raw, summary, _NAME)
    assert [run.outcome for run in drawn.bars] == ["COMPLETED"] * 3


def test_a_server_that_is_ahead_by_more_than_the_slack_is_an_error() -> None:
    bounds = {**Bounds().to_json(), "clock_slack_seconds": 5}
    raw = _ahead(_documents(bounds=bounds), 6)
    assert summarise(raw)["verdict"] == "error"
    assert _refused(raw)["observation.clocks"]["verdict"] == "error"


def test_a_run_that_still_goes_on_is_no_success_whatever_the_slack() -> None:
    going = {**_STORIES, "c": waited(0, 21, 40)[:-1]}
    for slack in (0, 15):
        raw = _documents(going, bounds={**Bounds().to_json(), "clock_slack_seconds": slack})
        summary = summarise(raw)
        assert (summary["rehearsal"]["verdict"], summary["rehearsal"]["failed"]) == ("fail", ["c"])
        # What goes on is counted up to the end of the observation, and no further.
        assert (summary["windows"][2]["state"], summary["windows"][2]["slot_seconds"]) == ("RUNNING", 29.0)


def test_one_run_too_many_fails_and_is_drawn_as_a_violation() -> None:
    raw = _documents({"a": done(0, 1, 20), "b": done(0, 2, 30), "c": waited(0, 10, 40)})
    summary = summarise(raw)
    assert summary["verdict"] == "fail"
    assert witnesses(summary) == {"a", "b", "c"}
    assert "deployment.slots" in why(summary)
    drawn = rehearsal_picture.timeline_of(observation_of(raw), "title", witnesses(summary))
    assert [run.witness for run in drawn.bars] == [True, True, True]
    curve = timeline.overlap(span for run in drawn.bars for span in run.slot)
    [above] = timeline.beyond(curve, drawn.limits)
    assert (above.end - above.begin).total_seconds() == 10


def test_a_limit_that_was_never_reached_is_not_exercised() -> None:
    summary = summarise(_documents({"a": done(0, 1, 10), "b": done(0, 11, 20), "c": done(0, 21, 30)}))
    assert summary["verdict"] == "not_exercised"
    assert "deployment.exercised" in why(summary)


def test_a_run_that_failed_or_that_nobody_vouches_for_is_no_success() -> None:
    failed = {**_STORIES, "c": [*waited(0, 21, 40)[:-1], (40, "FAILED")]}
    summary = summarise(_documents(failed))
    assert summary["guardrails"]["verdict"] == "pass"
    assert (summary["verdict"], summary["rehearsal"]["failed"]) == ("fail", ["c"])
    silent = _documents()
    del silent["runs.json"][0]["artifacts"]
    assert summarise(silent)["rehearsal"]["reasons"] == ["1 of 3 runs did not complete with success"]


@pytest.mark.parametrize(
    ("step", "verdict"), [("inspect", "fail"), ("ready", "error"), ("watch", "error"), ("plan", "error")]
)
def test_a_rehearsal_that_stopped_never_passes(step: str, verdict: str) -> None:
    summary = summarise(_documents({}, stopped={"step": step, "reason": "because."}))
    assert (summary["verdict"], summary["live"]) == (verdict, False)
    assert why(summary).startswith(f"It stopped at {step}: because.")


def test_a_window_without_a_run_is_an_error() -> None:
    raw = _documents()
    raw["plan.json"]["rehearsal"]["windows"].append({"run_date": "2024-01-04", "version": "1"})
    summary = summarise(raw)
    assert (summary["verdict"], summary["rehearsal"]["reasons"]) == ("error", ["1 of 4 windows have no run"])


def test_runs_for_other_windows_than_those_asked_for_are_an_error() -> None:
    raw = _documents()
    raw["plan.json"]["rehearsal"]["windows"][2]["run_date"] = "2024-01-09"
    summary = summarise(raw)
    said = ["1 of 3 windows have no run", "1 of 3 runs are for no window that was asked for"]
    assert (summary["verdict"], summary["rehearsal"]["reasons"]) == ("error", said)
    # One window twice, and another one not at all.
    raw["plan.json"]["rehearsal"]["windows"][2]["run_date"] = "2024-01-01"
    assert summarise(raw)["rehearsal"]["reasons"] == said
    # What is one too many stays so where the rehearsal stopped before its end.
    raw["plan.json"]["stopped"] = {"step": "watch", "reason": "because."}
    assert summarise(raw)["rehearsal"]["reasons"] == ["it stopped at watch", said[1]]


def test_a_rehearsal_passes_only_where_its_deployment_had_to_reach_its_limit() -> None:
    summary = summarise(_documents(bounds={**Bounds().to_json(), "exercise": ["deployment", "global"]}))
    assert "it did not have to reach the deployment's own limit" not in summary["rehearsal"]["reasons"]
    apart = {"a": done(0, 1, 10), "b": done(0, 11, 20), "c": done(0, 21, 30)}
    summary = summarise(_documents(apart, bounds={**Bounds().to_json(), "exercise": ["work_pool"]}))
    assert summary["verdict"] == "not_exercised"
    assert summary["rehearsal"]["reasons"] == ["it did not have to reach the deployment's own limit"]
    with pytest.raises(CollectionError, match="exercise is empty"):
        summarise(_documents(apart, bounds={**Bounds().to_json(), "exercise": []}))


@pytest.mark.parametrize(
    "raw",
    [
        _documents({**_STORIES, "c": [*waited(0, 21, 40)[:-1], (40, "FAILED")]}),
        _documents({"a": done(0, 1, 10), "b": done(0, 11, 20), "c": done(0, 21, 30)}),
    ],
)
def test_a_bundle_of_what_did_not_pass_needs_its_notes(raw: Json) -> None:
    whole = _bundle(raw)
    assert recompute.problems(whole) == []
    files = _files(whole)
    del files["notes.md"]
    assert recompute.problems(_of(files, dict(whole.predicate))) == ["notes.md is missing"]


def test_a_picture_that_another_library_drew_is_not_compared() -> None:
    whole = _bundle(_documents())
    files = _files(whole)
    files["timeline.svg"] = "<svg/>"
    files["metadata.json"]["versions"]["timeline"] = "matplotlib 1.0, freetype 2.6.1 (system), x86_64"
    assert recompute.problems(_of(files, dict(whole.predicate))) == []


def _locally(raw: Json) -> None:
    raw["plan.json"]["rehearsal"]["runtime"] = "local"


def _unsigned(raw: Json) -> None:
    raw["runs.json"][1]["labels"] = {**_FENCED}


def _unseen(raw: Json) -> None:
    raw["runs.json"][1]["labels"] = {WORKER_LABEL: "somebody", **_FENCED}


def _workers(**changes: t.Any) -> Edit:
    def edit(raw: Json) -> None:
        for reading in raw["concurrency.json"]["samples"]:
            reading["workers"] = [{**_BEAT, **changes}]

    return edit


def _forced(raw: Json) -> None:
    raw["states.json"]["b"] = [state for state in raw["states.json"]["b"] if state["type"] != "RUNNING"]


@pytest.mark.parametrize(
    ("simulate", "reason"),
    [
        (_locally, "the runtime was local"),
        (_unsigned, "run b has no worker's name on it"),
        (_unseen, "run b names worker 'somebody', which was never seen at work in its work pool"),
        (_forced, "run b was never both pending and running"),
    ],
)
def test_what_no_worker_ran_is_not_live_and_may_not_call_itself_so(simulate: Edit, reason: str) -> None:
    raw = _documents()
    simulate(raw)
    summary = summarise(raw)
    assert (summary["live"], summary["live_reason"]) == (False, reason)
    claims = recompute.problems(_bundle(raw, live=True))
    assert claims == ["the seal says live is true, and the raw data give false"]
    files = _files(_bundle(raw))
    files["summary.json"]["live"] = True
    problems = recompute.problems(_of(files, {**summary, "name": _NAME}))
    assert any(problem.startswith("summary.json says live is true") for problem in problems)


@pytest.mark.parametrize(
    ("changes", "live"),
    [
        ({}, True),
        ({"status": "OFFLINE"}, False),
        ({"status": None}, False),
        ({"last_heartbeat_time": None}, False),
        ({"last_heartbeat_time": observations.at(-89)}, True),
        ({"last_heartbeat_time": observations.at(-91)}, False),
        ({"last_heartbeat_time": observations.at(52)}, True),
        ({"last_heartbeat_time": observations.at(53)}, False),
        ({"name": "another"}, False),
    ],
)
def test_live_needs_a_worker_that_was_online_and_gave_signs_of_life_meanwhile(changes: Json, live: bool) -> None:
    raw = _documents()
    _workers(**changes)(raw)
    summary = summarise(raw)
    assert summary["live"] is live
    assert live or summary["live_reason"].startswith("run a names worker 'w', which was never seen at work")


def _set(path: str, value: t.Any) -> Edit:
    def edit(files: Json) -> None:
        *parents, last = path.split("/")
        place: t.Any = files
        for part in parents:
            place = place[int(part) if isinstance(place, list) else part]
        place[int(last) if isinstance(place, list) else last] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (_set("summary.json/verdict", "fail"), 'summary.json says verdict is "fail", and its raw data give "pass"'),
        (_set("summary.json/figures/runs", 4), "summary.json says figures.runs is 4, and its raw data give 3"),
        (_set("summary.json/figures/runs", True), "summary.json says figures.runs is true"),
        (_set("summary.json/extra", 1), 'summary.json says extra is 1, and its raw data give "missing"'),
        (_set("summary.json/windows/2/wait_seconds", 1.0), "summary.json says windows[2].wait_seconds is 1.0"),
        (_set("summary.json/guardrails/checks/0/verdict", "fail"), "summary.json says guardrails.checks[0].verdict"),
        (_set("metadata.json/verdict", "fail"), 'metadata.json says verdict is "fail"'),
        (_set("metadata.json/status", "fail"), 'metadata.json says status is "fail", and the raw data give "pass"'),
        (_set("metadata.json/timestamp_utc", "20250101T000100Z"), "metadata.json says timestamp_utc is"),
        (_set("metadata.json/live_reason", "none"), 'metadata.json says live_reason is "none"'),
        (_set("metadata.json/runs", ["a", "b"]), 'metadata.json says runs is ["a", "b"]'),
        (_set("metadata.json/checks/queue.stuck", "fail"), 'metadata.json says checks.queue.stuck is "fail"'),
        (_set("metadata.json/checks", {}), "metadata.json says checks.deployment.executions is"),
        (lambda files: files["metadata.json"].pop("runs"), 'metadata.json says runs is "missing"'),
        (_set("metadata.json/screenshot/taken", False), "metadata.json says that no screenshot was taken"),
        (_set("plan.json/declared/concurrency_limit", 3), "summary.json says guardrails.checks"),
        (_set("states.json/c/2/timestamp", observations.at(10)), "summary.json says"),
        (_set("runs.json/0/artifacts", {}), "summary.json says"),
        (_set("concurrency.json/samples/3/deployment/limit", 1), "summary.json says"),
        (lambda files: files.pop("timeline.svg"), "timeline.svg is missing"),
        (_set("timeline.svg", "<svg/>"), "timeline.svg does not show what the raw data give"),
        (_set("timeline.png", b"GIF89a"), "timeline.png is no picture of the form PNG"),
        (_set("hotpass-e2e-staging.png", b"GIF89a"), "hotpass-e2e-staging.png is no picture of the form PNG"),
        (lambda files: files["metadata.json"].pop("versions"), "its claims cannot be computed"),
        (lambda files: files.pop("hotpass-e2e-staging.log"), "hotpass-e2e-staging.log is missing"),
        (lambda files: files.pop("hotpass-e2e-staging.png"), "hotpass-e2e-staging.png is missing"),
        (lambda files: files.pop("work-pool.json"), "The bundle has no work-pool.json"),
        (lambda files: files["states.json"].pop("a"), "its claims cannot be computed"),
        (_set("plan.json/plan/0/action", "update"), "notes.md is missing"),
    ],
)
def test_a_claim_that_the_raw_data_do_not_bear_out_is_found(edit: Edit, problem: str) -> None:
    whole = _bundle(_documents())
    files = _files(whole)
    edit(files)
    problems = recompute.problems(_of(files, dict(whole.predicate)))
    assert any(problem in found for found in problems), problems


def _refused(raw: Json) -> dict[str, Json]:
    return {check["name"]: check for check in summarise(raw)["guardrails"]["checks"] if check["verdict"] != "pass"}


def test_another_release_than_the_one_that_ran_may_not_be_claimed() -> None:
    raw = _documents()
    raw["plan.json"]["rehearsal"] |= {"release": _OTHER, "generation": 77}
    summary = summarise(raw)
    assert summary["verdict"] == "fail"
    assert _refused(raw).keys() == {"release.deployment", "release.runs"}
    assert _refused(raw)["release.runs"]["witnesses"] == ["a", "b", "c"]
    assert f"release.deployment (and 1 more): {_RELEASE}; allowed: {_OTHER}" in why(summary)
    # What was sealed as a pass before does not verify.
    files = _files(_bundle(_documents()))
    files["plan.json"] = raw["plan.json"]
    problems = recompute.problems(_of(files, {**_bundle(_documents()).predicate, "release": _OTHER, "generation": 77}))
    assert 'the seal says verdict is "pass", and the raw data give "fail"' in problems


_AT = "plan.json/rehearsal"


@pytest.mark.parametrize(
    ("edit", "refused"),
    [
        (_set("deployment.json/version", _OTHER), {"release.deployment"}),
        (_set("deployment.json/version", None), {"release.deployment"}),
        (_set("deployment.json/labels", {}), {"release.owner"}),
        (_set("deployment.json/labels", None), {"release.owner"}),
        (_set(f"{_AT}/ring", "production"), {"release.owner"}),
        (_set(f"{_AT}/solution", "other"), {"release.owner"}),
        (_set(f"{_AT}/generation", 4), {"release.runs"}),
        (_set(f"{_AT}/generation", None), {"release.runs"}),
        (_set(f"{_AT}/release", None), {"release.deployment", "release.runs"}),
        (_set("runs.json/1/deployment_version", _OTHER), {"release.runs"}),
        (_set("runs.json/1/labels", {WORKER_LABEL: "w", **_FENCED, GENERATION_LABEL: 2}), {"release.runs"}),
        (_set("runs.json/1/labels", {WORKER_LABEL: "w", **_FENCED, GENERATION_LABEL: "3"}), {"release.runs"}),
        (_set("runs.json/1/labels", {WORKER_LABEL: "w", **_FENCED, RELEASE_LABEL: _OTHER}), {"release.runs"}),
        (_set("runs.json/1/labels", {WORKER_LABEL: "w"}), {"release.runs"}),
        (_set("runs.json/1/labels", None), {"release.runs"}),
    ],
)
def test_what_is_rehearsed_has_to_be_the_release_of_the_ring_in_every_document(edit: Edit, refused: set[str]) -> None:
    raw = _documents()
    edit(raw)
    assert _refused(raw).keys() == refused
    assert summarise(raw)["verdict"] == "fail"


def test_a_rehearsal_that_was_simulated_does_not_pass_with_another_release_either() -> None:
    raw = _documents()
    _locally(raw)
    assert (summarise(raw)["verdict"], summarise(raw)["live"]) == ("pass", False)
    raw["runs.json"][0]["deployment_version"] = _OTHER
    assert (summarise(raw)["verdict"], summarise(raw)["live"]) == ("fail", False)


def test_a_run_that_never_began_is_not_asked_for_its_release() -> None:
    raw = _documents({**_STORIES, "c": [(0, "SCHEDULED"), (40, "CANCELLED")]})
    raw["runs.json"][2]["labels"] = {}
    assert "release.runs" not in _refused(raw)
    assert _refused(_documents({}))["release.runs"]["found"] == "no run began"


@pytest.mark.parametrize("word", ["verdict", "live", "solution", "ring", "kind", "generation", "release"])
def test_the_seal_may_not_say_anything_else(word: str) -> None:
    whole = _bundle(_documents(), **{word: "other"})
    if word == "kind":
        assert recompute.problems(whole) == ["nothing is known by which a bundle of the kind other could be checked"]
    else:
        assert any(f"the seal says {word}" in found for found in recompute.problems(whole))


def test_a_required_screenshot_that_is_not_there_is_said() -> None:
    missing = {"taken": False, "wanted": "required", "reason": "no browser is on the path"}
    assert lacking({"screenshot": missing}) == "A screenshot was required and is not there: no browser is on the path."
    assert lacking({"screenshot": {**missing, "wanted": "optional"}}) == ""
    assert lacking({"screenshot": {**missing, "taken": True}}) == ""
