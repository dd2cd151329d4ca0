# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about each way in which a guardrail does not hold, in one place for messages and documentation."""

from __future__ import annotations

import typing as t

RESTORE: t.Final = (
    "Restore the guardrail values: apply the manifest again (playbooks/deploy.yml), and for the global limit "
    "and a limit that is switched off or decays hotpass_guardrail with state: restored."
)
EXCEEDED: t.Final = (
    "Halt the release. Look whether a run was resumed after a pause, which takes no slot again, or the limit was "
    "lowered while runs went on; restore the guardrail values, wait until nothing runs, and rehearse again."
)
UNKNOWN_LIMIT: t.Final = (
    "Read the limits while the runs go on (hotpass_backfill does, or give samples), from before the first run, because "
    "Prefect keeps no history of a limit."
)
CHANGED: t.Final = (
    "Find out who changed the limit while the runs went on; restore the guardrail values, and rehearse again."
)
SLOW: t.Final = "Give the server and its database less to do, or more to do it with, and rehearse again."
NO_LIMIT: t.Final = f"Without a limit nothing holds the runs. {RESTORE}"
NOT_REACHED: t.Final = (
    "Start more runs at once than the limit allows (a rehearsal starts limit + k), so that the guardrail has to hold."
)
NO_SAMPLE: t.Final = "Start runs and judge those; a guardrail that nothing met proves nothing."
INCOMPLETE: t.Final = "Observe again; what is missing may have held a slot."
CLOCKS: t.Final = "Set the clocks of this machine and of the server right, and observe again."
NO_WORKER: t.Final = "Start a worker of the work pool (playbooks/start.yml, or prefect worker start --pool)."
LOCKED: t.Final = (
    "The key is locked by an earlier rehearsal or a server that was restarted: when nothing runs, set the slots back "
    "with hotpass_guardrail, state: restored and reset_slots: true."
)
UNCOUNTED: t.Final = (
    "The server will let more runs in than the limit allows, because one that was resumed took no slot, or gave back "
    "that of another. Let the runs end, and start none meanwhile."
)
STALE: t.Final = "Look at the worker and at the run's process; cancel the run when nothing works on it any more."
QUEUED: t.Final = (
    "Look for a live worker and for slots held by runs that do not end; else start fewer runs at once, or raise the "
    "bound."
)
STUCK: t.Final = "Look for a paused deployment, pool or queue, and for a worker that polls this queue."
REFUSED: t.Final = "The collision strategy was CANCEL_NEW when the runs came. " + RESTORE
LINEAGE: t.Final = (
    "The flows of this project emit none: set lineage to optional or off, or let the flows emit lineage events first."
)
