# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs logged, as lines of a file."""

from __future__ import annotations

import logging
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.evidence.rehearsal_summary import own_runs
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import instant, written
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.observation import Observation
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import reading
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import mask_addresses, scrub
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

HEADING: t.Final = "--- what the runs logged, by the server's clock ---"

_LOGS = reading.Kind("logs", "/logs/filter", "TIMESTAMP_ASC")
# A flow that logs in a loop must not make a bundle that nobody can open.
_MOST = 5000


def read(session: Session, observation: Observation) -> list[str]:
    """The lines of a rehearsal's runs in their order in time, the first 5000 of each run, without secrets.

    :param observation: as it was read from the server: it knows the secrets, which its documents do not.
    """
    found: list[tuple[int, str]] = []
    for run in own_runs(observation):
        wanted = {"logs": {"flow_run_id": {"any_": [run["id"]]}}}
        rows = reading.read_all(session, _LOGS, wanted)
        for entry in rows[:_MOST]:
            moment = instant(entry["timestamp"], "timestamp of a log entry")
            level = logging.getLevelName(entry["level"])
            message = mask_addresses(scrub(entry["message"], observation.secrets))
            text = " ".join(message.split())
            found.append((moment, f"{written(moment)} {level:<8} {run['name']} {entry['name']}: {text}"))
        if len(rows) > _MOST:
            found.append((found[-1][0], f"{run['name']} logged {len(rows) - _MOST} more lines, which are left out"))
    return [line for _moment, line in sorted(found, key=lambda one: one[0])]
