# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The room of ``hotpass_transfer``: what travels to a site without a network, and what comes back."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome


def manage(params: dict[str, t.Any], context: Context) -> Outcome:
    """Write a transfer bundle, verify one, or bring one in.

    A bundle that is brought in has to be of the kind that was asked for, by default ``releases``: who is believed for
    the evidence that they send is not believed for programs.

    :raises CollectionError: for whatever stands in the way; see the functions of the states.
    """
    if params["state"] == "verified":
        return _verify(params, context)
    params = {**params, "kind": params.get("kind") or "releases"}
    if params["state"] == "imported":
        return _bring_in(params, context)
    return (_export_evidence if params["kind"] == "evidence" else _export)(params, context)


# Each is imported when it is asked for: who verifies needs none of what an export takes.
def _export(params: dict[str, t.Any], context: Context) -> Outcome:
    from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.exporting import export

    return export(params, context)


def _export_evidence(params: dict[str, t.Any], context: Context) -> Outcome:
    from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.evidence_export import export

    return export(params, context)


def _verify(params: dict[str, t.Any], context: Context) -> Outcome:
    from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.importing import verify

    return verify(params, context)


def _bring_in(params: dict[str, t.Any], context: Context) -> Outcome:
    from ansible_collections.hotpass.prefect.plugins.module_utils.transfer.importing import bring_in

    return bring_in(params, context)
