# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walks a release into a ring as the role ``ring`` does, task by task, without Ansible around it.

``python -m tests.support.promoter``, with the checkout's ``collections`` as its ``PYTHONPATH``, reads jobs from its
standard input, one JSON document a line, and carries each out in a process of its own that has every library loaded
already; see :mod:`tests.support.nursery`.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import sys
import typing as t
from pathlib import Path

from tests.support.doors import Doors, operation

Answer = dict[str, t.Any]
_MODULES = (
    "hotpass_artifact",
    "hotpass_evidence",
    "hotpass_gate",
    "hotpass_promotion",
    "prefect_deployment",
    "prefect_flow_run",
    "prefect_health",
)
_OF_THE_RING = ("hotpass_evidence", "hotpass_gate", "hotpass_promotion")


class TaskFailed(Exception):
    """A task has failed, or a condition of the role does not hold."""

    def __init__(self, msg: str, verdict: Answer | None = None, busy: bool = False) -> None:
        super().__init__(msg)
        self.msg = msg
        self.busy = busy
        self.verdicts = [verdict] if verdict else []


class Refused(TaskFailed):
    """What was asked for was refused before there was a generation of it."""


class Promoter:
    """One promoter.

    :param settings: ``connection`` and ``ring``, the options of the two module groups; ``overlay``, ``cache_dir``,
        ``evidence_dir``, ``output_dir``, ``gates``, ``rollback_gates``, ``on_drift``, ``soak``, and ``wait_timeout`` as
        the role ``ring`` has them.
    """

    def __init__(self, settings: Answer) -> None:
        self._settings = settings
        self._ring = settings["ring"]
        self._doors = Doors(settings["connection"], Path(settings["cache_dir"]))
        self._going: Answer = {}
        self._planned: Answer = {}
        self._asking = ""

    def promote(self, release: str, **options: t.Any) -> Answer:
        """``roles/ring/tasks/promote.yml`` with a release named; returns the promotion as the last task told it.

        :raises TaskFailed: as the play fails.
        """
        return self._sealed("promote", lambda: self._promote(release, **options), release)

    def roll_back(self, **options: t.Any) -> Answer:
        """``roles/ring/tasks/rollback.yml``; see :meth:`promote`."""
        return self._sealed("rollback", lambda: self._roll_back_to(**options), options.get("release"))

    def _sealed(self, action: str, act: t.Callable[[], Answer], release: str | None) -> Answer:
        """``roles/ring/tasks/main.yml``: the action, and the evidence of whatever comes of it."""
        self._going, self._planned = {}, {}
        try:
            going = act()
        except Refused as refusal:
            named = {"release": release} if release else {}
            with contextlib.suppress(TaskFailed):
                if not refusal.busy:
                    self._evidence(kind="refusal", action=action, reason=refusal.msg, **named)
            self._see_what_stands()
            raise
        except TaskFailed:
            with contextlib.suppress(TaskFailed):
                self._seal()
            self._see_what_stands()
            raise
        self._seal()
        return going

    def _see_what_stands(self) -> None:
        """``roles/ring_outcome/tasks/failed.yml``, whatever comes of it."""
        self._doors.room("hotpass_ring_info", ring=self._ring["ring"], solution=self._ring["solution"])

    def _seal(self) -> None:
        """``roles/ring/tasks/seal.yml``."""
        kind = "rollback" if self._going.get("kind") == "rollback" else "promotion"
        planned = {"documents": {"plan": self._planned}} if self._planned else {}
        self._evidence(kind=kind, **self._generation(), **planned)

    def _evidence(self, **options: t.Any) -> None:
        where = {"evidence_dir": self._settings["evidence_dir"], "tests_dir": self._settings["output_dir"]}
        self._do("hotpass_evidence", state="sealed", **where, **options)

    def _queue(self, **options: t.Any) -> Answer:
        try:
            return self._promotion(state="Queued", **options)
        except TaskFailed as failure:
            raise Refused(failure.msg, busy=failure.busy) from None

    def _promote(self, release: str, **options: t.Any) -> Answer:
        self._going = self._queue(release=release, **options)
        gates = self._settings["gates"]
        if self._going["already_active"]:
            self._hold_against()
        verdicts: list[Answer] = []
        adopted: list[str] = []
        if self._going["state"] in ("Queued", "Building", "Resolving"):
            verdicts, adopted = self._resolve("Building")
        if self._going["state"] in ("Building", "Resolving", "Deploying", "Validating"):
            self._deploy(gates, verdicts, adopted)
        if self._going["state"] == "RollingBack":
            self._roll_back(self._going["reason"] or "the promotion was being rolled back when it stopped", [])
        return self._going

    def _roll_back_to(self, **options: t.Any) -> Answer:
        self._going = self._queue(kind="rollback", **{"reason": "a person asked for it", **options})
        gates = self._settings["rollback_gates"]
        verdicts: list[Answer] = []
        adopted: list[str] = []
        if self._going["state"] in ("Queued", "Resolving"):
            verdicts, adopted = self._resolve("Resolving")
        if self._going["state"] in ("Resolving", "Deploying", "Validating"):
            self._deploy(gates, verdicts, adopted)
        if self._going["state"] == "RollingBack":
            self._roll_back(self._going["reason"] or "the rollback had failed when it stopped", [])
        return self._going

    def plan(self, active: t.Mapping[str, t.Any]) -> list[Answer]:
        """``roles/ring/tasks/plan_active.yml``: the plan of the Active release, nothing is written."""
        fetched = self._fetch(active["release"])
        plan: list[Answer] = self._deployments(fetched, active, check_mode=True)["plan"]
        return plan

    def _hold_against(self) -> None:
        drifted = _differing(self.plan(self._going))
        if drifted and self._settings["on_drift"] != "overwrite":
            raise Refused(f"drift: {', '.join(drifted)}")
        if drifted:
            self._apply(self._fetch(self._going["release"]), self._going)

    def _resolve(self, state: str) -> tuple[list[Answer], list[str]]:
        reached = self._promotion(state=state, generation=self._going["generation"])
        try:
            verdicts = [self._do("hotpass_gate", gate="release", **self._generation())["verdict"]]
            fetched = self._fetch(self._going["release"])
            drift, adopted = self._gate_drift(fetched)
        except TaskFailed as failure:
            self._fail(failure)
        self._going = reached
        return [*verdicts, drift], adopted

    def _gate_drift(self, fetched: Answer) -> tuple[Answer, list[str]]:
        began = _now()
        active = self._going["active"]
        if active is not None:
            plan = self.plan(active)
            drifted, adopted = _differing(plan), []
        else:
            plan = self._deployments(fetched, self._going, check_mode=True)["plan"]
            drifted = [step["deployment"] for step in plan if step["action"] in ("update", "delete")]
            adopted = [step["deployment"] for step in plan if step["action"] not in ("create", "delete")]
        rollback = self._going["kind"] == "rollback"
        if drifted and self._settings["on_drift"] != "overwrite" and not rollback:
            raise TaskFailed(f"drift: {', '.join(drifted)}")
        detail = {"differing": drifted, "policy": "overwrite" if rollback else self._settings["on_drift"]}
        return _passed("drift", began, detail), adopted

    def _deploy(self, gates: list[str], verdicts: list[Answer], adopted: list[str]) -> None:
        try:
            self._going = self._promotion(
                state="Deploying",
                gates=gates,
                verdicts=verdicts,
                detail={"adopted": adopted} if adopted else {},
                **self._generation(),
            )
        except TaskFailed as failure:
            self._fail(failure)
        self._asking = ""
        try:
            plan = self._planned = self._apply(self._fetch(self._going["release"]), self._going)
            rehearse = bool(plan["rehearsals"]) and "rehearsal" in gates
            permit = {
                "purpose": "rehearsal",
                "max_runs": len(plan["rehearsals"]) * 3,
                "seconds": self._settings.get("permit_seconds", 3600),
            }
            step = self._promotion(state="Validating", **self._generation(), **({"permit": permit} if rehearse else {}))
            verdicts = self._validate(plan, gates, [step["permit"]["tag"]] if step["permit"] else [])
            if "soak" in gates:
                verdicts.append(self._soak(plan))
            self._going = self._promotion(state="Active", gates=gates, verdicts=verdicts, **self._generation())
        except TaskFailed as failure:
            if not failure.verdicts and self._asking:
                failure.verdicts = [{**_passed(self._asking, _now(), {}), "verdict": "fail"}]
            self._roll_back(failure.msg, failure.verdicts)

    def _validate(self, plan: Answer, gates: list[str], tags: list[str]) -> list[Answer]:
        began = _now()
        self._asking = "health"
        wait = self._settings["wait_timeout"]
        kept = [step for step in plan["plan"] if step["action"] != "delete"]
        self._do("prefect_health", checks=["api", "database"], wait_timeout=wait)
        for pool in dict.fromkeys(step["work_pool"] for step in kept if step["work_pool"] is not None):
            self._do("prefect_health", checks=["worker"], work_pool=pool, wait_timeout=wait)
        runs: Answer = {}
        self._asking = "rehearsal"
        for asked in plan["rehearsals"] if "rehearsal" in gates else ():
            run = self._do(
                "prefect_flow_run",
                deployment=asked["deployment"],
                parameters=asked["parameters"],
                tags=["rehearsal", *tags],
                idempotency_key="-".join([asked["idempotency_key"], *tags]),
                rerun="failed",
                wait=True,
                wait_timeout=asked["timeout"],
                wait_sleep=0.1,
                summary_artifact=asked["summary"],
                expect=asked["expect"],
            )["flow_run"]
            runs[run["deployment"]] = run["id"]
        self._asking = "health"
        names = [step["deployment"] for step in kept]
        if names:
            self._do("prefect_health", checks=["deployments"], deployments=names, wait_timeout=wait)
        self._asking = ""
        verdicts = [_passed("health", began, {"deployments": len(kept)})]
        return [*verdicts, _passed("rehearsal", began, {"runs": runs})] if runs else verdicts

    def _soak(self, plan: Answer) -> Answer:
        names = [step["deployment"] for step in plan["plan"] if step["action"] != "delete"]
        options = {"soak_seconds": self._settings["soak"], "deployments": names}
        verdict: Answer = self._do("hotpass_gate", gate="soak", **self._generation(), **options)["verdict"]
        return verdict

    def _roll_back(self, reason: str, verdicts: list[Answer]) -> t.NoReturn:
        step = self._promotion(state="RollingBack", reason=reason, verdicts=verdicts, **self._generation())
        try:
            if self._going["kind"] == "rollback":
                raise TaskFailed(reason)
            if step["active"] is not None:
                self._apply(self._fetch(step["active"]["release"]), step["active"])
            else:
                self._empty(step)
            hold = any(verdict["verdict"] == "fail" for verdict in verdicts)
            self._promotion(state="RolledBack", reason=reason, hold=hold, **self._generation())
        except TaskFailed as failure:
            self._promotion(state="RollbackFailed", reason=failure.msg, **self._generation())
            raise TaskFailed(f"degraded: {reason} {failure.msg}") from None
        raise TaskFailed(f"rolled back: {reason}")

    def _empty(self, rolling_back: Answer) -> None:
        fetched = self._fetch(self._going["release"])
        adopted = rolling_back["details"].get("adopted", [])
        made = self._deployments(fetched, self._going, prune=False, check_mode=True)["plan"]
        owner = {"owner": f"{self._ring['solution']}/{self._ring['ring']}"}
        for step in made:
            if step["action"] != "create" and step["deployment"] not in adopted:
                self._do("prefect_deployment", state="absent", **_names(step["deployment"]), **owner)
        for name in adopted:
            self._do("prefect_deployment", paused=True, **_names(name), **owner)

    def _fail(self, failure: TaskFailed) -> t.NoReturn:
        self._promotion(state="Failed", reason=failure.msg, verdicts=failure.verdicts, **self._generation())
        raise TaskFailed(f"failed before anything was written: {failure.msg}")

    def _apply(self, fetched: Answer, going: t.Mapping[str, t.Any]) -> Answer:
        """The role ``ring_deploy``: plan, apply, read back; returns the plan."""
        plan = self._deployments(fetched, going, check_mode=True)
        self._deployments(fetched, going, expected_plan=plan["fingerprint"])
        differing = _differing(self._deployments(fetched, going, check_mode=True)["plan"])
        if differing:
            raise TaskFailed(f"read back, {', '.join(differing)} is not what the manifests say")
        return plan

    def _deployments(self, fetched: Answer, going: t.Mapping[str, t.Any], **options: t.Any) -> Answer:
        return self._do(
            "prefect_deployment",
            manifest_dir=f"{fetched['path']}/manifests/{self._settings['overlay']}",
            flow_code=fetched["flow_code"],
            owner=f"{self._ring['solution']}/{self._ring['ring']}",
            release={
                "ring": self._ring["ring"],
                "solution": self._ring["solution"],
                "generation": going["generation"],
                "release": going["release"],
                "store": self._ring["store"],
            },
            **{"prune": True, **options},
        )

    def _fetch(self, release: str) -> Answer:
        where = {"cache_dir": self._settings["cache_dir"], "store": self._ring["store"]}
        return self._do("hotpass_artifact", state="fetched", release=release, **where)

    def _generation(self) -> Answer:
        return {"generation": self._going["generation"]} if self._going else {}

    def _promotion(self, **options: t.Any) -> Answer:
        claim = self._going.get("claim")
        answer: Answer = self._do("hotpass_promotion", **options, **({"claim": claim} if claim else {}))["promotion"]
        return answer

    def _do(self, module: str, **options: t.Any) -> Answer:
        given = {**self._ring, **options} if module in _OF_THE_RING else options
        if module == "hotpass_artifact":
            # It takes no connection.
            answer = Doors({}, Path(self._settings["cache_dir"])).room(module, **given)
        else:
            answer = self._doors.room(module, **given)
        if answer["failed"]:
            raise TaskFailed(answer["msg"], answer.get("verdict"), bool(answer.get("busy")))
        return answer


def carry_out(job: Answer) -> Answer:
    """What one promoter has to say in the end: ``promotion``, or ``failed`` and ``msg``."""
    try:
        promotion = getattr(Promoter(job["settings"]), job["action"])(**job["options"])
    except TaskFailed as failure:
        return {"failed": True, "msg": failure.msg}
    return {"failed": False, "promotion": promotion}


def _names(deployment: str) -> Answer:
    flow_name, name = deployment.split("/")
    return {"flow_name": flow_name, "name": name}


def _differing(plan: t.Iterable[Answer]) -> list[str]:
    return [step["deployment"] for step in plan if step["action"] != "unchanged"]


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _passed(gate: str, began: str, detail: Answer) -> Answer:
    return {"name": gate, "verdict": "pass", "startedAt": began, "finishedAt": _now(), "detail": detail}


def _serve() -> None:
    """Tell the process id of each job's process, then how it ended; the promoter's answer goes to the job's file."""
    for module in _MODULES:
        operation(module)
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            answer = json.dumps(carry_out(job))
            Path(job["answer"]).write_text(answer, encoding="utf-8")
            os._exit(0)
        _tell(pid)
        _tell(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _serve()
