# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``summary.json`` of a rehearsal says, made of the raw documents beside it and of nothing else.

Whoever captures a rehearsal and whoever verifies its bundle call the same function, so a verdict or figure that the
data does not bear out is found. Times are ISO 8601 in UTC, durations seconds.
"""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.rehearsal_picture import window_of
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.rehearsal_release import check_release
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails import intervals
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.declared import Declared
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import instant, seconds, written
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.judging import judge
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.observation import Observation
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.report import (
    ERROR,
    FAIL,
    NOT_EXERCISED,
    PASS,
    VERDICTS,
    Bounds,
    Report,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.sampling import DEPLOYMENT

FILES: t.Final[t.Mapping[str, str]] = {
    "deployment": "deployment.json",
    "runs": "runs.json",
    "states": "states.json",
    "work_pool": "work-pool.json",
    "concurrency": "concurrency.json",
}
"""The files of an observation, by the names of its parts."""

PLAN: t.Final = "plan.json"
SUMMARY_ARTIFACT: t.Final = "hotpass-backfill-summary"
INSPECT: t.Final = "inspect"
"""The step that holds what is in force against what is declared."""

WORKER_LABEL: t.Final = "prefect.worker.name"
"""What a worker of Prefect 3 puts on a run that it takes."""

Json = dict[str, t.Any]


def observation_of(documents: t.Mapping[str, t.Any]) -> Observation:
    """The observation that the files of a bundle hold.

    :raises CollectionError: when a file is missing or is not of its kind.
    """
    for file in (*FILES.values(), PLAN):
        if file not in documents:
            raise CollectionError(f"The bundle has no {file}, without which its claims cannot be computed.")
    return Observation.from_documents({part: documents[file] for part, file in FILES.items()})


def summarise(documents: t.Mapping[str, t.Any]) -> Json:
    """Every verdict and figure of a rehearsal.

    :param documents: the raw files by their names: those of :data:`FILES`, and ``plan.json``.
    :raises CollectionError: for a document that cannot be read.
    """
    observation = observation_of(documents)
    plan = documents[PLAN]
    asked = plan["rehearsal"]
    bounds = Bounds.from_json(plan["bounds"])
    own = own_runs(observation)
    held = judge(observation, Declared.from_json(plan["declared"]), bounds=bounds)
    report = Report((*held.checks, *check_release(observation, asked, own)), held.figures)
    runs = [_run(observation, run, bounds) for run in own]
    reasons = _not_live(observation, runs, asked["runtime"], bounds)
    guardrails = report.to_json()
    outcome = _outcome(runs, asked["windows"], plan["stopped"], bounds)
    return {
        "kind": "backfill",
        "solution": asked["solution"],
        "ring": asked["ring"],
        "generation": asked["generation"],
        "release": asked["release"],
        "deployment": observation.deployment["full_name"],
        "verdict": VERDICTS[max(VERDICTS.index(guardrails["verdict"]), VERDICTS.index(outcome["verdict"]))],
        "live": not reasons,
        "live_reason": "; ".join(reasons),
        "stopped": plan["stopped"],
        "guardrails": guardrails,
        "rehearsal": outcome,
        "windows": runs,
        "figures": _figures(runs),
        "plan": _counts(plan["plan"]),
    }


def own_runs(observation: Observation) -> list[Json]:
    """The runs that the rehearsal started, in the order of their windows; not those that only met them at a limit."""
    asked = observation.concurrency["window"]["run_ids"]
    wanted = frozenset(asked or ())
    return sorted(
        (run for run in observation.runs if run["id"] in wanted),
        key=lambda run: (
            (window_of(run) or {}).get("run_date", ""),
            (window_of(run) or {}).get("version", ""),
            run["id"],
        ),
    )


def witnesses(summary: t.Mapping[str, t.Any]) -> set[str]:
    """The runs that show that something failed."""
    checks = summary["guardrails"]["checks"]
    return {run for check in checks if check["verdict"] in (FAIL, ERROR) for run in check["witnesses"]}


def deviations(summary: t.Mapping[str, t.Any]) -> list[Json]:
    """The checks that keep a rehearsal from passing, the worst first.

    What was never reached because the rehearsal stopped before says no more than that it stopped.
    """
    words = [ERROR, FAIL] if summary["stopped"] else [ERROR, FAIL, NOT_EXERCISED]
    checks = [check for check in summary["guardrails"]["checks"] if check["counts"] and check["verdict"] in words]
    return sorted(checks, key=lambda check: words.index(check["verdict"]))


def _run(observation: Observation, run: Json, bounds: Bounds) -> Json:
    until = instant(observation.concurrency["window"]["until"], "until of the window")
    past = intervals.history(run["id"], observation.states[run["id"]], until, slack=bounds.micro("clock_slack_seconds"))
    window: Json = window_of(run) or {"run_date": None, "version": None}
    said = _said(run, window)
    return {
        **window,
        "run_id": run["id"],
        "name": run["name"],
        "state": past.state if past else None,
        "waited_for_slot": bool(past and past.awaited),
        "wait_seconds": _total(past.waiting) if past else 0.0,
        "slot_seconds": _total(past.holding) if past else 0.0,
        "execution_seconds": _total(past.executing) if past else 0.0,
        "began": written(min(span.start for span in past.holding)) if past and past.holding else None,
        "ended": written(past.since) if past and past.state in intervals.ENDED else None,
        "worker": (run.get("labels") or {}).get(WORKER_LABEL),
        "success": said.get("success"),
        "records": said.get("total_records"),
        "archive_sha256": said.get("archive_sha256"),
        "output_sha256": said.get("output_sha256"),
    }


def _said(run: Json, window: t.Mapping[str, t.Any]) -> Json:
    """What the flow itself said of the window."""
    results = ((run.get("artifacts") or {}).get(SUMMARY_ARTIFACT) or {}).get("runs") or []
    mine = [one for one in results if one["run_date"] == window["run_date"] and one["version"] == window["version"]]
    return dict(mine[0]) if len(mine) == 1 else {}


def _total(spans: t.Iterable[intervals.Span]) -> float:
    return round(seconds(sum(span.end - span.start for span in spans)), 3)


def _outcome(runs: t.Sequence[Json], windows: t.Sequence[Json], stopped: Json | None, bounds: Bounds) -> Json:
    """Whether the rehearsal got through, whatever its guardrails did, and ran just the windows it was asked for."""
    asked, ran = collections.Counter(map(_window, windows)), collections.Counter(map(_window, runs))
    missing, extra = (asked - ran).total(), (ran - asked).total()
    completed = [run for run in runs if run["state"] == "COMPLETED" and run["success"] is True]
    failed = [run["run_id"] for run in runs if run not in completed]
    reasons = []
    if stopped is not None:
        reasons.append(f"it stopped at {stopped['step']}")
    if failed:
        reasons.append(f"{len(failed)} of {len(runs)} runs did not complete with success")
    if stopped is None and missing:
        reasons.append(f"{missing} of {len(windows)} windows have no run")
    if extra:
        reasons.append(f"{extra} of {len(runs)} runs are for no window that was asked for")
    verdict = PASS
    if reasons:
        # Declared limits that are not in force are an answer; a rehearsal that could not be held is none.
        verdict = FAIL if failed or (stopped is not None and stopped["step"] == INSPECT) else ERROR
    if DEPLOYMENT not in bounds.exercise:
        reasons.append("it did not have to reach the deployment's own limit")
        verdict = NOT_EXERCISED if verdict == PASS else verdict
    return {
        "verdict": verdict,
        "reasons": reasons,
        "windows": len(windows),
        "completed": len(completed),
        "failed": failed,
    }


def _window(named: t.Mapping[str, t.Any]) -> tuple[str, str]:
    return str(named["run_date"]), str(named["version"])


def _not_live(observation: Observation, runs: t.Sequence[Json], runtime: str, bounds: Bounds) -> list[str]:
    """Why the rehearsal does not count as one of the real thing; nothing when it does.

    Live is what a worker took and executed on a server: the server's own history has the run waiting, pending and
    running, the worker has put its name on it, and was seen at work by the readings that were taken meanwhile: at least
    one of them has it ONLINE, with a heartbeat that was then no older than ``heartbeat_seconds`` of the bounds, and no
    later than the reading but for ``clock_slack_seconds``.
    """
    if runtime != "prefect":
        return [f"the runtime was {runtime}"]
    if not runs:
        return ["no run was started"]
    seen = {
        worker["name"]
        for sample in observation.concurrency["samples"]
        for worker in sample.get("workers") or ()
        if _at_work(worker, instant(sample["at"], "at of a reading"), bounds)
    }
    reasons = []
    for run in runs:
        kinds = [state["type"] for state in observation.states[run["run_id"]]]
        if not run["worker"]:
            reasons.append(f"run {run['name']} has no worker's name on it")
        elif run["worker"] not in seen:
            reasons.append(
                f"run {run['name']} names worker {run['worker']!r}, which was never seen at work in its work pool"
            )
        elif not {"PENDING", "RUNNING"} <= set(kinds):
            reasons.append(f"run {run['name']} was never both pending and running")
    return reasons


def _at_work(worker: t.Mapping[str, t.Any], at: int, bounds: Bounds) -> bool:
    """Whether a reading of this instant shows a worker at work; Prefect keeps the names of those that are long gone."""
    if worker.get("status") != "ONLINE" or worker.get("last_heartbeat_time") is None:
        return False
    beat = instant(worker["last_heartbeat_time"], f"The heartbeat of worker {worker['name']}")
    return -bounds.micro("clock_slack_seconds") <= at - beat <= bounds.micro("heartbeat_seconds")


def _figures(runs: t.Sequence[Json]) -> Json:
    began = [run["began"] for run in runs if run["began"]]
    ended = [run["ended"] for run in runs if run["ended"]]
    wall = seconds(instant(max(ended), "ended") - instant(min(began), "began")) if began and ended else 0.0
    return {
        "runs": len(runs),
        "waited_for_slot": sum(run["waited_for_slot"] for run in runs),
        "longest_wait_seconds": max((run["wait_seconds"] for run in runs), default=0.0),
        "execution_seconds": round(sum(run["execution_seconds"] for run in runs), 3),
        "wall_seconds": round(wall, 3),
        "records": sum(run["records"] for run in runs if isinstance(run["records"], int)),
    }


def _counts(plan: t.Sequence[t.Mapping[str, t.Any]]) -> dict[str, int]:
    """How many deployments differed from the Active release before the rehearsal, by what was to be done."""
    actions = [step["action"] for step in plan]
    return {action: actions.count(action) for action in ("create", "update", "delete", "unchanged")}
