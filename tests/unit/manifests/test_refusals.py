# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every refusal, with its exact file, line, field, found and allowed."""

from __future__ import annotations

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests import schedule
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.load import load_inline
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.model import FileManifest, keys
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.problems import ManifestErrors

NAME = "a name: text that is not blank, without / % & > <"
VALUES = "a mapping of JSON values"
SWITCH = "true or false"
FLOW = "package.module:function, such as hotpass.orchestration:refinement_pipeline_flow"
TAGS = "a list of texts that are not empty"
LABELS = "a mapping of names that are not empty to text, numbers, true or false"
STEPS = "a list of mappings, each from one step's import path to its inputs"
SURROGATES = "text without NUL characters and lone surrogates, which the server cannot store"
ALL_KEYS = ", ".join(sorted(set(keys(FileManifest)) - {"$schema", "extends"}))

# What is appended to a valid manifest of two lines, and the one problem it makes: line, field, found, allowed.
FIELDS = [
    ("nmae: x", 3, "nmae", "an unknown key", f"perhaps name; one of {ALL_KEYS}"),
    (
        "concurrency_key: hotpass/backfill",
        3,
        "concurrency_key",
        "an unknown key",
        f"concurrency_key under parameters, for it belongs to the flow; one of {ALL_KEYS}",
    ),
    ("triggers: []", 3, "triggers", "an unknown key", f"one of {ALL_KEYS}"),
    ("id: a b", 3, "id", '"a b"', "letters, digits, dot, dash and underscore, with a letter or digit first"),
    ("id: null", 3, "id", "null", "letters, digits, dot, dash and underscore, with a letter or digit first"),
    ("flow_name: a/b", 3, "flow_name", '"a/b"', NAME),
    ("description: 5", 3, "description", "5", "text"),
    ("tags: abc", 3, "tags", '"abc"', TAGS),
    ("tags: null", 3, "tags", "null", TAGS),
    ("tags:\n  - a\n  - 5", 5, "tags[1]", "5", TAGS),
    ('tags: [a, ""]', 3, "tags[1]", '""', TAGS),
    ('work_pool: ""', 3, "work_pool", '""', NAME),
    ("work_pool: a%b", 3, "work_pool", '"a%b"', NAME),
    (
        "work_queue: q",
        3,
        "work_queue",
        '"q"',
        "work_queue together with work_pool: alone it would move the deployment",
    ),
    ("parameters: []", 3, "parameters", "an empty list", VALUES),
    ("parameters: text", 3, "parameters", '"text"', VALUES),
    ("parameters:\n  a:\n    - .nan", 5, "parameters.a[0]", ".nan", "a finite number: JSON has no NaN and no infinity"),
    ("parameters: {a: -.inf}", 3, "parameters.a", "-.inf", "a finite number: JSON has no NaN and no infinity"),
    ('parameters:\n  a: "x\\0y"', 4, "parameters.a", '"x\\u0000y"', SURROGATES),
    (
        'parameters: {"a\\0": 1}',
        3,
        "parameters",
        r'the key "a\u0000"',
        "keys without NUL characters and lone surrogates",
    ),
    (
        "parameters:\n  a: " + "x" * 524_288,
        3,
        "parameters",
        "524296 bytes",
        "at most 524288 bytes as JSON",
    ),
    ("job_variables: 7", 3, "job_variables", "7", VALUES),
    ("concurrency_limit: 0", 3, "concurrency_limit", "0", "a whole number from 1"),
    ('concurrency_limit: "3"', 3, "concurrency_limit", '"3"', "a whole number from 1"),
    ("concurrency_limit: true", 3, "concurrency_limit", "true", "a whole number from 1"),
    ("concurrency_limit: 2.0", 3, "concurrency_limit", "2.0", "a whole number from 1"),
    (
        "concurrency_limit: 1\nconcurrency_options: {collision_strategy: WAIT}",
        4,
        "concurrency_options.collision_strategy",
        '"WAIT"',
        "ENQUEUE or CANCEL_NEW",
    ),
    (
        "concurrency_limit: 1\nconcurrency_options:\n  collision_strategy: ENQUEUE\n  grace_period_seconds: 59",
        6,
        "concurrency_options.grace_period_seconds",
        "59",
        "a whole number from 60 to 86400",
    ),
    (
        "concurrency_limit: 1\nconcurrency_options:\n  grace_period_seconds: 60",
        4,
        "concurrency_options.collision_strategy",
        "nothing",
        "ENQUEUE or CANCEL_NEW",
    ),
    (
        "concurrency_options: {collision_strategy: ENQUEUE}",
        3,
        "concurrency_options",
        "a mapping",
        "concurrency_options together with concurrency_limit or global_concurrency_limit",
    ),
    ("global_concurrency_limit: hotpass/backfill", 3, "global_concurrency_limit", '"hotpass/backfill"', NAME),
    ('global_concurrency_limit: ""', 3, "global_concurrency_limit", '""', NAME),
    (
        "global_concurrency_limit: tag:x",
        3,
        "global_concurrency_limit",
        '"tag:x"',
        "a limit that is not the server's own (deployment:..., tag:...)",
    ),
    (
        "concurrency_limit: 1\nglobal_concurrency_limit: g",
        4,
        "global_concurrency_limit",
        "both kinds of limit",
        "concurrency_limit or global_concurrency_limit",
    ),
    ('paused: "false"', 3, "paused", '"false"', SWITCH),
    ("paused: no", 3, "paused", '"no"', SWITCH),
    ("enforce_parameter_schema: null", 3, "enforce_parameter_schema", "null", SWITCH),
    ("labels: {a: null}", 3, "labels.a", "null", LABELS),
    ("labels: {a: []}", 3, "labels.a", "an empty list", LABELS),
    (
        "labels: {prefect.flow.id: x}",
        3,
        "labels.prefect.flow.id",
        '"x"',
        "labels without the prefix prefect., which the server keeps for itself",
    ),
    ("version: 1.10", 3, "version", "1.1", "text that is not empty"),
    ('entrypoint: ""', 3, "entrypoint", '""', "text that is not empty"),
    ("pull_steps: {a.b: {}}", 3, "pull_steps", "a mapping", STEPS),
    ("pull_steps: [{a.b: {}, c.d: {}}]", 3, "pull_steps[0]", "a mapping", STEPS),
    ("pull_steps: [{nope: {}}]", 3, "pull_steps[0]", 'the key "nope"', STEPS),
    ('labels: {"": x}', 3, "labels", 'the key ""', LABELS),
    ("pull_steps:\n  - a.b:", 4, "pull_steps[0].a.b", "null", STEPS),
    (
        "parameter_openapi_schema:\n  properties:\n    a: {type: nonsense}",
        5,
        "parameter_openapi_schema.properties.a.type",
        '"nonsense"',
        "anyOf [{'$ref': '#/$defs/simpleTypes'}, {'type': 'array', 'items': {'$ref': '#/$defs/simpleTypes'}, "
        "'minItems': 1, 'uniqueItems': True}] as in JSON Schema",
    ),
    (
        "parameter_openapi_schema:\n  properties:\n    a:\n      $ref: '#/definitions/Nope'",
        6,
        "parameter_openapi_schema.properties.a.$ref",
        '"#/definitions/Nope"',
        "a $ref to a place in this schema, such as #/definitions/Name",
    ),
    ("parameter_openapi_schema: x", 3, "parameter_openapi_schema", '"x"', "a mapping: a JSON Schema"),
    ("$schema: 5", 3, "$schema", "5", "text"),
    ("rehearsal: {}", 3, "rehearsal.expect", "nothing", "a mapping of summary fields to min, max or equals"),
    (
        "rehearsal: {expect: {}}",
        3,
        "rehearsal.expect",
        "an empty mapping",
        "a mapping of summary fields to min, max or equals",
    ),
    (
        "rehearsal:\n  expect:\n    records_out: {}",
        5,
        "rehearsal.expect.records_out",
        "an empty mapping",
        "at least one of min, max, equals",
    ),
    ('rehearsal: {expect: {n: {min: "1"}}}', 3, "rehearsal.expect.n.min", '"1"', "a number"),
    (
        "rehearsal:\n  expect:\n    n:\n      min: 2\n      max: 1",
        7,
        "rehearsal.expect.n.max",
        "1",
        "a max that is not below min",
    ),
    (
        "rehearsal: {expect: {n: {min: 1, minimum: 1}}}",
        3,
        "rehearsal.expect.n.minimum",
        "an unknown key",
        "perhaps min; one of equals, max, min",
    ),
    (
        "rehearsal: {summary: Run Summary, expect: {n: {min: 1}}}",
        3,
        "rehearsal.summary",
        '"Run Summary"',
        "lower-case letters, digits and dashes between them",
    ),
    ("rehearsal: {timeout: 0, expect: {n: {min: 1}}}", 3, "rehearsal.timeout", "0", "a number of seconds above 0"),
]


