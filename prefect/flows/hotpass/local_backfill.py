# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a backfill without a Prefect server: `python -m hotpass.local_backfill < parameters.json > result.json`.

Standard input is one JSON object with parameters of `backfill_pipeline_flow`. Standard output is one JSON document:
what the flow returns, also when windows failed, or `{"error": "<why>"}` when it was refused. The exit code is 0 when
every window succeeded, and else 1. What is logged goes to standard error, as does the traceback of a fault in the code,
after which there is no document.

There is no server, so no concurrency limit is held: the windows of one call run one after another.
"""

from __future__ import annotations

import inspect
import json
import logging
import sys
from typing import Any

from hotpass.backfill import BackfillError
from hotpass.errors import HotpassError
from hotpass.orchestration import backfill_pipeline_flow
from hotpass.runtime import PREFECT_ENABLED


def main() -> int:
    """Run the backfill that standard input describes; return the exit code."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        if PREFECT_ENABLED:
            raise HotpassError("HOTPASS_ENABLE_PREFECT_RUNTIME is 1: unset it to run a backfill without Prefect.")
        result, code = backfill_pipeline_flow(**_parameters(sys.stdin.read())), 0
    except BackfillError as error:
        result, code = error.result, 1
    except HotpassError as error:
        result, code = {"error": str(error)}, 1
    sys.stdout.write(json.dumps(result, sort_keys=True) + "\n")
    return code


def _parameters(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError as error:
        raise HotpassError(f"standard input is no JSON: {error}.") from None
    known = list(inspect.signature(backfill_pipeline_flow).parameters)
    if not isinstance(given, dict) or not set(given) <= set(known):
        found = ", ".join(sorted(set(given) - set(known))) if isinstance(given, dict) else type(given).__name__
        raise HotpassError(f"standard input must be one JSON object with keys among {', '.join(known)}; found {found}.")
    return given


if __name__ == "__main__":
    sys.exit(main())
