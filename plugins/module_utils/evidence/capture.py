# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures a rehearsal: everything that its verdict rests on, out of the server and into the bundle's directory.

The verdict is taken from the files as they were written, by the very function that a verifier calls.
"""

from __future__ import annotations

import getpass
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import (
    commands,
    rehearsal_picture,
    rehearsal_summary,
    run_log,
    screenshot,
    timeline,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.bundle import COMMANDS, METADATA, SUMMARY, Bundle
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.recompute_backfill import (
    drawn,
    log_name,
    named,
    screenshot_name,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.declared import Declared
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.observation import Observation, observe
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.report import Bounds
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, reading
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import mask, mask_addresses, scrub
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release.wording import recordable
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome

Params = dict[str, t.Any]
Json = dict[str, t.Any]


def capture(params: Params, context: Context) -> Outcome:
    """Write a rehearsal's documents, pictures and log into its bundle, which is not sealed yet.

    Capturing again before that writes everything anew; a bundle that is sealed is left alone.

    :returns: ``evidence`` with the bundle's ``path``, ``name`` and ``sealed``, and ``summary``.
    :raises CollectionError: when the server cannot be read, or what it says cannot be judged.
    """
    if params["kind"] != "backfill":
        raise CollectionError(
            f"A bundle of the kind {params['kind']} is filled when it is sealed; only backfill is captured."
        )
    bundle = Bundle(params["evidence_dir"], params["ring"], params["kind"], params["name"])
    declared = Declared.from_json(params["declared"])
    bounds = Bounds.from_json(params["bounds"])
    place = {
        "path": str(bundle.final),
        "directory": str(bundle.directory),
        "name": bundle.name,
        "sealed": bundle.sealed,
    }
    if context.check:
        return Outcome(changed=not bundle.sealed, result={"evidence": place, "summary": {}})
    if bundle.sealed:
        return Outcome(changed=False, result={"evidence": place, "summary": bundle.document(SUMMARY)})
    with Session(Connection.from_params(params)) as session:
        context.tell("reading the runs and their histories")
        observation = observe(
            session,
            params["deployment"],
            run_ids=params["run_ids"],
            samples=params["limit_samples"],
            concurrency_key=declared.concurrency_key,
            bounds=bounds,
        )
        _add_artifacts(session, observation)
        lines = run_log.read(session, observation)
    params = _without_secrets(params, observation.secrets)
    documents = _documents(observation, params, declared, bounds)
    for name, document in documents.items():
        bundle.write(name, document)
    # Judged from what was written, so that nobody judges anything else later.
    written = {name: bundle.document(name) for name in documents}
    summary = rehearsal_summary.summarise(written)
    bundle.write(SUMMARY, summary)
    _write_log(bundle, params, lines, observation.secrets)
    context.tell("drawing the timeline")
    for name, picture in timeline.draw(drawn(written, summary, bundle.name)).items():
        bundle.write(name, picture)
    shot = mask(_picture(bundle, params, summary, context))
    bundle.write(COMMANDS, commands.script(params, summary))
    bundle.write(METADATA, _metadata(params, bundle, summary, shot))
    _note(bundle, params, summary, shot)
    return Outcome(
        changed=True,
        result={"evidence": {**place, "directory": str(bundle.directory)}, "summary": summary, "screenshot": shot},
        warnings=[] if shot["taken"] or params["screenshot"] != "optional" else [f"No screenshot: {shot['reason']}."],
    )


def _without_secrets(params: Params, secrets: t.Collection[str]) -> Params:
    """The task's options with what was said meanwhile made fit for a bundle: messages of servers stand in it."""
    because = params.get("stopped_because")
    return {
        **params,
        "api_url": mask_addresses(params["api_url"]),
        "stopped_because": recordable(_hidden(because, secrets)) if because else because,
        "notes": [_hidden(sentence, secrets) for sentence in params["notes"]],
        "command": [_hidden(word, secrets) for word in params["command"]],
        # What became of each window is in the server's own records.
        "windows": [{key: window.get(key) for key in ("run_date", "version")} for window in params["windows"]],
    }


def _hidden(text: str, secrets: t.Collection[str]) -> str:
    return mask_addresses(scrub(text, secrets))


def _documents(observation: Observation, params: Params, declared: Declared, bounds: Bounds) -> Json:
    parts = observation.to_documents()
    documents = {file: parts[part] for part, file in rehearsal_summary.FILES.items()}
    stopped = None
    if params.get("stopped_at"):
        stopped = {"step": params["stopped_at"], "reason": params["stopped_because"]}
    documents[rehearsal_summary.PLAN] = mask(
        {
            "plan": params["plan"],
            "declared": declared.to_json(),
            "bounds": bounds.to_json(),
            "stopped": stopped,
            "rehearsal": {
                "solution": params["solution"],
                "ring": params["ring"],
                "generation": params.get("generation"),
                "release": params.get("release"),
                "windows": params["windows"],
                "ahead": params["ahead"],
                "runtime": params["runtime"],
            },
        }
    )
    return documents


