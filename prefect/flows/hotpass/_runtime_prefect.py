# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtime with Prefect: real flows and tasks, the run's logger, and artifacts on the server."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar, cast

import httpx
import prefect
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.objects import ConcurrencyLeaseHolder
from prefect.concurrency.asyncio import AcquireConcurrencySlotTimeoutError, ConcurrencySlotAcquisitionError
from prefect.concurrency.sync import concurrency
from prefect.context import FlowRunContext
from prefect.exceptions import MissingContextError, ObjectNotFound

from hotpass.errors import SlotError

_Function = TypeVar("_Function", bound=Callable[..., Any])


def flow(*, name: str) -> Callable[[_Function], _Function]:
    """Make a function a Prefect flow of this name on the server, which runs once: a setting must not repeat it."""
    return cast(Callable[[_Function], _Function], prefect.flow(name=name, retries=0))


def task(*, name: str) -> Callable[[_Function], _Function]:
    """Make a function a Prefect task of this name, which runs once for each call.

    It is never cached, for no cache key would see the files it reads, and never repeated, whatever a setting says.
    """
    return cast(Callable[[_Function], _Function], prefect.task(name=name, persist_result=False, retries=0))


def get_logger() -> Any:
    """Return the logger of the current run, whose lines the server keeps; outside a run the `hotpass` logger."""
    try:
        return prefect.get_run_logger()
    except MissingContextError:
        return logging.getLogger("hotpass")


def publish(kind: str, summary: dict[str, Any], report: str) -> None:
    """Store two artifacts of the current flow run: the report for people, the summary for machines.

    `report` is Markdown, kept under `hotpass-<kind>-report`. `summary` must be plain JSON; it is kept under
    `hotpass-<kind>-summary` as an object, where Prefect's own helpers would store it as one encoded string.
    A server that cannot be reached raises, because a run without its summary cannot be checked by anyone.
    """
    create_markdown_artifact(
        key=f"hotpass-{kind}-report", markdown=report, description="What was read, refused and written."
    )
    context = FlowRunContext.get()
    flow_run = context.flow_run if context else None
    with get_client(sync_client=True) as client:
        client.create_artifact(
            ArtifactCreate(
                key=f"hotpass-{kind}-summary",
                type="json",
                description="The figures of this run as one JSON object.",
                data=summary,
                flow_run_id=flow_run.id if flow_run else None,
            )
        )


@contextmanager
def slot(name: str, *, at_most: int, timeout_seconds: float, lease_seconds: float) -> Iterator[None]:
    """Hold one slot of the global concurrency limit `name`, which must exist, be active and have 1 to `at_most` slots.

    It waits up to `timeout_seconds` for a free one. While it is held its lease of `lease_seconds` (at least 60) is
    renewed; if that fails the body is ended, because its slot may be somebody else's by then. When the process dies
    the server takes the slot back once the lease has run out.

    Raises:
        SlotError: the limit is missing, inactive, empty, larger than `at_most`, or one whose slots free themselves,
            or no slot could be had in time; the body has not run then.
    """
    context = FlowRunContext.get()
    flow_run = context.flow_run if context else None
    with get_client(sync_client=True) as client, ExitStack() as stack:
        _check_limit(client, name, at_most)
        try:
            stack.enter_context(
                concurrency(
                    [name],
                    occupy=1,
                    timeout_seconds=timeout_seconds,
                    lease_duration=lease_seconds,
                    strict=True,
                    holder=ConcurrencyLeaseHolder(type="flow_run", id=flow_run.id) if flow_run else None,
                )
            )
        except AcquireConcurrencySlotTimeoutError:
            raise SlotError(
                f"no slot of the limit {name!r} became free in {timeout_seconds:g} s; look for who holds them."
            ) from None
        except ConcurrencySlotAcquisitionError as error:
            raise SlotError(f"no slot of the limit {name!r} can be had: {error}.") from error
        # An inactive limit lets everybody through, so it must not have become one while this run was waiting.
        _check_limit(client, name, at_most)
        yield


def _check_limit(client: SyncPrefectClient, name: str, at_most: int) -> None:
    remedy = f"restore it with {at_most} slot{'' if at_most == 1 else 's'}, or change concurrency_limit"
    try:
        limit = client.read_global_concurrency_limit_by_name(name)
    except ObjectNotFound:
        raise SlotError(f"the global concurrency limit {name!r} does not exist; {remedy}.") from None
    except httpx.HTTPError as error:
        raise SlotError(f"the global concurrency limit {name!r} cannot be read: {error}.") from error
    if not limit.active:
        raise SlotError(f"the global concurrency limit {name!r} is not active, so it would limit nothing; activate it.")
    if limit.slot_decay_per_second:
        raise SlotError(f"the slots of the global concurrency limit {name!r} free themselves with time; {remedy}.")
    if not 1 <= limit.limit <= at_most:
        raise SlotError(
            f"the global concurrency limit {name!r} has {limit.limit} slots; the run allows 1 to {at_most}: {remedy}."
        )
