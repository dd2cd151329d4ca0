# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traces of generations, read by a collector that takes OTLP and nothing else."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release import otlp
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tests.support.collector import Collector
from tests.support.ring_story import UP, RingStory, release_of
from tests.support.server import free_port

_BEGIN = datetime.datetime(2026, 1, 31, 10, 20, 29, 123456, tzinfo=datetime.UTC)
_BEGIN_NANOSECONDS = 1769854830123456000


@pytest.fixture
def collector() -> t.Iterator[Collector]:
    """A collector that listens."""
    with Collector() as listening:
        yield listening
    assert listening.faults == []


@pytest.fixture
def story() -> RingStory:
    """A ring whose first record is of 2026-01-31 10:20:30.123456 UTC."""
    return RingStory(begin=_BEGIN)


def last(story: RingStory) -> Generation:
    """The story's latest generation."""
    return story.chain.generations[-1]


def attributes(pairs: t.Iterable[KeyValue]) -> dict[str, t.Any]:
    """OTLP's attributes as a mapping."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def test_a_promotion_is_one_trace_with_a_span_for_each_state(collector: Collector, story: RingStory) -> None:
    records = story.go("a", *UP)
    assert otlp.export(collector.endpoint, {"X-Tenant": "seven"}, story.chain, last(story)) == []
    [received] = collector.received
    assert received.path == "/v1/traces"
    assert received.headers["Content-Type"] == "application/json"
    assert received.headers["X-Tenant"] == "seven"
    root, *states = received.spans
    assert root.name == "promote hotpass in dev"
    assert [span.name for span in states] == ["Queued", "Resolving", "Deploying", "Validating", "Active"]
    assert {span.parent_span_id for span in states} == {root.span_id}
    assert root.parent_span_id == b""
    assert {len(span.trace_id) for span in received.spans} == {16}
    assert len({span.trace_id for span in received.spans}) == 1
    assert {len(span.span_id) for span in received.spans} == {8}
    assert len({span.span_id for span in received.spans}) == 6
    starts = [_BEGIN_NANOSECONDS + number * 10**9 for number in range(5)]
    assert [span.start_time_unix_nano for span in states] == starts
    assert [span.end_time_unix_nano for span in states] == [*starts[1:], starts[-1]]
    assert (root.start_time_unix_nano, root.end_time_unix_nano) == (starts[0], starts[-1])
    assert [span.status.code for span in (root, states[-1], states[0])] == [
        Status.STATUS_CODE_OK,
        Status.STATUS_CODE_OK,
        Status.STATUS_CODE_UNSET,
    ]
    assert attributes(states[2].attributes) == {
        "hotpass.solution": "hotpass",
        "hotpass.ring": "dev",
        "hotpass.generation": 1,
        "hotpass.kind": "promote",
        "hotpass.release": release_of("a"),
        "hotpass.state": "Deploying",
        "hotpass.record": records[2].digest,
        "hotpass.sequence": 3,
        "enduser.id": "ada",
    }
    resource = attributes(received.request.resource_spans[0].resource.attributes)
    assert resource == {"service.name": "hotpass.prefect", "deployment.environment.name": "dev"}


@pytest.mark.parametrize(
    ("states", "wrong"),
    [
        ((*UP[:2], State.FAILED), ["Failed"]),
        ((*UP[:4], State.ROLLING_BACK, State.ROLLED_BACK), ["RolledBack"]),
        ((*UP[:3], State.ROLLING_BACK, State.ROLLBACK_FAILED), ["RollbackFailed"]),
        ((*UP[:2], State.AWAITING_APPROVAL, State.REJECTED), ["Rejected"]),
        ((*UP[:2], State.AWAITING_APPROVAL, State.EXPIRED), ["Expired"]),
        ((*UP[:2], State.CANCELLED), []),
    ],
)
def test_what_failed_is_an_error_with_its_reason(
    collector: Collector, story: RingStory, states: tuple[State, ...], wrong: list[str]
) -> None:
    story.go("a", *states, reason="r" * 1000)
    assert otlp.export(collector.endpoint, {}, story.chain, last(story)) == []
    root, *spans = collector.received[0].spans
    errors = [span for span in spans if span.status.code == Status.STATUS_CODE_ERROR]
    assert [span.name for span in errors] == wrong
    assert (root.status.code == Status.STATUS_CODE_ERROR) is bool(wrong)
    assert {span.status.message for span in errors} <= {"r" * 300}


def test_the_same_generation_always_makes_the_same_trace_and_another_one_another(
    collector: Collector, story: RingStory
) -> None:
    story.go("a", *UP)
    first = last(story)
    otlp.export(collector.endpoint, {}, story.chain, first)
    story.go("b", *UP)
    otlp.export(collector.endpoint, {}, story.chain, story.chain.generation(1))
    otlp.export(collector.endpoint, {}, story.chain, last(story))
    once, again, other = (received.spans for received in collector.received)
    assert once == again
    assert {span.span_id for span in once}.isdisjoint(span.span_id for span in other)
    assert once[0].trace_id != other[0].trace_id


def test_a_rollback_is_a_trace_of_its_own(collector: Collector, story: RingStory) -> None:
    story.go("a", *UP)
    story.go("b", *UP)
    story.go("a", *UP, rolls_back=2)
    assert otlp.export(f"{collector.endpoint}/", {}, story.chain, last(story)) == []
    assert collector.received[0].spans[0].name == "rollback hotpass in dev"


def test_a_clock_that_goes_back_makes_no_span_that_ends_before_it_begins(
    collector: Collector, story: RingStory
) -> None:
    story.go("a", *UP[:3])
    story._clock -= datetime.timedelta(minutes=5)
    story.go("a", *UP[3:])
    otlp.export(collector.endpoint, {}, story.chain, last(story))
    spans = collector.received[0].spans
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in spans)


@pytest.mark.parametrize("suffix", ["/v1/traces", "/v1/traces/"])
def test_an_endpoint_may_be_the_whole_address(collector: Collector, story: RingStory, suffix: str) -> None:
    story.go("a", *UP)
    assert otlp.export(collector.endpoint + suffix, {}, story.chain, last(story)) == []
    assert collector.received[0].path == "/v1/traces"


def test_what_a_collector_refuses_is_a_warning(collector: Collector, story: RingStory) -> None:
    story.go("a", *UP)
    for status, answer, said in (
        (401, b"no", "it answered with 401"),
        (307, b"", "it answered with 307"),
        (200, b'{"partialSuccess": {"rejectedSpans": "2"}}', "it rejected 2 spans"),
    ):
        collector.status, collector.answer = status, answer
        assert otlp.export(collector.endpoint, {"Authorization": "Bearer zebra-77"}, story.chain, last(story)) == [
            f"The trace of generation 1 of ring dev of hotpass could not be sent to {collector.endpoint} "
            f"(otlp_endpoint, OTEL_EXPORTER_OTLP_ENDPOINT): {said}."
        ]


def test_a_collector_that_does_not_answer_costs_no_more_than_the_timeout(
    collector: Collector, story: RingStory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp, "TIMEOUT", 0.2)
    collector.delay = 30
    story.go("a", *UP)
    [warning] = otlp.export(collector.endpoint, {}, story.chain, last(story))
    assert warning.endswith("no answer within 0.2 s.")


@pytest.mark.parametrize(
    ("endpoint", "headers", "said"),
    [
        ("collector:4318", {}, "it is no http or https address such as http://collector:4318"),
        ("ftp://collector", {}, "it is no http or https address"),
        ("http://ada:zebra-77@127.0.0.1:1", {}, "it cannot be reached"),
        ("http://127.0.0.1:99999", {}, "it cannot be reached"),
        ("http://127.0.0.1:1", {"X-Key": "zebra-77\r\nX-Other: 1"}, "the header 'X-Key' holds a line break"),
        ("http://127.0.0.1:1", {"X-Key": "zebra-77-é"}, "the header 'X-Key' holds a line break"),
    ],
)
def test_what_cannot_be_sent_is_a_warning_without_secrets(
    story: RingStory, endpoint: str, headers: dict[str, str], said: str
) -> None:
    story.go("a", *UP)
    [warning] = otlp.export(endpoint, headers, story.chain, last(story))
    assert said in warning
    assert "zebra" not in warning


def test_a_closed_port_is_a_warning(story: RingStory) -> None:
    story.go("a", *UP)
    [warning] = otlp.export(f"http://127.0.0.1:{free_port()}", {}, story.chain, last(story))
    assert "it cannot be reached" in warning
