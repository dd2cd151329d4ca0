# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a flow in a process of its own, because its runtime is chosen at import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

# What runs in the other process: the flow once per set of parameters.
_RUN = """
import asyncio, contextlib, json, sys
from hotpass import orchestration

flow = getattr(orchestration, sys.argv[4])
outcome = {"results": [], "errors": [], "prefect": "prefect" in sys.modules}
with sys.modules["prefect"].tags(sys.argv[3]) if outcome["prefect"] else contextlib.nullcontext():
    for parameters in json.loads(sys.argv[1]):
        try:
            outcome["results"].append(flow(**parameters))
        except (Exception, asyncio.CancelledError) as error:
            outcome["errors"].append(f"{type(error).__name__}: {error}")
outcome["name"] = getattr(flow, "name", None)
if outcome["prefect"]:
    outcome["schema"] = flow.parameters.model_dump_for_openapi()
with open(sys.argv[2], "w") as file:
    json.dump(outcome, file)
"""


def run_flow(
    home: Path,
    enable: str | None,
    *parameter_sets: dict[str, object],
    api_url: str | None = None,
    tag: str = "",
    flow: str = "refinement_pipeline_flow",
    settings: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Run the flow once for each set of parameters, and say what came of it.

    :param home: HOTPASS_HOME, with the workbooks in its directory ``data``.
    :param enable: the value of HOTPASS_ENABLE_PREFECT_RUNTIME; None leaves it unset.
    :param tag: given to every run on the server at ``api_url``.
    :param flow: which function of ``hotpass.orchestration``.
    :param settings: further environment variables.
    :returns: ``results``, ``errors``, whether ``prefect`` was imported, the flow's ``name`` and its ``schema``.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HOTPASS_", "PREFECT_"))}
    environment = {
        **inherited,
        "PYTHONPATH": str(ROOT / "prefect" / "flows"),
        "HOTPASS_HOME": str(home),
        "PREFECT_HOME": str(home / "prefect"),
        "DO_NOT_TRACK": "1",
        **({} if enable is None else {"HOTPASS_ENABLE_PREFECT_RUNTIME": enable}),
        **({} if api_url is None else {"PREFECT_API_URL": api_url}),
        **(settings or {}),
    }
    answer = home / f"outcome-{uuid.uuid4().hex}.json"
    command = [sys.executable, "-c", _RUN, json.dumps(parameter_sets), str(answer), tag, flow]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    outcome: dict[str, Any] = json.loads(answer.read_text())
    return outcome