@pytest.mark.parametrize(("text", "line", "field", "found", "allowed"), FIELDS, ids=lambda value: str(value)[:40])
def test_field_is_refused_where_it_stands(prefect, text, line, field, found, allowed):
    prefect.write("deployments/m.yaml", f"name: n\nflow: a.b:c\n{text}\n")
    assert prefect.problems() == [f"deployments/m.yaml:{line}: {field}: found {found}; allowed: {allowed}"]


SCHEDULE_KEYS = "active, anchor_date, kind, timezone, value"
# The lines of a single schedule, the first of which is line 4, and the one problem they make.
SCHEDULES = [
    ("kind: weekly\nvalue: x", 4, "kind", '"weekly"', "cron, interval, rrule"),
    ("kind: null\nvalue: x", 4, "kind", "null", "cron, interval, rrule"),
    ("kind: cron", 3, "value", "nothing", "a cron expression, an interval, or an RRULE, as kind says"),
    ("cron: 0 6 * * *\nvalue: 0 6 * * *", 4, "cron", "an unknown key", f"one of {SCHEDULE_KEYS}"),
    ("anchor: x\nvalue: 0 6 * * *", 4, "anchor", "an unknown key", f"perhaps anchor_date; one of {SCHEDULE_KEYS}"),
    ("value: bogus", 4, "value", '"bogus"', schedule.CRON),
    ("value: null", 4, "value", "null", schedule.CRON),
    ("value: 0 6 * *", 4, "value", '"0 6 * *"', schedule.CRON),
    ("value: 60 6 * * *", 4, "value", '"60 6 * * *"', schedule.CRON),
    (
        "value: R 6 * * *",
        4,
        "value",
        '"R 6 * * *"',
        "a cron expression without random (R) and hashed (H) fields, which Prefect refuses",
    ),
    (
        "value: R(0-5) 6 * * *",
        4,
        "value",
        '"R(0-5) 6 * * *"',
        "a cron expression without random (R) and hashed (H) fields, which Prefect refuses",
    ),
    (
        "value: 0 6 * * 7 0",
        4,
        "value",
        '"0 6 * * 7 0"',
        "0 for Sunday in a cron expression with 6 or 7 fields: Prefect knows no 7 there",
    ),
    (
        "value: 0 6 15W * *",
        4,
        "value",
        '"0 6 15W * *"',
        "a cron expression without nearest weekdays (W), which Prefect does not know",
    ),
    ("value: 0 0 30 2 *", 4, "value", '"0 0 30 2 *"', "a cron expression that matches some day of the calendar"),
    ("value: 0 6 * * *\ntimezone: Mars/Base", 5, "timezone", '"Mars/Base"', schedule.TIMEZONE),
    ("value: 0 6 * * *\ntimezone: 2", 5, "timezone", "2", schedule.TIMEZONE),
    ('value: 0 6 * * *\ntimezone: ""', 5, "timezone", '""', schedule.TIMEZONE),
    (
        "value: 0 6 * * *\nanchor_date: 2025-01-01",
        5,
        "anchor_date",
        '"2025-01-01"',
        "anchor_date only with kind interval",
    ),
    ('value: 0 6 * * *\nactive: "false"', 5, "active", '"false"', SWITCH),
    ("kind: interval\nvalue: 0", 5, "value", "0", "an interval above 0 and of at most 3162240000 seconds"),
    ("kind: interval\nvalue: -1", 5, "value", "-1", "an interval above 0 and of at most 3162240000 seconds"),
    ("kind: interval\nvalue: 1.0e+99", 5, "value", "1e+99", "an interval above 0 and of at most 3162240000 seconds"),
    ('kind: interval\nvalue: "3600"', 5, "value", '"3600"', schedule.INTERVAL),
    ("kind: interval\nvalue: true", 5, "value", "true", schedule.INTERVAL),
    (
        "kind: interval\nvalue: {}",
        5,
        "value",
        "an empty mapping",
        "an interval above 0 and of at most 3162240000 seconds",
    ),
    ("kind: interval\nvalue:\n  hrs: 1", 6, "value.hrs", "1", "weeks, days, hours, minutes, seconds"),
    ("kind: interval\nvalue:\n  hours: x", 6, "value.hours", '"x"', "a number from 0"),
    ("kind: interval\nvalue: 60\nanchor_date: soon", 6, "anchor_date", '"soon"', schedule.ANCHOR),
    ("kind: interval\nvalue: 60\nanchor_date: 0001-01-01", 6, "anchor_date", '"0001-01-01"', schedule.ANCHOR),
    ("kind: interval\nvalue: 60\nanchor_date: 20250101", 6, "anchor_date", "20250101", schedule.ANCHOR),
    ("kind: rrule\nvalue: FREQ=NEVER", 5, "value", '"FREQ=NEVER"', schedule.RRULE),
    ('kind: rrule\nvalue: ""', 5, "value", '""', schedule.RRULE),
    ("kind: rrule\nvalue: 5", 5, "value", "5", schedule.RRULE),
    ("kind: rrule\nvalue: DTSTART:20240101", 5, "value", '"DTSTART:20240101"', schedule.RRULE),
    (
        "kind: rrule\nvalue: FREQ=DAILY;INTERVAL=0",
        5,
        "value",
        '"FREQ=DAILY;INTERVAL=0"',
        "an INTERVAL from 1 to 1000000",
    ),
    ("kind: rrule\nvalue: FREQ=DAILY;BYMONTH=13", 5, "value", '"FREQ=DAILY;BYMONTH=13"', "a BYMONTH of 1 to 12"),
    (
        "kind: rrule\nvalue: FREQ=DAILY;BYMONTHDAY=-32",
        5,
        "value",
        '"FREQ=DAILY;BYMONTHDAY=-32"',
        "a BYMONTHDAY of plus or minus 1 to 31",
    ),
    (
        "kind: rrule\nvalue: FREQ=DAILY;BYMONTH=2,4;BYMONTHDAY=31",
        5,
        "value",
        '"FREQ=DAILY;BYMONTH=2,4;BYMONTHDAY=31"',
        "a rule that matches some day of the calendar",
    ),
    (
        "kind: rrule\nvalue: freq=minutely;interval=5",
        5,
        "value",
        '"freq=minutely;interval=5"',
        "a DTSTART with FREQ=MINUTELY, because the server would invent another one at every write",
    ),
    (
        "kind: rrule\nvalue: FREQ=DAILY;COUNT=10",
        5,
        "value",
        '"FREQ=DAILY;COUNT=10"',
        "a DTSTART with COUNT, because the server would count from 2020-01-01",
    ),
    (
        "kind: rrule\nvalue: FREQ=DAILY;UNTIL=20300101T000000Z",
        5,
        "value",
        '"FREQ=DAILY;UNTIL=20300101T000000Z"',
        "an UNTIL without Z beside a DTSTART without Z or none: the server's scheduler stumbles over a mixture",
    ),
    (
        "kind: rrule\nvalue: FREQ=DAILY;COUNT=3;UNTIL=20300101T000000",
        5,
        "value",
        '"FREQ=DAILY;COUNT=3;UNTIL=20300101T000000"',
        "COUNT or UNTIL, not both, as RFC 5545 says",
    ),
    (
        "kind: rrule\nvalue: EXDATE:20240101T000000",
        5,
        "value",
        '"EXDATE:20240101T000000"',
        "a rule with an RRULE or an RDATE, so that it fires",
    ),
    (
        "kind: rrule\ntimezone: Africa/Johannesburg\nvalue: DTSTART:20240101T000000Z RRULE:FREQ=DAILY",
        6,
        "value",
        '"DTSTART:20240101T000000Z RRULE:FREQ=DAILY"',
        "dates in the wall clock of Africa/Johannesburg, without Z: Prefect reads them so",
    ),
    (
        "kind: rrule\nvalue: DTSTART;TZID=Africa/Cairo:20240101T000000 RRULE:FREQ=DAILY",
        5,
        "value",
        '"DTSTART;TZID=Africa/Cairo:20240101T000000 RRULE:FREQ=DAILY"',
        "no TZID but that of the timezone field (UTC): Prefect reads every date in it",
    ),
    (
        "kind: rrule\ntimezone: Asia/Dubai\nvalue: DTSTART;TZID=Asia/Dubai:20240101T06 FREQ=DAILY;UNTIL=20300101T06Z",
        6,
        "value",
        '"DTSTART;TZID=Asia/Dubai:20240101T06 FREQ=DAILY;UNTIL=2030010..."',
        "an UNTIL in the wall clock of Asia/Dubai, without Z: Prefect reads it so",
    ),
]


