# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same flow code without a Prefect server: one window after another, each in a process of its own."""

from __future__ import annotations

import json
import os
import time
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.backfill import reporting, settings
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.config import Config
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.entries import Entry
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.progress import Progress
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.model import Manifest
from ansible_collections.hotpass.prefect.plugins.module_utils.room import CommandResult, Context, Outcome, RunCommand

MODULE = "hotpass.local_backfill"
_LONGEST = 300


def without_prefect(
    params: t.Mapping[str, t.Any], context: Context, config: Config, manifest: Manifest | None, error: CollectionError
) -> Outcome:
    """The outcome of the windows that run here, because the server cannot be reached and the task allows it.

    :param params: the module's options.
    :param error: why the server cannot be reached.
    :raises CollectionError: when an option is lacking, a window failed, or time is up. No window that runs is stopped
        for that, and none is started after it.
    """
    if manifest is None:
        raise CollectionError(
            f"Nothing was run. {error.message} fallback: local needs the manifest's parameters: give manifest_dir.",
            **reporting.nothing(),
        )
    lacking = [option for option in ("flow_path", "home") if not params[option]]
    if lacking:
        named = " and ".join(f"{option} (backfill_{option} of the role)" for option in lacking)
        raise CollectionError(
            f"Nothing was run. {error.message} fallback: local needs {named} as well.",
            **reporting.nothing(),
        )
    flow_path = os.path.abspath(params["flow_path"])
    if not os.path.isfile(os.path.join(flow_path, "hotpass", "local_backfill.py")):
        raise CollectionError(
            f"Nothing was run. {error.message} flow_path {flow_path!r} has no hotpass/local_backfill.py, which "
            "fallback: local runs.",
            **reporting.nothing(),
        )
    wanted = settings.settle(params, config, manifest.parameters or {})
    rows = [Entry(number, window) for number, window in enumerate(wanted.windows, 1)]
    outcome = Outcome(changed=True, warnings=list(wanted.warnings))
    outcome.warnings.append(
        f"{error.message} The windows run here instead, one after another, without any limit to hold. Their code is "
        f"that of {flow_path}, which no release vouches for."
    )
    absent = reporting.look_for_archives(params, wanted, rows, outcome, context.check)
    outcome.diff = reporting.diff_of_runs("this machine, without Prefect", rows)
    began = time.monotonic()

    def report(stopped: bool) -> dict[str, t.Any]:
        seconds = 0.0 if context.check else time.monotonic() - began
        return {
            **reporting.account(rows, seconds, "local", absent),
            "limit_samples": [],
            "deployment": manifest.name,
            "release": None,
            "code": flow_path,
            "stopped": stopped,
            "api": {"requests": 0},
        }

    if context.check:
        outcome.result = report(stopped=False)
        return outcome
    progress = Progress(context.tell, params["log_path"])
    progress.say(f"no Prefect server can be reached: {len(rows)} windows run here, one after another")
    try:
        stopped = _run_all(
            context.run_command,
            rows,
            progress,
            python=params["python"],
            flow_path=flow_path,
            home=os.path.abspath(params["home"]),
            parameters=wanted.parameters,
            on_error=params["on_error"],
            wait_timeout=params["wait_timeout"],
        )
    except CollectionError as failure:
        failure.details.update(report(stopped=False), changed=any(entry.created for entry in rows))
        raise
    outcome.result = report(stopped)
    return reporting.closed(outcome, rows, progress)


def _run_all(
    run_command: RunCommand,
    entries: t.Sequence[Entry],
    progress: Progress,
    *,
    python: str,
    flow_path: str,
    home: str,
    parameters: t.Mapping[str, t.Any],
    on_error: str,
    wait_timeout: float,
) -> bool:
    """Run the windows, and say whether some were left out after a failure.

    :param flow_path: the directory that holds the package ``hotpass``.
    :param home: what relative paths are below.
    :param parameters: of the flow, without the windows.
    :param wait_timeout: seconds after which no further window is started.
    :raises CollectionError: when Python cannot be started, or time is up.
    """
    env = {
        # Empty is unset: Prefect is never imported.
        "HOTPASS_ENABLE_PREFECT_RUNTIME": "",
        "HOTPASS_HOME": home,
        "PYTHONPATH": flow_path,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    total = len(entries)
    start = time.monotonic()
    for entry in entries:
        if time.monotonic() - start > wait_timeout:
            raise CollectionError(
                f"Not all windows ended within {wait_timeout:g} s: {total - entry.number + 1} of {total} were not "
                f"started, the first is {entry.window}."
            )
        label = f"[{entry.number:>{len(str(total))}}/{total}] {entry.window}"
        progress.say(f"{label}: running without Prefect")
        given = json.dumps({**parameters, "runs": [entry.window.to_json()]})
        began = time.monotonic()
        try:
            done = run_command([python, "-m", MODULE], env=env, data=given)
        except OSError as error:
            raise CollectionError(f"python {python!r} cannot be started ({error.strerror}).") from None
        _read(entry, done)
        entry.created = entry.local = True
        seconds = time.monotonic() - began
        progress.say(f"{label}: failed: {entry.problem}" if entry.problem else f"{label}: Completed in {seconds:.1f} s")
        if entry.problem and on_error == "stop" and entry.number < total:
            progress.say(f"a window failed, and on_error is stop: {total - entry.number} windows are not started")
            return True
    return False


def _read(entry: Entry, done: CommandResult) -> None:
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = None
    entry.summary = answer if isinstance(answer, dict) else None
    own = entry.own_summary()
    if own.get("success") is True and done.rc == 0:
        return
    said = own.get("error") or (entry.summary or {}).get("error")
    entry.problem = str(said).rstrip(".")[:_LONGEST] if said else _last_words(done)


def _last_words(done: CommandResult) -> str:
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    said = lines[-1][:_LONGEST] if lines else "it said nothing"
    return f"{MODULE} ended with status {done.rc}: {said}"
