# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtime with Prefect: real flows and tasks, the run's logger, and artifacts on the server."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar, cast

import prefect
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.context import FlowRunContext
from prefect.exceptions import MissingContextError

REPORT_KEY = "hotpass-refinement-report"
SUMMARY_KEY = "hotpass-refinement-summary"

_Function = TypeVar("_Function", bound=Callable[..., Any])


def flow(*, name: str) -> Callable[[_Function], _Function]:
    """Make a function a Prefect flow of this name on the server."""
    return cast(Callable[[_Function], _Function], prefect.flow(name=name))


def task(*, name: str) -> Callable[[_Function], _Function]:
    """Make a function a Prefect task of this name, never cached: no cache key would see the files it reads."""
    return cast(Callable[[_Function], _Function], prefect.task(name=name, persist_result=False))


def get_logger() -> Any:
    """Return the logger of the current run, whose lines the server keeps; outside a run the `hotpass` logger."""
    try:
        return prefect.get_run_logger()
    except MissingContextError:
        return logging.getLogger("hotpass")


def publish(summary: dict[str, Any], report: str) -> None:
    """Store two artifacts of the current flow run: the report for people, the summary for machines.

    `report` is Markdown, kept under `hotpass-refinement-report`. `summary` must be plain JSON; it is kept under
    `hotpass-refinement-summary` as an object, where Prefect's own helpers would store it as one encoded string.
    A server that cannot be reached raises, because a run without its summary cannot be checked by anyone.
    """
    create_markdown_artifact(key=REPORT_KEY, markdown=report, description="What was read, refused and written.")
    context = FlowRunContext.get()
    flow_run = context.flow_run if context else None
    with get_client(sync_client=True) as client:
        client.create_artifact(
            ArtifactCreate(
                key=SUMMARY_KEY,
                type="json",
                description="The figures of this run as one JSON object.",
                data=summary,
                flow_run_id=flow_run.id if flow_run else None,
            )
        )