@pytest.mark.parametrize(("lines", "line", "field", "found", "allowed"), SCHEDULES, ids=lambda value: str(value)[:50])
def test_schedule_is_refused_where_it_stands(prefect, lines, line, field, found, allowed):
    indented = "".join(f"  {text}\n" for text in lines.splitlines())
    prefect.write("deployments/m.yaml", f"name: n\nflow: a.b:c\nschedule:\n{indented}")
    assert prefect.problems() == [f"deployments/m.yaml:{line}: schedule.{field}: found {found}; allowed: {allowed}"]


def test_long_rrule_is_refused_and_shortened(prefect):
    dates = ",".join(["20240101T000000"] * 500)
    prefect.write("deployments/m.yaml", f"name: n\nflow: a.b:c\nschedule: {{kind: rrule, value: 'RDATE:{dates}'}}\n")
    found = f"RDATE:{dates}"[:60]
    assert prefect.problems() == [
        f'deployments/m.yaml:3: schedule.value: found "{found}..."; allowed: a rule of at most 6500 characters'
    ]


@pytest.mark.parametrize("schedule_text", ["daily", "[]", "5", "true"])
def test_schedule_that_is_no_mapping_is_refused(prefect, schedule_text):
    prefect.write("deployments/m.yaml", f"name: n\nflow: a.b:c\nschedule: {schedule_text}\n")
    (message,) = prefect.problems()
    assert message.startswith("deployments/m.yaml:3: schedule: found ")
    assert message.endswith("; allowed: a mapping with kind and value")


