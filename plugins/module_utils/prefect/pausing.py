# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who paused a deployment: what a play has paused the next release may unpause, what a person has paused it may not."""

from __future__ import annotations

import dataclasses

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.deployments import Row, Wanted

LABEL = "hotpass.prefect/paused-by"


def settled(wanted: Wanted, row: Row | None) -> Wanted:
    """The wanted deployment, once it is known whether the server's one is paused, and by whom.

    A task that pauses for somebody leaves a label where it does pause, and none where it finds the deployment paused.
    A manifest that says nothing of ``paused`` lifts a pause that bears the label, and no other; the label goes with
    whatever else the manifest does not name. Who names the label itself is no manifest and keeps the pause with it.
    """
    if row is None:
        return wanted
    fields = dict(wanted.fields)
    if wanted.paused_by is not None and not row["paused"]:
        fields["labels"] = {**(fields.get("labels") or {}), LABEL: wanted.paused_by}
    elif wanted.exact_labels and "paused" not in fields and row["paused"]:
        marked, keeps = (LABEL in (labels or {}) for labels in (row.get("labels"), fields.get("labels")))
        if marked and not keeps:
            fields["paused"] = False
    return dataclasses.replace(wanted, fields=fields)
