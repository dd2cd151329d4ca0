# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads every object of one kind."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, reading
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.errors import ApiError, NotFound
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.naming import full_names, is_id, pool_names
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import MASK, is_secret_key, mask
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session, quote
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party import jmespath, missing

Rows = list[reading.Row]
Given = dict[str, t.Any]

_IDS = ("ids", "deployment_ids", "flow_run_ids")


@dataclasses.dataclass(frozen=True)
class Reader:
    """How one kind is read.

    :param takes: the options that choose among its objects.
    :param read: reads them; is called with the options that were given, as keywords.
    """

    takes: tuple[str, ...]
    read: t.Callable[[Session, Given], Rows]


def read(params: dict[str, t.Any], _context: Context) -> Outcome:
    """The room of the module ``prefect_info``."""
    reader = READERS[params["kind"]]
    given = {option: params[option] for option in OPTIONS if params[option] is not None}
    stray = sorted(given.keys() - set(reader.takes))
    if stray:
        allowed = ", ".join(reader.takes) or "none of the options that choose objects"
        raise CollectionError(f"kind: {params['kind']} does not take {', '.join(stray)}; it takes {allowed}.")
    for option in _IDS:
        for value in given.get(option, ()):
            if not is_id(value):
                raise CollectionError(f"{option} holds {value!r}, which is no id.")
    expression = None if params["query"] is None else _compiled(params["query"])
    with Session(Connection.from_params(params)) as session:
        rows = [mask(row) for row in reader.read(session, given)]
    if expression is None:
        return Outcome(changed=False, result={"objects": rows})
    return Outcome(changed=False, result={"result": _asked(expression, params["query"], rows)})


def _compiled(query: str) -> t.Any:
    lacking = missing(("jmespath",))
    if lacking:
        raise CollectionError(f"query needs the Python library jmespath where the task runs: {lacking['jmespath']}.")
    try:
        return jmespath.compile(query)
    except jmespath.exceptions.JMESPathError as error:
        raise CollectionError(f"query {query!r} is no JMESPath expression: {_one_line(error)}.") from None


def _asked(expression: t.Any, query: str, rows: Rows) -> t.Any:
    try:
        return expression.search(rows)
    except jmespath.exceptions.JMESPathError as error:
        raise CollectionError(f"query {query!r} cannot be asked of this kind: {_one_line(error)}.") from None


def _one_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0].strip().rstrip(".:")


def _deployments(session: Session, given: Given) -> Rows:
    slashed = [name for name in given.get("names", ()) if "/" in name]
    if slashed:
        raise CollectionError(f"names holds {slashed[0]!r}; give the flow in flow_names and the deployment in names.")
    rows = reading.read_all(session, reading.DEPLOYMENTS, filters.deployments(**given))
    for row, name in zip(rows, full_names(session, rows), strict=True):
        row["flow_name"] = name.partition("/")[0]
        # The server always answers null here; the number stands at the limit that the deployment is bound to.
        row["concurrency_limit"] = (row["global_concurrency_limit"] or {}).get("limit")
    return rows


def _pools(session: Session, given: Given) -> list[str]:
    """The names of the pools to look into: those that were given, which have to be there, or all."""
    names: list[str] | None = given.get("work_pools")
    rows = reading.read_all(session, reading.WORK_POOLS, filters.work_pools(names=names))
    there = [row["name"] for row in rows]
    for name in names or ():
        if name not in there:
            raise CollectionError(f"There is no work pool {name!r}; there are: {pool_names(session)}.")
    return there


def _in_pools(session: Session, given: Given, what: str, body: filters.Body) -> Rows:
    rows: Rows = []
    for pool in _pools(session, given):
        kind = reading.Kind(what.replace("_", " "), f"/work_pools/{quote(pool)}/{what}/filter")
        try:
            found = reading.read_all(session, kind, body)
        except NotFound:
            # The pool was deleted since it was listed.
            continue
        rows.extend({**row, "work_pool_name": pool} for row in found)
    return rows


def _work_queues(session: Session, given: Given) -> Rows:
    return _in_pools(session, given, "queues", filters.work_queues(names=given.get("names")))


def _workers(session: Session, given: Given) -> Rows:
    return _in_pools(session, given, "workers", filters.workers(statuses=given.get("statuses")))


def _concurrency_limits(session: Session, given: Given) -> Rows:
    rows = reading.read_all(session, reading.CONCURRENCY_LIMITS, filters.concurrency_limits())
    names = given.get("names")
    return rows if names is None else [row for row in rows if row["name"] in names]


def _flow_runs(session: Session, given: Given) -> Rows:
    return reading.read_all(session, reading.FLOW_RUNS, filters.flow_runs(**given))


def _variables(session: Session, given: Given) -> Rows:
    rows = reading.read_all(session, reading.VARIABLES, filters.variables(**given))
    return [{**row, "value": MASK} if is_secret_key(row["name"]) else row for row in rows]


def _server(session: Session, _given: Given) -> Rows:
    """The server itself; it is not an error that it is not ready."""
    try:
        session.get("/ready")
        ready = True
    except ApiError as error:
        if error.status != 503:
            raise
        ready = False
    return [
        {
            "api_url": session.connection.api_url,
            "version": session.get("/admin/version"),
            "api_version": session.get("/version"),
            "healthy": session.get("/health") is True,
            "ready": ready,
        }
    ]


def _simple(kind: reading.Kind, make_filter: t.Callable[..., filters.Body]) -> t.Callable[[Session, Given], Rows]:
    return lambda session, given: reading.read_all(session, kind, make_filter(**given))


READERS: t.Mapping[str, Reader] = {
    "deployments": Reader(("ids", "names", "flow_names", "work_pools", "tags"), _deployments),
    "flows": Reader(("ids", "names"), _simple(reading.FLOWS, filters.flows)),
    "work_pools": Reader(("names",), _simple(reading.WORK_POOLS, filters.work_pools)),
    "work_queues": Reader(("names", "work_pools"), _work_queues),
    "workers": Reader(("work_pools", "statuses"), _workers),
    "concurrency_limits": Reader(("names",), _concurrency_limits),
    "flow_runs": Reader(
        ("ids", "deployment_ids", "flow_names", "work_pools", "states", "tags", "idempotency_keys"), _flow_runs
    ),
    "variables": Reader(("names", "name_like"), _variables),
    "artifacts": Reader(("flow_run_ids", "keys"), _simple(reading.ARTIFACTS, filters.artifacts)),
    "automations": Reader(("names",), _simple(reading.AUTOMATIONS, filters.automations)),
    "server": Reader((), _server),
}

# Every option that chooses among objects, whatever the kind.
OPTIONS = tuple(sorted({option for reader in READERS.values() for option in reader.takes}))