def test_several_schedules_are_refused_each_in_its_place(prefect):
    prefect.write(
        "deployments/m.yaml",
        """\
name: n
flow: a.b:c
schedules:
  - slug: a
    value: 0 6 * * *
    max_scheduled_runs: 51
  - slug: a
    kind: interval
    value: 60
    day_or: false
  - value: 0 6 * * *
    parameters: []
  - slug: ""
    value: nope
  - text
""",
    )
    assert prefect.problems() == [
        "deployments/m.yaml:6: schedules[0].max_scheduled_runs: found 51; allowed: a whole number from 1 to 50",
        'deployments/m.yaml:7: schedules[1].slug: found "a"; '
        "allowed: a slug that no other schedule of the deployment has",
        "deployments/m.yaml:10: schedules[1].day_or: found false; allowed: day_or only with kind cron",
        "deployments/m.yaml:11: schedules[2].slug: found nothing; allowed: text that is not empty",
        f"deployments/m.yaml:12: schedules[2].parameters: found an empty list; allowed: {VALUES}",
        'deployments/m.yaml:13: schedules[3].slug: found ""; allowed: text that is not empty',
        f'deployments/m.yaml:14: schedules[3].value: found "nope"; allowed: {schedule.CRON}',
        'deployments/m.yaml:15: schedules[4]: found "text"; allowed: a list of schedules, each with a slug',
    ]


