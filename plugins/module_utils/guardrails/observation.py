# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a verdict on guardrails rests on, as JSON: read once from a server, judged anywhere and again."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.instants import instant, written
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.report import Bounds
from ansible_collections.hotpass.prefect.plugins.module_utils.guardrails.sampling import (
    DEPLOYMENT,
    WORK_POOL,
    WORK_QUEUE,
    find_deployment,
    sample,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, reading
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.naming import full_names, is_id
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.reading import Row
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import (
    mask,
    mask_addresses,
    scrub,
    secrets_in,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session

NOT_ENDED = ("SCHEDULED", "PENDING", "RUNNING", "CANCELLING", "PAUSED")
NAMES: t.Final = ("deployment", "runs", "states", "work_pool", "concurrency")
_STATE_KEYS = ("id", "type", "name", "timestamp", "message")
_DETAILS_KEYS = ("scheduled_time", "deployment_concurrency_lease_id", "pause_reschedule", "transition_id")

Document = t.Any


@dataclasses.dataclass(frozen=True)
class Observation:
    """What was seen of a deployment's runs and limits.

    :ivar deployment: the deployment's row, with ``flow_name`` and ``full_name``.
    :ivar runs: the row of every run that could have held one of the limits within the window, sorted by id: the
        deployment's, and those of others that share a limit with it.
    :ivar states: the whole state history of each of these runs, by its id.
    :ivar work_pool: ``pool``, ``queue`` and ``workers``, each as the server has it, or null.
    :ivar concurrency: ``observed_at``, the ``window`` (``since``, ``until``, and ``run_ids``, the runs that the
        verdict is asked for, or null for all of the deployment's), the ``concurrency_key``, the readings of the
        limits in ``samples`` (see :func:`sampling.sample`), the last of them taken for this observation, and the
        ``scope``: for ``deployment``, ``work_pool`` and ``work_queue`` which runs fall under that limit, and in
        ``keyed`` the deployments whose runs take slots of the key.
    :ivar secrets: what must be hidden wherever these runs are told of: the secrets in the parameters and job variables
        of the deployment and of the runs. They are in no document, so an observation made of documents has none.
    """

    deployment: Document
    runs: list[Document]
    states: dict[str, list[Document]]
    work_pool: Document
    concurrency: Document
    secrets: frozenset[str] = dataclasses.field(default=frozenset(), repr=False, compare=False)

    def to_documents(self) -> dict[str, Document]:
        """The observation by the names of the files that hold it."""
        return {name: getattr(self, name) for name in NAMES}

    @classmethod
    def from_documents(cls, documents: t.Mapping[str, Document]) -> Observation:
        """The observation that :meth:`to_documents` gave.

        :raises CollectionError: when a document is missing or is not of its kind. What they hold is checked where it
            is judged.
        """
        kinds = {"deployment": dict, "runs": list, "states": dict, "work_pool": dict, "concurrency": dict}
        for name, kind in kinds.items():
            if not isinstance(documents.get(name), kind):
                found = "missing" if name not in documents else type(documents[name]).__name__
                wanted = "a list" if kind is list else "a mapping"
                raise CollectionError(f"The observation's document {name!r} is {found}; it must be {wanted}.")
        return cls(**{name: documents[name] for name in NAMES})


def observe(
    session: Session,
    deployment: Row | str,
    *,
    run_ids: t.Sequence[str] | None = None,
    since: str | None = None,
    until: str | None = None,
    samples: t.Sequence[t.Mapping[str, t.Any]] = (),
    concurrency_key: str | None = None,
    work_queue: str | None = None,
    bounds: Bounds | None = None,
) -> Observation:
    """Read what the verdict needs; the server has no bulk route for histories, so it is one request for each run.

    :param deployment: its row, its id, or ``flow/deployment``.
    :param run_ids: the runs to judge; every other run that may have met one of them at a limit is read too.
    :param since: begin of the window, ISO 8601 with its offset; by default when the first of ``run_ids`` was created.
    :param until: end of the window; by default now.
    :param samples: the readings of the limits that were taken meanwhile, in any order.
    :param concurrency_key: of the global limit; by default the deployment's parameter ``concurrency_key``.
    :param work_queue: whose limit is read; by default the one that all of ``run_ids`` went into, else the deployment's.
    :param bounds: of the verdict; a run that the server dates later than now is left out when that is by more than
        ``clock_slack_seconds``. By default the bounds' own defaults.
    :raises CollectionError: without ``run_ids`` and ``since``, for an id or instant that is none, and when the server
        cannot be read.
    """
    if run_ids is None and since is None:
        raise CollectionError("Neither run_ids nor since says which runs to observe; give one of them.")
    for run_id in run_ids or ():
        if not is_id(run_id):
            raise CollectionError(f"run_ids names {run_id!r}, which is no flow run's id.")
    row = find_deployment(session, deployment["id"] if isinstance(deployment, dict) else deployment)
    # Before the reading, so that nothing but the queue's name is older than it.
    queue = work_queue or _queue(row, _by_ids(session, run_ids or ()))
    last = sample(session, row, concurrency_key, queue)
    # What happens from here on is left out, so that all parts show the same moment.
    observed_at = instant(last["at"], "at")
    end = observed_at if until is None else min(instant(until, "until"), observed_at)
    asked = _by_ids(session, run_ids or ())
    begin = instant(since, "since") if since is not None else _first(asked, end)
    if begin > end:
        raise CollectionError(f"The window ends at {written(end)}, before it begins at {written(begin)}.")
    taken = [*(dict(one) for one in samples), last]
    key = concurrency_key if concurrency_key is not None else (row.get("parameters") or {}).get("concurrency_key")
    scope = _scope(session, {**row, "work_queue_name": queue}, taken, key)
    found = {run["id"]: run for run in asked}
    for criteria in _criteria(scope):
        for run in _living(session, criteria, written(begin)):
            found.setdefault(run["id"], run)
    whole = full_names(session, [row])[0]
    wanted = {run["id"] for run in asked}
    slack = (bounds or Bounds()).micro("clock_slack_seconds")
    runs = [found[key] for key in sorted(found) if key in wanted or not _lies_ahead(found[key], observed_at, slack)]
    # A run's message may quote what another one, or the deployment, was given.
    secrets: frozenset[str] = frozenset().union(*map(_secrets, (row, *runs)))
    return Observation(
        deployment=mask({**row, "flow_name": whole.rpartition("/")[0], "full_name": whole}),
        runs=[mask(run) for run in map(_lasting, runs)],
        states={
            run["id"]: [
                _state(state, secrets) for state in session.get("/flow_run_states/", {"flow_run_id": run["id"]})
            ]
            for run in runs
        },
        work_pool={"pool": last[WORK_POOL], "queue": last[WORK_QUEUE], "workers": last["workers"]},
        concurrency={
            "observed_at": last["at"],
            "window": {
                "since": written(begin),
                "until": written(end),
                "run_ids": None if run_ids is None else sorted(set(run_ids)),
            },
            "concurrency_key": key,
            "scope": scope,
            "samples": taken,
        },
        secrets=secrets,
    )


def _by_ids(session: Session, run_ids: t.Sequence[str]) -> list[Row]:
    ids = sorted(set(run_ids))
    return [
        row
        for start in range(0, len(ids), reading.PAGE)
        for row in reading.read_all(
            session, reading.FLOW_RUNS, filters.flow_runs(ids=ids[start : start + reading.PAGE])
        )
    ]


def _queue(row: Row, runs: t.Sequence[Row]) -> str | None:
    """The queue of the deployment's pool that these runs went into; where they do not agree, the deployment's own."""
    own: str | None = row["work_queue_name"]
    queues = {run["work_queue_name"] for run in runs if run["work_pool_name"] == row["work_pool_name"]} - {None}
    return str(queues.pop()) if len(queues) == 1 else own


def _first(runs: t.Sequence[Row], end: int) -> int:
    return min((instant(run["created"], f"created of run {run['id']}") for run in runs), default=end)


def _scope(session: Session, row: Row, samples: t.Sequence[t.Mapping[str, t.Any]], key: t.Any) -> dict[str, t.Any]:
    """Which runs fall under each limit, by the readings, the last of which is ours.

    A shared limit binds every deployment that names it, and a key every one that has it as its parameter; pool and
    queue only count where they have a limit, because their runs may be many.
    """
    bound, keyed = {row["id"]}, {row["id"]}
    limit = samples[-1][DEPLOYMENT]
    shared = limit is not None and limit["name"] != f"deployment:{row['id']}"
    rows = reading.read_all(session, reading.DEPLOYMENTS, filters.deployments()) if shared or key else ()
    for one in rows:
        if shared and (one["global_concurrency_limit"] or {}).get("id") == limit["id"]:
            bound.add(one["id"])
        if key and (one.get("parameters") or {}).get("concurrency_key") == key:
            keyed.add(one["id"])

    def limited(place: str) -> bool:
        return any((taken.get(place) or {}).get("limit") is not None for taken in samples)

    return {
        "deployments": sorted(bound),
        "keyed": sorted(keyed),
        WORK_POOL: row["work_pool_name"] if limited(WORK_POOL) or limited(WORK_QUEUE) else None,
        WORK_QUEUE: row["work_queue_name"] if limited(WORK_QUEUE) else None,
    }


def _criteria(scope: t.Mapping[str, t.Any]) -> t.Iterator[dict[str, t.Any]]:
    ids = sorted({*scope["deployments"], *scope["keyed"]})
    for start in range(0, len(ids), reading.PAGE):
        yield {"deployment_ids": ids[start : start + reading.PAGE]}
    if scope[WORK_POOL] is not None:
        yield {"work_pools": [scope[WORK_POOL]]}


def _living(session: Session, criteria: dict[str, t.Any], since: str) -> t.Iterator[Row]:
    """The runs that had not ended by an instant.

    Those that go on are asked for before those that have ended, because a run goes that way while we read; and once
    more at the end, because one that is run again goes the other way.
    """
    for more in ({"states": NOT_ENDED}, {"ended_after": since}, {"states": NOT_ENDED}):
        yield from reading.read_all(session, reading.FLOW_RUNS, filters.flow_runs(**criteria, **more))


def _lies_ahead(run: Row, observed_at: int, slack: int) -> bool:
    """Whether a run of a schedule has not been due yet, or was created after the observation by any clock."""
    if instant(run["created"], f"created of run {run['id']}") > observed_at + slack:
        return True
    untouched = run.get("auto_scheduled") and run["state_name"] == "Scheduled" and not run.get("run_count")
    expected = run.get("expected_start_time")
    return bool(untouched and expected and instant(expected, f"expected_start_time of {run['id']}") > observed_at)


def _lasting(run: Row) -> Row:
    """A run without its state, which its history holds, and without what the server reckons anew at each reading."""
    return {key: value for key, value in run.items() if key != "state" and not key.startswith("estimated_")}


def _secrets(row: Row) -> set[str]:
    return secrets_in(row.get("parameters")) | secrets_in(row.get("job_variables"))


def _state(state: Row, secrets: frozenset[str]) -> dict[str, t.Any]:
    details = state.get("state_details") or {}
    kept = {key: state.get(key) for key in _STATE_KEYS}
    message = kept["message"]
    return {
        **kept,
        "message": mask_addresses(scrub(message, secrets)) if isinstance(message, str) else None,
        "state_details": {key: details.get(key) for key in _DETAILS_KEYS},
    }
