# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends a generation's history as one OpenTelemetry trace, over OTLP/HTTP in JSON; see docs/events.md.

The trace is made from the ledger's records alone, ids included, so sending it again changes nothing for a back end
that tells spans apart by their ids.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import typing as t
import urllib.parse

from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import mask_addresses
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain, Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Record
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party import urllib3

TIMEOUT = 5.0

_PATH = "/v1/traces"
_OK, _ERROR = 1, 2
_INTERNAL = 1
_REASON = 300
_BAD = frozenset({State.FAILED, State.ROLLED_BACK, State.ROLLBACK_FAILED, State.REJECTED, State.EXPIRED})

Json = dict[str, t.Any]


def export(endpoint: str, headers: t.Mapping[str, str], chain: Chain, generation: Generation) -> list[str]:
    """Send the trace of one generation to a collector.

    :param endpoint: as in ``OTEL_EXPORTER_OTLP_ENDPOINT``, such as http://collector:4318; ``/v1/traces`` is appended
        unless it ends so.
    :param headers: further HTTP headers; they may hold secrets.
    :returns: warnings: none, or one sentence. What cannot be sent is no error.
    """
    if not generation.transitions:
        return []
    problem = _post(endpoint, headers, trace(chain, generation))
    if not problem:
        return []
    return [
        f"The trace of generation {generation.number} of ring {chain.ring} of {chain.solution} could not be sent to "
        f"{mask_addresses(endpoint)} (otlp_endpoint, OTEL_EXPORTER_OTLP_ENDPOINT): {problem}."
    ]


def trace(chain: Chain, generation: Generation) -> Json:
    """The OTLP request: a span for the generation, and below it one for each state that it was in.

    A state lasts until the next one began; the settled one that ends the generation lasts no time.
    """
    records = generation.transitions
    first, last = records[0], records[-1]
    ids = {"traceId": _hexadecimal(first, "trace", 16)}
    root = _hexadecimal(first, "generation", 8)
    common = {
        "hotpass.solution": chain.solution,
        "hotpass.ring": chain.ring,
        "hotpass.generation": generation.number,
        "hotpass.kind": generation.kind.value,
        "hotpass.release": generation.release,
    }
    spans: list[Json] = [
        {
            **ids,
            "spanId": root,
            "name": f"{generation.kind.value} {chain.solution} in {chain.ring}",
            "kind": _INTERNAL,
            "startTimeUnixNano": _nanoseconds(first),
            "endTimeUnixNano": str(max(int(_nanoseconds(record)) for record in records)),
            "attributes": _attributes(
                {**common, "hotpass.state": t.cast("State", last.state).value, "enduser.id": first.actor.name}
            ),
            "status": _status(last),
        }
    ]
    for number, record in enumerate(records):
        state = t.cast("State", record.state)
        following = records[number + 1] if number + 1 < len(records) else record
        spans.append(
            {
                **ids,
                "spanId": _hexadecimal(record, "state", 8),
                "parentSpanId": root,
                "name": state.value,
                "kind": _INTERNAL,
                "startTimeUnixNano": _nanoseconds(record),
                "endTimeUnixNano": str(max(int(_nanoseconds(record)), int(_nanoseconds(following)))),
                "attributes": _attributes(
                    {
                        **common,
                        "hotpass.state": state.value,
                        "hotpass.record": record.digest,
                        "hotpass.sequence": record.sequence,
                        "enduser.id": record.actor.name,
                    }
                ),
                "status": _status(record),
            }
        )
    resource = _attributes({"service.name": "hotpass.prefect", "deployment.environment.name": chain.ring})
    scope = {"scope": {"name": "hotpass.prefect.ring"}, "spans": spans}
    return {"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [scope]}]}


def _post(endpoint: str, headers: t.Mapping[str, str], body: Json) -> str:
    """Send it; what went wrong as the end of a sentence, else an empty text. It never quotes a header."""
    url = urllib.parse.urlsplit(endpoint)
    if url.scheme not in ("http", "https") or not url.hostname:
        return "it is no http or https address such as http://collector:4318"
    given = {str(name): str(value) for name, value in headers.items()}
    unfit = [name for name, value in given.items() if not ((name + value).isascii() and (name + value).isprintable())]
    if unfit:
        return f"the header {unfit[0]!r} holds a line break or a character that no HTTP header can carry"
    path = url.path.rstrip("/")
    target = url._replace(path=path if path.endswith(_PATH) else path + _PATH, query=url.query, fragment="").geturl()
    pool = urllib3.PoolManager(timeout=TIMEOUT, retries=False)
    try:
        response = pool.request(
            "POST",
            target,
            body=json.dumps(body).encode(),
            headers={**given, "Content-Type": "application/json"},
            redirect=False,
        )
        return _refusal(response.status, response.data)
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        if isinstance(error, urllib3.exceptions.TimeoutError) and not isinstance(
            error, urllib3.exceptions.NewConnectionError
        ):
            return f"no answer within {TIMEOUT:g} s"
        return f"it cannot be reached ({type(error).__name__})"
    finally:
        pool.clear()


def _refusal(status: int, data: bytes) -> str:
    if not 200 <= status < 300:
        return f"it answered with {status}"
    try:
        partial = json.loads(data or b"{}").get("partialSuccess") or {}
        rejected = int(partial.get("rejectedSpans") or 0)
    except (ValueError, AttributeError, TypeError):
        return ""
    return f"it rejected {rejected} spans" if rejected else ""


def _hexadecimal(record: Record, what: str, length: int) -> str:
    return hashlib.sha256(f"{record.digest}/{what}".encode()).digest()[:length].hex()


def _nanoseconds(record: Record) -> str:
    moment = datetime.datetime.fromisoformat(record.at)
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return str((since // datetime.timedelta(microseconds=1)) * 1000)


def _status(record: Record) -> Json:
    state = record.state
    if state in _BAD and state is not None:
        reason = str(record.detail.get("reason") or state.value)
        return {"code": _ERROR, "message": reason[:_REASON]}
    return {"code": _OK} if state is State.ACTIVE else {}


def _attributes(values: t.Mapping[str, t.Any]) -> list[Json]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": str(value)}}
        for key, value in values.items()
        if value is not None
    ]