def test_schedule_and_schedules_exclude_each_other(prefect):
    prefect.write("deployments/m.yaml", "name: n\nflow: a.b:c\nschedule: {value: 0 6 * * *}\nschedules: []\n")
    assert prefect.problems() == ["deployments/m.yaml:4: schedules: found both; allowed: schedule or schedules"]


@pytest.mark.parametrize("name", ["", " ", "a/b", "a%b", "a&b", "a>b", "a<b"])
def test_names_that_the_server_cannot_take_are_refused(prefect, name):
    prefect.write("deployments/m.yaml", f'name: "{name}"\nflow: a.b:c\n')
    assert prefect.problems() == [f'deployments/m.yaml:1: name: found "{name}"; allowed: {NAME}']


@pytest.mark.parametrize("flow", ["a.b", "a.b:", ":c", "a/b.py:c", "a.b:c d", "a..b:c"])
def test_flow_that_is_no_import_path_is_refused(prefect, flow):
    prefect.write("deployments/m.yaml", f'name: n\nflow: "{flow}"\n')
    assert prefect.problems() == [f'deployments/m.yaml:2: flow: found "{flow}"; allowed: {FLOW}']


def test_missing_keys_point_to_the_first_line(prefect):
    prefect.write("deployments/m.yaml", "# A comment.\n\nid: m\n")
    assert prefect.problems() == [
        f"deployments/m.yaml:1: flow: found nothing; allowed: {FLOW}",
        f"deployments/m.yaml:1: name: found nothing; allowed: {NAME}",
    ]