def _add_artifacts(session: Session, observation: Observation) -> None:
    """Put what each run says of its windows beside the run."""
    wanted = filters.artifacts(
        flow_run_ids=observation.concurrency["window"]["run_ids"], keys=[rehearsal_summary.SUMMARY_ARTIFACT]
    )
    # The newest first; a run that was retried has left one for each time.
    rows = sorted(reading.read_all(session, reading.ARTIFACTS, wanted), key=lambda row: str(row["created"]))
    found = {row["flow_run_id"]: {row["key"]: _parsed(row["data"], observation.secrets)} for row in rows}
    for run in observation.runs:
        if run["id"] in found:
            run["artifacts"] = found[run["id"]]


def _parsed(data: t.Any, secrets: t.Collection[str]) -> t.Any:
    """What a flow says of its windows, without secrets, also in its words about an error."""
    said = mask(data) if isinstance(data, dict) else {}
    for window in said.get("runs") or ():
        if isinstance(window, dict) and isinstance(window.get("error"), str):
            window["error"] = scrub(window["error"], secrets)
    return said


def _write_log(bundle: Bundle, params: Params, lines: t.Sequence[str], secrets: t.Collection[str]) -> None:
    """What was told while the runs went on, and below it what the runs logged themselves."""
    name = log_name(bundle.ring)
    told = bundle.read(name).decode(errors="replace") if name in bundle.names() else ""
    # Captured before, the log has the runs' own part already.
    told = _hidden(told.partition(run_log.HEADING)[0].rstrip("\n"), secrets)
    if params.get("stopped_at"):
        told += f"\nstopped at {params['stopped_at']}: {params['stopped_because']}"
    bundle.write(name, "\n".join([*told.lstrip("\n").splitlines(), "", run_log.HEADING, *lines, ""]))


def _picture(bundle: Bundle, params: Params, summary: Json, context: Context) -> Json:
    """Picture the page of the run that says most: one that was too many, else one that had to wait for its slot."""
    if params["screenshot"] == "off":
        return screenshot.Shot(None, reason="it was not asked for").to_json()
    runs = summary["windows"]
    if not runs:
        return screenshot.Shot(None, reason="no run was started").to_json()
    bad = rehearsal_summary.witnesses(summary)
    run = max(runs, key=lambda run: (run["run_id"] in bad, run["state"] != "COMPLETED", run["waited_for_slot"]))
    context.tell(f"taking a screenshot of run {run['name']}")
    shot = screenshot.take(params["api_url"], run["run_id"], run["name"], context.run_command)
    if shot.png is not None:
        bundle.write(screenshot_name(bundle.ring), shot.png)
    return shot.to_json()


def _metadata(params: Params, bundle: Bundle, summary: Json, shot: Json) -> Json:
    """Who, when and what; sealing adds who sealed it, its place in the chain, and the versions."""
    return {
        "deployment": summary["deployment"],
        **named(summary, bundle.name),
        "operator": {"user": params.get("actor_user") or getpass.getuser(), "job": params.get("actor_job")},
        "live": summary["live"],
        "live_reason": summary["live_reason"],
        "screenshot": {**shot, "wanted": params["screenshot"]},
        "api_url": params["api_url"],
        "versions": {"timeline": rehearsal_picture.drawn_with()},
    }


def _note(bundle: Bundle, params: Params, summary: Json, shot: Json) -> None:
    for sentence in params["notes"]:
        bundle.note(sentence)
    for step in params["plan"]:
        if step["action"] != "unchanged":
            fields = ", ".join(sorted(step.get("changes") or {}))
            bundle.note(
                f"{step['deployment']} was not as the Active release says before the rehearsal: {step['action']}"
                f"{f' ({fields})' if fields else ''}."
            )
    if summary["stopped"]:
        bundle.note(f"The rehearsal stopped at {summary['stopped']['step']}: {summary['stopped']['reason']}")
    for check in rehearsal_summary.deviations(summary):
        said = f"{check['name']} is {check['verdict']}: {check['found']}; allowed: {check['allowed']}."
        bundle.note(f"{said} {check['remedy']}")
    for reason in summary["rehearsal"]["reasons"]:
        bundle.note(f"Of the rehearsal itself: {reason}.")
    if not summary["live"]:
        bundle.note(f"This is not live: {summary['live_reason']}.")
    if not shot["taken"]:
        bundle.note(f"There is no screenshot: {shot['reason']}.")
