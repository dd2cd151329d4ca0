# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hypothesis strategies for manifests: whatever they make is valid."""

from __future__ import annotations

import typing as t

from hypothesis import strategies as st

# A plain "<<" is YAML's merge key, which manifests refuse.
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12).filter("<<".__ne__)
words = texts.filter(bool)
names = st.from_regex(r"[^/%&><\0\ud800-\udfff]{0,8}[A-Za-z][^/%&><\0\ud800-\udfff]{0,8}", fullmatch=True)
ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True)
numbers = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
parameters = st.dictionaries(texts, values, max_size=4)


def mapping(required: dict[str, t.Any], optional: dict[str, t.Any]) -> st.SearchStrategy[dict[str, t.Any]]:
    return st.fixed_dictionaries(required, optional=optional)


zones = st.sampled_from(["UTC", "Africa/Johannesburg", "America/New_York", None])
crons = st.sampled_from(["0 6 * * *", "*/5 8-17 * * mon-fri", "@daily", "0 0 L * *", "0 0 * * 5#2", "0 0 29 2 *"])
durations = st.integers(1, 10**9) | st.floats(0.001, 1e9) | st.just({"days": 1, "minutes": 0.5})
rules = st.sampled_from(["FREQ=DAILY;BYHOUR=6", "DTSTART:20240101T000000\nRRULE:FREQ=MINUTELY;INTERVAL=5"])
anchors = st.none() | st.datetimes().filter(lambda moment: 1970 <= moment.year < 2200).map(
    lambda moment: moment.isoformat()
)
switches = st.none() | st.booleans()
named = {"slug": words}
more = {
    "timezone": zones,
    "active": switches,
    "parameters": st.none() | parameters,
    "max_scheduled_runs": st.none() | st.integers(1, 50),
}
schedules = (
    mapping({**named, "value": crons}, {**more, "kind": st.sampled_from(["cron", "CRON"]), "day_or": st.booleans()})
    | mapping({**named, "value": durations, "kind": st.just("interval")}, {**more, "anchor_date": anchors})
    | mapping({**named, "value": rules, "kind": st.just("Rrule")}, more)
)
single = schedules.map(
    lambda entry: {
        key: value for key, value in entry.items() if key in ("kind", "value", "timezone", "anchor_date", "active")
    }
)
when = mapping({}, {"schedule": st.none() | single}) | mapping(
    {}, {"schedules": st.lists(schedules, max_size=3, unique_by=lambda entry: entry["slug"])}
)
limits = st.just({}) | mapping(
    {"concurrency_limit": st.integers(1, 100)},
    {
        "concurrency_options": st.none()
        | mapping(
            {"collision_strategy": st.sampled_from(["ENQUEUE", "CANCEL_NEW"])},
            {"grace_period_seconds": st.integers(60, 86_400)},
        )
    },
)
limits |= mapping(
    {"global_concurrency_limit": names.filter(lambda name: not name.startswith(("tag:", "deployment:")))}, {}
)
queues = st.just({}) | mapping({"work_pool": names}, {"work_queue": st.none() | names})
bounds = st.integers(-5, 5).flatmap(lambda low: mapping({"min": st.just(low)}, {"max": st.integers(low, 9)}))
bounds |= mapping({"equals": st.booleans() | numbers | texts}, {})
rest = mapping(
    {"name": names, "flow": st.just("a.b:c")},
    {
        "id": ids,
        "flow_name": st.none() | names,
        "description": st.none() | texts,
        "tags": st.lists(words, max_size=3),
        "parameters": st.none() | parameters,
        "job_variables": st.none() | parameters,
        "paused": switches,
        "enforce_parameter_schema": st.booleans(),
        "parameter_openapi_schema": st.sampled_from(
            [None, {}, {"type": "object", "properties": {"a": {"type": "integer"}}, "definitions": {}}]
        ),
        "labels": st.dictionaries(
            words.filter(lambda key: not key.startswith("prefect.")), st.booleans() | numbers | texts, max_size=3
        ),
        "version": st.none() | words,
        "entrypoint": st.none() | words,
        "path": st.none() | words,
        "pull_steps": st.none()
        | st.lists(st.dictionaries(st.just("a.b"), parameters, min_size=1, max_size=1), max_size=2),
        "rehearsal": st.none()
        | mapping(
            {"expect": st.dictionaries(words, bounds, min_size=1, max_size=2)},
            {"parameters": parameters, "timeout": st.integers(1, 9) | st.floats(0.1, 9)},
        ),
    },
)
manifests = st.tuples(rest, when, limits, queues).map(lambda parts: {k: v for part in parts for k, v in part.items()})