def test_all_problems_of_all_files_come_at_once(prefect):
    prefect.write("deployments/a.yaml", "name: a/b\nflow: nope\nconcurrency_limit: 0\nschedule: daily\nwork_queue: q\n")
    prefect.write(
        "deployments/b.yml", "name: b\nflow: a:b\nname: c\nschedule:\n  value: bogus\n  timezone: Mars/Base\n"
    )
    prefect.write("deployments/deep/c.json", '{\n\t"name": "c",\n\t"flow": "a:b",\n\t"tags": null\n}\n')
    prefect.write("deployments/d.yaml", "name: [\n")
    prefect.write("deployments/e.yaml", "id: b\nname: e\nflow: a:b\n")
    assert [message.split(": found")[0] for message in prefect.problems()] == [
        "deployments/a.yaml:1: name",
        "deployments/a.yaml:2: flow",
        "deployments/a.yaml:3: concurrency_limit",
        "deployments/a.yaml:4: schedule",
        "deployments/a.yaml:5: work_queue",
        "deployments/b.yml:3: name",
        "deployments/b.yml:5: schedule.value",
        "deployments/b.yml:6: schedule.timezone",
        "deployments/d.yaml:2: YAML",
        "deployments/deep/c.json:4: tags",
        "deployments/e.yaml:1: id",
    ]


def test_problems_are_told_as_data_too(prefect):
    path = prefect.write("deployments/m.yaml", "name: n\nflow: a.b:c\ntags: abc\n")
    with pytest.raises(CollectionError) as caught:
        prefect.load()
    assert caught.value.details == {
        "problems": [
            {
                "file": str(path),
                "line": 3,
                "field": "tags",
                "found": '"abc"',
                "allowed": TAGS,
                "message": f'{path}:3: tags: found "abc"; allowed: {TAGS}',
            }
        ]
    }


@pytest.mark.parametrize(
    "text",
    [
        'parameters: {db: {password: "hunter2\\0"}}',
        'parameters: {api_key: ["hunter2\\0"]}',
        'parameters: {auth: {user: "hunter2\\0"}}',
        'job_variables: {env: {CRM_TOKEN: "hunter2\\0"}}',
        'labels: {private_key: "hunter2\\0"}',
        "labels: {private_key: [hunter2]}",
        'parameters: {url: "https://me:hunter2@crm.example/\\0"}',
        "client_secret: hunter2",
    ],
)
def test_secrets_are_not_repeated(prefect, text):
    prefect.write("deployments/m.yaml", f"name: n\nflow: a.b:c\n{text}\n")
    (message,) = prefect.problems()
    assert "hunter2" not in message
    assert message.startswith("deployments/m.yaml:3: ")


def test_options_of_a_task_are_refused_without_a_line():
    with pytest.raises(ManifestErrors) as caught:
        load_inline(
            {"id": "any name", "name": "a/b", "parameters": {"x": float("nan"), 1: object()}, "extends": "base"}
        )
    assert caught.value.message.splitlines()[:1] == [
        f"the task: extends: found an unknown key; allowed: one of {ALL_KEYS}"
    ]
    assert {problem.field for problem in caught.value.problems} == {"extends", "name", "parameters", "parameters.x"}


def test_options_may_leave_the_flow_out_and_have_any_id():
    manifest = load_inline({"id": "any name", "name": "any name", "flow_name": "f", "tags": ["a"]})
    assert (manifest.id, manifest.flow) == ("any name", None)
    assert manifest.declared == {"id", "name", "flow_name", "tags"}


def test_the_model_obeys_the_rules_by_itself():
    with pytest.raises(ValueError, match="a cron expression with 5 to 7 fields"):
        FileManifest(id="m", name="n", flow="a:b", schedule={"value": "bogus"})
